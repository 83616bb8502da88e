//! Hole filling, islands, run-length coding.

use proptest::prelude::*;

use prosector::geometry::{Affine, VoxelBox};
use prosector::volume::components::{Connectivity, connected_components, largest_component};
use prosector::volume::morphology::{Crop, fill_holes, label_bounds};
use prosector::volume::{Grid, LabelMap, Runs};

/// The slow definition: background reached from the border by steps over faces, until nothing changes.
fn fill_holes_by_definition(mask: &[u8], dims: [usize; 3]) -> Vec<u8> {
    let at = |p: [usize; 3]| p[0] + dims[0] * (p[1] + dims[1] * p[2]);
    let mut outside = vec![false; mask.len()];
    loop {
        let mut grew = false;
        for k in 0..dims[2] {
            for j in 0..dims[1] {
                for i in 0..dims[0] {
                    let p = [i, j, k];
                    if mask[at(p)] != 0 || outside[at(p)] {
                        continue;
                    }
                    let on_border = (0..3).any(|d| p[d] == 0 || p[d] + 1 == dims[d]);
                    let beside = |d: usize, up: bool| {
                        let mut q = p;
                        q[d] = if up { q[d] + 1 } else { q[d] - 1 };
                        outside[at(q)]
                    };
                    if on_border || (0..3).any(|d| beside(d, true) || beside(d, false)) {
                        outside[at(p)] = true;
                        grew = true;
                    }
                }
            }
        }
        if !grew {
            return outside.iter().map(|&o| u8::from(!o)).collect();
        }
    }
}

/// The slow definition: every voxel takes the smallest offset among itself and its neighbours, until nothing
/// changes; components are numbered by that offset.
fn components_by_definition(mask: &[u8], dims: [usize; 3], corners: bool) -> Vec<u32> {
    let grid = Grid::new(dims, Affine::from_spacing([1.0; 3], [0.0; 3]));
    let mut first: Vec<usize> = (0..mask.len()).collect();
    let mut grew = true;
    while grew {
        grew = false;
        for a in (0..mask.len()).filter(|&a| mask[a] != 0) {
            for b in (0..mask.len()).filter(|&b| mask[b] != 0) {
                let (p, q) = (grid.voxel_at(a).0, grid.voxel_at(b).0);
                let apart: [i64; 3] = std::array::from_fn(|d| (p[d] - q[d]).abs());
                let near = match corners {
                    true => apart.iter().all(|&v| v <= 1),
                    false => apart.iter().sum::<i64>() <= 1,
                };
                if near && first[b] < first[a] {
                    first[a] = first[b];
                    grew = true;
                }
            }
        }
    }
    let mut numbers = Vec::new();
    (0..mask.len())
        .map(|at| {
            if mask[at] == 0 {
                return 0;
            }
            let known = numbers.iter().position(|&n| n == first[at]);
            known.unwrap_or_else(|| {
                numbers.push(first[at]);
                numbers.len() - 1
            }) as u32
                + 1
        })
        .collect()
}

