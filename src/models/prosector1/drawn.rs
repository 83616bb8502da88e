//! Scribbles, lassos and diameters, which the network has no channels for: clicks and a box that stand for them, and what
//! they say for certain.
//!
//! A scribble is told to the network as a few clicks along it, a lasso or a diameter as one in its middle. A lasso around a
//! target, or a diameter of it, is also told as a box where none is drawn: as deep as the lasso is wide where it is narrowest, or
//! about as large as what lesions of that diameter are, though the answer may go on beyond. Whatever the
//! network answers, voxels under scribbles are of the target or are not, as drawn; so are those in negative lassos not; and in
//! the slice of a lasso around the target nothing new lies outside of it.

use crate::geometry::{VoxelBox, VoxelIndex};
use crate::prompt::{Drawing, DrawingKind, Pointed, Polarity, PromptSet};
use crate::volume::{Grid, Mask, morphology};

/// Width and depth of a target in lengths of its diameter, as the box around an unknown one is guessed: lesions are some 0.8
/// as wide. Chosen on patients to choose on and, for weights that had not seen their kind, on training patients.
const WIDTH: f64 = 0.8;
const DEPTH: f64 = 0.9;

/// The prompts with clicks in the place of drawings, and with a box in that of lassos and diameters. `so_far` is where the
/// target so far reaches: a box that is guessed holds that, and what is clicked, for without any box the network gives up
/// much of what it found in one.
pub(super) fn as_clicks(prompts: &PromptSet, grid: &Grid, so_far: Option<VoxelBox>) -> PromptSet {
    let pointed = prompts.in_order().into_iter();
    let clicks = pointed.flat_map(|pointed| match pointed {
        Pointed::Click(click) => vec![*click],
        Pointed::Drawing(drawing) => drawing.clicks(grid),
    });
    let guessed = || {
        let of_lassos = lassos(prompts).map(|lasso| box_of(lasso, grid));
        let of_diameters = diameters(prompts).map(|diameter| box_across(diameter, grid));
        let around = of_lassos.chain(of_diameters).reduce(VoxelBox::union)?;
        let clicked = prompts
            .positive()
            .map(|c| VoxelBox::from_corners(c.voxel, c.voxel));
        Some(
            so_far
                .into_iter()
                .chain(clicked)
                .fold(around, VoxelBox::union),
        )
    };
    PromptSet {
        clicks: clicks.collect(),
        target_box: prompts.target_box.or_else(guessed),
        ..PromptSet::default()
    }
}

fn lassos(prompts: &PromptSet) -> impl Iterator<Item = &Drawing> {
    prompts.drawn(DrawingKind::Lasso, Polarity::Positive)
}

/// The diameters of the target.
fn diameters(prompts: &PromptSet) -> impl Iterator<Item = &Drawing> {
    prompts.drawn(DrawingKind::Diameter, Polarity::Positive)
}

/// The box of an ellipsoid that has a diameter as its longest in the slice.
fn box_across(diameter: &Drawing, grid: &Grid) -> VoxelBox {
    let spacing_mm = grid.spacing_mm();
    let [from, to] = diameter.ends(grid).map(|end| end.0);
    let long: [f64; 3] = std::array::from_fn(|d| (to[d] - from[d]) as f64 * spacing_mm[d]);
    let length_mm = long.iter().map(|x| x * x).sum::<f64>().sqrt();
    let normal = diameter.normal_axis;
    let half_mm = |d: usize| match d == normal {
        true => DEPTH * length_mm / 2.0,
        false => long[d].hypot(WIDTH * long[3 - normal - d]) / 2.0,
    };
    let face = |d: usize, sign: f64| {
        let middle = (from[d] + to[d]) as f64 / 2.0;
        (middle + sign * half_mm(d) / spacing_mm[d]).round() as i64
    };
    VoxelBox {
        min: std::array::from_fn(|d| face(d, -1.0)),
        max: std::array::from_fn(|d| face(d, 1.0)),
    }
    .clamped(grid.dims)
}

/// The box of what a lasso is the middle slice of: of a circle, that of the ball.
fn box_of(lasso: &Drawing, grid: &Grid) -> VoxelBox {
    let deepest_mm = lasso.depths_mm(grid).into_iter().fold(0.0, f64::max);
    let mut beyond = [0; 3];
    beyond[lasso.normal_axis] = (deepest_mm / grid.spacing_mm()[lasso.normal_axis]) as i64;
    let bounds = lasso.region.bounds;
    bounds.grown_by(beyond).clamped(grid.dims)
}

