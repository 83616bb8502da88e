//! Servers that give canned answers, or none.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::orthanc::in_a_thread;

/// The port of a server that takes connections and says nothing.
pub fn silent() -> u16 {
    serve(|stream, open| open.push(stream))
}

/// The port of a server that gives this answer to every question.
pub fn answering(body: String) -> u16 {
    serve(move |stream, _| answer(stream, &body))
}

/// The port of one that does so over TLS.
pub fn answering_encrypted(body: String, certificate: &Path, key: &Path) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(certificate).unwrap()],
            PrivateKeyDer::from_pem_file(key).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    serve(move |stream, _| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        answer(StreamOwned::new(connection, stream), &body);
    })
}

fn answer(mut stream: impl Read + Write, body: &str) {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request);
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body.as_bytes());
}

/// Connections are kept open by `take` putting them into its second argument.
fn serve(take: impl Fn(TcpStream, &mut Vec<TcpStream>) + Send + 'static) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    in_a_thread(move || {
        let mut open = Vec::new();
        for stream in listener.incoming().flatten() {
            take(stream, &mut open);
        }
    });
    port
}
