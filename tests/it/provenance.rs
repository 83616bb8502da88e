//! What is kept of a DICOM series for objects that are derived from it.

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use prosector::io::{OpenOptions, Provenance, Scan};

use crate::dicom::open;
use crate::dicom_enhanced::{at, enhanced};
use crate::dicom_made::{by_slice, folder_of, set_text, slice, stack_at};

fn opened(objects: Vec<dicom_object::InMemDicomObject>, frame: Option<usize>) -> Scan {
    let options = OpenOptions {
        frame,
        ..OpenOptions::default()
    };
    open(folder_of(objects).path(), &options).unwrap_or_else(|e| panic!("{e}"))
}

fn source(scan: &Scan) -> &Provenance {
    scan.info.provenance.as_deref().expect("it is DICOM")
}

#[test]
fn slices_name_their_images_along_k() {
    // The n-th object has the UID 2.25.9n; its pixels are n.
    let heights = [10.0, 0.0, 15.0, 5.0];
    let mut objects = stack_at(&heights);
    for object in &mut objects {
        set_text(object, tags::PATIENT_NAME, VR::PN, "Doe^Jane ");
        set_text(object, tags::PATIENT_ID, VR::LO, "4711");
        set_text(object, tags::STUDY_INSTANCE_UID, VR::UI, "2.25.77");
        set_text(object, tags::FRAME_OF_REFERENCE_UID, VR::UI, "2.25.78");
        set_text(object, tags::STUDY_ID, VR::SH, "");
    }
    let scan = opened(objects, None);
    let source = source(&scan);
    assert_eq!(by_slice(&scan), [1.0, 3.0, 0.0, 2.0]);
    let images: Vec<&str> = source.slices.iter().map(|s| &*s.sop_instance_uid).collect();
    assert_eq!(images, ["2.25.91", "2.25.93", "2.25.90", "2.25.92"]);
    for (k, slice) in source.slices.iter().enumerate() {
        assert_eq!(slice.position_mm, [10.0, 20.0, 5.0 * k as f64]);
        assert_eq!(slice.frame, None);
        assert_eq!(&*slice.sop_class_uid, uids::CT_IMAGE_STORAGE);
    }
    assert!(source.is_on_slices);
    assert_eq!(source.study_uid, "2.25.77");
    assert_eq!(source.series_uid, "2.25.1");
    assert_eq!(source.frame_of_reference_uid, "2.25.78");
    assert_eq!(source.directions, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
    assert_eq!(source.pixel_spacing_mm, [2.0, 1.0]);
    let of = |tag: dicom_core::Tag| {
        let mut all = source.attributes.iter();
        let found = all.find(|a| a.0 == (tag.group(), tag.element()));
        found.map(|a| a.1.as_slice())
    };
    assert_eq!(of(tags::PATIENT_NAME), Some(b"Doe^Jane".as_slice()));
    assert_eq!(of(tags::PATIENT_ID), Some(b"4711".as_slice()));
    assert_eq!(of(tags::STUDY_ID), None, "empty ones are left out");
    let logged = format!("{source:?} {:?} {:?}", source.slices, scan.info);
    assert!(
        !logged.contains("Doe") && !logged.contains("2.25"),
        "{logged}"
    );
}

#[test]
fn frames_of_one_object_are_named_by_number() {
    let frames = [
        at(5.0, 2, "1"),
        at(0.0, 1, "1"),
        at(5.0, 1, "1"),
        at(0.0, 2, "1"),
    ];
    for (frame, expected) in [(0, [2, 3]), (1, [4, 1])] {
        let scan = opened(vec![enhanced(&frames)], Some(frame));
        let numbers: Vec<_> = source(&scan).slices.iter().map(|s| s.frame).collect();
        assert_eq!(numbers, expected.map(Some));
        let apart = scan.info.frames_apart.as_ref().expect("there are several");
        assert_eq!(apart.by, "temporal position (1, 2)");
        let of = |n| apart.of(n);
        assert_eq!(
            [of(0), of(1), of(2)],
            [
                Some("temporal position 1"),
                Some("temporal position 2"),
                None
            ]
        );
    }
}

#[test]
fn interpolated_slices_are_no_images() {
    let scan = opened(stack_at(&[0.0, 1.0, 2.0, 3.0, 4.5, 6.0, 7.5, 9.0]), None);
    let source = source(&scan);
    assert_eq!(source.slices.len(), 8);
    assert!(!source.is_on_slices);
    assert!(scan.info.dims.expect("read")[2] > 8);
}

#[test]
fn a_single_image_has_its_place() {
    let mut object = slice(7.0, [1; 12]);
    set_text(
        &mut object,
        tags::SPECIFIC_CHARACTER_SET,
        VR::CS,
        "ISO_IR 192",
    );
    let scan = opened(vec![object], None);
    let source = source(&scan);
    assert_eq!(source.slices.len(), 1);
    assert_eq!(source.slices[0].position_mm, [10.0, 20.0, 7.0]);
    assert_eq!(source.character_set, "ISO_IR 192");
}

#[test]
fn a_nifti_file_comes_from_no_series() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("scan.nii");
    let scan = opened(stack_at(&[0.0, 5.0]), None);
    prosector::io::save_image(&path, &scan.image).expect("written");
    let scan = open(&path, &OpenOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    assert!(scan.info.provenance.is_none());
}
