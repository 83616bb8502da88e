//! Archives on the network (PACS): what lies there, fetching series, sending objects. The only layer that opens a socket,
//! and only when it is asked to.
//!
//! Two protocols stand behind [`Archive`]: DIMSE (`dimse/`: C-ECHO, C-FIND, C-GET, C-STORE) and DICOMweb (`web/`: QIDO, WADO,
//! STOW). What both share is here: the user's connections (`store.rs`), what is asked for (`query.rs`), which files are
//! missing (`fetch.rs`, `inbox.rs`), and what is sent (`outgoing.rs`). Everything blocks, and waits no longer than the
//! connection's time-out for a sign of life; callers have a thread of their own.

mod connection;
mod dimse;
mod error;
mod fetch;
mod inbox;
mod meta;
mod outgoing;
mod query;
mod secret;
mod store;
mod tls;
mod web;

pub use connection::{Connection, Dimse, Peer, Web};
pub use error::NetworkError;
pub use fetch::{Fetched, Wanted};
pub use outgoing::dicom_files;
pub use query::{Found, FoundSeries, Query};
pub use secret::{Secret, forget_password, known_password, password_variable, remember_password};
pub use store::Connections;

use std::path::{Path, PathBuf};

use crate::util::JobContext;
use inbox::Inbox;
use outgoing::Outgoing;
use query::{Image, Level, Row};

/// What a protocol does; errors do not name the connection.
trait Protocol {
    /// Asks for a sign of life.
    fn echo(&self) -> Result<(), NetworkError>;

    /// The studies or series that match, at most `most` of them, and whether there are more. Of series, `study` says whose.
    fn find(
        &self,
        level: Level,
        study: Option<&str>,
        query: &Query,
        most: usize,
    ) -> Result<(Vec<Row>, bool), NetworkError>;

    /// The images of a series.
    fn images(&self, study: &str, series: &str) -> Result<Vec<Image>, NetworkError>;

    /// Has the images that the inbox waits for sent.
    fn retrieve(
        &self,
        study: &str,
        series: &str,
        inbox: &mut Inbox,
        ctx: &JobContext,
    ) -> Result<(), NetworkError>;

    /// Sends objects, and stops at the first that is not taken.
    fn send(&self, objects: &[Outgoing], ctx: &JobContext) -> Result<(), NetworkError>;
}

/// A connection in use. Nothing is opened before something is asked of it, and nothing stays open.
pub struct Archive {
    name: String,
    protocol: Box<dyn Protocol + Send>,
}

crate::util::short_debug! {
    Archive: |archive| format_args!("the archive {}", archive.name);
}

impl Archive {
    /// The archive of a connection; `password` where that needs one.
    ///
    /// # Errors
    /// Certificates that cannot be read, a password that is needed and missing.
    pub fn new(
        name: &str,
        connection: &Connection,
        password: Option<Secret>,
    ) -> Result<Self, NetworkError> {
        if connection.needs_password() && password.is_none() {
            return Err(NetworkError::Setup(format!(
                "{name}: needs a password: set the environment variable {}, or type it where the program asks for it",
                password_variable(name)
            )));
        }
        let protocol: Result<Box<dyn Protocol + Send>, NetworkError> = match &connection.peer {
            Peer::Dimse(peer) => dimse::Client::new(connection, peer, password)
                .map(|client| Box::new(client) as Box<dyn Protocol + Send>),
            Peer::Web(peer) => web::Client::new(connection, peer, password)
                .map(|client| Box::new(client) as Box<dyn Protocol + Send>),
        };
        Ok(Self {
            name: name.to_owned(),
            protocol: protocol.map_err(|e| e.of(name))?,
        })
    }

    /// Asks for a sign of life.
    ///
    /// # Errors
    /// [`NetworkError::Failed`] with what is in the way.
    pub fn echo(&self) -> Result<(), NetworkError> {
        self.protocol.echo().map_err(|e| e.of(&self.name))
    }

    /// The series that match.
    ///
    /// # Errors
    /// As [`Self::echo`]; cancelled.
    pub fn find(&self, query: &Query, ctx: &JobContext) -> Result<Found, NetworkError> {
        query::find(self.protocol.as_ref(), query, ctx).map_err(|e| e.of(&self.name))
    }

    /// Fetches the images of a series, or of a study, into a folder, which is made if missing. Files that are there already
    /// stay, and are not fetched again.
    ///
    /// # Errors
    /// As [`Self::echo`]; what was fetched whole is in the folder then, and nothing else.
    pub fn fetch(
        &self,
        wanted: &Wanted,
        folder: &Path,
        ctx: &JobContext,
    ) -> Result<Fetched, NetworkError> {
        fetch::fetch(self.protocol.as_ref(), wanted, folder, ctx).map_err(|e| e.of(&self.name))
    }

    /// Sends DICOM files, and gives how many: all of them are checked before the first is sent.
    ///
    /// # Errors
    /// A file that is no DICOM; as [`Self::echo`].
    pub fn send(&self, files: &[PathBuf], ctx: &JobContext) -> Result<usize, NetworkError> {
        let objects: Result<Vec<Outgoing>, NetworkError> =
            files.iter().map(|path| Outgoing::read(path)).collect();
        let objects = objects?;
        self.protocol
            .send(&objects, ctx)
            .map_err(|e| e.of(&self.name))?;
        Ok(objects.len())
    }
}
