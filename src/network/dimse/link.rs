//! An association: opened, spoken over, closed.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dicom_dictionary_std::tags;
use dicom_ul::association::Error;
use dicom_ul::association::client::TlsStream;
use dicom_ul::pdu::{
    AssociationRJServiceUserReason, AssociationRJSource, PDataValue, PDataValueType,
};
use dicom_ul::{ClientAssociation, ClientAssociationOptions, Pdu};
use rustls::ClientConfig;

use super::command::Command;
use crate::network::connection::Dimse;
use crate::network::{NetworkError, Secret};

/// Longest PDU that we take, in bytes.
const LONGEST_PDU: u32 = 1 << 17;
/// Longer than any command set.
const LONGEST_COMMAND: usize = 1 << 16;
/// Bytes of a data set that are handed on at once.
const CHUNK: usize = 1 << 16;
/// Contexts that an association can have: odd numbers of a byte.
pub(super) const MOST_CONTEXTS: usize = 128;

/// What objects are spoken of, and how they are encoded.
#[derive(PartialEq, Eq)]
pub(super) struct Context {
    pub class: String,
    pub syntaxes: Vec<String>,
}

impl Context {
    pub fn new(class: &str, syntaxes: &[&str]) -> Self {
        Self {
            class: class.to_owned(),
            syntaxes: syntaxes.iter().map(|&s| s.to_owned()).collect(),
        }
    }
}

/// What is needed to open associations with an archive.
pub(super) struct Dialer {
    pub peer: Dimse,
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub timeout: Duration,
    pub tls: Option<Arc<ClientConfig>>,
}

impl Dialer {
    /// Opens an association; of `kept` classes we take objects too.
    pub fn open(&self, contexts: &[Context], kept: &[&str]) -> Result<Link, NetworkError> {
        let Dimse {
            host,
            port,
            called,
            calling,
            ..
        } = &self.peer;
        let mut options = ClientAssociationOptions::new()
            .called_ae_title(called.as_str())
            .calling_ae_title(calling.as_str())
            .max_pdu_length(LONGEST_PDU)
            .connection_timeout(self.timeout)
            .read_timeout(self.timeout)
            .write_timeout(self.timeout);
        if let Some(user) = &self.user {
            options = options.username(user.as_str());
        }
        if let Some(password) = &self.password {
            options = options.password(password.text());
        }
        for context in contexts {
            let syntaxes = context.syntaxes.clone();
            options = options.with_presentation_context(context.class.clone(), syntaxes);
        }
        for class in kept {
            options = options.with_role_selection(*class, true, true);
        }
        let address = (host.as_str(), *port);
        let start = Instant::now();
        let wire = match &self.tls {
            None => options.establish(address).map(Wire::Plain),
            Some(tls) => {
                let options = options.server_name(host).tls_config(Arc::clone(tls));
                options
                    .establish_tls(address)
                    .map(|a| Wire::Tls(Box::new(a)))
            }
        };
        let mut wire = wire.map_err(|e| self.told(&e, contexts, start.elapsed()))?;
        // A command set and its data set are two writes before an answer; unsent the second would wait for the first's
        // acknowledgement, 40 ms an image.
        let socket = match &mut wire {
            Wire::Plain(association) => association.inner_stream(),
            Wire::Tls(association) => &mut association.inner_stream().sock,
        };
        if let Err(e) = socket.set_nodelay(true) {
            return Err(NetworkError::broken(&e, &self.place(), self.timeout));
        }
        Ok(Link {
            wire,
            pending: VecDeque::new(),
            messages: 0,
            place: self.place(),
            timeout: self.timeout,
        })
    }

    fn place(&self) -> String {
        format!("{}:{}", self.peer.host, self.peer.port)
    }

    /// The archive has no service of this class.
    pub fn does_not_offer(&self, class: &str) -> NetworkError {
        use dicom_dictionary_std::uids;
        let service = match class {
            uids::VERIFICATION => "C-ECHO",
            uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_FIND => "C-FIND",
            uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_GET => {
                return NetworkError::failed(
                    "does not offer C-GET to us; ask its administrator for it, or for a DICOMweb address",
                );
            }
            _ => "to keep objects of this kind",
        };
        NetworkError::failed(format!(
            "does not offer {service} to us; ask its administrator"
        ))
    }

