//! A procedural head-and-neck CT with its truth, so that a fresh machine has something to segment.

mod anatomy;

use glam::DVec3;
use rayon::prelude::*;

use crate::geometry::{Affine, VoxelBox, VoxelIndex};

use super::distance::squared_distance_mm;
use super::{Grid, ImageVolume, LabelMap, LabelTable, Modality, Rescale, VoxelData};
use anatomy::{Structure, tissue_at};

/// The phantom's scan and what is true of it.
#[derive(Debug, Clone)]
pub struct Phantom {
    /// A CT in HU, int16, voxel axes towards left, posterior and superior as scanners store them.
    pub image: ImageVolume,
    /// The truth: organs with the values of the model card, and a lesion.
    pub labels: LabelMap,
    /// The names of the truth's values.
    pub table: LabelTable,
    /// The lesion's value in `labels`.
    pub lesion: u16,
}

/// Voxels along i, j, k.
const DIMS: [usize; 3] = [112, 112, 104];
/// Voxel size.
const SPACING_MM: [f64; 3] = [3.0, 3.0, 2.5];
/// World position of voxel (0, 0, 0); the origin is the middle of the mandible.
const FIRST_VOXEL_MM: [f64; 3] = [166.5, 101.5, -160.0];
/// Standard deviation of the noise.
const NOISE_HU: f64 = 11.0;
/// Samples per voxel and axis, for the partial volume at edges.
const SUBSAMPLES: usize = 2;

impl Phantom {
    /// The click that a user would make first: the voxel of the lesion furthest from its surface.
    pub fn lesion_click(&self) -> VoxelIndex {
        let mask = self.labels.mask_of(self.lesion);
        let depth = squared_distance_mm(&mask.voxels, mask.grid.dims, mask.grid.spacing_mm());
        let deepest = (0..depth.len())
            .max_by(|&a, &b| depth[a].total_cmp(&depth[b]).then(b.cmp(&a)))
            .unwrap_or(0);
        mask.grid.voxel_at(deepest)
    }

    /// The tight box around the lesion.
    pub fn lesion_box(&self) -> VoxelBox {
        let mask = self.labels.mask_of(self.lesion);
        mask.bounds().expect("the phantom has a lesion")
    }
}

/// Makes the phantom; every call gives the same voxels.
pub fn phantom() -> Phantom {
    let [x, y, z] = SPACING_MM;
    let affine = Affine::from_columns(
        DVec3::NEG_X * x,
        DVec3::NEG_Y * y,
        DVec3::Z * z,
        DVec3::from_array(FIRST_VOXEL_MM),
    )
    .expect("the phantom's spacing is finite and not zero");
    let grid = Grid::new(DIMS, affine);
    let (hu, values): (Vec<i16>, Vec<u16>) = (0..grid.len())
        .into_par_iter()
        .map(|offset| sample(&grid, offset))
        .unzip();
    let mut table = LabelTable::default();
    for structure in Structure::ALL {
        table.add(structure.value(), structure.name());
    }
    Phantom {
        image: ImageVolume::new(grid, VoxelData::I16(hu), Rescale::IDENTITY, Modality::Ct),
        labels: LabelMap {
            grid,
            voxels: values,
        },
        table,
        lesion: Structure::Lesion.value(),
    }
}

/// HU and truth of one voxel: the mean tissue over the voxel with noise, and the structure at its centre.
fn sample(grid: &Grid, offset: usize) -> (i16, u16) {
    let center = grid.world_from_voxel(grid.voxel_at(offset).center()).0;
    let structure = tissue_at(center).structure;
    let step = 1.0 / SUBSAMPLES as f64;
    let mut sum = 0.0;
    for n in 0..SUBSAMPLES.pow(3) {
        let at = [n, n / SUBSAMPLES, n / SUBSAMPLES / SUBSAMPLES].map(|v| v % SUBSAMPLES);
        let within: [f64; 3] =
            std::array::from_fn(|d| ((at[d] as f64 + 0.5) * step - 0.5) * SPACING_MM[d]);
        sum += tissue_at(center + DVec3::from_array(within)).hu;
    }
    let hu = sum / SUBSAMPLES.pow(3) as f64 + NOISE_HU * noise(offset as u64);
    (
        hu.round().clamp(-1024.0, 3071.0) as i16,
        structure.map_or(0, Structure::value),
    )
}

/// A number of about unit normal distribution that depends on `seed` only.
fn noise(seed: u64) -> f64 {
    let uniform = |n: u64| {
        // SplitMix64's mixing of a counter.
        let mut v = (seed * 4 + n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        v = (v ^ (v >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        v = (v ^ (v >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (v >> 40) as f64 / (1u64 << 24) as f64
    };
    // The sum of four uniform numbers has the variance 4 / 12.
    ((0..4).map(uniform).sum::<f64>() - 2.0) * 3f64.sqrt()
}
