//! The protocol by hand, as a client would speak it that means no good.

use std::io::{Read, Write};
use std::net::TcpStream;

use sha2::{Digest, Sha256};

use super::server::PATIENCE;

/// Of the protocol.
pub const VERSION: u8 = 5;

pub fn greeting(version: u8) -> Vec<u8> {
    let mut greeting = b"PROSECTOR".to_vec();
    greeting.push(version);
    greeting.extend([5; 16]);
    greeting
}

/// HMAC-SHA-256 with the digest of a token as key.
pub fn proof(token: &str, text: &[u8]) -> [u8; 32] {
    let mut key = Sha256::digest(token.as_bytes()).to_vec();
    key.resize(64, 0);
    let hash = |pad: u8, text: &[u8]| {
        let padded: Vec<u8> = key.iter().map(|k| k ^ pad).collect();
        Sha256::digest([&padded[..], text].concat())
    };
    hash(0x5c, &hash(0x36, text)).into()
}

/// A connection that has greeted and was welcomed.
pub fn greeted(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&greeting(VERSION)).unwrap();
    let mut answer = [0; 26 + 32];
    stream.read_exact(&mut answer).unwrap();
    let nonces = [&[5; 16][..], &answer[10..26]].concat();
    let theirs = proof("", &[&b"serves"[..], &nonces].concat());
    assert_eq!(answer[26..], theirs, "it proves that it knows the token");
    let own = proof("", &[&b"asks"[..], &nonces].concat());
    stream.write_all(&own).unwrap();
    let welcome = header(&mut stream);
    assert!(welcome.contains("echo"), "{welcome}");
    stream
}

/// The header of the next frame, whose parts are left out.
pub fn header(stream: &mut TcpStream) -> String {
    let mut numbers = [0; 8];
    stream.read_exact(&mut numbers).unwrap();
    let number = |at: usize| u32::from_le_bytes(numbers[at..at + 4].try_into().unwrap());
    let mut lengths = vec![0; 8 * number(4) as usize];
    stream.read_exact(&mut lengths).unwrap();
    let mut header = vec![0; number(0) as usize];
    stream.read_exact(&mut header).unwrap();
    let parts = lengths
        .chunks(8)
        .map(|n| u64::from_le_bytes(n.try_into().unwrap()));
    stream
        .read_exact(&mut vec![0; parts.sum::<u64>() as usize])
        .unwrap();
    String::from_utf8(header).unwrap()
}

/// A frame of this header and parts.
pub fn frame(header: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut frame = (header.len() as u32).to_le_bytes().to_vec();
    frame.extend((parts.len() as u32).to_le_bytes());
    for part in parts {
        frame.extend((part.len() as u64).to_le_bytes());
    }
    frame.extend(header.as_bytes());
    parts.iter().for_each(|part| frame.extend(*part));
    frame
}

/// Whether the other end closes a connection after this was said.
pub fn closes(mut stream: TcpStream, said: &[u8]) -> bool {
    // It may close before all has gone.
    let _ = stream.write_all(said);
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(e) => e.kind() == std::io::ErrorKind::ConnectionReset,
    }
}
