//! What is kept of a connection: where the archive is, and how to speak with it. No password.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::NetworkError;

/// How long an archive may be silent, in seconds, where the user does not say.
const TIMEOUT_S: u64 = 30;

/// Longest application entity title (PS3.5: AE).
const LONGEST_TITLE: usize = 16;

/// A connection that the user set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Who is at the other end.
    #[serde(flatten)]
    pub peer: Peer,
    /// Who asks, where the archive wants to know; the password is kept elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A file of certificates (PEM) that vouch for the archive, instead of those that the system trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<PathBuf>,
    /// How long the archive may be silent, in seconds.
    #[serde(default = "timeout_s", skip_serializing_if = "is_usual")]
    pub timeout_s: u64,
}

fn timeout_s() -> u64 {
    TIMEOUT_S
}

fn is_usual(seconds: &u64) -> bool {
    *seconds == TIMEOUT_S
}

/// Who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "protocol", rename_all = "lowercase")]
pub enum Peer {
    /// An application entity (DIMSE).
    Dimse(Dimse),
    /// A DICOMweb server.
    #[serde(rename = "dicomweb")]
    Web(Web),
}

/// An application entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dimse {
    /// Name or address.
    pub host: String,
    /// TCP port, usually 104, 4242 or 11112.
    pub port: u16,
    /// The archive's application entity title.
    pub called: String,
    /// Ours, as the archive knows it.
    pub calling: String,
    /// Encrypted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls: bool,
}

/// A DICOMweb server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Web {
    /// The address to which `/studies` is appended.
    pub url: String,
    /// What is given instead of a password is a token (OAuth 2).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub token: bool,
}

impl Connection {
    /// A connection without user and with the usual time-out.
    pub fn new(peer: Peer) -> Self {
        Self {
            peer,
            user: None,
            certificates: None,
            timeout_s: TIMEOUT_S,
        }
    }

    /// How long the archive may be silent.
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s.max(1))
    }

    /// Whether it is of no use without a password.
    pub fn needs_password(&self) -> bool {
        self.user.is_some() || matches!(&self.peer, Peer::Web(web) if web.token)
    }

    /// Where the archive is, for people.
    pub fn address(&self) -> String {
        match &self.peer {
            Peer::Dimse(peer) => format!("{}@{}:{}", peer.called, peer.host, peer.port),
            Peer::Web(peer) => peer.url.clone(),
        }
    }

    /// What the user should know before using it.
    pub fn doubts(&self) -> Option<String> {
        let is_open = match &self.peer {
            Peer::Dimse(peer) => !peer.tls,
            Peer::Web(peer) => !peer.url.starts_with("https://"),
        };
        (is_open && self.needs_password()).then(|| {
            "the password travels unencrypted over this connection: take https:// or --tls where the PACS has it"
                .to_owned()
        })
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// [`NetworkError::Setup`] with what does not.
    pub fn check(&self) -> Result<(), NetworkError> {
        let refuse = |reason: &str| Err(NetworkError::Setup(reason.to_owned()));
        match &self.peer {
            Peer::Dimse(peer) => {
                for title in [&peer.called, &peer.calling] {
                    let is_plain = title
                        .bytes()
                        .all(|b| (b' '..=b'~').contains(&b) && b != b'\\');
                    if !is_plain || title.trim().is_empty() || title.len() > LONGEST_TITLE {
                        return refuse(
                            "an application entity title has 1 to 16 plain characters, such as ORTHANC",
                        );
                    }
                }
                if peer.host.trim().is_empty() || peer.port == 0 {
                    return refuse(
                        "give the host and the port of the PACS, such as --host pacs.example --port 104",
                    );
                }
            }
            Peer::Web(peer) => {
                let rest = ["http://", "https://"].map(|scheme| peer.url.strip_prefix(scheme));
                let host = rest.into_iter().flatten().next().unwrap_or_default();
                if host.is_empty() || host.contains(['?', '#', ' ']) {
                    return refuse(
                        "a DICOMweb address begins with https:// or http://, such as https://pacs.example/dicom-web",
                    );
                }
                if host
                    .split('/')
                    .next()
                    .is_some_and(|name| name.contains('@'))
                {
                    return refuse(
                        "leave user and password out of the address: --user names the user, and the password is asked for",
                    );
                }
            }
        }
        Ok(())
    }
}
