//! One document read from a service.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::header::ACCEPT;
use http::{HeaderValue, Method};
use tenfold_scenarios::Rendered;

use crate::LoadError;
use crate::answer::Reply;
use crate::connect::Target;
use crate::http::{Connection, Endpoint, Keep, Outgoing};

/// The longest time to read a document, once connected.
const READ_MAX: Duration = Duration::from_secs(60);

/// Reads the document at a path of a target with a single GET request.
///
/// At most `bytes_max` bytes of its body are kept; [`Reply::body_bytes`] is its whole length. Redirects
/// are not followed.
///
/// # Errors
/// If the target can't be reached, or does not answer completely within a minute.
pub fn fetch(target: &Target, path: &str, bytes_max: usize) -> Result<Reply, LoadError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| LoadError::System {
            action: "start a runtime",
            source,
        })?;
    runtime.block_on(read(target, path, bytes_max))
}

async fn read(target: &Target, path: &str, bytes_max: usize) -> Result<Reply, LoadError> {
    let endpoint = Endpoint::reach(target).await?;
    let mut rendered = Rendered::default();
    path.clone_into(&mut rendered.path);
    let accepted = HeaderValue::from_static("application/json, application/yaml, */*;q=0.5");
    rendered.headers.push((ACCEPT, accepted));
    let outgoing = Outgoing {
        method: &Method::GET,
        endpoint: &endpoint,
        prefix: &endpoint.target.prefix,
        rendered: &rendered,
        is_written: &AtomicBool::new(false),
        events: None,
    };
    let keep = Keep {
        headers: true,
        body_limit: bytes_max,
        ..Keep::default()
    };
    let mut connection = Connection::default();
    let exchange = connection.exchange(outgoing, |_status| keep, || 0);
    let unreadable = |reason: String| LoadError::Unreachable {
        target: target.to_string(),
        reason,
    };
    let answer = tokio::time::timeout(READ_MAX, exchange)
        .await
        .map_err(|_| unreadable(format!("no complete answer within {READ_MAX:?}")))?
        .map_err(|failure| unreadable(format!("the answer failed ({failure})")))?;
    Ok(Reply::new(Some(&answer), None))
}
