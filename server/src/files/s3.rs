//! Files in an object store that speaks S3.

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStoreExt as _, PutPayload, RetryConfig};

use super::{FileKey, Files, FilesError};

/// How long one call may take, tries included.
const CALL_TIME: Duration = Duration::from_secs(10);

/// How often a call is tried again that failed for a reason that may pass. All of them may be done twice.
const RETRIES: usize = 2;

/// Where the files are, as `s3://BUCKET?endpoint=URL` says it.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    bucket: String,
    /// Where the service is; none for AWS' own.
    endpoint: Option<String>,
    region: String,
    /// How the service is to encrypt what it stores.
    encryption: String,
}

/// A bucket of an object store.
#[derive(Debug)]
pub(super) struct S3Files {
    bucket: AmazonS3,
}

impl S3Files {
    /// Opens the bucket of a URL. Nothing is sent.
    ///
    /// The credentials come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`), so that they
    /// stand on no command line.
    ///
    /// # Errors
    /// [`FilesError::InvalidUrl`] where the URL or the credentials can't be used.
    pub(super) fn open(url: &str) -> Result<Self, FilesError> {
        let place = Place::of(url)?;
        let read = |name: &'static str| {
            std::env::var(name).map_err(|_| {
                FilesError::InvalidUrl(format!("files in S3 need {name} in the environment"))
            })
        };
        let (id, secret) = (read("AWS_ACCESS_KEY_ID")?, read("AWS_SECRET_ACCESS_KEY")?);
        Self::with(&place, id, secret)
    }

    fn with(place: &Place, id: String, secret: String) -> Result<Self, FilesError> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&place.bucket)
            .with_region(&place.region)
            .with_access_key_id(id)
            .with_secret_access_key(secret)
            .with_client_options(ClientOptions::new().with_timeout(CALL_TIME))
            .with_retry(RetryConfig {
                max_retries: RETRIES,
                retry_timeout: CALL_TIME,
                ..RetryConfig::default()
            });
        if let Some(endpoint) = &place.endpoint {
            builder = builder
                .with_endpoint(endpoint)
                .with_allow_http(endpoint.starts_with("http://"));
        }
        let encryption = "aws_server_side_encryption"
            .parse()
            .map_err(|error: object_store::Error| FilesError::InvalidUrl(error.to_string()))?;
        let bucket = builder
            .with_config(encryption, &place.encryption)
            .build()
            .map_err(|error| FilesError::InvalidUrl(error.to_string()))?;
        Ok(Self { bucket })
    }
}

impl Place {
    fn of(url: &str) -> Result<Self, FilesError> {
        let refused = |why: &str| {
            FilesError::InvalidUrl(format!(
                "{why}; write s3://BUCKET?endpoint=http://127.0.0.1:9000, with region=... and \
                 encryption=... where they are not us-east-1 and AES256"
            ))
        };
        let rest = url
            .strip_prefix("s3://")
            .ok_or_else(|| refused("not the URL of a bucket"))?;
        let (bucket, query) = rest.split_once('?').unwrap_or((rest, ""));
        let is_bucket = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-.".contains(&c);
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(is_bucket) {
            return Err(refused("not the name of a bucket"));
        }
        let mut place = Self {
            bucket: bucket.to_owned(),
            endpoint: None,
            region: "us-east-1".to_owned(),
            encryption: "AES256".to_owned(),
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("endpoint", value)) if value.contains("://") => {
                    place.endpoint = Some(value.to_owned());
                }
                Some(("region", value)) if !value.is_empty() => value.clone_into(&mut place.region),
                Some(("encryption", value)) if !value.is_empty() => {
                    value.clone_into(&mut place.encryption);
                }
                _ => return Err(refused("not a setting of a bucket")),
            }
        }
        Ok(place)
    }
}

#[async_trait]
impl Files for S3Files {
    async fn put(&self, key: &FileKey, content: Bytes) -> Result<(), FilesError> {
        let content = PutPayload::from_bytes(content);
        let stored = self.bucket.put(&path(key), content).await;
        stored
            .map(drop)
            .map_err(|error| failed("write", key, error))
    }

    async fn get(&self, key: &FileKey) -> Result<Bytes, FilesError> {
        let read = async { self.bucket.get(&path(key)).await?.bytes().await };
        read.await.map_err(|error| failed("read", key, error))
    }

