//! Ordering the planes of a group along their normal.

use super::copies::without_copies;
use super::refusal::Refusal;
use super::series::Plane;
use super::tell_apart::{by_axes, by_rank};
use crate::io::{FramesApart, Warning};

/// Planes closer than this along the normal are at the same position.
const SAME_POSITION_MM: f64 = 0.01;

/// The planes of a group in order.
#[derive(Debug)]
pub(super) struct Stack<'a> {
    /// For each frame of the fourth axis its slices, ascending along the normal.
    pub frames: Vec<Vec<Plane<'a>>>,
    /// What tells the frames apart; `None` for a 3D series.
    pub apart: Option<FramesApart>,
    /// What to tell.
    pub notes: Vec<Warning>,
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
            apart: Some(FramesApart::only("time")),
            notes: Vec::new(),
        });
    }
    let positions = positions(planes.to_vec());
    if let Some(volume) = single(&positions) {
        return Ok(volume);
    }
    if positions.len() == 1 {
        return Err(Refusal::unsupported(format!(
            "all {count} images lie on one plane, so they are no volume; choose a series that covers the body"
        )));
    }
    told_apart(&positions).ok_or_else(|| refusal(&positions))
}

/// The volume that planes are if there is one at each position.
fn single<'a>(positions: &[Vec<Plane<'a>>]) -> Option<Stack<'a>> {
    let is_single = positions.iter().all(|p| p.len() == 1);
    is_single.then(|| Stack {
        frames: vec![positions.concat()],
        apart: None,
        notes: Vec::new(),
    })
}

/// Tells frames at the same positions apart by what is surest: first what was measured differently; then, as far as
/// images are not copies of others, when they were made; at last their order.
fn told_apart<'a>(positions: &[Vec<Plane<'a>>]) -> Option<Stack<'a>> {
    let is_even = positions.iter().all(|p| p.len() == positions[0].len());
    let by_all = || by_axes(positions, |_| true);
    let first = match is_even {
        true => by_axes(positions, |axis| !axis.is_when()),
        // A scan that was stopped.
        false => by_all(),
    };
    let without_copies = || {
        // Complete frames are copies only if they repeat the instance numbers too: phantoms may look the same.
        let (kept, copies) = without_copies(positions, is_even);
        (copies > 0).then(|| {
            let mut stack = single(&kept)
                .or_else(|| by_axes(&kept, |_| true))
                .or_else(|| by_rank(&kept))?;
            stack.notes.push(Warning::CopiesOfImages { images: copies });
            Some(stack)
        })?
    };
    first
        .or_else(without_copies)
        .or_else(|| is_even.then(by_all).flatten())
        .or_else(|| by_rank(positions))
}

fn refusal(positions: &[Vec<Plane>]) -> Refusal {
    let count: usize = positions.iter().map(Vec::len).sum();
    let multiplicity = positions[0].len();
    Refusal::damaged(match positions.iter().find(|p| p.len() != multiplicity) {
        Some(odd) => format!(
            "{count} images at {} slice positions: some positions have {multiplicity} images, others {}; give the complete series, each image once",
            positions.len(),
            odd.len()
        ),
        None => format!(
            "there are {multiplicity} images at each of {} slice positions and nothing in the headers tells them apart; separate them into folders",
            positions.len()
        ),
    })
}