    fn told(&self, error: &Error, contexts: &[Context], waited: Duration) -> NetworkError {
        let Dimse {
            host,
            port,
            called,
            calling,
            ..
        } = &self.peer;
        match error {
            Error::Rejected { association_rj, .. } => {
                use AssociationRJServiceUserReason as Why;
                NetworkError::failed(match &association_rj.source {
                    AssociationRJSource::ServiceUser(Why::CallingAETitleNotRecognized) => {
                        format!(
                            "does not know us as {calling}; have its administrator add this title, or give another (--calling)"
                        )
                    }
                    AssociationRJSource::ServiceUser(Why::CalledAETitleNotRecognized) => {
                        format!(
                            "the PACS at {host}:{port} is not called {called}; ask its administrator for its title (--called)"
                        )
                    }
                    _ => format!(
                        "refuses us ({calling} calling {called}); ask its administrator whether we may connect, or try again later"
                    ),
                })
            }
            Error::NoAcceptedPresentationContexts { .. } => match contexts {
                [only] => self.does_not_offer(&only.class),
                _ => self.does_not_offer(""),
            },
            Error::ToAddress { .. } => NetworkError::failed(format!(
                "there is no computer called {host}; check the name and the network"
            )),
            // dicom-ul says so of every first answer that does not come.
            Error::TlsNotSupported if waited < self.timeout => NetworkError::failed(format!(
                "{host}:{port} closed the connection at once; is that the PACS's DICOM port, and does it want encryption (--tls)?"
            )),
            Error::TlsNotSupported => {
                let late = io::Error::from(io::ErrorKind::TimedOut);
                NetworkError::broken(&late, &self.place(), self.timeout)
            }
            other => broken(other, &self.place(), self.timeout),
        }
    }
}

fn broken(error: &Error, place: &str, timeout: Duration) -> NetworkError {
    match error {
        Error::ConnectionClosed { .. } | Error::Aborted { .. } => {
            NetworkError::failed(NetworkError::closed(place))
        }
        other => NetworkError::broken(other, place, timeout),
    }
}

enum Wire {
    Plain(ClientAssociation<TcpStream>),
    Tls(Box<ClientAssociation<TlsStream>>),
}

/// The same for either kind of stream.
macro_rules! on {
    ($wire:expr, $association:ident => $body:expr) => {
        match $wire {
            Wire::Plain($association) => $body,
            Wire::Tls($association) => $body,
        }
    };
}

/// An open association. Dropped without [`Self::release`] it is aborted.
pub(super) struct Link {
    wire: Wire,
    /// Fragments that came with others.
    pending: VecDeque<PDataValue>,
    messages: u16,
    place: String,
    timeout: Duration,
}

impl Link {
    /// The contexts that were agreed on: number, class and transfer syntax.
    fn contexts(&self) -> impl Iterator<Item = (u8, &str, &str)> {
        let agreed = on!(&self.wire, a => a.presentation_contexts());
        let parts = agreed.iter();
        parts.map(|c| {
            (
                c.id,
                trimmed(&c.abstract_syntax),
                trimmed(&c.transfer_syntax),
            )
        })
    }

    /// The first context of a class that was agreed on, and its transfer syntax.
    pub fn context_of(&self, class: &str) -> Option<(u8, &str)> {
        let mut of_class = self.contexts().filter(|(_, of, _)| *of == class);
        of_class.next().map(|(id, _, syntax)| (id, syntax))
    }

    /// The context of a class with this transfer syntax.
    pub fn context_with(&self, class: &str, syntax: &str) -> Option<u8> {
        let mut found = self.contexts().filter(|c| (c.1, c.2) == (class, syntax));
        found.next().map(|(id, ..)| id)
    }

    /// The transfer syntax of a context.
    pub fn syntax_of(&self, context: u8) -> Option<&str> {
        let mut found = self.contexts().filter(|(id, ..)| *id == context);
        found.next().map(|(.., syntax)| syntax)
    }

    /// Sends a request; gives its number.
    pub fn ask(
        &mut self,
        context: u8,
        mut command: Command,
        data: Option<&mut dyn Read>,
    ) -> Result<u16, NetworkError> {
        self.messages += 1;
        command.put_number(tags::MESSAGE_ID, self.messages);
        command.put_number(tags::PRIORITY, 0);
        self.tell(context, command, data)?;
        Ok(self.messages)
    }

