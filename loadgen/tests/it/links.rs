//! Links that a page has, captured and requested.

#![allow(clippy::unwrap_used, reason = "test helpers may panic")]

use std::path::Path;

use tenfold_loadgen::Target;
use tenfold_scenarios::Scenario;

use crate::support;
use crate::support::site::{Reply, Site};

const VISIT: &str = r#"
version = 1
name = "links"
[load]
model = "closed"
users = 1
hatch = "1000/s"
[[phases]]
name = "all"
kind = "users"
duration = "200ms"
[[journeys]]
name = "visit"
steps = ["page", "log in", "next", "again", "elsewhere"]
pace = "10s"
[[requests]]
name = "page"
kind = "read"
path = "/shop/login.jsp"
[requests.capture]
action = { css = "form", attribute = "action", resolve = true }
next = { from = "header:link", resolve = true }
page = "url"
other = { css = "a.other", attribute = "href", resolve = true }
[[requests]]
name = "log in"
kind = "write"
path = "{action}"
form = { name = "ann" }
[[requests]]
name = "next"
kind = "read"
path = "{next}&page=2"
[[requests]]
name = "again"
kind = "read"
path = "{page}"
[[requests]]
name = "elsewhere"
kind = "read"
path = "{other}"
"#;

#[test]
fn requests_links_relative_to_their_page() {
    let site = Site::start(false, |_| {
        let page = "<form method=post action='check;jsessionid=7'></form>\
                    <a class=other href='http://other.test/x'>x</a>";
        Reply::ok(page).with("link", "../list?a=1&b=2#top")
    });
    // The target's own path is no part of the paths that are sent below it.
    for (prefix, path) in [("", "/shop"), ("/shop", "")] {
        let before = site.lines().len();
        let text = VISIT.replace("/shop/login.jsp", &format!("{path}/login.jsp"));
        let scenario = Scenario::parse(&text, Path::new("test.toml")).unwrap();
        let target: Target = format!("http://{}{prefix}", site.address).parse().unwrap();
        let ran = support::try_run(scenario, target, |_| ()).unwrap();
        let sent = site.lines().split_off(before);
        // Outside of the target's path, a link can't be requested.
        let list = match prefix {
            "" => vec!["GET /list?a=1&b=2&page=2"],
            _ => vec![],
        };
        let mut expected = vec!["GET /shop/login.jsp", "POST /shop/check;jsessionid=7"];
        expected.extend(&list);
        expected.push("GET /shop/login.jsp");
        assert_eq!(sent, expected);
        let total = ran.total();
        let unsendable = total.failures.get("unsendable").copied();
        assert_eq!(unsendable, Some(2 - list.len() as u64), "{total:?}");
    }
}

#[test]
fn samples_show_what_the_path_shows() {
    let site = Site::start(false, |_| Reply {
        body: "no admin of s3cretcity at /admin/door/".to_owned(),
        ..Reply::status(500)
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("people.csv"),
        "name,city,password\nadmin,s3cretcity,door\n",
    )
    .unwrap();
    let text = r#"
version = 1
name = "samples"
[[phases]]
name = "all"
kind = "constant"
rate = "20/s"
duration = "200ms"
[data.people]
file = "people.csv"
[[requests]]
name = "read"
kind = "read"
path = "/admin/door/{people.name}?city={people.city}&password={people.password}"
"#;
    let scenario = Scenario::parse(text, &folder.path().join("test.toml")).unwrap();
    let target: Target = format!("http://{}", site.address).parse().unwrap();
    let ran = support::try_run(scenario, target, |_| ()).unwrap();
    // The value of a password stays a secret although the path has the word.
    assert_eq!(ran.samples[0].body, "no admin of *** at /admin/***/");
}
