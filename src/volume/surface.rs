//! Distances between the surfaces of two masks, each piece of surface weighted by its area.
//!
//! The surface is the marching-cubes surface of the mask: every 2×2×2 neighbourhood of voxels that is
//! neither empty nor full holds a piece of it, placed at the neighbourhood's middle. This is the definition
//! of DeepMind's surface-distance package, which published surface Dice figures rest on.

use std::collections::HashMap;

use crate::geometry::VoxelBox;

use super::Mask;
use super::distance::squared_distance_mm;

/// Distances from each piece of one mask's surface to the other mask's surface, and the pieces' areas.
#[derive(Debug, Clone, Default)]
pub struct SurfaceToSurface {
    /// `(distance in mm, area in mm²)`, by ascending distance.
    pieces: Vec<(f64, f64)>,
}

/// The distances between two surfaces, in both directions.
#[derive(Debug, Clone)]
pub struct SurfaceDistances {
    /// From the truth's surface to the prediction's.
    pub truth_to_pred: SurfaceToSurface,
    /// From the prediction's surface to the truth's.
    pub pred_to_truth: SurfaceToSurface,
}

impl SurfaceToSurface {
    /// Area of the whole surface in mm².
    pub fn area_mm2(&self) -> f64 {
        self.pieces.iter().map(|p| p.1).sum()
    }

    /// Area in mm² of the part no further than `tolerance_mm` from the other surface.
    pub fn area_within_mm2(&self, tolerance_mm: f64) -> f64 {
        let near = self.pieces.iter().take_while(|p| p.0 <= tolerance_mm);
        // The sum of nothing is -0.0 in Rust, which would be printed.
        near.map(|p| p.1).sum::<f64>() + 0.0
    }

    /// The mean distance, weighted by area.
    pub fn mean_mm(&self) -> f64 {
        self.pieces.iter().map(|p| p.0 * p.1).sum::<f64>() / self.area_mm2()
    }

    /// The smallest distance that this fraction (0..=1) of the area does not exceed.
    pub fn quantile_mm(&self, fraction: f64) -> f64 {
        let wanted = fraction * self.area_mm2();
        let mut area = 0.0;
        for &(distance_mm, piece_mm2) in &self.pieces {
            area += piece_mm2;
            if area >= wanted {
                return distance_mm;
            }
        }
        self.pieces.last().map_or(0.0, |p| p.0)
    }
}

impl SurfaceDistances {
    /// Measures both ways; `None` when either mask is empty, so that there is no distance.
    ///
    /// Distances use the length of a step on each axis; on sheared grids they are approximate.
    ///
    /// # Panics
    /// If the masks differ in dims.
    pub fn between(pred: &Mask, truth: &Mask) -> Option<Self> {
        assert_eq!(
            pred.grid.dims, truth.grid.dims,
            "masks must lie on one grid"
        );
        let region = pred.bounds()?.union(truth.bounds()?);
        let spacing_mm = truth.grid.spacing_mm();
        let areas = area_by_code(spacing_mm);
        let dims = region.size().map(|n| n + 1);
        let pred_codes = neighbourhood_codes(pred, region);
        let truth_codes = neighbourhood_codes(truth, region);
        let from_to = |from: &[u8], to: &[u8]| {
            let elsewhere: Vec<u8> = to.iter().map(|&c| u8::from(!is_surface(c))).collect();
            let squared = squared_distance_mm(&elsewhere, dims, spacing_mm);
            let mut pieces: Vec<(f64, f64)> = from
                .iter()
                .zip(&squared)
                .filter(|&(&code, _)| is_surface(code))
                .map(|(&code, &d2)| (f64::from(d2).sqrt(), areas[usize::from(code)]))
                .collect();
            pieces.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
            SurfaceToSurface { pieces }
        };
        Some(Self {
            truth_to_pred: from_to(&truth_codes, &pred_codes),
            pred_to_truth: from_to(&pred_codes, &truth_codes),
        })
    }

    /// Normalised surface Dice: the part of both surfaces within `tolerance_mm` of the other, 0..=1.
    pub fn surface_dice(&self, tolerance_mm: f64) -> f64 {
        let both = [&self.truth_to_pred, &self.pred_to_truth];
        let near: f64 = both.iter().map(|s| s.area_within_mm2(tolerance_mm)).sum();
        near / both.iter().map(|s| s.area_mm2()).sum::<f64>()
    }

    /// Robust Hausdorff distance: the larger of the two directions' quantiles; `fraction` 1 is the plain one.
    pub fn hausdorff_mm(&self, fraction: f64) -> f64 {
        let truth = self.truth_to_pred.quantile_mm(fraction);
        truth.max(self.pred_to_truth.quantile_mm(fraction))
    }

    /// Average symmetric surface distance: the mean of the two directions' mean distances.
    pub fn average_mm(&self) -> f64 {
        (self.truth_to_pred.mean_mm() + self.pred_to_truth.mean_mm()) / 2.0
    }
}

