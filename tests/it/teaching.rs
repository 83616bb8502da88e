//! `prosector teach` and what comes of it: the gate, resuming, adapters that fit one base alone, and the way back.

use std::path::Path;
use std::process::Output;

use prosector::io::{save_image, save_labels};
use prosector::volume::phantom::phantom;
use prosector::volume::{LabelMap, LabelTable};
use serde_json::Value;

use super::support::{assert_refused, program, said};

/// A folder with copies of the phantom as cases, whose labels are moved by so many voxels.
fn cases(moved: &[usize]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let phantom = phantom();
    let image = &phantom.image;
    save_image(&folder.path().join("scan.nii.gz"), image).unwrap();
    let lesion = phantom.lesion_box();
    let mut text = String::new();
    for (n, &by) in moved.iter().enumerate() {
        let mut labels = LabelMap::empty(*image.grid());
        for (v, label) in labels.voxels.iter_mut().enumerate() {
            let mut at = image.grid().voxel_at(v);
            at.0[0] -= by as i64;
            *label = u16::from(lesion.contains(at));
        }
        let mut table = LabelTable::default();
        table.add(1, "nodule");
        save_labels(&folder.path().join(format!("{n}.nii.gz")), &labels, &table).unwrap();
        text.push_str(&format!(
            "[[case]]\nid = \"{n}\"\nimage = \"scan.nii.gz\"\ntruth = \"{n}.nii.gz\"\nmodality = \"ct\"\n\n"
        ));
    }
    std::fs::write(folder.path().join("cases.toml"), text).unwrap();
    folder
}

fn teach(folder: &Path, more: &[&str]) -> Output {
    let fixed = [
        "teach",
        "--cases",
        "cases.toml",
        "--steps",
        "2",
        "--device",
        "cpu",
        "-o",
        "nodule.safetensors",
    ];
    program(folder, &[&fixed[..], more].concat())
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn one_case_proves_nothing_and_is_kept_only_where_it_is_wanted() {
    let cases = cases(&[0]);
    let folder = cases.path();
    let structure = ["--structure", "nodule"];
    let refused = teach(folder, &structure);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("not proven"), "{}", said(&refused));
    assert!(!folder.join("nodule.safetensors").exists());

    let kept = teach(folder, &["--structure", "nodule", "--unproven", "--json"]);
    let report: Value = serde_json::from_str(&succeeded(&kept)).unwrap();
    assert_eq!(report["verdict"], "not_proven");
    let bytes = std::fs::read(folder.join("nodule.safetensors")).unwrap();
    assert_eq!(report["bytes"], bytes.len());
    assert!(bytes.len() < 8_000_000, "{} bytes", bytes.len());
    let text = String::from_utf8_lossy(&bytes);
    for told in ["cases.toml", "scan.nii", folder.to_str().unwrap()] {
        assert!(!text.contains(told), "the adapter tells {told}");
    }
    assert!(!folder.join("nodule.safetensors.teaching").exists());

    succeeded(&program(folder, &["models", "use", "nodule.safetensors"]));
    succeeded(&program(folder, &["models", "use", "nodule.safetensors"]));
    let listed = succeeded(&program(folder, &["models", "list"]));
    assert!(listed.contains("nodule-2"), "{listed}");
    assert!(
        listed
            .lines()
            .any(|l| l.starts_with("nodule-2") && l.ends_with("[in use]"))
    );
    succeeded(&program(folder, &["models", "verify"]));

    let back = succeeded(&program(folder, &["models", "rollback"]));
    assert!(back.starts_with("nodule is used"), "{back}");
    let back = succeeded(&program(folder, &["models", "rollback"]));
    assert!(back.starts_with("prosector1 is used"), "{back}");
    assert_refused(
        &program(folder, &["models", "rollback"]),
        "nothing to go back to",
    );

    succeeded(&program(
        folder,
        &["models", "export", "nodule", "-o", "again.safetensors"],
    ));
    let again = std::fs::read(folder.join("again.safetensors")).unwrap();
    let tail = |bytes: &[u8]| bytes[bytes.len() - 4096..].to_vec();
    assert_eq!(
        tail(&again),
        tail(&bytes),
        "the same weights come out again"
    );
}

#[test]
fn an_adapter_fits_no_other_base() {
    let cases = cases(&[0]);
    let folder = cases.path();
    succeeded(&teach(
        folder,
        &["--structure", "nodule", "--unproven", "--method", "norm"],
    ));
    let path = folder.join("nodule.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let key = b"base_sha256 = \\\"";
    let at = bytes.windows(key.len()).position(|w| w == key).unwrap() + key.len();
    bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
    std::fs::write(&path, bytes).unwrap();
    let refused = program(folder, &["models", "use", "nodule.safetensors"]);
    assert_refused(&refused, "upon other weights");
    assert_refused(
        &program(folder, &["models", "use", "cases.toml"]),
        "cases.toml",
    );
}

#[test]
fn labels_that_nothing_can_be_learnt_from_are_not_proven_and_resuming_keeps_what_was_measured() {
    // In each case something else is called a nodule.
    let cases = cases(&[0, 12]);
    let folder = cases.path();
    let refused = teach(folder, &[]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    let state = folder.join("nodule.safetensors.teaching");
    let measured = std::fs::read_to_string(state.join("fold_1.toml")).unwrap();
    assert!(measured.contains("given = \"click 3\""), "{measured}");
    assert!(!folder.join("nodule.safetensors").exists());
    assert_refused(
        &teach(folder, &["--resume", "--method", "adapter"]),
        "another method",
    );

    let kept = teach(folder, &["--resume", "--unproven", "--json"]);
    let report: Value = serde_json::from_str(&succeeded(&kept)).unwrap();
    assert_eq!(report["measured"].as_array().unwrap().len(), 3);
    succeeded(&program(folder, &["models", "use", "nodule.safetensors"]));
}
