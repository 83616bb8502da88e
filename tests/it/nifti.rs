//! Reading NIfTI: every shared file against nibabel, doubts, guesses, label maps.

use std::fs;
use std::path::{Path, PathBuf};

use prosector::geometry::Affine;
use prosector::io::{self, IoError, OpenOptions};
use prosector::util::JobContext;
use prosector::volume::{ImageVolume, Modality};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::support::shared;

#[derive(Deserialize)]
struct Expectation {
    path: String,
    refused: Option<String>,
    #[serde(default)]
    dims: [usize; 3],
    #[serde(default)]
    frames: usize,
    #[serde(default)]
    dtype: String,
    #[serde(default)]
    affine: [[f64; 4]; 4],
    #[serde(default)]
    values: Vec<FrameValues>,
}

#[derive(Deserialize)]
struct FrameValues {
    frame: usize,
    sum: f64,
    sum_abs: f64,
    min: f64,
    max: f64,
    non_finite: usize,
    samples: Vec<([usize; 3], Option<f64>)>,
    sha256: String,
}

fn expectations() -> Vec<Expectation> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/nifti_expectations.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

pub fn inspect(
    path: &Path,
    frame: Option<usize>,
) -> Result<(io::ScanInfo, Option<ImageVolume>), IoError> {
    let options = OpenOptions {
        frame,
        ..OpenOptions::default()
    };
    io::inspect(path, &options, &JobContext::silent())
}

/// The name of a refusal's variant, and a check that its message is one useful line.
pub fn kind(error: &IoError, path: &Path) -> &'static str {
    let message = error.to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(
        message.contains(&*path.file_name().unwrap().to_string_lossy()),
        "{message}"
    );
    match error {
        IoError::Unreadable { .. } => "unreadable",
        IoError::NotAScan { .. } => "not_a_scan",
        IoError::Damaged { .. } => "damaged",
        IoError::Unsupported { .. } => "unsupported",
        IoError::NoSuchFrame { .. } => "no_such_frame",
        IoError::NotLabels { .. } => "not_labels",
        _ => "other",
    }
}

#[test]
fn every_shared_file_reads_as_nibabel_reads_it_or_is_refused() {
    let Some(root) = shared("data") else { return };
    for expected in expectations() {
        let path = root.join(&expected.path);
        if let Some(refused) = &expected.refused {
            let error = inspect(&path, None).expect_err(&expected.path);
            assert_eq!(kind(&error, &path), refused, "{error}");
            continue;
        }
        for values in &expected.values {
            let frame = (expected.frames > 1).then_some(values.frame);
            let (info, image) = inspect(&path, frame).unwrap();
            let image = image.unwrap();
            assert_eq!(info.dims, Some(expected.dims), "{}", expected.path);
            assert_eq!(info.frames, Some(expected.frames), "{}", expected.path);
            assert_eq!(
                info.dtype.as_ref(),
                Some(&expected.dtype),
                "{}",
                expected.path
            );
            assert_same_affine(&image.grid().affine, &expected.affine, &expected.path);
            assert_same_values(&image, &info, values, &expected.path);
        }
    }
}

#[test]
fn no_shared_file_is_forgotten() {
    let Some(root) = shared("data") else { return };
    let known = expectations();
    for folder in ["nifti", "labelled"] {
        let entries = walkdir::WalkDir::new(root.join(folder)).into_iter();
        for path in entries.map(|e| e.unwrap().into_path()) {
            // `formats.rs` has those of NRRD.
            let is_other = path.extension().is_some_and(|e| e == "dcm" || e == "nrrd");
            if path.is_file() && !is_other {
                let relative = path.strip_prefix(&root).unwrap();
                let listed = known.iter().any(|e| Path::new(&e.path) == relative);
                assert!(listed, "{} has no expectation", relative.display());
            }
        }
    }
}

fn assert_same_affine(affine: &Affine, expected: &[[f64; 4]; 4], path: &str) {
    for (row, expected_row) in affine.to_rows().iter().zip(expected) {
        for (&a, &e) in row.iter().zip(expected_row) {
            assert!(
                (a - e).abs() <= 1e-6 * e.abs().max(1.0),
                "{path}: {a} is not {e}"
            );
        }
    }
}

fn assert_same_values(
    image: &ImageVolume,
    info: &io::ScanInfo,
    expected: &FrameValues,
    path: &str,
) {
    let mut hash = Sha256::new();
    let (mut sum, mut sum_abs, mut non_finite) = (0.0, 0.0, 0);
    for offset in 0..image.grid().len() {
        let value = image.value(offset);
        hash.update(if value.is_nan() { f64::NAN } else { value }.to_le_bytes());
        if value.is_finite() {
            sum += value;
            sum_abs += value.abs();
        } else {
            non_finite += 1;
        }
    }
    // JSON numbers come back within a rounding; that all bits are right is the hash's word.
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * b.abs();
    for &([i, j, k], value) in &expected.samples {
        let ours = image.value(image.grid().offset(i, j, k));
        let same = value.map_or(!ours.is_finite(), |v| near(ours, v));
        assert!(same, "{path} {i},{j},{k}: {ours} is not {value:?}");
    }
    assert_eq!(non_finite, expected.non_finite, "{path}");
    let (min, max) = info.value_range.expect("some value is finite");
    assert!(near(min, expected.min) && near(max, expected.max), "{path}");
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * expected.sum_abs.max(1.0);
    assert!(
        close(sum, expected.sum) && close(sum_abs, expected.sum_abs),
        "{path}"
    );
    let hash: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hash, expected.sha256, "{path}: some voxel differs");
}

