//! A bare gRPC service with answers of 1 KB: about as fast as a service can be.

use bytes::Bytes;
use h2::server::SendResponse;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};

use crate::generator::server::BODY_BYTES;
use crate::generator::server::bare_process::{self, Counter};

/// Serves on one thread until standard input closes.
pub(crate) fn serve() -> anyhow::Result<()> {
    bare_process::serve(accept)
}

/// Answers the calls of every connection. Returns only if it can accept no more.
async fn accept(calls: TcpListener, counter: Counter) -> std::io::Result<()> {
    let message = message();
    loop {
        let (stream, _) = calls.accept().await?;
        tokio::spawn(answer_all(stream, message.clone(), counter.clone()));
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
async fn answer_all(stream: TcpStream, message: Bytes, counter: Counter) {
    // Without this option the stream is slower, but still correct.
    let _ = stream.set_nodelay(true);
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let (message, counter) = (message.clone(), counter.clone());
        tokio::spawn(async move {
            // A client that went away has no answer.
            let _ = answer(request, respond, message, &counter).await;
        });
    }
}

async fn answer(
    request: Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
    message: Bytes,
    counter: &Counter,
) -> Result<(), h2::Error> {
    let mut body = request.into_body();
    while let Some(data) = body.data().await {
        let length = data?.len();
        body.flow_control().release_capacity(length)?;
    }
    counter.add();
    let mut head = Response::new(());
    let kind = HeaderValue::from_static("application/grpc");
    head.headers_mut().insert(CONTENT_TYPE, kind);
    let mut stream = respond.send_response(head, false)?;
    stream.send_data(message, false)?;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers)
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
