//! Responses of each route, including errors.

use crate::support;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{ALLOW, LOCATION, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};
use serde_json::json;
use support::failing_store::{FailingStore, Faults};
use support::{PASSWORD, body, problem, service, service_with};
use tenfold_server::data_set::DataSet;
use tenfold_server::store::{MemoryStore, StoreError};

#[tokio::test]
async fn user_signs_up_logs_in_and_out() {
    let service = service().await;
    let login = json!({"handle": "ada", "password": PASSWORD});
    let response = service.post("/v1/users", &login).send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()[LOCATION], "/v1/users/1");
    let user = body(response).await;
    assert_eq!((&user["id"], &user["handle"]), (&json!(1), &json!("ada")));
    assert!(!user.to_string().contains("argon2"));

    let again = service.post("/v1/users", &login).send().await.unwrap();
    assert!(problem(again, 409).await.contains("taken"));

    let response = service.post("/v1/sessions", &login).send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let cookie = response.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=86400"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let session = body(response).await;
    let token = session["token"].as_str().unwrap();
    assert!(cookie.starts_with(&format!("session={token};")));
    assert!(session["expires_at"].as_i64().unwrap() > 1_700_000_000_000);

    // The header and the cookie identify the same session.
    let feed = service.get("/v1/feed").bearer_auth(token);
    assert_eq!(feed.send().await.unwrap().status(), 200);
    let feed = service
        .get("/v1/feed")
        .header("cookie", format!("a=b; session={token}"));
    assert_eq!(feed.send().await.unwrap().status(), 200);

    let out = service.delete("/v1/sessions/current").bearer_auth(token);
    let out = out.send().await.unwrap();
    assert_eq!(out.status(), 204);
    assert!(
        out.headers()[SET_COOKIE]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    let feed = service
        .get("/v1/feed")
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert_eq!(
        feed.headers()[WWW_AUTHENTICATE],
        "Bearer error=\"invalid_token\""
    );
    problem(feed, 401).await;
}

#[tokio::test]
async fn failed_log_in_does_not_reveal_reason() {
    let service = service().await;
    service.user("ada").await;
    let mut details = Vec::new();
    for (handle, password) in [
        ("ada", "wrong horse"),
        ("bob", PASSWORD),
        ("", ""),
        ("A\0", "x"),
    ] {
        let login = json!({"handle": handle, "password": password});
        let response = service.post("/v1/sessions", &login).send().await.unwrap();
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");
        details.push(problem(response, 401).await);
    }
    details.dedup();
    assert_eq!(details.len(), 1);
}

