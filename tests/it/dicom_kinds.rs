//! Kinds of files that public reports tell of, made here: spellings, ways to tell frames apart, copies, mosaics, stacks
//! without positions, UIDs that an anonymiser changed, scouts, small spacings.

use std::fs;
use std::path::Path;

use dicom_core::value::{DataSetSequence, PixelFragmentSequence};
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use prosector::io::{self, Choice, IoError, OpenOptions, Scan};
use prosector::util::JobContext;
use tempfile::TempDir;

use crate::dicom::open;
use crate::dicom_made::{by_slice, folder_of, set_number, set_text, slice, values};
use crate::support::told;

fn opened(folder: &Path) -> Scan {
    open(folder, &OpenOptions::default()).unwrap_or_else(|e| panic!("{e}"))
}

fn at_frame(folder: &Path, frame: usize) -> Scan {
    let options = OpenOptions {
        frame: Some(frame),
        ..OpenOptions::default()
    };
    open(folder, &options).unwrap_or_else(|e| panic!("{e}"))
}

fn refusal(folder: &Path) -> String {
    match open(folder, &OpenOptions::default()) {
        Ok(_) => panic!("it should be refused"),
        Err(e) => e.to_string(),
    }
}

fn said(scan: &Scan) -> String {
    told(&scan.info.warnings).join("\n")
}

/// A slice filled with a number, with an instance number.
fn numbered(z_mm: f64, fill: u16, instance: usize) -> InMemDicomObject {
    let mut object = slice(z_mm, [fill; 12]);
    set_text(
        &mut object,
        tags::INSTANCE_NUMBER,
        VR::IS,
        &instance.to_string(),
    );
    object
}

/// Five slices, 5 mm apart, filled with their numbers.
fn stack(slices: usize) -> Vec<InMemDicomObject> {
    (0..slices)
        .map(|k| numbered(5.0 * k as f64, k as u16, k + 1))
        .collect()
}

/// Rewrites every file of a folder.
fn rewrite(folder: &TempDir, change: impl Fn(&[u8]) -> Vec<u8>) {
    for entry in fs::read_dir(folder.path()).expect("it is there").flatten() {
        let bytes = fs::read(entry.path()).expect("it can be read");
        fs::write(entry.path(), change(&bytes)).expect("it can be written");
    }
}

/// Where an element of an explicit little-endian file begins, and its whole length.
fn find(bytes: &[u8], tag: Tag) -> (usize, usize) {
    let head = [tag.group().to_le_bytes(), tag.element().to_le_bytes()].concat();
    let at = (132..bytes.len()).find(|&i| bytes[i..].starts_with(&head));
    let at = at.expect("the element is there");
    (
        at,
        8 + usize::from(u16::from_le_bytes([bytes[at + 6], bytes[at + 7]])),
    )
}

/// An element with a 16-bit length.
fn short(tag: Tag, vr: &[u8], value: &[u8]) -> Vec<u8> {
    let head = [tag.group().to_le_bytes(), tag.element().to_le_bytes()].concat();
    [&head, vr, &(value.len() as u16).to_le_bytes(), value].concat()
}

/// An element with a 32-bit length.
fn long(tag: Tag, vr: &[u8], value: &[u8]) -> Vec<u8> {
    let head = [tag.group().to_le_bytes(), tag.element().to_le_bytes()].concat();
    [
        &head,
        vr,
        &[0, 0],
        &(value.len() as u32).to_le_bytes()[..],
        value,
    ]
    .concat()
}

fn replace(bytes: &[u8], tag: Tag, element: &[u8]) -> Vec<u8> {
    let (at, length) = find(bytes, tag);
    [&bytes[..at], element, &bytes[at + length..]].concat()
}

