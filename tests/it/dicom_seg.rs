//! DICOM segmentations: what is written comes back voxel by voxel, and files of other programs are read as they are meant.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{DefaultDicomObject, FileMetaTableBuilder, InMemDicomObject, open_file};
use prosector::io::{
    DicomObject, Export, IoError, LabelTarget, OpenOptions, Scan, SegmentDetails, Space, Warning,
    export_labels, open_labels, open_labels_of, save_labels,
};
use prosector::util::JobContext;
use prosector::volume::{LabelLayers, LabelMap, LabelTable};
use tempfile::TempDir;

use crate::dicom::open;
use crate::dicom_enhanced::{at, enhanced};
use crate::dicom_made::{folder_of, set_text, slice, stack_at};
use crate::support::{self, shared};

const PIXELS: usize = 12;

/// A series that has what a derived object needs; slices are given at their heights, in any order.
pub fn named(mut objects: Vec<InMemDicomObject>) -> Vec<InMemDicomObject> {
    for object in &mut objects {
        set_text(object, tags::PATIENT_NAME, VR::PN, "Doe^Jane");
        set_text(object, tags::PATIENT_ID, VR::LO, "4711");
        set_text(object, tags::STUDY_INSTANCE_UID, VR::UI, "2.25.77");
        set_text(object, tags::FRAME_OF_REFERENCE_UID, VR::UI, "2.25.78");
    }
    objects
}

fn series(heights: &[f64]) -> (TempDir, Scan) {
    read(named(stack_at(heights)))
}

fn read(objects: Vec<InMemDicomObject>) -> (TempDir, Scan) {
    let folder = folder_of(objects);
    let scan = open(folder.path(), &OpenOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    (folder, scan)
}

fn target(scan: &Scan) -> LabelTarget<'_> {
    LabelTarget {
        grid: *scan.image.grid(),
        source: scan.info.provenance.as_deref(),
    }
}

/// Labels 2, 7 and 300; slice 1 has none, and label 9 no voxel.
fn drawn(scan: &Scan) -> (LabelMap, LabelTable) {
    let grid = *scan.image.grid();
    let value = |n: usize| match n / PIXELS {
        1 => 0,
        k => [0, 2, 7, 300][(n * 5 + k) % 4],
    };
    let mut table = LabelTable::default();
    for (value, name) in [
        (300, "Größe"),
        (2, "right_parotid"),
        (9, "empty"),
        (7, "liver"),
    ] {
        table.add(value, name);
    }
    let voxels = (0..grid.len()).map(value).collect();
    (LabelMap { grid, voxels }, table)
}

fn write(path: &Path, scan: &Scan, object: DicomObject) -> Result<Vec<Warning>, IoError> {
    let (labels, table) = drawn(scan);
    let export = Export {
        source: scan.info.provenance.as_deref(),
        details: &BTreeMap::new(),
        author: None,
        approval: None,
        object,
        space: Space::default(),
    };
    export_labels(path, &labels.into(), &table, &export)
}

/// What was read, and its layers as one map.
#[derive(Debug)]
struct Read {
    labels: LabelMap,
    layers: LabelLayers,
    table: LabelTable,
    details: BTreeMap<u16, SegmentDetails>,
    warnings: Vec<Warning>,
}

fn labels_of(path: &Path, scan: Option<&Scan>) -> Result<Read, IoError> {
    let target = scan.map(target);
    let read = open_labels_of(path, target.as_ref(), &JobContext::silent())?;
    Ok(Read {
        labels: read.layers.flattened().0.as_ref().clone(),
        layers: read.layers,
        table: read.table,
        details: read.details,
        warnings: read.warnings,
    })
}

fn counts(labels: &Read) -> Vec<(u16, usize)> {
    labels.labels.counts()
}

fn file(folder: &TempDir) -> PathBuf {
    // Beside the series, not in it.
    folder.path().with_extension("dcm")
}