#[tokio::test]
async fn rejects_invalid_sign_ups() {
    let service = service().await;
    for (handle, password) in [
        ("ada", "short"),
        ("ada", &*"x".repeat(257)),
        ("Ada", PASSWORD),
        ("", PASSWORD),
        ("a b", PASSWORD),
        (&*"x".repeat(33), PASSWORD),
    ] {
        let login = json!({"handle": handle, "password": password});
        let response = service.post("/v1/users", &login).send().await.unwrap();
        let detail = problem(response, 422).await;
        assert!(
            !detail.contains(password) || password.is_empty(),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn protected_routes_require_session() {
    let service = service().await;
    for (method, path) in [
        (Method::POST, "/v1/posts"),
        (Method::PUT, "/v1/posts/1"),
        (Method::DELETE, "/v1/posts/1"),
        (Method::PUT, "/v1/posts/1/photo"),
        (Method::PUT, "/v1/following/1"),
        (Method::DELETE, "/v1/following/1"),
        (Method::GET, "/v1/feed"),
        (Method::DELETE, "/v1/sessions/current"),
    ] {
        let response = service.request(method.clone(), path).send().await.unwrap();
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer", "{path}");
        problem(response, 401).await;
        for token in ["x", &*"x".repeat(43), "ä"] {
            let request = service.request(method.clone(), path);
            let request = request.header("authorization", format!("Bearer {token}"));
            problem(request.send().await.unwrap(), 401).await;
        }
        let request = service.request(method, path).basic_auth("ada", Some("x"));
        problem(request.send().await.unwrap(), 401).await;
    }
}

#[tokio::test]
async fn session_expires() {
    let store = Arc::new(MemoryStore::default());
    let ttl = Duration::from_millis(300);
    let service = service_with(store, |config| config.session_ttl = ttl).await;
    let (_, token) = service.user("ada").await;
    let feed = || service.get("/v1/feed").bearer_auth(&token).send();
    assert_eq!(feed().await.unwrap().status(), 200);
    tokio::time::sleep(ttl).await;
    problem(feed().await.unwrap(), 401).await;
}

#[tokio::test]
async fn rejects_cross_site_cookie() {
    let service = service().await;
    let (_, token) = service.user("ada").await;
    let post = |site| {
        service
            .post("/v1/posts", &json!({"content": "x"}))
            .header("cookie", format!("session={token}"))
            .header("sec-fetch-site", site)
            .send()
    };
    problem(post("cross-site").await.unwrap(), 403).await;
    assert_eq!(post("same-origin").await.unwrap().status(), 201);
}

#[tokio::test]
async fn post_is_created_read_edited_and_deleted() {
    let service = service().await;
    let (ada, token) = service.user("ada").await;
    let (_, stranger) = service.user("bob").await;
    let content = json!({"content": "# Hi\n\n<script>alert(1)</script>\n\nthere"});
    let written = service.post("/v1/posts", &content).bearer_auth(&token);
    let written = written.send().await.unwrap();
    assert_eq!(written.status(), 201);
    assert_eq!(written.headers()[LOCATION], "/v1/posts/1");
    assert!(!written.headers().contains_key("server-timing"));
    let written = body(written).await;
    assert_eq!(written["content"], content["content"]);
    assert_eq!(written["html"], "<h1>Hi</h1>\n\n<p>there</p>\n");
    assert_eq!(written["author"], json!({"id": ada, "handle": "ada"}));

    let read = service.get("/v1/posts/1").send().await.unwrap();
    assert_eq!(read.headers()["content-type"], "application/json");
    assert_eq!(body(read).await, written);

    let change = json!({"content": "changed"});
    let other = service.put("/v1/posts/1", &change).bearer_auth(&stranger);
    problem(other.send().await.unwrap(), 403).await;
    let own = service.put("/v1/posts/1", &change).bearer_auth(&token);
    let changed = body(own.send().await.unwrap()).await;
    assert_eq!(changed["html"], "<p>changed</p>\n");
    assert_eq!(changed["created_at"], written["created_at"]);

    let delete = |token| service.delete("/v1/posts/1").bearer_auth(token).send();
    problem(delete(&stranger).await.unwrap(), 403).await;
    assert_eq!(delete(&token).await.unwrap().status(), 204);
    problem(delete(&token).await.unwrap(), 404).await;
    problem(service.get("/v1/posts/1").send().await.unwrap(), 404).await;
}

#[tokio::test]
async fn content_length_is_limited() {
    let service = service().await;
    let (_, token) = service.user("ada").await;
    for (content, status) in [
        ("x".repeat(1_024), 201),
        ("x".repeat(1_025), 422),
        ("ü".repeat(513), 422),
        (String::new(), 422),
        (" \n\t ".to_owned(), 422),
        ("\0".to_owned(), 201),
    ] {
        let post = service.post("/v1/posts", &json!({"content": content}));
        let response = post.bearer_auth(&token).send().await.unwrap();
        assert_eq!(response.status(), status, "{content:?}");
    }
}

#[tokio::test]
async fn rejects_content_with_oversized_html() {
    let service = service().await;
    let (_, token) = service.user("ada").await;
    let content = format!("[a]: /{}\n\n{}", "x".repeat(500), "[a] ".repeat(128));
    assert!(content.len() <= 1_024);
    let post = service.post("/v1/posts", &json!({"content": content}));
    problem(post.bearer_auth(&token).send().await.unwrap(), 422).await;
}

#[tokio::test]
async fn users_follow_and_read_their_feed() {
    let service = service().await;
    let (ada, ada_token) = service.user("ada").await;
    let (bob, bob_token) = service.user("bob").await;
    let mut posts = Vec::new();
    for number in 0..5 {
        posts.push(service.post_by(&bob_token, &format!("post {number}")).await);
    }
    let follow = |id| {
        let path = format!("/v1/following/{id}");
        service
            .request(Method::PUT, &path)
            .bearer_auth(&ada_token)
            .send()
    };
    assert_eq!(follow(bob).await.unwrap().status(), 204);
    assert_eq!(follow(bob).await.unwrap().status(), 204);
    problem(follow(ada).await.unwrap(), 422).await;
    problem(follow(99).await.unwrap(), 404).await;

    let feed = |query: &str| {
        let request = service.get(&format!("/v1/feed?{query}"));
        let request = request.bearer_auth(&ada_token);
        async move { body(request.send().await.unwrap()).await }
    };
    let ids = |page: &serde_json::Value| -> Vec<i64> {
        let posts = page["posts"].as_array().unwrap();
        posts
            .iter()
            .map(|post| post["id"].as_i64().unwrap())
            .collect()
    };
    let first = feed("limit=3").await;
    assert_eq!(ids(&first), [posts[4], posts[3], posts[2]]);
    let second = feed(&format!("limit=3&cursor={}", first["next"])).await;
    assert_eq!(ids(&second), [posts[1], posts[0]]);
    assert!(second["next"].is_null());

    let user = service.get(&format!("/v1/users/{bob}?limit=2&before={}", posts[3]));
    let user = body(user.send().await.unwrap()).await;
    assert_eq!(user["user"]["handle"], "bob");
    assert_eq!(user["user"]["followers"], 1);
    assert_eq!(user["user"]["post_count"], 5);
    assert_eq!(ids(&user["page"]), [posts[2], posts[1]]);

    let unfollow = service.delete(&format!("/v1/following/{bob}"));
    let unfollow = unfollow.bearer_auth(&ada_token).send().await.unwrap();
    assert_eq!(unfollow.status(), 204);
    assert!(ids(&feed("").await).is_empty());
}

#[tokio::test]
async fn rejects_invalid_pages() {
    let service = service().await;
    let (id, token) = service.user("ada").await;
    for query in ["limit=0", "limit=101", "limit=x", "before=x", "cursor=0"] {
        let user = service.get(&format!("/v1/users/{id}?{query}")).send().await;
        problem(user.unwrap(), 400).await;
        let feed = service
            .get(&format!("/v1/feed?{query}"))
            .bearer_auth(&token);
        problem(feed.send().await.unwrap(), 400).await;
    }
}

#[tokio::test]
async fn unknown_resources_are_not_found() {
    let service = service().await;
    for path in [
        "/v1/posts/1",
        "/v1/posts/0",
        "/v1/posts/-1",
        "/v1/posts/01",
        "/v1/posts/+1",
        "/v1/posts/x",
        "/v1/posts/%ff",
        "/v1/posts/9223372036854775807",
        "/v1/posts/9223372036854775808",
        "/v1/posts/1/photo",
        "/v1/posts/1/thumbnail",
        "/v1/users/7",
        "/v1/nothing",
        "/",
        "/static/",
        "/static/nothing.css",
        "/static/../Cargo.toml",
        "/static/..%2f..%2fCargo.toml",
        "/static/%ff",
        "/metrics",
        "/debug/pprof/profile",
    ] {
        problem(service.get(path).send().await.unwrap(), 404).await;
    }
}

#[tokio::test]
async fn rejected_method_lists_allowed_ones() {
    let service = service().await;
    for (path, allowed) in [
        ("/v1/posts/1", "DELETE,GET,HEAD,PUT"),
        ("/v1/posts", "POST"),
        ("/v1/following/1", "DELETE,PUT"),
        ("/static/tenfold.css", "GET,HEAD"),
    ] {
        let response = service.request(Method::PATCH, path).send().await.unwrap();
        let mut methods: Vec<_> = response.headers()[ALLOW]
            .to_str()
            .unwrap()
            .split(',')
            .collect();
        methods.sort_unstable();
        assert_eq!(methods.join(","), allowed);
        problem(response, 405).await;
    }
}

#[tokio::test]
async fn bodies_are_validated() {
    let service = service().await;
    let (_, token) = service.user("ada").await;
    let send = |media_type: &'static str, text: String| {
        let request = service
            .request(Method::POST, "/v1/posts")
            .bearer_auth(&token);
        let request = request.header("content-type", media_type).body(text);
        async move { request.send().await.unwrap() }
    };
    let json_text = json!({"content": "x"}).to_string();
    problem(send("text/plain", json_text.clone()).await, 415).await;
    problem(
        send("application/x-www-form-urlencoded", "content=x".to_owned()).await,
        415,
    )
    .await;
    let spelt = send("Application/JSON; charset=utf-8", json_text.clone()).await;
    assert_eq!(spelt.status(), 201);
    problem(send("application/json", String::new()).await, 400).await;
    problem(
        send("application/json", "{\"content\": ".to_owned()).await,
        400,
    )
    .await;
    problem(
        send("application/json", "{\"content\": [".repeat(1_000)).await,
        422,
    )
    .await;
    problem(
        send("application/json", "{\"content\": 7}".to_owned()).await,
        422,
    )
    .await;
    problem(send("application/json", "{}".to_owned()).await, 422).await;
    // serde would accept an array of the fields, but the schema requires an object.
    problem(send("application/json", " [\"x\"]".to_owned()).await, 422).await;
    problem(
        send("application/json", "{\"content\":\"x\",\"y\":1}".to_owned()).await,
        422,
    )
    .await;
    problem(
        send("application/json", " ".repeat(16 * 1_024 + 1)).await,
        413,
    )
    .await;

    // Without a length, the limit applies while reading.
    let chunks = (0..64).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1_024]));
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    let request = service
        .request(Method::POST, "/v1/posts")
        .bearer_auth(&token);
    let request = request
        .header("content-type", "application/json")
        .body(stream);
    problem(request.send().await.unwrap(), 413).await;
}

