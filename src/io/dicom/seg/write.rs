//! Writing a segmentation: a bit a pixel, or a number a pixel.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use glam::DVec3;
use rayon::prelude::*;

use super::super::derived::{
    Derived, NOT_FOR_CLINICAL_USE, code, decimal, decimals, item, new_uid, put, put_items,
    put_number, reference,
};
use super::bits;
use super::colour::lab_from_rgb;
use super::terms;
use crate::io::layering::is_same;
use crate::io::{
    Code, IoError, LabelTarget, Provenance, SegmentDetails, SourceSlice, Warning, atomic,
};
use crate::util::JobContext;
use crate::volume::{Label, LabelLayers, LabelMap, LabelTable};

/// Longest value of an element whose length is 32 bits, even.
const LONGEST: u64 = u32::MAX as u64 - 1;

/// What a segmentation is written of.
pub(in crate::io::dicom) struct Written<'a> {
    pub layers: &'a LabelLayers,
    pub table: &'a LabelTable,
    pub details: &'a BTreeMap<u16, SegmentDetails>,
    pub source: &'a Provenance,
    pub author: Option<&'a str>,
    /// A number a pixel instead of a bit.
    pub is_label_map: bool,
}

impl Written<'_> {
    /// The voxels of a label map, which has one layer.
    fn only_map(&self) -> &[u16] {
        let only = self.layers.maps().first();
        only.map_or(&[], |map| &map.voxels)
    }

    /// Whether a voxel has several labels.
    fn overlaps(&self) -> bool {
        self.layers.maps().len() > 1 && self.layers.flattened().1 > 0
    }
}

/// A segment and its voxels' value.
struct Segment<'a> {
    number: u16,
    label: &'a Label,
    /// The map of its layer.
    map: &'a LabelMap,
}

/// A frame: of a segment, or of all.
struct Frame {
    /// Index into the segments; `None` in a label map.
    segment: Option<usize>,
    slice: usize,
}

/// Writes, reads back and compares.
///
/// # Errors
/// Labels of another grid than the series' slices, too many of them, and whatever keeps the file from being written.
pub(in crate::io::dicom) fn write(path: &Path, written: &Written) -> Result<Vec<Warning>, IoError> {
    let refuse = |reason: &str| IoError::output(path, reason);
    check_slices(written).map_err(refuse)?;
    let segments = segments(written);
    let Some(last) = segments.last() else {
        return Err(refuse("there is no label to write; draw one first"));
    };
    let frames = match written.is_label_map {
        true => every_slice(written),
        false => frames_of_segments(written, &segments),
    };
    let bits_of_pixel = match (written.is_label_map, last.number) {
        (false, _) => 1,
        (true, ..=255) => 8,
        (true, _) => 16,
    };
    let [ni, nj, _] = written.layers.grid().dims;
    let bits = (ni * nj) as u64 * frames.len() as u64 * bits_of_pixel;
    if bits.div_ceil(8) > LONGEST {
        return Err(refuse(
            "it would be larger than DICOM allows (4 GB); write it with --as labelmap, or fewer labels",
        ));
    }
    if u16::try_from(ni).is_err() || u16::try_from(nj).is_err() {
        return Err(refuse("the slices have more than 65535 rows or columns"));
    }
    let (vr, pixels) = match bits_of_pixel {
        1 => {
            let stream = packed(written, &segments, &frames);
            (VR::OB, PrimitiveValue::U8(stream.into()))
        }
        8 => {
            let bytes = written.only_map().par_iter().map(|&v| v as u8);
            let mut bytes: Vec<u8> = bytes.collect();
            bytes.resize(bytes.len().next_multiple_of(2), 0);
            (VR::OB, PrimitiveValue::U8(bytes.into()))
        }
        _ => {
            let words = written.only_map().to_vec();
            (VR::OW, PrimitiveValue::U16(words.into()))
        }
    };
    let mut derived = object(written, &segments, &frames, bits_of_pixel as u16);
    let pixels = DataElement::new(tags::PIXEL_DATA, vr, pixels);
    derived.object.put(pixels);
    atomic::replace_file(
        path,
        |file| derived.write(false, file),
        |file| verify(file, written, &segments),
    )?;
    let is_renumbered = segments.iter().any(|s| s.number != s.label.value);
    Ok(Vec::from_iter(is_renumbered.then_some(
        Warning::SegmentsRenumbered {
            segments: segments.len(),
        },
    )))
}

