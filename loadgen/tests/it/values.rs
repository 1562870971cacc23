//! Values that requests send and answers return: encoding, captures, repeated headers, content codings.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use tenfold_scenarios::Scenario;

use crate::support;
use crate::support::recording::{RecordingServer, answer};

const OPEN: &str = r#"
version = 1
name = "values"
[load]
arrivals = "even"
users = 1
[[phases]]
name = "all"
kind = "constant"
rate = "20/s"
duration = "500ms"
"#;

const CLOSED: &str = r#"
version = 1
name = "values"
[load]
model = "closed"
users = 1
hatch = "100/s"
[[phases]]
name = "all"
kind = "users"
duration = "300ms"
"#;

/// Data with characters that have a meaning in URLs, JSON, forms or headers.
const PEOPLE: &str = "name,q\nAnn,plain\n\"Rosie \"\"Doc\"\" O'Neil\",AT&T\n\
    \"C:\\temp\",C++ 100%\nZoë,a=b?c#d/e\n";

fn run(scenario: &str, server: &RecordingServer) -> support::FinishedRun {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("people.csv"), PEOPLE).unwrap();
    std::fs::write(folder.path().join("photo.png"), b"\x89PNG\r\n\x00").unwrap();
    let scenario = Scenario::parse(scenario, &folder.path().join("test.toml"));
    let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
    support::run_scenario(scenario, server.address, |_| ())
}

/// Decodes the pairs of a query or a form.
fn pairs(text: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, after @ ..] = rest {
            rest = after;
            match first {
                b'+' => bytes.push(b' '),
                b'%' => {
                    let digits = std::str::from_utf8(&rest[..2]).unwrap();
                    bytes.push(u8::from_str_radix(digits, 16).unwrap());
                    rest = &rest[2..];
                }
                byte => bytes.push(*byte),
            }
        }
        String::from_utf8(bytes).unwrap()
    };
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

#[test]
fn values_arrive_as_they_are_in_the_data() {
    let server = RecordingServer::start(|_| answer("200 OK", b""));
    let scenario = format!(
        r#"{OPEN}
[data.people]
file = "people.csv"
[[requests]]
name = "json"
kind = "write"
method = "POST"
path = "/json/{{people.q}}?q={{people.q}}&page=1"
headers = {{ content-type = "application/json", x-name = "{{people.name}}" }}
body = '{{"name":"{{people.name}}"}}'
[[requests]]
name = "form"
kind = "write"
path = "/form"
form = {{ name = "{{people.name}}", q = "{{people.q}}" }}
"#
    );
    let total = run(&scenario, &server).total();
    assert_eq!((total.sent, total.failed), (10, 0), "{total:?}");
    let names = ["Ann", "Rosie \"Doc\" O'Neil", "C:\\temp", "Zoë"];
    let queries = ["plain", "AT&T", "C++ 100%", "a=b?c#d/e"];
    let known = |name: &str| names.iter().position(|known| *known == name);
    for request in server.requests("POST /json") {
        let document: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        let row = known(document["name"].as_str().unwrap()).expect("the name is in the data");
        let (path, query) = request.line.split_once('?').unwrap();
        assert_eq!(path.matches('/').count(), 2, "{path}");
        let expected = [("q", queries[row]), ("page", "1")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs(query), expected);
        assert_eq!(request.header("x-name"), names[row]);
    }
    let forms = server.requests("POST /form");
    assert!(forms.len() >= 4);
    for request in forms {
        assert_eq!(
            request.header("content-type"),
            "application/x-www-form-urlencoded"
        );
        let form = pairs(std::str::from_utf8(&request.body).unwrap());
        let row = known(&form[0].1).expect("the name is in the data");
        assert_eq!(form[1], ("q".to_owned(), queries[row].to_owned()));
    }
}

#[test]
fn line_ends_in_headers_are_not_sent() {
    let server = RecordingServer::start(|_| answer("200 OK", b""));
    let scenario = format!(
        r#"{OPEN}
[variables]
name = "a\r\nx-smuggled: 1"
[[requests]]
name = "header"
kind = "read"
path = "/"
headers = {{ x-name = "{{name}}" }}
"#
    );
    let total = run(&scenario, &server).total();
    assert_eq!(total.failures, [("unsendable".to_owned(), 10)].into());
    assert!(server.requests("").is_empty());
}

