//! What several test modules need.

use std::path::{Path, PathBuf};

/// A file or folder of the shared data, which lies beside the project (or where `PROSECTOR_SHARED` says).
///
/// `None`, with a line on stderr, where there is no shared data; with `CI=true` that fails the test.
pub fn shared(relative: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let root = std::env::var_os("PROSECTOR_SHARED").map_or_else(beside, PathBuf::from);
    let path = root.join(relative);
    if path.exists() {
        return Some(path);
    }
    let is_ci = std::env::var_os("CI").is_some_and(|v| v == "true");
    assert!(!is_ci, "the shared data has no {relative}");
    eprintln!("skipped: the shared data has no {relative}");
    None
}
