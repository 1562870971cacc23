//! A TLS service whose handshakes fail after a while.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::raw_service::CLOSE;

/// Number of connections that a service accepts before its handshakes fail.
const SECURE_CONNECTIONS: usize = 20;

/// Starts a service with a certificate of its own, which answers in plain HTTP after some connections. It ends
/// with the test.
pub(crate) fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = Arc::new(config());
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let config = Arc::clone(&config);
            std::thread::spawn(move || match number < SECURE_CONNECTIONS {
                true => answer(StreamOwned::new(
                    ServerConnection::new(config).unwrap(),
                    stream,
                )),
                false => refuse(&stream),
            });
        }
    });
    address
}

fn config() -> ServerConfig {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], PrivateKeyDer::from(key))
        .unwrap()
}

/// Answers one request.
fn answer(stream: impl Read + Write) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line).is_ok_and(|read| read > 0) {
            continue;
        }
        return;
    }
    let _ = reader.get_mut().write_all(CLOSE.as_bytes());
}

/// Answers the first bytes of a handshake in plain HTTP.
fn refuse(mut stream: &TcpStream) {
    let _ = stream.read(&mut [0; 4096]);
    let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
}
