//! Copies without what tells the patient.

use std::fs;
use std::path::{Path, PathBuf};

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject, OpenFileOptions};
use prosector::geometry::Affine;
use prosector::io::{OpenOptions, open_scan, save_image, save_labels};
use prosector::util::JobContext;
use prosector::volume::{Grid, ImageVolume, LabelMap, LabelTable, Modality, Rescale, VoxelData};
use serde_json::Value;
use tempfile::TempDir;

use crate::dicom_made::{set_text, slice};
use crate::support::{assert_refused, program, said, shared};

const NAME: &str = "Featherstone^Jane";

/// A slice whose every corner names the patient.
fn identified(z_mm: f64) -> InMemDicomObject {
    let mut object = slice(z_mm, [7; 12]);
    let uid = format!("1.2.826.0.1.3680043.77.{}", 100.0 + z_mm);
    for (tag, vr, value) in [
        (tags::SOP_INSTANCE_UID, VR::UI, uid.as_str()),
        (tags::STUDY_INSTANCE_UID, VR::UI, "1.2.826.0.1.3680043.77.1"),
        (
            tags::SERIES_INSTANCE_UID,
            VR::UI,
            "1.2.826.0.1.3680043.77.2",
        ),
        (tags::PATIENT_NAME, VR::PN, NAME),
        (tags::PATIENT_ID, VR::LO, "HOSP-4711"),
        (tags::PATIENT_BIRTH_DATE, VR::DA, "19610412"),
        (tags::STUDY_DATE, VR::DA, "20240131"),
        (tags::SERIES_DATE, VR::DA, "20240131"),
        (tags::INSTITUTION_NAME, VR::LO, "Saint Swithin Hospital"),
        (tags::STUDY_DESCRIPTION, VR::LO, "Head of Featherstone"),
        // Not in the table, yet it names her.
        (
            tags::MANUFACTURER_MODEL_NAME,
            VR::LO,
            "Scanner of FEATHERSTONE",
        ),
        (tags::MANUFACTURER, VR::LO, "Maker"),
    ] {
        set_text(&mut object, tag, vr, value);
    }
    let mut item = InMemDicomObject::new_empty();
    set_text(
        &mut item,
        tags::REFERENCED_SOP_CLASS_UID,
        VR::UI,
        uids::CT_IMAGE_STORAGE,
    );
    set_text(
        &mut item,
        tags::REFERENCED_SOP_INSTANCE_UID,
        VR::UI,
        "1.2.826.0.1.3680043.77.100",
    );
    set_text(&mut item, tags::OPERATORS_NAME, VR::PN, NAME);
    object.put(DataElement::new(
        tags::REFERENCED_IMAGE_SEQUENCE,
        VR::SQ,
        DataSetSequence::from(vec![item]),
    ));
    set_text(&mut object, Tag(0x0009, 0x0010), VR::LO, "SECRETIVE");
    set_text(&mut object, Tag(0x0009, 0x1001), VR::LO, "Jane in private");
    let overlay = PrimitiveValue::U8((0..16).collect());
    object.put(DataElement::new(Tag(0x6000, 0x3000), VR::OB, overlay));
    object
}

fn write(object: InMemDicomObject, path: &Path, syntax: &str) {
    let meta = FileMetaTableBuilder::new().transfer_syntax(syntax);
    let file = object.with_meta(meta).unwrap();
    file.write_to_file(path).unwrap();
    let mut bytes = fs::read(path).unwrap();
    bytes[..17].copy_from_slice(NAME.as_bytes());
    fs::write(path, bytes).unwrap();
}

fn study() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("Featherstone");
    fs::create_dir_all(source.join("ct")).unwrap();
    for (n, z) in [0.0, 5.0, 10.0].into_iter().enumerate() {
        let path = source.join(format!("ct/Featherstone_{n}.dcm"));
        write(identified(z), &path, uids::EXPLICIT_VR_LITTLE_ENDIAN);
    }
    fs::write(source.join("letter.txt"), "Dear Mrs Featherstone").unwrap();
    folder
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name();
    let files = entries.into_iter().map(|e| e.unwrap().into_path());
    files.filter(|p| p.is_file()).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    let (bytes, text) = (bytes.to_ascii_lowercase(), text.to_ascii_lowercase());
    bytes.windows(text.len()).any(|w| w == text.as_bytes())
}

/// References follow the images: the first is referred to by all three.
fn assert_references(files: &[PathBuf]) {
    let objects: Vec<_> = files
        .iter()
        .map(|f| OpenFileOptions::new().open_file(f).unwrap())
        .collect();
    let text = |n: usize, tag| {
        objects[n]
            .element(tag)
            .unwrap()
            .to_str()
            .unwrap()
            .into_owned()
    };
    let referred = |n: usize| {
        let items = objects[n]
            .element(tags::REFERENCED_IMAGE_SEQUENCE)
            .unwrap()
            .items()
            .unwrap()
            .to_vec();
        items[0]
            .element(tags::REFERENCED_SOP_INSTANCE_UID)
            .unwrap()
            .to_str()
            .unwrap()
            .into_owned()
    };
    assert_eq!(referred(0), text(0, tags::SOP_INSTANCE_UID));
    assert_eq!(referred(2), text(0, tags::SOP_INSTANCE_UID));
    assert_eq!(
        text(0, tags::SERIES_INSTANCE_UID),
        text(2, tags::SERIES_INSTANCE_UID)
    );
    assert_eq!(text(0, tags::PATIENT_IDENTITY_REMOVED), "YES");
    assert_eq!(text(1, tags::PATIENT_ID), text(2, tags::PATIENT_ID));
}

