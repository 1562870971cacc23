//! File store in an S3 bucket.

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStoreExt as _, PutPayload, RetryConfig};

use super::{FileKey, Files, FilesError};
use crate::ledger::{self, Part};
use crate::tls_provider;

/// Timeout of a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Parsed URL of a bucket: `s3://BUCKET?endpoint=URL`.
#[derive(Debug, PartialEq, Eq)]
struct BucketUrl {
    bucket: String,
    /// URL of the service. `None` for AWS.
    endpoint: Option<String>,
    region: String,
    /// Server-side encryption to request.
    encryption: String,
}

/// Bucket of an object store.
#[derive(Debug)]
pub(super) struct S3Files {
    bucket: AmazonS3,
}

impl S3Files {
    /// Opens the bucket of a URL, without connecting.
    ///
    /// The credentials come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`) to keep them
    /// off the command line.
    ///
    /// # Errors
    /// [`FilesError::InvalidUrl`] if the URL or the credentials are invalid.
    pub(super) fn open(url: &str) -> Result<Self, FilesError> {
        let url = BucketUrl::parse(url)?;
        let read = |name: &'static str| {
            std::env::var(name).map_err(|_| FilesError::InvalidUrl(format!("set {name} to use S3")))
        };
        let (id, secret) = (read("AWS_ACCESS_KEY_ID")?, read("AWS_SECRET_ACCESS_KEY")?);
        Self::new(&url, id, secret)
    }

    fn new(url: &BucketUrl, id: String, secret: String) -> Result<Self, FilesError> {
        tls_provider::install();
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&url.bucket)
            .with_region(&url.region)
            .with_access_key_id(id)
            .with_secret_access_key(secret)
            .with_client_options(ClientOptions::new().with_timeout(CALL_TIMEOUT))
            .with_retry(RetryConfig {
                // The guard retries, within its budget.
                max_retries: 0,
                retry_timeout: CALL_TIMEOUT,
                ..RetryConfig::default()
            });
        if let Some(endpoint) = &url.endpoint {
            builder = builder
                .with_endpoint(endpoint)
                .with_allow_http(endpoint.starts_with("http://"));
        }
        let encryption = "aws_server_side_encryption"
            .parse()
            .map_err(|error: object_store::Error| FilesError::InvalidUrl(error.to_string()))?;
        let bucket = builder
            .with_config(encryption, &url.encryption)
            .build()
            .map_err(|error| FilesError::InvalidUrl(error.to_string()))?;
        Ok(Self { bucket })
    }
}

impl BucketUrl {
    fn parse(text: &str) -> Result<Self, FilesError> {
        let invalid = |reason: &str| {
            FilesError::InvalidUrl(format!(
                "{reason}; use s3://BUCKET?endpoint=http://127.0.0.1:9000, with region=... and \
                 encryption=... unless they are us-east-1 and AES256"
            ))
        };
        let rest = text
            .strip_prefix("s3://")
            .ok_or_else(|| invalid("not the URL of a bucket"))?;
        let (bucket, query) = rest.split_once('?').unwrap_or((rest, ""));
        let is_bucket = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-.".contains(&c);
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(is_bucket) {
            return Err(invalid("invalid bucket name"));
        }
        let mut url = Self {
            bucket: bucket.to_owned(),
            endpoint: None,
            region: "us-east-1".to_owned(),
            encryption: "AES256".to_owned(),
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("endpoint", value)) if value.contains("://") => {
                    url.endpoint = Some(value.to_owned());
                }
                Some(("region", value)) if !value.is_empty() => value.clone_into(&mut url.region),
                Some(("encryption", value)) if !value.is_empty() => {
                    value.clone_into(&mut url.encryption);
                }
                _ => return Err(invalid("unknown or empty parameter")),
            }
        }
        Ok(url)
    }
}

