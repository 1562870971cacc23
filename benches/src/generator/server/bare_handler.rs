//! A bare axum handler with 1 KB responses: about as fast as a server can be.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::serve::ListenerExt as _;

use crate::generator::server::BODY_BYTES;
use crate::generator::server::bare_process::{self, Counter};

#[derive(Debug, Clone)]
struct Shared {
    counter: Counter,
    body: Bytes,
}

/// Serves on one thread until standard input closes.
pub(crate) fn serve() -> anyhow::Result<()> {
    bare_process::serve(async |requests, counter| {
        let requests = requests.tap_io(|stream| {
            // Without this option the stream is slower, but still correct.
            let _ = stream.set_nodelay(true);
        });
        let body = Bytes::from(vec![b'x'; BODY_BYTES]);
        let answers = Router::new()
            .fallback(answer)
            .with_state(Shared { counter, body });
        axum::serve(requests, answers).await
    })
}

async fn answer(
    State(shared): State<Shared>,
    method: Method,
    // An unread body would prevent reuse of the connection.
    _body: Bytes,
) -> (StatusCode, Bytes) {
    shared.counter.add();
    if method == Method::GET {
        (StatusCode::OK, shared.body)
    } else {
        (StatusCode::CREATED, Bytes::new())
    }
}
