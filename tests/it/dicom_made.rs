//! DICOM series made here: what no shared file has.

use std::path::Path;

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use prosector::io::{self, IoError, OpenOptions, Scan};
use prosector::util::JobContext;
use tempfile::TempDir;

use crate::dicom::open;
use crate::support::told;

const COLUMNS: usize = 4;
const ROWS: usize = 3;

/// A CT slice of 4x3 pixels at a height, all pixels 16-bit `words`.
pub fn slice(z_mm: f64, words: [u16; COLUMNS * ROWS]) -> InMemDicomObject {
    let mut object = InMemDicomObject::new_empty();
    let mut text = |tag: Tag, vr: VR, value: &str| {
        object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
    };
    text(tags::SOP_CLASS_UID, VR::UI, uids::CT_IMAGE_STORAGE);
    text(
        tags::SOP_INSTANCE_UID,
        VR::UI,
        &format!("2.25.{}", z_mm.to_bits()),
    );
    text(tags::SERIES_INSTANCE_UID, VR::UI, "2.25.1");
    text(tags::MODALITY, VR::CS, "CT");
    text(
        tags::IMAGE_POSITION_PATIENT,
        VR::DS,
        &format!("10\\20\\{z_mm}"),
    );
    text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0");
    text(tags::PIXEL_SPACING, VR::DS, "2\\1");
    text(tags::SLICE_THICKNESS, VR::DS, "5");
    text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
    set_number(&mut object, tags::SAMPLES_PER_PIXEL, 1);
    set_number(&mut object, tags::ROWS, ROWS as u16);
    set_number(&mut object, tags::COLUMNS, COLUMNS as u16);
    set_number(&mut object, tags::BITS_ALLOCATED, 16);
    set_number(&mut object, tags::BITS_STORED, 16);
    set_number(&mut object, tags::HIGH_BIT, 15);
    set_number(&mut object, tags::PIXEL_REPRESENTATION, 0);
    let pixels = PrimitiveValue::U16(words.iter().copied().collect());
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, pixels));
    object
}

pub fn set_number(object: &mut InMemDicomObject, tag: Tag, value: u16) {
    object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
}

pub fn set_text(object: &mut InMemDicomObject, tag: Tag, vr: VR, value: &str) {
    object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
}

fn save(folder: &Path, objects: Vec<InMemDicomObject>) {
    for (k, mut object) in objects.into_iter().enumerate() {
        set_text(
            &mut object,
            tags::SOP_INSTANCE_UID,
            VR::UI,
            &format!("2.25.9{k}"),
        );
        let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
        let file = object.with_meta(meta).expect("the object is sound");
        // Names say nothing about the order.
        let name = format!("{}", (k * 7) % 100);
        file.write_to_file(folder.join(name))
            .expect("files can be written");
    }
}

pub fn folder_of(objects: Vec<InMemDicomObject>) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    save(folder.path(), objects);
    folder
}

fn opened(objects: Vec<InMemDicomObject>) -> Scan {
    open(folder_of(objects).path(), &OpenOptions::default()).unwrap_or_else(|e| panic!("{e}"))
}

fn refused(objects: Vec<InMemDicomObject>) -> String {
    match open(folder_of(objects).path(), &OpenOptions::default()) {
        Ok(_) => panic!("it should be refused"),
        Err(e) => e.to_string(),
    }
}

/// Slices at these heights; slice `n` is filled with `n`.
pub fn stack_at(heights: &[f64]) -> Vec<InMemDicomObject> {
    let filled = |(n, &z): (usize, &f64)| slice(z, [n as u16; 12]);
    heights.iter().enumerate().map(filled).collect()
}

pub fn values(scan: &Scan) -> Vec<f64> {
    (0..scan.image.grid().len())
        .map(|o| scan.image.value(o))
        .collect()
}

/// The value of the first voxel of every slice.
pub fn by_slice(scan: &Scan) -> Vec<f64> {
    values(scan).into_iter().step_by(12).collect()
}

