//! Passwords: never in a file of ours.

use std::env;

use keyring::{Entry, Error};

use super::{Connection, NetworkError};

/// Whose passwords they are in the system's keyring.
const SERVICE: &str = "Prosector PACS";

/// A password or token.
#[derive(Clone)]
pub struct Secret(String);

crate::util::short_debug! {
    Secret: |_| "a secret";
}

impl Secret {
    /// A password as it was typed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// The environment variable with the password of a connection: `PROSECTOR_PACS_PASSWORD_MY_PACS` for `my-pacs`.
pub fn password_variable(name: &str) -> String {
    let plain = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_uppercase(),
        false => '_',
    };
    let name: String = name.chars().map(plain).collect();
    format!("PROSECTOR_PACS_PASSWORD_{name}")
}

/// The password of a connection, where the environment or the system's keyring has it.
pub fn known_password(name: &str, connection: &Connection) -> Option<Secret> {
    let of_environment = env::var(password_variable(name)).ok();
    let of_environment = of_environment.filter(|text| !text.is_empty());
    let kept = || entry(name, connection).ok()?.get_password().ok();
    of_environment.or_else(kept).map(Secret)
}

/// Keeps a password in the system's keyring: on Windows and macOS until it is forgotten, on Linux in the kernel's until the
/// computer is restarted.
///
/// # Errors
/// There is no keyring, or it is locked.
pub fn remember_password(
    name: &str,
    connection: &Connection,
    password: &Secret,
) -> Result<(), NetworkError> {
    let kept = entry(name, connection).and_then(|entry| {
        entry.set_password(password.text())?;
        entry.get_password()
    });
    match kept {
        Ok(kept) if kept == password.text() => Ok(()),
        // As in a session of Linux that has no keyring of its own.
        Ok(_) | Err(Error::NoEntry) => Err(unusable(name, "it gives back nothing")),
        Err(error) => Err(unusable(name, &error.to_string())),
    }
}

/// Takes a password out of the system's keyring, if one is there.
///
/// # Errors
/// It is there, and cannot be taken out.
pub fn forget_password(name: &str, connection: &Connection) -> Result<(), NetworkError> {
    match entry(name, connection).and_then(|entry| entry.delete_credential()) {
        // Without a keyring nothing is kept.
        Ok(()) | Err(Error::NoEntry | Error::NoStorageAccess(_) | Error::PlatformFailure(_)) => {
            Ok(())
        }
        Err(error) => Err(unusable(name, &error.to_string())),
    }
}

/// A password is of a name and a place: under the same name it goes to no other archive.
fn entry(name: &str, connection: &Connection) -> Result<Entry, Error> {
    let user = connection.user.as_deref().unwrap_or_default();
    Entry::new(
        SERVICE,
        &format!("{name}: {user} at {}", connection.address()),
    )
}

fn unusable(name: &str, reason: &str) -> NetworkError {
    let variable = password_variable(name);
    NetworkError::Setup(format!(
        "{name}: the system's keyring cannot be used ({reason}); the password is not kept: type it, or set {variable}"
    ))
}
