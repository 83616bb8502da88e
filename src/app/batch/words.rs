//! Warnings in words of the command line: with the option that chooses otherwise.

use crate::io::{Choice, Warning};

/// The warnings of the scan that a command's options are of, a line each.
pub(super) fn with_options(warnings: &[Warning]) -> Vec<String> {
    let line = |warning: &Warning| match warning.choice() {
        None => warning.to_string(),
        Some(Choice::Frame) => format!("{warning}, choose another with --frame"),
        Some(Choice::Modality) => format!("{warning}, set it with --modality if that is wrong"),
        Some(Choice::Folder) => format!("{warning}; give its folder for the whole series"),
    };
    warnings.iter().map(line).collect()
}

/// The warnings of a file that has no options of its own, a line each.
pub(super) fn plain(warnings: &[Warning]) -> Vec<String> {
    warnings.iter().map(Warning::to_string).collect()
}