#[test]
fn label_maps_keep_their_values_names_and_colours() {
    let (folder, scan) = series(&[10.0, 0.0, 15.0, 5.0]);
    let path = file(&folder);
    let told = write(&path, &scan, DicomObject::LabelMap).unwrap_or_else(|e| panic!("{e}"));
    assert!(told.is_empty(), "{told:?}");
    let (labels, table) = drawn(&scan);
    let read = labels_of(&path, Some(&scan)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(read.labels, labels);
    assert!(read.warnings.is_empty(), "{:?}", read.warnings);
    for label in table.labels() {
        assert_eq!(read.table.get(label.value), Some(label));
    }
    let alone = labels_of(&path, None).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(alone.labels.voxels, labels.voxels);
    assert!(alone.labels.grid.is_same(&labels.grid, 1e-6));

    let object = open_file(&path).expect("it is DICOM");
    let text = |tag: Tag| text_of(&object, tag);
    assert_eq!(
        text(tags::SOP_CLASS_UID),
        uids::LABEL_MAP_SEGMENTATION_STORAGE
    );
    assert_eq!(text(tags::PATIENT_NAME), "Doe^Jane");
    assert_eq!(text(tags::STUDY_INSTANCE_UID), "2.25.77");
    assert_eq!(text(tags::FRAME_OF_REFERENCE_UID), "2.25.78");
    assert_eq!(text(tags::BITS_ALLOCATED), "16");
    assert_eq!(text(tags::NUMBER_OF_FRAMES), "4", "every slice");
    assert!(text(tags::CONTENT_DESCRIPTION).contains("not for clinical use"));
    assert_ne!(text(tags::SERIES_INSTANCE_UID), "2.25.1");
    std::fs::remove_file(path).expect("it is there");
}

fn text_of(object: &DefaultDicomObject, tag: Tag) -> String {
    let element = object.element(tag).unwrap_or_else(|e| panic!("{e}"));
    element.to_str().expect("a text").trim().to_owned()
}

fn items(object: &InMemDicomObject, tag: Tag) -> Vec<InMemDicomObject> {
    let element = object.element(tag).unwrap_or_else(|e| panic!("{e}"));
    element.items().expect("a sequence").to_vec()
}

fn inner(object: &InMemDicomObject, path: &[Tag], tag: Tag) -> String {
    let mut item = object.clone();
    for &step in path {
        item = items(&item, step).swap_remove(0);
    }
    let element = item.element(tag).unwrap_or_else(|e| panic!("{e}"));
    element.to_str().expect("a text").trim().to_owned()
}

#[test]
fn binary_segments_are_numbered_and_refer_to_their_images() {
    let (folder, scan) = series(&[10.0, 0.0, 15.0, 5.0]);
    let path = file(&folder);
    let told = write(&path, &scan, DicomObject::Seg).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(told, [Warning::SegmentsRenumbered { segments: 4 }]);
    let (labels, _) = drawn(&scan);
    let read = labels_of(&path, Some(&scan)).unwrap_or_else(|e| panic!("{e}"));
    let renumbered = |v: &u16| {
        [(0, 0), (2, 1), (7, 2), (300, 4)]
            .iter()
            .find(|p| p.0 == *v)
            .map(|p| p.1)
    };
    let expected: Option<Vec<u16>> = labels.voxels.iter().map(renumbered).collect();
    assert_eq!(Some(read.labels.voxels), expected);
    let names: Vec<&str> = read
        .table
        .labels()
        .iter()
        .map(|l| l.name.as_str())
        .collect();
    assert_eq!(names, ["right_parotid", "liver", "empty", "Größe"]);

    let object = open_file(&path).expect("it is DICOM");
    let frames = items(&object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    // Three segments on three slices, the slice of none, the segment of none.
    assert_eq!(frames.len(), 3 * 3 + 1 + 1);
    let segment = [tags::SEGMENT_IDENTIFICATION_SEQUENCE];
    let source = [tags::DERIVATION_IMAGE_SEQUENCE, tags::SOURCE_IMAGE_SEQUENCE];
    let of_first = frames
        .iter()
        .filter(|f| inner(f, &segment, tags::REFERENCED_SEGMENT_NUMBER) == "1");
    let images: Vec<String> = of_first
        .map(|f| inner(f, &source, tags::REFERENCED_SOP_INSTANCE_UID))
        .collect();
    // Along k: the objects at 0, 5, 10 and 15 mm.
    assert_eq!(images, ["2.25.91", "2.25.93", "2.25.90", "2.25.92"]);
    let segments = items(&object, tags::SEGMENT_SEQUENCE);
    let kind = [tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE];
    let side = [
        kind[0],
        tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE,
    ];
    assert_eq!(inner(&segments[0], &kind, tags::CODE_VALUE), "45289007");
    assert_eq!(inner(&segments[0], &side, tags::CODE_MEANING), "Right");
    assert_eq!(inner(&segments[1], &kind, tags::CODE_VALUE), "10200004");
    let referred = items(&object, tags::REFERENCED_SERIES_SEQUENCE);
    assert_eq!(
        inner(&referred[0], &[], tags::SERIES_INSTANCE_UID),
        "2.25.1"
    );
    assert_eq!(
        items(&referred[0], tags::REFERENCED_INSTANCE_SEQUENCE).len(),
        4
    );
    std::fs::remove_file(path).expect("it is there");
}

#[test]
fn tilted_and_multi_frame_series_keep_their_planes() {
    // Slices that shift sideways by 1 mm each lean.
    let mut tilted = named(stack_at(&[0.0, 5.0, 10.0, 15.0]));
    for (k, object) in tilted.iter_mut().enumerate() {
        let position = format!("{}\\20\\{}", 10 + k, 5 * k);
        set_text(object, tags::IMAGE_POSITION_PATIENT, VR::DS, &position);
    }
    let frames = [
        at(10.0, 1, "1"),
        at(0.0, 1, "1"),
        at(5.0, 1, "1"),
        at(15.0, 1, "1"),
    ];
    for objects in [tilted, named(vec![enhanced(&frames)])] {
        let is_multi_frame = objects.len() == 1;
        let (folder, scan) = read(objects);
        let path = file(&folder);
        for object in [DicomObject::Seg, DicomObject::LabelMap] {
            write(&path, &scan, object).unwrap_or_else(|e| panic!("{e}"));
            let (labels, _) = drawn(&scan);
            for scan in [Some(&scan), None] {
                let read = labels_of(&path, scan).unwrap_or_else(|e| panic!("{e}"));
                assert!(read.labels.grid.is_same(&labels.grid, 1e-6), "{object:?}");
                let is_empty = |v: &u16| *v == 0;
                let empty = |voxels: &[u16]| voxels.iter().map(is_empty).collect::<Vec<_>>();
                assert_eq!(empty(&read.labels.voxels), empty(&labels.voxels));
            }
        }
        let object = open_file(&path).expect("it is DICOM");
        let first = items(&object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).swap_remove(0);
        let source = [tags::DERIVATION_IMAGE_SEQUENCE, tags::SOURCE_IMAGE_SEQUENCE];
        if is_multi_frame {
            // The frame at 0 mm is the second.
            assert_eq!(inner(&first, &source, tags::REFERENCED_FRAME_NUMBER), "2");
        }
        std::fs::remove_file(path).expect("it is there");
    }
}

#[test]
fn slices_between_images_refer_to_those_that_they_were_made_of() {
    // Gaps of 5 and 6 mm: opened as slices 5.5 mm apart.
    let (folder, scan) = series(&[0.0, 5.0, 11.0]);
    let source = scan.info.provenance.as_deref().expect("a series");
    assert!(!source.is_on_slices);
    let path = file(&folder);
    write(&path, &scan, DicomObject::LabelMap).unwrap_or_else(|e| panic!("{e}"));
    let object = open_file(&path).expect("it is DICOM");
    let frames = items(&object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    let images = |frame: &InMemDicomObject| -> Vec<[String; 2]> {
        let derivation = items(frame, tags::DERIVATION_IMAGE_SEQUENCE).swap_remove(0);
        let images = items(&derivation, tags::SOURCE_IMAGE_SEQUENCE);
        let told = [
            tags::REFERENCED_SOP_INSTANCE_UID,
            tags::SPATIAL_LOCATIONS_PRESERVED,
        ];
        images
            .iter()
            .map(|image| told.map(|tag| inner(image, &[], tag)))
            .collect()
    };
    let of = |uid: &str| [uid.to_owned(), "NO".to_owned()];
    assert_eq!(images(&frames[0])[0], of("2.25.90"));
    assert_eq!(images(&frames[1]), [of("2.25.91"), of("2.25.92")]);
    let back = labels_of(&path, Some(&scan)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(back.labels.voxels, drawn(&scan).0.voxels);
    std::fs::remove_file(path).expect("it is there");
}

#[test]
fn labels_of_another_grid_take_the_nearest_voxel() {
    let (folder, thick) = series(&[0.0, 5.0, 10.0, 15.0]);
    let path = file(&folder);
    write(&path, &thick, DicomObject::LabelMap).unwrap_or_else(|e| panic!("{e}"));
    let (_thin_folder, thin) = series(&[0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
    let read = labels_of(&path, Some(&thin)).unwrap_or_else(|e| panic!("{e}"));
    let (labels, _) = drawn(&thick);
    // The nearest of 0, 5, 10 and 15 mm; the last slice lies outside of the thin scan.
    let nearest = [0, 0, 1, 1, 2, 2].map(|k| &labels.voxels[k * PIXELS..][..PIXELS]);
    assert_eq!(read.labels.voxels, nearest.concat());
    let outside = labels.voxels[3 * PIXELS..]
        .iter()
        .filter(|v| **v != 0)
        .count();
    assert_eq!(read.warnings, [Warning::LabelsResampled { outside }]);

    let mut elsewhere = named(stack_at(&[0.0, 5.0, 10.0, 15.0]));
    for object in &mut elsewhere {
        set_text(object, tags::FRAME_OF_REFERENCE_UID, VR::UI, "2.25.79");
    }
    let (_folder, elsewhere) = self::read(elsewhere);
    let refusal = labels_of(&path, Some(&elsewhere)).expect_err("another space");
    assert!(
        refusal.to_string().contains("another frame of reference"),
        "{refusal}"
    );
    std::fs::remove_file(path).expect("it is there");
}

fn put_number(object: &mut InMemDicomObject, tag: Tag, value: u16) {
    object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
}

pub fn put_items(object: &mut InMemDicomObject, tag: Tag, items: Vec<InMemDicomObject>) {
    object.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
}

pub fn with_text(tag: Tag, vr: VR, text: &str) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    set_text(&mut item, tag, vr, text);
    item
}

/// A segmentation of frames at heights with the numbers of their segments.
pub fn made(kind: &str, bits: u16, frames: &[(f64, u16)], pixels: Vec<u8>) -> InMemDicomObject {
    let mut object = slice(0.0, [0; PIXELS]);
    for tag in [
        tags::IMAGE_POSITION_PATIENT,
        tags::IMAGE_ORIENTATION_PATIENT,
        tags::PIXEL_SPACING,
        tags::SLICE_THICKNESS,
    ] {
        object.remove_element(tag);
    }
    let count = frames.len().to_string();
    for (tag, vr, text) in [
        (tags::SOP_CLASS_UID, VR::UI, uids::SEGMENTATION_STORAGE),
        (tags::MODALITY, VR::CS, "SEG"),
        (tags::FRAME_OF_REFERENCE_UID, VR::UI, "2.25.78"),
        (tags::SEGMENTATION_TYPE, VR::CS, kind),
        (tags::NUMBER_OF_FRAMES, VR::IS, count.as_str()),
    ] {
        set_text(&mut object, tag, vr, text);
    }
    put_number(&mut object, tags::BITS_ALLOCATED, bits);
    put_number(&mut object, tags::BITS_STORED, bits);
    put_number(&mut object, tags::HIGH_BIT, bits - 1);
    put_number(&mut object, tags::MAXIMUM_FRACTIONAL_VALUE, 200);
    let segments = frames.iter().map(|f| f.1).max().unwrap_or(1);
    let all = (1..=segments).map(segment_item).collect();
    put_items(&mut object, tags::SEGMENT_SEQUENCE, all);
    let mut shared = InMemDicomObject::new_empty();
    let orientation = "1\\0\\0\\0\\1\\0";
    let orientation = with_text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, orientation);
    put_items(
        &mut shared,
        tags::PLANE_ORIENTATION_SEQUENCE,
        vec![orientation],
    );
    let measures = with_text(tags::PIXEL_SPACING, VR::DS, "2\\1");
    put_items(&mut shared, tags::PIXEL_MEASURES_SEQUENCE, vec![measures]);
    let tag = tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE;
    put_items(&mut object, tag, vec![shared]);
    let own = frames.iter().map(|&(z, n)| frame_item(z, n)).collect();
    put_items(&mut object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, own);
    let pixels = PrimitiveValue::U8(pixels.into());
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, pixels));
    object
}

fn segment_item(n: u16) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    put_number(&mut item, tags::SEGMENT_NUMBER, n);
    let mut text = |tag, vr, text: String| set_text(&mut item, tag, vr, &text);
    text(tags::SEGMENT_LABEL, VR::LO, format!("segment {n}"));
    text(tags::TRACKING_ID, VR::UT, format!("lesion {n}"));
    text(tags::TRACKING_UID, VR::UI, format!("2.25.10{n}"));
    let mut code = with_text(tags::CODE_VALUE, VR::SH, "4147007");
    set_text(&mut code, tags::CODING_SCHEME_DESIGNATOR, VR::SH, "SCT");
    set_text(&mut code, tags::CODE_MEANING, VR::LO, "Mass");
    let tag = tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE;
    put_items(&mut item, tag, vec![code]);
    item
}

fn frame_item(z_mm: f64, segment: u16) -> InMemDicomObject {
    let mut group = InMemDicomObject::new_empty();
    let position = format!("10\\20\\{z_mm}");
    let position = with_text(tags::IMAGE_POSITION_PATIENT, VR::DS, &position);
    put_items(&mut group, tags::PLANE_POSITION_SEQUENCE, vec![position]);
    let mut item = InMemDicomObject::new_empty();
    put_number(&mut item, tags::REFERENCED_SEGMENT_NUMBER, segment);
    let tag = tags::SEGMENT_IDENTIFICATION_SEQUENCE;
    put_items(&mut group, tag, vec![item]);
    group
}

pub fn saved(object: InMemDicomObject) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("seg.dcm");
    let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let file = object.with_meta(meta).expect("the object is sound");
    file.write_to_file(&path).expect("written");
    (folder, path)
}