#[test]
fn captured_numbers_keep_their_digits() {
    const NUMBERS: &str = r#"{"u64":18446744073709551615,"big":12345678901234567890123,
        "negative":-9223372036854775809,"price":19.990,"nested":{"n": [0.1234567890123456789]}}"#;
    let server = RecordingServer::start(|_| answer("200 OK", NUMBERS.as_bytes()));
    let scenario = format!(
        r#"{CLOSED}
[[journeys]]
name = "j"
pace = "50ms"
steps = ["get", "use"]
[[requests]]
name = "get"
kind = "read"
path = "/new"
capture = {{ u64 = "json:/u64", big = "json:/big", negative = "json:/negative", price = "json:/price", nested = "json:/nested" }}
[[requests]]
name = "use"
kind = "write"
path = "/items/{{big}}?u64={{u64}}&negative={{negative}}&price={{price}}"
json = '{{"big":{{big}},"nested":{{nested}}}}'
"#
    );
    let total = run(&scenario, &server).total();
    assert_eq!(total.failed, 0, "{total:?}");
    let used = server.requests("POST /items");
    assert!(!used.is_empty());
    for request in used {
        assert_eq!(
            request.line,
            "POST /items/12345678901234567890123?u64=18446744073709551615\
             &negative=-9223372036854775809&price=19.990"
        );
        assert_eq!(
            String::from_utf8_lossy(&request.body),
            r#"{"big":12345678901234567890123,"nested":{"n":[0.1234567890123456789]}}"#
        );
    }
}

#[test]
fn token_of_html_form_is_sent_back() {
    const PAGE: &str = r#"<!doctype html><title>Log in</title><form method=post>
        <input type=hidden name=csrf value="a&amp;b/c+d=="><input name=user></form>
        <script>window.build = { id: "b-17" };</script>"#;
    let server = RecordingServer::start(|_| answer("200 OK", PAGE.as_bytes()));
    let scenario = format!(
        r#"{CLOSED}
[[journeys]]
name = "j"
pace = "50ms"
steps = ["page", "log in"]
[[requests]]
name = "page"
kind = "read"
path = "/login?next=%2F"
[requests.capture]
csrf = {{ css = "form input[name=csrf]", attribute = "value" }}
build = {{ regex = 'id: "([^"]+)"' }}
page = {{ from = "url", regex = '//[^/]*(/.*)' }}
code = "status"
[[requests]]
name = "log in"
kind = "write"
path = "{{page}}"
headers = {{ x-build = "{{build}}", x-code = "{{code}}" }}
form = {{ csrf = "{{csrf}}" }}
"#
    );
    let ran = run(&scenario, &server);
    let total = ran.total();
    assert_eq!(total.failed, 0, "{total:?} {:?}", ran.samples);
    let posts = server.requests("POST /login?next=%2F");
    assert!(!posts.is_empty());
    for post in posts {
        let form = pairs(std::str::from_utf8(&post.body).unwrap());
        assert_eq!(form, [("csrf".to_owned(), "a&b/c+d==".to_owned())]);
        assert_eq!(
            (post.header("x-build"), post.header("x-code")),
            ("b-17", "200")
        );
    }
}

#[test]
fn files_are_uploaded() {
    let server = RecordingServer::start(|_| answer("200 OK", b""));
    let scenario = format!(
        r#"{OPEN}
[[requests]]
name = "upload"
kind = "write"
path = "/"
multipart = [{{ name = "title", value = "A photo" }}, {{ name = "photo", file = "photo.png" }}]
"#
    );
    let total = run(&scenario, &server).total();
    assert_eq!(total.failed, 0, "{total:?}");
    let request = &server.requests("POST /")[0];
    let media_type = request.header("content-type");
    let boundary = media_type
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap();
    let expected = [
        format!("--{boundary}\r\ncontent-disposition: form-data; name=\"title\"\r\n\r\nA photo\r\n--{boundary}\r\ncontent-disposition: form-data; name=\"photo\"; filename=\"photo.png\"\r\ncontent-type: image/png\r\n\r\n").into_bytes(),
        b"\x89PNG\r\n\x00".to_vec(),
        format!("\r\n--{boundary}--\r\n").into_bytes(),
    ];
    assert_eq!(request.body, expected.concat());
}

#[test]
fn checks_and_captures_see_all_lines_of_a_header() {
    let server = RecordingServer::start(|_| {
        answer(
            "200 OK\r\nCache-Control: private\r\nCache-Control: no-store\r\nVary: Accept-Encoding\r\n\
             Vary: Origin\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: sid=s3cr3t; Path=/",
            b"ok",
        )
    });
    let scenario = format!(
        r#"{OPEN}
[[requests]]
name = "all"
kind = "read"
path = "/"
checks = [
  {{ header = "cache-control", contains = "no-store" }},
  {{ header = "vary", equals = "Accept-Encoding, Origin" }},
  {{ header = "set-cookie", contains = "sid=" }},
]
capture = {{ vary = {{ from = "header:vary", nth = 2 }}, sid = {{ from = "header:set-cookie", regex = 'sid=(\w+)' }} }}
"#
    );
    let ran = run(&scenario, &server);
    assert_eq!(ran.total().failed, 0, "{:?}", ran.samples);
}