#[test]
fn numbers_are_read_in_any_representation_and_spelling() {
    let doubles = [2.0f64, 1.0].map(f64::to_le_bytes).concat();
    let floats = [2.0f32, 1.0].map(f32::to_le_bytes).concat();
    let spacing = tags::PIXEL_SPACING;
    let spellings = [
        long(spacing, b"UN", b"2\\1 "),
        long(spacing, b"OB", b"2\\1 "),
        long(spacing, b"UT", b"2\\1 "),
        short(spacing, b"LO", b"2\\1 "),
        short(spacing, b"FD", &doubles),
        short(spacing, b"FL", &floats),
        short(spacing, b"DS", b"2,0\\1,0 "),
        short(spacing, b"DS", b" 2.0 \\ 1\0\0"),
        short(spacing, b"DS", b"2\\1\\"),
        short(spacing, b"DS", b"0.2D1 1 "),
        short(spacing, b"??", b"2\\1 "),
        short(tags::ROWS, b"IS", b"3 "),
        short(tags::ROWS, b"UL", &3u32.to_le_bytes()),
        long(tags::ROWS, b"UN", &3u16.to_le_bytes()),
        short(tags::PHOTOMETRIC_INTERPRETATION, b"CS", b"monochrome 2"),
        long(tags::MODALITY, b"UN", b"CT"),
    ];
    for element in spellings {
        let folder = folder_of(stack(3));
        let tag = Tag(
            u16::from_le_bytes([element[0], element[1]]),
            u16::from_le_bytes([element[2], element[3]]),
        );
        rewrite(&folder, |bytes| replace(bytes, tag, &element));
        let scan = opened(folder.path());
        assert_eq!(scan.info.spacing_mm, Some([1.0, 2.0, 5.0]), "{element:?}");
        assert_eq!(by_slice(&scan), [0.0, 1.0, 2.0], "{element:?}");
    }
    let folder = folder_of(stack(3));
    rewrite(&folder, |b| {
        replace(b, spacing, &short(spacing, b"DS", b"1.5 "))
    });
    assert_eq!(opened(folder.path()).info.spacing_mm, Some([1.5, 1.5, 5.0]));
}

fn item(content: &[u8]) -> Vec<u8> {
    let open = [0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF];
    let close = [0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0];
    [&open[..], content, &close].concat()
}

/// A sequence of undefined length; without a representation where that is implicit.
fn sequence(tag: Tag, vr: &[u8], content: &[u8]) -> Vec<u8> {
    let head = [tag.group().to_le_bytes(), tag.element().to_le_bytes()].concat();
    let reserved: &[u8] = if vr.is_empty() { &[] } else { &[0, 0] };
    let close = [0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0];
    [&head, vr, reserved, &[0xFF; 4], content, &close].concat()
}

#[test]
fn sequences_of_unknown_representation_are_passed_over_wherever_they_are() {
    let private = Tag(0x2005, 0x140F);
    let implicit = b"\x08\x00\x60\x00\x02\x00\x00\x00MR";
    let deep = (0..40).fold(Vec::new(), |inner, _| sequence(private, b"", &item(&inner)));
    let contents = [
        item(implicit),
        item(&sequence(private, b"", &item(implicit))),
        item(&short(tags::MODALITY, b"CS", b"MR")),
        item(&deep),
        Vec::new(),
    ];
    for (n, content) in contents.iter().enumerate() {
        for before in [tags::IMAGE_POSITION_PATIENT, tags::PIXEL_DATA] {
            let folder = folder_of(stack(3));
            let extra = sequence(private, b"UN", content);
            rewrite(&folder, |bytes| {
                let at = find(bytes, before).0;
                [&bytes[..at], &extra, &bytes[at..]].concat()
            });
            let scan = opened(folder.path());
            assert_eq!(
                by_slice(&scan),
                [0.0, 1.0, 2.0],
                "content {n} before {before}"
            );
            assert_eq!(said(&scan), "", "content {n} before {before}");
        }
    }
}

#[test]
fn times_that_differ_from_slice_to_slice_still_order_frames() {
    let series = |tag: Tag, vr: VR, value: fn(usize, usize) -> String, counted: bool| {
        let mut objects = Vec::new();
        for k in 0..3 {
            for t in 0..4 {
                let number = if counted { 4 * k + t + 1 } else { 0 };
                let mut object = numbered(5.0 * k as f64, (10 * t + k) as u16, number);
                set_text(&mut object, tag, vr, &value(t, k));
                objects.push(object);
            }
        }
        folder_of(objects)
    };
    let clock = |t: usize, k: usize| format!("1000{:02}.{k}0", 2 * t);
    let ms = |t: usize, k: usize| (100 * t + 7 * k).to_string();
    let cases = [
        (series(tags::TRIGGER_TIME, VR::DS, ms, true), "trigger time"),
        (
            series(tags::FRAME_REFERENCE_TIME, VR::DS, ms, true),
            "frame reference time",
        ),
        (
            series(tags::ACQUISITION_TIME, VR::TM, clock, true),
            "acquisition time",
        ),
        (
            series(tags::ACQUISITION_TIME, VR::TM, clock, false),
            "acquisition time",
        ),
        (
            series(tags::SLICE_LOCATION, VR::DS, ms, true),
            "instance numbers",
        ),
    ];
    for (folder, name) in cases {
        for t in 0..4 {
            let scan = at_frame(folder.path(), t);
            let t = 10.0 * t as f64;
            assert_eq!(by_slice(&scan), [t, t + 1.0, t + 2.0], "{name}");
            assert_eq!(scan.info.frames, Some(4));
            assert!(said(&scan).contains(name), "{}", said(&scan));
        }
    }
}

