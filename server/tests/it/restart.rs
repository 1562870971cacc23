//! Restart of the service on SQLite.

use serde_json::{Value, json};
use tenfold_server::data_set::DataSet;
use tenfold_server::{Config, start};
use tokio::sync::oneshot;

use crate::support::http_client;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_survive_restart() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("tenfold.db").display());
    let client = http_client();
    let mut token = String::new();
    for round in 1..=2 {
        let mut config = Config::new(
            &*url,
            format!("file:{}", folder.path().join("files").display()),
        );
        config.data_set = Some(DataSet {
            users: 30,
            posts: 200,
            follows_per_user: 4,
            ..DataSet::default()
        });
        let server = start(config).await.unwrap();
        let base = format!("http://{}", server.address);
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run_until(async {
            let _ = stopped.await;
        }));
        let get = |path: String, token: &str| {
            let request = client.get(format!("{base}{path}")).bearer_auth(token);
            async move {
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), 200, "{path}");
                serde_json::from_slice::<Value>(&response.bytes().await.unwrap()).unwrap()
            }
        };
        if round == 1 {
            let post = |path: &str, body: Value| {
                client
                    .post(format!("{base}{path}"))
                    .header("content-type", "application/json")
                    .body(body.to_string())
            };
            let login = json!({"handle": "user7", "password": "tenfold"});
            let session = post("/v1/sessions", login).send().await.unwrap();
            assert_eq!(session.status(), 201);
            let session: Value = serde_json::from_slice(&session.bytes().await.unwrap()).unwrap();
            token = session["token"].as_str().unwrap().to_owned();
            let written = post("/v1/posts", json!({"content": "*kept*"}));
            let written = written.bearer_auth(&token).send().await.unwrap();
            assert_eq!(written.headers()["location"], "/v1/posts/201");
        }
        let kept = get("/v1/posts/201".to_owned(), "").await;
        assert_eq!(kept["html"], "<p><em>kept</em></p>\n");
        assert_eq!(kept["author"]["handle"], "user7");
        let feed = get("/v1/feed?limit=5".to_owned(), &token).await;
        assert_eq!(feed["posts"].as_array().unwrap().len(), 5);
        let user = get("/v1/users/1".to_owned(), "").await;
        assert_eq!(user["page"]["posts"].as_array().unwrap().len(), 10);
        get("/readyz".to_owned(), "").await;
        stop.send(()).unwrap();
        running.await.unwrap().unwrap();
    }
}
