//! Telling the frames of a 4D series apart: which image at each position belongs to which frame.

use std::collections::{BTreeMap, BTreeSet};

use super::axis::{Axis, Key};
use super::series::Plane;
use super::stack::Stack;
use crate::io::{FramesApart, Warning};

/// More attributes than this are not combined.
const MOST_AXES: usize = 4;

/// A scan that was stopped has at least this many whole frames: one alone may be something else, unless the images are
/// numbered as volumes.
const FEWEST_WHOLE: usize = 2;

/// The values of all planes on one axis.
struct Column {
    axis: Axis,
    /// Distinct values in order; `None` where images lack one, as those without diffusion weighting lack a gradient.
    values: Vec<Option<Key>>,
    /// For each plane, position after position, which value it has.
    ids: Vec<usize>,
}

impl Column {
    /// `None` for an axis on which all planes are the same.
    fn new(axis: Axis, positions: &[Vec<Plane>]) -> Option<Self> {
        let key = |p: &Plane| p.frame.key(axis).cloned();
        let keys: Vec<Option<Key>> = positions.iter().flatten().map(key).collect();
        let mut values = keys.clone();
        values.sort_by(order);
        values.dedup();
        let id = |key: &Option<Key>| values.partition_point(|v| order(v, key).is_lt());
        let ids = keys.iter().map(id).collect();
        (values.len() > 1).then_some(Self { axis, values, ids })
    }

    fn is_complete(&self) -> bool {
        self.values.iter().all(Option::is_some)
    }

    /// Whether the same values are at every position, each as often.
    fn is_same_everywhere(&self, planes: usize) -> bool {
        let mut at_positions = self.ids.chunks(planes).map(|ids| {
            let mut ids = ids.to_vec();
            ids.sort_unstable();
            ids
        });
        let first = at_positions.next();
        at_positions.all(|ids| Some(ids) == first)
    }

    /// Which planes have the same value: numbers by first appearance.
    fn partition(&self) -> Vec<usize> {
        let mut seen = BTreeMap::new();
        let number = |id: &usize| {
            let next = seen.len();
            *seen.entry(*id).or_insert(next)
        };
        self.ids.iter().map(number).collect()
    }
}

fn order(a: &Option<Key>, b: &Option<Key>) -> std::cmp::Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.order(b),
        _ => a.is_some().cmp(&b.is_some()),
    }
}

/// Frames by the fewest axes, of those that `may_use` allows, that tell all images at a position apart, and are the
/// same at every position. Where some positions have fewer images, the frames of a scan that was stopped.
pub(super) fn by_axes<'a>(
    positions: &[Vec<Plane<'a>>],
    may_use: impl Fn(Axis) -> bool,
) -> Option<Stack<'a>> {
    let planes = positions[0].len();
    let is_even = positions.iter().all(|p| p.len() == planes);
    let keys = positions.iter().flatten().flat_map(|p| p.frame.keys.iter());
    let axes: BTreeSet<Axis> = keys.map(|k| k.0).filter(|&a| may_use(a)).collect();
    let mut columns: Vec<Column> = Vec::new();
    let mut partitions = BTreeSet::new();
    for axis in axes {
        let column = Column::new(axis, positions)
            .filter(|c| !is_even || c.is_same_everywhere(planes))
            .filter(|c| partitions.insert((c.is_complete(), c.partition())));
        columns.extend(column);
    }
    (1..=MOST_AXES.min(columns.len())).find_map(|size| {
        combinations(&columns, size)
            .iter()
            .find_map(|chosen| split(positions, chosen, is_even))
    })
}

/// All choices of `size` columns, earlier ones first.
fn combinations(columns: &[Column], size: usize) -> Vec<Vec<&Column>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let with_first = |i: usize| {
        let rest = combinations(&columns[i + 1..], size - 1);
        rest.into_iter()
            .map(move |rest| [vec![&columns[i]], rest].concat())
    };
    (0..columns.len()).flat_map(with_first).collect()
}

