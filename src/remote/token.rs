//! A secret that both ends know, and how each proves it without saying it.

use std::env;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::util::short_debug;

/// The environment variable with the token. It is not taken from the command line, which every user of a machine can read.
pub const TOKEN_VARIABLE: &str = "PROSECTOR_REMOTE_TOKEN";

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
        self.mac(parts).finalize().into_bytes().into()
    }

    /// Whether that is what was said, in a time that does not tell where it differs.
    pub(super) fn is_proof(&self, said: &[u8; PROOF], parts: &[&[u8]]) -> bool {
        self.mac(parts).verify_slice(said).is_ok()
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let key = Sha256::digest(self.0.as_bytes());
        let mac = Hmac::new_from_slice(&key).expect("HMAC takes keys of any length");
        parts.iter().fold(mac, |mac, part| mac.chain_update(*part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected by Python's `hmac` and `hashlib`.
    #[test]
    fn who_knows_the_token_proves_it() {
        let parts: [&[u8]; 3] = [b"serves", &[1; 16], &[2; 16]];
        let token = Token::new("a secret");
        let proof = token.proof(&parts);
        let hex: String = proof.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            hex,
            "1645257979411685aa32ac81a01dba01a736a4ad0f54bdf20fe80e1d7faabb67"
        );
        assert!(token.is_proof(&proof, &parts));
        assert!(!token.is_proof(&proof, &[b"asks", &[1; 16], &[2; 16]]));
        assert!(!Token::default().is_proof(&proof, &parts));
    }
}