#[test]
fn several_attributes_together_tell_frames_apart() {
    let mut objects = Vec::new();
    for (n, (echo, kind, time)) in [("2", "M"), ("2", "P"), ("4", "M"), ("4", "P")]
        .into_iter()
        .flat_map(|(echo, kind)| [(echo, kind, "100000"), (echo, kind, "100005")])
        .enumerate()
    {
        for k in 0..3 {
            let mut object = numbered(5.0 * f64::from(k), 10 * n as u16, 1);
            set_text(&mut object, tags::ECHO_TIME, VR::DS, echo);
            set_text(
                &mut object,
                tags::IMAGE_TYPE,
                VR::CS,
                &format!("ORIGINAL\\PRIMARY\\{kind}"),
            );
            set_text(&mut object, tags::ACQUISITION_TIME, VR::TM, time);
            objects.push(object);
        }
    }
    let folder = folder_of(objects);
    for n in 0..8 {
        let scan = at_frame(folder.path(), n);
        assert_eq!(by_slice(&scan), [10.0 * n as f64; 3]);
        let text = said(&scan);
        assert!(
            text.contains("echo time (2, 4) and image type and acquisition time"),
            "{text}"
        );
    }
}

/// Volumes of six slices, the last one with fewer.
fn volumes(
    whole: usize,
    last: usize,
    mark: impl Fn(&mut InMemDicomObject, usize),
) -> Vec<InMemDicomObject> {
    let mut objects = Vec::new();
    for t in 0..=whole {
        for k in 0..if t < whole { 6 } else { last } {
            let mut object = numbered(5.0 * k as f64, 100 * t as u16, objects.len() + 1);
            mark(&mut object, t);
            objects.push(object);
        }
    }
    objects
}

#[test]
fn scans_that_were_stopped_give_their_whole_frames() {
    let position = |o: &mut InMemDicomObject, t: usize| {
        set_text(
            o,
            tags::TEMPORAL_POSITION_IDENTIFIER,
            VR::IS,
            &(t + 1).to_string(),
        );
    };
    let time = |o: &mut InMemDicomObject, t: usize| {
        set_text(o, tags::ACQUISITION_TIME, VR::TM, &format!("10000{t}"));
    };
    for (objects, frames) in [
        (volumes(3, 2, position), 3),
        (volumes(1, 4, position), 1),
        (volumes(2, 5, time), 2),
        (volumes(2, 3, |_, _| ()), 2),
    ] {
        let left_out = objects.len() - 6 * frames;
        let folder = folder_of(objects);
        let scan = at_frame(folder.path(), frames - 1);
        assert_eq!(scan.info.frames, Some(frames));
        assert_eq!(by_slice(&scan), [100.0 * (frames - 1) as f64; 6]);
        let expected = format!("the scan was stopped: {left_out} images");
        assert!(said(&scan).contains(&expected), "{}", said(&scan));
    }
    // A slice lost in the middle is no scan that was stopped.
    for mark in [true, false] {
        let mut objects = volumes(3, 6, |o, t| {
            if mark {
                position(o, t);
            }
        });
        objects.remove(8);
        assert!(refusal(folder_of(objects).path()).contains("23 images at 6 slice positions"));
    }
}

#[test]
fn copies_of_slices_are_left_out_and_others_at_their_place_are_not() {
    let mut twice = stack(4);
    twice.push(numbered(10.0, 2, 77));
    let folder = folder_of(twice);
    assert_eq!(by_slice(&opened(folder.path())), [0.0, 1.0, 2.0, 3.0]);
    assert!(said(&opened(folder.path())).contains("1 image is a copy"));

    let again = stack(4).into_iter().map(|mut object| {
        set_text(&mut object, tags::CONTENT_TIME, VR::TM, "120000");
        object
    });
    let folder = folder_of(stack(4).into_iter().chain(again).collect());
    let scan = opened(folder.path());
    assert_eq!(
        (scan.info.dims, scan.info.frames),
        (Some([4, 3, 4]), Some(1))
    );
    assert!(
        said(&scan).contains("4 images are copies"),
        "{}",
        said(&scan)
    );

    let mut other = stack(4);
    other.push(numbered(10.0, 9, 3));
    assert!(refusal(folder_of(other).path()).contains("5 images at 4 slice positions"));
}