/// Whether the labels' slices are images of the series, each at a place of its own.
fn check_slices(written: &Written) -> Result<(), &'static str> {
    let [_, _, nk] = written.layers.grid().dims;
    let slices = &written.source.slices;
    if !written.source.is_on_slices {
        return Ok(());
    }
    let is_in_place = slices
        .windows(2)
        .all(|w| w[0].position_mm != w[1].position_mm);
    match slices.len() == nk && is_in_place {
        true => Ok(()),
        false => Err(
            "its slices are not the images of the series (frames over time are not written as DICOM); save it as .nii.gz instead",
        ),
    }
}

/// The segments: numbered from 1 on, or as they are in a label map.
fn segments<'a>(written: &Written<'a>) -> Vec<Segment<'a>> {
    let mut labels: Vec<&Label> = written.table.labels().iter().collect();
    labels.sort_by_key(|label| label.value);
    let numbered = labels.into_iter().enumerate();
    let numbered = numbered.filter_map(|(n, label)| {
        Some(Segment {
            number: match written.is_label_map {
                true => label.value,
                false => n as u16 + 1,
            },
            label,
            map: written.layers.get(label.layer)?,
        })
    });
    numbered.collect()
}

fn every_slice(written: &Written) -> Vec<Frame> {
    let all = 0..written.layers.grid().dims[2];
    all.map(|slice| Frame {
        segment: None,
        slice,
    })
    .collect()
}

/// The slices that have something of each segment. A slice that has nothing is a frame of the first segment and a segment
/// that has nothing has a frame, for readers take the grid from the frames, and segments from them.
fn frames_of_segments(written: &Written, segments: &[Segment]) -> Vec<Frame> {
    let [ni, nj, nk] = written.layers.grid().dims;
    let maps = written.layers.maps();
    let values_on = |k: usize| {
        let mut present = vec![false; 1 << 16];
        for map in maps {
            let slice = &map.voxels[k * ni * nj..][..ni * nj];
            slice.iter().for_each(|&v| present[usize::from(v)] = true);
        }
        let values = (1..=u16::MAX).filter(|&v| present[usize::from(v)]);
        values.collect::<Vec<u16>>()
    };
    let slices: Vec<Vec<u16>> = (0..nk).into_par_iter().map(values_on).collect();
    let mut frames = Vec::new();
    for (n, segment) in segments.iter().enumerate() {
        let has = |k: &usize| {
            let is_filler = n == 0 && slices[*k].is_empty();
            is_filler || slices[*k].binary_search(&segment.label.value).is_ok()
        };
        let before = frames.len();
        frames.extend((0..nk).filter(has).map(|slice| Frame {
            segment: Some(n),
            slice,
        }));
        if frames.len() == before {
            frames.push(Frame {
                segment: Some(n),
                slice: 0,
            });
        }
    }
    frames
}

/// The bits of all frames.
fn packed(written: &Written, segments: &[Segment], frames: &[Frame]) -> Vec<u8> {
    let [ni, nj, _] = written.layers.grid().dims;
    let pixels = ni * nj;
    let mut stream = vec![0; bits::stream_bytes(pixels * frames.len())];
    // Eight frames fill whole bytes.
    let eights = stream.par_chunks_mut(pixels).zip(frames.par_chunks(8));
    eights.for_each(|(bytes, frames)| {
        for (n, frame) in frames.iter().enumerate() {
            let Some(segment) = frame.segment.map(|s| &segments[s]) else {
                continue;
            };
            let slice = &segment.map.voxels[frame.slice * pixels..][..pixels];
            let value = segment.label.value;
            bits::pack(bytes, n, slice.iter().map(|&v| v == value));
        }
    });
    stream
}

