//! Slices and axes, on grids that run every which way.

use glam::DVec3;
use prosector::geometry::Affine;
use prosector::session::EditCommand;
use prosector::volume::{Grid, ImageVolume, LabelMap, Modality, Rescale, VoxelData};

use super::bench::Bench;

/// A volume whose voxel axes run from front to back, from feet to head and from left to right, a little turned.
fn turned() -> Bench {
    let affine = Affine::from_columns(
        DVec3::new(0.1, -2.0, 0.1),
        DVec3::new(0.0, 0.1, 3.0),
        DVec3::new(1.0, 0.1, 0.0),
        DVec3::ZERO,
    );
    let grid = Grid::new([5, 6, 7], affine.expect("not singular"));
    let mut labels = LabelMap::empty(grid);
    labels.voxels[grid.offset(1, 2, 0)] = 1;
    labels.voxels[grid.offset(2, 2, 0)] = 1;
    let scan = VoxelData::U8(vec![0; grid.len()]);
    Bench::with(ImageVolume::new(grid, scan, Rescale::IDENTITY, Modality::Mr), labels)
}

#[test]
fn a_label_is_mirrored_along_the_patients_axes() {
    for (axis, expected) in [
        ("left_right", [[1, 2, 6], [2, 2, 6]]),
        ("anterior_posterior", [[2, 2, 0], [3, 2, 0]]),
        ("superior_inferior", [[1, 3, 0], [2, 3, 0]]),
    ] {
        let mut bench = turned();
        bench.edit(&format!("mirror label=1 axis={axis}"));
        assert_eq!(bench.voxels_of(1), expected, "{axis}");
        bench.edit(&format!("mirror label=1 axis={axis}"));
        assert_eq!(bench.voxels_of(1), [[1, 2, 0], [2, 2, 0]], "{axis}, and back");
    }
}

#[test]
fn what_is_mirrored_out_of_the_volume_is_cut_off() {
    let mut bench = turned();
    bench.edit("mirror label=1 axis=anterior_posterior about=0.5");
    assert_eq!(bench.voxels_of(1), [[0, 2, 0]]);
    assert!(EditCommand::parse("mirror label=1 axis=left_right about=0.3").is_err());
}

#[test]
fn planes_are_those_of_the_patient() {
    let mut bench = turned();
    bench.edit("copy_slice label=1 plane=axial from=2 to=5");
    bench.edit("copy_slice label=1 plane=sagittal from=0 to=6");
    bench.edit("copy_slice label=1 plane=coronal from=1 to=4");
    let column = |i, j| [[i, j, 0], [i, j, 6]];
    let expected = [1, 2, 4].map(|i| [column(i, 2), column(i, 5)]);
    assert_eq!(bench.voxels_of(1), expected.as_flattened().as_flattened());
    // The slice that is copied to loses what the other does not have.
    bench.edit("copy_slice label=1 plane=axial from=0 to=5");
    assert_eq!(bench.voxels_of(1).len(), 6);
    for (text, reason) in [
        ("copy_slice label=1 plane=axial from=2 to=6", "there is no axial slice 6; there are 6, from 0"),
        ("copy_slice label=1 plane=coronal from=5 to=1", "there is no coronal slice 5; there are 5, from 0"),
    ] {
        let command = EditCommand::parse(text).expect("well typed");
        let error = command.check(bench.case()).expect_err(text).to_string();
        assert!(error.ends_with(reason), "{error}");
    }
}

/// The voxels of a cone whose axis runs through the middle of [`CONE`], in the slices that are drawn.
fn cone(axis: usize, slices: &[i64]) -> Vec<[i64; 3]> {
    let mut voxels = Vec::new();
    for &n in slices {
        for a in -12..=12i64 {
            for b in -12..=12i64 {
                let radius = 3.0 + 0.5 * n as f64;
                if ((a * a + b * b) as f64).sqrt() <= radius {
                    let mut voxel = [a + 15, b + 15, b + 15];
                    voxel[axis] = n;
                    voxel[(axis + 1) % 3] = a + 15;
                    voxel[(axis + 2) % 3] = b + 15;
                    voxels.push(voxel);
                }
            }
        }
    }
    voxels.sort_unstable();
    voxels
}

#[test]
fn the_slices_of_a_cone_are_found_in_every_plane() {
    for (axis, plane) in ["sagittal", "coronal", "axial"].into_iter().enumerate() {
        let drawn = cone(axis, &[0, 6, 12]);
        let whole = cone(axis, &(0..=12).collect::<Vec<_>>());
        let mut bench = Bench::of_voxels([31; 3], [1.0; 3], &drawn);
        bench.edit(&format!("interpolate label=1 plane={plane}"));
        let found = bench.voxels_of(1);
        let both = found.iter().filter(|v| whole.binary_search(v).is_ok()).count();
        let dice = 2.0 * both as f64 / (found.len() + whole.len()) as f64;
        assert!(dice > 0.96, "{plane}: {dice}");
        for slice in [0, 6, 12] {
            let there = found.iter().filter(|v| v[axis] == slice).count();
            assert_eq!(there, drawn.iter().filter(|v| v[axis] == slice).count());
        }
        let widths: Vec<usize> = (0..=12)
            .map(|n| found.iter().filter(|v| v[axis] == n).count())
            .collect();
        assert!(widths.is_sorted(), "{plane}: {widths:?}");
    }
}
