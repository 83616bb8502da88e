//! Scribbles and lassos, which the network has no channels for: clicks that stand for them, a target to start from, and
//! what they say for certain.
//!
//! A scribble is told to the network as a few clicks along it, a lasso as one in its middle. A lasso around a target of
//! which nothing else is known also gives the network a mask to refine: as thick as it is wide, which for a circle is a
//! ball. Whatever the network answers, voxels under scribbles are of the target or are not, as drawn; so are those in
//! negative lassos not; and in the slice of a lasso around the target nothing new lies outside of it.

use crate::geometry::{VoxelBox, VoxelIndex};
use crate::prompt::{Drawing, DrawingKind, Pointed, Polarity, PromptSet};
use crate::volume::{Grid, Mask, morphology};

/// The prompts with clicks in the place of drawings.
pub(super) fn as_clicks(prompts: &PromptSet, grid: &Grid) -> PromptSet {
    let clicks = prompts
        .in_order()
        .into_iter()
        .flat_map(|pointed| match pointed {
            Pointed::Click(click) => vec![*click],
            Pointed::Drawing(drawing) => drawing.clicks(grid),
        });
    PromptSet {
        clicks: clicks.collect(),
        target_box: prompts.target_box,
        ..PromptSet::default()
    }
}

fn lassos(prompts: &PromptSet) -> impl Iterator<Item = &Drawing> {
    prompts.drawn(DrawingKind::Lasso, Polarity::Positive)
}

/// A target that the lassos around it would be slices of, on a part of the scan; `None` without lassos.
pub(super) fn start(prompts: &PromptSet, grid: &Grid) -> Option<Mask> {
    let bodies: Vec<Body> = lassos(prompts).map(|d| Body::of(d, grid)).collect();
    let bounds = bodies.iter().map(|body| body.bounds);
    let bounds = bounds.reduce(VoxelBox::union)?.clipped(grid.dims)?;
    let mut start = Mask::empty(grid.sub_grid(bounds));
    for body in bodies {
        body.put_into(&mut start, bounds.min);
    }
    Some(start)
}

/// What a lasso is the middle slice of.
struct Body<'a> {
    drawing: &'a Drawing,
    bounds: VoxelBox,
    /// How many slices it goes on to either side, for each voxel of the lasso's box; `None` outside of it.
    thickness: Vec<Option<i64>>,
}

impl<'a> Body<'a> {
    fn of(drawing: &'a Drawing, grid: &Grid) -> Self {
        let depths = drawing.depths_mm(grid);
        let deepest = depths.iter().copied().fold(0.0, f64::max);
        let apart_mm = grid.spacing_mm()[drawing.normal_axis];
        // Of a circle: the half chord across the slice, so that the body is a ball.
        let reach = |depth: f64| (depth * (2.0 * deepest - depth)).sqrt() / apart_mm;
        let slices = |&depth: &f64| (depth > 0.0).then(|| reach(depth) as i64);
        let mut beyond = [0; 3];
        beyond[drawing.normal_axis] = reach(deepest) as i64;
        Self {
            drawing,
            bounds: drawing.region.bounds.grown_by(beyond),
            thickness: depths.iter().map(slices).collect(),
        }
    }

    /// Adds its voxels to a mask whose first voxel is this one of the scan.
    fn put_into(&self, mask: &mut Mask, origin: [i64; 3]) {
        let region = &self.drawing.region;
        let [ni, nj, _] = region.dims();
        for (n, thickness) in self.thickness.iter().enumerate() {
            let Some(thickness) = *thickness else {
                continue;
            };
            let at = [n % ni, n / ni % nj, n / (ni * nj)];
            let mut at = [0, 1, 2].map(|d| region.bounds.min[d] + at[d] as i64 - origin[d]);
            let middle = at[self.drawing.normal_axis];
            for slice in middle - thickness..=middle + thickness {
                at[self.drawing.normal_axis] = slice;
                if let Some(offset) = mask.grid.offset_of(VoxelIndex(at)) {
                    mask.voxels[offset] = 1;
                }
            }
        }
    }
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