/// Everything but the pixels.
fn object(written: &Written, segments: &[Segment], frames: &[Frame], bits: u16) -> Derived {
    let class = match written.is_label_map {
        true => uids::LABEL_MAP_SEGMENTATION_STORAGE,
        false => uids::SEGMENTATION_STORAGE,
    };
    let source = written.source;
    let mut derived = Derived::new(source, class, "SEG");
    derived.refer_to(source);
    let [date, time] = derived.date_and_time();
    let items: Vec<InMemDicomObject> = segments
        .iter()
        .map(|segment| segment_item(segment, written, &derived))
        .collect();
    let author = derived.text(written.author.unwrap_or_default());
    let object = &mut derived.object;
    let kind = if written.is_label_map {
        "LABELMAP"
    } else {
        "BINARY"
    };
    let overlap = if written.overlaps() { "YES" } else { "NO" };
    let number_of_frames = frames.len().to_string();
    for (tag, text) in [
        (tags::IMAGE_TYPE, "DERIVED\\PRIMARY"),
        (tags::CONTENT_DATE, date.as_str()),
        (tags::CONTENT_TIME, time.as_str()),
        (tags::CONTENT_LABEL, "SEGMENTATION"),
        (tags::CONTENT_DESCRIPTION, NOT_FOR_CLINICAL_USE),
        (tags::CONTENT_CREATOR_NAME, author.as_str()),
        (tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2"),
        (tags::LOSSY_IMAGE_COMPRESSION, "00"),
        (tags::SEGMENTATION_TYPE, kind),
        (tags::SEGMENTS_OVERLAP, overlap),
        (tags::NUMBER_OF_FRAMES, number_of_frames.as_str()),
    ] {
        put(object, tag, text);
    }
    let [ni, nj, _] = written.layers.grid().dims;
    for (tag, number) in [
        (tags::SAMPLES_PER_PIXEL, 1),
        (tags::ROWS, nj as u16),
        (tags::COLUMNS, ni as u16),
        (tags::BITS_ALLOCATED, bits),
        (tags::BITS_STORED, bits),
        (tags::HIGH_BIT, bits - 1),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        put_number(object, tag, number);
    }
    let mut all = Vec::new();
    if written.is_label_map {
        put_number(object, tags::PIXEL_PADDING_VALUE, 0);
        all.push(background());
    }
    all.extend(items);
    put_items(object, tags::SEGMENT_SEQUENCE, all);
    put_dimensions(object, written.is_label_map);
    let shared = tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE;
    put_items(object, shared, vec![shared_groups(written)]);
    let groups = frames.iter().map(|f| frame_groups(f, segments, written));
    let own = tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE;
    put_items(object, own, groups.collect());
    derived
}

/// What frames are ordered by: segment, then place.
fn put_dimensions(object: &mut InMemDicomObject, is_label_map: bool) {
    let uid = new_uid();
    let organization = item(&[(tags::DIMENSION_ORGANIZATION_UID, uid.as_str())]);
    put_items(
        object,
        tags::DIMENSION_ORGANIZATION_SEQUENCE,
        vec![organization],
    );
    let index = |pointer: Tag, group: Tag, name: &str| {
        let mut item = item(&[
            (tags::DIMENSION_ORGANIZATION_UID, uid.as_str()),
            (tags::DIMENSION_DESCRIPTION_LABEL, name),
        ]);
        let tag = |to, at: Tag| DataElement::new(to, VR::AT, PrimitiveValue::from(at));
        item.put(tag(tags::DIMENSION_INDEX_POINTER, pointer));
        item.put(tag(tags::FUNCTIONAL_GROUP_POINTER, group));
        item
    };
    let by_segment = index(
        tags::REFERENCED_SEGMENT_NUMBER,
        tags::SEGMENT_IDENTIFICATION_SEQUENCE,
        "Segment Number",
    );
    let by_place = index(
        tags::IMAGE_POSITION_PATIENT,
        tags::PLANE_POSITION_SEQUENCE,
        "Image Position Patient",
    );
    let dimensions = match is_label_map {
        true => vec![by_place],
        false => vec![by_segment, by_place],
    };
    put_items(object, tags::DIMENSION_INDEX_SEQUENCE, dimensions);
}

fn shared_groups(written: &Written) -> InMemDicomObject {
    let source = written.source;
    let [row, column] = source.directions;
    let orientation = decimals(&[row, column].concat());
    let step = written.layers.grid().affine.column(2) * DVec3::new(-1.0, -1.0, 1.0);
    let normal = DVec3::from_array(row).cross(DVec3::from_array(column));
    let step_mm = decimal(step.dot(normal).abs());
    let spacing = decimals(&source.pixel_spacing_mm);
    let measures = item(&[
        (tags::PIXEL_SPACING, spacing.as_str()),
        (tags::SLICE_THICKNESS, step_mm.as_str()),
        (tags::SPACING_BETWEEN_SLICES, step_mm.as_str()),
    ]);
    let mut groups = InMemDicomObject::new_empty();
    put_items(&mut groups, tags::PIXEL_MEASURES_SEQUENCE, vec![measures]);
    let orientation = item(&[(tags::IMAGE_ORIENTATION_PATIENT, orientation.as_str())]);
    let tag = tags::PLANE_ORIENTATION_SEQUENCE;
    put_items(&mut groups, tag, vec![orientation]);
    groups
}

fn frame_groups(frame: &Frame, segments: &[Segment], written: &Written) -> InMemDicomObject {
    let mut groups = InMemDicomObject::new_empty();
    let position = position_of(frame.slice, written);
    let images = images_of(frame.slice, position, written.source);
    if !images.is_empty() {
        let derived = derivation(&images, written.source.is_on_slices);
        put_items(&mut groups, tags::DERIVATION_IMAGE_SEQUENCE, vec![derived]);
    }
    let place = frame.slice as u32 + 1;
    let number = frame.segment.map(|s| segments[s].number);
    let indices: Vec<u32> = number.map(u32::from).into_iter().chain([place]).collect();
    let mut content = InMemDicomObject::new_empty();
    content.put(DataElement::new(
        tags::DIMENSION_INDEX_VALUES,
        VR::UL,
        PrimitiveValue::U32(indices.into()),
    ));
    put_items(&mut groups, tags::FRAME_CONTENT_SEQUENCE, vec![content]);
    let position = decimals(&position);
    let position = item(&[(tags::IMAGE_POSITION_PATIENT, position.as_str())]);
    put_items(&mut groups, tags::PLANE_POSITION_SEQUENCE, vec![position]);
    if let Some(number) = number {
        let mut segment = InMemDicomObject::new_empty();
        put_number(&mut segment, tags::REFERENCED_SEGMENT_NUMBER, number);
        let tag = tags::SEGMENT_IDENTIFICATION_SEQUENCE;
        put_items(&mut groups, tag, vec![segment]);
    }
    groups
}

/// The centre of a slice's first pixel, in LPS: where the image says it, to its last digit, which a grid evens out.
fn position_of(slice: usize, written: &Written) -> [f64; 3] {
    let source = written.source;
    let image = source.slices.get(slice).filter(|_| source.is_on_slices);
    image.map_or_else(
        || {
            let affine = written.layers.grid().affine;
            let matrix = affine.matrix();
            let ras = matrix.translation + matrix.matrix3.z_axis * slice as f64;
            [-ras.x, -ras.y, ras.z]
        },
        |image| image.position_mm,
    )
}

/// The images that a slice was made of: its own, or where slices were interpolated the nearest one on each side.
fn images_of(slice: usize, position: [f64; 3], source: &Provenance) -> Vec<&SourceSlice> {
    if source.is_on_slices {
        return source.slices.get(slice).into_iter().collect();
    }
    let [row, column] = source.directions.map(DVec3::from_array);
    let height = |position: [f64; 3]| DVec3::from_array(position).dot(row.cross(column));
    let off = |image: &&SourceSlice| height(image.position_mm) - height(position);
    let nearest = |side: &dyn Fn(f64) -> bool| {
        let there = source.slices.iter().filter(|image| side(off(image)));
        there.min_by(|a, b| off(a).abs().total_cmp(&off(b).abs()))
    };
    let sides = [nearest(&|off| off <= 0.0), nearest(&|off| off > 0.0)];
    sides.into_iter().flatten().collect()
}

/// Of which images a frame was derived, and how.
fn derivation(images: &[&SourceSlice], is_in_place: bool) -> InMemDicomObject {
    let refer = |image: &&SourceSlice| {
        let mut referred = reference(&image.sop_class_uid, &image.sop_instance_uid);
        if let Some(number) = image.frame {
            let tag = tags::REFERENCED_FRAME_NUMBER;
            put(&mut referred, tag, &number.to_string());
        }
        let preserved = if is_in_place { "YES" } else { "NO" };
        put(&mut referred, tags::SPATIAL_LOCATIONS_PRESERVED, preserved);
        let meaning = "Source image for image processing operation";
        let purpose = code("121322", "DCM", meaning);
        let tag = tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE;
        put_items(&mut referred, tag, vec![purpose]);
        referred
    };
    let mut derivation = InMemDicomObject::new_empty();
    let referred = images.iter().map(refer).collect();
    put_items(&mut derivation, tags::SOURCE_IMAGE_SEQUENCE, referred);
    let segmentation = code("113076", "DCM", "Segmentation");
    let tag = tags::DERIVATION_CODE_SEQUENCE;
    put_items(&mut derivation, tag, vec![segmentation]);
    derivation
}

fn segment_item(segment: &Segment, written: &Written, derived: &Derived) -> InMemDicomObject {
    let label = segment.label;
    let details = match written.details.get(&label.value) {
        Some(details) if details.kind.is_some() => Cow::Borrowed(details),
        // Which structure it is, only its name says.
        Some(details) => Cow::Owned(SegmentDetails {
            algorithm_type: details.algorithm_type.clone(),
            algorithm_name: details.algorithm_name.clone(),
            tracking: details.tracking.clone(),
            ..terms::of_name(&label.name)
        }),
        None => Cow::Owned(terms::of_name(&label.name)),
    };
    let fallback = terms::of_name("");
    let mut item = InMemDicomObject::new_empty();
    put_number(&mut item, tags::SEGMENT_NUMBER, segment.number);
    let name = match derived.text(&label.name) {
        name if name.is_empty() => format!("label_{}", label.value),
        name => name,
    };
    put(&mut item, tags::SEGMENT_LABEL, &name);
    if let Some(description) = &details.description {
        put(
            &mut item,
            tags::SEGMENT_DESCRIPTION,
            &derived.text(description),
        );
    }
    let coded = |code: &Code| code_item(code, derived);
    let with_modifier = |code: &Code, modifier: &Option<Code>, tag: Tag| {
        let mut item = coded(code);
        if let Some(modifier) = modifier {
            put_items(&mut item, tag, vec![coded(modifier)]);
        }
        item
    };
    if let Some(category) = details.category.as_ref().or(fallback.category.as_ref()) {
        let tag = tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE;
        put_items(&mut item, tag, vec![coded(category)]);
    }
    if let Some(kind) = &details.kind {
        let modifier = tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE;
        let kind = with_modifier(kind, &details.modifier, modifier);
        let tag = tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE;
        put_items(&mut item, tag, vec![kind]);
    }
    if let Some(region) = &details.region {
        let modifier = tags::ANATOMIC_REGION_MODIFIER_SEQUENCE;
        let region = with_modifier(region, &details.region_modifier, modifier);
        put_items(&mut item, tags::ANATOMIC_REGION_SEQUENCE, vec![region]);
    }
    let algorithm = details.algorithm_type.as_deref().unwrap_or("SEMIAUTOMATIC");
    put(&mut item, tags::SEGMENT_ALGORITHM_TYPE, algorithm);
    if algorithm != "MANUAL" {
        let ours = concat!("Prosector ", env!("CARGO_PKG_VERSION"));
        let name = details.algorithm_name.as_deref().unwrap_or(ours);
        put(&mut item, tags::SEGMENT_ALGORITHM_NAME, &derived.text(name));
    }
    if let Some([id, uid]) = &details.tracking {
        put(&mut item, tags::TRACKING_ID, &derived.text(id));
        put(&mut item, tags::TRACKING_UID, uid);
    }
    put_colour(&mut item, lab_from_rgb(label.color));
    item
}

fn put_colour(item: &mut InMemDicomObject, lab: [u16; 3]) {
    let tag = tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE;
    let value = PrimitiveValue::U16(lab.as_slice().into());
    item.put(DataElement::new(tag, VR::US, value));
}

fn code_item(coded: &Code, derived: &Derived) -> InMemDicomObject {
    let meaning = derived.text(&coded.meaning);
    code(&coded.value, &coded.scheme, &meaning)
}

/// The item that a label map has of what is no segment.
fn background() -> InMemDicomObject {
    let mut background = InMemDicomObject::new_empty();
    put_number(&mut background, tags::SEGMENT_NUMBER, 0);
    put(&mut background, tags::SEGMENT_LABEL, "Background");
    put(&mut background, tags::SEGMENT_ALGORITHM_TYPE, "MANUAL");
    let category = code("309825002", "SCT", "Spatial and Relational Concept");
    let kind = code("125040", "DCM", "Background");
    let tag = tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE;
    put_items(&mut background, tag, vec![category]);
    let tag = tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE;
    put_items(&mut background, tag, vec![kind]);
    put_colour(&mut background, lab_from_rgb([0, 0, 0]));
    background
}

fn verify(file: &Path, written: &Written, segments: &[Segment]) -> Result<(), String> {
    let target = LabelTarget {
        grid: *written.layers.grid(),
        source: Some(written.source),
    };
    let read = super::super::labels::open(file, None, Some(&target), &JobContext::silent());
    let read = read.map_err(|e| e.to_string())?;
    if !read.warnings.is_empty() {
        return Err("its slices lie elsewhere".into());
    }
    let numbered: Vec<(&Label, u16)> = segments.iter().map(|s| (s.label, s.number)).collect();
    match is_same((&read.layers, &read.table), written.layers, &numbered) {
        true => Ok(()),
        false => Err("the voxels differ".into()),
    }
}
