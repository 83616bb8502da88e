//! What several test modules need.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

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

/// Copies a file, or a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        std::fs::copy(from, to).unwrap();
        return;
    }
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        copy(&path, &to.join(path.file_name().unwrap()));
    }
}

/// The program in a folder, with its models in there too, and no display.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prosector"));
    command
        .args(arguments)
        .current_dir(folder)
        .env("XDG_RUNTIME_DIR", folder)
        .env("PROSECTOR_MODELS", folder.join("models"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY");
    command
}

/// Runs the program as [`command`] has it, to its end.
pub fn program(folder: &Path, arguments: &[&str]) -> Output {
    let output = command(folder, arguments).output();
    output.expect("the program starts")
}

/// The same, under way; what it says on stderr can be read.
pub fn started(folder: &Path, arguments: &[&str]) -> Child {
    command(folder, arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// What a command said on stderr.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Exit code 1, nothing on stdout, and one line on stderr that holds `reason`.
pub fn assert_refused(output: &Output, reason: &str) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains(reason), "{said} does not say {reason}");
    assert!(output.stdout.is_empty());
}

/// Warnings as the facts that they tell.
pub fn told(warnings: &[prosector::io::Warning]) -> Vec<String> {
    warnings.iter().map(ToString::to_string).collect()
}