    /// Sends a message.
    pub fn tell(
        &mut self,
        context: u8,
        command: Command,
        data: Option<&mut dyn Read>,
    ) -> Result<(), NetworkError> {
        let pdu = Pdu::PData {
            data: vec![PDataValue {
                presentation_context_id: context,
                value_type: PDataValueType::Command,
                is_last: true,
                data: command.encoded(data.is_some())?,
            }],
        };
        let sent = on!(&mut self.wire, a => a.send(&pdu));
        sent.map_err(|e| broken(&e, &self.place, self.timeout))?;
        let Some(data) = data else { return Ok(()) };
        on!(&mut self.wire, a => {
            let mut writer = a.send_pdata(context);
            match copy(data, &mut writer) {
                Ok(()) => writer
                    .finish()
                    .map_err(|e| NetworkError::broken(&e, &self.place, self.timeout)),
                Err(Copied::Read(e)) => {
                    // Without its last fragment the object is not taken for whole.
                    writer.abandon();
                    Err(NetworkError::failed(format!("what was to be sent cannot be read: {e}")))
                }
                Err(Copied::Written(e)) => {
                    writer.abandon();
                    Err(NetworkError::broken(&e, &self.place, self.timeout))
                }
            }
        })
    }

    /// Waits for the command set of the next message, and gives its context.
    pub fn command(&mut self) -> Result<(u8, Command), NetworkError> {
        let mut bytes = Vec::new();
        loop {
            let value = self.fragment(PDataValueType::Command)?;
            bytes.extend_from_slice(&value.data);
            if bytes.len() > LONGEST_COMMAND {
                return Err(self.nonsense());
            }
            if value.is_last {
                let command = Command::decoded(&bytes)?;
                return Ok((value.presentation_context_id, command));
            }
        }
    }

    /// Hands on the data set that follows a command set. What `keep` refuses is not asked for again.
    pub fn data(
        &mut self,
        mut keep: impl FnMut(&[u8]) -> Result<(), NetworkError>,
    ) -> Result<(), NetworkError> {
        loop {
            let value = self.fragment(PDataValueType::Data)?;
            keep(&value.data)?;
            if value.is_last {
                return Ok(());
            }
        }
    }

    /// The data set that follows a command set, of at most so many bytes.
    pub fn small_data(&mut self, most: usize) -> Result<Vec<u8>, NetworkError> {
        let mut bytes = Vec::new();
        self.data(|more| {
            bytes.extend_from_slice(more);
            match bytes.len() > most {
                true => Err(NetworkError::failed(
                    "an answer of the PACS is far too long",
                )),
                false => Ok(()),
            }
        })?;
        Ok(bytes)
    }

    fn fragment(&mut self, kind: PDataValueType) -> Result<PDataValue, NetworkError> {
        loop {
            if let Some(value) = self.pending.pop_front() {
                return match value.value_type == kind {
                    true => Ok(value),
                    false => Err(self.nonsense()),
                };
            }
            let pdu = on!(&mut self.wire, a => a.receive());
            match pdu.map_err(|e| broken(&e, &self.place, self.timeout))? {
                Pdu::PData { data } => self.pending.extend(data),
                Pdu::AbortRQ { .. } | Pdu::ReleaseRQ => {
                    return Err(NetworkError::failed(NetworkError::closed(&self.place)));
                }
                _ => return Err(self.nonsense()),
            }
        }
    }

    fn nonsense(&self) -> NetworkError {
        NetworkError::failed(format!(
            "{} does not keep to the protocol; its administrator finds more in its log",
            self.place
        ))
    }

    /// Ends the association. What was asked is answered by then, so that a failure says nothing.
    pub fn release(self) {
        let _ = on!(self.wire, a => a.release());
    }
}

fn trimmed(uid: &str) -> &str {
    uid.trim_end_matches(['\0', ' '])
}

enum Copied {
    Read(io::Error),
    Written(io::Error),
}

fn copy(from: &mut dyn Read, to: &mut dyn Write) -> Result<(), Copied> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(n) => to.write_all(&chunk[..n]).map_err(Copied::Written)?,
            Err(e) => return Err(Copied::Read(e)),
        }
    }
}