#[test]
fn doubts_are_said() {
    let Some(root) = shared("data/nifti/derived_ts") else {
        return;
    };
    for (name, word) in [
        ("sform_qform_conflict.nii.gz", "disagree"),
        ("no_orientation.nii.gz", "no orientation"),
        ("nan_inf.nii.gz", "finite"),
        ("rgb24.nii.gz", "luminance"),
        ("fourD_3vol.nii.gz", "frame 0 is used"),
        ("pixdim_zero.nii.gz", "spacing"),
        ("int16.nii.gz", "guessed"),
        ("sheared_sform.nii.gz", "right angles"),
    ] {
        let (info, _) = inspect(&root.join(name), None).unwrap();
        let said = info.warnings.iter().any(|w| w.to_string().contains(word));
        assert!(said, "{name}: {:?}", info.warnings);
    }
    let quiet = OpenOptions {
        modality: Some(Modality::Ct),
        ..OpenOptions::default()
    };
    for name in [
        "plain.nii",
        "nifti2.nii.gz",
        "oblique_20deg.nii.gz",
        "pair.img",
    ] {
        let scan = io::open_scan(&root.join(name), &quiet, &JobContext::silent()).unwrap();
        assert!(
            scan.info.warnings.is_empty(),
            "{name}: {:?}",
            scan.info.warnings
        );
        assert!(!scan.info.modality_guessed);
    }
}

#[test]
fn the_kind_of_scan_is_guessed_from_the_values() {
    let Some(root) = shared("data/train") else {
        return;
    };
    let sarcoma = fs::read_dir(root.join("sarcoma")).unwrap();
    let patients = sarcoma.map(|e| e.unwrap().path()).filter(|p| p.is_dir());
    let mut scans: Vec<(PathBuf, Modality)> = patients
        .flat_map(|p| {
            [
                (p.join("CT_image.nii.gz"), Modality::Ct),
                (p.join("MR_T1_image.nii.gz"), Modality::Mr),
                (p.join("PET_image.nii.gz"), Modality::Pet),
            ]
        })
        .filter(|(p, _)| p.is_file())
        .collect();
    let hippocampus = fs::read_dir(root.join("hippocampus/images")).unwrap();
    scans.extend(hippocampus.map(|e| (e.unwrap().path(), Modality::Mr)));
    scans.push((root.join("head_neck/pt_100_ct.nii.gz"), Modality::Ct));
    assert!(scans.len() > 100);
    for (path, expected) in scans {
        let (info, _) = inspect(&path, None).unwrap();
        assert_eq!(info.modality, Some(expected), "{}", path.display());
        assert!(info.modality_guessed);
    }
}

#[test]
fn label_maps_open_in_any_type_with_their_names() {
    let Some(root) = shared("data/labelled") else {
        return;
    };
    let open = |name: &str| io::open_labels(&root.join(name), &JobContext::silent());
    let (labels, table, _) = open("ts_aorta_1p5mm/T716_aorta_true_false_lumen.nii.gz").unwrap();
    assert_eq!(labels.counts(), [(1, 37595), (2, 36170)]);
    assert_eq!(table.get(1).unwrap().name, "aorta_true_lumen");
    assert_eq!(table.get(1).unwrap().color, [0, 255, 0]);
    assert_eq!(table.get(2).unwrap().name, "aorta_false_lumen");
    let (floats, table, _) = open("brats2013/brats_2013_pat0006_1/OTMultiClass.nii.gz").unwrap();
    assert_eq!(
        floats.counts(),
        [(1, 41838), (2, 109_935), (3, 22228), (4, 43379)]
    );
    assert_eq!(table.get(3).unwrap().name, "label_3");
    let (doubles, ..) = open("ts_abdomen_3mm/labels_v1_104.nii.gz").unwrap();
    assert_eq!(doubles.counts()[0], (1, 9677));
    let (rescaled, ..) = open("brats2013/brats_2013_pat0006_1/brainmask.nii.gz").unwrap();
    assert_eq!(rescaled.counts().len(), 1);
}

#[test]
fn images_are_no_label_maps() {
    let Some(root) = shared("data") else { return };
    for name in [
        "nifti/derived_ts/int16.nii.gz",
        "nifti/derived_ts/float32.nii.gz",
        "nifti/derived_ts/nan_inf.nii.gz",
        "nifti/derived_ts/rgb24.nii.gz",
        "nifti/itksnap/seg4d_11f.nii.gz",
        "labelled/brats2013/brats_2013_pat0006_1/T1c_subtrMeanDivStd.nii.gz",
    ] {
        let path = root.join(name);
        let error = io::open_labels(&path, &JobContext::silent()).unwrap_err();
        assert_eq!(kind(&error, &path), "not_labels", "{error}");
    }
}

#[test]
fn a_frame_that_is_not_there_is_refused() {
    let Some(path) = shared("data/nifti/derived_ts/fourD_3vol.nii.gz") else {
        return;
    };
    let error = inspect(&path, Some(3)).unwrap_err();
    assert_eq!(kind(&error, &path), "no_such_frame");
    assert!(error.to_string().contains("--frame 0 to 2"), "{error}");
    let frames = [0, 1, 2].map(|f| inspect(&path, Some(f)).unwrap().1.unwrap());
    assert_ne!(frames[0].voxels(), frames[2].voxels());
}
