//! A model that computes on a colleague's machine: the same [`Segmenter`] here, the network there.
//!
//! The whole model is remote, not its operations: a scan goes over once for a connection (`coding/scan.rs`), a click costs
//! a few hundred bytes, and what comes back is a run-length coded mask. The one who serves (`serve/`) gives each connection
//! the same engine, so that a click goes before an automatic run there as it does here. A lesson goes over with all its
//! cases, and its adapter comes back (`lesson.rs`, `serve/lessons.rs`). Sockets are opened only by whoever
//! asked for it: `prosector serve`, or `--device remote:HOST:PORT`. Nothing is encrypted: between machines it goes through
//! an SSH tunnel, and a token ([`Token`]) keeps others on the same machines out.

mod coding;
mod failure;
mod frame;
mod greeting;
mod lesson;
mod link;
mod message;
mod processor;
mod segmenter;
mod serve;
mod token;
mod upload;

use crate::models::{ModelError, Segmenter, open_model as open_here};
use crate::train::TrainError;
use crate::train::teach::{TeachReport, TeachRequest, run as teach_here};
use crate::util::JobContext;

pub use processor::{Address, Processor};
pub use segmenter::RemoteSegmenter;
pub use serve::{Lessons, ServeError, Server};
pub use token::{TOKEN_VARIABLE, Token};

/// Opens a model where it is to compute. Here: by its id or the path of its card (`None`: the one in the box, unless another
/// was chosen). Elsewhere: the one that is served there, which must be of this id if one is named; the token is that of the
/// environment.
///
/// # Errors
/// As [`open_here`]; nobody serves there, or another model, version or token.
pub fn open_model(
    id: Option<&str>,
    processor: &Processor,
) -> Result<Box<dyn Segmenter>, ModelError> {
    match processor {
        Processor::Here(device) => open_here(id, *device),
        Processor::There(address) => {
            let token = Token::of_environment();
            Ok(Box::new(RemoteSegmenter::connect(address, id, token)?))
        }
    }
}

/// Teaches where a model is to compute, as [`teach_here`] does; elsewhere the request's device and what it was to resume are
/// not heeded. The token is that of the environment.
///
/// # Errors
/// As there; nobody serves there, other weights there, the connection lost.
pub fn teach(
    processor: &Processor,
    request: &TeachRequest,
    ctx: &JobContext,
) -> Result<TeachReport, TrainError> {
    match processor {
        Processor::Here(_) => teach_here(request, ctx),
        Processor::There(address) => lesson::teach(address, &Token::of_environment(), request, ctx),
    }
}