/// Answers with the coding that the target names, if the request accepts any.
fn encoded(coding: &str) -> Vec<u8> {
    const BODY: &[u8] = br#"{"id":7,"token":"abc","text":"hello hello hello hello"}"#;
    match coding {
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(BODY).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(BODY).unwrap();
            encoder.finish().unwrap()
        }
        "zstd" => {
            use ruzstd::encoding::{CompressionLevel, compress_to_vec};
            compress_to_vec(BODY, CompressionLevel::Fastest)
        }
        // `{"id":7,"token":"abc"}`, by Node's zlib.
        "br" => hex("8b0a807b226964223a372c22746f6b656e223a22616263227d03"),
        _ => BODY.to_vec(),
    }
}

fn hex(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

fn coding_server() -> RecordingServer {
    RecordingServer::start(|request| {
        let coding = request.line.rsplit('/').next().unwrap();
        if request.line.starts_with("DELETE") {
            return b"HTTP/1.1 204 No Content\r\ncontent-encoding: gzip\r\n\r\n".to_vec();
        }
        answer(
            &format!("200 OK\r\ncontent-encoding: {coding}"),
            &encoded(coding),
        )
    })
}

#[test]
fn answers_in_a_requested_coding_are_decoded() {
    let server = coding_server();
    let mut scenario = OPEN.to_owned();
    for coding in ["gzip", "deflate", "br", "zstd"] {
        scenario.push_str(&format!(
            r#"
[[requests]]
name = "{coding}"
kind = "read"
path = "/{coding}"
headers = {{ accept-encoding = "gzip, deflate, br, zstd" }}
checks = [{{ json = "/id", equals = 7 }}, {{ body_contains = "token" }}]
capture = {{ token = "json:/token" }}
script = 'fn after(response, vars) {{ vars.check("token", response.json.token == "abc"); }}'
"#
        ));
    }
    scenario.push_str(
        "[[requests]]\nname = \"delete\"\nkind = \"write\"\nmethod = \"DELETE\"\npath = \"/1\"\n\
         headers = { accept-encoding = \"gzip\" }\nchecks = [{ body_bytes = 0 }]",
    );
    let ran = run(&scenario, &server);
    let total = ran.total();
    assert_eq!((total.sent, total.failed), (10, 0), "{:?}", ran.samples);
    // Sizes are those of the transferred bodies.
    let bytes: u64 = ["gzip", "deflate", "br", "zstd"]
        .map(|coding| {
            let count = server.requests(&format!("GET /{coding}")).len();
            (count * encoded(coding).len()) as u64
        })
        .iter()
        .sum();
    assert_eq!(total.body_bytes, bytes);
}

#[test]
fn failed_checks_name_an_unrequested_coding() {
    let scenario = format!(
        r#"{OPEN}
[[requests]]
name = "plain"
kind = "read"
path = "/gzip"
checks = [{{ json = "/id", equals = 7 }}]
"#
    );
    let ran = run(&scenario, &coding_server());
    assert_eq!(
        ran.total().failures,
        [("failed_check".to_owned(), 10)].into()
    );
    assert_eq!(
        ran.samples[0].reason,
        "the body is not JSON: the body is encoded with gzip; set `accept-encoding` in the headers of the \
         request to have it decoded"
    );
}

#[test]
fn unusual_heads_are_read() {
    let server = RecordingServer::start(|request| {
        let head = match request.line.as_str() {
            "GET /fold" => {
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain;\r\n charset=utf-8\r\nContent-Length: 2\r\n\r\nok"
            }
            "GET /lf" => "HTTP/1.1 200 OK\nServer: x\nContent-Length: 2\n\nok",
            "GET /list" => {
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: , chunked,\r\n\r\n2\r\nok\r\n0\r\n\r\n"
            }
            "GET /empty" => "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "GET /twice" => "HTTP/1.1 200\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
            _ => "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
        };
        head.as_bytes().to_vec()
    });
    let mut scenario = OPEN.replace("20/s", "60/s");
    for path in ["fold", "lf", "list", "empty", "twice", "colon"] {
        scenario.push_str(&format!(
            "[[requests]]\nname = \"{path}\"\nkind = \"read\"\npath = \"/{path}\"\n\
             checks = [{{ body_contains = \"ok\" }}]\n"
        ));
    }
    scenario = scenario.replace(
        "path = \"/fold\"\nchecks = [",
        "path = \"/fold\"\nchecks = [{ header = \"content-type\", equals = \"text/plain; charset=utf-8\" }, ",
    );
    let ran = run(&scenario, &server);
    let total = ran.total();
    assert_eq!((total.sent, total.failed), (30, 0), "{:?}", ran.samples);
}

#[test]
fn example_of_a_form_is_valid() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/examples/form.toml");
    let scenario = Scenario::read(&path).unwrap_or_else(|error| panic!("{error}"));
    let upload = scenario.requests.last().unwrap();
    assert_eq!(upload.files().len(), 1);
}
