//! Files that are made to harm: refused in one line, or read as far as they are sound, and nothing beside what was asked for
//! is written.

use std::collections::BTreeSet;
use std::f64::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use serde_json::Value;
use tempfile::TempDir;

use crate::containers::archive;
use crate::dicom_made::{folder_of, set_number, set_text, stack_at};
use crate::dicom_rtstruct::{squares, structure_set};
use crate::dicom_seg::{made, named, put_items, saved, with_text};
use crate::support::{assert_refused, program, said};

const CLOSED: &str = "CLOSED_PLANAR";

/// The names in a folder and below.
fn names(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).into_iter().flatten();
    entries.map(|entry| entry.into_path()).collect()
}

/// Reads labels with the program: refused for this reason, and nothing is written anywhere near.
fn refused(labels: &Path, series: &Path, reason: &str) {
    let desk = tempfile::tempdir().unwrap();
    let work = desk.path().join("work");
    fs::create_dir(&work).unwrap();
    let before = names(desk.path());
    let [labels, scan] = [labels, series].map(|path| path.display().to_string());
    for out in ["out.nii.gz", "out.dcm"] {
        let done = program(&work, &["labels", &labels, "--scan", &scan, "-o", out]);
        assert_refused(&done, reason);
        assert_eq!(names(desk.path()), before);
    }
}

fn put_pixels(object: &mut InMemDicomObject, bytes: Vec<u8>) {
    let pixels = PrimitiveValue::U8(bytes.into());
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, pixels));
}

/// What `prosector labels` says of a file, on a scan, that it reads.
fn reported(folder: &Path, path: &Path, scan: &Path) -> Value {
    let [path, scan] = [path, scan].map(|path| path.display().to_string());
    let arguments = [
        "labels",
        &path,
        "--scan",
        &scan,
        "-o",
        "out.nii.gz",
        "--json",
    ];
    let done = program(folder, &arguments);
    assert!(done.status.success(), "{}", said(&done));
    serde_json::from_slice(&done.stdout).unwrap()
}

#[test]
fn segmentations_that_miss_frames() {
    let series = folder_of(named(stack_at(&[0.0, 5.0])));
    let sound = || made("BINARY", 1, &[(0.0, 1), (5.0, 1)], vec![0xFF; 4]);
    let frame = 12;

    let mut more = sound();
    set_text(&mut more, tags::NUMBER_OF_FRAMES, VR::IS, "3000000");
    let mut fewer = sound();
    put_pixels(&mut fewer, vec![0xFF; 2]);
    let mut undescribed = sound();
    let tag = tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE;
    put_items(&mut undescribed, tag, Vec::new());
    // Label maps of 16 bits: with half of their pixels, and of a size that no file has.
    let label_map = |rows: u16, bytes: usize| {
        let mut object = made("LABELMAP", 16, &[(0.0, 1), (5.0, 1)], vec![1; bytes]);
        let class = uids::LABEL_MAP_SEGMENTATION_STORAGE;
        set_text(&mut object, tags::SOP_CLASS_UID, VR::UI, class);
        set_number(&mut object, tags::ROWS, rows);
        object
    };
    for (object, reason) in [
        (more, "NumberOfFrames is 3000000"),
        (fewer, "break off"),
        (undescribed, "frames"),
        (label_map(3, 2 * frame), "pixels"),
        (label_map(65_535, 4 * frame), "pixels"),
    ] {
        let (_folder, path) = saved(object);
        refused(&path, series.path(), reason);
    }
}

#[test]
fn numbers_of_sixteen_bits_that_no_segment_has() {
    let series = folder_of(named(stack_at(&[0.0, 5.0])));
    let values = (0..24_u16).map(|n| if n % 2 == 0 { 0 } else { u16::MAX - n });
    let pixels = values.clone().flat_map(u16::to_le_bytes).collect();
    let mut object = made("LABELMAP", 16, &[(0.0, 1), (5.0, 1)], pixels);
    let class = uids::LABEL_MAP_SEGMENTATION_STORAGE;
    set_text(&mut object, tags::SOP_CLASS_UID, VR::UI, class);
    let (folder, path) = saved(object);
    let report = reported(folder.path(), &path, series.path());
    let labels = report["labels"].as_array().unwrap();
    let drawn = labels.iter().filter(|l| l["voxels"] != 0);
    assert_eq!(drawn.count(), values.filter(|&v| v != 0).count());
}

/// Labels of a structure set on the squares: voxels of each, and what is warned of.
fn contoured(contours: &[(&str, &[[f64; 3]])]) -> (Vec<u64>, String) {
    let series = folder_of(squares(&[0.0, 5.0]));
    let (folder, path) = structure_set(contours);
    let report = reported(folder.path(), &path, series.path());
    let labels = report["labels"].as_array().unwrap().iter();
    let voxels = labels.map(|l| l["voxels"].as_u64().unwrap()).collect();
    (voxels, report["warnings"].to_string())
}

