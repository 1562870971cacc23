//! Logs in JSON Lines that are read without `--format`.

use std::sync::LazyLock;

use super::json_layout::JsonLayout;
use super::json_object::{Object, value};
use super::read_line::Layout;

/// Layouts, a field that only they have, and their fields as in `--format json:...`. The first one that fits is used.
const KNOWN: [(Layout, &str, &str); 4] = [
    (
        Layout::Caddy,
        "request.uri",
        "time=ts,duration=duration:s,method=request.method,path=request.uri,host=request.host,\
         status=status,bytes=size",
    ),
    (
        Layout::Traefik,
        "RequestPath",
        "start=StartUTC|StartLocal,time=time,duration=Duration:ns,method=RequestMethod,path=RequestPath,\
         host=RequestHost|RequestAddr,status=DownstreamStatus,bytes=DownstreamContentSize",
    ),
    (
        Layout::EnvoyJson,
        "response_code",
        "start=start_time,method=method|:method,path=path|:path|x-envoy-original-path,\
         host=authority|:authority,status=response_code,bytes=bytes_sent",
    ),
    // The variables of nginx, and the names that others use most: the Elastic Common Schema, Cloudflare, Google's load
    // balancer, Amazon's API gateway.
    (
        Layout::Json,
        "",
        "start=start_time|request_start|start|EdgeStartTimestamp,\
         time=msec|time_iso8601|time_local|@timestamp|timestamp|ts|time|datetime|date|requestTime,\
         duration=request_time:s|duration_ms:ms|latency_ms:ms|elapsed_ms:ms|response_time_ms:ms|request_time_ms:ms\
         |duration_s:s|duration_seconds:s|duration_us:us|duration_ns:ns|event.duration:ns,\
         request=request|request_line,\
         method=request_method|method|http_method|http.request.method|httpMethod|verb|req.method|request.method\
         |httpRequest.requestMethod|ClientRequestMethod,\
         path=request_uri|uri|path|url.original|url.path|request_path|url|target|req.url|request.uri|request.url\
         |request.path|http.target|httpRequest.requestUrl|ClientRequestURI,\
         query=args|query_string|url.query|query,\
         host=http_host|vhost|request_host|authority|url.domain|host|server_name|ClientRequestHost,\
         status=status|status_code|http.response.status_code|response_code|http_status|statusCode|res.statusCode\
         |response.status|httpRequest.status|EdgeResponseStatus,\
         bytes=body_bytes_sent|bytes_sent|http.response.body.bytes|bytes|response_size|size\
         |httpRequest.responseSize|EdgeResponseBytes",
    ),
];

/// All layouts with their names in `--format`.
static LAYOUTS: LazyLock<Vec<JsonLayout>> = LazyLock::new(|| {
    let parsed = KNOWN.map(|(layout, _, list)| JsonLayout::of_list(list, layout));
    parsed.into_iter().filter_map(Result::ok).collect()
});

/// Returns the layout that fits an object.
pub(super) fn layout_of(object: &Object) -> Option<&'static JsonLayout> {
    let fits = |(known, layout): &(&(Layout, &str, &str), &'static JsonLayout)| {
        (known.1.is_empty() || value(object, known.1).is_some()) && layout.matches(object)
    };
    let found = KNOWN.iter().zip(LAYOUTS.iter()).find(fits);
    found.map(|(_, layout)| layout)
}

