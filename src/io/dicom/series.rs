//! Grouping images into volumes: what belongs together, and what is no series at all.

use std::collections::{BTreeMap, BTreeSet};

use super::frame::{Frame, Placement};
use super::header::Instance;
use super::kind::{Kind, is_declared_localizer, looks_like_localizer};
use super::stack::distinct_positions;
use crate::io::{OtherObject, SeriesInfo, Warning};

/// Directions and pixel distances of one volume may differ by what moves a corner of the image by less than this, in
/// pixels.
const CORNER_SHIFT_PIXELS: f64 = 0.5;

/// Differences within one volume that need no word, and those that are too large for one.
const QUIET: f64 = 1e-4;
const LARGEST: f64 = 2e-3;

/// An image across a stack this many times as large is a scout.
const SCOUT_SHARE: usize = 8;

/// No more images than this are scouts because they lie across a stack.
const ODD_SCOUTS: usize = 2;

/// Fewer images than this are not put together if each names a series of its own.
const FEWEST_TORN: usize = 3;

/// Normals with a smaller cosine between them lie across each other.
const ACROSS: f64 = 0.9;

/// One image plane: a frame of an instance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane<'a> {
    pub instance: &'a Instance,
    pub frame_index: usize,
    pub frame: &'a Frame,
    pub placement: Placement,
}

impl Plane<'_> {
    /// Where it stands in its series by number: its object, and the frame in it.
    pub fn number(&self) -> (i64, usize) {
        (self.instance.instance_number, self.frame_index)
    }
}

/// Image planes that share size, orientation and kind: one volume, or several at the same place.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// The series UID, with `#1`, `#2`, ... where a series holds several groups.
    pub uid: String,
    pub planes: Vec<Plane<'a>>,
    /// What to tell of how it was put together.
    pub notes: Vec<Warning>,
}

impl Group<'_> {
    /// Number of slices, or of a film's frames.
    fn third_axis(&self) -> usize {
        match self.planes[0].instance.cine {
            Some(_) => self.planes.len(),
            None => distinct_positions(&self.planes),
        }
    }

    /// What the series list says about it.
    pub fn info(&self) -> SeriesInfo {
        let first = self.planes[0].instance;
        let (columns, rows) = first
            .format
            .as_ref()
            .map_or((0, 0), |f| (f.columns, f.rows));
        SeriesInfo {
            uid: self.uid.clone(),
            modality: first.modality.clone(),
            description: first.description.clone(),
            images: self.planes.len(),
            dims: [columns, rows, self.third_axis()],
        }
    }
}

/// What a set of objects holds.
#[derive(Debug, Default)]
pub(super) struct Sorted<'a> {
    /// Image series, by series number.
    pub groups: Vec<Group<'a>>,
    /// Everything else, one entry for each series and kind.
    pub other: Vec<OtherObject>,
    /// Why images are among the others: the first reason.
    pub reason: Option<String>,
}

/// Sorts objects into image series and the rest. `keep_scouts`: localizers count as series too, for a
/// file that was named by the user.
pub(super) fn sort(instances: &[Instance], keep_scouts: bool) -> Sorted<'_> {
    let mut by_series: BTreeMap<(i64, &str), Vec<&Instance>> = BTreeMap::new();
    let mut sorted = Sorted::default();
    for instance in instances {
        match Kind::of(instance) {
            Kind::Image if !keep_scouts && is_declared_localizer(instance) => {
                let images = instance.frames.as_ref().map_or(1, Vec::len);
                sorted.add_other(&instance.series, "localizer", images);
            }
            Kind::Image => {
                let key = (instance.series_number, instance.series.as_str());
                by_series.entry(key).or_default().push(instance);
            }
            Kind::Other(kind) => sorted.add_other(&instance.series, &kind, 1),
            Kind::Index => {}
        }
    }
    let all: Vec<&Instance> = by_series.values().flatten().copied().collect();
    if by_series.values().all(|members| members.len() == 1) && torn_apart(&all) {
        sorted.add_series(&all[0].series, &all, keep_scouts);
        sorted
            .groups
            .iter_mut()
            .for_each(|g| g.notes.push(Warning::SeriesOfEachImage));
        return sorted;
    }
    for ((_, uid), members) in by_series {
        sorted.add_series(uid, &members, keep_scouts);
    }
    if !keep_scouts {
        let groups = std::mem::take(&mut sorted.groups);
        sorted.groups = sorted.without_scouts(groups);
    }
    number_repeated(&mut sorted.groups);
    sorted
}

