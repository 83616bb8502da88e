//! From a scan's values to what the networks see: `dataset/base_dataset.py`, split `test`.

use crate::models::volumes::IntensityRange;
use crate::volume::VolumeArray;

/// A data set of the paper: the constants that its code holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DataSet {
    /// Its name on the authors' command line.
    pub name: &'static str,
    /// What its tumours are called.
    pub target: &'static str,
    /// Clipping and normalisation.
    pub intensity: IntensityRange,
    /// Axes of the stored array that become slice, row and column.
    pub spatial_index: [usize; 3],
    /// Label of the target.
    pub target_class: u16,
}

/// The four data sets; where README and code of the authors differ, these are the code's constants.
pub const DATA_SETS: [DataSet; 4] = [
    data_set(
        "kits",
        "kidney_tumor",
        [-54.0, 247.0],
        [59.538_67, 55.457_336],
        [0, 1, 2],
        2,
    ),
    data_set(
        "lits",
        "liver_tumor",
        [-48.0, 163.0],
        [60.057_533, 40.198_017],
        [2, 1, 0],
        2,
    ),
    data_set(
        "pancreas",
        "pancreas_tumor",
        [-39.0, 204.0],
        [68.452_14, 63.422_806],
        [2, 1, 0],
        2,
    ),
    data_set(
        "colon",
        "colon_tumor",
        [-57.0, 175.0],
        [65.175_04, 32.651_197],
        [2, 1, 0],
        1,
    ),
];

const fn data_set(
    name: &'static str,
    target: &'static str,
    clip: [f32; 2],
    [mean, std]: [f32; 2],
    spatial_index: [usize; 3],
    target_class: u16,
) -> DataSet {
    DataSet {
        name,
        target,
        intensity: IntensityRange { clip, mean, std },
        spatial_index,
        target_class,
    }
}

/// Resamples a scan (slice, row, column) of `spacing_mm` to `target_mm`, and normalises it.
///
/// The authors resample very anisotropic scans within the slices first and then between them, which with linear
/// interpolation is the same.
#[must_use]
pub fn prepare(
    scan: &VolumeArray,
    spacing_mm: [f64; 3],
    target_mm: [f64; 3],
    intensity: &IntensityRange,
) -> VolumeArray {
    let mut prepared = scan.rescaled(std::array::from_fn(|d| spacing_mm[d] / target_mm[d]));
    intensity.apply(&mut prepared.values);
    prepared
}

/// First voxel of the crop of `side` around clicks, along each axis.
pub fn crop_start(clicks: &[[i64; 3]], side: usize) -> [i64; 3] {
    std::array::from_fn(|d| {
        let along = clicks.iter().map(|click| click[d]);
        let (low, high) = (along.clone().min().unwrap_or(0), along.max().unwrap_or(0));
        (low + high).div_euclid(2) - (side / 2) as i64
    })
}