/// Frames by the values on the chosen axes.
fn split<'a>(positions: &[Vec<Plane<'a>>], chosen: &[&Column], is_even: bool) -> Option<Stack<'a>> {
    // On one axis every image must have a value; of several, some may lack one.
    if chosen.len() == 1 && !chosen[0].is_complete() {
        return None;
    }
    let mut frames: BTreeMap<Vec<usize>, Vec<Plane<'a>>> = BTreeMap::new();
    let mut index = 0;
    for planes in positions {
        let mut here = BTreeSet::new();
        for plane in planes {
            let ids: Vec<usize> = chosen.iter().map(|c| c.ids[index]).collect();
            index += 1;
            if !here.insert(ids.clone()) {
                return None;
            }
            frames.entry(ids).or_default().push(*plane);
        }
    }
    let is_whole = |frame: &[Plane]| frame.len() == positions.len();
    let (whole, broken): (Vec<_>, Vec<_>) = frames.into_iter().partition(|f| is_whole(&f.1));
    let mut notes = Vec::new();
    if !broken.is_empty() {
        let ids = |frames: &[(Vec<usize>, Vec<Plane>)]| -> Vec<Vec<usize>> {
            frames.iter().map(|f| f.0.clone()).collect()
        };
        if is_even || !is_stopped(chosen, &ids(&whole), &ids(&broken)) {
            return None;
        }
        notes.push(Warning::Stopped {
            images: broken.iter().map(|f| f.1.len()).sum(),
            frames: broken.len(),
        });
    }
    let values: Vec<Vec<&Option<Key>>> = whole
        .iter()
        .map(|(ids, _)| {
            chosen
                .iter()
                .zip(ids)
                .map(|(c, &id)| &c.values[id])
                .collect()
        })
        .collect();
    Some(Stack {
        // A single frame is a volume, of which there is no choice.
        apart: (whole.len() > 1).then(|| describe(chosen, &values)),
        frames: whole.into_iter().map(|f| f.1).collect(),
        notes,
    })
}

/// Whether the broken frames are the last ones on some axis, after enough whole ones.
fn is_stopped(chosen: &[&Column], whole: &[Vec<usize>], broken: &[Vec<usize>]) -> bool {
    let is_last_on = |axis: usize| {
        let last = whole.iter().chain(broken).map(|ids| ids[axis]).max();
        let whole_before = whole.iter().filter(|ids| Some(ids[axis]) < last).count();
        let fewest = match chosen[axis].axis {
            Axis::TemporalPosition | Axis::AcquisitionNumber => 1,
            _ => FEWEST_WHOLE,
        };
        whole_before >= fewest && broken.iter().all(|ids| Some(ids[axis]) == last)
    };
    (0..chosen.len()).any(is_last_on)
}

/// "b-value (50, 400, 800)", and "b-value 50" for the first; texts and times are named but not quoted.
fn describe(chosen: &[&Column], values: &[Vec<&Option<Key>>]) -> FramesApart {
    let one = |(i, column): (usize, &&Column)| {
        let numbers = values.iter().map(|v| match v[i] {
            Some(Key::Number(n)) => Some(n.to_string()),
            _ => None,
        });
        let name = column.axis.name();
        let numbers = numbers.collect::<Option<Vec<_>>>().map(|mut numbers| {
            let mut seen = BTreeSet::new();
            numbers.retain(|n| seen.insert(n.clone()));
            numbers
        });
        match numbers {
            Some(n) if n.len() <= 8 => format!("{name} ({})", n.join(", ")),
            _ => name.to_owned(),
        }
    };
    let names: Vec<_> = chosen.iter().enumerate().map(one).collect();
    let value = |(column, key): (&&Column, &&Option<Key>)| match key {
        Some(Key::Number(n)) => Some(format!("{} {n}", column.axis.name())),
        _ => None,
    };
    let frame = |keys: &Vec<&Option<Key>>| {
        let values: Vec<_> = chosen.iter().zip(keys).filter_map(value).collect();
        values.join(", ")
    };
    FramesApart {
        by: names.join(" and "),
        frames: values.iter().map(frame).collect(),
    }
}

