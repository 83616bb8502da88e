//! Prompts as typed, on the grid of the scan.

use glam::DVec3;

use crate::cli::{BoxArg, ClickArg, LineArg, SegmentArgs};
use crate::geometry::{VoxelBox, VoxelIndex, VoxelPoint, WorldPoint};
use crate::prompt::{Click, Drawing, Polarity, PromptError, PromptSet, TargetSize};
use crate::volume::Grid;

use super::Refusal;

/// How large a command says that its target is.
pub(super) fn target_size(small: bool, large: bool) -> TargetSize {
    match (small, large) {
        (true, _) => TargetSize::Small,
        (false, true) => TargetSize::Large,
        (false, false) => TargetSize::Any,
    }
}

/// The prompts of a command; refused where they miss the scan. Lassos and diameters come before scribbles, and
/// clicks last.
pub(super) fn on_grid(args: &SegmentArgs, grid: &Grid) -> Result<PromptSet, Refusal> {
    let click = |click: &ClickArg| {
        Ok(Click {
            voxel: voxel(grid, click.position, args.world)?,
            polarity: polarity(click.negative),
        })
    };
    let lassos = args.lassos.iter().map(|line| {
        drawing(grid, line, args.world, |axis, points| {
            Drawing::lasso(grid, axis, points, polarity(line.negative))
        })
    });
    let diameters = args.diameters.iter().map(|line| {
        if line.points.len() != 2 {
            return Err(Refusal::Usage(
                "a diameter has two ends: give --diameter I,J,K,I,J,K".to_owned(),
            ));
        }
        drawing(grid, line, args.world, |axis, ends| {
            Drawing::diameter(grid, axis, [ends[0], ends[1]], polarity(line.negative))
        })
    });
    let scribbles = args.scribbles.iter().map(|line| {
        drawing(grid, line, args.world, |axis, points| {
            let two_voxels = || Drawing::two_voxels_mm(grid, axis);
            let width_mm = args.scribble_width.unwrap_or_else(two_voxels);
            Drawing::scribble(grid, axis, points, width_mm, polarity(line.negative))
        })
    });
    let prompts = PromptSet {
        clicks: args
            .clicks
            .iter()
            .map(click)
            .collect::<Result<_, Refusal>>()?,
        target_box: args
            .target_box
            .map(|b| voxel_box(grid, b, args.world))
            .transpose()?,
        drawings: lassos
            .chain(diameters)
            .chain(scribbles)
            .collect::<Result<_, _>>()?,
    };
    Ok(prompts.on_grid(grid)?)
}

fn polarity(is_negative: bool) -> Polarity {
    match is_negative {
        true => Polarity::Negative,
        false => Polarity::Positive,
    }
}

fn voxel(grid: &Grid, position: [f64; 3], is_world: bool) -> Result<VoxelIndex, Refusal> {
    match is_world {
        true => Ok(voxel_from_world(grid, position).nearest()),
        false => whole_voxel(position),
    }
}

/// What is drawn through points that lie in one slice; where they do in several, as on a straight line along an axis, in
/// the one across the axis along which voxels are longest.
fn drawing(
    grid: &Grid,
    line: &LineArg,
    is_world: bool,
    draw: impl FnOnce(usize, &[VoxelPoint]) -> Result<Drawing, PromptError>,
) -> Result<Drawing, Refusal> {
    let voxels = line.points.iter().map(|&p| voxel(grid, p, is_world));
    let voxels: Vec<VoxelIndex> = voxels.collect::<Result<_, _>>()?;
    let is_flat = |axis: &usize| voxels.iter().all(|v| v.0[*axis] == voxels[0].0[*axis]);
    let spacing_mm = grid.spacing_mm();
    let longer = |a: &usize, b: &usize| spacing_mm[*a].total_cmp(&spacing_mm[*b]);
    let axis = (0..3).filter(is_flat).max_by(longer).ok_or_else(|| {
        let text = "the points of a scribble, a lasso or a diameter lie in one slice: give all of them the same i, j or k";
        Refusal::Other(text.to_owned())
    })?;
    let points: Vec<VoxelPoint> = voxels.iter().map(|v| v.center()).collect();
    Ok(draw(axis, &points)?)
}

/// The box in voxels. A box in millimetres is along the world's axes: where the grid is turned against them,
/// the smallest voxel box that holds its eight corners.
fn voxel_box(grid: &Grid, typed: BoxArg, is_world: bool) -> Result<VoxelBox, Refusal> {
    let [a, b] = typed.corners;
    if !is_world {
        return Ok(VoxelBox::from_corners(whole_voxel(a)?, whole_voxel(b)?));
    }
    let corner = |n: usize| {
        let position = std::array::from_fn(|d| if n >> d & 1 == 0 { a[d] } else { b[d] });
        let voxel = voxel_from_world(grid, position).nearest();
        VoxelBox::from_corners(voxel, voxel)
    };
    Ok((1..8).map(corner).fold(corner(0), VoxelBox::union))
}

fn voxel_from_world(grid: &Grid, position_mm: [f64; 3]) -> VoxelPoint {
    grid.voxel_from_world(WorldPoint(DVec3::from_array(position_mm)))
}

fn whole_voxel(position: [f64; 3]) -> Result<VoxelIndex, Refusal> {
    if position.iter().any(|v| v.fract() != 0.0 || v.abs() > 1e15) {
        return Err(Refusal::Usage(format!(
            "voxel indices are whole numbers, not {}: give --world for millimetres",
            position.map(|v| v.to_string()).join(",")
        )));
    }
    Ok(VoxelIndex(position.map(|v| v as i64)))
}
