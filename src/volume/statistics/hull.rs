//! Corners of convex hulls of voxels: the only voxels that can be farthest from each other.
//!
//! An affine map takes hulls to hulls, so the corners are found in whole voxel indices, without rounding.

use std::collections::BTreeMap;

use crate::volume::morphology::Crop;

/// The voxels of a label that can be corners of its convex hull: those that are corners of the hull of their slice,
/// across each of the three axes. Indices in the volume.
pub(super) fn corners(label: &Crop) -> Vec<[i64; 3]> {
    let ends = row_ends(label, 0);
    (0..3).fold(ends, |kept, axis| {
        let slices = by_slice(&kept, axis);
        slices
            .into_values()
            .flat_map(|slice| slice_corners(slice, axis))
            .collect()
    })
}

/// The corners of the hull of each slice across an axis, by the slice's index.
pub(super) fn corners_by_slice(label: &Crop, axis: usize) -> BTreeMap<i64, Vec<[i64; 3]>> {
    let along = usize::from(axis == 0);
    let slices = by_slice(&row_ends(label, along), axis);
    slices
        .into_iter()
        .map(|(index, slice)| (index, slice_corners(slice, axis)))
        .collect()
}

/// The first and the last voxel of each row along an axis.
fn row_ends(label: &Crop, along: usize) -> Vec<[i64; 3]> {
    let dims = label.dims();
    let strides = [1, dims[0], dims[0] * dims[1]];
    let (u, v) = ((along + 1) % 3, (along + 2) % 3);
    let rows = (0..dims[v]).flat_map(|at_v| (0..dims[u]).map(move |at_u| (at_u, at_v)));
    let mut ends = Vec::new();
    for (at_u, at_v) in rows {
        let start = at_u * strides[u] + at_v * strides[v];
        let is_in = |n: &usize| label.voxels[start + n * strides[along]] != 0;
        let Some(first) = (0..dims[along]).find(is_in) else {
            continue;
        };
        let last = (first..dims[along]).rfind(is_in).unwrap_or(first);
        let at = |n: usize| {
            let mut voxel = label.bounds.min;
            voxel[along] += n as i64;
            voxel[u] += at_u as i64;
            voxel[v] += at_v as i64;
            voxel
        };
        ends.push(at(first));
        if last != first {
            ends.push(at(last));
        }
    }
    ends
}

fn by_slice(voxels: &[[i64; 3]], axis: usize) -> BTreeMap<i64, Vec<[i64; 3]>> {
    let mut slices: BTreeMap<i64, Vec<[i64; 3]>> = BTreeMap::new();
    for &voxel in voxels {
        slices.entry(voxel[axis]).or_default().push(voxel);
    }
    slices
}

/// The corners of the hull of voxels of one slice across `axis`, by Andrew's monotone chain; voxels on an edge between
/// two corners are none.
fn slice_corners(mut voxels: Vec<[i64; 3]>, axis: usize) -> Vec<[i64; 3]> {
    let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
    voxels.sort_unstable_by_key(|p| (p[u], p[v]));
    voxels.dedup();
    if voxels.len() < 3 {
        return voxels;
    }
    let turn = |a: &[i64; 3], b: &[i64; 3], c: &[i64; 3]| {
        (b[u] - a[u]) * (c[v] - a[v]) - (b[v] - a[v]) * (c[u] - a[u])
    };
    let chain = |ordered: &mut dyn Iterator<Item = [i64; 3]>| {
        let mut chain: Vec<[i64; 3]> = Vec::new();
        for voxel in ordered {
            while let [.., a, b] = chain.as_slice()
                && turn(a, b, &voxel) <= 0
            {
                chain.pop();
            }
            chain.push(voxel);
        }
        // The last one is the first of the other chain.
        chain.pop();
        chain
    };
    let mut corners = chain(&mut voxels.iter().copied());
    corners.extend(chain(&mut voxels.iter().rev().copied()));
    corners
}
