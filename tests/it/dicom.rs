//! Reading DICOM: every shared file against pydicom, the transfer syntaxes against each other, series
//! against their NIfTI twins, and folders made wrong on purpose.

use std::fs;
use std::path::Path;

use prosector::geometry::Affine;
use prosector::io::{self, IoError, OpenOptions, Scan};
use prosector::util::{CancelToken, JobContext};
use prosector::volume::{Grid, Modality};
use serde::Deserialize;

use crate::support::{shared, told};

/// A row of `tests/data/dicom_expectations.json`, made by `tests/make_dicom_expectations.py`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Row {
    Volume(Box<Volume>),
    Lists {
        path: String,
        lists: usize,
        apart: Vec<String>,
    },
    Refused {
        path: String,
        refused: String,
    },
    Opens {
        path: String,
        opens: bool,
    },
}

#[derive(Deserialize)]
struct Volume {
    path: String,
    series: String,
    modality: String,
    dims: [usize; 3],
    affine: [[f64; 4]; 4],
    sum: f64,
    min: f64,
    max: f64,
    samples: Vec<([usize; 3], f64)>,
}

pub fn open(path: &Path, options: &OpenOptions) -> Result<Scan, IoError> {
    io::open_scan(path, options, &JobContext::silent())
}

fn open_plain(path: &Path) -> Scan {
    open(path, &OpenOptions::default()).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn every_shared_file_reads_as_pydicom_reads_it_or_is_refused() {
    let rows: Vec<Row> = serde_json::from_str(include_str!("../data/dicom_expectations.json"))
        .expect("the expectations are JSON");
    for row in rows {
        match row {
            Row::Volume(volume) => check_volume(&volume),
            Row::Lists { path, lists, apart } => check_list(&path, lists, &apart),
            Row::Refused { path, refused } => check_refusal(&path, &refused),
            Row::Opens { path, opens } => {
                let Some(full) = shared(&path) else { return };
                assert_eq!(
                    open(&full, &OpenOptions::default()).is_ok(),
                    opens,
                    "{path}"
                );
            }
        }
    }
}

fn check_volume(expected: &Volume) {
    let path = &expected.path;
    let Some(full) = shared(path) else { return };
    let options = OpenOptions {
        series: Some(expected.series.clone()),
        ..OpenOptions::default()
    };
    let Scan { image, info } = open(&full, &options).unwrap_or_else(|e| panic!("{e}"));
    let grid = image.grid();
    let affine = Affine::from_rows(&expected.affine).expect("pydicom's affine is sound");
    assert_eq!(info.dims, Some(expected.dims), "{path}");
    assert!(
        grid.is_same(&Grid::new(expected.dims, affine), 1e-3),
        "{path}"
    );
    let code = match image.modality() {
        Modality::Ct => "CT",
        Modality::Mr => "MR",
        Modality::Pet => "PT",
    };
    assert_eq!(code, expected.modality, "{path}");
    let tolerance = 1e-6 * (1.0 + expected.max.abs().max(expected.min.abs()));
    let close = |a: f64, b: f64| (a - b).abs() <= tolerance;
    for &([i, j, k], value) in &expected.samples {
        assert!(
            close(image.value(grid.offset(i, j, k)), value),
            "{path} at {i},{j},{k}"
        );
    }
    let (low, high) = info.value_range.expect("there are values");
    assert!(
        close(low, expected.min) && close(high, expected.max),
        "{path}"
    );
    let sum: f64 = (0..grid.len()).map(|o| image.value(o)).sum();
    assert!(
        (sum - expected.sum).abs() <= tolerance * grid.len() as f64,
        "{path}"
    );
}

fn check_list(path: &str, count: usize, apart: &[String]) {
    let Some(full) = shared(path) else { return };
    let options = OpenOptions::default();
    let (info, image) =
        io::inspect(&full, &options, &JobContext::silent()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(info.series.len(), count, "{path}");
    assert!(image.is_none() && info.dims.is_none(), "{path}");
    for kind in apart {
        assert!(info.other.iter().any(|o| o.kind == *kind), "{path}: {kind}");
    }
    let error = open(&full, &options).expect_err("several series need a choice");
    assert!(
        matches!(error, IoError::SeveralSeries { .. }),
        "{path}: {error}"
    );
    assert!(error.to_string().contains(&info.series[0].uid), "{error}");
}

fn check_refusal(path: &str, reason: &str) {
    let Some(full) = shared(path) else { return };
    let error = match open(&full, &OpenOptions::default()) {
        Ok(_) => panic!("{path} should be refused: {reason}"),
        Err(e) => e.to_string(),
    };
    assert!(error.contains(reason), "{path}: {error}");
    assert_eq!(error.lines().count(), 1, "{path}: {error}");
}

/// The largest difference of values of two scans on the same grid.
fn largest_difference(a: &Scan, b: &Scan) -> f64 {
    assert!(a.image.grid().is_same(b.image.grid(), 1e-6));
    let differences =
        (0..a.image.grid().len()).map(|o| (a.image.value(o) - b.image.value(o)).abs());
    differences.fold(0.0, f64::max)
}

#[test]
fn every_transfer_syntax_equals_the_uncompressed_one() {
    let Some(folder) = shared("data/dicom/cornerstone_transfer_syntaxes") else {
        return;
    };
    let file = |name: &str, uid: &str| {
        folder.join(format!(
            "CTImage.dcm_{name}TransferSyntax_1.2.840.10008.1.2{uid}.dcm"
        ))
    };
    let reference = open_plain(&file("LittleEndianExplicit", ".1"));
    // Largest difference allowed, in HU; for lossy ones what pydicom's decoders give, rounded up.
    let cases = [
        ("LittleEndianImplicit", "", 0.0),
        ("BigEndianExplicit", ".2", 0.0),
        ("DeflatedExplicitVRLittleEndian", ".1.99", 0.0),
        ("RLELossless", ".5", 0.0),
        ("JPEGProcess14", ".4.57", 0.0),
        ("JPEGProcess14SV1", ".4.70", 0.0),
        ("JPEGLSLossless", ".4.80", 0.0),
        ("JPEG2000LosslessOnly", ".4.90", 0.0),
        ("JPEGLSLossy", ".4.81", 1.0),
        ("JPEG2000", ".4.91", 6.0),
        // 256 grey levels over 8192 HU: 32 HU each.
        ("JPEGProcess1", ".4.50", 65.0),
    ];
    for (name, uid, allowed) in cases {
        let difference = largest_difference(&open_plain(&file(name, uid)), &reference);
        assert!(difference <= allowed, "{name}: {difference}");
    }
}

#[test]
fn compressed_files_equal_the_uncompressed_one() {
    let Some(plain) = shared("data/dicom/pydicom_test_files/MR_small.dcm") else {
        return;
    };
    let reference = open_plain(&plain);
    let variants = [
        "jp2klossless",
        "jpeg_ls_lossless",
        "RLE",
        "bigendian",
        "expb",
        "implicit",
        "padded",
    ];
    for variant in variants {
        let path = plain.with_file_name(format!("MR_small_{variant}.dcm"));
        let difference = largest_difference(&open_plain(&path), &reference);
        assert_eq!(difference, 0.0, "{variant}");
    }
}

/// For each voxel of one grid the voxel of another at the same place in the world.
fn twins<'a>(a: &'a Grid, b: &'a Grid) -> impl Iterator<Item = (usize, usize)> + 'a {
    assert_eq!(a.len(), b.len());
    (0..a.len()).map(|offset| {
        let world = a.world_from_voxel(a.voxel_at(offset).center());
        let there = b.voxel_from_world(world);
        let voxel = there.nearest();
        let off = (there.0 - voxel.center().0).abs().max_element();
        assert!(off < 0.01, "{world:?} is between voxels: {there:?}");
        let twin = b.offset_of(voxel);
        (offset, twin.expect("both cover the same voxels"))
    })
}

fn assert_same_places(a: &Grid, b: &Grid) {
    assert_eq!(twins(a, b).count(), a.len());
}

fn assert_same_world(ours: &Scan, theirs: &Scan, tolerance: f64) {
    for (here, there) in twins(ours.image.grid(), theirs.image.grid()) {
        let (x, y) = (ours.image.value(here), theirs.image.value(there));
        assert!((x - y).abs() <= tolerance, "{x} is not {y} at voxel {here}");
    }
}

#[test]
fn series_equal_the_conversions_of_dicom2nifti() {
    let Some(folder) = shared("data/dicom/dicom2nifti") else {
        return;
    };
    let j2k = "generic_compressed_j2k__001_ground_truth";
    let twins = [
        ("generic_compressed_j2k_001", j2k, 0.0),
        ("generic_compressed_jpeg_001", j2k, 0.0),
        ("generic_compressed_jpegls_001", j2k, 0.0),
        ("generic_compressed_rle_001", j2k, 0.0),
        (
            "generic_anatomical_002_non_isotropic",
            "generic_anatomical__002_non_isotropic_ground_truth",
            1e-4,
        ),
    ];
    for (series, truth, tolerance) in twins {
        for suffix in ["", "_reoriented"] {
            let truth = open_plain(&folder.join(format!("{truth}{suffix}.nii.gz")));
            assert_same_world(&open_plain(&folder.join(series)), &truth, tolerance);
        }
    }
    // The voxels of this series were replaced by noise, and its conversion's by other noise: the grid
    // is all that can be compared.
    let ours = open_plain(&folder.join("generic_anatomical_001"));
    for suffix in ["", "_reoriented"] {
        let name = format!("generic_anatomical__001_implicit_ground_truth{suffix}.nii.gz");
        assert_same_places(
            ours.image.grid(),
            open_plain(&folder.join(name)).image.grid(),
        );
    }
}

#[test]
fn the_ibsi_lung_equals_its_nifti_twin() {
    let (Some(dicom), Some(nifti)) = (
        shared("data/labelled/ibsi_lung_nsclc/dicom_image"),
        shared("data/labelled/ibsi_lung_nsclc/phantom.nii.gz"),
    ) else {
        return;
    };
    assert_same_world(&open_plain(&dicom), &open_plain(&nifti), 0.0);
}

#[test]
fn a_tilted_uneven_stack_is_sheared_and_interpolated_and_says_so() {
    let Some(folder) = shared("data/dicom/ct_tilt_uneven_GE") else {
        return;
    };
    let Scan { image, info } = open_plain(&folder);
    let text = told(&info.warnings).join("\n");
    assert!(text.contains("lean by 18.50 degrees"), "{text}");
    assert!(text.contains("28 slices were interpolated to 56"), "{text}");
    let grid = image.grid();
    assert!(!grid.affine.is_orthogonal(1e-3));
    // The first and last slices are the measured ones, where they were measured.
    for (file, k, z) in [("01.dcm", 0, 5.84), ("28.dcm", 55, 157.78)] {
        let slice = open_plain(&folder.join(file));
        let corner = grid.world_from_voxel(prosector::geometry::VoxelIndex([0, 0, k]).center());
        assert!(
            (corner.0 - glam::DVec3::new(125.0, 123.54, z)).length() < 0.01,
            "{corner:?}"
        );
        let first = grid.offset(0, 0, k as usize);
        let same =
            (0..slice.image.grid().len()).all(|o| slice.image.value(o) == image.value(first + o));
        assert!(same, "{file}");
    }
}

#[test]
fn frames_at_the_same_positions_are_told_apart() {
    let Some(folder) = shared("data/dicom/dicom2nifti/ge_dti_001") else {
        return;
    };
    let at = |frame| OpenOptions {
        frame,
        ..OpenOptions::default()
    };
    let first = open(&folder, &at(None)).unwrap_or_else(|e| panic!("{e}"));
    let second = open(&folder, &at(Some(1))).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        (first.info.frames, first.info.frame, second.info.frame),
        (Some(2), 0, 1)
    );
    assert!(
        first.info.warnings[0]
            .to_string()
            .contains("b-value (0, 1000); frame 0 is used")
    );
    let by_hand = open_plain(&folder.join("IM-0001-0076-0001.dcm"));
    let pixels = by_hand.image.grid().len();
    assert!((0..pixels).all(|o| second.image.value(o) == by_hand.image.value(o)));
    assert!(largest_difference(&first, &second) > 0.0);
    let error = open(&folder, &at(Some(2))).expect_err("there are two frames");
    assert!(
        matches!(error, IoError::NoSuchFrame { frames: 2, .. }),
        "{error}"
    );
}

#[test]
fn opening_stops_on_request() {
    let Some(folder) = shared("data/dicom/slicer_cthead") else {
        return;
    };
    let cancel = CancelToken::default();
    let stop = cancel.clone();
    let ctx = JobContext::new(cancel, move |_, stage| {
        if stage == "decoding slices" {
            stop.cancel();
        }
    });
    let error = io::open_scan(&folder, &OpenOptions::default(), &ctx).expect_err("cancelled");
    assert!(matches!(error, IoError::Cancelled(_)), "{error}");
}

#[test]
fn nothing_about_the_patient_is_told() {
    use dicom_dictionary_std::tags;
    let Some(path) = shared("data/nifti/niivue/enh.dcm") else {
        return;
    };
    let info = serde_json::to_string(&open_plain(&path).info).expect("info is plain data");
    let object = dicom_object::open_file(&path).expect("it is DICOM");
    let private = [
        tags::PATIENT_NAME,
        tags::PATIENT_ID,
        tags::PATIENT_BIRTH_DATE,
        tags::INSTITUTION_ADDRESS,
        tags::REFERRING_PHYSICIAN_NAME,
    ];
    for tag in private {
        let value = object
            .get(tag)
            .and_then(|e| e.to_str().ok())
            .unwrap_or_default();
        assert!(value.is_empty() || !info.contains(value.as_ref()), "{tag}");
    }
}

/// Copies a shared series into a temporary folder, without extension, except the files in `without`.
pub fn copy_of(folder: &Path, without: &[&str]) -> tempfile::TempDir {
    let target = tempfile::tempdir().expect("a temporary folder can be made");
    for entry in fs::read_dir(folder)
        .expect("the shared folder can be read")
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !without.contains(&name.as_str()) {
            let stem = name.trim_end_matches(".dcm");
            fs::copy(entry.path(), target.path().join(stem)).expect("files can be copied");
        }
    }
    target
}
