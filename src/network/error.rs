//! Why something with an archive is refused: what, where, what to do, in one line.

use std::error::Error;
use std::io;
use std::time::Duration;

use crate::io::IoError;
use crate::util::{Cancelled, short_debug};

/// Why an archive, or what is kept of it, is of no use.
#[derive(thiserror::Error)]
pub enum NetworkError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The archive does not answer, or not as it should; before [`Self::of`] without the connection's name.
    #[error("{0}")]
    Failed(String),
    /// The connection is not set up as it should be.
    #[error("{0}")]
    Setup(String),
    /// The job was asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

short_debug! {
    NetworkError: |error| match error {
        NetworkError::Io(_) => "a file",
        NetworkError::Failed(_) => "the archive failed",
        NetworkError::Setup(_) => "the connection is not set up",
        NetworkError::Cancelled(_) => "cancelled",
    };
}

impl NetworkError {
    pub(super) fn failed(reason: impl Into<String>) -> Self {
        Self::Failed(reason.into())
    }

    /// With the name of the connection before its reason.
    pub(super) fn of(self, name: &str) -> Self {
        match self {
            Self::Failed(reason) => Self::Failed(format!("{name}: {reason}")),
            other => other,
        }
    }

    /// With words after its reason.
    pub(super) fn and(self, more: &str) -> Self {
        match self {
            Self::Failed(reason) => Self::Failed(format!("{reason}; {more}")),
            other => other,
        }
    }

    /// Of a connection to `place` that broke, or was never made.
    pub(super) fn broken(error: &(dyn Error + 'static), place: &str, timeout: Duration) -> Self {
        if let Some(why) = below::<rustls::Error>(error) {
            return Self::Failed(format!(
                "{place} cannot be trusted ({why}); where it has a certificate of its own, name that (--certificates)"
            ));
        }
        let Some(error) = below::<io::Error>(error) else {
            return Self::Failed(format!(
                "{place} does not keep to the protocol ({})",
                innermost(error)
            ));
        };
        use io::ErrorKind::{
            BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable,
            NetworkUnreachable, TimedOut, UnexpectedEof, WouldBlock,
        };
        Self::Failed(match error.kind() {
            ConnectionRefused => format!(
                "nothing listens at {place}; is the PACS running, and are host and port right?"
            ),
            HostUnreachable | NetworkUnreachable => {
                format!("{place} cannot be reached; is this computer on the PACS's network?")
            }
            TimedOut | WouldBlock => {
                let seconds = timeout.as_secs();
                format!(
                    "{place} has not answered for {seconds} s; try again, or give it longer (--timeout)"
                )
            }
            BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => Self::closed(place),
            _ => format!("{place}: {error}; check host, port and the network"),
        })
    }

    /// The words for a connection that the other side closed.
    pub(super) fn closed(place: &str) -> String {
        format!(
            "{place} closed the connection; try again, and ask its administrator if it stays so"
        )
    }
}

/// The first error of a type in a chain of causes. What an error of the operating system carries is its cause; one that
/// only carries another is none of its own.
fn below<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        let carried = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        match (carried, error.downcast_ref::<E>()) {
            (Some(inner), _) => next = Some(inner),
            (None, Some(found)) => return Some(found),
            (None, None) => next = error.source(),
        }
    }
    None
}

fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