#[test]
fn a_study_keeps_its_images_and_loses_its_patient() {
    let folder = study();
    let done = program(
        folder.path(),
        &["anonymise", "Featherstone", "-o", "out", "--json"],
    );
    assert!(done.status.success(), "{}", said(&done));
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(report["files"], 3);
    let rows = report["attributes"].as_array().unwrap();
    let row = |tag: &str| {
        rows.iter()
            .find(|r| r["tag"] == tag)
            .unwrap_or_else(|| panic!("{tag}"))
    };
    assert_eq!(row("(0010,0010)")["count"], 3);
    assert_eq!(row("(0010,0010)")["name"], "PatientName");
    assert_eq!(row("(0010,0030)")["action"], "Z");
    assert_eq!(row("(0008,0021)")["action"], "D");
    assert_eq!(row("(0008,1030)")["action"], "X");
    assert_eq!(row("(0008,1155)")["action"], "U");
    assert_eq!(row("(odd,eeee)")["count"], 6);
    assert_eq!(row("(6000,3000)")["action"], "X");
    assert_eq!(row("(0008,1090)")["action"], "Z", "a text that names her");
    assert!(
        rows.iter().all(|r| r["tag"] != "(0008,0070)"),
        "the maker stays"
    );
    let warnings = report["warnings"].to_string();
    assert!(
        warnings.contains("overlay") && warnings.contains("1 file(s) were left out"),
        "{warnings}"
    );

    let out = folder.path().join("out");
    let files = files_below(&out);
    assert_eq!(files.len(), 3);
    let secrets = [
        "Featherstone",
        "Jane",
        "HOSP-4711",
        "19610412",
        "20240131",
        "Swithin",
        "1.2.826.0.1.3680043.77",
        "SECRETIVE",
    ];
    for file in &files {
        let bytes = fs::read(file).unwrap();
        let name = file
            .strip_prefix(&out)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        for secret in secrets {
            assert!(
                !holds(&bytes, secret) && !holds(name.as_bytes(), secret),
                "{secret} in {name}"
            );
        }
        assert_eq!(bytes[..128], [0; 128]);
    }
    assert_references(&files);

    // Once more, and it is as good.
    let again = program(folder.path(), &["anonymise", "out", "-o", "again"]);
    assert!(again.status.success(), "{}", said(&again));

    let open = |path: &Path| {
        open_scan(path, &OpenOptions::default(), &JobContext::silent())
            .unwrap()
            .image
    };
    let (before, after) = (open(&folder.path().join("Featherstone")), open(&out));
    assert!(before.grid() == after.grid() && before.voxels() == after.voxels());
}

#[test]
fn what_cannot_be_made_safe_is_refused_in_a_line_and_leaves_nothing() {
    let folder = study();
    let run = |arguments: &[&str]| program(folder.path(), arguments);
    let one = "Featherstone/ct/Featherstone_0.dcm";
    let bytes = fs::read(folder.path().join(one)).unwrap();
    fs::write(folder.path().join("cut.dcm"), &bytes[..bytes.len() - 9]).unwrap();
    fs::write(folder.path().join("header.dcm"), &bytes[..600]).unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let mut report = identified(0.0);
    set_text(
        &mut report,
        tags::SOP_CLASS_UID,
        VR::UI,
        uids::BASIC_TEXT_SR_STORAGE,
    );
    write(
        report,
        &folder.path().join("report.dcm"),
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
    );
    for (input, reason) in [
        ("cut.dcm", "pixels break off"),
        ("header.dcm", "damaged"),
        ("report.dcm", "no rule can clean"),
        ("Featherstone/letter.txt", "is not a scan"),
        ("missing.dcm", "cannot be read"),
    ] {
        assert_refused(&run(&["anonymise", input, "-o", "out.dcm"]), reason);
    }
    assert_refused(
        &run(&["anonymise", "empty", "-o", "out"]),
        "none of its 0 files",
    );
    assert_refused(
        &run(&["anonymise", "Featherstone", "-o", "Featherstone/out"]),
        "inside the folder",
    );
    assert_refused(&run(&["anonymise", one, "-o", one]), "would be lost");
    // One damaged file keeps the whole folder from being written.
    fs::copy(
        folder.path().join("cut.dcm"),
        folder.path().join("Featherstone/ct/z.dcm"),
    )
    .unwrap();
    assert_refused(&run(&["anonymise", "Featherstone", "-o", "out"]), "z.dcm");
    assert!(!folder.path().join("out").exists() && !folder.path().join("out.dcm").exists());
    let left = fs::read_dir(folder.path()).unwrap().flatten();
    assert!(
        left.into_iter()
            .all(|e| !e.file_name().to_string_lossy().contains("part"))
    );
}

