//! HTTP with one archive.

use std::io::Read;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use ureq::http::{Response, StatusCode};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, Error, SendBody};

use crate::network::connection::{Connection, Web};
use crate::network::{NetworkError, Secret, tls};

/// Longer than any answer in JSON.
const LONGEST_JSON: u64 = 256 << 20;

const JSON: &str = "application/dicom+json";

/// Speaks with one archive. Connections are kept for the next request.
pub(super) struct Http {
    agent: Agent,
    base: String,
    authorization: Option<String>,
    timeout: Duration,
}

impl Http {
    pub fn new(
        connection: &Connection,
        peer: &Web,
        password: Option<Secret>,
    ) -> Result<Self, NetworkError> {
        let timeout = connection.timeout();
        let roots = match &connection.certificates {
            None => RootCerts::PlatformVerifier,
            Some(path) => {
                let found = tls::certificates(path)?;
                let own = found.iter().map(|c| Certificate::from_der(c).to_owned());
                RootCerts::from(own)
            }
        };
        let tls = TlsConfig::builder()
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(tls::provider())
            .build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .tls_config(tls)
            // What is asked goes to the address that the user gave, and nowhere else.
            .proxy(None)
            .user_agent(concat!("Prosector/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(timeout))
            .timeout_connect(Some(timeout))
            .timeout_per_read(Some(timeout))
            .timeout_per_write(Some(timeout))
            .build();
        let authorization = password.map(|password| match (&connection.user, peer.token) {
            (Some(user), false) => {
                let pair = format!("{user}:{}", password.text());
                format!("Basic {}", STANDARD.encode(pair))
            }
            _ => format!("Bearer {}", password.text()),
        });
        Ok(Self {
            agent: config.into(),
            base: peer.url.trim_end_matches('/').to_owned(),
            authorization,
            timeout,
        })
    }

    /// An answer in JSON; `null` where there is nothing.
    pub fn json(&self, path: &str, parameters: &[(String, String)]) -> Result<Value, NetworkError> {
        let response = self.get(path, parameters, JSON)?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        self.value(self.accepted(response)?)
    }

    /// The JSON of an answer.
    pub fn value(&self, mut response: Response<Body>) -> Result<Value, NetworkError> {
        let body = response.body_mut().with_config().limit(LONGEST_JSON);
        let text = body.read_to_string().map_err(|e| self.broken(&e))?;
        serde_json::from_str(&text).ok().ok_or_else(|| {
            let base = &self.base;
            NetworkError::failed(format!(
                "{base} does not answer in DICOM's JSON; is this the address to which /studies is appended?"
            ))
        })
    }

    /// The answer to a question for objects, whatever it says.
    pub fn get(
        &self,
        path: &str,
        parameters: &[(String, String)],
        accept: &str,
    ) -> Result<Response<Body>, NetworkError> {
        let pairs = parameters.iter().map(|(name, value)| (name, value));
        let mut request = self.agent.get(format!("{}/{path}", self.base));
        request = request.query_pairs(pairs).header("Accept", accept);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        request.call().map_err(|e| self.broken(&e))
    }

    /// Sends a body of known length.
    pub fn post(
        &self,
        path: &str,
        content_type: &str,
        body: impl Read + 'static,
        length: u64,
    ) -> Result<Response<Body>, NetworkError> {
        let mut request = self.agent.post(format!("{}/{path}", self.base));
        request = request
            .header("Accept", JSON)
            .header("Content-Type", content_type)
            .header("Content-Length", length.to_string());
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let sent = request.send(SendBody::from_owned_reader(body));
        sent.map_err(|e| self.broken(&e))
    }

    /// An answer that is one.
    ///
    /// # Errors
    /// What the status says.
    pub fn accepted(&self, response: Response<Body>) -> Result<Response<Body>, NetworkError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let base = &self.base;
        Err(NetworkError::failed(match status.as_u16() {
            401 | 403 => match &self.authorization {
                Some(_) => format!("{base} refuses this user or password ({status})"),
                None => format!("{base} wants a user name and a password (--user; {status})"),
            },
            404 => format!(
                "there is nothing at this place of {base} ({status}); is this the address to which /studies is appended?"
            ),
            406 | 415 => format!("{base} does not speak DICOMweb as we do ({status})"),
            429 | 503 => format!("{base} is busy ({status}); try again later"),
            _ => format!("{base} answers {status}; its administrator finds more in its log"),
        }))
    }

    /// Of an answer that broke off, or never came.
    pub fn broken(&self, error: &Error) -> NetworkError {
        let base = &self.base;
        match error {
            Error::HostNotFound => NetworkError::failed(format!(
                "there is no computer of the name in {base}; check the address and the network"
            )),
            Error::Timeout(_) => {
                let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
                NetworkError::broken(&late, base, self.timeout)
            }
            Error::Io(e) => NetworkError::broken(e, base, self.timeout),
            Error::Protocol(_) | Error::ConnectionFailed => {
                NetworkError::failed(NetworkError::closed(base))
            }
            other => NetworkError::broken(other, base, self.timeout),
        }
    }

    /// Of a body that broke off.
    pub fn cut_off(&self, error: &std::io::Error) -> NetworkError {
        let inner = error.get_ref().and_then(|e| e.downcast_ref::<Error>());
        match inner {
            Some(error) => self.broken(error),
            None => NetworkError::broken(error, &self.base, self.timeout),
        }
    }
}
