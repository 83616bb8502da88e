//! What is said of each frame: where it lies, how its values are scaled, what tells it from others at
//! the same place.

use std::sync::Arc;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use glam::DVec3;

use super::attributes::Attributes;
use super::axis::{Axis, Key, read_keys};
use super::cine::Cine;
use super::format::PixelFormat;
use super::header::Room;
use super::mosaic::{self, Mosaic};
use super::stacked;
use crate::io::Warning;
use crate::volume::Rescale;

/// Frames that one file may claim; more is not a scan.
const MAX_FRAMES: i64 = 1 << 20;

/// No compressed frame is shorter, in bytes: its fragment has a header of its own.
const FRAGMENT_BYTES: u64 = 16;

/// How far cosines may be from unit length and from perpendicular.
const COSINE_TOLERANCE: f64 = 5e-3;

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
    pub keys: Arc<[(Axis, Key)]>,
}

impl Frame {
    /// Where it lies on an axis.
    pub(super) fn key(&self, axis: Axis) -> Option<&Key> {
        self.keys.iter().find(|k| k.0 == axis).map(|k| &k.1)
    }
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
    /// There is no other frame.
    only: bool,
}

impl<'a> FrameScope<'a> {
    /// For an object of one frame without functional groups.
    fn plain_object(root: Attributes<'a>) -> Self {
        Self {
            root,
            shared: None,
            own: None,
            grouped: false,
            only: true,
        }
    }

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

/// What is known of the frames of an object.
pub(super) struct Frames {
    /// How the pixels of one plane are laid out.
    pub format: Result<PixelFormat, String>,
    /// How planes share a stored frame, if they do.
    pub mosaic: Option<Mosaic>,
    /// Every plane.
    pub frames: Result<Vec<Frame>, String>,
    /// What to tell.
    pub notes: Vec<Warning>,
}

/// All frames of an object; those of a film lie where it says. `stored` is how a stored frame is laid out.
pub(super) fn read_frames(
    root: Attributes,
    cine: Option<&Cine>,
    stored: Result<PixelFormat, String>,
    room: &Room,
) -> Frames {
    let mut notes = Vec::new();
    let mut mosaic = None;
    let mut format = stored.clone();
    let frames = count(root, &stored, room, &mut notes).and_then(|count| {
        let tiles = stored.as_ref().ok().map(|stored| {
            let sheet = || read_placement(FrameScope::plain_object(root));
            mosaic::read(root, stored, count, sheet)
        });
        match tiles.transpose()?.flatten() {
            Some(tiles) => {
                mosaic = Some(tiles.mosaic);
                format = Ok(tiles.format);
                notes.extend(tiles.notes);
                let frame = read_frame(FrameScope::plain_object(root));
                Ok(placed(&frame, tiles.placements))
            }
            None => each_frame(root, cine, count, &mut notes),
        }
    });
    Frames {
        format,
        mosaic,
        frames,
        notes,
    }
}

/// Number of stored frames, no more than there is room for.
fn count(
    root: Attributes,
    stored: &Result<PixelFormat, String>,
    room: &Room,
    notes: &mut Vec<Warning>,
) -> Result<usize, String> {
    let claimed = root.integer(tags::NUMBER_OF_FRAMES).unwrap_or(1);
    if claimed == 0 {
        notes.push(Warning::NoFrames);
        return Ok(1);
    }
    if !(1..=MAX_FRAMES).contains(&claimed) {
        return Err(format!("NumberOfFrames is {claimed}"));
    }
    let frames = claimed as u64;
    let needed = match stored {
        Ok(format) if room.is_native() => (format.frame_bytes() as u64).saturating_mul(frames),
        // A segmentation's frames of one bit a pixel share bytes.
        Err(_) if room.is_native() && root.integer(tags::BITS_ALLOCATED) == Some(1) => {
            let along = |tag| root.integer(tag).map_or(1, |n| n.clamp(1, 65535) as u64);
            (along(tags::ROWS) * along(tags::COLUMNS)).saturating_mul(frames) / 8
        }
        _ => FRAGMENT_BYTES.saturating_mul(frames),
    };
    if claimed > 1 && needed > room.bytes() {
        return Err(format!(
            "its pixels break off: {needed} bytes are needed, {} are there; copy the file again from its source",
            room.bytes()
        ));
    }
    Ok(claimed as usize)
}

/// The frame at several places.
fn placed(frame: &Frame, placements: Vec<Placement>) -> Vec<Frame> {
    let at = |placement| Frame {
        placement: Ok(placement),
        ..frame.clone()
    };
    placements.into_iter().map(at).collect()
}

fn each_frame(
    root: Attributes,
    cine: Option<&Cine>,
    count: usize,
    notes: &mut Vec<Warning>,
) -> Result<Vec<Frame>, String> {
    let own = root.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    let shared = root.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    if !own.is_empty() && own.len() != count {
        return Err(format!(
            "it has {count} frames but describes {} of them",
            own.len()
        ));
    }
    let all = FrameScope {
        root,
        shared,
        own: None,
        grouped: shared.is_some() || !own.is_empty(),
        only: count == 1,
    };
    if !own.is_empty() {
        let scope = |own| FrameScope {
            own: Some(Attributes(own)),
            ..all
        };
        return Ok(own.iter().map(|own| read_frame(scope(own))).collect());
    }
    let frame = read_frame(all);
    if let Some(cine) = cine {
        return Ok(placed(&frame, vec![cine.placement; count]));
    }
    if count == 1 {
        return Ok(vec![frame]);
    }
    let (stacked, note) = stacked::read(root, shared, count)?;
    notes.push(note);
    let frames = stacked.into_iter().map(|(placement, keys)| Frame {
        placement: Ok(placement),
        keys: match keys.is_empty() {
            true => frame.keys.clone(),
            false => frame.keys.iter().cloned().chain(keys).collect(),
        },
        ..frame.clone()
    });
    Ok(frames.collect())
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
        keys: read_keys(scope).into(),
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
    // What holds for all frames may stand outside the groups.
    let find = |sequence, tag| {
        let group = scope.group(sequence).filter(|a| a.has(tag));
        group.or_else(|| Some(scope.root).filter(|a| a.has(tag)))
    };
    let position = match scope.only {
        true => find(tags::PLANE_POSITION_SEQUENCE, tags::IMAGE_POSITION_PATIENT),
        false => scope.group(tags::PLANE_POSITION_SEQUENCE),
    };
    let position = position.and_then(|p| p.exactly::<3>(tags::IMAGE_POSITION_PATIENT));
    let cosines = find(
        tags::PLANE_ORIENTATION_SEQUENCE,
        tags::IMAGE_ORIENTATION_PATIENT,
    );
    let cosines = cosines.and_then(|o| o.exactly::<6>(tags::IMAGE_ORIENTATION_PATIENT));
    let spacing = find(tags::PIXEL_MEASURES_SEQUENCE, tags::PIXEL_SPACING);
    let spacing = spacing.and_then(|m| m.spacing(tags::PIXEL_SPACING));
    let position = position.ok_or("it has no ImagePositionPatient")?;
    let cosines = cosines.ok_or("it has no ImageOrientationPatient")?;
    let spacing_mm = spacing.ok_or("it has no PixelSpacing")?;
    let [along_row, along_column] = unit_vectors(cosines)?;
    let nominal = |tag| {
        let measures = find(tags::PIXEL_MEASURES_SEQUENCE, tag)?;
        measures.number(tag).map(f64::abs).filter(|&mm| mm > 0.0)
    };
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