#[test]
fn every_encoding_stays_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    for (n, syntax) in [
        uids::IMPLICIT_VR_LITTLE_ENDIAN,
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
        "1.2.840.10008.1.2.2",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("{n}.dcm");
        write(identified(0.0), &folder.path().join(&name), syntax);
        let out = format!("out{n}.dcm");
        let done = program(folder.path(), &["anonymise", &name, "-o", &out]);
        assert!(done.status.success(), "{}", said(&done));
        let object = OpenFileOptions::new()
            .open_file(folder.path().join(&out))
            .unwrap();
        assert_eq!(object.meta().transfer_syntax.trim_end_matches('\0'), syntax);
        let pixels = object
            .element(tags::PIXEL_DATA)
            .unwrap()
            .to_multi_int::<u16>()
            .unwrap();
        assert_eq!(pixels, [7; 12]);
        assert!(!holds(
            &fs::read(folder.path().join(&out)).unwrap(),
            "Featherstone"
        ));
    }
}

#[test]
fn a_real_enhanced_file_is_clean_and_the_same_volume() {
    let Some(path) = shared("data/nifti/niivue/enh.dcm") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let done = program(
        folder.path(),
        &["anonymise", path.to_str().unwrap(), "-o", "out.dcm"],
    );
    assert!(done.status.success(), "{}", said(&done));
    let bytes = fs::read(folder.path().join("out.dcm")).unwrap();
    for secret in [
        "IRC - Slice",
        "Luci",
        "19931022",
        "20181022",
        "175689",
        "University of Texas",
        "Trinity 1701",
        "REST1",
        "1.3.12.2.1107",
        "025Y",
        "90.7184",
        "1.8288",
    ] {
        assert!(
            holds(&fs::read(&path).unwrap(), secret),
            "{secret} was there"
        );
        assert!(!holds(&bytes, secret), "{secret}");
    }
    let open = |path: &Path| {
        open_scan(path, &OpenOptions::default(), &JobContext::silent())
            .unwrap()
            .image
    };
    let (before, after) = (open(&path), open(&folder.path().join("out.dcm")));
    assert!(before.grid() == after.grid() && before.voxels() == after.voxels());
}

#[test]
fn nifti_loses_its_texts_and_extensions_and_keeps_its_voxels() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let affine = Affine::from_spacing([1.5, 1.5, 3.0], [-14.0, 3.0, 100.0]);
    let grid = Grid::new([20, 18, 12], affine);
    let voxels = VoxelData::I16((0..grid.len()).map(|n| n as i16).collect());
    let image = ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Ct);
    save_image(&path("scan.nii"), &image).unwrap();
    let mut bytes = fs::read(path("scan.nii")).unwrap();
    for (at, text) in [
        (14, "Featherstone"),
        (148, "of Jane"),
        (228, "file"),
        (328, "intent"),
    ] {
        bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    fs::write(path("scan.nii"), &bytes).unwrap();
    for out in ["clean.nii", "clean.nii.gz"] {
        let done = program(
            folder.path(),
            &["anonymise", "scan.nii", "-o", out, "--json"],
        );
        assert!(done.status.success(), "{}", said(&done));
        let report: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(report["actions"]["Z"], 4);
        let scan = open_scan(&path(out), &OpenOptions::default(), &JobContext::silent()).unwrap();
        assert!(scan.image.grid().is_same(&grid, 0.0) && scan.image.voxels() == image.voxels());
    }
    let clean = fs::read(path("clean.nii")).unwrap();
    assert_eq!(clean.len(), bytes.len());
    assert!(!holds(&clean, "Featherstone") && !holds(&clean, "of Jane"));

    // A label map's names are in an extension.
    let labels = LabelMap {
        grid,
        voxels: (0..grid.len()).map(|n| (n % 2) as u16).collect(),
    };
    let mut table = LabelTable::default();
    table.add(1, "featherstone_lesion");
    save_labels(&path("labels.nii.gz"), &labels, &table).unwrap();
    let done = program(
        folder.path(),
        &["anonymise", "labels.nii.gz", "-o", "plain.nii"],
    );
    assert!(
        done.status.success() && said(&done).contains("extensions"),
        "{}",
        said(&done)
    );
    assert!(!holds(
        &fs::read(path("plain.nii")).unwrap(),
        "featherstone"
    ));
    assert_refused(
        &program(folder.path(), &["anonymise", "scan.nii", "-o", "out.dcm"]),
        "end",
    );
    let cut = &bytes[..bytes.len() - 5];
    fs::write(path("cut.nii"), cut).unwrap();
    assert_refused(
        &program(folder.path(), &["anonymise", "cut.nii", "-o", "out.nii"]),
        "damaged",
    );
    assert!(!path("out.nii").exists());
}