fn dims_and_mask() -> impl Strategy<Value = ([usize; 3], Vec<u8>)> {
    [1..7usize, 1..7usize, 1..7usize].prop_flat_map(|dims| {
        let voxel = prop_oneof![2 => Just(0u8), 3 => Just(1u8)];
        (
            Just(dims),
            prop::collection::vec(voxel, dims.iter().product::<usize>()),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn holes_are_what_the_border_does_not_reach((dims, mask) in dims_and_mask()) {
        prop_assert_eq!(fill_holes(&mask, dims), fill_holes_by_definition(&mask, dims));
    }

    #[test]
    fn a_crop_to_the_bounds_gives_the_same_holes((dims, mask) in dims_and_mask()) {
        let grid = Grid::new(dims, Affine::from_spacing([1.0; 3], [0.0; 3]));
        let labels = LabelMap { grid, voxels: mask.iter().map(|&v| u16::from(v) * 3).collect() };
        let mut pasted = mask.clone();
        if let Some(crop) = Crop::of_label(&labels, 3) {
            let filled = crop.holes_filled();
            let rows = prosector::volume::morphology::rows(dims, filled.bounds);
            for (offset, &v) in rows.flatten().zip(&filled.voxels) {
                pasted[offset] = v;
            }
        }
        prop_assert_eq!(pasted, fill_holes(&mask, dims));
    }

    #[test]
    fn components_are_what_neighbours_join(
        (dims, mask) in dims_and_mask(),
        corners in any::<bool>(),
    ) {
        let connectivity = if corners { Connectivity::TwentySix } else { Connectivity::Six };
        // Thinned out, so that there are several.
        let mask: Vec<u8> = mask.iter().enumerate().map(|(n, &v)| v * u8::from(n % 3 != 1)).collect();
        let (labels, sizes) = connected_components(&mask, dims, connectivity);
        prop_assert_eq!(&labels, &components_by_definition(&mask, dims, corners));
        for (label, &size) in (1u32..).zip(&sizes) {
            prop_assert_eq!(labels.iter().filter(|&&l| l == label).count(), size);
        }
        let largest = largest_component(&mask, dims, connectivity);
        let size = largest.map(|m| m.iter().filter(|&&v| v == 1).count());
        prop_assert_eq!(size, sizes.iter().max().copied());
    }

    #[test]
    fn runs_hold_every_labelled_voxel(voxels in prop::collection::vec(0..3u16, 0..200)) {
        let runs = Runs::of_nonzero(&voxels);
        let mut back = vec![0u16; voxels.len()];
        for run in runs.iter() {
            back[run.range()].fill(run.value);
        }
        prop_assert_eq!(&back, &voxels);
        prop_assert_eq!(runs.voxels(), voxels.iter().filter(|&&v| v != 0).count());
        let adjacent = runs.iter().zip(runs.iter().skip(1)).any(|(a, b)| {
            a.range().end == b.start && a.value == b.value
        });
        prop_assert!(!adjacent, "runs are as long as can be");
    }
}

#[test]
fn a_tunnel_is_no_hole_and_a_diagonal_gap_is() {
    let dims = [5, 5, 5];
    let mut mask = vec![1u8; 125];
    let at = |i: usize, j: usize, k: usize| i + 5 * (j + 5 * k);
    mask[at(2, 2, 2)] = 0;
    mask[at(1, 1, 2)] = 0;
    assert_eq!(fill_holes(&mask, dims), vec![1; 125]);
    for i in 0..3 {
        mask[at(i, 2, 2)] = 0;
    }
    let filled = fill_holes(&mask, dims);
    assert_eq!((filled[at(2, 2, 2)], filled[at(1, 1, 2)]), (0, 0));
}

#[test]
fn bounds_are_tight_and_the_largest_island_stays() {
    let grid = Grid::new([10, 9, 8], Affine::from_spacing([1.0; 3], [0.0; 3]));
    let mut labels = LabelMap::empty(grid);
    assert_eq!(label_bounds(&labels, 2), None);
    for (i, j, k) in [(1, 1, 1), (2, 2, 2), (3, 3, 3), (7, 8, 7), (8, 8, 7)] {
        labels.voxels[grid.offset(i, j, k)] = 2;
    }
    let bounds = VoxelBox {
        min: [1, 1, 1],
        max: [8, 8, 7],
    };
    assert_eq!(label_bounds(&labels, 2), Some(bounds));
    let crop = Crop::of_label(&labels, 2).expect("not empty");
    assert_eq!(crop.voxels.iter().filter(|&&v| v == 1).count(), 5);
    let kept = crop.largest_island();
    assert_eq!(
        kept.voxels.iter().filter(|&&v| v == 1).count(),
        3,
        "corners touch"
    );
}
