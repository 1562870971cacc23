//! A bare gRPC service with answers of 1 KB: about as fast as a service can be.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use bytes::Bytes;
use h2::server::SendResponse;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};

use crate::generator::server::BODY_BYTES;
use crate::generator::server::bare_handler::{Listening, announce};

#[derive(Debug)]
struct Shared {
    count: AtomicU64,
    message: Bytes,
}

/// Serves on one thread until standard input closes.
pub(crate) fn serve() -> anyhow::Result<()> {
    tenfold_probe::limits::raise_open_files();
    std::thread::spawn(|| {
        // The pipe closes once the benchmark ends, normally or not.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(listen())
}

async fn listen() -> anyhow::Result<()> {
    let shared = Arc::new(Shared {
        count: AtomicU64::new(0),
        message: message(),
    });
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let (calls, status) = (bind().await?, bind().await?);
    let listening = Listening {
        address: calls.local_addr()?,
        status: status.local_addr()?,
    };
    announce(&listening).context("could not print the addresses")?;
    let counts = Router::new()
        .fallback(count)
        .with_state(Arc::clone(&shared));
    tokio::try_join!(
        accept(calls, shared),
        IntoFuture::into_future(axum::serve(status, counts)),
    )?;
    Ok(())
}

/// Answers the calls of every connection. Returns only if it can accept no more.
async fn accept(calls: TcpListener, shared: Arc<Shared>) -> std::io::Result<()> {
    loop {
        let (stream, _) = calls.accept().await?;
        tokio::spawn(answer_all(stream, Arc::clone(&shared)));
    }
}

/// `shop.Price` whose field 1 has 1 KB, behind the prefix of a message.
fn message() -> Bytes {
    let mut payload = vec![0x0a];
    // The length as a varint of two bytes.
    payload.extend([(BODY_BYTES & 0x7f) as u8 | 0x80, (BODY_BYTES >> 7) as u8]);
    payload.extend(vec![b'x'; BODY_BYTES]);
    let mut framed = vec![0];
    framed.extend((payload.len() as u32).to_be_bytes());
    framed.extend(payload);
    framed.into()
}

/// Answers the calls of a connection.
async fn answer_all(stream: TcpStream, shared: Arc<Shared>) {
    // Without this option the stream is slower, but still correct.
    let _ = stream.set_nodelay(true);
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // A client that went away has no answer.
            let _ = answer(request, respond, &shared).await;
        });
    }
}

async fn answer(
    request: Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
    shared: &Shared,
) -> Result<(), h2::Error> {
    let mut body = request.into_body();
    while let Some(data) = body.data().await {
        let length = data?.len();
        body.flow_control().release_capacity(length)?;
    }
    shared.count.fetch_add(1, Ordering::Relaxed);
    let mut head = Response::new(());
    let kind = HeaderValue::from_static("application/grpc");
    head.headers_mut().insert(CONTENT_TYPE, kind);
    let mut stream = respond.send_response(head, false)?;
    stream.send_data(shared.message.clone(), false)?;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers)
}

async fn count(State(shared): State<Arc<Shared>>) -> String {
    shared.count.load(Ordering::Relaxed).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_has_its_lengths() {
        let message = message();
        assert_eq!(message.len(), 5 + 3 + BODY_BYTES);
        assert_eq!(message[..8], [0, 0, 0, 4, 3, 0x0a, 0x80, 8]);
    }
}