/// A Siemens CSA header of the second kind.
fn csa(values: &[(&str, &[&str])]) -> Vec<u8> {
    let word = |n: usize| (n as u32).to_le_bytes();
    let mut bytes = [&b"SV10\x04\x03\x02\x01"[..], &word(values.len()), &word(77)].concat();
    for (name, items) in values {
        let mut label = name.as_bytes().to_vec();
        label.resize(64, 0);
        bytes.extend(
            [
                &label,
                &word(items.len())[..],
                b"FD\0\0",
                &word(0),
                &word(items.len()),
                &word(77),
            ]
            .concat(),
        );
        for text in *items {
            let length = word(text.len());
            bytes.extend([length, length, word(77), length].concat());
            bytes.extend(text.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
    }
    bytes
}

/// A sheet of 2x2 tiles of 2x2 pixels, filled with the tile's number.
fn sheet() -> InMemDicomObject {
    let mut object = slice(0.0, [0; 12]);
    set_number(&mut object, tags::ROWS, 4);
    set_number(&mut object, tags::COLUMNS, 4);
    let words = [0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3];
    object.put(DataElement::new(
        tags::PIXEL_DATA,
        VR::OW,
        PrimitiveValue::U16(words.into_iter().collect()),
    ));
    set_text(
        &mut object,
        tags::IMAGE_TYPE,
        VR::CS,
        "ORIGINAL\\PRIMARY\\M\\ND\\MOSAIC",
    );
    set_text(&mut object, tags::SPACING_BETWEEN_SLICES, VR::DS, "6");
    set_text(&mut object, tags::MANUFACTURER, VR::LO, "SIEMENS");
    object
}

#[test]
fn mosaics_are_cut_into_their_slices_in_the_order_of_their_normal() {
    for (normal, order, first_z) in [
        ("1.0", [0.0, 1.0, 2.0], 0.0),
        ("-1.0", [2.0, 1.0, 0.0], -12.0),
    ] {
        let mut object = sheet();
        set_text(
            &mut object,
            Tag(0x0029, 0x0010),
            VR::LO,
            "SIEMENS CSA HEADER",
        );
        let header = csa(&[
            ("EchoLinePosition", &["36"]),
            ("NumberOfImagesInMosaic", &["3"]),
            ("SliceNormalVector", &["0.0", "0.0", normal]),
        ]);
        object.put(DataElement::new(
            Tag(0x0029, 0x1010),
            VR::OB,
            PrimitiveValue::from(header),
        ));
        let scan = opened(folder_of(vec![object]).path());
        assert_eq!(scan.info.dims, Some([2, 2, 3]));
        assert_eq!(
            values(&scan).into_iter().step_by(4).collect::<Vec<_>>(),
            order
        );
        // A tile's corner is one tile's half width (of two pixels) in from the sheet's.
        let expected = [
            [-1.0, 0.0, 0.0, -11.0],
            [0.0, -2.0, 0.0, -22.0],
            [0.0, 0.0, 6.0, first_z],
            [0.0, 0.0, 0.0, 1.0],
        ];
        assert_eq!(scan.info.affine, Some(expected));
    }
}

#[test]
fn mosaics_that_are_not_read_are_named() {
    let text = refusal(folder_of(vec![sheet()]).path());
    assert!(
        text.contains("a mosaic (several slices on one sheet) of Siemens"),
        "{text}"
    );
    let mut other = sheet();
    set_text(&mut other, tags::MANUFACTURER, VR::LO, "ACME");
    assert!(refusal(folder_of(vec![other]).path()).contains("of another maker"));
    let mut united = slice(0.0, [0; 12]);
    set_text(&mut united, tags::MANUFACTURER, VR::LO, "UIH");
    set_text(&mut united, Tag(0x0065, 0x1050), VR::DS, "20");
    assert!(
        refusal(folder_of(vec![united]).path())
            .contains("mosaic (several slices on one sheet) of United Imaging")
    );
}

/// Four frames, filled with their numbers, in one object with one position.
fn multi_frame(modality: &str) -> InMemDicomObject {
    let mut object = slice(1.0, [0; 12]);
    set_text(&mut object, tags::MODALITY, VR::CS, modality);
    set_text(&mut object, tags::NUMBER_OF_FRAMES, VR::IS, "4");
    let words = (0..4u16).flat_map(|n| [n; 12]);
    object.put(DataElement::new(
        tags::PIXEL_DATA,
        VR::OW,
        PrimitiveValue::U16(words.collect()),
    ));
    object
}

fn put_vector(object: &mut InMemDicomObject, tag: Tag, numbers: [u16; 4]) {
    object.put(DataElement::new(
        tag,
        VR::US,
        PrimitiveValue::U16(numbers.into_iter().collect()),
    ));
}

/// Nuclear medicine of this kind, position and orientation with the detector.
fn nuclear(kind: &str, step_mm: &str) -> InMemDicomObject {
    let mut object = multi_frame("NM");
    set_text(
        &mut object,
        tags::IMAGE_TYPE,
        VR::CS,
        &format!("ORIGINAL\\PRIMARY\\{kind}\\EMISSION"),
    );
    set_text(&mut object, tags::SPACING_BETWEEN_SLICES, VR::DS, step_mm);
    let mut detector = InMemDicomObject::new_empty();
    for tag in [
        tags::IMAGE_POSITION_PATIENT,
        tags::IMAGE_ORIENTATION_PATIENT,
    ] {
        detector.put(object.element(tag).expect("it is there").clone());
        object.remove_element(tag);
    }
    let items = DataSetSequence::from(vec![detector]);
    object.put(DataElement::new(
        tags::DETECTOR_INFORMATION_SEQUENCE,
        VR::SQ,
        items,
    ));
    object
}

#[test]
fn frames_without_positions_are_stacked_as_the_object_says() {
    let place = |scan: &Scan| {
        let affine = scan.info.affine.expect("there is an affine");
        (affine[2][2], affine[2][3])
    };
    for step in ["3", "-3"] {
        let scan = opened(folder_of(vec![nuclear("RECON TOMO", step)]).path());
        let (order, z) = match step {
            "3" => ([0.0, 1.0, 2.0, 3.0], 1.0),
            _ => ([3.0, 2.0, 1.0, 0.0], -8.0),
        };
        assert_eq!((by_slice(&scan), place(&scan)), (order.to_vec(), (3.0, z)));
        assert!(said(&scan).contains("no positions of their own"));
    }
    let mut backwards = nuclear("RECON TOMO", "3");
    put_vector(&mut backwards, tags::SLICE_VECTOR, [4, 3, 2, 1]);
    assert_eq!(
        by_slice(&opened(folder_of(vec![backwards]).path())),
        [3.0, 2.0, 1.0, 0.0]
    );
    let mut gated = nuclear("RECON GATED TOMO", "3");
    put_vector(&mut gated, tags::SLICE_VECTOR, [1, 2, 1, 2]);
    put_vector(&mut gated, tags::TIME_SLOT_VECTOR, [1, 1, 2, 2]);
    let scan = at_frame(folder_of(vec![gated]).path(), 1);
    assert_eq!(
        (by_slice(&scan), scan.info.frames),
        (vec![2.0, 3.0], Some(2))
    );
    assert!(said(&scan).contains("time slot (1, 2)"));
    let text = refusal(folder_of(vec![nuclear("TOMO", "3")]).path());
    assert!(
        text.contains("nuclear medicine TOMO, not reconstructed slices"),
        "{text}"
    );

    let mut offsets = multi_frame("CT");
    set_text(
        &mut offsets,
        tags::GRID_FRAME_OFFSET_VECTOR,
        VR::DS,
        "0\\2\\4\\6",
    );
    assert_eq!(place(&opened(folder_of(vec![offsets]).path())), (2.0, 1.0));
    // A rate of display does not make a film of a CT that says how far its slices are apart.
    let mut shown = multi_frame("CT");
    set_text(&mut shown, tags::SPACING_BETWEEN_SLICES, VR::DS, "0.5");
    set_text(&mut shown, tags::CINE_RATE, VR::IS, "10");
    assert_eq!(place(&opened(folder_of(vec![shown]).path())), (0.5, 1.0));
}

#[test]
fn uids_that_change_from_slice_to_slice_do_not_tear_a_volume_apart() {
    for (tag, word) in [
        (tags::FRAME_OF_REFERENCE_UID, "frame of reference"),
        (tags::STUDY_INSTANCE_UID, "different studies"),
        (tags::SERIES_INSTANCE_UID, "names a series of its own"),
    ] {
        let mut objects = stack(4);
        for (k, object) in objects.iter_mut().enumerate() {
            set_text(object, tag, VR::UI, &format!("2.25.77{k}"));
            set_text(object, tags::SERIES_NUMBER, VR::IS, "5");
        }
        let scan = opened(folder_of(objects).path());
        assert_eq!(by_slice(&scan), [0.0, 1.0, 2.0, 3.0]);
        assert!(said(&scan).contains(word), "{}", said(&scan));
    }
    // Two frames of reference of several slices each are two volumes.
    let mut objects = stack(4);
    for (k, object) in objects.iter_mut().enumerate() {
        set_text(
            object,
            tags::FRAME_OF_REFERENCE_UID,
            VR::UI,
            &format!("2.25.77{}", k / 2),
        );
    }
    let error = open(folder_of(objects).path(), &OpenOptions::default());
    assert!(matches!(error, Err(IoError::SeveralSeries { series, .. }) if series.len() == 2));
}

#[test]
fn orientations_that_jitter_are_one_volume_and_others_are_not() {
    let turned = |angle: f64| {
        let mut objects = stack(4);
        for (k, object) in objects.iter_mut().enumerate() {
            let a = angle * (k % 2) as f64;
            let text = format!(
                "{:.6}\\{:.6}\\0\\{:.6}\\{:.6}\\0",
                a.cos(),
                a.sin(),
                -a.sin(),
                a.cos()
            );
            set_text(object, tags::IMAGE_ORIENTATION_PATIENT, VR::DS, &text);
        }
        folder_of(objects)
    };
    let scan = opened(turned(3e-4).path());
    assert_eq!(scan.info.dims, Some([4, 3, 4]));
    assert!(said(&scan).contains("orientations of the images differ by up to 0.017 degrees"));
    assert!(refusal(turned(0.02).path()).contains("holds 2 image series"));
}

#[test]
fn no_frames_count_as_one() {
    let mut objects = stack(3);
    for object in &mut objects {
        set_text(object, tags::NUMBER_OF_FRAMES, VR::IS, "0");
    }
    let scan = opened(folder_of(objects).path());
    assert_eq!(by_slice(&scan), [0.0, 1.0, 2.0]);
    assert!(said(&scan).contains("NumberOfFrames is 0"));
}

/// An image in colour of 8-bit samples.
fn in_colour(photometric: &str, columns: u16, rows: u16) -> InMemDicomObject {
    let mut object = slice(0.0, [0; 12]);
    set_text(
        &mut object,
        tags::PHOTOMETRIC_INTERPRETATION,
        VR::CS,
        photometric,
    );
    for (tag, number) in [
        (tags::SAMPLES_PER_PIXEL, 3),
        (tags::PLANAR_CONFIGURATION, 0),
        (tags::ROWS, rows),
        (tags::COLUMNS, columns),
        (tags::BITS_ALLOCATED, 8),
        (tags::BITS_STORED, 8),
        (tags::HIGH_BIT, 7),
    ] {
        set_number(&mut object, tag, number);
    }
    object
}

#[test]
fn colour_differences_that_two_pixels_share_are_read_in_both_ranges() {
    // Black, white, and a red pair, as PS3.3 C.7.6.3.1.2 has them.
    let cases = [
        ("YBR_FULL_422", [0, 255, 128, 128, 76, 76, 85, 255]),
        ("YBR_PARTIAL_422", [16, 235, 128, 128, 81, 81, 90, 240]),
    ];
    for (name, samples) in cases {
        let mut object = in_colour(name, 4, 1);
        object.put(DataElement::new(
            tags::PIXEL_DATA,
            VR::OB,
            PrimitiveValue::from(samples.to_vec()),
        ));
        let scan = opened(folder_of(vec![object]).path());
        let colours = scan.image.colours().expect("it is in colour");
        for (colour, expected) in
            colours
                .iter()
                .zip([[0, 0, 0], [255; 3], [255, 0, 0], [255, 0, 0]])
        {
            let close = colour
                .iter()
                .zip(expected)
                .all(|(&a, b): (&u8, u8)| a.abs_diff(b) <= 2);
            assert!(close, "{name}: {colour:?} is not {expected:?}");
        }
    }
}

/// The JPEG of three flat tiles whose components are called R, G and B; without Adobe's marker, and named anew.
fn jpeg(ids: [u8; 3], adobe: bool) -> Vec<u8> {
    let mut bytes = include_bytes!("../data/rgb_components.jpg").to_vec();
    if !adobe {
        // The marker follows the start of the image.
        bytes.drain(2..18);
    }
    let marker = |bytes: &[u8], code| {
        bytes
            .windows(2)
            .position(|w| w == [0xFF, code])
            .expect("it is there")
    };
    let (frame, scan) = (marker(&bytes, 0xC0), marker(&bytes, 0xDA));
    for (i, id) in ids.into_iter().enumerate() {
        bytes[frame + 10 + 3 * i] = id;
        bytes[scan + 5 + 2 * i] = id;
    }
    bytes
}

#[test]
fn jpeg_colours_are_what_names_markers_and_the_object_say() {
    let tiles = [[200u8, 50, 20], [10, 120, 240], [90, 90, 90]];
    // What libjpeg and pydicom make of each: names first, then markers, then the object.
    let cases = [
        (*b"RGB", false, "YBR_FULL_422", true),
        (*b"RGB", false, "RGB", true),
        ([1, 2, 3], true, "RGB", true),
        ([1, 2, 3], false, "RGB", true),
        ([0, 1, 2], false, "RGB", true),
        ([1, 2, 3], false, "YBR_FULL_422", false),
    ];
    for (ids, adobe, photometric, is_rgb) in cases {
        let mut object = in_colour(photometric, 24, 8);
        let mut data = jpeg(ids, adobe);
        data.resize(data.len().next_multiple_of(2), 0);
        let fragments = PixelFragmentSequence::new(Vec::<u32>::new(), vec![data]);
        object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, fragments));
        set_text(&mut object, tags::SOP_INSTANCE_UID, VR::UI, "2.25.9");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let meta = FileMetaTableBuilder::new().transfer_syntax(uids::JPEG_BASELINE8_BIT);
        let file = object.with_meta(meta).expect("the object is sound");
        file.write_to_file(folder.path().join("a"))
            .expect("files can be written");
        let scan = opened(folder.path());
        let colours = scan.image.colours().expect("it is in colour");
        let is_close = tiles.iter().enumerate().all(|(tile, expected)| {
            let colour = colours[8 * tile + 3];
            colour
                .iter()
                .zip(expected)
                .all(|(a, b)| a.abs_diff(*b) <= 2)
        });
        assert_eq!(
            is_close,
            is_rgb,
            "{ids:?}, Adobe {adobe}, {photometric}: {:?}",
            &colours[..24]
        );
    }
}