    async fn delete(&self, key: &FileKey) -> Result<(), FilesError> {
        match self.bucket.delete(&path(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("delete", key, error)),
        }
    }
}

fn path(key: &FileKey) -> Path {
    Path::from(key.as_str())
}

fn failed(action: &'static str, key: &FileKey, error: object_store::Error) -> FilesError {
    match error {
        object_store::Error::NotFound { .. } => FilesError::NotFound,
        error => FilesError::Io {
            action,
            key: key.as_str().to_owned(),
            source: io::Error::other(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::process::{Child, Command, Stdio};
    use std::sync::Arc;
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_url_says_where_the_bucket_is() {
        let place =
            Place::of("s3://tenfold-files?endpoint=http://127.0.0.1:9000&region=eu-1").unwrap();
        assert_eq!(place.bucket, "tenfold-files");
        assert_eq!(place.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!(
            (place.region.as_str(), place.encryption.as_str()),
            ("eu-1", "AES256")
        );
        for bad in [
            "s3://",
            "s3://A",
            "s3://ab",
            "s3://abc?x=1",
            "s3://abc?endpoint=here",
            "file:x",
        ] {
            assert!(Place::of(bad).is_err(), "{bad}");
        }
    }

    /// A server that speaks S3, with an empty bucket; killed when dropped.
    struct S3Server {
        child: Child,
        place: Place,
        _folder: tempfile::TempDir,
    }

    impl S3Server {
        /// `None`, having said so, where there is no such server.
        fn start() -> Option<Self> {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("tenfold-files")).unwrap();
            let port = TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            let started = Command::new("s3s-fs")
                .args(["--host", "127.0.0.1", "--port", &port.to_string()])
                .args(["--access-key", "id", "--secret-key", "secret"])
                .arg(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let Ok(child) = started else {
                println!("skipped: no s3s-fs");
                return None;
            };
            let own = Self {
                child,
                place: place(port),
                _folder: folder,
            };
            let deadline = Instant::now() + Duration::from_secs(20);
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                assert!(Instant::now() < deadline, "s3s-fs did not listen");
                std::thread::sleep(Duration::from_millis(20));
            }
            Some(own)
        }
    }

    impl Drop for S3Server {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    fn place(port: u16) -> Place {
        Place::of(&format!(
            "s3://tenfold-files?endpoint=http://127.0.0.1:{port}"
        ))
        .unwrap()
    }

    fn files(place: &Place, secret: &str) -> S3Files {
        S3Files::with(place, "id".to_owned(), secret.to_owned()).unwrap()
    }

    #[tokio::test]
    async fn a_bucket_keeps_the_contract() {
        let Some(server) = S3Server::start() else {
            return;
        };
        let own = Arc::new(files(&server.place, "secret"));
        crate::files::contract::holds(own).await;

        // Whoever does not know the secret reads nothing, and learns nothing of what is there.
        let key = FileKey::new("a.b").unwrap();
        let error = files(&server.place, "guessed").get(&key).await.unwrap_err();
        assert!(matches!(error, FilesError::Io { .. }), "{error}");
        assert!(!error.to_string().contains("guessed"), "{error}");
    }

    #[tokio::test]
    async fn a_server_that_is_gone_is_told() {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let key = FileKey::new("a").unwrap();
        let error = files(&place(port), "secret").get(&key).await.unwrap_err();
        assert!(
            error.to_string().starts_with("could not read the file `a`"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn what_is_stored_is_to_be_encrypted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                head.extend(byte);
            }
            let answer = b"HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).unwrap();
            String::from_utf8(head).unwrap().to_ascii_lowercase()
        });
        let key = FileKey::new("a").unwrap();
        files(&place(port), "secret")
            .put(&key, Bytes::new())
            .await
            .unwrap();
        let head = asked.join().unwrap();
        assert!(
            head.contains("x-amz-server-side-encryption: aes256"),
            "{head}"
        );
        assert!(head.starts_with("put /tenfold-files/a "), "{head}");
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_a_place(text in "(s3://)?[a-zA-Z0-9.?&=:/-]{0,40}") {
            let _ = Place::of(&text);
        }
    }
}
