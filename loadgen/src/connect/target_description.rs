//! A target as data, for a generator in another process.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::LoadError;
use crate::connect::credentials::{AuthScheme, Credentials};
use crate::connect::dial_options::DialOptions;
use crate::connect::name_server::NameServer;
use crate::connect::protocol::HttpVersion;
use crate::connect::target::Target;
use crate::connect::tls::TlsOptions;

/// A target as data, for a generator in another process on this machine: address, options, and credentials.
///
/// It contains the secrets of the target, so it belongs in a pipe, and in no file. Files of certificates are named by their
/// absolute paths.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetDescription {
    url: String,
    /// Addresses that were judged; connections go to no others. `None` if the host is resolved by each generator.
    addresses: Option<Vec<SocketAddr>>,
    http: HttpVersion,
    ca: Option<PathBuf>,
    insecure: bool,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    server_name: Option<String>,
    /// As on the command line: `HOST:PORT:ADDRESS`.
    resolve: Vec<String>,
    name_server: Option<SocketAddr>,
    /// Nanoseconds.
    resolve_every_ns: Option<u64>,
    host: Option<String>,
    streams: Option<u32>,
    connections: Option<u32>,
    credentials: Option<SentCredentials>,
}

/// Credentials on their way to another process.
#[derive(Clone, Serialize, Deserialize)]
struct SentCredentials {
    scheme: AuthScheme,
    #[serde(with = "secret")]
    secret: Zeroizing<String>,
}

