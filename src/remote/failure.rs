//! What goes wrong between two machines.

use std::io::{self, ErrorKind};
use std::time::Duration;

/// How long an end may be silent, or not take what is sent, before it counts as gone.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Why the other end cannot be understood, or heard.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// The socket.
    #[error("{}", words(.0))]
    Io(#[from] io::Error),
    /// What came makes no sense.
    #[error("what came makes no sense: {0}")]
    Nonsense(&'static str),
}

/// A message without all the bytes that belong to it.
pub(super) const MISSING_PART: Broken = Broken::Nonsense("a part is missing");

/// An answer of another kind than what was asked.
pub(super) const OTHER_ANSWER: Broken = Broken::Nonsense("an answer to something else");

/// What a socket says, in words of people.
fn words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "it does not answer".to_owned(),
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected => "the other end closed it".to_owned(),
        _ => error.to_string(),
    }
}
