//! A secret that both ends know, and how each proves it without saying it.

use std::env;

use sha2::{Digest, Sha256};

use crate::util::short_debug;

/// The environment variable with the token. It is not taken from the command line, which every user of a machine can read.
pub const TOKEN_VARIABLE: &str = "PROSECTOR_REMOTE_TOKEN";

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;

/// Bytes of a proof.
pub(super) const PROOF: usize = 32;

/// A secret of those who serve and those who use a model; without one it is the empty text, which everybody knows.
#[derive(Clone, Default)]
pub struct Token(String);

short_debug! {
    Token: |_| "a token";
}

impl Token {
    /// A token.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// That of [`TOKEN_VARIABLE`].
    pub fn of_environment() -> Self {
        Self(env::var(TOKEN_VARIABLE).unwrap_or_default())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What only who knows the token can say of `parts`, which are of fixed lengths: HMAC-SHA-256 (RFC 2104).
    pub(super) fn proof(&self, parts: &[&[u8]]) -> [u8; PROOF] {
        let key: [u8; PROOF] = Sha256::digest(self.0.as_bytes()).into();
        let padded = |with: u8| {
            let mut block = [with; BLOCK];
            block.iter_mut().zip(key).for_each(|(to, from)| *to ^= from);
            block
        };
        let mut inner = Sha256::new_with_prefix(padded(0x36));
        parts.iter().for_each(|part| inner.update(part));
        let outer = Sha256::new_with_prefix(padded(0x5c)).chain_update(inner.finalize());
        outer.finalize().into()
    }
}

/// Whether two proofs are the same, in a time that does not tell where they differ.
pub(super) fn is_same(a: &[u8; PROOF], b: &[u8; PROOF]) -> bool {
    a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}