/// A secret in a pipe, wiped from memory when dropped.
mod secret {
    use serde::{Deserialize, Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(
        text: &Zeroizing<String>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(text)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Zeroizing<String>, D::Error> {
        String::deserialize(from).map(Zeroizing::new)
    }
}

impl fmt::Debug for TargetDescription {
    /// Omits the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetDescription")
            .field("url", &self.url)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl TargetDescription {
    /// Describes a target. Its guard of redirects is left out: the other process has its own.
    pub fn of(target: &Target) -> Self {
        let DialOptions {
            http,
            tls,
            resolve,
            name_server,
            resolve_every,
            host,
            streams,
            connections,
            credentials,
        } = target.options().clone();
        let absolute =
            |path: Option<PathBuf>| path.map(|path| std::path::absolute(&path).unwrap_or(path));
        Self {
            url: target.to_string(),
            addresses: target.pinned().map(<[SocketAddr]>::to_vec),
            http,
            ca: absolute(tls.ca),
            insecure: tls.insecure,
            certificate: absolute(tls.certificate),
            key: absolute(tls.key),
            server_name: tls.server_name,
            resolve: resolve.iter().map(ToString::to_string).collect(),
            name_server: name_server.map(NameServer::address),
            resolve_every_ns: resolve_every
                .map(|every| u64::try_from(every.as_nanos()).unwrap_or(u64::MAX)),
            host,
            streams,
            connections,
            credentials: credentials.map(|credentials| SentCredentials {
                scheme: credentials.scheme(),
                secret: credentials.text(),
            }),
        }
    }

    /// Files of certificates and keys that it names. The key is a secret.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let files = [&self.ca, &self.certificate, &self.key];
        files.into_iter().flatten().map(PathBuf::as_path)
    }

    /// Names other files for those of [`TargetDescription::files`].
    #[must_use]
    pub fn with_files(mut self, other: impl Fn(&Path) -> PathBuf) -> Self {
        for file in [&mut self.ca, &mut self.certificate, &mut self.key] {
            *file = file.as_deref().map(&other);
        }
        self
    }

    /// Forgets the addresses that were judged, for a generator that resolves and judges the host itself.
    #[must_use]
    pub fn without_addresses(mut self) -> Self {
        self.addresses = None;
        self
    }

    /// The most HTTP/2 connections. `None` without a limit.
    pub fn connections(&self) -> Option<u32> {
        self.connections
    }

    /// Limits the HTTP/2 connections to a part of their limit, if they have one.
    #[must_use]
    pub fn with_connections(mut self, part: impl FnOnce(u32) -> u32) -> Self {
        self.connections = self.connections.map(part);
        self
    }

    /// Returns the target.
    ///
    /// # Errors
    /// If a part of it is not usable.
    pub fn target(self) -> Result<Target, LoadError> {
        let unusable = |what: &str, reason: String| LoadError::Configuration {
            what: what.to_owned(),
            reason,
        };
        let resolve = self.resolve.iter().map(|text| text.parse());
        let resolve: Result<Vec<_>, String> = resolve.collect();
        let credentials = self.credentials.map(|sent| {
            Credentials::new(
                sent.scheme,
                &sent.secret,
                "the run that started this generator",
            )
        });
        let options = DialOptions {
            http: self.http,
            tls: TlsOptions {
                ca: self.ca,
                insecure: self.insecure,
                certificate: self.certificate,
                key: self.key,
                server_name: self.server_name,
            },
            resolve: resolve.map_err(|reason| unusable("--resolve", reason))?,
            name_server: self.name_server.map(NameServer::from),
            resolve_every: self.resolve_every_ns.map(Duration::from_nanos),
            host: self.host,
            streams: self.streams,
            connections: self.connections,
            credentials: credentials
                .transpose()
                .map_err(|error| unusable("the credentials", error.to_string()))?,
        };
        let target = self.url.parse::<Target>()?.with(options)?;
        Ok(match self.addresses {
            Some(addresses) => target.at(addresses),
            None => target,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(url: &str, options: DialOptions) -> Target {
        let target: Target = url.parse().unwrap();
        let target = target
            .with(options)
            .unwrap()
            .at(vec!["127.0.0.1:8443".parse().unwrap()]);
        let text = serde_json::to_string(&TargetDescription::of(&target)).unwrap();
        let description: TargetDescription = serde_json::from_str(&text).unwrap();
        assert!(!format!("{description:?}").contains("hunter2"));
        description.target().unwrap()
    }

    #[test]
    fn description_restores_the_target() {
        let options = DialOptions {
            http: HttpVersion::Http2,
            tls: TlsOptions {
                insecure: true,
                certificate: Some(PathBuf::from("/tmp/cert.pem")),
                key: Some(PathBuf::from("/tmp/key.pem")),
                server_name: Some("app.test".to_owned()),
                ca: None,
            },
            resolve: vec!["app.test:443:127.0.0.1,[::1]".parse().unwrap()],
            name_server: None,
            resolve_every: None,
            host: Some("other.test".to_owned()),
            streams: None,
            connections: Some(8),
            credentials: Some(Credentials::new(AuthScheme::Bearer, "hunter2", "a test").unwrap()),
        };
        let target = described("https://app.test/prefix", options.clone());
        assert_eq!(target.to_string(), "https://app.test/prefix");
        assert_eq!(
            target.resolve().unwrap(),
            ["127.0.0.1:8443".parse().unwrap()]
        );
        let restored = target.options();
        assert_eq!((restored.http, &restored.tls), (options.http, &options.tls));
        assert_eq!(
            (&restored.resolve, &restored.host),
            (&options.resolve, &options.host)
        );
        assert_eq!((restored.streams, restored.connections), (None, Some(8)));
        let header = restored.credentials.as_ref().unwrap().header().unwrap();
        assert_eq!(header, "Bearer hunter2");
        let socket = described("unix:/run/app.sock", DialOptions::default());
        assert_eq!(socket.socket(), Some(Path::new("/run/app.sock")));
    }

    #[test]
    fn name_server_and_interval_are_kept() {
        let options = DialOptions {
            name_server: Some(NameServer::from(SocketAddr::from(([127, 0, 0, 1], 5353)))),
            resolve_every: Some(Duration::from_millis(1_500)),
            ..DialOptions::default()
        };
        let target: Target = "http://app.test".parse().unwrap();
        let target = target.with(options.clone()).unwrap();
        let restored = TargetDescription::of(&target).target().unwrap();
        let restored = restored.options();
        assert_eq!(restored.name_server, options.name_server);
        assert_eq!(restored.resolve_every, options.resolve_every);
    }

    #[test]
    fn files_are_named_by_absolute_paths() {
        let options = DialOptions {
            tls: TlsOptions {
                ca: Some(PathBuf::from("ca.pem")),
                ..TlsOptions::default()
            },
            ..DialOptions::default()
        };
        let target = described("https://app.test", options);
        assert!(target.options().tls.ca.as_ref().unwrap().is_absolute());
    }

    #[test]
    fn files_and_addresses_can_be_those_of_another_machine() {
        let options = DialOptions {
            tls: TlsOptions {
                ca: Some(PathBuf::from("/here/ca.pem")),
                certificate: Some(PathBuf::from("/here/cert.pem")),
                key: Some(PathBuf::from("/here/key.pem")),
                ..TlsOptions::default()
            },
            ..DialOptions::default()
        };
        let target: Target = "https://127.0.0.1:8443".parse().unwrap();
        let target = target.with(options).unwrap();
        let description = TargetDescription::of(&target.at(vec!["127.0.0.2:1".parse().unwrap()]));
        assert_eq!(description.files().count(), 3);
        let there = |file: &Path| Path::new("/there").join(file.file_name().unwrap());
        let moved = description.with_files(there).without_addresses().target();
        let moved = moved.unwrap();
        assert_eq!(moved.options().tls.key, Some("/there/key.pem".into()));
        assert_eq!(
            moved.resolve().unwrap(),
            ["127.0.0.1:8443".parse().unwrap()]
        );
    }

    #[test]
    fn connections_are_divided() {
        let target: Target = "http://127.0.0.1".parse().unwrap();
        let options = DialOptions {
            http: HttpVersion::Http2,
            connections: Some(9),
            ..DialOptions::default()
        };
        let target = target.with(options).unwrap();
        let part = TargetDescription::of(&target).with_connections(|limit| limit / 3);
        assert_eq!(part.target().unwrap().options().connections, Some(3));
    }
}
