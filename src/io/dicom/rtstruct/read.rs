//! From contours to voxels: a voxel belongs to a structure if its centre lies inside, by the even-odd rule over all contours
//! of a plane, so that contours within contours are holes.

use std::collections::BTreeMap;

use dicom_dictionary_std::tags;
use glam::DVec3;

use super::super::attributes::Attributes;
use super::super::header::{Instance, with_attributes};
use crate::geometry::{VoxelPoint, WorldPoint};
use crate::io::layering::{Inside, Layering};
use crate::io::{Approval, IoError, LabelTarget, Labels, Warning};
use crate::util::JobContext;
use crate::volume::{Grid, Label, LabelTable, fill_outline};

/// Contours further than this from a slice lie between slices, in slices.
const BETWEEN: f64 = 0.1;

/// A contour whose points leave its plane by more than this is no contour of a slice, in slices.
const LEAVES_PLANE: f64 = 0.5;

/// Contours closer than this are on one plane, in slices.
const SAME_PLANE: f64 = 0.02;

/// A structure.
struct Roi {
    number: i64,
    name: String,
    frame_of_reference: String,
    color: Option<[u8; 3]>,
    /// Points in LPS, in mm.
    contours: Vec<Vec<DVec3>>,
    /// Contours that enclose nothing.
    others: usize,
}

/// What the header says.
struct Header {
    rois: Vec<Roi>,
    /// UIDs of the series that it refers to.
    series: Vec<String>,
    review: Review,
}

/// What a reviewer said of the structures.
enum Review {
    None,
    Approved(Approval),
    Rejected,
}

/// What could not be used as it was.
#[derive(Default)]
struct Told {
    between: usize,
    left_out: usize,
}

/// Reads the contours of a structure set onto the grid of the scan.
///
/// # Errors
/// No scan to read onto, another frame of reference, and no structures.
pub(in crate::io::dicom) fn read(
    instance: &Instance,
    target: Option<&LabelTarget>,
    ctx: &JobContext,
) -> Result<Labels, IoError> {
    let path = &instance.path;
    let Some(target) = target else {
        return Err(IoError::not_labels(
            path,
            "contours have no voxels of their own; open the scan that they were drawn on first",
        ));
    };
    let header = with_attributes(&instance.stream, header)?;
    if header.rois.is_empty() {
        return Err(IoError::damaged(path, "it has no structures"));
    }
    check_space(&header, target).map_err(|reason| IoError::not_labels(path, reason))?;
    let grid = target.grid;
    let mut told = Told::default();
    let mut layering = Layering::new(grid);
    let count = header.rois.len();
    for (n, roi) in header.rois.iter().enumerate() {
        ctx.step(n as f32 / count as f32, "filling contours")?;
        let own = u16::try_from(roi.number).ok();
        let own = own.filter(|&v| v > 0 && layering.table().get(v).is_none());
        let Some(value) = own.or_else(|| layering.table().next_free_value()) else {
            return Err(IoError::not_labels(
                path,
                "it has more than 65535 structures",
            ));
        };
        let color = roi.color;
        let name = match roi.name.is_empty() {
            true => format!("label_{value}"),
            false => roi.name.clone(),
        };
        let color = color.unwrap_or_else(|| LabelTable::palette_color(value));
        let label = Label {
            // What somebody approved is not changed by the way.
            locked: matches!(header.review, Review::Approved(_)),
            ..Label::new(value, name, color)
        };
        told.left_out += roi.others;
        layering.add(label, &fill(roi, &grid, &mut told));
    }
    let (layers, table, lost) = layering.finish();
    let (approval, review) = match header.review {
        Review::None => (None, None),
        Review::Approved(approval) => (Some(approval), Some(Warning::Approved)),
        Review::Rejected => (None, Some(Warning::Rejected)),
    };
    let warnings = told.warnings().into_iter().chain(lost).chain(review);
    Ok(Labels {
        layers,
        table,
        details: BTreeMap::new(),
        approval,
        warnings: warnings.collect(),
    })
}

fn review(root: Attributes) -> Review {
    let text = |tag| root.text(tag).unwrap_or_default();
    match text(tags::APPROVAL_STATUS).as_str() {
        "APPROVED" => Review::Approved(Approval {
            reviewer: root.decoded_text(tags::REVIEWER_NAME).unwrap_or_default(),
            date: text(tags::REVIEW_DATE),
            time: text(tags::REVIEW_TIME),
        }),
        "REJECTED" => Review::Rejected,
        _ => Review::None,
    }
}

impl Told {
    fn warnings(&self) -> Vec<Warning> {
        let Self { between, left_out } = *self;
        let all = [
            (between, Warning::ContoursBetween { contours: between }),
            (left_out, Warning::ContoursLeftOut { contours: left_out }),
        ];
        let happened = all.into_iter().filter(|(count, _)| *count > 0);
        happened.map(|(_, warning)| warning).collect()
    }
}

