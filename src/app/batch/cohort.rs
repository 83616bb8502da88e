//! A list of cases in parts, each done by a process of its own, perhaps on another machine.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::cli::ShardArg;
use crate::io::IoError;
use crate::io::atomic::replace_text;

use super::Refusal;

/// The numbers, from 0, of the cases of a part among `count`: dealt out in turn, so that parts are as long as each other and
/// neighbours in the list, which are alike, go to different ones. All of them where there are no parts.
pub(super) fn dealt(shard: Option<ShardArg>, count: usize) -> impl Iterator<Item = usize> {
    let (first, step) = shard.map_or((0, 1), |shard| (shard.number - 1, shard.of));
    (first..count).step_by(step)
}

/// Tells runs apart: equal for equal texts, whichever machine works on them.
pub(super) fn fingerprint(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    hash.update(env!("CARGO_PKG_VERSION"));
    for text in texts {
        // The length keeps texts apart.
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    let whole = hash.finalize();
    whole[..16].iter().map(|b| format!("{b:02x}")).collect()
}

/// Reads a small file that such a run wrote; TOML, since it gives numbers back to the last bit.
pub(super) fn read_record<T: DeserializeOwned>(path: &Path) -> Result<T, Refusal> {
    let text = std::fs::read_to_string(path).map_err(|e| IoError::unreadable(path, e))?;
    toml::from_str(&text).map_err(|e| {
        let message = e.message().lines().collect::<Vec<_>>().join(" ");
        Refusal::Other(format!(
            "{}: is not what a part of a run wrote: {message}; give its file, or remove it",
            path.display()
        ))
    })
}

/// Writes one, whole or not at all.
pub(super) fn write_record<T: Serialize>(path: &Path, record: &T) -> Result<(), Refusal> {
    let text = toml::to_string(record)
        .map_err(|e| Refusal::Other(format!("{}: cannot be written: {e}", path.display())))?;
    Ok(replace_text(path, &text)?)
}

#[cfg(test)]
mod tests {
    use super::{ShardArg, dealt, fingerprint};

    #[test]
    fn every_case_is_in_one_part() {
        for of in 1..9 {
            let mut all: Vec<usize> = (1..=of)
                .flat_map(|number| dealt(Some(ShardArg { number, of }), 7))
                .collect();
            all.sort_unstable();
            assert_eq!(all, (0..7).collect::<Vec<_>>(), "of {of}");
        }
        assert_eq!(dealt(None, 3).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn runs_are_told_apart_by_each_text() {
        let same = || fingerprint(&["ab", "c"]);
        assert_eq!(same(), same());
        assert_ne!(same(), fingerprint(&["a", "bc"]));
        assert_ne!(same(), fingerprint(&["ab", "d"]));
    }
}
