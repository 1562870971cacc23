//! Logins by JWT: operator, account and users, as `nsc` makes them.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use nkeys::KeyPair;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::*;

/// The users of docs/agents.md.
const USERS: [&str; 2] = ["agents", "runs"];

/// An operator and one account.
struct Accounts {
    operator: KeyPair,
    account: KeyPair,
}

impl Accounts {
    fn new() -> Self {
        Self {
            operator: KeyPair::new_operator(),
            account: KeyPair::new_account(),
        }
    }

    /// Settings of a server with these accounts.
    fn settings(&self) -> String {
        let operator = self.operator.public_key();
        let of_operator = json!({ "type": "operator", "version": 2 });
        let unlimited = json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
        });
        let of_account = json!({ "type": "account", "version": 2, "limits": unlimited });
        let account = self.account.public_key();
        format!(
            "operator: \"{}\"\nresolver: MEMORY\nresolver_preload: {{ {account}: \"{}\" }}",
            signed(&self.operator, &operator, of_operator, None),
            signed(&self.operator, &account, of_account, None),
        )
    }

    /// The contents of the credentials file of a user of the page.
    fn credentials(&self, user: &str, expires: Option<i64>) -> String {
        let pair = KeyPair::new_user();
        let [publish, subscribe] = permissions_of_the_page(user);
        let of_user = json!({
            "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1,
            "pub": { "allow": publish }, "sub": { "allow": subscribe },
        });
        let token = signed(&self.account, &pair.public_key(), of_user, expires);
        format!(
            "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            pair.seed().unwrap()
        )
    }
}

/// A JWT of NATS about a subject, which expires at a Unix time.
fn signed(issuer: &KeyPair, subject: &str, nats: Value, expires: Option<i64>) -> String {
    let now = jiff::Timestamp::now().as_second();
    let mut claims = json!({
        "iss": issuer.public_key(), "sub": subject, "name": subject, "iat": now, "nats": nats,
    });
    if let Some(expires) = expires {
        claims["exp"] = json!(expires);
    }
    let hash = Sha256::digest(claims.to_string());
    claims["jti"] = json!(BASE32_NOPAD.encode(&hash));
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let part = |part: &Value| BASE64URL_NOPAD.encode(part.to_string().as_bytes());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}

/// The subjects that a user of docs/agents.md may publish and subscribe to.
fn permissions_of_the_page(user: &str) -> [Vec<String>; 2] {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/agents.md");
    let page = std::fs::read_to_string(page).unwrap();
    let command = format!("    nsc add user --name {user} ");
    let line = page.lines().find_map(|line| line.strip_prefix(&command));
    let line = line.unwrap();
    ["--allow-pub '", "--allow-sub '"].map(|flag| {
        let (_, rest) = line.split_once(flag).unwrap();
        let (subjects, _) = rest.split_once('\'').unwrap();
        subjects.split(',').map(str::to_owned).collect()
    })
}

#[test]
fn credentials_files_with_the_permissions_of_the_page_suffice() {
    let place = Workplace::new();
    let accounts = Accounts::new();
    let Some(nats) = NatsServer::start(&place.path(""), &accounts.settings()) else {
        return;
    };
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("100/s", "1s"));
    let file = |name: &str, text: &str| place.write(name, text).display().to_string();
    let [agents, runs] =
        USERS.map(|user| file(&format!("{user}.creds"), &accounts.credentials(user, None)));
    let url = nats.url();
    let _agent = Agent::start(&place, &url, "one", &["--creds", &agents]);
    let target = service.url();
    let run = |credentials: &[&str]| {
        let mut run = run_command(
            &place,
            &url,
            &target,
            &[&["--agents", "1"], credentials].concat(),
        );
        Ended::of(run.output().unwrap())
    };
    complete(run(&["--nats-creds", &runs]));
    let summary = read_json(&place.path("run/summary.json"));
    assert_eq!(count(&summary, "/arrivals/sent"), 100);
    std::fs::rename(place.path("run"), place.path("before")).unwrap();
    // The permissions of an agent do not suffice for a run.
    let ended = run(&["--nats-creds", &agents, "--agent-wait", "1s"]).expect(107);
    assert!(
        ended.stderr.contains("found 0 of 1 agents"),
        "{}",
        ended.stderr
    );
    let stranger = file("stranger.creds", &Accounts::new().credentials("runs", None));
    let expired = file("expired.creds", &accounts.credentials("runs", Some(1_000)));
    let (token, of_another) = (
        accounts.credentials("runs", None),
        accounts.credentials("agents", None),
    );
    let (token, seed) = (
        token.split_once("\n\n").unwrap().0,
        of_another.split_once("\n\n").unwrap().1,
    );
    let mixed = file("mixed.creds", &format!("{token}\n\n{seed}"));
    for refused in [&stranger, &expired, &mixed] {
        let ended = run(&["--nats-creds", refused]).expect(107);
        let expected = format!(
            "could not connect to NATS at {url}: it refuses the credentials file {refused}; use one"
        );
        assert!(ended.stderr.contains(&expected), "{}", ended.stderr);
        let agent = ["agent", "--nats", &url, "--creds", refused];
        let ended = place.run(&agent).expect(107);
        assert!(ended.stderr.contains(&expected), "{}", ended.stderr);
    }
    let ended = run(&[]).expect(107);
    assert!(
        ended.stderr.contains("it asks for credentials"),
        "{}",
        ended.stderr
    );
    for (name, text) in [("empty.creds", ""), ("token.creds", token)] {
        let ended = run(&["--nats-creds", &file(name, text)]).expect(104);
        assert!(
            ended.stderr.contains("could not use the credentials file")
                && ended.stderr.contains(name),
            "{}",
            ended.stderr
        );
    }
    assert!(!place.path("run").exists());
}
