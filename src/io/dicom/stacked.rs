//! Where frames lie that have no position each: on a stack that the object describes as a whole.

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use glam::DVec3;

use super::attributes::Attributes;
use super::axis::{Axis, Key};
use super::frame::{Placement, unit_vectors};
use crate::io::Warning;

/// What an object says when frames have no position and it describes no stack either.
pub(super) const NO_POSITIONS: &str = "it has several frames without a position for each";

/// Nuclear medicine numbers, for each frame, what it belongs to.
const VECTORS: [(Tag, Axis); 5] = [
    (tags::ENERGY_WINDOW_VECTOR, Axis::EnergyWindow),
    (tags::DETECTOR_VECTOR, Axis::Detector),
    (tags::RR_INTERVAL_VECTOR, Axis::HeartBeat),
    (tags::TIME_SLOT_VECTOR, Axis::TimeSlot),
    (tags::PHASE_VECTOR, Axis::Phase),
];

/// A frame's place, and what tells it from others there.
pub(super) type Stacked = (Placement, Vec<(Axis, Key)>);

/// Whether the object itself describes a stack, apart from functional groups.
pub(super) fn describes_stack(root: Attributes) -> bool {
    let has_step = distances(root, None, 2).is_some();
    has_step && base(root, None).is_ok()
}

/// Places `count` frames. `shared` are the functional groups of all frames.
///
/// # Errors
/// The object does not say how its frames are stacked, or they are no slices.
pub(super) fn read(
    root: Attributes,
    shared: Option<Attributes>,
    count: usize,
) -> Result<(Vec<Stacked>, Warning), String> {
    let is_nuclear = root.text(tags::MODALITY).as_deref() == Some("NM");
    if is_nuclear {
        check_reconstructed(root)?;
    }
    let distances = distances(root, shared, count);
    let thickness = || {
        let mm = root.number(tags::SLICE_THICKNESS).filter(|&mm| mm > 0.0)?;
        let even = (0..count).map(|k| mm * k as f64);
        is_nuclear.then(|| (even.collect(), "SliceThickness"))
    };
    let (offsets_mm, source): (Vec<f64>, _) = distances.or_else(thickness).ok_or(NO_POSITIONS)?;
    let base = base(root, shared)?;
    let places = slice_numbers(root, count)?;
    let of_frame = |tag: Tag| root.numbers(tag).filter(|n| n.len() == count);
    let vectors: Vec<_> = VECTORS
        .iter()
        .filter_map(|&(tag, axis)| Some((axis, of_frame(tag)?)))
        .collect();
    let normal = base.normal();
    let stacked = (0..count).map(|i| {
        let position = base.position + normal * offsets_mm[places[i]];
        let keys = vectors.iter().map(|(axis, n)| (*axis, Key::number(n[i])));
        (Placement { position, ..base }, keys.collect())
    });
    Ok((stacked.collect(), Warning::StackedByHeader { by: source }))
}

/// Refuses what nuclear medicine keeps beside reconstructed slices.
fn check_reconstructed(root: Attributes) -> Result<(), String> {
    let image_type = root.texts(tags::IMAGE_TYPE);
    let kind = image_type
        .get(2)
        .map_or("of an unnamed kind", String::as_str);
    match kind.contains("RECON") {
        true => Ok(()),
        false => Err(format!(
            "its frames are nuclear medicine {kind}, not reconstructed slices"
        )),
    }
}

/// Signed distance of each slice from the first, along the normal, and where it comes from.
fn distances(
    root: Attributes,
    shared: Option<Attributes>,
    count: usize,
) -> Option<(Vec<f64>, &'static str)> {
    let offsets = root.numbers(tags::GRID_FRAME_OFFSET_VECTOR);
    if let Some(offsets) = offsets.filter(|o| o.len() == count) {
        let first = offsets[0];
        let from_first = offsets.iter().map(|mm| mm - first).collect();
        return Some((from_first, "GridFrameOffsetVector"));
    }
    let measures = shared.and_then(|s| s.item(tags::PIXEL_MEASURES_SEQUENCE));
    let stated = |a: Attributes| a.number(tags::SPACING_BETWEEN_SLICES);
    // A negative distance stacks them against the normal (PS3.3 C.8.4.15).
    let step_mm = measures.and_then(stated).or_else(|| stated(root))?;
    let even = (0..count).map(|k| step_mm * k as f64);
    (step_mm != 0.0).then(|| (even.collect(), "SpacingBetweenSlices"))
}

/// Where the first slice lies.
fn base(root: Attributes, shared: Option<Attributes>) -> Result<Placement, String> {
    let detector = root.item(tags::DETECTOR_INFORMATION_SEQUENCE);
    let group = |sequence| shared.and_then(|s| s.item(sequence));
    let found = |sequence, tag| {
        let places = [group(sequence), Some(root), detector];
        places.into_iter().flatten().find(|a| a.has(tag))
    };
    let position = found(tags::PLANE_POSITION_SEQUENCE, tags::IMAGE_POSITION_PATIENT)
        .and_then(|a| a.exactly::<3>(tags::IMAGE_POSITION_PATIENT))
        .ok_or(NO_POSITIONS)?;
    let cosines = found(
        tags::PLANE_ORIENTATION_SEQUENCE,
        tags::IMAGE_ORIENTATION_PATIENT,
    )
    .and_then(|a| a.exactly::<6>(tags::IMAGE_ORIENTATION_PATIENT))
    .ok_or("it has no ImageOrientationPatient")?;
    let spacing_mm = found(tags::PIXEL_MEASURES_SEQUENCE, tags::PIXEL_SPACING)
        .and_then(|a| a.spacing(tags::PIXEL_SPACING))
        .ok_or("it has no PixelSpacing")?;
    let [along_row, along_column] = unit_vectors(cosines)?;
    Ok(Placement {
        position: DVec3::from_array(position),
        along_row,
        along_column,
        spacing_mm,
        nominal_step_mm: None,
    })
}

/// Which slice each frame is, from 0.
fn slice_numbers(root: Attributes, count: usize) -> Result<Vec<usize>, String> {
    let Some(numbers) = root.numbers(tags::SLICE_VECTOR) else {
        return Ok((0..count).collect());
    };
    let in_range = |n: &f64| (1.0..=count as f64).contains(n);
    if numbers.len() != count || !numbers.iter().all(in_range) {
        return Err(format!("its SliceVector does not fit its {count} frames"));
    }
    Ok(numbers.iter().map(|&n| n as usize - 1).collect())
}
