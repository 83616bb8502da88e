//! Grouping images into volumes: what belongs together, and what is no series at all.

use std::collections::BTreeMap;

use super::frame::{Frame, Placement};
use super::header::Instance;
use super::kind::{Kind, is_declared_localizer, looks_like_localizer};
use super::stack::distinct_positions;
use crate::io::{OtherObject, SeriesInfo};

/// Largest difference of direction cosines within one volume.
const COSINE_TOLERANCE: f64 = 1e-4;

/// Largest relative difference of pixel spacing within one volume.
const SPACING_TOLERANCE: f64 = 1e-4;

/// One image plane: a frame of an instance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane<'a> {
    pub instance: &'a Instance,
    pub frame_index: usize,
    pub frame: &'a Frame,
    pub placement: Placement,
}

/// Image planes that share size, orientation and kind: one volume, or several at the same place.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// The series UID, with `#1`, `#2`, ... where a series holds several groups.
    pub uid: String,
    pub planes: Vec<Plane<'a>>,
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
    for ((_, uid), members) in by_series {
        sorted.add_series(uid, &members, keep_scouts);
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
        let mut groups: Vec<Vec<Plane<'a>>> = Vec::new();
        for instance in members {
            match planes_of(instance) {
                Ok(planes) => planes.into_iter().for_each(|p| join(&mut groups, p)),
                Err(reason) => {
                    let kind = format!("{} image without a usable geometry", instance.modality);
                    self.add_other(uid, kind.trim(), 1);
                    self.reason.get_or_insert(reason);
                }
            }
        }
        let images = groups.iter().map(Vec::len).sum();
        let largest = groups.iter().map(Vec::len).max().unwrap_or(0);
        if !keep_scouts && looks_like_localizer(members[0], largest, orientations(&groups)) {
            return self.add_other(uid, "localizer", images);
        }
        self.groups.extend(groups.into_iter().map(|planes| Group {
            uid: uid.to_owned(),
            planes,
        }));
    }
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
fn join<'a>(groups: &mut Vec<Vec<Plane<'a>>>, plane: Plane<'a>) {
    match groups.iter_mut().find(|g| fits(&g[0], &plane)) {
        Some(group) => group.push(plane),
        None => groups.push(vec![plane]),
    }
}

/// Whether two planes can be slices of one volume.
fn fits(a: &Plane, b: &Plane) -> bool {
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
    let same_object = a.instance.study == b.instance.study
        && a.instance.frame_of_reference == b.instance.frame_of_reference
        && a.instance.modality == b.instance.modality
        && a.instance.sop_class == b.instance.sop_class
        && a.frame.unit == b.frame.unit;
    let (p, q) = (&a.placement, &b.placement);
    let same_direction = (p.along_row - q.along_row).abs().max_element() <= COSINE_TOLERANCE
        && (p.along_column - q.along_column).abs().max_element() <= COSINE_TOLERANCE;
    let close = |x: f64, y: f64| (x - y).abs() <= SPACING_TOLERANCE * x.abs().max(y.abs());
    let same_spacing =
        close(p.spacing_mm[0], q.spacing_mm[0]) && close(p.spacing_mm[1], q.spacing_mm[1]);
    same_size && same_samples && same_object && same_direction && same_spacing
}

/// Number of clearly different plane orientations.
fn orientations(groups: &[Vec<Plane>]) -> usize {
    let mut normals: Vec<glam::DVec3> = Vec::new();
    for group in groups {
        let normal = group[0].placement.normal();
        if normals.iter().all(|n| n.dot(normal).abs() < 0.9) {
            normals.push(normal);
        }
    }
    normals.len()
}
