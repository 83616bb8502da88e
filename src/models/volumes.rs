//! What networks that look at crops of a volume have in common: the scan as they see it, and the way back.

use burn::tensor::{Device, Tensor, TensorData, activation};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::geometry::{Affine, Axis, Orientation, VoxelIndex};
use crate::volume::{Grid, ImageVolume, LabelMap, VolumeArray};

use super::loaded::Query;
use super::slices;
use super::sliding_window::SlidingWindow;
use super::{AutoResult, ModelError, Structure};

/// Which of a patient's axes are a network's first, second and third.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AxisOrder {
    /// Slice, row, column as the file stores them, whichever way they run: 3DSAM-adapter.
    SliceRowColumn,
    /// To the right, to the front, to the head: AutoProSAM.
    RightAnteriorSuperior,
}

/// Clipping and normalisation of a scan's values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Intensity {
    /// Fixed values, in Hounsfield units.
    Range(IntensityRange),
    /// Clipped at percentiles of the scan, then to mean 0 and standard deviation 1 of the scan: MR.
    Percentiles {
        /// Percentiles that become the lowest and the highest value.
        percentiles: [f32; 2],
    },
}

/// Fixed clipping and normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct IntensityRange {
    /// Lowest and highest value that count.
    pub clip: [f32; 2],
    /// Mean of the training scans.
    pub mean: f32,
    /// Their standard deviation.
    pub std: f32,
}

impl IntensityRange {
    /// Clips and normalises; what is not a number becomes 0 first.
    pub fn apply(&self, values: &mut [f32]) {
        let [low, high] = self.clip;
        values.par_iter_mut().for_each(|value| {
            let finite = if value.is_nan() { 0.0 } else { *value };
            *value = (finite.clamp(low, high) - self.mean) / self.std;
        });
    }
}

impl Intensity {
    /// Clips and normalises.
    pub fn apply(&self, values: &mut [f32]) {
        match self {
            Self::Range(range) => range.apply(values),
            Self::Percentiles { percentiles } => {
                let mut sorted = values.to_vec();
                sorted.par_sort_unstable_by(f32::total_cmp);
                let clip = percentiles.map(|p| percentile(&sorted, p));
                let clipped = values
                    .par_iter()
                    .map(|v| f64::from(v.clamp(clip[0], clip[1])));
                let mean = clipped.clone().sum::<f64>() / values.len().max(1) as f64;
                let square: f64 = clipped.map(|v| (v - mean).powi(2)).sum();
                let std = (square / values.len().max(1) as f64).sqrt().max(1e-8);
                IntensityRange {
                    clip,
                    mean: mean as f32,
                    std: std as f32,
                }
                .apply(values);
            }
        }
    }
}

/// Linear between the nearest values, as numpy's `percentile`.
fn percentile(sorted: &[f32], percent: f32) -> f32 {
    let place = f64::from(percent) / 100.0 * (sorted.len().max(1) - 1) as f64;
    let below = place as usize;
    let share = (place - below as f64) as f32;
    let value = |at: usize| sorted.get(at).or(sorted.last()).copied().unwrap_or(0.0);
    value(below) + (value(below + 1) - value(below)) * share
}

/// What is blended where windows overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blended {
    /// The network's raw outputs.
    Logits,
    /// Their softmax.
    Probabilities,
}

/// How a scan is brought before a network that looks at crops.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VolumeSettings {
    /// The network's axes.
    pub axes: AxisOrder,
    /// Spacing along the network's axes to which scans are resampled; empty: left as it is.
    pub spacing_mm: Vec<f64>,
    /// Clipping and normalisation.
    pub intensity: Intensity,
    /// The windows of the automatic path.
    pub window: SlidingWindow,
    /// What is blended where windows overlap.
    pub blended: Blended,
}

/// A scan as a network sees it.
pub(crate) struct PreparedVolume {
    /// Normalised values along the network's axes.
    pub array: VolumeArray,
    grid: Grid,
    layout: Layout,
}