#[test]
fn overlapping_segments_lie_in_layers() {
    // Frames of 12 bits: segment 1 has pixels 0 to 3 at 0 mm, segment 2 pixels 2 to 5; segment 1 all of 10 mm.
    let bits: u64 = 0b1111 | 0b11_1100 << 12 | 0xFFF << 24;
    let pixels = bits.to_le_bytes()[..6].to_vec();
    let (_folder, path) = saved(made("BINARY", 1, &[(0.0, 1), (0.0, 2), (10.0, 1)], pixels));
    let (_series, scan) = series(&[0.0, 5.0, 10.0]);
    let read = labels_of(&path, Some(&scan)).unwrap_or_else(|e| panic!("{e}"));
    let mut expected = vec![0; 3 * PIXELS];
    expected[..2].fill(1);
    expected[2..6].fill(2);
    expected[2 * PIXELS..].fill(1);
    assert_eq!(read.labels.voxels, expected);
    assert!(read.warnings.is_empty(), "{:?}", read.warnings);
    let [lower, upper] = read.layers.maps() else {
        panic!("{} layers", read.layers.maps().len());
    };
    assert_eq!(lower.voxels[..7], [1, 1, 1, 1, 0, 0, 0]);
    assert_eq!(upper.voxels[..7], [0, 0, 2, 2, 2, 2, 0]);
    // For those who need one map the later segment has the voxel, and that is said.
    let (flat, _, told) = open_labels(&path, &JobContext::silent()).expect("it is sound");
    assert_eq!(flat.voxels[..7], expected[..7]);
    assert_eq!(told, [Warning::SegmentsOverlap { voxels: 2 }]);
    // Written again they overlap again, and as a label map cannot.
    let again = path.with_file_name("again.dcm");
    let mut export = Export {
        source: scan.info.provenance.as_deref(),
        details: &read.details,
        author: None,
        approval: None,
        object: DicomObject::Seg,
        space: Space::default(),
    };
    let told = export_labels(&again, &read.layers, &read.table, &export);
    assert_eq!(told.unwrap_or_else(|e| panic!("{e}")), []);
    let back = labels_of(&again, Some(&scan)).unwrap_or_else(|e| panic!("{e}"));
    assert!(back.layers == read.layers);
    let object = open_file(&again).expect("it is DICOM");
    assert_eq!(text_of(&object, tags::SEGMENTS_OVERLAP), "YES");
    export.object = DicomObject::LabelMap;
    let told = export_labels(&again, &read.layers, &read.table, &export);
    let flattened = Warning::LayersFlattened { voxels: 2 };
    assert_eq!(told.unwrap_or_else(|e| panic!("{e}")), [flattened]);
    let back = labels_of(&again, Some(&scan)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(back.labels.voxels, expected);
    // Alone it has two planes, 10 mm apart.
    let alone = labels_of(&path, None).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(alone.labels.grid.dims, [4, 3, 2]);
    assert_eq!(alone.labels.grid.spacing_mm(), [1.0, 2.0, 10.0]);
}

#[test]
fn a_voxel_belongs_to_a_segment_that_has_half_of_it() {
    // Shares of 200: less than half is nothing.
    let mut pixels = vec![0_u8; 2 * PIXELS];
    pixels[..4].copy_from_slice(&[99, 100, 200, 120]);
    pixels[PIXELS..][..4].copy_from_slice(&[0, 0, 150, 121]);
    let (_folder, path) = saved(made("FRACTIONAL", 8, &[(0.0, 1), (0.0, 2)], pixels));
    let (_series, scan) = series(&[0.0, 5.0]);
    let read = labels_of(&path, Some(&scan)).unwrap_or_else(|e| panic!("{e}"));
    let maps = read.layers.maps();
    assert_eq!(maps[0].voxels[..5], [0, 1, 1, 1, 0]);
    assert_eq!(maps[1].voxels[..5], [0, 0, 2, 2, 0]);
    assert_eq!(read.warnings, [Warning::FractionsCut]);
}

#[test]
fn codes_and_tracking_ids_are_kept_from_file_to_file() {
    let pixels = vec![0b0000_1111, 0];
    let (folder, path) = saved(made("BINARY", 1, &[(0.0, 1)], pixels));
    let (_series, scan) = series(&[0.0, 5.0]);
    let read = labels_of(&path, Some(&scan)).unwrap_or_else(|e| panic!("{e}"));
    let again = folder.path().join("again.dcm");
    let export = Export {
        source: scan.info.provenance.as_deref(),
        details: &read.details,
        author: None,
        approval: None,
        object: DicomObject::Seg,
        space: Space::default(),
    };
    export_labels(&again, &read.layers, &read.table, &export).unwrap_or_else(|e| panic!("{e}"));
    let written = labels_of(&again, Some(&scan)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(counts(&written), [(1, 4)]);
    let details = &written.details[&1];
    let tracking = ["lesion 1", "2.25.101"].map(str::to_owned);
    assert_eq!(details.tracking, Some(tracking));
    let code = details.kind.as_ref().expect("it has one");
    assert_eq!(
        (code.value.as_str(), code.scheme.as_str()),
        ("4147007", "SCT")
    );
}

type Damage = dyn Fn(&mut InMemDicomObject);

#[test]
fn damaged_segmentations_are_refused_in_one_line() {
    let sound = || made("BINARY", 1, &[(0.0, 1), (5.0, 1)], vec![0xFF; 4]);
    let cases: [(&str, &Damage); 7] = [
        ("break off", &|o| {
            let few = PrimitiveValue::U8(vec![0; 2].into());
            o.put(DataElement::new(tags::PIXEL_DATA, VR::OB, few));
        }),
        ("no pixels", &|o| {
            o.remove_element(tags::PIXEL_DATA);
        }),
        ("describes 2 of them", &|o| {
            set_text(o, tags::NUMBER_OF_FRAMES, VR::IS, "3");
        }),
        ("Rows", &|o| {
            o.put(DataElement::new(
                tags::ROWS,
                VR::US,
                PrimitiveValue::from(0_u16),
            ));
        }),
        ("SegmentationType is FRACTIONAL of 1 bits", &|o| {
            set_text(o, tags::SEGMENTATION_TYPE, VR::CS, "FRACTIONAL");
        }),
        ("which segment", &|o| {
            let mut frames = items(o, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
            frames[1].remove_element(tags::SEGMENT_IDENTIFICATION_SEQUENCE);
            let tag = tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE;
            o.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(frames)));
        }),
        ("ImagePositionPatient", &|o| {
            let mut frames = items(o, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
            frames[0].remove_element(tags::PLANE_POSITION_SEQUENCE);
            let tag = tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE;
            o.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(frames)));
        }),
    ];
    let (_series, scan) = series(&[0.0, 5.0]);
    for (reason, damage) in cases {
        let mut object = sound();
        damage(&mut object);
        let (_folder, path) = saved(object);
        for scan in [Some(&scan), None] {
            let refusal = labels_of(&path, scan).expect_err(reason).to_string();
            assert!(refusal.contains(reason), "{reason}: {refusal}");
            assert_eq!(refusal.lines().count(), 1, "{refusal}");
        }
    }
}

