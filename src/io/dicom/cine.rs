//! Films: objects of several frames without a position for each, such as ultrasound, endoscopy or angiography. Their
//! frames follow each other in time.

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use glam::DVec3;

use super::attributes::Attributes;
use super::frame::{Placement, unit_vectors};
use crate::io::TimeAxis;

/// Times and rates by which a film is recognised.
const TIMINGS: [Tag; 4] = [
    tags::FRAME_TIME,
    tags::FRAME_TIME_VECTOR,
    tags::CINE_RATE,
    tags::RECOMMENDED_DISPLAY_FRAME_RATE,
];
/// Ultrasound gives the size of a pixel in this unit: centimetres.
const CENTIMETRES: i64 = 3;

/// Where the frames of a film lie, all in the same place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cine {
    /// What is known of time and place.
    pub time: TimeAxis,
    /// Where every frame lies; assumed where the file does not say it.
    pub placement: Placement,
}

impl Cine {
    /// The film that an object of several frames is; `None` if it says nothing of time and its pixels are no colours
    /// either, or that frames follow each other in something else: then frames may be anything.
    pub fn read(attributes: Attributes) -> Option<Self> {
        let in_colour = attributes.integer(tags::SAMPLES_PER_PIXEL) == Some(3);
        let is_timed = TIMINGS.iter().any(|&tag| attributes.has(tag));
        if (!in_colour && !is_timed) || !steps_are_time(attributes) {
            return None;
        }
        let pixel_mm = pixel_mm(attributes);
        let place = place(attributes);
        let [position, along_row, along_column] =
            place.unwrap_or([DVec3::ZERO, DVec3::X, DVec3::Y]);
        Some(Self {
            time: TimeAxis {
                frame_ms: frame_ms(attributes),
                has_scale: pixel_mm.is_some(),
                has_position: place.is_some(),
            },
            placement: Placement {
                position,
                along_row,
                along_column,
                spacing_mm: pixel_mm.unwrap_or([1.0; 2]),
                nominal_step_mm: None,
            },
        })
    }
}

/// Whether nothing is named that frames follow each other in, or a time is: nuclear medicine names slices and angles.
fn steps_are_time(attributes: Attributes) -> bool {
    let named = attributes.tags(tags::FRAME_INCREMENT_POINTER);
    named.iter().all(|tag| TIMINGS.contains(tag))
}

/// Time from frame to frame: stated, the mean of those stated, or from a rate.
pub(super) fn frame_ms(attributes: Attributes) -> Option<f64> {
    let above_zero = |v: &f64| *v > 0.0;
    let number = |tag| attributes.number(tag).filter(above_zero);
    let mean_step = || {
        // The first frame has no frame before it: its step is 0.
        let steps = attributes.numbers(tags::FRAME_TIME_VECTOR)?;
        let steps = steps.get(1..).filter(|steps| !steps.is_empty())?;
        Some(steps.iter().sum::<f64>() / steps.len() as f64).filter(above_zero)
    };
    let per_second = || {
        let rate = number(tags::CINE_RATE);
        rate.or_else(|| number(tags::RECOMMENDED_DISPLAY_FRAME_RATE))
    };
    number(tags::FRAME_TIME)
        .or_else(mean_step)
        .or_else(|| per_second().map(|rate| 1000.0 / rate))
}

/// Distance between rows and between columns.
fn pixel_mm(attributes: Attributes) -> Option<[f64; 2]> {
    let above_zero = |mm: &[f64; 2]| mm.iter().all(|&v| v > 0.0);
    let stated = |tag| attributes.spacing(tag);
    let ultrasound = || {
        let region = attributes.item(tags::SEQUENCE_OF_ULTRASOUND_REGIONS)?;
        let along = |unit, delta| {
            let is_length = region.integer(unit) == Some(CENTIMETRES);
            region
                .number(delta)
                .filter(|_| is_length)
                .map(|cm| 10.0 * cm.abs())
        };
        let rows = along(tags::PHYSICAL_UNITS_Y_DIRECTION, tags::PHYSICAL_DELTA_Y)?;
        let columns = along(tags::PHYSICAL_UNITS_X_DIRECTION, tags::PHYSICAL_DELTA_X)?;
        Some([rows, columns]).filter(above_zero)
    };
    stated(tags::PIXEL_SPACING)
        .or_else(ultrasound)
        .or_else(|| stated(tags::IMAGER_PIXEL_SPACING))
}

/// Position, direction along a row, direction along a column.
fn place(attributes: Attributes) -> Option<[DVec3; 3]> {
    let position = attributes.exactly::<3>(tags::IMAGE_POSITION_PATIENT)?;
    let cosines = attributes.exactly::<6>(tags::IMAGE_ORIENTATION_PATIENT)?;
    let [along_row, along_column] = unit_vectors(cosines).ok()?;
    Some([DVec3::from_array(position), along_row, along_column])
}
