//! The Kubernetes manifest of agents.

/// Manifest with the places that [`AgentManifest::text`] fills.
const TEMPLATE: &str = include_str!("../assets/agents.yaml");

/// Folder of the pod that holds the files of the secret.
const SECRET_FOLDER: &str = "/etc/tenfold/nats";

/// The settings of agents that run as pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentManifest {
    /// Number of agents.
    pub(crate) count: u32,
    /// Image of tenfold.
    pub(crate) image: String,
    /// URL of NATS.
    pub(crate) nats: String,
    /// Labels, as `key=value`.
    pub(crate) labels: Vec<String>,
    /// Hosts to which they may send requests.
    pub(crate) allow_hosts: Vec<String>,
    /// Highest rate, such as `10k/s`. `None` for no limit.
    pub(crate) max_rate: Option<String>,
    /// Most users. `None` for no limit.
    pub(crate) max_users: Option<u32>,
    /// Name of a secret with the file `agent.creds`. `None` for NATS without credentials.
    pub(crate) credentials: Option<String>,
    /// Name of a secret with the file `ca.crt`. `None` for the certificates of the image.
    pub(crate) ca: Option<String>,
}

impl AgentManifest {
    /// Returns the manifest in YAML.
    pub(crate) fn text(&self) -> String {
        let secrets = self.secrets();
        let mounts: String = secrets
            .iter()
            .map(|(name, _, _)| {
                format!(
                    "            - name: {name}\n              mountPath: {SECRET_FOLDER}/{name}\n              readOnly: true\n"
                )
            })
            .collect();
        let volumes: String = secrets
            .iter()
            .map(|(name, secret, _)| {
                format!(
                    "        - name: {name}\n          secret:\n            secretName: {}\n            defaultMode: 288\n",
                    quoted(secret)
                )
            })
            .collect();
        TEMPLATE
            .replace("@COUNT@", &self.count.to_string())
            .replace("@IMAGE@", &quoted(&self.image))
            .replace("@ARGUMENTS@\n", &self.arguments())
            .replace("@MOUNTS@\n", &mounts)
            .replace("@VOLUMES@\n", &volumes)
    }

    /// Volume, secret and flag with its file of each secret.
    fn secrets(&self) -> Vec<(&'static str, &str, (&'static str, &'static str))> {
        let credentials = self.credentials.as_deref();
        let credentials =
            credentials.map(|secret| ("credentials", secret, ("--creds", "agent.creds")));
        let ca = self.ca.as_deref();
        let ca = ca.map(|secret| ("ca", secret, ("--ca", "ca.crt")));
        credentials.into_iter().chain(ca).collect()
    }

    /// The arguments of an agent after its name, a line each.
    fn arguments(&self) -> String {
        let mut arguments = vec!["--nats".to_owned(), self.nats.clone()];
        let mut add = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
        for label in &self.labels {
            add("--label", label.clone());
        }
        for host in &self.allow_hosts {
            add("--allow-host", host.clone());
        }
        if let Some(rate) = &self.max_rate {
            add("--max-rate", rate.clone());
        }
        if let Some(users) = self.max_users {
            add("--max-users", users.to_string());
        }
        for (name, _, (flag, file)) in self.secrets() {
            add(flag, format!("{SECRET_FOLDER}/{name}/{file}"));
        }
        let lines = arguments
            .iter()
            .map(|argument| format!("            - {}\n", escaped(argument)));
        lines.collect()
    }
}

/// Formats a text as a string of JSON, which is one of YAML as well.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Formats an argument. Kubernetes replaces `$(NAME)` in arguments; a doubled `$` stays one.
fn escaped(argument: &str) -> String {
    match argument.starts_with("--") {
        true => argument.to_owned(),
        false => quoted(&argument.replace('$', "$$")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use saphyr::{LoadableYamlNode as _, Yaml};

    use super::*;

    /// The agents of `deploy/kubernetes/agents`.
    fn deployed() -> AgentManifest {
        AgentManifest {
            count: 2,
            image: "tenfold:latest".to_owned(),
            nats: "nats://tenfold-nats:4222".to_owned(),
            labels: Vec::new(),
            allow_hosts: vec!["service.default.svc.cluster.local".to_owned()],
            max_rate: None,
            max_users: None,
            credentials: None,
            ca: None,
        }
    }

    fn arguments(manifest: &AgentManifest) -> Vec<String> {
        let text = manifest.text();
        let documents =
            Yaml::load_from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let container = &documents[0]["spec"]["template"]["spec"]["containers"][0];
        let arguments = container["args"].as_sequence().unwrap().iter();
        arguments
            .map(|argument| argument.as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn manifest_of_the_repository_is_the_written_one() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes/agents/agents.yaml");
        let stored = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            stored,
            deployed().text(),
            "write it again: {}",
            path.display()
        );
    }

    #[test]
    fn every_setting_is_an_argument() {
        let all = AgentManifest {
            labels: vec!["zone=a".to_owned()],
            max_rate: Some("10k/s".to_owned()),
            max_users: Some(500),
            credentials: Some("nats".to_owned()),
            ca: Some("nats".to_owned()),
            ..deployed()
        };
        assert_eq!(
            arguments(&all)[3..].join(" "),
            "--nats nats://tenfold-nats:4222 --label zone=a --allow-host service.default.svc.cluster.local \
             --max-rate 10k/s --max-users 500 --creds /etc/tenfold/nats/credentials/agent.creds \
             --ca /etc/tenfold/nats/ca/ca.crt"
        );
        assert!(!all.text().contains('@'), "{}", all.text());
    }

    #[test]
    fn values_stay_values() {
        let hostile = AgentManifest {
            image: "a\"\nb: c".to_owned(),
            labels: vec!["a=$(AGENT_INDEX): [".to_owned()],
            ..deployed()
        };
        assert_eq!(arguments(&hostile)[6], "a=$$(AGENT_INDEX): [");
    }
}