fn header(root: Attributes) -> Header {
    let mut contours: BTreeMap<i64, Attributes> = BTreeMap::new();
    for item in root.items(tags::ROI_CONTOUR_SEQUENCE) {
        let item = Attributes(item);
        if let Some(number) = item.integer(tags::REFERENCED_ROI_NUMBER) {
            contours.insert(number, item);
        }
    }
    let rois = root.items(tags::STRUCTURE_SET_ROI_SEQUENCE).iter();
    let rois = rois.filter_map(|item| {
        let item = Attributes(item);
        let number = item.integer(tags::ROI_NUMBER)?;
        let drawn = contours.get(&number);
        let color = drawn.and_then(|d| d.exactly::<3>(tags::ROI_DISPLAY_COLOR));
        let mut roi = Roi {
            number,
            name: item
                .decoded_text_of(tags::ROI_NAME, root)
                .unwrap_or_default(),
            frame_of_reference: item
                .text(tags::REFERENCED_FRAME_OF_REFERENCE_UID)
                .unwrap_or_default(),
            color: color.map(|c| c.map(|v| v.clamp(0.0, 255.0) as u8)),
            contours: Vec::new(),
            others: 0,
        };
        let items = drawn.map_or(&[][..], |d| d.items(tags::CONTOUR_SEQUENCE));
        for item in items {
            match points(Attributes(item)) {
                Some(points) => roi.contours.push(points),
                None => roi.others += 1,
            }
        }
        Some(roi)
    });
    let spaces = root.items(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE);
    let studies = spaces
        .iter()
        .flat_map(|item| Attributes(item).items(tags::RT_REFERENCED_STUDY_SEQUENCE));
    let series =
        studies.flat_map(|item| Attributes(item).items(tags::RT_REFERENCED_SERIES_SEQUENCE));
    let series = series.filter_map(|item| Attributes(item).text(tags::SERIES_INSTANCE_UID));
    Header {
        rois: rois.collect(),
        series: series.collect(),
        review: review(root),
    }
}

/// The points of a closed contour; `None` for others, and for what has no area.
fn points(item: Attributes) -> Option<Vec<DVec3>> {
    let kind = item.text(tags::CONTOUR_GEOMETRIC_TYPE)?;
    if !kind.starts_with("CLOSED") {
        return None;
    }
    let numbers = item.numbers(tags::CONTOUR_DATA)?;
    let (points, rest) = numbers.as_chunks::<3>();
    (rest.is_empty() && points.len() > 2).then(|| points.iter().map(|&p| p.into()).collect())
}

/// Refuses contours of another space than the scan's, unless they name its series.
fn check_space(header: &Header, target: &LabelTarget) -> Result<(), &'static str> {
    let Some(source) = target.source else {
        return Ok(());
    };
    let is_same = |roi: &Roi| {
        let (own, scans) = (&roi.frame_of_reference, &source.frame_of_reference_uid);
        own.is_empty() || scans.is_empty() || own == scans
    };
    let is_sound = header.rois.iter().all(is_same) || header.series.contains(&source.series_uid);
    is_sound.then_some(()).ok_or(
        "it lies in another frame of reference than the scan: give the scan that it was drawn on",
    )
}

/// Contours on one plane of a slice.
struct Plane {
    at: f64,
    contours: Vec<Vec<VoxelPoint>>,
}

/// Fills a structure's contours. Of several planes nearest to one slice a voxel may be in any.
fn fill(roi: &Roi, grid: &Grid, told: &mut Told) -> Inside {
    let [ni, nj, _] = grid.dims;
    let pixels = ni * nj;
    let mut filled = Inside::new();
    for (slice, planes) in by_slice(roi, grid, told) {
        let mut inside = vec![false; pixels];
        for plane in planes {
            let mut odd = vec![false; pixels];
            for corners in &plane.contours {
                fill_outline(grid, 2, corners, &mut |offset| {
                    let at = offset - slice * pixels;
                    odd[at] = !odd[at];
                });
            }
            inside
                .iter_mut()
                .zip(odd)
                .for_each(|(all, one)| *all |= one);
        }
        filled.insert(slice, inside);
    }
    filled
}

fn by_slice(roi: &Roi, grid: &Grid, told: &mut Told) -> BTreeMap<usize, Vec<Plane>> {
    let mut slices: BTreeMap<usize, Vec<Plane>> = BTreeMap::new();
    let ras = DVec3::new(-1.0, -1.0, 1.0);
    for contour in &roi.contours {
        let to_voxel = |&p: &DVec3| grid.voxel_from_world(WorldPoint(p * ras)).0;
        let mut corners: Vec<DVec3> = contour.iter().map(to_voxel).collect();
        let at = corners.iter().map(|c| c.z).sum::<f64>() / corners.len() as f64;
        let leaves = corners.iter().any(|c| (c.z - at).abs() > LEAVES_PLANE);
        let slice = at.round();
        if leaves || !(0.0..grid.dims[2] as f64).contains(&slice) {
            told.left_out += 1;
            continue;
        }
        told.between += usize::from((at - slice).abs() > BETWEEN);
        corners.iter_mut().for_each(|c| c.z = slice);
        let corners = corners.into_iter().map(VoxelPoint).collect();
        let planes = slices.entry(slice as usize).or_default();
        match planes.iter_mut().find(|p| (p.at - at).abs() <= SAME_PLANE) {
            Some(plane) => plane.contours.push(corners),
            None => planes.push(Plane {
                at,
                contours: vec![corners],
            }),
        }
    }
    slices
}