/// Makes a mask on the scan's grid say what clicks and drawings say for certain; where they contradict each other, the
/// later one. What is in the target so far stays beside lassos: they may add to it.
pub(super) fn heed(mask: &mut Mask, prompts: &PromptSet, prior: Option<&Mask>) {
    for lasso in lassos(prompts) {
        keep_within(mask, prompts, lasso, prior);
    }
    for pointed in prompts.in_order() {
        let value = u8::from(pointed.is_positive());
        match pointed {
            Pointed::Click(click) => {
                if let Some(offset) = mask.grid.offset_of(click.voxel) {
                    mask.voxels[offset] = value;
                }
            }
            // Drawn around it, so that what is inside is for the network to find.
            Pointed::Drawing(drawing) if drawing.kind == DrawingKind::Lasso && value == 1 => {}
            Pointed::Drawing(drawing) => {
                for (offset, _) in drawing.region.offsets(mask.grid.dims) {
                    mask.voxels[offset] = value;
                }
            }
        }
    }
}

/// Voxels that the prompts put into the mask whatever the network answers, at most.
pub(super) fn certain_count(prompts: &PromptSet) -> usize {
    let scribbles = prompts.drawn(DrawingKind::Scribble, Polarity::Positive);
    let drawn: usize = scribbles.map(|d| d.region.count()).sum();
    prompts.clicks.len() + drawn
}

/// Takes out of a lasso's slice what lies outside of it, unless the user points at something there.
fn keep_within(mask: &mut Mask, prompts: &PromptSet, lasso: &Drawing, prior: Option<&Mask>) {
    let grid = mask.grid;
    let (axis, slice) = (
        lasso.normal_axis,
        lasso.region.bounds.min[lasso.normal_axis],
    );
    let is_here = |d: &&Drawing| d.normal_axis == axis && d.region.bounds.min[axis] == slice;
    let here: Vec<&Drawing> = lassos(prompts).filter(is_here).collect();
    let is_inside = |voxel: VoxelIndex| here.iter().any(|d| d.region.holds(voxel));
    let scribbles = prompts.drawn(DrawingKind::Scribble, Polarity::Positive);
    let scribbled = scribbles.flat_map(|d| d.voxels(&grid));
    let mut pointed = prompts.positive().map(|c| c.voxel).chain(scribbled);
    if pointed.any(|v| v.0[axis] == slice && !is_inside(v)) {
        return;
    }
    let plane = grid.bounds().slice(axis, slice);
    for offset in morphology::rows(grid.dims, plane).flatten() {
        let is_so_far = prior.is_some_and(|p| p.voxels[offset] != 0);
        if mask.voxels[offset] != 0 && !is_so_far && !is_inside(grid.voxel_at(offset)) {
            mask.voxels[offset] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Affine, VoxelPoint};
    use crate::prompt::Click;

    fn cube(from: i64, to: i64) -> VoxelBox {
        VoxelBox::from_corners(VoxelIndex([from; 3]), VoxelIndex([to; 3]))
    }

    #[test]
    fn a_guessed_box_stays_and_holds_what_is_found_and_clicked() {
        let grid = Grid::new([60; 3], Affine::from_spacing([1.0; 3], [0.0; 3]));
        let ends = [[20.0, 30.0, 30.0], [40.0, 30.0, 30.0]].map(|end| VoxelPoint(end.into()));
        let drawing = Drawing::diameter(&grid, 2, ends, Polarity::Positive).expect("on the scan");
        let mut prompts = PromptSet {
            drawings: vec![drawing],
            ..PromptSet::default()
        };
        let guessed = VoxelBox::from_corners(VoxelIndex([20, 22, 21]), VoxelIndex([40, 38, 39]));
        let told = |prompts: &PromptSet, so_far| as_clicks(prompts, &grid, so_far).target_box;
        assert_eq!(told(&prompts, None), Some(guessed));
        assert_eq!(told(&prompts, Some(cube(25, 35))), Some(guessed));
        let found = cube(25, 44);
        assert_eq!(told(&prompts, Some(found)), Some(guessed.union(found)));
        prompts.clicks = [(50, Polarity::Positive), (55, Polarity::Negative)]
            .map(|(at, polarity)| Click {
                voxel: VoxelIndex([at; 3]),
                polarity,
            })
            .to_vec();
        let clicked = guessed.union(cube(50, 50));
        assert_eq!(told(&prompts, Some(cube(25, 35))), Some(clicked));
        prompts.target_box = Some(found);
        assert_eq!(
            told(&prompts, None),
            Some(found),
            "a drawn one is meant as it is"
        );
    }
}
