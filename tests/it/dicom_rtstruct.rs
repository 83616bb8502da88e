//! Structure sets: contours that are written come back as the same voxels, and contours of others are filled by the
//! even-odd rule at pixel centres.

use std::collections::BTreeMap;
use std::path::Path;

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject, open_file};
use prosector::io::{
    Approval, DicomObject, Export, IoError, LabelTarget, OpenOptions, Scan, Space, Warning,
    export_labels, open_labels, open_labels_of, save_labels,
};
use prosector::util::JobContext;
use prosector::volume::{LabelLayers, LabelMap, LabelTable, LayerId, Reordering};
use tempfile::TempDir;

use crate::dicom::open;
use crate::dicom_enhanced::{at, enhanced};
use crate::dicom_made::{folder_of, set_number, set_text, slice, stack_at};
use crate::support::{assert_refused, program, said, shared};

/// Columns and rows of the series here.
const SIDE: usize = 10;

fn identified(mut objects: Vec<InMemDicomObject>) -> Vec<InMemDicomObject> {
    for object in &mut objects {
        set_text(object, tags::STUDY_INSTANCE_UID, VR::UI, "2.25.77");
        set_text(object, tags::FRAME_OF_REFERENCE_UID, VR::UI, "2.25.78");
    }
    objects
}

/// Slices of 10x10 pixels 1 mm apart along a row and 2 mm along a column, the first pixel at 10, 20.
pub fn squares(heights: &[f64]) -> Vec<InMemDicomObject> {
    let square = |&z: &f64| {
        let mut object = slice(z, [0; 12]);
        set_number(&mut object, tags::ROWS, SIDE as u16);
        set_number(&mut object, tags::COLUMNS, SIDE as u16);
        let pixels = PrimitiveValue::U16(vec![0; SIDE * SIDE].into());
        object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, pixels));
        object
    };
    identified(heights.iter().map(square).collect())
}

