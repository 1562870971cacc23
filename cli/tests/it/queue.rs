//! Photos through a queue, while workers and the queue are killed: no accepted job is lost, and no effect is doubled.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::support::{Service, Workplace, skip};

/// Kills without `TENFOLD_TEST_KILLS`; scripts/kills asks for 1,000.
const KILLS: usize = 40;
/// Posts whose photos are replaced again and again.
const POSTS: usize = 12;
const PASSWORD: &str = "s3cret-nats";

/// A program of the test, killed when dropped.
struct Program {
    command: Box<dyn Fn() -> Command + Send>,
    address: SocketAddr,
    child: Child,
}

impl Program {
    /// Starts it, and waits until it accepts connections.
    fn start(address: SocketAddr, command: impl Fn() -> Command + Send + 'static) -> Self {
        let child = command().spawn().unwrap();
        let program = Self {
            command: Box::new(command),
            address,
            child,
        };
        program.wait();
        program
    }

    fn wait(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(self.address).is_err() {
            assert!(Instant::now() < deadline, "{} did not listen", self.address);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = (self.command)().spawn().unwrap();
        self.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn quiet(command: &mut Command) {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// Finds a program. `None` skips the test.
fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let cargo = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo/bin"));
    let program = std::env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .chain(cargo)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file());
    if program.is_none() {
        skip(&format!("no {name}"));
    }
    program
}

/// The back ends, and how to use them.
struct BackEnds {
    _place: Workplace,
    sql: Program,
    files: Program,
    queue: Program,
}

impl BackEnds {
    fn start() -> Option<Self> {
        let (server, install) = (found("mariadbd")?, found("mariadb-install-db")?);
        let (s3, nats) = (found("s3s-fs")?, found("nats-server")?);
        let place = Workplace::new();
        let (data, folder) = (place.path("sql"), place.path(""));
        let installed = Command::new(install)
            .args(["--no-defaults", "--auth-root-authentication-method=normal"])
            .arg(format!("--datadir={}", data.display()))
            .env("TMPDIR", &folder)
            .args(user())
            .output()
            .unwrap();
        assert!(installed.status.success(), "{installed:?}");
        let address = free_address();
        let sql = Program::start(address, move || {
            let mut command = Command::new(&server);
            command
                .arg("--no-defaults")
                .arg(format!("--datadir={}", data.display()))
                .arg(format!("--socket={}", folder.join("socket").display()))
                .arg(format!("--tmpdir={}", folder.display()))
                .arg(format!("--port={}", address.port()))
                .args(["--bind-address=127.0.0.1", "--skip-grant-tables"])
                .arg("--innodb-buffer-pool-size=64M")
                .args(user());
            quiet(&mut command);
            command
        });
        let (address, root) = (free_address(), place.path("objects"));
        std::fs::create_dir_all(root.join("tenfold-files")).unwrap();
        let files = Program::start(address, move || {
            let mut command = Command::new(&s3);
            command
                .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
                .args(["--access-key", "id", "--secret-key", "secret"])
                .arg(&root);
            quiet(&mut command);
            command
        });
        let address = free_address();
        let settings = place.write(
            "nats.conf",
            &format!(
                "listen: \"{address}\"\n\
                 jetstream {{ store_dir: \"{}\", max_mem: 64M, max_file: 1G }}\n\
                 authorization {{ user: tenfold, password: \"{PASSWORD}\" }}\n",
                place.path("nats").display()
            ),
        );
        let queue = Program::start(address, move || {
            let mut command = Command::new(&nats);
            command.arg("-c").arg(&settings);
            quiet(&mut command);
            command
        });
        Some(Self {
            _place: place,
            sql,
            files,
            queue,
        })
    }

    /// Returns the command of a process of the service.
    fn process(
        &self,
        workplace: &Workplace,
        listen: SocketAddr,
        admin: SocketAddr,
        role: &str,
    ) -> Command {
        let mut command = workplace.tenfold(&["serve", "--empty", "--role", role, "--log", "warn"]);
        command
            .args([
                "--listen",
                &listen.to_string(),
                "--admin",
                &admin.to_string(),
            ])
            .args([
                "--data",
                "data",
                "--queue-visibility",
                "1s",
                "--worker-attempts",
                "1000",
            ])
            .args(["--queue-jobs-max", "50"])
            .env(
                "TENFOLD_STORE",
                format!("mysql://root@{}/test", self.sql.address),
            )
            .env(
                "TENFOLD_FILES",
                format!("s3://tenfold-files?endpoint=http://{}", self.files.address),
            )
            .env(
                "TENFOLD_QUEUE",
                format!("nats://tenfold:{PASSWORD}@{}/photos", self.queue.address),
            )
            .env("AWS_ACCESS_KEY_ID", "id")
            .env("AWS_SECRET_ACCESS_KEY", "secret");
        command
    }

    /// Runs statements, and returns the rows.
    fn query(&self, statements: &str) -> Vec<String> {
        let output = Command::new("mariadb")
            .args([
                "--no-defaults",
                "--host=127.0.0.1",
                "--user=root",
                "--batch",
                "--skip-column-names",
            ])
            .arg(format!("--port={}", self.sql.address.port()))
            .args(["test", "-e", statements])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

fn user() -> Option<&'static str> {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout == b"0\n")
        .then_some("--user=root")
}

/// Returns a small PNG that differs from that of every other number.
fn picture(number: u64) -> Vec<u8> {
    // An uncompressed PNG of one pixel: the colour is the number.
    fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
        let body = [kind, data].concat();
        let mut chunk = (data.len() as u32).to_be_bytes().to_vec();
        chunk.extend(&body);
        chunk.extend(crc32(&body).to_be_bytes());
        chunk
    }
    let mut row = vec![0];
    row.extend(&number.to_be_bytes()[5..]);
    let length = row.len() as u16;
    let mut zlib = vec![0x78, 1, 1];
    zlib.extend(length.to_le_bytes());
    zlib.extend((!length).to_le_bytes());
    zlib.extend(&row);
    zlib.extend(adler32(&row).to_be_bytes());
    let header = [0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0];
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &header),
        chunk(b"IDAT", &zlib),
        chunk(b"IEND", &[]),
    ]
    .concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    (b << 16) | a
}

