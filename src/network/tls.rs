//! Encryption: who vouches for an archive.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use super::NetworkError;
use crate::io::IoError;

/// The cryptography.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The certificates in a PEM file.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, NetworkError> {
    let text = fs::read(path).map_err(|e| IoError::unreadable(path, e))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(NetworkError::Setup(format!(
            "{}: holds no certificates in PEM form; ask the PACS's administrator for them",
            path.display()
        ))),
    }
}

/// What a connection over TLS trusts: the certificates of the file, or else what the system trusts.
pub(super) fn client(file: Option<&Path>) -> Result<Arc<ClientConfig>, NetworkError> {
    let broken = |e: rustls::Error| NetworkError::Setup(format!("TLS cannot be set up: {e}"));
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(broken)?;
    let builder = match file {
        None => builder.with_platform_verifier().map_err(broken)?,
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(broken)?;
            }
            builder.with_root_certificates(roots)
        }
    };
    Ok(Arc::new(builder.with_no_client_auth()))
}
