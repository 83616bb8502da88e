//! Labels that lie beside a scan are offered when it is opened, and not written over unasked.

use std::fs;
use std::path::Path;

use eframe::egui::{Key, Modifiers};
use prosector::geometry::Affine;
use prosector::io::{LabelTarget, open_labels_of, save_image, save_labels};
use prosector::util::JobContext;
use prosector::volume::{Grid, ImageVolume, LabelMap, LabelTable, Modality, Rescale, VoxelData};

use super::bench::Bench;
use crate::dicom_made::{folder_of, stack_at};
use crate::dicom_seg::{made, named, saved};
use crate::support::shared;

fn grid() -> Grid {
    Grid::new([40, 44, 30], Affine::from_spacing([1.0; 3], [0.0; 3]))
}

/// A scan with a label map beside it.
fn scan_with_labels(folder: &Path) {
    let voxels = VoxelData::I16((0..grid().len()).map(|n| (n % 997) as i16).collect());
    let image = ImageVolume::new(grid(), voxels, Rescale::IDENTITY, Modality::Ct);
    save_image(&folder.join("ct.nii.gz"), &image).expect("it can be written");
    let mut labels = LabelMap::empty(grid());
    labels.voxels[20_000..20_020].fill(1);
    let mut table = LabelTable::default();
    table.add(1, "tumour");
    save_labels(&folder.join("ct_seg.nii.gz"), &labels, &table).expect("it can be written");
}

fn open(folder: &Path, scan: &Path) -> Bench {
    let mut bench = Bench::open(folder);
    bench.will_choose(scan);
    bench.key(Modifiers::COMMAND, Key::O);
    bench
}

#[test]
fn a_label_map_beside_the_scan_is_offered_and_spared() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let at = folder.path();
    scan_with_labels(at);
    let before = fs::read(at.join("ct_seg.nii.gz")).expect("it is there");
    let mut bench = open(at, &at.join("ct.nii.gz"));
    assert!(
        bench.shows("1 label map beside this scan"),
        "{:?}",
        bench.texts()
    );
    assert!(
        bench.case().table().labels().is_empty(),
        "offered, not opened"
    );
    bench.picture("offer_labels");
    bench.press("Open ct_seg.nii.gz");
    assert_eq!(bench.case().voxel_count(1), 20);
    assert!(!bench.shows("beside this scan"), "it was answered");

    bench.press("Brush");
    bench.left_click(bench.point("Axial", 0.3, 0.3));
    assert!(bench.session().is_dirty());
    bench.key(Modifiers::COMMAND, Key::S);
    assert!(bench.shows("ct_seg.nii.gz"), "{:?}", bench.texts());
    bench.press("Cancel");
    assert_eq!(
        fs::read(at.join("ct_seg.nii.gz")).expect("it is there"),
        before
    );
    assert!(bench.session().is_dirty());
    bench.key(Modifiers::COMMAND, Key::S);
    bench.press("Replace");
    assert!(!bench.session().is_dirty(), "{:?}", bench.messages());
    assert_ne!(
        fs::read(at.join("ct_seg.nii.gz")).expect("it is there"),
        before
    );
}

#[test]
fn offers_are_put_away_and_come_with_the_next_scan() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let at = folder.path();
    scan_with_labels(at);
    let mut bench = open(at, &at.join("ct.nii.gz"));
    bench.press("Not now");
    assert!(!bench.shows("beside this scan"));
    bench.will_choose(at.join("ct.nii.gz"));
    bench.key(Modifiers::COMMAND, Key::O);
    assert!(bench.shows("beside this scan"));
}

/// The contours of a study folder, of the zip of it, and through a DICOMDIR: the same voxels.
#[test]
fn contours_of_a_study_folder_and_of_its_zip_are_offered() {
    let Some(study) = shared("data/labelled/sts_dicom_rtstruct/STS_002/CT") else {
        return;
    };
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let at = folder.path();
    let zip = at.join("study.zip");
    zip_of(&study, &zip);
    let mut counts = Vec::new();
    for path in [study, zip] {
        let mut bench = Bench::open(at);
        bench.will_choose(path);
        bench.choose("File", "Open folder");
        assert!(
            bench.shows("1 segmentation of this series"),
            "{:?}",
            bench.texts()
        );
        let told = bench.messages().join("\n");
        assert!(
            !told.contains("RTSTRUCT"),
            "what is offered is not left out: {told}"
        );
        let button = bench.texts();
        let button = button
            .iter()
            .find(|t| t.starts_with("Open RTSTRUCT"))
            .expect("a button");
        bench.press(button);
        let labels = bench.case().document().layers().counts();
        assert!(!labels.is_empty(), "{:?}", bench.messages());
        counts.push(labels);
    }
    assert_eq!(counts[0], counts[1]);
}

fn zip_of(folder: &Path, to: &Path) {
    let file = fs::File::create(to).expect("it can be written");
    let mut zip = zip::ZipWriter::new(file);
    for entry in walkdir::WalkDir::new(folder).into_iter().flatten() {
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(folder).expect("below");
            let options = zip::write::SimpleFileOptions::default();
            zip.start_file(name.to_string_lossy(), options)
                .expect("a name");
            let bytes = fs::read(entry.path()).expect("it is there");
            std::io::Write::write_all(&mut zip, &bytes).expect("it can be written");
        }
    }
    zip.finish().expect("it can be written");
}

#[test]
fn a_segmentation_says_on_what_it_was_read_with_and_which_model_drew() {
    let series = folder_of(named(stack_at(&[0.0, 5.0])));
    // Two pixels of 24 are the segment's.
    let pixels = vec![0b11, 0, 0, 0];
    let (_folder, seg) = saved(made("BINARY", 1, &[(0.0, 1), (5.0, 1)], pixels));
    fs::copy(seg, series.path().join("seg.dcm")).expect("copied");
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let at = folder.path();
    let mut bench = Bench::open(at);
    bench.will_choose(series.path());
    bench.choose("File", "Open folder");
    let button = bench.texts();
    let button = button.iter().find(|t| t.starts_with("Open SEG"));
    bench.press(button.expect("it is offered"));
    assert_eq!(bench.case().voxel_count(1), 2, "{:?}", bench.messages());
    bench.press("Segment organs");
    bench.key(Modifiers::NONE, Key::Enter);
    let found = bench.case().table().labels().len();
    assert!(found > 1, "{:?}", bench.messages());
    bench.will_choose(at.join("out.dcm"));
    bench.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::S);
    assert!(!bench.session().is_dirty(), "{:?}", bench.messages());
    let target = LabelTarget {
        grid: *bench.case().grid(),
        source: bench.case().info().provenance.as_deref(),
    };
    let read = open_labels_of(&at.join("out.dcm"), Some(&target), &JobContext::silent());
    let read = read.unwrap_or_else(|e| panic!("{e}"));
    let of = |n: u16| read.details.get(&n).expect("a segment");
    let tracking = ["lesion 1", "2.25.101"].map(str::to_owned);
    assert_eq!(of(1).tracking, Some(tracking));
    let name = of(1).algorithm_name.clone().unwrap_or_default();
    assert!(!name.contains(", Prosector"), "no model drew it: {name}");
    let name = of(2).algorithm_name.clone().unwrap_or_default();
    assert!(name.contains(", Prosector"), "{name}");
    assert_eq!(of(2).algorithm_type.as_deref(), Some("SEMIAUTOMATIC"));
}
