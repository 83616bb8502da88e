//! What is said of each frame: where it lies, how its values are scaled, what tells it from others at
//! the same place.

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use glam::DVec3;

use super::attributes::Attributes;
use super::axis::{Axis, Key, read_keys};
use super::cine::Cine;
use crate::volume::Rescale;

/// Frames that one file may claim; more is not a scan.
const MAX_FRAMES: i64 = 1 << 20;

/// How far cosines may be from unit length and from perpendicular.
const COSINE_TOLERANCE: f64 = 1e-3;

/// One image plane. All vectors are in DICOM's LPS.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Where it lies, or why that cannot be known.
    pub placement: Result<Placement, String>,
    /// Physical from stored values, or what is wrong with it.
    pub rescale: Result<Rescale, String>,
    /// The unit of the values, where the file names it.
    pub unit: String,
    /// What may tell frames at the same position apart.
    pub keys: Vec<(Axis, Key)>,
}

/// Position and size of an image plane in the patient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Placement {
    /// Centre of the first pixel, in mm.
    pub position: DVec3,
    /// Unit vector along a row: the direction of growing column index.
    pub along_row: DVec3,
    /// Unit vector along a column: the direction of growing row index.
    pub along_column: DVec3,
    /// Distance between rows and between columns, in mm.
    pub spacing_mm: [f64; 2],
    /// Nominal distance to the next slice, else the slice thickness, in mm; only for single slices.
    pub nominal_step_mm: Option<f64>,
}

impl Placement {
    /// The unit normal, the direction in which slices are sorted.
    pub fn normal(&self) -> DVec3 {
        self.along_row.cross(self.along_column).normalize()
    }
}

/// Where to look up an attribute of one frame: its own functional group, the one shared by all
/// frames, or the data set itself for objects without functional groups.
#[derive(Clone, Copy)]
pub(super) struct FrameScope<'a> {
    root: Attributes<'a>,
    shared: Option<Attributes<'a>>,
    own: Option<Attributes<'a>>,
    grouped: bool,
}

impl<'a> FrameScope<'a> {
    /// The item of a functional group macro that applies to this frame; the data set where there are
    /// no functional groups.
    pub fn group(self, sequence: Tag) -> Option<Attributes<'a>> {
        if !self.grouped {
            return Some(self.root);
        }
        let own = self.own.and_then(|a| a.item(sequence));
        own.or_else(|| self.shared.and_then(|a| a.item(sequence)))
    }

    /// The data set, for objects without functional groups.
    pub fn plain(self) -> Option<Attributes<'a>> {
        (!self.grouped).then_some(self.root)
    }
}

/// All frames of an object; those of a film lie where it says.
///
/// # Errors
/// The frame count and the functional groups contradict each other.
pub(super) fn read_frames(root: Attributes, cine: Option<&Cine>) -> Result<Vec<Frame>, String> {
    let count = root.integer(tags::NUMBER_OF_FRAMES).unwrap_or(1);
    if !(1..=MAX_FRAMES).contains(&count) {
        return Err(format!("NumberOfFrames is {count}"));
    }
    let own = root.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    let shared = root.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    let grouped = shared.is_some() || !own.is_empty();
    if !own.is_empty() && own.len() as i64 != count {
        return Err(format!(
            "it has {count} frames but describes {} of them",
            own.len()
        ));
    }
    if count > 1 && !grouped && cine.is_none() {
        return Err("it has several frames without a position for each".into());
    }
    let scope = |i: usize| FrameScope {
        root,
        shared,
        own: own.get(i).map(Attributes),
        grouped,
    };
    let frame = |i: usize| {
        let frame = read_frame(scope(i));
        match cine {
            Some(cine) => Frame {
                placement: Ok(cine.placement),
                ..frame
            },
            None => frame,
        }
    };
    Ok((0..count as usize).map(frame).collect())
}

fn read_frame(scope: FrameScope) -> Frame {
    let transform = scope.group(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE);
    let unit = transform.and_then(|t| t.text(tags::RESCALE_TYPE));
    Frame {
        placement: read_placement(scope),
        rescale: transform.map_or(Ok(Rescale::IDENTITY), read_rescale),
        unit: unit
            .or_else(|| scope.plain()?.text(tags::UNITS))
            .unwrap_or_default(),
        keys: read_keys(scope),
    }
}

fn read_rescale(attributes: Attributes) -> Result<Rescale, String> {
    let number = |tag, default| match attributes.has(tag) {
        true => attributes.number(tag),
        false => Some(default),
    };
    let slope = number(tags::RESCALE_SLOPE, 1.0).filter(|&s| s != 0.0);
    let slope = slope.ok_or("RescaleSlope is zero or not a number")?;
    let intercept = number(tags::RESCALE_INTERCEPT, 0.0);
    let intercept = intercept.ok_or("RescaleIntercept is not a number")?;
    Ok(Rescale { slope, intercept })
}

fn read_placement(scope: FrameScope) -> Result<Placement, String> {
    let position = scope.group(tags::PLANE_POSITION_SEQUENCE);
    let position = position.and_then(|p| p.exactly::<3>(tags::IMAGE_POSITION_PATIENT));
    let orientation = scope.group(tags::PLANE_ORIENTATION_SEQUENCE);
    let cosines = orientation.and_then(|o| o.exactly::<6>(tags::IMAGE_ORIENTATION_PATIENT));
    let measures = scope.group(tags::PIXEL_MEASURES_SEQUENCE);
    let spacing = measures.and_then(|m| m.exactly::<2>(tags::PIXEL_SPACING));
    let position = position.ok_or("it has no ImagePositionPatient")?;
    let cosines = cosines.ok_or("it has no ImageOrientationPatient")?;
    let spacing_mm = spacing
        .filter(|s| s.iter().all(|&mm| mm > 0.0))
        .ok_or("it has no PixelSpacing")?;
    let [along_row, along_column] = unit_vectors(cosines)?;
    let nominal = |tag| measures?.number(tag).filter(|&mm| mm > 0.0);
    Ok(Placement {
        position: DVec3::from_array(position),
        along_row,
        along_column,
        spacing_mm,
        nominal_step_mm: nominal(tags::SPACING_BETWEEN_SLICES)
            .or_else(|| nominal(tags::SLICE_THICKNESS)),
    })
}

/// The two directions of an image plane, renormalised and made perpendicular within the tolerance.
pub(super) fn unit_vectors(cosines: [f64; 6]) -> Result<[DVec3; 2], String> {
    let [a, b, c, d, e, f] = cosines;
    let (row, column) = (DVec3::new(a, b, c), DVec3::new(d, e, f));
    let off = [row.length() - 1.0, column.length() - 1.0, row.dot(column)];
    if off.iter().any(|v| v.abs() > COSINE_TOLERANCE) {
        return Err(
            "its ImageOrientationPatient is not two perpendicular directions of unit length".into(),
        );
    }
    let row = row.normalize();
    let column = (column - row * row.dot(column)).normalize();
    Ok([row, column])
}