#[test]
fn scouts_are_told_by_lying_across_a_stack_or_by_name() {
    let scout = |series: &str, orientation: &str, description: &str| {
        let mut object = numbered(50.0, 9, 1);
        set_text(&mut object, tags::SERIES_INSTANCE_UID, VR::UI, series);
        set_text(
            &mut object,
            tags::IMAGE_ORIENTATION_PATIENT,
            VR::DS,
            orientation,
        );
        set_text(&mut object, tags::SERIES_DESCRIPTION, VR::LO, description);
        object
    };
    let (coronal, sagittal, axial) = ("1\\0\\0\\0\\0\\-1", "0\\1\\0\\0\\0\\-1", "1\\0\\0\\0\\1\\0");
    let cases = [
        vec![scout("2.25.1", coronal, "")],
        vec![scout("2.25.1", coronal, ""), scout("2.25.1", sagittal, "")],
        vec![scout("2.25.2", coronal, "")],
        vec![scout("2.25.2", axial, "LOC")],
        vec![
            scout("2.25.2", axial, "Topo 0.6"),
            scout("2.25.3", axial, "Scanogram lateral"),
        ],
    ];
    for scouts in cases {
        let count = scouts.len();
        let folder = folder_of(stack(20).into_iter().chain(scouts).collect());
        let scan = opened(folder.path());
        assert_eq!(scan.info.dims, Some([4, 3, 20]));
        let other = scan.info.other.iter();
        let localizers: usize = other
            .filter(|o| o.kind == "localizer")
            .map(|o| o.count)
            .sum();
        assert_eq!((localizers, scan.info.series.len()), (count, 1));
    }
    // "Loc" has to stand alone.
    let mut named = stack(3);
    for object in &mut named {
        set_text(object, tags::SERIES_DESCRIPTION, VR::LO, "blockage");
    }
    assert_eq!(opened(folder_of(named).path()).info.series.len(), 1);
}