fn read(objects: Vec<InMemDicomObject>) -> (TempDir, Scan) {
    let folder = folder_of(objects);
    let scan = open(folder.path(), &OpenOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    (folder, scan)
}

/// What was read, and its layers as one map.
#[derive(Debug)]
struct Read {
    labels: LabelMap,
    layers: LabelLayers,
    table: LabelTable,
    approval: Option<Approval>,
    warnings: Vec<Warning>,
}

fn labels_of(path: &Path, scan: &Scan) -> Result<Read, IoError> {
    let target = LabelTarget {
        grid: *scan.image.grid(),
        source: scan.info.provenance.as_deref(),
    };
    let read = open_labels_of(path, Some(&target), &JobContext::silent())?;
    Ok(Read {
        labels: read.layers.flattened().0.as_ref().clone(),
        layers: read.layers,
        table: read.table,
        approval: read.approval,
        warnings: read.warnings,
    })
}

fn write(path: &Path, scan: &Scan, labels: &LabelMap, table: &LabelTable) -> Result<(), IoError> {
    write_approved(path, scan, labels, table, None)
}

fn write_approved(
    path: &Path,
    scan: &Scan,
    labels: &LabelMap,
    table: &LabelTable,
    approval: Option<&Approval>,
) -> Result<(), IoError> {
    let export = Export {
        source: scan.info.provenance.as_deref(),
        details: &BTreeMap::new(),
        author: None,
        approval,
        object: DicomObject::RtStruct,
        space: Space::default(),
    };
    export_labels(path, &labels.clone().into(), table, &export).map(drop)
}

#[test]
fn contours_come_back_as_the_same_voxels() {
    let mut tilted = squares(&[0.0, 5.0, 10.0, 15.0]);
    for (k, object) in tilted.iter_mut().enumerate() {
        let position = format!("{}\\20\\{}", 10 + k, 5 * k);
        set_text(object, tags::IMAGE_POSITION_PATIENT, VR::DS, &position);
    }
    let mut oblique = squares(&[0.0, 5.0, 10.0]);
    for (k, object) in oblique.iter_mut().enumerate() {
        let orientation = "0.6\\0.8\\0\\0\\0\\-1";
        set_text(object, tags::IMAGE_ORIENTATION_PATIENT, VR::DS, orientation);
        // Along the normal: (0.6, 0.8, 0) x (0, 0, -1) = (-0.8, 0.6, 0).
        let position = format!("{}\\{}\\7", -4.0 * k as f64, 3.0 * k as f64);
        set_text(object, tags::IMAGE_POSITION_PATIENT, VR::DS, &position);
    }
    let frames = [at(10.0, 1, "1"), at(0.0, 1, "1"), at(5.0, 1, "1")];
    let small = identified(vec![enhanced(&frames)]);
    let unsorted = squares(&[10.0, 0.0, 15.0, 5.0]);
    for objects in [
        unsorted,
        tilted,
        oblique,
        small,
        identified(stack_at(&[0.0, 5.0])),
    ] {
        let (folder, scan) = read(objects);
        let grid = *scan.image.grid();
        // Single pixels, pixels that touch at corners, holes, slices without any; to the border.
        let value = |n: usize| {
            let n = n as u64;
            let hash = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 61;
            [0, 5, 5, 0, 5, 300, 0, 2][hash as usize]
        };
        let voxels = (0..grid.len()).map(value).collect();
        let labels = LabelMap { grid, voxels };
        let mut table = LabelTable::default();
        for (value, name) in [
            (5, "GTV"),
            (2, "Größe"),
            (300, "right_parotid"),
            (7, "empty"),
        ] {
            table.add(value, name);
        }
        let path = folder.path().with_extension("dcm");
        write(&path, &scan, &labels, &table).unwrap_or_else(|e| panic!("{e}"));
        let read = labels_of(&path, &scan).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(read.labels, labels);
        assert_eq!(read.table, table);
        assert!(read.warnings.is_empty(), "{:?}", read.warnings);
        std::fs::remove_file(path).expect("it is there");
    }
}

#[test]
fn structures_that_overlap_come_back_in_layers() {
    let (folder, scan) = read(squares(&[0.0, 5.0, 10.0]));
    let grid = *scan.image.grid();
    let filled = |value: u16, from: usize, to: usize| {
        let mut labels = LabelMap::empty(grid);
        labels.voxels[from..to].fill(value);
        labels
    };
    let mut table = LabelTable::default();
    table.add(4, "organ");
    let above = table.add_layer("above").expect("there is room");
    table.add_in(above, 9, "tumour");
    let maps = vec![
        (LayerId::default(), filled(4, 3, 180)),
        (above, filled(9, 55, 230)),
    ];
    let layers = LabelLayers::of_maps(maps).expect("one grid");
    let path = folder.path().with_extension("dcm");
    let export = Export {
        source: scan.info.provenance.as_deref(),
        details: &BTreeMap::new(),
        author: None,
        approval: None,
        object: DicomObject::RtStruct,
        space: Space::default(),
    };
    let told = export_labels(&path, &layers, &table, &export).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(told, []);
    let back = labels_of(&path, &scan).unwrap_or_else(|e| panic!("{e}"));
    let voxels = |layers: &LabelLayers| -> Vec<Vec<u16>> {
        layers.maps().iter().map(|map| map.voxels.clone()).collect()
    };
    assert_eq!(voxels(&back.layers), voxels(&layers));
    std::fs::remove_file(path).expect("it is there");
}

/// A series with labels on it, and the folder for what is written.
fn labelled() -> (TempDir, Scan, LabelMap, LabelTable) {
    let (folder, scan) = read(squares(&[0.0, 5.0]));
    let grid = *scan.image.grid();
    let mut labels = LabelMap::empty(grid);
    labels.voxels[33..37].fill(1);
    labels.voxels[133..136].fill(2);
    let mut table = LabelTable::default();
    table.add(1, "GTV");
    table.add(2, "node");
    (folder, scan, labels, table)
}

fn text_of(path: &Path, tag: Tag) -> Option<String> {
    let object = open_file(path).expect("it is DICOM");
    let element = object.element(tag).ok()?;
    Some(element.to_str().expect("a text").trim().to_owned())
}

#[test]
fn what_was_approved_opens_locked_and_keeps_its_reviewer() {
    let (series, scan, labels, table) = labelled();
    let path = series.path().with_extension("dcm");
    write(&path, &scan, &labels, &table).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        text_of(&path, tags::APPROVAL_STATUS).as_deref(),
        Some("UNAPPROVED")
    );
    assert_eq!(text_of(&path, tags::REVIEWER_NAME), None);
    let open = labels_of(&path, &scan).unwrap_or_else(|e| panic!("{e}"));
    assert!(open.approval.is_none() && open.warnings.is_empty());
    assert!(open.table.labels().iter().all(|l| !l.locked));

    let approval = Approval {
        reviewer: "Doe^Ann".to_owned(),
        date: "20261124".to_owned(),
        time: "101500".to_owned(),
    };
    write_approved(&path, &scan, &labels, &table, Some(&approval))
        .unwrap_or_else(|e| panic!("{e}"));
    for (tag, expected) in [
        (tags::APPROVAL_STATUS, "APPROVED"),
        (tags::REVIEW_DATE, "20261124"),
        (tags::REVIEW_TIME, "101500"),
        (tags::REVIEWER_NAME, "Doe^Ann"),
    ] {
        assert_eq!(text_of(&path, tag).as_deref(), Some(expected));
    }
    let open = labels_of(&path, &scan).unwrap_or_else(|e| panic!("{e}"));
    assert!(open.approval.as_ref() == Some(&approval));
    assert_eq!(open.warnings, [Warning::Approved]);
    assert!(open.table.labels().iter().all(|l| l.locked));
    assert_eq!(open.labels, labels);

    let mut object = open_file(&path).expect("it is DICOM").into_inner();
    set_text(&mut object, tags::APPROVAL_STATUS, VR::CS, "REJECTED");
    let meta = FileMetaTableBuilder::new().transfer_syntax(uids::IMPLICIT_VR_LITTLE_ENDIAN);
    let file = object.with_meta(meta).expect("the object is sound");
    file.write_to_file(&path).expect("written");
    let open = labels_of(&path, &scan).unwrap_or_else(|e| panic!("{e}"));
    assert!(open.approval.is_none());
    assert_eq!(open.warnings, [Warning::Rejected]);
    assert!(open.table.labels().iter().all(|l| !l.locked));
    std::fs::remove_file(path).expect("it is there");
}

