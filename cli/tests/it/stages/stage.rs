//! Running stage for a test, and its clients.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Workplace, read_json, skip};

/// Stage that runs in the background. Stopped when dropped.
pub(crate) struct Stage {
    pub(crate) place: Workplace,
    pub(crate) status: Value,
}

/// Returns whether one of the programs is missing, and skips the test then.
pub(crate) fn lacks(programs: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let cargo = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo/bin"));
    let places: Vec<PathBuf> = std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .chain(cargo)
        .collect();
    for program in programs {
        if !places.iter().any(|place| place.join(program).is_file()) {
            skip(&format!("no {program}"));
            return true;
        }
    }
    false
}

impl Stage {
    /// Starts a stage without limits, with a small data set.
    pub(crate) fn up(name: &str, arguments: &[&str]) -> Self {
        Self::up_in(Workplace::new(), name, arguments)
    }

    /// Like [`Stage::up`], in a given place.
    pub(crate) fn up_in(place: Workplace, name: &str, arguments: &[&str]) -> Self {
        // The HTTP client of the tests uses the provider of the process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut own = Self {
            place,
            status: Value::Null,
        };
        own.again(name, arguments);
        own
    }

    /// Restarts the stage with its existing data.
    pub(crate) fn again(&mut self, name: &str, arguments: &[&str]) {
        let mut all = vec![
            "lab",
            "up",
            "--stage",
            name,
            "--detach",
            "--json",
            "--unconfined",
        ];
        all.extend(["--data-users", "50", "--data-posts", "200"]);
        all.extend(arguments);
        let up = self.place.run(&all).expect(0);
        self.status = up.json();
    }

    pub(crate) fn down(&self) {
        self.place.run(&["lab", "down"]).expect(0);
    }

    pub(crate) fn lab(&self, arguments: &[&str]) {
        let mut all = vec!["lab"];
        all.extend(arguments);
        self.place.run(&all).expect(0);
    }

    pub(crate) fn own(&self, name: &str) -> &Value {
        let boxes = self.status["boxes"].as_array().unwrap();
        boxes
            .iter()
            .find(|own| own["name"] == name)
            .unwrap_or_else(|| panic!("no box {name}"))
    }

    /// Returns the path of a file in the lab's directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.place.path(".tenfold/lab").join(name)
    }

    /// Returns the URL of the entrance.
    pub(crate) fn url(&self, path: &str) -> String {
        let entrance = &self.status["entrance"];
        format!("{}{path}", entrance["url"].as_str().unwrap())
    }

    /// Returns a client that trusts only the CA of the lab.
    pub(crate) fn client(&self) -> reqwest::Client {
        let ca = std::fs::read(self.file("tls/ca.pem")).unwrap();
        let ca = reqwest::Certificate::from_pem(&ca).unwrap();
        reqwest::Client::builder()
            .tls_certs_only([ca])
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let ended = self.place.run(&["lab", "down"]);
        if ended.code != Some(0) && std::thread::panicking() {
            eprintln!("{}", ended.stderr);
        }
    }
}

/// User who has signed up and logged in.
pub(crate) struct User {
    client: reqwest::Client,
    url: String,
    token: String,
}

impl User {
    pub(crate) async fn new(stage: &Stage, handle: &str) -> Self {
        let client = stage.client();
        let login = json!({"handle": handle, "password": "correct horse"}).to_string();
        for (path, code) in [("/v1/users", 201), ("/v1/sessions", 201)] {
            let answer = client
                .post(stage.url(path))
                .header("content-type", "application/json")
                .body(login.clone())
                .send()
                .await
                .unwrap();
            let status = answer.status();
            let text = answer.text().await.unwrap();
            assert_eq!(status, code, "{text}");
            if path == "/v1/sessions" {
                let session: Value = serde_json::from_str(&text).unwrap();
                return Self {
                    client,
                    url: stage.url(""),
                    token: session["token"].as_str().unwrap().to_owned(),
                };
            }
        }
        unreachable!()
    }

    /// Writes a post. Returns its number, or the error if it was not acknowledged.
    pub(crate) async fn post(&self, content: &str) -> Result<u64, String> {
        let answer = self
            .client
            .post(format!("{}/v1/posts", self.url))
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .body(json!({ "content": content }).to_string())
            .send()
            .await
            .map_err(|error| error.to_string())?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        if status != 201 {
            return Err(format!("{status}: {text}"));
        }
        let post: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        post["id"].as_u64().ok_or(text)
    }

    /// Edits a post.
    pub(crate) async fn edit(&self, post: u64, content: &str) -> Result<(u16, Vec<u8>), String> {
        let answer = self
            .client
            .put(format!("{}/v1/posts/{post}", self.url))
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .body(json!({ "content": content }).to_string())
            .send()
            .await
            .map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await.map_err(|error| error.to_string())?;
        Ok((status, body.to_vec()))
    }

    /// Adds a photo to a post.
    pub(crate) async fn photo(&self, post: u64, media_type: &str, bytes: Vec<u8>) -> u16 {
        let answer = self
            .client
            .put(format!("{}/v1/posts/{post}/photo", self.url))
            .bearer_auth(&self.token)
            .header("content-type", media_type)
            .body(bytes)
            .send()
            .await
            .unwrap();
        answer.status().as_u16()
    }

    /// Follows a user.
    pub(crate) async fn follow(&self, user: u64) {
        let url = format!("{}/v1/following/{user}", self.url);
        let request = self.client.put(url).bearer_auth(&self.token);
        assert_eq!(request.send().await.unwrap().status(), 204);
    }

    /// Reads a path without a session. Returns status and body.
    pub(crate) async fn get(&self, path: &str) -> Result<(u16, Vec<u8>), String> {
        Self::answer(self.client.get(format!("{}{path}", self.url))).await
    }

    /// Reads a path with the user's session. Returns status and body.
    pub(crate) async fn get_own(&self, path: &str) -> Result<(u16, Vec<u8>), String> {
        let request = self.client.get(format!("{}{path}", self.url));
        Self::answer(request.bearer_auth(&self.token)).await
    }

    async fn answer(request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), String> {
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await.map_err(|error| error.to_string())?;
        Ok((status, body.to_vec()))
    }

    /// Returns the content of a post. `None` if it does not exist.
    pub(crate) async fn content(&self, post: u64) -> Result<Option<String>, String> {
        match self.get(&format!("/v1/posts/{post}")).await? {
            (200, body) => {
                let post: Value =
                    serde_json::from_slice(&body).map_err(|error| error.to_string())?;
                Ok(post["content"].as_str().map(str::to_owned))
            }
            (404, _) => Ok(None),
            (status, body) => Err(format!("{status}: {}", String::from_utf8_lossy(&body))),
        }
    }
}

/// Returns the summary of a run.
pub(crate) fn summary(place: &Workplace, run: &str) -> Value {
    read_json(&place.path(run).join("summary.json"))
}
