//! Our networks against the recordings of the authors' code, folder by folder.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use prosector::models::DeviceChoice;
use prosector::models::checkpoint::HostTensor;
use prosector::train::parity::{Check, FixtureReport, Limit, ParityReport, run_folder};
use prosector::util::JobContext;

use crate::support::shared;

/// Runs every recording of a folder; a failure names the rows that are off, or the files of which not as much was
/// compared as `tests/data/parity_counts.toml` says, as where a trace was renamed.
fn assert_parity(folder: &Path) {
    assert_parity_of(folder, &[""]);
}

/// The same where the folder holds only the files that begin in one of these ways.
fn assert_parity_of(folder: &Path, kinds: &[&str]) {
    let report = run_folder(folder, DeviceChoice::Cpu, &JobContext::silent()).unwrap();
    let bad: Vec<String> = report
        .fixtures
        .iter()
        .filter(|fixture| !fixture.pass)
        .map(described)
        .collect();
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    assert_counts(folder, kinds, &report);
}

/// Of each file by name: rows, recorded tensors that they compare, and how many there are.
type Counts = BTreeMap<String, [usize; 3]>;

fn assert_counts(folder: &Path, kinds: &[&str], report: &ParityReport) {
    let all: BTreeMap<String, Counts> =
        toml::from_str(include_str!("../data/parity_counts.toml")).unwrap();
    let mut expected = all[folder.file_name().and_then(OsStr::to_str).unwrap()].clone();
    expected.retain(|file, _| kinds.iter().any(|kind| file.starts_with(kind)));
    let count = |f: &FixtureReport| (f.file.clone(), [f.tensors.len(), f.compared, f.recorded]);
    let found: Counts = report.fixtures.iter().map(count).collect();
    assert_eq!(found, expected);
    let total = |n: usize| expected.values().map(|counts| counts[n]).sum::<usize>();
    assert_eq!([report.compared, report.recorded], [total(1), total(2)]);
    for fixture in &report.fixtures {
        let left_out = fixture.recorded - fixture.compared;
        assert_eq!(fixture.not_compared.len(), left_out, "{}", fixture.file);
    }
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

#[test]
fn nnunet_networks_match_their_authors() {
    let kinds = ["nnunet_plain", "nnunet_resenc", "nnunet_blocks"];
    assert_parity_of_some("golden/nnunet", &kinds);
}

/// What happens to arrays before and after the networks.
#[test]
fn nnunet_stages_match_their_authors() {
    let kinds = [
        "nnunet_crop",
        "nnunet_gaussian",
        "nnunet_labels",
        "nnunet_normalize",
        "nnunet_postprocess",
        "nnunet_resample",
        "nnunet_steps",
        "nnunet_totalseg_resample",
    ];
    assert_parity_of_some("golden/nnunet", &kinds);
}

/// Runs the recordings of a shared folder that begin in one of these ways.
fn assert_parity_of_some(golden: &str, kinds: &[&str]) {
    let Some(golden) = shared(golden) else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join(golden.file_name().unwrap());
    std::fs::create_dir(&folder).unwrap();
    for entry in std::fs::read_dir(golden).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if kinds.iter().any(|kind| name.starts_with(kind)) {
            std::fs::copy(&path, folder.join(name)).unwrap();
        }
    }
    assert_parity_of(&folder, kinds);
}

#[test]
fn the_model_in_the_box_matches_its_twin() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/twin");
    assert_parity(&data);
}

/// Recordings with every operation of ours that the GPU computes otherwise than the CPU, small enough for a software
/// adapter.
const ON_GPU: &[&str] = &[
    "masam/sam_relpos_window.safetensors",
    "masam/sam_mask_decoder.safetensors",
    "autoprosam/autoprosam_mask_decoder.safetensors",
    "autoprosam/3dsam_image_encoder.safetensors",
    "desam/desam_prim.safetensors",
];

/// By the program, in a process of its own: an adapter can be opened only once in a process.
#[test]
fn networks_match_their_authors_on_the_gpu() {
    let folder = tempfile::tempdir().unwrap();
    for name in ON_GPU {
        let Some(recording) = shared(&format!("golden/{name}")) else {
            return;
        };
        let copy = folder.path().join(recording.file_name().unwrap());
        std::fs::copy(recording, copy).unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_prosector"))
        .args(["parity", ".", "--device", "gpu"])
        .current_dir(folder.path())
        .output()
        .expect("the program starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let is_ci = std::env::var_os("CI").is_some_and(|v| v == "true");
    if stderr.contains("no GPU can be used") && !is_ci {
        eprintln!("skipped: {stderr}");
        return;
    }
    let rows = String::from_utf8_lossy(&output.stdout);
    let bad: Vec<&str> = rows.lines().filter(|row| row.starts_with("FAIL")).collect();
    assert!(output.status.success(), "{stderr}\n{}", bad.join("\n"));
}

#[test]
fn a_row_compares_the_tensor_that_it_is_named_after() {
    let expected = HostTensor::new([2], vec![0.0, 1.0]);
    let mut check = Check::new(true);
    check.share_equal("out/argmax", &expected, &[0.0, 1.0], 0.0);
    check.host("mid/b0", &expected, &[2], &[0.0, 1.0], Limit::MaxAbs(0.0));
    let rows = check.into_rows();
    let compared = |name: &str| rows.iter().any(|row| row.compares(name));
    assert!(compared("out/argmax") && compared("mid/b0"));
    assert!(!compared("out/arg") && !compared("mid/b") && !compared("mid/b01"));
}

/// Held against 1e-5 of their length, where outputs may be off by 1e-4, whatever the size of the values.
#[test]
fn inner_activations_are_judged_by_their_own_size() {
    let judged = |name: &str, size: f32, off: f32, tolerance: f64| {
        let expected = HostTensor::new([4], vec![size, -size, size, size]);
        let found = [size + off, -size, size, size - off];
        let mut check = Check::new(true);
        check.host(name, &expected, &[4], &found, Limit::MaxAbs(tolerance));
        check.into_rows().remove(0).pass
    };
    assert!(judged("mid/decoder", 400.0, 4e-4, 2e-4));
    assert!(!judged("mid/decoder", 400.0, 2e-2, 2e-4));
    assert!(
        !judged("mid/decoder", 0.1, 9e-5, 1e-4),
        "much of so small a value"
    );
    assert!(!judged("out/logits", 400.0, 4e-4, 2e-4));
    assert!(
        judged("mid/silent", 0.0, 1e-5, 1e-4),
        "nothing to be relative to"
    );
    assert!(!judged("mid/exact", 400.0, 4e-4, 0.0));
}