/// The `k`-th image of every position becomes frame `k`, by instance number or else by time. Where some positions have
/// fewer images, only by numbers of which those of one frame all come before those of the next.
pub(super) fn by_rank<'a>(positions: &[Vec<Plane<'a>>]) -> Option<Stack<'a>> {
    let by_number = ranked(positions, |p| Some(p.number()));
    let mut times = TIMES.iter().filter_map(|&axis| {
        let time = |p: &Plane| p.frame.key(axis).cloned().map(Ordered);
        Some((axis, ranked(positions, time)?))
    });
    let Some(frames) = by_number else {
        let (axis, frames) = times.next()?;
        let axis = format!("the order of their {}s at each position", axis.name());
        return whole_frames(positions, frames, axis).filter(|s| s.notes.is_empty());
    };
    let in_blocks = frames.windows(2).all(|w| {
        let last = w[0].iter().map(Plane::number).max();
        let next = w[1].iter().map(Plane::number).min();
        last < next
    });
    let same = |a: &Vec<Vec<Plane>>| {
        let pairs = a.iter().flatten().zip(frames.iter().flatten());
        pairs
            .into_iter()
            .all(|(a, b)| std::ptr::eq(a.frame, b.frame))
    };
    let agreeing = times.find(|(_, by_time)| same(by_time)).map(|t| t.0);
    let axis = match agreeing {
        Some(axis) => format!(
            "the order of their instance numbers, which is that of their {}s",
            axis.name()
        ),
        None => "nothing but the order of their instance numbers".to_owned(),
    };
    let stack = whole_frames(positions, frames, axis)?;
    (in_blocks || stack.notes.is_empty()).then_some(stack)
}

/// Times that may differ from slice to slice of one frame.
const TIMES: [Axis; 5] = [
    Axis::AcquisitionDateTime,
    Axis::AcquisitionTime,
    Axis::TriggerTime,
    Axis::FrameReferenceTime,
    Axis::ContentTime,
];

/// A key that can be sorted by.
#[derive(PartialEq)]
struct Ordered(Key);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.order(&other.0)
    }
}

/// Frames by rank; `None` unless every plane has a value and no two of a position share one.
fn ranked<'a, K: Ord>(
    positions: &[Vec<Plane<'a>>],
    key: impl Fn(&Plane) -> Option<K>,
) -> Option<Vec<Vec<Plane<'a>>>> {
    let most = positions.iter().map(Vec::len).max()?;
    let mut frames: Vec<Vec<Plane<'a>>> = vec![Vec::new(); most];
    for planes in positions {
        let keyed = planes.iter().map(|p| Some((key(p)?, *p)));
        let mut keyed: Vec<(K, Plane)> = keyed.collect::<Option<_>>()?;
        keyed.sort_by(|a, b| a.0.cmp(&b.0));
        if keyed.windows(2).any(|w| w[0].0 == w[1].0) {
            return None;
        }
        for (frame, (_, plane)) in frames.iter_mut().zip(keyed) {
            frame.push(plane);
        }
    }
    Some(frames)
}

/// The whole frames of those by rank; a note tells of the others.
fn whole_frames<'a>(
    positions: &[Vec<Plane<'a>>],
    mut frames: Vec<Vec<Plane<'a>>>,
    axis: String,
) -> Option<Stack<'a>> {
    let all = frames.len();
    let images: usize = frames.iter().map(Vec::len).sum();
    frames.retain(|f| f.len() == positions.len());
    let left: usize = images - frames.iter().map(Vec::len).sum::<usize>();
    let mut notes = Vec::new();
    if left > 0 {
        if frames.len() < FEWEST_WHOLE {
            return None;
        }
        notes.push(Warning::Stopped {
            images: left,
            frames: all - frames.len(),
        });
    }
    Some(Stack {
        frames,
        apart: Some(FramesApart::only(axis)),
        notes,
    })
}