/// An upload: its number, and its job if it was accepted. An upload that was not accepted may take place.
struct Upload {
    number: u64,
    job: Option<String>,
}

/// Uploads photo after photo for one post until `is_over`.
async fn upload_all(
    client: Client,
    url: String,
    token: String,
    post: i64,
    first: u64,
    is_over: Arc<AtomicBool>,
) -> Vec<Upload> {
    let mut uploads = Vec::new();
    for number in first.. {
        if is_over.load(Ordering::SeqCst) {
            break;
        }
        let sent = client
            .put(format!("{url}/v1/posts/{post}/photo"))
            .bearer_auth(&token)
            .header("content-type", "image/png")
            .body(picture(number))
            .send()
            .await;
        let answer = sent.unwrap();
        let job = match answer.status() {
            StatusCode::ACCEPTED => {
                let location = answer.headers()["location"].to_str().unwrap();
                Some(location.to_owned())
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                assert!(answer.headers().contains_key("retry-after"));
                None
            }
            status => panic!("{status}: {}", answer.text().await.unwrap()),
        };
        if job.is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        uploads.push(Upload { number, job });
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    uploads
}

async fn json_of(request: reqwest::RequestBuilder) -> Value {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).unwrap()
}

fn with_json(request: reqwest::RequestBuilder, body: &Value) -> reqwest::RequestBuilder {
    request
        .header("content-type", "application/json")
        .body(body.to_string())
}