/// The network's axes among the scan's.
#[derive(Clone, Copy)]
struct Layout {
    /// For each of the network's axes the scan's.
    axes: [usize; 3],
    flipped: [bool; 3],
}

impl Layout {
    fn of(affine: &Affine, order: AxisOrder) -> Self {
        let directions = Orientation::of(affine).0.map(Axis::ras);
        let axis_along = |ras: usize| directions.iter().position(|d| d.0 == ras).unwrap_or(ras);
        match order {
            AxisOrder::SliceRowColumn => Self {
                axes: [2, 1, 0].map(axis_along),
                flipped: [false; 3],
            },
            AxisOrder::RightAnteriorSuperior => {
                let axes = [0, 1, 2].map(axis_along);
                Self {
                    axes,
                    flipped: axes.map(|a| !directions[a].1),
                }
            }
        }
    }

    /// Values of a scan, `i` fastest, along the network's axes.
    fn arranged(self, values: Vec<f32>, [ni, nj, nk]: [usize; 3]) -> VolumeArray {
        let (axes, flipped) = self.in_array();
        VolumeArray::new([nk, nj, ni], values).transposed(axes, flipped)
    }

    /// The same among the axes of an array whose last axis is the scan's first.
    fn in_array(self) -> ([usize; 3], [bool; 3]) {
        (self.axes.map(|a| 2 - a), self.flipped)
    }
}

impl PreparedVolume {
    /// Brings a scan before a network.
    pub fn of(image: &ImageVolume, settings: &VolumeSettings) -> Self {
        let mut prepared = Self::unnormalised(image, settings);
        settings.intensity.apply(&mut prepared.array.values);
        prepared
    }

    /// As [`Self::of`] with the scan's own values.
    fn unnormalised(image: &ImageVolume, settings: &VolumeSettings) -> Self {
        let grid = *image.grid();
        let layout = Layout::of(&grid.affine, settings.axes);
        let mut array = layout.arranged(slices::values(image), grid.dims);
        if let [a, b, c] = settings.spacing_mm[..] {
            let spacing = grid.spacing_mm();
            let factors = std::array::from_fn(|d| spacing[layout.axes[d]] / [a, b, c][d]);
            array = array.rescaled(factors);
        }
        Self {
            array,
            grid,
            layout,
        }
    }

    /// Lengths of the network's axes at the scan's own spacing.
    fn source_dims(&self) -> [usize; 3] {
        self.layout.axes.map(|a| self.grid.dims[a])
    }

    /// Where a voxel of the scan lies along the network's axes.
    pub fn place_of(&self, voxel: VoxelIndex) -> [i64; 3] {
        let source = self.source_dims();
        std::array::from_fn(|d| {
            let at = voxel.0[self.layout.axes[d]];
            let last = source[d] as i64 - 1;
            let at = if self.layout.flipped[d] {
                last - at
            } else {
                at
            };
            let step = self.array.dims[d] as f64 / source[d] as f64;
            let place = ((at as f64 + 0.5) * step - 0.5).round() as i64;
            place.clamp(0, self.array.dims[d] as i64 - 1)
        })
    }

    /// A field along the network's axes at the scan's voxels, `i` fastest.
    pub fn at_source(&self, field: &VolumeArray) -> Vec<f32> {
        let (axes, flipped) = self.layout.in_array();
        field
            .resized(self.source_dims())
            .transposed_back(axes, flipped)
            .values
    }
}

/// A labelled scan along a network's axes, to train on.
pub(crate) struct LabelledVolume {
    /// Values as in the scan where a fixed range normalises them; normalised where the scan itself does.
    pub image: VolumeArray,
    /// The class of each voxel, 0 being the background.
    pub classes: VolumeArray,
    /// Offsets of voxels that are not background, thinned out to a few thousand.
    pub labelled: Vec<u32>,
}