#[test]
fn a_missing_slice_is_told_at_any_spacing() {
    for step_mm in [0.0025, 0.01, 0.02, 0.118, 0.5, 3.0] {
        let stack = |missing: usize| {
            let kept = (0..12).filter(|&k| k != missing);
            let made = kept.map(|k| {
                let mut object = numbered(step_mm * k as f64, k as u16, k + 1);
                set_text(
                    &mut object,
                    tags::PIXEL_SPACING,
                    VR::DS,
                    &format!("{step_mm}\\{step_mm}"),
                );
                object
            });
            folder_of(made.collect())
        };
        let whole = opened(stack(99).path());
        let spacing = whole.info.spacing_mm.expect("there is a spacing");
        assert!((spacing[2] - step_mm).abs() < 1e-9, "{spacing:?}");
        assert_eq!(said(&whole), "", "{step_mm}");
        let text = refusal(stack(6).path());
        assert!(text.contains("1 slice is missing"), "{step_mm}: {text}");
    }
}

/// Gzips a file's bytes, with zeros after them.
fn gzipped(bytes: &[u8], zeros: usize) -> Vec<u8> {
    use std::io::Write;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).expect("memory can be written");
    for _ in 0..zeros >> 20 {
        packer
            .write_all(&[0; 1 << 20])
            .expect("memory can be written");
    }
    packer.finish().expect("memory can be written")
}