#[test]
fn the_command_approves_for_whom_it_is_told_and_keeps_an_approval() {
    let (series, _, labels, table) = labelled();
    let work = tempfile::tempdir().expect("a folder");
    let at = work.path();
    save_labels(&at.join("drawn.seg.nrrd"), &labels, &table).expect("written");
    let scan = series.path().display().to_string();
    let run = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        program(
            at,
            &[&["labels", "--scan", &scan], words.as_slice()].concat(),
        )
    };
    let reviewer = |name: &str| text_of(&at.join(name), tags::REVIEWER_NAME);
    for (line, written, expected) in [
        ("drawn.seg.nrrd -o a.dcm --as rtstruct", "a.dcm", None),
        (
            "drawn.seg.nrrd -o b.dcm --as rtstruct --approved-by Doe^Ann",
            "b.dcm",
            Some("Doe^Ann"),
        ),
        ("b.dcm -o c.dcm --as rtstruct", "c.dcm", Some("Doe^Ann")),
        ("b.dcm -o d.dcm --as rtstruct --layers 0", "d.dcm", None),
    ] {
        let done = run(line);
        assert!(done.status.success(), "{line}: {}", said(&done));
        assert_eq!(reviewer(written).as_deref(), expected, "{line}");
    }
    let date = |name: &str| text_of(&at.join(name), tags::REVIEW_DATE);
    assert!(date("b.dcm").is_some() && date("b.dcm") == date("c.dcm"));
    for line in [
        "drawn.seg.nrrd -o e.dcm --as seg --approved-by Doe^Ann",
        "drawn.seg.nrrd -o e.nii.gz --approved-by Doe^Ann",
    ] {
        let refused = run(line);
        assert_eq!(refused.status.code(), Some(2), "{line}: {}", said(&refused));
        assert!(
            said(&refused).contains("--as rtstruct"),
            "{}",
            said(&refused)
        );
    }
    // Locks of labels are kept where they are gone on with.
    let done = run("b.dcm -o e.seg.nrrd");
    assert!(done.status.success(), "{}", said(&done));
    let (_, table, _) = open_labels(&at.join("e.seg.nrrd"), &JobContext::silent()).expect("read");
    assert!(table.labels().iter().all(|label| label.locked));
    let edit = program(
        at,
        &[
            "edit",
            &scan,
            "--labels",
            "e.seg.nrrd",
            "-o",
            "f.seg.nrrd",
            "--do",
            "clear label=GTV",
        ],
    );
    assert_refused(&edit, "locked");
    assert!(!at.join("f.seg.nrrd").exists());
}