#[async_trait]
impl Files for S3Files {
    async fn put(&self, key: &FileKey, content: Bytes) -> Result<(), FilesError> {
        let _span = ledger::enter(Part::Files);
        let content = PutPayload::from_bytes(content);
        let stored = self.bucket.put(&path(key), content).await;
        stored
            .map(drop)
            .map_err(|error| failed("write", key, error))
    }

    async fn get(&self, key: &FileKey) -> Result<Bytes, FilesError> {
        let _span = ledger::enter(Part::Files);
        let read = async { self.bucket.get(&path(key)).await?.bytes().await };
        read.await.map_err(|error| failed("read", key, error))
    }

    async fn exists(&self, key: &FileKey) -> Result<bool, FilesError> {
        let _span = ledger::enter(Part::Files);
        match self.bucket.head(&path(key)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed("look for", key, error)),
        }
    }

    async fn delete(&self, key: &FileKey) -> Result<(), FilesError> {
        let _span = ledger::enter(Part::Files);
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
    fn parses_bucket_url() {
        let url = BucketUrl::parse("s3://tenfold-files?endpoint=http://127.0.0.1:9000&region=eu-1")
            .unwrap();
        assert_eq!(url.bucket, "tenfold-files");
        assert_eq!(url.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!(
            (url.region.as_str(), url.encryption.as_str()),
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
            assert!(BucketUrl::parse(bad).is_err(), "{bad}");
        }
    }

    /// S3 server with an empty bucket; killed when dropped.
    struct S3Server {
        child: Child,
        url: BucketUrl,
        _folder: tempfile::TempDir,
    }

    impl S3Server {
        /// Starts the server. `None` if it is not installed, which skips the test.
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
                crate::skip::skip("no s3s-fs");
                return None;
            };
            let server = Self {
                child,
                url: bucket_url(port),
                _folder: folder,
            };
            let deadline = Instant::now() + Duration::from_secs(20);
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                assert!(Instant::now() < deadline, "s3s-fs did not listen");
                std::thread::sleep(Duration::from_millis(20));
            }
            Some(server)
        }
    }

    impl Drop for S3Server {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    fn bucket_url(port: u16) -> BucketUrl {
        BucketUrl::parse(&format!(
            "s3://tenfold-files?endpoint=http://127.0.0.1:{port}"
        ))
        .unwrap()
    }

    fn files(url: &BucketUrl, secret: &str) -> S3Files {
        S3Files::new(url, "id".to_owned(), secret.to_owned()).unwrap()
    }

    #[tokio::test]
    async fn satisfies_contract() {
        let Some(server) = S3Server::start() else {
            return;
        };
        let s3 = Arc::new(files(&server.url, "secret"));
        crate::files::contract::holds(s3).await;

        // A wrong secret reads nothing, not even whether the file exists.
        let key = FileKey::new("a.b").unwrap();
        let error = files(&server.url, "guessed").get(&key).await.unwrap_err();
        assert!(matches!(error, FilesError::Io { .. }), "{error}");
        assert!(!error.to_string().contains("guessed"), "{error}");
    }

    #[tokio::test]
    async fn reports_unreachable_server() {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let key = FileKey::new("a").unwrap();
        let error = files(&bucket_url(port), "secret")
            .get(&key)
            .await
            .unwrap_err();
        assert!(
            error.to_string().starts_with("could not read the file `a`"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn requests_encryption() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let request = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                head.extend(byte);
            }
            let response = b"HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(response).unwrap();
            String::from_utf8(head).unwrap().to_ascii_lowercase()
        });
        let key = FileKey::new("a").unwrap();
        files(&bucket_url(port), "secret")
            .put(&key, Bytes::new())
            .await
            .unwrap();
        let head = request.join().unwrap();
        assert!(
            head.contains("x-amz-server-side-encryption: aes256"),
            "{head}"
        );
        assert!(head.starts_with("put /tenfold-files/a "), "{head}");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "(s3://)?[a-zA-Z0-9.?&=:/-]{0,40}") {
            let _ = BucketUrl::parse(&text);
        }
    }
}