#[test]
fn slices_are_sorted_along_the_normal_and_lps_becomes_ras() {
    let scan = opened(stack_at(&[5.0, -5.0, 0.0]));
    assert_eq!(by_slice(&scan), [1.0, 2.0, 0.0]);
    let expected = [
        [-1.0, 0.0, 0.0, -10.0],
        [0.0, -2.0, 0.0, -20.0],
        [0.0, 0.0, 5.0, -5.0],
        [0.0, 0.0, 0.0, 1.0],
    ];
    assert_eq!(scan.info.affine, Some(expected));
    assert_eq!(scan.info.warnings, Vec::new());
}

#[test]
fn bits_outside_the_stored_ones_are_masked_and_signs_extended() {
    let mut object = slice(
        0.0,
        [0xF801, 0x07FF, 0x0800, 0xAFFF, 0, 1, 2, 3, 4, 5, 6, 7],
    );
    set_number(&mut object, tags::BITS_STORED, 12);
    set_number(&mut object, tags::HIGH_BIT, 11);
    set_number(&mut object, tags::PIXEL_REPRESENTATION, 1);
    let scan = opened(vec![object]);
    assert_eq!(values(&scan)[..4], [-2047.0, 2047.0, -2048.0, -1.0]);

    let mut object = slice(0.0, [0x1230; 12]);
    set_number(&mut object, tags::BITS_STORED, 12);
    assert_eq!(values(&opened(vec![object]))[0], f64::from(0x123));
}

#[test]
fn monochrome1_is_told_and_not_inverted_and_padding_is_counted() {
    let mut object = slice(0.0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xF830, 0xF830]);
    set_text(
        &mut object,
        tags::PHOTOMETRIC_INTERPRETATION,
        VR::CS,
        "MONOCHROME1",
    );
    set_number(&mut object, tags::PIXEL_REPRESENTATION, 1);
    set_number(&mut object, tags::PIXEL_PADDING_VALUE, 0xF830);
    let scan = opened(vec![object]);
    assert_eq!(values(&scan)[..3], [1.0, 2.0, 3.0]);
    let text = told(&scan.info.warnings).join("\n");
    assert!(text.contains("MONOCHROME1"), "{text}");
    assert!(
        text.contains("2 voxels are padding") && text.contains("-2000"),
        "{text}"
    );
}

#[test]
fn different_rescales_become_floats_and_a_slope_of_zero_is_refused() {
    let mut objects = stack_at(&[0.0, 5.0]);
    set_text(&mut objects[0], tags::RESCALE_SLOPE, VR::DS, "0.5");
    set_text(&mut objects[0], tags::RESCALE_INTERCEPT, VR::DS, "-1024");
    set_text(&mut objects[1], tags::RESCALE_SLOPE, VR::DS, "2");
    let scan = opened(objects.clone());
    assert_eq!(by_slice(&scan), [-1024.0, 2.0]);
    assert_eq!(scan.image.voxels().dtype(), "float32");
    assert_eq!(scan.info.dtype.as_deref(), Some("uint16"));
    set_text(&mut objects[1], tags::RESCALE_SLOPE, VR::DS, "0");
    assert!(refused(objects).contains("RescaleSlope is zero"));
}

