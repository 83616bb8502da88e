//! DICOM folders and files made wrong on purpose: a reason each, never a panic.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use prosector::io::{self, IoError, OpenOptions};
use prosector::util::JobContext;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::dicom::{copy_of, open};
use crate::support::shared;

fn refusal(path: &Path) -> String {
    match open(path, &OpenOptions::default()) {
        Ok(_) => panic!("{} should be refused", path.display()),
        Err(e) => e.to_string(),
    }
}

#[test]
fn a_missing_slice_is_refused_with_its_place() {
    let Some(folder) = shared("data/dicom/slicer_cthead") else {
        return;
    };
    let complete = copy_of(&folder, &[]);
    assert!(open(complete.path(), &OpenOptions::default()).is_ok());
    let one = refusal(copy_of(&folder, &["CTHead40.dcm"]).path());
    assert!(one.contains("1 slice is missing (1 between "), "{one}");
    let three = refusal(copy_of(&folder, &["CTHead40.dcm", "CTHead41.dcm", "CTHead60.dcm"]).path());
    assert!(
        three.contains("3 slices are missing (2 between "),
        "{three}"
    );
}

#[test]
fn copies_of_files_count_once_and_two_series_need_a_choice() {
    let Some(folder) = shared("data/dicom/dicom2nifti/generic_anatomical_001") else {
        return;
    };
    let Some(other) = shared("data/dicom/dicom2nifti/ge_dti_001") else {
        return;
    };
    let copy = copy_of(&folder, &[]);
    let nested = copy.path().join("again");
    fs::create_dir(&nested).expect("a folder can be made");
    let first = fs::read_dir(copy.path())
        .expect("it is there")
        .flatten()
        .find(|e| e.path().is_file());
    fs::copy(first.expect("it has files").path(), nested.join("copy"))
        .expect("files can be copied");
    fs::write(nested.join("notes.txt"), "not DICOM").expect("files can be written");
    let scan = open(copy.path(), &OpenOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(scan.info.dims, Some([256, 256, 4]));
    assert!(
        scan.info.warnings[0]
            .to_string()
            .contains("1 files are exact copies"),
        "{:?}",
        scan.info.warnings
    );

    for entry in fs::read_dir(&other).expect("it is there").flatten() {
        fs::copy(entry.path(), nested.join(entry.file_name())).expect("files can be copied");
    }
    let error = open(copy.path(), &OpenOptions::default()).expect_err("there are two series");
    let IoError::SeveralSeries { series, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(series.len(), 2);
    for chosen in series {
        let options = OpenOptions {
            series: Some(chosen.uid.clone()),
            ..OpenOptions::default()
        };
        let scan = open(copy.path(), &options).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(scan.info.dims, Some(chosen.dims));
        assert_eq!(scan.info.series.len(), 2);
    }
    let wrong = OpenOptions {
        series: Some("1.2.3".into()),
        ..OpenOptions::default()
    };
    let error = open(copy.path(), &wrong).expect_err("there is no such series");
    assert!(matches!(error, IoError::NoSuchSeries { .. }), "{error}");
}

#[test]
fn folders_without_dicom_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    assert!(refusal(folder.path()).contains("the folder is empty"));
    fs::write(folder.path().join("a.txt"), "text").expect("files can be written");
    assert!(refusal(folder.path()).contains("none of the 1 files in the folder is DICOM"));
}

/// Files of every decoder, and headers of every kind.
const VICTIMS: &[&str] = &[
    "data/dicom/pydicom_test_files/MR_small_implicit.dcm",
    "data/dicom/pydicom_test_files/MR_small_expb.dcm",
    "data/dicom/pydicom_test_files/MR_small_RLE.dcm",
    "data/dicom/pydicom_test_files/MR_small_jp2klossless.dcm",
    "data/dicom/pydicom_test_files/MR_small_jpeg_ls_lossless.dcm",
    "data/dicom/pydicom_test_files/image_dfl.dcm",
    "data/dicom/dicom2nifti/generic_compressed_jpeg_001/IM-0001-0001-0001.dcm",
    "data/dicom_seg/dcmqi/24x38x3/multiframe/mf.dcm",
    "data/nifti/niivue/enh.dcm",
];

fn assert_no_panic(path: &Path, what: &str) {
    let options = OpenOptions::default();
    let result = catch_unwind(|| io::inspect(path, &options, &JobContext::silent()));
    match result {
        Err(_) => panic!("{what} makes it panic"),
        Ok(Err(e)) => assert_eq!(e.to_string().lines().count(), 1, "{what}: {e}"),
        Ok(Ok(_)) => {}
    }
}

#[test]
fn cut_or_scrambled_files_never_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("victim");
    for victim in VICTIMS {
        let Some(original) = shared(victim) else {
            return;
        };
        let bytes = fs::read(original).expect("the shared file can be read");
        for cut in 0..40 {
            let length = bytes.len() * cut / 40;
            fs::write(&path, &bytes[..length]).expect("files can be written");
            assert_no_panic(&path, &format!("{victim} cut at {length}"));
        }
        for round in 0..60 {
            let mut scrambled = bytes.clone();
            // Headers are short; half of the damage goes there.
            let reach = if round % 2 == 0 {
                bytes.len().min(3000)
            } else {
                bytes.len()
            };
            for _ in 0..rng.random_range(1..20) {
                scrambled[rng.random_range(0..reach)] = rng.random();
            }
            fs::write(&path, &scrambled).expect("files can be written");
            assert_no_panic(&path, &format!("{victim} scrambled, round {round}"));
        }
    }
}