/// Area in mm² of a mask's marching-cubes surface, that at the border of the volume included; 0 of an empty mask.
pub fn area_mm2(mask: &Mask) -> f64 {
    let Some(region) = mask.bounds() else {
        return 0.0;
    };
    let mut pieces = [0usize; 256];
    for code in neighbourhood_codes(mask, region) {
        pieces[usize::from(code)] += 1;
    }
    let areas = area_by_code(mask.grid.spacing_mm());
    let of_code = pieces.iter().zip(areas);
    of_code.map(|(&n, area_mm2)| n as f64 * area_mm2).sum()
}

/// Whether a neighbourhood holds a piece of surface.
fn is_surface(code: u8) -> bool {
    code != 0 && code != u8::MAX
}

/// The code of every 2×2×2 neighbourhood that touches `region`, one more along each axis than it has voxels.
///
/// Bit `7 - (4a + 2b + c)` is the voxel `(a, b, c)` of the neighbourhood; beyond `region` is outside the mask.
fn neighbourhood_codes(mask: &Mask, region: VoxelBox) -> Vec<u8> {
    let [ni, nj, nk] = region.size();
    let dims = [ni + 1, nj + 1, nk + 1];
    let mut codes = vec![0u8; dims.iter().product()];
    let [i0, j0, k0] = region.min.map(|v| v as usize);
    for k in 0..nk {
        for j in 0..nj {
            let start = mask.grid.offset(i0, j + j0, k + k0);
            let row = &mask.voxels[start..start + ni];
            // Corner by corner along the row, which the processor does many voxels at a time.
            for corner in 0..8 {
                let (a, b, c) = (corner >> 2 & 1, corner >> 1 & 1, corner & 1);
                let at = (1 - a) + dims[0] * ((j + 1 - b) + dims[1] * (k + 1 - c));
                for (code, &voxel) in codes[at..at + ni].iter_mut().zip(row) {
                    *code |= u8::from(voxel != 0) << (7 - corner);
                }
            }
        }
    }
    codes
}

/// The marching-cubes triangles of one code of each symmetry class: the components of their area
/// vectors in units of the voxel's faces, signs left out. Full and empty neighbourhoods have none.
const TRIANGLES_BY_CLASS: [(u8, &[[f64; 3]]); 13] = [
    (1, &[CORNER]),
    (3, &[[0.25, 0.25, 0.0]; 2]),
    (6, &[CORNER; 2]),
    (7, &[CORNER, [0.25, 0.25, 0.25], [0.5, 0.0, 0.0]]),
    (15, &[[0.5, 0.0, 0.0]; 2]),
    (22, &[CORNER; 3]),
    (23, &[CORNER, CORNER, [0.25; 3], [0.25; 3]]),
    (24, &[CORNER; 2]),
    (25, &[[0.0, 0.25, 0.25], [0.0, 0.25, 0.25], CORNER]),
    (
        27,
        &[
            [0.0, 0.25, 0.25],
            CORNER,
            [0.25, 0.0, 0.25],
            [0.375, 0.375, 0.375],
        ],
    ),
    (30, &[CORNER, CORNER, [0.25; 3], [0.5, 0.0, 0.0]]),
    (60, &[[0.25, 0.25, 0.0]; 4]),
    (105, &[CORNER; 4]),
];

/// The triangle that cuts one corner off.
const CORNER: [f64; 3] = [0.125; 3];

/// Surface area in mm² in a neighbourhood of each code.
fn area_by_code(spacing_mm: [f64; 3]) -> [f64; 256] {
    let [si, sj, sk] = spacing_mm;
    let face_mm2 = [sj * sk, si * sk, si * sj];
    let mut areas = [0.0; 256];
    for (code, triangles) in codes_with_triangles() {
        areas[usize::from(code)] = triangles
            .iter()
            .map(|t| {
                let squares = (0..3).map(|d| (t[d] * face_mm2[d]).powi(2));
                squares.sum::<f64>().sqrt()
            })
            .sum();
    }
    areas
}

/// Every code that has a surface, with its triangles: the classes spread over the cube's 48 symmetries and
/// over the exchange of inside and outside.
fn codes_with_triangles() -> HashMap<u8, Vec<[f64; 3]>> {
    const PERMUTATIONS: [[usize; 3]; 6] = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    let mut all = HashMap::new();
    for (class, triangles) in TRIANGLES_BY_CLASS {
        for axes in PERMUTATIONS {
            let turned: Vec<[f64; 3]> = triangles.iter().map(|t| axes.map(|a| t[a])).collect();
            for flips in 0..8u8 {
                let code = moved_code(class, axes, flips);
                all.insert(code, turned.clone());
                all.insert(!code, turned.clone());
            }
        }
    }
    all
}

/// The code of the neighbourhood whose axis `d` is the old axis `axes[d]`, mirrored where `flips` has bit `d`.
fn moved_code(code: u8, axes: [usize; 3], flips: u8) -> u8 {
    let mut moved = 0;
    for corner in 0..8u8 {
        if code >> (7 - corner) & 1 == 0 {
            continue;
        }
        let old = [corner >> 2 & 1, corner >> 1 & 1, corner & 1];
        let new: [u8; 3] = std::array::from_fn(|d| old[axes[d]] ^ (flips >> d & 1));
        moved |= 1 << (7 - (4 * new[0] + 2 * new[1] + new[2]));
    }
    moved
}
