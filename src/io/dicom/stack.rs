//! Ordering the planes of a group along their normal, and telling the frames of a 4D series apart.

use std::cmp::Ordering;

use super::axis::{Axis, Key};
use super::refusal::Refusal;
use super::series::Plane;

/// Planes closer than this along the normal are at the same position.
const SAME_POSITION_MM: f64 = 0.01;

/// The planes of a group in order.
#[derive(Debug)]
pub(super) struct Stack<'a> {
    /// For each frame of the fourth axis its slices, ascending along the normal.
    pub frames: Vec<Vec<Plane<'a>>>,
    /// What tells the frames apart, in words; `None` for a 3D series.
    pub axis: Option<String>,
}

/// Number of different slice positions.
pub(super) fn distinct_positions(planes: &[Plane]) -> usize {
    positions(planes.to_vec()).len()
}

/// Planes by position, ascending along the normal.
fn positions(mut planes: Vec<Plane>) -> Vec<Vec<Plane>> {
    let Some(first) = planes.first() else {
        return Vec::new();
    };
    let normal = first.placement.normal();
    let distance = |p: &Plane| p.placement.position.dot(normal);
    planes.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
    let tolerance = SAME_POSITION_MM.min(planes[0].placement.spacing_mm[0] * 0.1);
    let mut positions: Vec<Vec<Plane>> = Vec::new();
    for plane in planes {
        match positions.last_mut() {
            Some(last) if distance(&plane) - distance(&last[0]) < tolerance => last.push(plane),
            _ => positions.push(vec![plane]),
        }
    }
    positions
}

/// Orders a group.
///
/// # Errors
/// All planes lie at one position, or the planes at one position cannot be told apart.
pub(super) fn stack<'a>(planes: &[Plane<'a>]) -> Result<Stack<'a>, Refusal> {
    let count = planes.len();
    if planes.first().is_some_and(|p| p.instance.cine.is_some()) {
        return Ok(Stack {
            frames: planes.iter().map(|&frame| vec![frame]).collect(),
            axis: Some("time".to_owned()),
        });
    }
    let positions = positions(planes.to_vec());
    if positions.len() == count {
        let frames = vec![positions.into_iter().flatten().collect()];
        return Ok(Stack { frames, axis: None });
    }
    if positions.len() == 1 {
        return Err(Refusal::unsupported(format!(
            "all {count} images lie on one plane, so they are no volume; choose a series that covers the body"
        )));
    }
    let multiplicity = positions[0].len();
    if let Some(odd) = positions.iter().find(|p| p.len() != multiplicity) {
        return Err(Refusal::damaged(format!(
            "{count} images at {} slice positions: some positions have {multiplicity} images, others {}; give the complete series, each image once",
            positions.len(),
            odd.len()
        )));
    }
    split(&positions).ok_or_else(|| {
        Refusal::damaged(format!(
            "there are {multiplicity} images at each of {} slice positions and nothing in the headers tells them apart; separate them into folders",
            positions.len()
        ))
    })
}

/// Splits equal numbers of planes at each position into frames by the first axis, or pair of axes,
/// that does so without a remainder; at last by blocks of instance numbers.
fn split<'a>(positions: &[Vec<Plane<'a>>]) -> Option<Stack<'a>> {
    let single = Axis::ALL.iter().map(|&a| vec![a]);
    let pairs = Axis::ALL.iter().enumerate().flat_map(|(i, &a)| {
        let later = Axis::ALL[i + 1..].iter();
        later.map(move |&b| vec![a, b])
    });
    single
        .chain(pairs)
        .find_map(|axes| split_by(positions, &axes))
        .or_else(|| split_by_instance_number(positions))
}

fn split_by<'a>(positions: &[Vec<Plane<'a>>], axes: &[Axis]) -> Option<Stack<'a>> {
    let order = |a: &[&Key], b: &[&Key]| {
        let pairs = a.iter().zip(b).map(|(x, y)| x.order(y));
        pairs.fold(Ordering::Equal, Ordering::then)
    };
    let mut frames: Vec<Vec<Plane<'a>>> = vec![Vec::new(); positions[0].len()];
    let mut values: Vec<Vec<&Key>> = Vec::new();
    for (index, planes) in positions.iter().enumerate() {
        let keyed = planes.iter().map(|p| Some((key_on(p, axes)?, *p)));
        let mut keyed: Vec<(Vec<&Key>, Plane<'a>)> = keyed.collect::<Option<_>>()?;
        keyed.sort_by(|a, b| order(&a.0, &b.0));
        if index == 0 {
            values = keyed.iter().map(|(key, _)| key.clone()).collect();
            if values.windows(2).any(|w| w[0] == w[1]) {
                return None;
            }
        }
        if keyed
            .iter()
            .zip(&values)
            .any(|((key, _), value)| key != value)
        {
            return None;
        }
        for (frame, (_, plane)) in frames.iter_mut().zip(keyed) {
            frame.push(plane);
        }
    }
    let axis = Some(describe(axes, &values));
    Some(Stack { frames, axis })
}

/// A plane's values on the axes. On one axis it must have a value; of two, images may lack one, as
/// those without diffusion weighting lack a gradient.
fn key_on<'a>(plane: &Plane<'a>, axes: &[Axis]) -> Option<Vec<&'a Key>> {
    static ABSENT: Key = Key::Text(String::new());
    let keys = &plane.frame.keys;
    let find = |axis: &Axis| keys.iter().find(|k| k.0 == *axis).map(|k| &k.1);
    let absent = (axes.len() > 1).then_some(&ABSENT);
    axes.iter().map(|axis| find(axis).or(absent)).collect()
}

/// "b-value (50, 400, 800)"; texts and times are named but not quoted.
fn describe(axes: &[Axis], values: &[Vec<&Key>]) -> String {
    let one = |(i, axis): (usize, &Axis)| {
        let numbers = values.iter().map(|v| match v[i] {
            Key::Number(n) => Some(n.to_string()),
            Key::Text(_) => None,
        });
        let name = axis.name();
        match numbers.collect::<Option<Vec<_>>>() {
            Some(n) if n.len() <= 8 => format!("{name} ({})", n.join(", ")),
            _ => name.to_owned(),
        }
    };
    let names: Vec<_> = axes.iter().enumerate().map(one).collect();
    names.join(" and ")
}

/// Frame `k` gets the `k`-th lowest instance number of every position, if the numbers of one frame
/// all come before those of the next.
fn split_by_instance_number<'a>(positions: &[Vec<Plane<'a>>]) -> Option<Stack<'a>> {
    let number = |p: &Plane| (p.instance.instance_number, p.frame_index);
    let mut frames: Vec<Vec<Plane<'a>>> = vec![Vec::new(); positions[0].len()];
    for planes in positions {
        let mut planes = planes.clone();
        planes.sort_by_key(number);
        if planes.windows(2).any(|w| number(&w[0]) == number(&w[1])) {
            return None;
        }
        for (frame, plane) in frames.iter_mut().zip(planes) {
            frame.push(plane);
        }
    }
    let in_blocks = frames.windows(2).all(|w| {
        let last = w[0].iter().map(number).max();
        let next = w[1].iter().map(number).min();
        last < next
    });
    let axis = Some("nothing but the order of their instance numbers".to_owned());
    in_blocks.then_some(Stack { frames, axis })
}