impl LabelledVolume {
    /// Brings a labelled scan before a network; `class` is 0 for labels that are not learned. A single class is resampled
    /// as a share of voxels, which is what 3DSAM-adapter does; several keep the nearest label.
    pub fn of(
        image: &ImageVolume,
        labels: &LabelMap,
        settings: &VolumeSettings,
        class: impl Fn(u16) -> u16,
    ) -> Self {
        const KEPT: usize = 8192;
        let mut prepared = PreparedVolume::unnormalised(image, settings);
        if let Intensity::Percentiles { .. } = settings.intensity {
            settings.intensity.apply(&mut prepared.array.values);
        }
        let values: Vec<f32> = labels.voxels.iter().map(|&v| f32::from(class(v))).collect();
        let several = values.iter().any(|&v| v > 1.0);
        let dims = prepared.array.dims;
        let arranged = prepared.layout.arranged(values, image.grid().dims);
        let classes = if several {
            arranged.nearest(dims)
        } else {
            let mut share = arranged.resized(dims);
            for value in &mut share.values {
                *value = f32::from(u8::from(*value > 0.5));
            }
            share
        };
        let labelled: Vec<u32> = (0..classes.values.len() as u32)
            .filter(|&v| classes.values[v as usize] > 0.0)
            .collect();
        let every = labelled.len().div_ceil(KEPT).max(1);
        Self {
            image: prepared.array,
            labelled: labelled.into_iter().step_by(every).collect(),
            classes,
        }
    }
}

/// A crop as a network takes it, `[1, 1, ..]`.
pub(crate) fn crop_tensor(crop: &VolumeArray, device: &Device) -> Tensor<5> {
    let [d, h, w] = crop.dims;
    Tensor::from_data(
        TensorData::new(crop.values.clone(), [1, 1, d, h, w]),
        device,
    )
}

/// The volumes of each channel of `[1, channels, ..]`.
///
/// # Errors
/// The device failed.
pub(crate) fn channels(x: Tensor<5>) -> Result<Vec<Vec<f32>>, ModelError> {
    let [_, _, d, h, w] = x.dims();
    let values = slices::host(x)?;
    Ok(values.chunks(d * h * w).map(<[f32]>::to_vec).collect())
}

/// Finds structures with windows over the whole scan; class 0 of the network's is the background.
///
/// # Errors
/// A device that fails, a job that was stopped.
pub(crate) fn segment_windows(
    query: Query<'_>,
    structures: &[(usize, &Structure)],
    (settings, device): (&VolumeSettings, &Device),
    predict: impl Fn(Tensor<5>) -> Tensor<5>,
) -> Result<AutoResult, ModelError> {
    let Query { image, ctx, .. } = query;
    ctx.step(0.0, "preparing the scan")?;
    let prepared = PreparedVolume::of(image, settings);
    let fields = settings.window.run(&prepared.array, |crop, (done, all)| {
        let stage = format!("window {} of {all}", done + 1);
        ctx.step(0.02 + 0.93 * done as f32 / all as f32, &stage)?;
        let logits = predict(crop_tensor(&crop, device));
        channels(match settings.blended {
            Blended::Logits => logits,
            Blended::Probabilities => activation::softmax(logits, 1),
        })
    })?;
    ctx.step(0.95, "writing the labels")?;
    let mut best: Vec<f32> = Vec::new();
    let mut class_of = vec![0u16; image.grid().len()];
    for (class, field) in fields.into_iter().enumerate() {
        ctx.check()?;
        let values = prepared.at_source(&field);
        if class == 0 {
            best = values;
            continue;
        }
        let voxels = class_of.iter_mut().zip(&mut best).zip(&values);
        for ((chosen, best), &value) in voxels {
            if value > *best {
                (*chosen, *best) = (class as u16, value);
            }
        }
    }
    let mut labels = LabelMap::empty(*image.grid());
    for &(place, structure) in structures {
        let class = place as u16 + 1;
        for (label, &chosen) in labels.voxels.iter_mut().zip(&class_of) {
            if chosen == class {
                *label = structure.value;
            }
        }
    }
    Ok(AutoResult::of_labels(labels, structures))
}