#[test]
fn folders_of_gzipped_files_open_unless_plain_ones_lie_beside_them() {
    let folder = folder_of(stack(3));
    rewrite(&folder, |bytes| gzipped(bytes, 0));
    fs::write(folder.path().join("notes.txt"), "text").expect("files can be written");
    assert_eq!(by_slice(&opened(folder.path())), [0.0, 1.0, 2.0]);
    let plain = folder_of(stack(4));
    let packed = fs::read(folder.path().join("7")).expect("it was written");
    fs::write(plain.path().join("one.dcm.gz"), &packed).expect("files can be written");
    let scan = opened(plain.path());
    assert_eq!(by_slice(&scan), [0.0, 1.0, 2.0, 3.0]);
    assert!(
        said(&scan).contains("1 gzipped DICOM file"),
        "{}",
        said(&scan)
    );
    assert!(
        refusal(&plain.path().join("one.dcm.gz")).contains("gzipped DICOM file; unpack it first")
    );
}

#[test]
#[cfg(target_os = "linux")]
fn files_that_claim_much_are_given_little_memory() {
    use crate::dicom_public::limited_info;
    let claims = |tag: Tag, vr: VR, value: &str| {
        let mut object = multi_frame("CT");
        set_text(&mut object, tags::SPACING_BETWEEN_SLICES, VR::DS, "1");
        set_text(&mut object, tag, vr, value);
        folder_of(vec![object])
    };
    let frames = claims(tags::NUMBER_OF_FRAMES, VR::IS, "1000000");
    let length = folder_of(stack(1));
    rewrite(&length, |bytes| {
        let at = find(bytes, tags::PIXEL_DATA).0;
        let mut huge = long(Tag(0x2005, 0x1010), b"OB", b"ab");
        huge[8..12].copy_from_slice(&0xFFFF_FFF0u32.to_le_bytes());
        [&bytes[..at], &huge, &bytes[at..]].concat()
    });
    let items = folder_of(stack(1));
    rewrite(&items, |bytes| {
        let at = find(bytes, tags::PIXEL_DATA).0;
        let many = item(&[]).repeat(2_000_000);
        let extra = sequence(tags::REFERENCED_IMAGE_SEQUENCE, b"SQ", &many);
        [&bytes[..at], &extra, &bytes[at..]].concat()
    });
    let bomb = folder_of(stack(1));
    rewrite(&bomb, |bytes| gzipped(bytes, 1 << 30));
    for (folder, expected, name) in [
        (frames, 1, "frames"),
        (length, 1, "length"),
        (items, 0, "items"),
        (bomb, 0, "gzip"),
    ] {
        let (code, said) = limited_info(folder.path());
        assert_eq!(code, Some(expected), "{name}: {said}");
        assert!(
            said.lines().filter(|l| l.starts_with("error")).count() <= 1,
            "{said}"
        );
    }
}