/// Signs up a user with posts; returns the token and the posts.
async fn user_with_posts(client: &Client, url: &str) -> (String, Vec<i64>) {
    let account = json!({"handle": "ada", "password": "correct horse"});
    let _ = json_of(with_json(client.post(format!("{url}/v1/users")), &account)).await;
    let session = json_of(with_json(
        client.post(format!("{url}/v1/sessions")),
        &account,
    ))
    .await;
    let token = session["token"].as_str().unwrap().to_owned();
    let mut posts = Vec::new();
    for _ in 0..POSTS {
        let post = client.post(format!("{url}/v1/posts")).bearer_auth(&token);
        let post = json_of(with_json(post, &json!({"content": "look"}))).await;
        posts.push(post["id"].as_i64().unwrap());
    }
    (token, posts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_no_accepted_job_and_double_no_effect() {
    let Some(mut ends) = BackEnds::start() else {
        return;
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kills = std::env::var("TENFOLD_TEST_KILLS").ok();
    let kills = kills.map_or(KILLS, |kills| kills.parse().unwrap());
    let (address, admin) = (free_address(), free_address());
    let web_place = Workplace::new();
    let mut command = ends.process(&web_place, address, admin, "web");
    let web = Service {
        child: command.spawn().unwrap(),
        address,
        admin,
    };
    let url = web.url();
    let client = Client::builder()
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while client.get(format!("{url}/readyz")).send().await.is_err() {
        assert!(Instant::now() < deadline, "the service did not listen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Every change of a photo's record is logged by the database itself.
    ends.query(
        "CREATE TABLE applied (file_key VARCHAR(255) NOT NULL); \
         CREATE TRIGGER log_photo AFTER INSERT ON photos FOR EACH ROW INSERT INTO applied VALUES (NEW.file_key)",
    );
    let (token, posts) = user_with_posts(&client, &url).await;

    let worker_places = [Workplace::new(), Workplace::new()];
    let mut workers: Vec<Worker> = worker_places
        .iter()
        .map(|place| Worker::start(&ends, place))
        .collect();
    let is_over = Arc::new(AtomicBool::new(false));
    let uploading: Vec<_> = posts
        .iter()
        .enumerate()
        .map(|(index, post)| {
            let (client, url, token) = (client.clone(), url.clone(), token.clone());
            let first = index as u64 * 1_000_000;
            tokio::spawn(upload_all(
                client,
                url,
                token,
                *post,
                first,
                Arc::clone(&is_over),
            ))
        })
        .collect();

    // A fixed sequence: the moments differ from run to run.
    let mut random: u64 = 17;
    for _ in 0..kills {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let pause = Duration::from_millis(100 + (random >> 33) % 700);
        tokio::time::sleep(pause).await;
        match (random >> 50) % 4 {
            0 => tokio::task::block_in_place(|| ends.queue.kill_and_restart()),
            choice => {
                let index = usize::from(choice == 1);
                // The former one is killed when it is dropped.
                workers[index] = Worker::start(&ends, &worker_places[index]);
            }
        }
    }
    is_over.store(true, Ordering::SeqCst);
    let mut uploads = BTreeMap::new();
    for (post, uploading) in posts.iter().zip(uploading) {
        uploads.insert(*post, uploading.await.unwrap());
    }
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let desk = client.get(format!("{}/debug/queue", web.admin_url()));
        let desk = desk.send().await.unwrap().text().await.unwrap();
        let shown: Value = serde_json::from_str(&desk).unwrap();
        if shown["jobs"] == 0 {
            assert_eq!(shown["dead"], 0, "{desk}");
            break;
        }
        let logs = worker_places
            .iter()
            .map(|place| std::fs::read_to_string(place.path("worker.log")).unwrap());
        assert!(
            Instant::now() < deadline,
            "the queue was not worked off: {desk}\n{}",
            logs.collect::<String>()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    dead_letter_is_shown_and_sent_again(&web_place, &web.admin_url(), ends.queue.address);
    drop(workers);

    let mut accepted = 0;
    for (post, uploads) in &uploads {
        accepted += uploads.iter().filter(|upload| upload.job.is_some()).count();
        let last = uploads.iter().rposition(|upload| upload.job.is_some());
        let last = last.expect("an upload of each post is accepted");
        let shown = client
            .get(format!("{url}/v1/posts/{post}/photo"))
            .send()
            .await
            .unwrap();
        assert_eq!(shown.status(), 200, "the photo of post {post}");
        let shown = shown.bytes().await.unwrap();
        // The last accepted one, or a later one whose answer was that it may not have been accepted.
        let is_right = uploads[last..]
            .iter()
            .any(|upload| shown == picture(upload.number));
        assert!(
            is_right,
            "post {post} has a photo before its last accepted one"
        );
        let thumbnail = client
            .get(format!("{url}/v1/posts/{post}/thumbnail"))
            .send()
            .await
            .unwrap();
        assert_eq!(thumbnail.status(), 200, "the thumbnail of post {post}");
        if shown == picture(uploads[last].number) {
            let job = uploads[last].job.as_deref().unwrap();
            let job = json_of(client.get(format!("{url}{job}")).bearer_auth(&token)).await;
            assert_eq!(job["state"], "done", "{job}");
        }
    }
    let applied = ends.query("SELECT file_key FROM applied");
    let distinct: BTreeSet<_> = applied.iter().collect();
    assert_eq!(applied.len(), distinct.len(), "an effect was applied twice");
    assert!(
        applied.len() >= POSTS && accepted >= POSTS,
        "{} of {accepted}",
        applied.len()
    );
    println!(
        "{kills} kills, {accepted} accepted uploads, {} effects",
        applied.len()
    );
    drop(web);
    drop(ends);
}

/// Has a worker bury a foreign message, and uses `tenfold lab queue`.
fn dead_letter_is_shown_and_sent_again(place: &Workplace, admin: &str, queue: SocketAddr) {
    let mut stream = TcpStream::connect(queue).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("INFO"));
    let connect = json!({"verbose": false, "user": "tenfold", "pass": PASSWORD});
    let commands = format!("CONNECT {connect}\r\nPUB photos.jobs 2\r\n{{}}\r\nPING\r\n");
    stream.write_all(commands.as_bytes()).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "PONG");
    let shown = || {
        // On a busy machine, the queue may not answer in time.
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let ended = place.run(&["lab", "queue", "--admin", admin, "--json"]);
            if ended.code == Some(0) {
                return ended.json();
            }
            assert!(Instant::now() < deadline, "{}", ended.stderr);
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    let buried = |since: i64| {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let shown = shown();
            let letter = &shown["dead_letters"][0];
            if shown["dead"] == 1 && letter["buried_at"].as_i64() > Some(since) {
                return letter.clone();
            }
            assert!(Instant::now() < deadline, "{shown}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let letter = buried(0);
    assert_eq!(letter["content"], "{}");
    let id = letter["id"].as_str().unwrap();
    let text = place
        .run(&["lab", "queue", "--admin", admin])
        .expect(0)
        .stdout;
    assert!(
        text.contains("1 dead letters") && text.contains(id),
        "{text}"
    );
    // On a busy machine, the queue may not answer in time.
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let sent = place.run(&["lab", "queue", "--admin", admin, "--retry", "all"]);
        if sent.stderr == format!("{id}: sent again\n") {
            sent.expect(0);
            break;
        }
        assert!(Instant::now() < deadline, "{}", sent.stderr);
        std::thread::sleep(Duration::from_millis(200));
    }
    // It is no job of a photo this time either.
    buried(letter["buried_at"].as_i64().unwrap());
    place
        .run(&["lab", "queue", "--admin", admin, "--retry", "none-1"])
        .expect(107);
}

/// A worker on free ports, killed when dropped.
struct Worker(Child);

impl Worker {
    fn start(ends: &BackEnds, place: &Workplace) -> Self {
        let mut command = ends.process(place, free_address(), free_address(), "worker");
        command.stderr(std::fs::File::create(place.path("worker.log")).unwrap());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
