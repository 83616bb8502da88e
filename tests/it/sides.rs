//! Where nothing says which side is the patient's right, nothing pretends to know it.

use std::fs;
use std::path::{Path, PathBuf};

use prosector::geometry::{Affine, Convention, Plane, SliceView, VoxelIndex};
use prosector::io::{self, OpenOptions, Scan};
use prosector::util::JobContext;
use prosector::volume::{
    Grid, ImageVolume, LabelMap, LabelTable, Mask, Modality, Rescale, VoxelData,
};

use crate::support::{program, said};

/// qform_code and sform_code of a NIfTI-1 header.
const CODES: std::ops::Range<usize> = 252..256;

/// A CT of 20x18x12 voxels, and a copy of it without orientation.
fn scans(folder: &Path) -> [PathBuf; 2] {
    let affine = Affine::from_spacing([1.5, 1.5, 3.0], [-14.0, 3.0, 100.0]);
    let grid = Grid::new([20, 18, 12], affine);
    let voxels = (0..grid.len()).map(|n| (n % 1700) as i16 - 1000).collect();
    let voxels = VoxelData::I16(voxels);
    let image = ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Ct);
    let [known, unknown] = ["known.nii", "unknown.nii"].map(|name| folder.join(name));
    io::save_image(&known, &image).unwrap();
    let mut bytes = fs::read(&known).unwrap();
    bytes[CODES].fill(0);
    fs::write(&unknown, bytes).unwrap();
    [known, unknown]
}

fn open(path: &Path, frame: Option<usize>) -> Scan {
    let options = OpenOptions {
        frame,
        ..OpenOptions::default()
    };
    io::open_scan(path, &options, &JobContext::silent()).unwrap()
}

fn border_texts(grid: &Grid, plane: Plane) -> [String; 4] {
    let at = VoxelIndex([0; 3]);
    SliceView::fit(grid, plane, Convention::Radiological, at, 64, 64).border_texts()
}

#[test]
fn letters_that_nobody_knows_have_a_question_mark() {
    let folder = tempfile::tempdir().unwrap();
    let [known, unknown] = scans(folder.path()).map(|path| open(&path, None));
    let known_grid = known.image.grid();
    assert_eq!(border_texts(known_grid, Plane::Axial), ["R", "L", "A", "P"]);
    let grid = unknown.image.grid();
    assert_eq!(border_texts(grid, Plane::Axial), ["R?", "L?", "A?", "P?"]);
    assert_eq!(border_texts(grid, Plane::Coronal), ["R?", "L?", "S?", "I?"]);
    assert_eq!(
        border_texts(grid, Plane::Sagittal),
        ["A?", "P?", "S?", "I?"]
    );
    let warned = |scan: &Scan| {
        scan.info
            .warnings
            .iter()
            .any(|w| w.to_string().contains("left-right"))
    };
    assert!(warned(&unknown) && !warned(&known));
}

#[test]
fn the_screenshot_shows_the_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let [known, _] = scans(folder.path());
    let Scan { image, .. } = open(&known, None);
    let window = prosector::volume::window::default_window(&image);
    let draw = |image: &ImageVolume| {
        let at = VoxelIndex([10, 9, 6]);
        prosector::render::screenshot(image, None, None, at, window, (600, 300)).0
    };
    let certain = draw(&image);
    let doubtful = draw(&image.with_sides_assumed());
    assert!(certain != doubtful, "the letters are the same");
}

#[test]
fn what_is_exported_does_not_become_certain() {
    let folder = tempfile::tempdir().unwrap();
    let [_, unknown] = scans(folder.path());
    let scan = open(&unknown, None);
    let grid = *scan.image.grid();
    let out = folder.path().join("out.nii");
    let save: [&dyn Fn(); 3] = [
        &|| io::save_image(&out, &scan.image).unwrap(),
        &|| io::save_mask(&out, &Mask::empty(grid)).unwrap(),
        &|| io::save_labels(&out, &LabelMap::empty(grid), &LabelTable::default()).unwrap(),
    ];
    for save in save {
        save();
        let bytes = fs::read(&out).unwrap();
        assert_eq!(bytes[CODES], [0; 4], "qform and sform codes");
        let read = *open(&out, None).image.grid();
        assert!(read.sides_assumed);
        assert!(read.is_same(&grid, 1e-6), "it lies where the scan lies");
    }
    // A part of it cannot be said without a form, and is said with one.
    let part = grid.sub_grid(grid.bounds()).with_sides_assumed(false);
    io::save_mask(&out, &Mask::empty(part)).unwrap();
    assert!(fs::read(&out).unwrap()[CODES] != [0; 4]);
}

#[test]
fn every_export_warns() {
    let folder = tempfile::tempdir().unwrap();
    scans(folder.path());
    for line in [
        "convert unknown.nii -o out.nii.gz",
        "segment unknown.nii --click 10,9,6 --device cpu -o out.nii.gz",
        "screenshot unknown.nii -o out.png",
        "info unknown.nii",
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let output = program(folder.path(), &words);
        assert!(output.status.success(), "{line}: {}", said(&output));
        assert!(said(&output).contains("left-right is assumed"), "{line}");
    }
}

#[test]
fn pictures_lie_in_no_patient() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..3 {
        let path = folder.path().join(format!("frame_{n}.png"));
        image::GrayImage::from_pixel(8, 6, image::Luma([n]))
            .save(path)
            .unwrap();
    }
    for frame in [None, Some(1)] {
        let scan = open(folder.path(), frame);
        assert!(scan.image.grid().sides_assumed, "frame {frame:?}");
        let said = scan.info.warnings.iter();
        let said = said.filter(|w| w.to_string().contains("right and left are assumed"));
        assert_eq!(said.count(), 1, "{:?}", scan.info.warnings);
    }
}