/// Gives `#1`, `#2`, ... to groups that share a series UID, so that each can be asked for.
fn number_repeated(groups: &mut [Group]) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for group in &*groups {
        *counts.entry(group.uid.clone()).or_default() += 1;
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for group in groups {
        if counts[&group.uid] > 1 {
            let number = seen.entry(group.uid.clone()).or_default();
            *number += 1;
            group.uid = format!("{}#{number}", group.uid);
        }
    }
}

impl<'a> Sorted<'a> {
    fn add_other(&mut self, uid: &str, kind: &str, count: usize) {
        let same = |o: &&mut OtherObject| o.uid == uid && o.kind == kind;
        match self.other.iter_mut().find(same) {
            Some(other) => other.count += count,
            None => self.other.push(OtherObject {
                uid: uid.to_owned(),
                kind: kind.to_owned(),
                count,
            }),
        }
    }

    fn add_series(&mut self, uid: &str, members: &[&'a Instance], keep_scouts: bool) {
        let series = Series::of(members);
        let mut groups: Vec<Vec<Plane<'a>>> = Vec::new();
        for instance in members {
            match planes_of(instance) {
                Ok(planes) => planes
                    .into_iter()
                    .for_each(|p| join(&mut groups, p, &series)),
                Err(reason) => {
                    let kind = format!("{} image without a usable geometry", instance.modality);
                    self.add_other(uid, kind.trim(), 1);
                    self.reason.get_or_insert(reason);
                }
            }
        }
        let groups = groups.into_iter().map(|planes| Group {
            uid: uid.to_owned(),
            notes: series
                .notes
                .iter()
                .cloned()
                .chain(jitter(&planes))
                .collect(),
            planes,
        });
        let mut groups: Vec<Group> = groups.collect();
        if !keep_scouts {
            groups = self.without_scouts(groups);
            let images = groups.iter().map(|g| g.planes.len()).sum();
            let largest = groups.iter().map(|g| g.planes.len()).max().unwrap_or(0);
            if looks_like_localizer(members[0], largest, orientations(&groups)) {
                return self.add_other(uid, "localizer", images);
            }
        }
        self.groups.extend(groups);
    }

    /// Counts images that lie across a much larger stack as localizers: of the same series, or CT of the same study.
    fn without_scouts(&mut self, groups: Vec<Group<'a>>) -> Vec<Group<'a>> {
        let is_scout = |group: &Group| groups.iter().any(|stack| lies_across(group, stack));
        let is_scout: Vec<bool> = groups.iter().map(is_scout).collect();
        let mut kept = Vec::with_capacity(groups.len());
        for (group, is_scout) in groups.into_iter().zip(is_scout) {
            match is_scout {
                true => self.add_other(&group.uid, "localizer", group.planes.len()),
                false => kept.push(group),
            }
        }
        kept
    }
}

/// The images of series that hold one image each, though they are slices of one volume by all else: numbered and
/// described alike, and each at a place of its own.
fn torn_apart(members: &[&Instance]) -> bool {
    let Some(first) = members.first() else {
        return false;
    };
    let is_alike = |i: &&Instance| {
        i.series_number != 0
            && i.series_number == first.series_number
            && i.description == first.description
    };
    if members.len() < FEWEST_TORN || !members.iter().all(is_alike) {
        return false;
    }
    let planes: Result<Vec<Vec<Plane>>, String> = members.iter().map(|i| planes_of(i)).collect();
    let Ok(planes) = planes else {
        return false;
    };
    let planes = planes.concat();
    let series = Series::of(members);
    planes.len() == members.len()
        && planes.iter().all(|p| fits(&planes[0], p, &series))
        && distinct_positions(&planes) == planes.len()
}

/// Whether an image or two are the scout of a stack.
fn lies_across(group: &Group, stack: &Group) -> bool {
    let (a, b) = (&group.planes[0], &stack.planes[0]);
    let is_film = a.instance.cine.is_some() || b.instance.cine.is_some();
    let is_ct = a.instance.modality == "CT" && b.instance.modality == "CT";
    let is_related = group.uid == stack.uid || (is_ct && a.instance.study == b.instance.study);
    let cosine = a.placement.normal().dot(b.placement.normal());
    group.planes.len() <= ODD_SCOUTS
        && stack.planes.len() >= SCOUT_SHARE * group.planes.len()
        && cosine.abs() < ACROSS
        && is_related
        && !is_film
}

/// What the images of a series have in common, and what not.
#[derive(Debug, Default)]
struct Series {
    /// Frames of reference mean nothing.
    ignores_frame_of_reference: bool,
    notes: Vec<Warning>,
}

impl Series {
    /// UIDs of a study or a frame of reference that change from image to image are an anonymiser's: such images are
    /// one volume all the same.
    fn of(members: &[&Instance]) -> Self {
        let distinct = |uid: fn(&Instance) -> &str| {
            let uids = members.iter().map(|i| uid(i));
            uids.collect::<BTreeSet<_>>().len()
        };
        let is_single = |i: &&Instance| i.frames.as_ref().is_ok_and(|f| f.len() == 1);
        let singles = members.len() > 1 && members.iter().all(is_single);
        let mut series = Self::default();
        if singles && distinct(|i| &i.frame_of_reference) == members.len() {
            series.ignores_frame_of_reference = true;
            series.notes.push(Warning::SpaceOfEachImage);
        }
        if members.len() > 1 && distinct(|i| &i.study) > 1 {
            series.notes.push(Warning::SeveralStudies);
        }
        series
    }
}

/// What to tell of directions that differ a little within a volume.
fn jitter(planes: &[Plane]) -> Option<Warning> {
    let first = &planes[0].placement;
    let largest = planes
        .iter()
        .map(|p| difference(first, &p.placement))
        .fold(0.0, f64::max);
    (largest > QUIET).then(|| Warning::OrientationsDiffer {
        degrees: largest.to_degrees(),
    })
}

/// The largest difference of direction cosines.
fn difference(a: &Placement, b: &Placement) -> f64 {
    let row = (a.along_row - b.along_row).abs().max_element();
    let column = (a.along_column - b.along_column).abs().max_element();
    row.max(column)
}

/// The planes of an instance, or why it has none that can be used.
fn planes_of(instance: &Instance) -> Result<Vec<Plane<'_>>, String> {
    instance.format.as_ref().map_err(Clone::clone)?;
    let frames = instance.frames.as_ref().map_err(Clone::clone)?;
    let plane = |(frame_index, frame): (usize, &'_ Frame)| {
        let placement = frame.placement.clone()?;
        Ok((frame_index, placement))
    };
    let placed: Result<Vec<_>, String> = frames.iter().enumerate().map(plane).collect();
    let planes = placed?.into_iter().map(|(frame_index, placement)| Plane {
        instance,
        frame_index,
        frame: &frames[frame_index],
        placement,
    });
    Ok(planes.collect())
}

/// Puts a plane into the group it fits, or into a new one.
fn join<'a>(groups: &mut Vec<Vec<Plane<'a>>>, plane: Plane<'a>, series: &Series) {
    match groups.iter_mut().find(|g| fits(&g[0], &plane, series)) {
        Some(group) => group.push(plane),
        None => groups.push(vec![plane]),
    }
}

