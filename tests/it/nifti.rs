//! Reading NIfTI: every shared file against nibabel, label maps, and files made wrong on purpose.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use glam::DVec3;
use prosector::geometry::Affine;
use prosector::io::{self, IoError, OpenOptions};
use prosector::util::{CancelToken, JobContext};
use prosector::volume::{Grid, ImageVolume, Modality, Rescale, VoxelData};
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

fn inspect(
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
fn kind(error: &IoError, path: &Path) -> &'static str {
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
            let is_dicom = path.extension().is_some_and(|e| e == "dcm");
            if path.is_file() && !is_dicom {
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
        ("fourD_3vol.nii.gz", "--frame"),
        ("pixdim_zero.nii.gz", "spacing"),
        ("int16.nii.gz", "guessed"),
        ("sheared_sform.nii.gz", "right angles"),
    ] {
        let (info, _) = inspect(&root.join(name), None).unwrap();
        let said = info.warnings.iter().any(|w| w.contains(word));
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

/// A sound uncompressed file of 5×4×3 int16 voxels, and where it lies.
fn sound_file(folder: &Path) -> (PathBuf, Vec<u8>) {
    let affine = Affine::from_spacing([1.0, 2.0, 3.0], [-10.0, 5.0, 7.0]);
    let voxels = VoxelData::I16((0..60).map(|v| v - 30).collect());
    let image = ImageVolume::new(
        Grid::new([5, 4, 3], affine),
        voxels,
        Rescale::IDENTITY,
        Modality::Mr,
    );
    let path = folder.join("sound.nii");
    io::save_image(&path, &image).unwrap();
    let bytes = fs::read(&path).unwrap();
    (path, bytes)
}

/// `bytes` with `field` at `at`.
fn patched(bytes: &[u8], at: usize, field: &[u8]) -> Vec<u8> {
    let mut patched = bytes.to_vec();
    patched[at..at + field.len()].copy_from_slice(field);
    patched
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn wrong_files_are_refused_with_their_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (path, sound) = sound_file(folder.path());
    let short = |v: i16| v.to_ne_bytes();
    let float = |v: f32| v.to_ne_bytes();
    let no_room = patched(&sound, 42, &[short(32767); 3].concat());
    let cases: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("empty", vec![], "not_a_scan", "empty"),
        (
            "text",
            b"dear radiologist,\n".to_vec(),
            "not_a_scan",
            "text",
        ),
        (
            "png",
            b"\x89PNG\r\n\x1a\n....".to_vec(),
            "not_a_scan",
            "picture",
        ),
        ("noise", vec![0x93; 500], "not_a_scan", "no scan format"),
        (
            "packed text",
            gzipped(b"hello"),
            "not_a_scan",
            "inside the gzip",
        ),
        (
            "half a header",
            sound[..200].to_vec(),
            "damaged",
            "inside its header",
        ),
        (
            "half the voxels",
            sound[..400].to_vec(),
            "damaged",
            "promises",
        ),
        (
            "negative dim",
            patched(&sound, 42, &short(-5)),
            "damaged",
            "impossible",
        ),
        (
            "zero dim",
            patched(&sound, 44, &short(0)),
            "damaged",
            "impossible",
        ),
        (
            "nine dims",
            patched(&sound, 40, &short(9)),
            "damaged",
            "dimensions",
        ),
        ("huge dims", no_room.clone(), "damaged", "promises"),
        ("huge packed dims", gzipped(&no_room), "damaged", "promises"),
        (
            "overflow",
            absurd_dims(&sound),
            "damaged",
            "impossibly large",
        ),
        (
            "early voxels",
            patched(&sound, 108, &float(8.0)),
            "damaged",
            "byte 8",
        ),
        (
            "NaN offset",
            patched(&sound, 108, &float(f32::NAN)),
            "damaged",
            "NaN",
        ),
        (
            "bits",
            patched(&sound, 70, &short(1)),
            "unsupported",
            "1-bit",
        ),
        (
            "float128",
            patched(&sound, 70, &short(1536)),
            "unsupported",
            "float128",
        ),
        (
            "unknown type",
            patched(&sound, 70, &short(77)),
            "unsupported",
            "77",
        ),
        (
            "no intercept",
            patched(&sound, 116, &float(f32::NAN)),
            "damaged",
            "intercept",
        ),
        ("no position", flat_sform(&sound), "damaged", "singular"),
        ("packed half", half_packed(&sound), "damaged", "ends"),
    ];
    for (name, bytes, expected, reason) in cases {
        fs::write(&path, bytes).unwrap();
        let error = inspect(&path, None).expect_err(name);
        assert_eq!(kind(&error, &path), expected, "{name}: {error}");
        assert!(error.to_string().contains(reason), "{name}: {error}");
    }
    let missing = folder.path().join("missing.nii");
    assert_eq!(
        kind(&inspect(&missing, None).unwrap_err(), &missing),
        "unreadable"
    );
}

fn absurd_dims(sound: &[u8]) -> Vec<u8> {
    let seven = [7_i16, 32767, 32767, 32767, 32767, 32767, 32767, 32767];
    patched(sound, 40, &seven.map(i16::to_ne_bytes).concat())
}

fn flat_sform(sound: &[u8]) -> Vec<u8> {
    let without_qform = patched(sound, 252, &0_i16.to_ne_bytes());
    patched(&without_qform, 280, &[0; 16])
}

fn half_packed(sound: &[u8]) -> Vec<u8> {
    let packed = gzipped(sound);
    packed[..packed.len() - 20].to_vec()
}

#[test]
fn unusual_but_sound_files_open() {
    let folder = tempfile::tempdir().unwrap();
    let (path, sound) = sound_file(folder.path());
    let (_, image) = inspect(&path, None).unwrap();
    let image = image.unwrap();
    let moved = [
        &patched(&sound, 108, &400_f32.to_ne_bytes())[..352],
        &[0; 48],
        &sound[352..],
    ];
    let padded = [gzipped(&sound), vec![0; 100]].concat();
    let members = [gzipped(&sound[..360]), gzipped(&sound[360..])].concat();
    for (name, bytes) in [
        ("a gap before the voxels", moved.concat()),
        ("offset 0", patched(&sound, 108, &[0; 4])),
        ("two gzip members", members),
        ("padding after gzip", padded),
        (
            "bytes after the voxels",
            gzipped(&[&sound[..], b"tail"].concat()),
        ),
        ("extension of size 0", patched(&sound, 348, &[1, 0, 0, 0])),
    ] {
        fs::write(&path, bytes).unwrap();
        let (_, opened) = inspect(&path, None).unwrap();
        assert_eq!(opened.unwrap().voxels(), image.voxels(), "{name}");
    }
    for (unit, scale) in [(1, 1000.0), (3, 1e-3), (0, 1.0)] {
        fs::write(&path, patched(&sound, 123, &[unit])).unwrap();
        let (info, _) = inspect(&path, None).unwrap();
        let spacing = info.spacing_mm.unwrap().map(|mm| mm / scale);
        let error = DVec3::from(spacing).distance(DVec3::new(1.0, 2.0, 3.0));
        assert!(error < 1e-6, "unit {unit}: {spacing:?}");
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

#[test]
fn reading_can_be_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = sound_file(folder.path());
    let cancel = CancelToken::default();
    cancel.cancel();
    let ctx = JobContext::new(cancel, |_, _| {});
    let result = io::inspect(&path, &OpenOptions::default(), &ctx);
    assert!(matches!(result, Err(IoError::Cancelled(_))));
}
