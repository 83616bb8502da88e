//! Passwords: never in a file of ours.

use std::env;

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

/// The password of a connection, where the environment has it.
pub fn password_from_environment(name: &str) -> Option<Secret> {
    let text = env::var(password_variable(name)).ok()?;
    (!text.is_empty()).then(|| Secret::new(text))
}
