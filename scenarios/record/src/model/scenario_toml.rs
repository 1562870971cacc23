//! The scenario of a model, as TOML.

use std::fmt::Write as _;
use std::time::Duration;

use tenfold_scenarios::toml_text::{comment, decimals, quoted};
use tenfold_scenarios::{Rate, format_duration};

use super::ModelOptions;
use super::fit_report::{FitReport, whole_milliseconds};
use super::mix::MixFit;
use super::rate_shape::RateFit;
use crate::trace::PHASE_MAX;

/// Formats the scenario of a fitted log.
pub(super) fn toml(fit: &FitReport, options: &ModelOptions) -> String {
    let mut text = comment(&format!(
        "The traffic shape of {}, without its requests: rate over time, mix and key popularity, fitted to {} \
         requests. It runs against the reference service at any scale.",
        fit.origin, fit.rate.requests
    ));
    text.push_str("#\n#   tenfold run THIS --rate 500/s -d 60s   the same shape at another rate and duration\n#\n");
    for line in fit.to_string().lines() {
        text.push_str(&comment(line));
    }
    text.push_str("\nversion = 1\n");
    let _ = writeln!(text, "name = {}", quoted(&options.name));
    let _ = writeln!(
        text,
        "description = {}",
        quoted(&format!("the traffic shape of {}", fit.origin))
    );
    let _ = writeln!(text, "seed = {}\n", options.seed);
    text.push_str("[load]\nmodel = \"open\"\narrivals = \"poisson\"\n\n");
    phase(&mut text, fit, options);
    keys(&mut text, fit, options);
    requests(&mut text, &fit.mix);
    text
}

fn phase(text: &mut String, fit: &FitReport, options: &ModelOptions) {
    let RateFit {
        steps,
        step_s,
        span_s,
        mean_per_s,
        ..
    } = &fit.rate;
    let covered = Duration::from_secs_f64((steps.len() as f64 * step_s).min(*span_s));
    let covered = whole_milliseconds(covered);
    let duration = options.duration.unwrap_or(covered.min(PHASE_MAX));
    // A log of more than 30 days is compressed into 30, with all its requests.
    let speed_up = match options.duration {
        None => covered.as_secs_f64() / duration.as_secs_f64(),
        Some(_) => 1.0,
    };
    let mean = options.rate.map_or(mean_per_s * speed_up, Rate::per_second);
    text.push_str(&comment(&format!(
        "Step length: {} of the log. Mean rate of the log: {}/s.",
        format_duration(whole_milliseconds(Duration::from_secs_f64(*step_s))),
        decimals(*mean_per_s, 4)
    )));
    text.push_str("[[phases]]\nname = \"recorded\"\n");
    let rate = |step: &f64| format!("\"{}/s\"", decimals((step * mean).min(1e8), 6));
    match steps.as_slice() {
        [step] => {
            let _ = writeln!(text, "kind = \"constant\"\nrate = {}", rate(step));
        }
        steps => {
            text.push_str("kind = \"steps\"\nrates = [\n");
            for row in steps.chunks(6) {
                let row: Vec<String> = row.iter().map(rate).collect();
                let _ = writeln!(text, "    {},", row.join(", "));
            }
            text.push_str("]\n");
        }
    }
    let _ = writeln!(text, "duration = \"{}\"\n", format_duration(duration));
}

fn keys(text: &mut String, fit: &FitReport, options: &ModelOptions) {
    let mix = &fit.mix;
    let (wanted, popularity) = match &fit.content {
        Some(zipf) => {
            let exponent = decimals(zipf.exponent, 4);
            let popularity = format!("{{ kind = \"zipfian\", exponent = {exponent} }}");
            (zipf.keys, popularity)
        }
        None => (
            fit.distinct_content.max(1),
            "{ kind = \"uniform\" }".to_owned(),
        ),
    };
    if mix.content + mix.content_heads > 0 {
        let count = wanted.min(options.posts);
        text.push_str(&comment(&match count < wanted {
            true => format!("The fit has {wanted} keys, but the service has {count} posts."),
            false => {
                "With this many keys, the requests touch as many different ones as in the log."
                    .to_owned()
            }
        }));
        let _ = writeln!(
            text,
            "[[keys]]\nname = \"posts\"\ncount = {count}\nfirst = 1\npopularity = {popularity}\n"
        );
    }
    if mix.listings > 0 {
        let count = wanted.min(options.users);
        text.push_str(&comment(
            "Listings are replayed as user pages. They use the popularity of content, because a log has \
             too little data to fit their own.",
        ));
        let _ = writeln!(
            text,
            "[[keys]]\nname = \"people\"\ncount = {count}\nfirst = 1\npopularity = {popularity}\n"
        );
    }
    if mix.writes > 0 {
        let users = options.users;
        let sessions = users.min(64);
        let _ = writeln!(
            text,
            "[users]\ncount = {users}\npopularity = {popularity}\n\n[sessions]\nlogin = \"log in\"\n\
             count = {sessions}\n"
        );
    }
}

fn requests(text: &mut String, mix: &MixFit) {
    text.push_str(&comment(&format!(
        "Weights are counts from the log: {} reads, {} writes.",
        mix.reads(),
        mix.writes
    )));
    let reads = [
        (
            mix.content,
            "read post",
            "",
            "/v1/posts/{key}",
            "keys = \"posts\"\n",
            "200",
        ),
        (
            mix.content_heads,
            "head post",
            "HEAD",
            "/v1/posts/{key}",
            "keys = \"posts\"\n",
            "200",
        ),
        (
            mix.listings,
            "read user",
            "",
            "/v1/users/{key}",
            "keys = \"people\"\n",
            "200",
        ),
        (
            mix.styles,
            "read style sheet",
            "",
            "/static/tenfold.css",
            "",
            "200, 304",
        ),
        (
            mix.scripts,
            "read script",
            "",
            "/static/tenfold.js",
            "",
            "200, 304",
        ),
        (
            mix.other_assets,
            "read image",
            "",
            "/static/logo.svg",
            "",
            "200, 304",
        ),
    ];
    for (weight, name, method, path, keys, expect) in reads {
        if weight == 0 {
            continue;
        }
        let method = if method.is_empty() {
            String::new()
        } else {
            format!("method = \"{method}\"\n")
        };
        let _ = writeln!(
            text,
            "[[requests]]\nname = \"{name}\"\nkind = \"read\"\nweight = {weight}\n{method}path = \
             \"{path}\"\n{keys}expect = [{expect}]\n"
        );
    }
    if mix.writes == 0 {
        text.push_str(&comment("The log has no writes."));
        return;
    }
    text.push_str(&comment(
        "All writes are replayed as new posts, because a log does not contain the written data.",
    ));
    let _ = write!(
        text,
        r#"[[requests]]
name = "create post"
kind = "write"
weight = {}
method = "POST"
path = "/v1/posts"
headers = {{ authorization = "Bearer {{token}}", content-type = "application/json" }}
body = '{{"content":"{{text:1000}}"}}'
expect = [201]

# Weight 0: sent only to log in sessions. It captures `{{token}}` for later requests.
[[requests]]
name = "log in"
kind = "write"
weight = 0
method = "POST"
path = "/v1/sessions"
headers = {{ content-type = "application/json" }}
body = '{{"handle":"user{{user+1}}","password":"tenfold"}}'
expect = [201]
capture = {{ token = "json:/token" }}
"#,
        mix.writes
    );
}
