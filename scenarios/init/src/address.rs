//! A first scenario from an address: one request.

use http::Uri;
use tenfold_scenarios::escape_template;
use tenfold_scenarios::toml_text::quoted;

use crate::error::InitError;
use crate::first_scenario::{FirstScenario, InitOptions};
use crate::heading::{heading, load_and_phases};

/// Makes a scenario with one request: a GET of a URL.
///
/// # Errors
/// Fails if the address is not an `http://` or `https://` URL, or contains credentials.
pub fn from_address(address: &str, options: &InitOptions) -> Result<FirstScenario, InitError> {
    let wrong = |reason: &str| InitError::Address {
        address: address.to_owned(),
        reason: reason.to_owned(),
    };
    let uri: Uri = address.parse().map_err(|_| {
        wrong("it is not a URL; write it as http://127.0.0.1:8080/path, with %20 for a blank")
    })?;
    let scheme = uri
        .scheme_str()
        .filter(|scheme| matches!(*scheme, "http" | "https"))
        .ok_or_else(|| wrong("it must begin with http:// or https://"))?;
    let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
    if authority.as_str().contains('@') {
        return Err(wrong(
            "a user name or password in it would be stored in the scenario; leave it out, and give it to \
             `tenfold run` with --auth-basic-file",
        ));
    }
    if tenfold_secret::masked_target(
        uri.path_and_query().map_or("/", |path| path.as_str()),
        &mut Vec::new(),
    )
    .contains(tenfold_secret::MASK)
    {
        return Err(wrong(
            "its query seems to contain a secret, which would be stored in the scenario; leave it out, \
             and add it from a data file",
        ));
    }
    let target = format!("{scheme}://{authority}");
    let path = match uri.path_and_query().map_or("/", |path| path.as_str()) {
        path if path.starts_with('/') => path.to_owned(),
        query => format!("/{query}"),
    };
    let about = [format!(
        "First scenario for {target}, made by `tenfold init`: one request, sent at a constant rate. Change \
         the rate, add requests, and set objectives that matter to your users."
    )];
    let mut toml = heading(options, &format!("GET {target}{path}"), &about, &target);
    toml.push_str(&load_and_phases());
    toml.push_str(
        "# What a browser does by itself. Without these, the first answer counts, even a redirect.\n\
         # [http]\n\
         # follow = 5          # follow redirects, at most so many\n\
         # cookies = true      # keep the cookies of each user\n\n",
    );
    toml.push_str(
        "# Requests are mixed in proportion to their weights. This one is a read: it changes nothing.\n\
         [[requests]]\n",
    );
    toml.push_str(&format!(
        "name = {}\nkind = \"read\"\nweight = 1\nmethod = \"GET\"\npath = {}\n",
        quoted(&format!("read {}", uri.path())),
        quoted(&escape_template(&path)),
    ));
    toml.push_str(
        "headers = { accept = \"*/*\" }\n\
         expect = [\"2xx\"]\n\
         # checks = [{ body_contains = \"text of a good answer\" }]\n\n\
         # A second request, with keys that are not equally popular and a body:\n\
         #\n\
         # [[keys]]\n\
         # name = \"items\"\n\
         # count = 1000\n\
         # popularity = { kind = \"zipfian\", exponent = 0.99 }\n\
         #\n\
         # [[requests]]\n\
         # name = \"change item\"\n\
         # kind = \"write\"\n\
         # weight = 0.1\n\
         # method = \"PUT\"\n\
         # path = \"/items/{key}\"\n\
         # keys = \"items\"\n\
         # headers = { content-type = \"application/json\" }\n\
         # body = '{\"text\":\"{text:100}\"}'\n\
         # expect = [200, 204]\n",
    );
    Ok(FirstScenario {
        toml,
        target: Some(target),
        reads: 1,
        writes: 0,
        left_out: Vec::new(),
        made_up: Vec::new(),
        credentials: Vec::new(),
    })
}