#[test]
fn contours_of_one_point_and_of_a_million() {
    let (voxels, told) = contoured(&[
        (CLOSED, &[[12.0, 24.0, 0.0]]),
        (CLOSED, &[[12.0, 24.0, 0.0]; 5]),
    ]);
    assert_eq!(voxels.iter().sum::<u64>(), 0);
    assert!(told.contains("1 contours were left out"), "{told}");

    // A disc of 3.4 mm about the centre of a pixel; pixels are 1 mm by 2 mm.
    let around = |n: usize, of: usize| {
        let (sin, cos) = (TAU * n as f64 / of as f64).sin_cos();
        [14.0 + 3.4 * cos, 28.0 + 3.4 * sin, 0.0]
    };
    let million: Vec<[f64; 3]> = (0..1_000_000).map(|n| around(n, 1_000_000)).collect();
    let (voxels, _) = contoured(&[(CLOSED, &million)]);
    let is_inside = |i: i32, j: i32| f64::from(i * i + 4 * j * j) < 3.4 * 3.4;
    let all = (-9..10).flat_map(|i| (-9..10).map(move |j| (i, j)));
    let inside = all.filter(|&(i, j)| is_inside(i, j)).count();
    assert_eq!(voxels, [inside as u64]);
}

#[test]
fn numbers_of_contours_that_are_none() {
    let infinite = [
        [f64::INFINITY, 20.0, 0.0],
        [12.0, 20.0, 0.0],
        [12.0, 24.0, 0.0],
    ];
    let far = [[1e300, 20.0, 0.0], [12.0, -1e300, 0.0], [12.0, 24.0, 0.0]];
    let (voxels, told) = contoured(&[(CLOSED, &infinite), (CLOSED, &far)]);
    assert!(told.contains("left out"), "{voxels:?} {told}");
}

/// An index of a medium that names files, in the folder of its file.
fn index(folder: &Path, files: &[&str]) -> PathBuf {
    let mut index = InMemDicomObject::new_empty();
    let class = uids::MEDIA_STORAGE_DIRECTORY_STORAGE;
    set_text(&mut index, tags::SOP_CLASS_UID, VR::UI, class);
    set_text(&mut index, tags::SOP_INSTANCE_UID, VR::UI, "2.25.77");
    let record = |file: &&str| {
        let mut record = with_text(tags::DIRECTORY_RECORD_TYPE, VR::CS, "IMAGE");
        set_text(&mut record, tags::REFERENCED_FILE_ID, VR::CS, file);
        record
    };
    let records = files.iter().map(record).collect();
    put_items(&mut index, tags::DIRECTORY_RECORD_SEQUENCE, records);
    let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let path = folder.join("DICOMDIR");
    index.with_meta(meta).unwrap().write_to_file(&path).unwrap();
    path
}

#[test]
fn an_index_leads_nowhere_but_to_its_medium() {
    let outside = folder_of(stack_at(&[0.0, 5.0, 10.0]));
    let secret = fs::read_dir(outside.path()).unwrap().flatten().next();
    let secret = secret.unwrap().file_name().into_string().unwrap();
    let medium = outside.path().join("medium/DISC");
    fs::create_dir_all(&medium).unwrap();
    let upward = format!("..\\..\\{secret}");
    let absolute = outside.path().join(&secret).display().to_string();
    let path = index(&medium, &[&upward, &absolute, "../../0"]);
    let path = path.display().to_string();
    let before = names(outside.path());
    let done = program(&medium, &["convert", &path, "-o", "out.nii.gz"]);
    assert_refused(&done, "DICOMDIR");
    assert_eq!(names(outside.path()), before);
}

#[test]
fn archives_and_headers_that_promise_more_than_there_is() {
    let desk: TempDir = tempfile::tempdir().unwrap();
    let zip = desk.path().join("bomb.zip");
    archive(&zip, &[("zeros.dcm", &vec![0; 80 << 20])]);
    let header = "NRRD0004\ntype: short\ndimension: 3\nsizes: 30000 30000 30000\nendian: little\n\
         encoding: raw\nspace: LPS\nspace directions: (1,0,0) (0,1,0) (0,0,1)\n\n";
    let nrrd = desk.path().join("large.nrrd");
    fs::write(&nrrd, [header.as_bytes(), &[0; 64]].concat()).unwrap();
    let before = names(desk.path());
    for (file, reason) in [("bomb.zip", "far more"), ("large.nrrd", "bytes")] {
        let done = program(desk.path(), &["convert", file, "-o", "out.nii.gz"]);
        assert_refused(&done, reason);
        assert_eq!(names(desk.path()), before);
    }
}