#[test]
fn spacing_that_is_not_even_is_tolerated_interpolated_or_refused() {
    let small = opened(stack_at(&[0.0, 5.1, 10.0]));
    assert!(
        small.info.warnings[0]
            .to_string()
            .contains("0.100 mm from even spacing"),
        "{:?}",
        small.info.warnings
    );

    // Two regions, 2 mm and then 4 mm apart.
    let regions = opened(stack_at(&[
        0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 14.0, 18.0, 22.0, 26.0, 30.0,
    ]));
    assert_eq!(regions.info.dims, Some([4, 3, 16]));
    let along = by_slice(&regions);
    assert_eq!(along[..6], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!((along[7], along[15]), (6.0, 10.0));
    assert!(
        regions.info.warnings[0]
            .to_string()
            .contains("11 slices were interpolated to 16")
    );

    let missing = refused(stack_at(&[0.0, 2.0, 4.0, 8.0, 10.0, 16.0]));
    assert!(
        missing.contains("3 slices are missing (1 between 4.00 and 8.00 mm, 2 between"),
        "{missing}"
    );
    let hole = refused(stack_at(&[0.0, 2.0, 4.5, 6.5, 40.0, 42.0]));
    assert!(hole.contains("gap of 33.50 mm"), "{hole}");
}

#[test]
fn slices_off_a_straight_line_are_refused_and_tilt_is_kept() {
    let shifted = |shifts: [f64; 3]| {
        let mut objects = stack_at(&[0.0, 5.0, 10.0]);
        for (k, (object, y)) in objects.iter_mut().zip(shifts).enumerate() {
            let position = format!("10\\{}\\{}", 20.0 + y, 5 * k);
            set_text(object, tags::IMAGE_POSITION_PATIENT, VR::DS, &position);
        }
        objects
    };
    assert!(refused(shifted([0.0, 3.0, 0.0])).contains("shift sideways by up to 3.00 mm"));
    let tilted = opened(shifted([0.0, 1.0, 2.0]));
    let affine = tilted.info.affine.expect("there is an affine");
    assert_eq!([affine[0][2], affine[1][2], affine[2][2]], [0.0, -1.0, 5.0]);
    assert!(
        tilted.info.warnings[0]
            .to_string()
            .contains("lean by 11.31 degrees"),
        "{:?}",
        tilted.info.warnings
    );
}

#[test]
fn a_fourth_axis_must_tell_every_position_apart() {
    let series = |times: &[&str]| {
        let mut objects = Vec::new();
        for (t, time) in times.iter().enumerate() {
            for mut object in stack_at(&[0.0, 5.0, 10.0]) {
                set_text(&mut object, tags::TRIGGER_TIME, VR::DS, time);
                set_text(&mut object, tags::INSTANCE_NUMBER, VR::IS, &t.to_string());
                objects.push(object);
            }
        }
        objects
    };
    let scan = opened(series(&["40", "0", "20"]));
    assert_eq!(
        (scan.info.dims, scan.info.frames),
        (Some([4, 3, 3]), Some(3))
    );
    assert!(
        scan.info.warnings[0]
            .to_string()
            .contains("trigger time (0, 20, 40)"),
        "{:?}",
        scan.info.warnings
    );
    let numbered = opened(series(&["0", "0"]));
    assert!(
        numbered.info.warnings[0]
            .to_string()
            .contains("instance numbers"),
        "{:?}",
        numbered.info.warnings
    );

    let mut unequal = series(&["0", "20"]);
    unequal.pop();
    assert!(refused(unequal).contains("5 images at 3 slice positions"));
    let mut same = series(&["0", "0"]);
    for object in &mut same {
        set_text(object, tags::INSTANCE_NUMBER, VR::IS, "1");
    }
    assert!(refused(same).contains("nothing in the headers tells them apart"));
    let plane = (0..3).map(|_| slice(0.0, [0; 12])).collect();
    assert!(refused(plane).contains("lie on one plane"));
}

#[test]
fn scouts_beside_slices_are_kept_apart_and_orientations_are_not_mixed() {
    let mut objects = stack_at(&[0.0, 5.0, 10.0]);
    let mut scout = slice(50.0, [9; 12]);
    set_text(
        &mut scout,
        tags::IMAGE_TYPE,
        VR::CS,
        "ORIGINAL\\PRIMARY\\LOCALIZER",
    );
    set_text(
        &mut scout,
        tags::IMAGE_ORIENTATION_PATIENT,
        VR::DS,
        "0\\1\\0\\0\\0\\-1",
    );
    objects.insert(0, scout.clone());
    let scan = opened(objects.clone());
    assert_eq!(scan.info.dims, Some([4, 3, 3]));
    assert_eq!(
        (scan.info.other[0].kind.as_str(), scan.info.other[0].count),
        ("localizer", 1)
    );

    set_text(
        &mut objects[0],
        tags::IMAGE_TYPE,
        VR::CS,
        "ORIGINAL\\PRIMARY\\AXIAL",
    );
    let folder = folder_of(objects);
    let (info, image) = io::inspect(
        folder.path(),
        &OpenOptions::default(),
        &JobContext::silent(),
    )
    .unwrap_or_else(|e| panic!("{e}"));
    assert!(image.is_none());
    let uids: Vec<_> = info
        .series
        .iter()
        .map(|s| (s.uid.as_str(), s.images))
        .collect();
    assert!(
        uids.contains(&("2.25.1#1", 1)) || uids.contains(&("2.25.1#1", 3)),
        "{uids:?}"
    );
    let chosen = |uid: &str| OpenOptions {
        series: Some(uid.into()),
        ..OpenOptions::default()
    };
    let axial = info
        .series
        .iter()
        .find(|s| s.images == 3)
        .expect("it is listed");
    let scan = open(folder.path(), &chosen(&axial.uid)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(scan.info.dims, Some([4, 3, 3]));
    let error = open(folder.path(), &chosen("2.25.1")).expect_err("the UID alone is not enough");
    assert!(matches!(error, IoError::SeveralSeries { .. }), "{error}");
}

#[test]
fn colours_become_luminance_and_palettes_are_refused_by_name() {
    let mut object = slice(0.0, [0; 12]);
    set_text(&mut object, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB");
    set_number(&mut object, tags::SAMPLES_PER_PIXEL, 3);
    set_number(&mut object, tags::PLANAR_CONFIGURATION, 1);
    for (tag, bits) in [
        (tags::BITS_ALLOCATED, 8),
        (tags::BITS_STORED, 8),
        (tags::HIGH_BIT, 7),
    ] {
        set_number(&mut object, tag, bits);
    }
    let planes = [[200u8; 12], [100; 12], [50; 12]].concat();
    let pixels = PrimitiveValue::U8(planes.into_iter().collect());
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, pixels));
    let scan = opened(vec![object]);
    assert_eq!(values(&scan), [124.0; 12]);
    assert!(
        scan.info
            .warnings
            .iter()
            .any(|w| w.to_string().contains("luminance"))
    );

    let mut palette = slice(0.0, [0; 12]);
    set_text(
        &mut palette,
        tags::PHOTOMETRIC_INTERPRETATION,
        VR::CS,
        "PALETTE COLOR",
    );
    assert!(refused(vec![palette]).contains("PALETTE COLOR"));
}

#[test]
fn objects_that_cannot_be_volumes_are_refused() {
    let mut without_pixels = slice(0.0, [0; 12]);
    without_pixels.remove_element(tags::PIXEL_DATA);
    assert!(refused(vec![without_pixels]).contains("1 x CT without pixels"));

    let mut absurd = slice(0.0, [0; 12]);
    set_number(&mut absurd, tags::ROWS, 65535);
    set_number(&mut absurd, tags::COLUMNS, 65535);
    assert!(refused(vec![absurd]).contains("8589672450 bytes are needed, 24 are there"));

    let mut nowhere = slice(0.0, [0; 12]);
    set_text(
        &mut nowhere,
        tags::IMAGE_POSITION_PATIENT,
        VR::DS,
        "10\\NaN\\0",
    );
    assert!(refused(vec![nowhere]).contains("no ImagePositionPatient"));

    let mut skewed = slice(0.0, [0; 12]);
    set_text(
        &mut skewed,
        tags::IMAGE_ORIENTATION_PATIENT,
        VR::DS,
        "1\\0\\0\\0.5\\0.8\\0",
    );
    assert!(refused(vec![skewed]).contains("perpendicular"));

    let mut video = slice(0.0, [0; 12]);
    set_number(&mut video, tags::BITS_ALLOCATED, 12);
    assert!(refused(vec![video]).contains("12 bits are allocated"));
}
