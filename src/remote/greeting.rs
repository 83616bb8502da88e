//! How two programs find out that they understand each other, before anything else is said.
//!
//! Each says a magic word, the version of the protocol and a random number; then each proves that it knows the token by
//! what follows of both numbers. The one who serves proves it first, so that nothing of a scan goes to another who listens.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::failure::Broken;
use super::token::{PROOF, Token};

/// The version of the protocol; programs of different ones do not speak with each other.
pub(super) const VERSION: u8 = 5;

/// What every connection begins with.
const MAGIC: &[u8; 9] = b"PROSECTOR";
const NONCE: usize = 16;

/// A greeting is short, and the other end has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why they do not.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    /// The socket.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// Something else listens there, or asks.
    #[error("what listens there is not `prosector serve`: is the port right?")]
    Stranger,
    /// Another version.
    #[error(
        "it speaks version {0} of the protocol, this program version {VERSION}: install the same Prosector on both machines"
    )]
    Version(u8),
    /// Another token.
    #[error(
        "the tokens differ: set the environment variable PROSECTOR_REMOTE_TOKEN to the same text on both machines"
    )]
    Token,
}

impl From<std::io::Error> for Unfit {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error.into())
    }
}

/// Greets as who asks.
///
/// # Errors
/// Nobody with whom to speak.
pub(super) fn greet(stream: &mut TcpStream, token: &Token) -> Result<(), Unfit> {
    briefly(stream, |stream| {
        let own = say(stream)?;
        let other = hear(stream)?;
        let mut proof = [0; PROOF];
        stream.read_exact(&mut proof)?;
        if !token.is_proof(&proof, &[b"serves", &own, &other]) {
            return Err(Unfit::Token);
        }
        Ok(stream.write_all(&token.proof(&[b"asks", &own, &other]))?)
    })
}

/// Answers a greeting as who serves.
///
/// # Errors
/// As [`greet`].
pub(super) fn answer(stream: &mut TcpStream, token: &Token) -> Result<(), Unfit> {
    briefly(stream, |stream| {
        let own = match hear(stream) {
            // So that the other end can tell its user.
            Err(unfit @ Unfit::Version(_)) => {
                say(stream)?;
                return Err(unfit);
            }
            heard => {
                let other = heard?;
                let own = say(stream)?;
                stream.write_all(&token.proof(&[b"serves", &other, &own]))?;
                (other, own)
            }
        };
        let mut proof = [0; PROOF];
        stream.read_exact(&mut proof)?;
        match token.is_proof(&proof, &[b"asks", &own.0, &own.1]) {
            true => Ok(()),
            false => Err(Unfit::Token),
        }
    })
}

/// Within the time of a greeting.
fn briefly(
    stream: &mut TcpStream,
    greet: impl FnOnce(&mut TcpStream) -> Result<(), Unfit>,
) -> Result<(), Unfit> {
    stream.set_read_timeout(Some(PATIENCE))?;
    greet(stream)?;
    Ok(stream.set_read_timeout(None)?)
}

fn say(stream: &mut TcpStream) -> Result<[u8; NONCE], Unfit> {
    let nonce: [u8; NONCE] = rand::random();
    let mut greeting = MAGIC.to_vec();
    greeting.push(VERSION);
    greeting.extend(nonce);
    stream.write_all(&greeting)?;
    Ok(nonce)
}

fn hear(stream: &mut TcpStream) -> Result<[u8; NONCE], Unfit> {
    let mut magic = [0; MAGIC.len()];
    stream.read_exact(&mut magic)?;
    if &magic != MAGIC {
        return Err(Unfit::Stranger);
    }
    let mut version = [0];
    stream.read_exact(&mut version)?;
    if version != [VERSION] {
        return Err(Unfit::Version(version[0]));
    }
    let mut nonce = [0; NONCE];
    stream.read_exact(&mut nonce)?;
    Ok(nonce)
}