/// A structure set of one structure, by contours of a type in LPS.
pub fn structure_set(contours: &[(&str, &[[f64; 3]])]) -> (TempDir, std::path::PathBuf) {
    let sequence = |object: &mut InMemDicomObject, tag: Tag, items: Vec<InMemDicomObject>| {
        object.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
    };
    let mut object = InMemDicomObject::new_empty();
    set_text(
        &mut object,
        tags::SOP_CLASS_UID,
        VR::UI,
        uids::RT_STRUCTURE_SET_STORAGE,
    );
    set_text(&mut object, tags::SOP_INSTANCE_UID, VR::UI, "2.25.5");
    set_text(&mut object, tags::MODALITY, VR::CS, "RTSTRUCT");
    let mut roi = InMemDicomObject::new_empty();
    set_text(&mut roi, tags::ROI_NUMBER, VR::IS, "3");
    set_text(&mut roi, tags::ROI_NAME, VR::LO, "GTV-1");
    set_text(
        &mut roi,
        tags::REFERENCED_FRAME_OF_REFERENCE_UID,
        VR::UI,
        "2.25.78",
    );
    sequence(&mut object, tags::STRUCTURE_SET_ROI_SEQUENCE, vec![roi]);
    let contour = |(kind, points): &(&str, &[[f64; 3]])| {
        let mut item = InMemDicomObject::new_empty();
        let numbers: Vec<String> = points.iter().flatten().map(f64::to_string).collect();
        set_text(&mut item, tags::CONTOUR_GEOMETRIC_TYPE, VR::CS, kind);
        set_text(&mut item, tags::CONTOUR_DATA, VR::DS, &numbers.join("\\"));
        item
    };
    let contours = contours.iter().map(contour).collect();
    let mut drawn = InMemDicomObject::new_empty();
    set_text(&mut drawn, tags::REFERENCED_ROI_NUMBER, VR::IS, "3");
    set_text(&mut drawn, tags::ROI_DISPLAY_COLOR, VR::IS, "12\\34\\56");
    sequence(&mut drawn, tags::CONTOUR_SEQUENCE, contours);
    sequence(&mut object, tags::ROI_CONTOUR_SEQUENCE, vec![drawn]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rs.dcm");
    let meta = FileMetaTableBuilder::new().transfer_syntax(uids::IMPLICIT_VR_LITTLE_ENDIAN);
    let file = object.with_meta(meta).expect("the object is sound");
    file.write_to_file(&path).expect("written");
    (folder, path)
}

/// A rectangle around the pixels from `low` to `high` of a slice, in LPS: pixel centres at 10 + i, 20 + 2 j.
fn around(low: [f64; 2], high: [f64; 2], z: f64) -> [[f64; 3]; 4] {
    let x = [10.0 + low[0] - 0.5, 10.0 + high[0] + 0.5];
    let y = [20.0 + 2.0 * (low[1] - 0.5), 20.0 + 2.0 * (high[1] + 0.5)];
    [
        [x[0], y[0], z],
        [x[1], y[0], z],
        [x[1], y[1], z],
        [x[0], y[1], z],
    ]
}

/// Voxels along (i, j) of a slice that have the structure.
fn inside(read: &Read, k: usize) -> Vec<[usize; 2]> {
    let slice = &read.labels.voxels[k * SIDE * SIDE..][..SIDE * SIDE];
    let at = |(n, _): (usize, &u16)| [n % SIDE, n / SIDE];
    slice
        .iter()
        .enumerate()
        .filter(|v| *v.1 == 3)
        .map(at)
        .collect()
}

#[test]
fn holes_slivers_and_contours_off_the_slices() {
    const CLOSED: &str = "CLOSED_PLANAR";
    let (_series, scan) = read(squares(&[0.0, 5.0, 10.0, 15.0]));
    let outer = around([1.0, 1.0], [4.0, 4.0], 0.0);
    let hole = around([2.0, 2.0], [3.0, 3.0], 0.0);
    // A ring by one outline, with a channel of no width.
    let (a, b) = (
        around([1.0, 1.0], [4.0, 4.0], 5.0),
        around([2.0, 2.0], [3.0, 3.0], 5.0),
    );
    let keyhole = [a[0], a[1], a[2], a[3], a[0], b[0], b[3], b[2], b[1], b[0]];
    // Far smaller than a pixel, beside a real one.
    let sliver = [
        [12.1, 22.1, 10.0],
        [12.2, 22.1, 10.0],
        [12.2, 22.2, 10.0],
        [12.1, 22.2, 10.0],
    ];
    let real = around([6.0, 6.0], [7.0, 6.0], 10.0);
    // On no slice; across slices; beyond the scan.
    let between = around([0.0, 0.0], [0.0, 1.0], 13.5);
    let across = [[10.0, 20.0, 0.0], [12.0, 20.0, 15.0], [12.0, 24.0, 15.0]];
    let beyond = around([0.0, 0.0], [1.0, 1.0], 40.0);
    let (_folder, path) = structure_set(&[
        (CLOSED, &outer),
        ("CLOSEDPLANAR_XOR", &hole),
        (CLOSED, &keyhole),
        (CLOSED, &sliver),
        (CLOSED, &real),
        (CLOSED, &between),
        (CLOSED, &across),
        (CLOSED, &beyond),
        ("POINT", &[[10.0, 20.0, 0.0]]),
        ("OPEN_PLANAR", &outer),
        (CLOSED, &[[10.0, 20.0, 0.0], [11.0, 20.0, 0.0]]),
    ]);
    let read = labels_of(&path, &scan).unwrap_or_else(|e| panic!("{e}"));
    let ring: Vec<[usize; 2]> = (1..=4)
        .flat_map(|j| (1..=4).map(move |i| [i, j]))
        .filter(|[i, j]| !((2..=3).contains(i) && (2..=3).contains(j)))
        .collect();
    assert_eq!(inside(&read, 0), ring);
    assert_eq!(inside(&read, 1), ring);
    assert_eq!(inside(&read, 2), [[6, 6], [7, 6]]);
    assert_eq!(inside(&read, 3), [[0, 0], [0, 1]]);
    let expected = [
        Warning::ContoursBetween { contours: 1 },
        Warning::ContoursLeftOut { contours: 5 },
    ];
    assert_eq!(read.warnings, expected);
    let label = &read.table.labels()[0];
    assert_eq!((label.value, label.name.as_str()), (3, "GTV-1"));
    assert_eq!(label.color, [12, 34, 56]);
}

#[test]
fn contours_need_a_scan_of_their_space() {
    let outer = around([1.0, 1.0], [4.0, 4.0], 0.0);
    let (_folder, path) = structure_set(&[("CLOSED_PLANAR", &outer)]);
    let refusal = open_labels(&path, &JobContext::silent()).expect_err("there is no grid");
    assert!(
        refusal.to_string().contains("scan that they were drawn on"),
        "{refusal}"
    );
    let mut elsewhere = squares(&[0.0, 5.0]);
    for object in &mut elsewhere {
        set_text(object, tags::FRAME_OF_REFERENCE_UID, VR::UI, "2.25.79");
    }
    let (_series, scan) = read(elsewhere);
    let refusal = labels_of(&path, &scan).expect_err("another space");
    assert!(
        refusal.to_string().contains("another frame of reference"),
        "{refusal}"
    );
    let (_series, scan) = read(squares(&[0.0, 5.0]));
    assert_eq!(
        inside(
            &labels_of(&path, &scan).unwrap_or_else(|e| panic!("{e}")),
            0
        )
        .len(),
        16
    );
}

#[test]
fn contours_of_real_scans_are_filled_as_by_others() {
    // Voxels by an even-odd fill of NumPy's; of IBSI's phantom its own mask has the same ones.
    for (series, contours, expected) in [
        (
            "ibsi_lung_nsclc/dicom_image",
            "ibsi_lung_nsclc/dicom_rtstruct/DCM_RS_00060.dcm",
            125_256,
        ),
        (
            "sts_dicom_rtstruct/STS_002/CT/image",
            "sts_dicom_rtstruct/STS_002/CT/mask/RS.dcm",
            17_090,
        ),
        (
            "sts_dicom_rtstruct/STS_002/PET/image",
            "sts_dicom_rtstruct/STS_002/PET/mask/RS.dcm",
            555,
        ),
        (
            "sts_dicom_rtstruct/STS_002/MR_T1/image",
            "sts_dicom_rtstruct/STS_002/MR_T1/mask/RS.dcm",
            17_090,
        ),
    ] {
        let Some(folder) = shared("data/labelled") else {
            return;
        };
        let scan = open(&folder.join(series), &OpenOptions::default());
        let scan = scan.unwrap_or_else(|e| panic!("{e}"));
        let read = labels_of(&folder.join(contours), &scan).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(read.labels.counts(), [(1, expected)], "{series}");
        assert!(read.warnings.is_empty(), "{series}: {:?}", read.warnings);
        if series.starts_with("ibsi") {
            let mask = folder.join("ibsi_lung_nsclc/mask.nii.gz");
            let (mask, ..) = open_labels(&mask, &JobContext::silent()).expect("it is there");
            let order = Reordering::between(&mask.grid, &read.labels.grid).expect("one grid");
            assert_eq!(order.apply(mask.voxels), read.labels.voxels, "Dice 1.000");
        }
        let again = tempfile::tempdir().expect("a folder");
        let path = again.path().join("again.dcm");
        write(&path, &scan, &read.labels, &read.table).unwrap_or_else(|e| panic!("{e}"));
        let back = labels_of(&path, &scan).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(back.labels.voxels, read.labels.voxels, "{series}");
    }
}