#[test]
fn without_a_series_nothing_is_written() {
    let (folder, scan) = series(&[0.0, 5.0, 10.0]);
    let path = file(&folder);
    let (labels, table) = drawn(&scan);
    let details = BTreeMap::new();
    let export = Export {
        source: None,
        details: &details,
        author: None,
        approval: None,
        object: DicomObject::Seg,
        space: Space::default(),
    };
    for refused in [
        export_labels(&path, &labels.clone().into(), &table, &export).map(drop),
        save_labels(&path, &labels, &table),
    ] {
        let text = refused.expect_err("there is no series").to_string();
        assert!(text.contains("DICOM"), "{text}");
    }
    assert!(!path.exists());
}

/// Voxels by value.
type Counts = &'static [(u16, usize)];

#[test]
fn files_of_dcmqi_and_highdicom_are_read_as_they_are_meant() {
    let Some(folder) = shared("data/dicom_seg") else {
        return;
    };
    // Counts are pydicom's; those of the layers are of each segment.
    let cases: [(&str, [usize; 3], Counts); 5] = [
        ("dcmqi/liver.dcm", [512, 512, 3], &[(1, 107_098)]),
        ("dcmqi/24x38x3/seg/label.seg", [24, 38, 3], &[(1, 315)]),
        ("dcmqi/sparse-labelmap-noppv.dcm", [24, 38, 3], &[(1, 630)]),
        (
            "highdicom/seg_image_ct_binary.dcm",
            [16, 16, 3],
            &[(1, 638)],
        ),
        (
            "highdicom/seg_image_ct_binary_single_frame.dcm",
            [128, 128, 1],
            &[(1, 1832)],
        ),
    ];
    for (name, dims, expected) in cases {
        let read = labels_of(&folder.join(name), None).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(read.labels.grid.dims, dims, "{name}");
        assert_eq!(counts(&read), expected, "{name}");
        assert!(read.warnings.is_empty(), "{name}: {:?}", read.warnings);
    }
    let overlaps = labels_of(&folder.join("dcmqi/partial_overlaps.dcm"), None);
    let overlaps = overlaps.unwrap_or_else(|e| panic!("{e}"));
    let counts_of_layers: Vec<(u16, usize)> = overlaps.layers.counts().into_iter().collect();
    let by_pydicom = [(1, 9602), (2, 11_888), (3, 10_743), (4, 6693), (5, 4713)];
    assert_eq!(counts_of_layers, by_pydicom);
    assert_eq!(overlaps.table.labels().len(), 5);

    // On its own series, and as dcmqi's NRRD of it has it.
    let ct = open(&folder.join("dcmqi/ct-3slice"), &OpenOptions::default());
    let ct = ct.unwrap_or_else(|e| panic!("{e}"));
    let liver = labels_of(&folder.join("dcmqi/liver.dcm"), Some(&ct));
    let liver = liver.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(counts(&liver), [(1, 107_098)]);
    let nrrd = labels_of(&folder.join("dcmqi/liver_seg.nrrd"), None);
    let nrrd = nrrd.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(nrrd.labels.voxels, liver.labels.voxels);
    assert_eq!(liver.table.labels()[0].name, "Liver");
    // 3D Slicer's liver is 221, 130, 101; dcmqi turns it to CIELab by another white than the standard's.
    let color = liver.table.labels()[0].color;
    let near = color
        .iter()
        .zip([221, 130, 101])
        .all(|(a, b)| a.abs_diff(b) <= 6);
    assert!(near, "{color:?}");
}

