//! Enhanced multi-frame objects made here: functional groups, order of frames, a time axis.

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use prosector::io::OpenOptions;

use crate::dicom::open;
use crate::dicom_made::{by_slice, folder_of, set_number, set_text, slice};

fn set_items(object: &mut InMemDicomObject, tag: Tag, items: Vec<InMemDicomObject>) {
    object.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
}

/// A functional group macro with one text attribute.
fn put_macro(item: &mut InMemDicomObject, sequence: Tag, tag: Tag, vr: VR, value: &str) {
    let mut inner = InMemDicomObject::new_empty();
    set_text(&mut inner, tag, vr, value);
    set_items(item, sequence, vec![inner]);
}

/// A frame at a height, at a time, with a rescale slope; frame `n` is filled with `n + 1`.
pub struct Frame {
    z_mm: f64,
    time: u32,
    slope: &'static str,
}

pub fn enhanced(frames: &[Frame]) -> InMemDicomObject {
    let mut object = slice(0.0, [0; 12]);
    for tag in [
        tags::IMAGE_POSITION_PATIENT,
        tags::IMAGE_ORIENTATION_PATIENT,
        tags::PIXEL_SPACING,
        tags::SLICE_THICKNESS,
    ] {
        object.remove_element(tag);
    }
    set_text(
        &mut object,
        tags::SOP_CLASS_UID,
        VR::UI,
        uids::ENHANCED_CT_IMAGE_STORAGE,
    );
    set_text(
        &mut object,
        tags::NUMBER_OF_FRAMES,
        VR::IS,
        &frames.len().to_string(),
    );
    let mut shared = InMemDicomObject::new_empty();
    let orientation = "1\\0\\0\\0\\1\\0";
    put_macro(
        &mut shared,
        tags::PLANE_ORIENTATION_SEQUENCE,
        tags::IMAGE_ORIENTATION_PATIENT,
        VR::DS,
        orientation,
    );
    put_macro(
        &mut shared,
        tags::PIXEL_MEASURES_SEQUENCE,
        tags::PIXEL_SPACING,
        VR::DS,
        "2\\1",
    );
    set_items(
        &mut object,
        tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
        vec![shared],
    );
    let own = frames.iter().map(|frame| {
        let mut item = InMemDicomObject::new_empty();
        put_macro(
            &mut item,
            tags::PLANE_POSITION_SEQUENCE,
            tags::IMAGE_POSITION_PATIENT,
            VR::DS,
            &format!("10\\20\\{}", frame.z_mm),
        );
        put_macro(
            &mut item,
            tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE,
            tags::RESCALE_SLOPE,
            VR::DS,
            frame.slope,
        );
        let mut content = InMemDicomObject::new_empty();
        let time = PrimitiveValue::from(frame.time);
        content.put(DataElement::new(
            tags::TEMPORAL_POSITION_INDEX,
            VR::UL,
            time,
        ));
        set_items(&mut item, tags::FRAME_CONTENT_SEQUENCE, vec![content]);
        item
    });
    let own = own.collect();
    set_items(&mut object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, own);
    let words = (1..=frames.len() as u16).flat_map(|n| [n; 12]);
    let pixels = PrimitiveValue::U16(words.collect());
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, pixels));
    set_number(&mut object, tags::PIXEL_REPRESENTATION, 0);
    object
}

pub fn at(z_mm: f64, time: u32, slope: &'static str) -> Frame {
    Frame { z_mm, time, slope }
}

#[test]
fn frames_are_sorted_by_position_and_split_by_time() {
    let frames = [
        at(5.0, 2, "1"),
        at(0.0, 1, "1"),
        at(5.0, 1, "1"),
        at(0.0, 2, "1"),
    ];
    let folder = folder_of(vec![enhanced(&frames)]);
    for (frame, expected) in [(0, [2.0, 3.0]), (1, [4.0, 1.0])] {
        let options = OpenOptions {
            frame: Some(frame),
            ..OpenOptions::default()
        };
        let scan = open(folder.path(), &options).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(by_slice(&scan), expected);
        assert_eq!(scan.info.frames, Some(2));
        assert_eq!(scan.info.spacing_mm, Some([1.0, 2.0, 5.0]));
        assert!(
            scan.info.warnings[0]
                .to_string()
                .contains("temporal position (1, 2)")
        );
    }
}

#[test]
fn each_frame_has_its_own_rescale() {
    let frames = [at(0.0, 1, "2"), at(5.0, 1, "0.25")];
    let folder = folder_of(vec![enhanced(&frames)]);
    let scan = open(folder.path(), &OpenOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(by_slice(&scan), [2.0, 0.5]);
}

#[test]
fn frames_without_their_group_are_refused() {
    let frames = [at(0.0, 1, "1"), at(5.0, 1, "1"), at(10.0, 1, "1")];
    let mut fewer = enhanced(&frames);
    set_text(&mut fewer, tags::NUMBER_OF_FRAMES, VR::IS, "2");
    let mut bare = enhanced(&frames);
    let items = bare
        .element(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)
        .expect("it was put there");
    let mut items = items.items().expect("it is a sequence").to_vec();
    items[1].remove_element(tags::PLANE_POSITION_SEQUENCE);
    set_items(&mut bare, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, items);
    let mut ungrouped = slice(0.0, [0; 12]);
    set_text(&mut ungrouped, tags::NUMBER_OF_FRAMES, VR::IS, "2");
    let of_both = PrimitiveValue::U16([0; 24].into_iter().collect());
    ungrouped.put(DataElement::new(tags::PIXEL_DATA, VR::OW, of_both));
    for (object, reason) in [
        (fewer, "it has 2 frames but describes 3 of them"),
        (bare, "it has no ImagePositionPatient"),
        (ungrouped, "several frames without a position for each"),
    ] {
        let folder = folder_of(vec![object]);
        let error = match open(folder.path(), &OpenOptions::default()) {
            Ok(_) => panic!("it should be refused: {reason}"),
            Err(e) => e.to_string(),
        };
        assert!(error.contains(reason), "{error}");
    }
}
