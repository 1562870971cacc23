use proptest::prelude::*;

use super::*;

#[test]
fn masks_json_values_of_any_type() {
    for (text, masked) in [
        (
            r#"{"a":1,"Password" : "x\"y","left":1}"#,
            r#"{"a":1,"Password" : "***","left":1}"#,
        ),
        (r#"{"pin":1234,"b":2}"#, r#"{"pin":"***","b":2}"#),
        (r#"{"pin": -1.5e3}"#, r#"{"pin": "***"}"#),
        (
            r#"{"tokens":["a","b]"],"b":2}"#,
            r#"{"tokens":"***","b":2}"#,
        ),
        (
            r#"{"credentials":{"user":"}","n":[1]},"b":{}}"#,
            r#"{"credentials":"***","b":{}}"#,
        ),
        (
            r#"{"session":{},"password":null,"remember_password":true,"max_tokens":9,"token":""}"#,
            r#"{"session":{},"password":null,"remember_password":true,"max_tokens":9,"token":""}"#,
        ),
        (r#"{"pass\u0077ord":"x"}"#, r#"{"pass\u0077ord":"***"}"#),
        (
            r#"{"echo":"{\"otp\":\"12\\\"3\",\"n\":1}"}"#,
            r#"{"echo":"{\"otp\":\"***\",\"n\":1}"}"#,
        ),
        (
            r#"{"echo":"{\"otp\":123,\"n\":1}"}"#,
            r#"{"echo":"{\"otp\":\"***\",\"n\":1}"}"#,
        ),
        (
            r#"[{"name":"token","value":"x"},{"name":"page","value":"y"}]"#,
            r#"[{"name":"token","value":"***"},{"name":"page","value":"y"}]"#,
        ),
        (
            r#"[{"value":"y","name":"page"},{"value":"x","a":{},"name":"token"}]"#,
            r#"[{"value":"y","name":"page"},{"value":"***","a":{},"name":"token"}]"#,
        ),
        (
            r#"{"Value":12,"token":"z","type":"n","Name":"pin"}"#,
            r#"{"Value":"***","token":"***","type":"n","Name":"pin"}"#,
        ),
        (
            r#"[{"value":"x"},{"name":"token"}]"#,
            r#"[{"value":"x"},{"name":"token"}]"#,
        ),
        (r#"{"code":"US","a":1}"#, r#"{"code":"US","a":1}"#),
        (
            r#"{"grant_type":"x","code":"y"}"#,
            r#"{"grant_type":"x","code":"***"}"#,
        ),
        // Truncated.
        (
            r#"{"tokens":["\"otp\""Ωa",[1]],"n":1}"#,
            r#"{"tokens":"***""#,
        ),
        (
            r#"{"echo":"{\"otp\":\"1","n":1}"#,
            r#"{"echo":"{\"otp\":\"***","n":1}"#,
        ),
        (r#"{"token":"abc"#, r#"{"token":"***"#),
        (r#"{"tokens":["abc",{"a"#, r#"{"tokens":"***""#),
        (r#"{"a":"\"#, r#"{"a":"\"#),
        ("{'password': 'x', 'b': 1}", "{'password': '***', 'b': 1}"),
        (
            "{password: \"x\", pin: 12}",
            "{password: \"***\", pin: ***}",
        ),
    ] {
        assert_eq!(masked_text(text), masked);
    }
}

#[test]
fn masks_forms_queries_headers_and_logs() {
    for (text, masked) in [
        ("user=a&password=p&b=1", "user=a&password=***&b=1"),
        ("user[pin]=1&T%4fKEN=%26", "user[pin]=***&T%4fKEN=***"),
        (
            "https://a.example/cb?code=x&state=1#top",
            "https://a.example/cb?code=***&state=1#top",
        ),
        ("/login?next=%2Fa%3Ftoken%3Dx&c=2", "/login?next=***&c=2"),
        ("/a;jsessionid=X/b", "/a;jsessionid=***"),
        (
            "h \"GET /a?b=1&token=x HTTP/1.1\" 200 sid=y",
            "h \"GET /a?b=1&token=*** HTTP/1.1\" 200 sid=***",
        ),
        (
            "GET / HTTP/1.1\r\nAuthorization: Digest a=\"b\", c\r\nHost: x\r\n",
            "GET / HTTP/1.1\r\nAuthorization: ***\r\nHost: x\r\n",
        ),
        ("  Cookie: a=b; c=d\nx: y", "  Cookie: ***\nx: y"),
        (
            r#"["Authorization: Digest a=\"b\", c", 1]"#,
            r#"["Authorization: ***", 1]"#,
        ),
        (
            r#"{"echo":"[\"Authorization: Digest a=\\\"b\\\", c\",1]"}"#,
            r#"{"echo":"[\"Authorization: ***\",1]"}"#,
        ),
        (
            r#"{"echo":"see cookie:4\"2\", {\"pin\":12\"}"}"#,
            r#"{"echo":"see cookie:***\"2\", {\"pin\":\"***\"\"}"}"#,
        ),
        (r#"["cookie:", "b"]"#, r#"["cookie:", "b"]"#),
        (
            "invalid token: abc, try again",
            "invalid token: ***, try again",
        ),
        ("the author: nobody", "the author: nobody"),
        ("status code=500", "status code=500"),
        ("password = hunter2", "password = ***"),
        (":password=>\"x\"", ":password=>\"***\""),
        ("http://u:p@a.example/x@y", "http://***@a.example/x@y"),
    ] {
        assert_eq!(masked_text(text), masked);
    }
}

#[test]
fn masks_tokens_anywhere() {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    for (text, masked) in [
        (format!("it was {jwt}!"), "it was ***!".to_owned()),
        (format!("[\"{jwt}\"]"), "[\"***\"]".to_owned()),
        (
            "got Bearer abc.d/e=, no".to_owned(),
            "got Bearer ***, no".to_owned(),
        ),
        ("\"Basic dXNlcjpw\"".to_owned(), "\"Basic ***\"".to_owned()),
        (
            "Bearer realm=\"x\", error=\"y\"; a bearer token, basic training".to_owned(),
            "Bearer realm=\"x\", error=\"y\"; a bearer token, basic training".to_owned(),
        ),
    ] {
        assert_eq!(masked_text(&text), masked);
    }
}

#[test]
fn masks_html_and_xml() {
    for (text, masked) in [
        (
            r#"<input type="hidden" name="csrf_token" value="x"><input name="q" value="y">"#,
            r#"<input type="hidden" name="csrf_token" value="***"><input name="q" value="y">"#,
        ),
        (
            "<input value='x>' type=password>",
            "<input value='***' type=password>",
        ),
        (
            r#"<meta name="csrf-token" content="x"/>"#,
            r#"<meta name="csrf-token" content="***"/>"#,
        ),
        (
            "<login><password>x</password><user>a</user></login>",
            "<login><password>***</password><user>a</user></login>",
        ),
        (
            "<wsse:Password Type=\"t\"><![CDATA[x]]></wsse:Password>",
            "<wsse:Password Type=\"t\">***</wsse:Password>",
        ),
        (
            "<x \" <input name=\"q\" value=\"y\"><input name=\"csrf\" value=\"x\">",
            "<x \" <input name=\"q\" value=\"y\"><input name=\"csrf\" value=\"***\">",
        ),
        (
            "<x a=\"> <input name=\"csrf\" value=\"x\">",
            "<x a=\"> <input name=\"csrf\" value=\"***\">",
        ),
        (
            "<input name=\"csrf\" value=\"a<b>c\"><p>",
            "<input name=\"csrf\" value=\"***\"><p>",
        ),
        ("<PIN>1<b>2</b></pin><p>", "<PIN>***</pin><p>"),
        ("<pin>1<p>2</p>", "<pin>***<p>2</p>"),
        (
            "<p>1 < 2</p><author>x</author>",
            "<p>1 < 2</p><author>x</author>",
        ),
    ] {
        assert_eq!(masked_text(text), masked);
    }
}

#[test]
fn masks_long_fields_completely() {
    let value = "SEC1".repeat(8_000);
    let masked = masked_text(&format!(
        "<input value=\"{value}\" name=\"SAMLResponse\"><p>"
    ))
    .into_owned();
    assert_eq!(masked, "<input value=\"***\" name=\"SAMLResponse\"><p>");
}

#[test]
fn masks_unclosed_markup_in_linear_time() {
    let started = std::time::Instant::now();
    for piece in [
        "<pin>",
        "<x ",
        "<x a=\"",
        "<x a=\"<y' ",
        "<x a=\"<y\" b='",
        "</pin",
        "<pin1>x",
    ] {
        masked_text(&piece.repeat(20_000));
        let numbered: String = (0..20_000).map(|n| format!("{piece}{n} ")).collect();
        masked_text(&numbered);
    }
    // Quadratic time would take minutes.
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

/// Names that indicate a secret, in several cases.
const NAMES: &str = "(token|Access-Token|api_key|pin|otp|jwt|csrf|x_csrf|XSRF-TOKEN|auth|x-auth-user|\
    cookie|sessionId|bearer|client_assertion|SAMLResponse|sig|X-Amz-Signature|db_password)";

#[test]
fn takes_linear_time() {
    let length = 100_000;
    for (before, repeated) in [
        ("", "a="),
        ("", "a=]"),
        ("password=", "]"),
        ("password=", ");"),
        ("", "-eyJ"),
        ("", "basic+"),
        ("", "a:"),
        ("", "\"a\":"),
        ("", "<a b=\""),
        ("", "key=\\"),
        ("", "://a"),
    ] {
        let text = format!("{before}{}", repeated.repeat(length / repeated.len()));
        let begun = std::time::Instant::now();
        let _ = masked_text(&text);
        // Debug builds read some 10 MB a second. In quadratic time, each would take a minute.
        let took = begun.elapsed();
        assert!(took.as_secs() < 10, "{before}{repeated}: {took:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn masks_every_planted_secret(
        name in NAMES, secret in "TS[A-Za-z0-9.+/*!~-]{6,20}", text in "[ -~]{0,12}", digits in 100_000_u64..,
    ) {
        let string = serde_json::to_string(&format!("{text}{secret}")).unwrap();
        let inner = format!(r#"{{"a":1,"{name}":{string},"b":[2]}}"#);
        let texts = [
            inner.clone(),
            serde_json::json!({ "echo": inner }).to_string(),
            serde_json::json!({ "echo": serde_json::json!({ "again": inner }).to_string() }).to_string(),
            format!(r#"{{ "a" : 1, "{name}" : [ 1, {string} ] }}"#),
            format!(r#"{{"{name}":{{"x":{{"y":{string}}}}}}}"#),
            format!(r#"{{"{name}":{string}"#),
            format!("a=1&{name}={secret}&b=2"),
            format!("/x?{name}={secret}"),
            format!("/x;{name}={secret}?b=1"),
            format!("a: b\n{name}: {text}{secret}\nc: d"),
            format!("<input value=\"{secret}\" name=\"{name}\">"),
            format!("<input type=\"hidden\" name='{name}' value='{secret}'>"),
            format!("<{name}>{secret}</{name}>"),
            format!("see https://me:{}@host/", secret.replace('/', "")),
            format!("got Bearer {secret}."),
        ];
        let hidden = secret.replace('/', "");
        for text in &texts {
            let masked = masked_text(text);
            prop_assert!(!masked.contains(&secret) && !masked.contains(&hidden), "{} -> {}", text, masked);
            prop_assert_eq!(masked_text(&masked), masked.as_ref());
        }
        let number = masked_text(&format!(r#"{{"{name}":{digits},"b":1}}"#)).into_owned();
        prop_assert!(!number.contains(&digits.to_string()), "{}", number);
        for whole in &texts[..5] {
            serde_json::from_str::<serde_json::Value>(&masked_text(whole)).unwrap();
        }
    }

    #[test]
    fn leaves_text_without_secrets_unchanged(
        names in prop::collection::vec("(author|pinned|shipping|page|q|signal|title|designer|pass_rate)", 1..5),
        value in "[a-z0-9 ,.]{0,12}", number in 0_u32..,
    ) {
        let pairs = |between: &str, one: &dyn Fn(&str) -> String| {
            names.iter().map(|name| one(name)).collect::<Vec<_>>().join(between)
        };
        for text in [
            format!("{{{}}}", pairs(",", &|name| format!(r#""{name}":"{value}""#))),
            format!("{{{}}}", pairs(", ", &|name| format!(r#""{name}": [{number}, {{"x":"{value}"}}]"#))),
            pairs("&", &|name| format!("{name}={number}")),
            pairs("\r\n", &|name| format!("{name}: {value}")),
            pairs("", &|name| format!("<{name} id=\"x\">{value}</{name}><input name=\"{name}\" value=\"{number}\">")),
        ] {
            prop_assert!(matches!(masked_text(&text), Cow::Borrowed(same) if same == text), "{}", text);
        }
    }

    #[test]
    fn masks_any_text_without_panic(text in "[\\PC\"'=:{}<>\\\\\\n]{0,60}") {
        let masked = masked_text(&text).into_owned();
        prop_assert!(masked.len() <= 3 * text.len() + 100);
    }
}