/// Whether two planes can be slices of one volume.
fn fits(a: &Plane, b: &Plane, series: &Series) -> bool {
    let (Ok(format_a), Ok(format_b)) = (&a.instance.format, &b.instance.format) else {
        return false;
    };
    // Each film is a sequence of its own, though they show the same place.
    let is_film = a.instance.cine.is_some() || b.instance.cine.is_some();
    if is_film {
        return std::ptr::eq(a.instance, b.instance);
    }
    let same_size = (format_a.rows, format_a.columns) == (format_b.rows, format_b.columns);
    let same_samples = format_a.photometric == format_b.photometric
        && format_a.signed == format_b.signed
        && format_a.float == format_b.float;
    let (of_a, of_b) = (
        &a.instance.frame_of_reference,
        &b.instance.frame_of_reference,
    );
    let same_reference =
        series.ignores_frame_of_reference || of_a == of_b || of_a.is_empty() || of_b.is_empty();
    let same_object = same_reference
        && a.instance.modality == b.instance.modality
        && a.instance.sop_class == b.instance.sop_class
        && a.frame.unit == b.frame.unit;
    let (p, q) = (&a.placement, &b.placement);
    let pixels = format_a.rows.max(format_a.columns) as f64;
    let tolerance = (CORNER_SHIFT_PIXELS / pixels).clamp(QUIET, LARGEST);
    let close = |x: f64, y: f64| (x - y).abs() <= tolerance * x.abs().max(y.abs());
    let same_spacing =
        close(p.spacing_mm[0], q.spacing_mm[0]) && close(p.spacing_mm[1], q.spacing_mm[1]);
    same_size && same_samples && same_object && difference(p, q) <= tolerance && same_spacing
}

/// Number of clearly different plane orientations.
fn orientations(groups: &[Group]) -> usize {
    let mut normals: Vec<glam::DVec3> = Vec::new();
    for group in groups {
        let normal = group.planes[0].placement.normal();
        if normals.iter().all(|n| n.dot(normal).abs() < ACROSS) {
            normals.push(normal);
        }
    }
    normals.len()
}