/// Returns the layout that `--format` names.
pub(super) fn named(name: &str) -> Option<&'static JsonLayout> {
    let position = KNOWN
        .iter()
        .position(|(layout, ..)| layout.name() == name)?;
    LAYOUTS.get(position)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::not_sent::NotSent;
    use crate::format::read_line::ReadLine;
    use serde_json::json;

    fn read(line: serde_json::Value) -> ReadLine {
        let object = line.as_object().unwrap();
        layout_of(object).unwrap().read(object).unwrap()
    }

    fn is(
        line: &ReadLine,
        layout: Layout,
        at_us: i64,
        took_us: Option<u64>,
        host: &str,
        request: &str,
    ) {
        assert_eq!(line.layout, layout);
        assert_eq!((line.at_us, line.took_us), (at_us, took_us));
        assert_eq!(line.host.as_deref(), Some(host));
        let logged = line.request.as_ref().unwrap();
        assert_eq!(format!("{} {}", logged.method, logged.target), request);
    }

    #[test]
    fn parses_all_layouts() {
        assert_eq!(LAYOUTS.len(), KNOWN.len());
        assert!(named("caddy").is_some() && named("combined").is_none());
    }

    #[test]
    fn reads_caddy() {
        let line = read(json!({
            "level": "info", "ts": 1_646_861_401.524_102_4, "logger": "http.log.access", "msg": "handled request",
            "request": {
                "remote_ip": "127.0.0.1", "proto": "HTTP/2.0", "method": "GET", "host": "localhost", "uri": "/a?b=1",
                "headers": { "User-Agent": ["curl/7.82.0"] },
            },
            "bytes_read": 0, "duration": 0.000_929_675, "size": 10_900, "status": 200,
        }));
        is(
            &line,
            Layout::Caddy,
            1_646_861_401_524_102,
            Some(930),
            "localhost",
            "GET /a?b=1",
        );
        assert_eq!((line.status, line.bytes), (Some(200), 10_900));
    }

    #[test]
    fn reads_traefik() {
        let line = read(json!({
            "DownstreamContentSize": 19, "DownstreamStatus": 404, "Duration": 62_500_000, "RequestHost": "a.example",
            "RequestMethod": "POST", "RequestPath": "/x?y=1", "RequestProtocol": "HTTP/1.1",
            "StartUTC": "2015-05-17T10:05:03.25Z", "level": "info", "msg": "", "time": "2015-05-17T10:05:04Z",
        }));
        is(
            &line,
            Layout::Traefik,
            1_431_857_103_250_000,
            None,
            "a.example",
            "POST /x?y=1",
        );
        let line = read(json!({
            "Duration": 62_500_000, "RequestHost": "a.example", "RequestMethod": "GET", "RequestPath": "/",
            "time": "2015-05-17T10:05:03Z",
        }));
        is(
            &line,
            Layout::Traefik,
            1_431_857_103_000_000,
            Some(62_500),
            "a.example",
            "GET /",
        );
    }

    #[test]
    fn reads_envoy() {
        let line = read(json!({
            "start_time": "2015-05-17T10:05:03.000Z", "method": "GET", "path": "/a", "protocol": "HTTP/1.1",
            "response_code": 200, "duration": 5, "bytes_sent": 12, "authority": "a.example", "x_forwarded_for": null,
        }));
        is(
            &line,
            Layout::EnvoyJson,
            1_431_857_103_000_000,
            None,
            "a.example",
            "GET /a",
        );
    }

    #[test]
    fn reads_variables_of_nginx_and_common_names() {
        let line = read(json!({
            "time_local": "17/May/2015:10:05:03 +0000", "request": "PUT /a HTTP/1.1", "status": "204",
            "request_time": "6.500", "http_host": "a.example",
        }));
        is(
            &line,
            Layout::Json,
            1_431_857_103_000_000,
            Some(6_500_000),
            "a.example",
            "PUT /a",
        );
        let line = read(json!({
            "@timestamp": "2015-05-17T10:05:03Z", "http.request.method": "GET", "url": { "path": "/a", "query": "b" },
            "host": "a.example", "event": { "duration": 2_000 },
        }));
        is(
            &line,
            Layout::Json,
            1_431_857_103_000_000,
            Some(2),
            "a.example",
            "GET /a?b",
        );
        assert!(layout_of(json!({ "msg": "started", "ts": 1 }).as_object().unwrap()).is_none());
        let line = read(json!({
            "timestamp": "2015-05-17T10:05:03Z",
            "httpRequest": { "requestMethod": "GET", "requestUrl": "https://a.example/x?y", "status": 200, "latency": "0.1s" },
        }));
        is(
            &line,
            Layout::Json,
            1_431_857_103_000_000,
            None,
            "a.example",
            "GET /x?y",
        );
        let line = read(json!({
            "EdgeStartTimestamp": 1_431_857_103_000_000_000_u64, "ClientRequestMethod": "GET", "ClientRequestURI": "/x",
            "ClientRequestHost": "a.example", "EdgeResponseStatus": 200,
        }));
        is(
            &line,
            Layout::Json,
            1_431_857_103_000_000,
            None,
            "a.example",
            "GET /x",
        );
        let blank = read(json!({ "msec": 1_795_897_456.876, "request_uri": "-" }));
        assert_eq!(blank.request, Err(NotSent::Missing));
    }
}
