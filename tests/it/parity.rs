//! Our networks against the recordings of the authors' code, folder by folder.

use std::path::Path;

use prosector::models::DeviceChoice;
use prosector::train::parity::{FixtureReport, run_folder};
use prosector::util::JobContext;

use crate::support::shared;

/// Runs every recording of a folder; a failure names the rows that are off.
fn assert_parity(folder: &Path) {
    let report = run_folder(folder, DeviceChoice::Cpu, &JobContext::silent()).unwrap();
    let bad: Vec<String> = report
        .fixtures
        .iter()
        .filter(|fixture| !fixture.pass)
        .map(described)
        .collect();
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

fn described(fixture: &FixtureReport) -> String {
    let rows = fixture.tensors.iter().filter(|row| !row.pass);
    let rows = rows.map(|r| {
        format!(
            "  {} {:?}: max abs {:.2e}, relative L2 {:.2e}, tolerance {:.0e}",
            r.name, r.shape, r.max_abs, r.rel_l2, r.tolerance
        )
    });
    let reason = fixture.reason.as_deref().unwrap_or("rows differ:");
    let lines: Vec<String> = rows.collect();
    format!("{}: {reason}\n{}", fixture.file, lines.join("\n"))
}

#[test]
fn desam_and_autosam_match_their_authors() {
    if let Some(folder) = shared("golden/desam") {
        assert_parity(&folder);
    }
}

#[test]
fn sam_and_ma_sam_match_their_authors() {
    if let Some(folder) = shared("golden/masam") {
        assert_parity(&folder);
    }
}

#[test]
fn volume_networks_match_their_authors() {
    if let Some(folder) = shared("golden/autoprosam") {
        assert_parity(&folder);
    }
}