#[test]
fn the_command_attaches_a_mask_drawn_on_nifti_to_its_series() {
    let (folder, scan) = series(&[10.0, 0.0, 15.0, 5.0]);
    let work = tempfile::tempdir().expect("a folder");
    let (labels, table) = drawn(&scan);
    save_labels(&work.path().join("drawn.nii.gz"), &labels, &table).expect("written");
    let series = folder.path().display().to_string();
    let run = |arguments: &[&str]| {
        let all = [&["labels"], arguments, &["--scan", &series]].concat();
        support::program(work.path(), &all)
    };
    let done = run(&[
        "drawn.nii.gz",
        "-o",
        "out.dcm",
        "--as",
        "labelmap",
        "--json",
    ]);
    assert!(done.status.success(), "{}", support::said(&done));
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let total: usize = labels.counts().iter().map(|c| c.1).sum();
    let said = report["labels"].as_array().expect("labels").iter();
    let said: u64 = said.filter_map(|l| l["voxels"].as_u64()).sum();
    assert_eq!(said, total as u64);
    // And back.
    let done = run(&["out.dcm", "-o", "back.nii.gz"]);
    assert!(done.status.success(), "{}", support::said(&done));
    let back = labels_of(&work.path().join("back.nii.gz"), None).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(back.labels.voxels, labels.voxels);

    for (arguments, code, reason) in [
        (
            &["drawn.nii.gz", "-o", "x.nii.gz", "--as", "seg"][..],
            2,
            "--as is for DICOM",
        ),
        (
            &["drawn.nii.gz", "-o", "x.dcm", "--layers", "two"],
            2,
            "all",
        ),
        (
            &["drawn.nii.gz", "-o", "x.dcm", "--layers", "3"],
            2,
            "no layer 3",
        ),
        (&["nothing.nii.gz", "-o", "x.dcm"], 1, "nothing.nii.gz"),
        (
            &["drawn.nii.gz", "-o", "x.xyz"],
            1,
            "give a name that ends so",
        ),
    ] {
        let refused = run(arguments);
        assert_eq!(refused.status.code(), Some(code), "{arguments:?}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains(reason), "{said}");
    }
    let refused = support::program(
        work.path(),
        &[
            "labels",
            "drawn.nii.gz",
            "--scan",
            "drawn.nii.gz",
            "-o",
            "x.dcm",
        ],
    );
    support::assert_refused(&refused, "DICOM series");
    let names = std::fs::read_dir(work.path()).expect("a folder");
    let names = names
        .flatten()
        .filter(|e| e.file_name().to_string_lossy().starts_with('x'));
    assert_eq!(names.count(), 0, "nothing is written");
}

#[test]
fn groups_and_opacities_that_dicom_has_no_room_for_are_said() {
    let (folder, scan) = series(&[0.0, 5.0, 10.0]);
    let (labels, mut table) = drawn(&scan);
    table.get_mut(2).expect("there").group = "glands".to_owned();
    let export = Export {
        source: scan.info.provenance.as_deref(),
        details: &BTreeMap::new(),
        author: None,
        approval: None,
        object: DicomObject::Seg,
        space: Space::default(),
    };
    let told = export_labels(&file(&folder), &labels.into(), &table, &export);
    let told = told.unwrap_or_else(|e| panic!("{e}"));
    let expected = Warning::LooksLeftOut { what: "groups" };
    assert!(told.contains(&expected), "{told:?}");
}
