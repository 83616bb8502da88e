//! Finding images that are copies of others, sent again or converted.

use std::hash::{DefaultHasher, Hash, Hasher};

use rayon::prelude::*;

use super::axis::{Axis, Key};
use super::decode::Sources;
use super::series::Plane;

/// What copies have in common: their pixels by a digest, and whatever tells frames apart except when they were made.
#[derive(PartialEq)]
struct Likeness<'a> {
    pixels: u64,
    keys: Vec<&'a (Axis, Key)>,
    /// Instance number, and frame in it; where that has to agree.
    number: Option<(i64, usize)>,
}

/// One of each set of copies at a position, and how many were left out. With `by_number` copies have the same
/// instance number, which means nothing where all images have the same.
pub(super) fn without_copies<'a>(
    positions: &[Vec<Plane<'a>>],
    by_number: bool,
) -> (Vec<Vec<Plane<'a>>>, usize) {
    let first = positions[0][0].number();
    let is_numbered = positions.iter().flatten().any(|p| p.number() != first);
    if by_number && !is_numbered {
        return (positions.to_vec(), 0);
    }
    let sources = Sources::of(positions.iter().flatten());
    let kept: Vec<Vec<Plane>> = positions
        .par_iter()
        .map(|planes| distinct(planes, by_number, &sources))
        .collect();
    let count = |positions: &[Vec<Plane>]| positions.iter().map(Vec::len).sum::<usize>();
    let copies = count(positions) - count(&kept);
    (kept, copies)
}

/// The planes of a position that repeat no earlier one; all of them if one cannot be read.
fn distinct<'a>(planes: &[Plane<'a>], by_number: bool, sources: &Sources<'a>) -> Vec<Plane<'a>> {
    let may_repeat = |p: &Plane| planes.iter().filter(|q| p.number() == q.number()).count() > 1;
    if planes.len() == 1 || (by_number && !planes.iter().any(may_repeat)) {
        return planes.to_vec();
    }
    let likeness = |plane: &Plane<'a>| {
        Some(Likeness {
            pixels: digest(plane, sources)?,
            keys: plane.frame.keys.iter().filter(|k| !k.0.is_when()).collect(),
            number: by_number.then(|| plane.number()),
        })
    };
    let likenesses: Option<Vec<Likeness>> = planes.iter().map(likeness).collect();
    let Some(likenesses) = likenesses else {
        return planes.to_vec();
    };
    let is_new = |&i: &usize| !likenesses[..i].contains(&likenesses[i]);
    let new = (0..planes.len()).filter(is_new);
    new.map(|i| planes[i]).collect()
}

/// A digest of the pixels and of what they mean.
fn digest(plane: &Plane, sources: &Sources) -> Option<u64> {
    let rescale = plane.frame.rescale.as_ref().ok()?;
    let mut hasher = DefaultHasher::new();
    sources.decoded(plane).ok()?.bytes.hash(&mut hasher);
    rescale.slope.to_bits().hash(&mut hasher);
    rescale.intercept.to_bits().hash(&mut hasher);
    Some(hasher.finish())
}