#[tokio::test]
async fn errors_do_not_repeat_password() {
    let service = service().await;
    for text in [
        "{\"handle\": \"ada\", \"password\": \"hunter2hunter2\", \"x\": 1}",
        "{\"handle\": \"ada\", \"password\": [\"hunter2hunter2\"]}",
        "{\"handle\": \"ada\", \"password\": \"hunter2hunter2\"",
        "\"hunter2hunter2\"",
    ] {
        let request = service.request(Method::POST, "/v1/users");
        let request = request
            .header("content-type", "application/json")
            .body(text);
        let response = request.send().await.unwrap();
        assert!(response.status().is_client_error());
        assert!(!response.text().await.unwrap().contains("hunter2"));
    }
}

#[tokio::test]
async fn store_outage_is_a_503() {
    let store = Arc::new(FailingStore::default());
    let service = service_with(store.clone(), |_| {}).await;
    let (id, token) = service.user("ada").await;
    let post = service.post_by(&token, "first").await;
    for error in [
        StoreError::Full("disk".to_owned()),
        StoreError::Unavailable("queue".to_owned()),
    ] {
        store.set(Faults {
            reads: None,
            writes: Some(error.clone()),
            ..Faults::default()
        });
        let login = json!({"handle": "ada", "password": PASSWORD});
        let sign_up = json!({"handle": "bob", "password": PASSWORD});
        let content = json!({"content": "second"});
        for request in [
            service.post("/v1/posts", &content),
            service.put(&format!("/v1/posts/{post}"), &content),
            service.delete(&format!("/v1/posts/{post}")),
            service.request(Method::PUT, "/v1/following/2"),
            service.delete("/v1/following/2"),
            service.post("/v1/sessions", &login),
            service.post("/v1/users", &sign_up),
        ] {
            let response = request.bearer_auth(&token).send().await.unwrap();
            assert!(response.headers().contains_key(RETRY_AFTER));
            problem(response, 503).await;
        }
        assert_eq!(service.get("/readyz").send().await.unwrap().status(), 200);
        store.set(Faults {
            reads: Some(error),
            ..Faults::default()
        });
        for path in [
            "/readyz",
            "/v1/posts/1",
            "/v1/users/1",
            "/v1/feed",
            "/v1/posts/1/photo",
        ] {
            let response = service.get(path).bearer_auth(&token).send().await.unwrap();
            problem(response, 503).await;
        }
        assert_eq!(service.get("/healthz").send().await.unwrap().status(), 200);
    }
    store.set(Faults::default());
    let user = body(
        service
            .get(&format!("/v1/users/{id}"))
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(user["user"]["post_count"], 1);
}

#[tokio::test]
async fn store_failure_is_a_500_without_details() {
    let store = Arc::new(FailingStore::default());
    let service = service_with(store.clone(), |_| {}).await;
    store.set(Faults {
        reads: Some(StoreError::Other(
            "syntax error near secret_table".to_owned(),
        )),
        ..Faults::default()
    });
    let response = service.get("/v1/posts/1").send().await.unwrap();
    assert!(!problem(response, 500).await.contains("secret_table"));
}

#[tokio::test]
async fn data_set_is_loaded_before_first_request() {
    let service = service_with(Arc::new(MemoryStore::default()), |config| {
        config.data_set = Some(DataSet {
            users: 20,
            posts: 100,
            follows_per_user: 3,
            ..DataSet::default()
        });
    })
    .await;
    let post = body(service.get("/v1/posts/100").send().await.unwrap()).await;
    assert!(post["html"].as_str().unwrap().starts_with('<'));
    let login = json!({"handle": "user20", "password": "tenfold"});
    let session = service.post("/v1/sessions", &login).send().await.unwrap();
    assert_eq!(session.status(), 201);
}

#[tokio::test]
async fn head_equals_get_without_body() {
    let service = service().await;
    let (_, token) = service.user("ada").await;
    service.post_by(&token, "hello").await;
    for path in [
        "/v1/posts/1",
        "/v1/users/1",
        "/static/logo.svg",
        "/healthz",
        "/openapi.json",
    ] {
        let get = service.get(path).send().await.unwrap();
        let head = service.request(Method::HEAD, path).send().await.unwrap();
        assert_eq!(head.status(), 200);
        for name in ["content-type", "content-length"] {
            assert_eq!(get.headers()[name], head.headers()[name], "{path}");
        }
        assert!(head.bytes().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn assets_support_conditional_requests() {
    let service = service().await;
    for name in ["tenfold.css", "tenfold.js", "logo.svg", "index.html"] {
        let path = format!("/static/{name}");
        let full = service.get(&path).send().await.unwrap();
        assert_eq!(full.status(), 200);
        let headers = full.headers().clone();
        assert_eq!(headers["cache-control"], "public, max-age=3600");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert!(!full.bytes().await.unwrap().is_empty());
        for (header, value) in [
            ("if-none-match", headers["etag"].clone()),
            ("if-modified-since", headers["last-modified"].clone()),
        ] {
            let again = service
                .get(&path)
                .header(header, value)
                .send()
                .await
                .unwrap();
            assert_eq!(again.status(), 304);
            assert_eq!(again.headers()["etag"], headers["etag"]);
            assert!(again.headers().contains_key("cache-control"));
            assert!(again.bytes().await.unwrap().is_empty());
        }
        let other = service.get(&path).header("if-none-match", "\"other\"");
        assert_eq!(other.send().await.unwrap().status(), 200);
    }
}