#[test]
fn what_is_assumed_is_told_without_words_of_the_command_line() {
    let folder = folder_of(volumes(2, 6, |o, t| {
        set_text(o, tags::DIFFUSION_B_VALUE, VR::FD, "");
        o.put(DataElement::new(
            tags::DIFFUSION_B_VALUE,
            VR::FD,
            PrimitiveValue::from(500.0 * t as f64),
        ));
    }));
    let context = JobContext::silent();
    let (info, _) = io::inspect(folder.path(), &OpenOptions::default(), &context)
        .unwrap_or_else(|e| panic!("{e}"));
    assert!(
        info.warnings[0]
            .to_string()
            .ends_with("told apart by b-value (0, 500, 1000); frame 0 is used")
    );
    assert_eq!(info.warnings[0].choice(), Some(Choice::Frame));
    let apart = info.frames_apart.expect("there are several");
    assert_eq!(apart.frames, ["b-value 0", "b-value 500", "b-value 1000"]);
    let options = OpenOptions {
        frame: Some(2),
        ..OpenOptions::default()
    };
    let (info, _) =
        io::inspect(folder.path(), &options, &context).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(info.warnings[0].choice(), None, "it was chosen");
    assert!(info.warnings[0].to_string().ends_with("frame 2 is used"));
}
