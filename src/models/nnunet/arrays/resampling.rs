//! Between the spacing of a scan and that of a network.

use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::models::ops::Spline;

use super::labels::{Heads, LabelsFromLogits};
use super::passes;
use super::planes::{PlaneSampler, Scratch};
use super::sampling::{Ends, Sample, Sampling};
use super::votes::{self, Vote};

/// How many times the least spacing the greatest is where an axis counts as coarse.
const ANISOTROPY: f64 = 3.0;

/// What resamples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResamplingMethod {
    /// `resample_data_or_seg_to_shape`: splines.
    Spline,
    /// `resample_torch_fornnunet`: linear.
    Torch,
    /// `no_resampling_hack`: nothing.
    Nothing,
}

/// How arrays are brought to another shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resampling {
    /// What resamples.
    pub method: ResamplingMethod,
    /// Order of the spline: 0, 1 or 3; what is above 1 is 3.
    pub order: u8,
    /// Its order along a coarse axis.
    pub order_z: u8,
    /// Whether a coarse axis is treated apart; decided by the spacing where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separate_z: Option<bool>,
    /// PyTorch's labels by majority (`memefficient_seg_resampling`) instead of the largest share.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_majority: bool,
}

/// A change of spacing along the network's axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// Lengths before.
    pub from: [usize; 3],
    /// Lengths after.
    pub to: [usize; 3],
    /// Spacing before.
    pub from_mm: [f64; 3],
    /// Spacing after.
    pub to_mm: [f64; 3],
}

impl Change {
    /// To a spacing: as many voxels as fit best (`compute_new_shape`), at least one along each axis.
    pub fn to_spacing(from: [usize; 3], from_mm: [f64; 3], to_mm: [f64; 3]) -> Self {
        let length = |d: usize| {
            let length = (from_mm[d] / to_mm[d] * from[d] as f64).round_ties_even();
            (length as usize).max(1)
        };
        Self {
            from,
            to: [0, 1, 2].map(length),
            from_mm,
            to_mm,
        }
    }

    /// Back again.
    #[must_use]
    pub fn inverse(self) -> Self {
        Self {
            from: self.to,
            to: self.from,
            from_mm: self.to_mm,
            to_mm: self.from_mm,
        }
    }

    /// The axis that is resampled apart from the others (`determine_do_sep_z_and_axis`): the coarsest one, where one is.
    pub fn separate_axis(&self, separate: Option<bool>) -> Option<usize> {
        let spacing_mm = match separate {
            Some(false) => return None,
            Some(true) => self.from_mm,
            None => [self.from_mm, self.to_mm]
                .into_iter()
                .find(|s| is_coarse(*s))?,
        };
        let greatest = spacing_mm.into_iter().fold(f64::MIN, f64::max);
        let mut coarsest = (0..3).filter(|&axis| greatest / spacing_mm[axis] == 1.0);
        let axis = coarsest.next();
        axis.filter(|_| coarsest.next().is_none())
    }
}

fn is_coarse(spacing_mm: [f64; 3]) -> bool {
    let greatest = spacing_mm.into_iter().fold(f64::MIN, f64::max);
    let least = spacing_mm.into_iter().fold(f64::MAX, f64::min);
    greatest / least > ANISOTROPY
}

fn spline(order: u8) -> Spline {
    match order {
        0 => Spline::Nearest,
        1 => Spline::Linear,
        _ => Spline::Cubic,
    }
}

impl Resampling {
    /// A resampling function of the plans with its keyword arguments.
    ///
    /// # Errors
    /// A function or an argument that this program does not know, in words.
    pub fn named(function: &str, arguments: &Map<String, Value>) -> Result<Self, String> {
        let method = match function {
            "resample_data_or_seg_to_shape" => ResamplingMethod::Spline,
            "resample_torch_fornnunet" => ResamplingMethod::Torch,
            "no_resampling_hack" => ResamplingMethod::Nothing,
            other => {
                return Err(format!(
                    "the resampling function '{other}' is not supported"
                ));
            }
        };
        let mut how = Self {
            method,
            order: 3,
            order_z: 0,
            // What the functions do unless they are told.
            separate_z: (method == ResamplingMethod::Spline).then_some(false),
            by_majority: false,
        };
        for (argument, value) in arguments {
            how.set(argument, value).ok_or_else(|| {
                format!(
                    "{argument} = {value} of the resampling function '{function}' is not supported"
                )
            })?;
        }
        Ok(how)
    }

    /// `None` for what is not known.
    fn set(&mut self, argument: &str, value: &Value) -> Option<()> {
        let order = || match value.as_u64() {
            Some(order @ (0 | 1 | 3)) => Some(order as u8),
            _ => None,
        };
        match argument {
            "order" => self.order = order()?,
            "order_z" => self.order_z = order()?,
            "force_separate_z" if value.is_null() => self.separate_z = None,
            "force_separate_z" => self.separate_z = Some(value.as_bool()?),
            "memefficient_seg_resampling" => self.by_majority = value.as_bool()?,
            "separate_z_anisotropy_threshold" => {
                return (value.as_f64() == Some(ANISOTROPY)).then_some(());
            }
            "mode" => return (value.as_str() == Some("linear")).then_some(()),
            // Who calls says whether labels are meant; the others change no result.
            "is_seg" | "num_threads" | "device" => {}
            _ => return None,
        }
        Some(())
    }

    fn changes(self, change: &Change) -> bool {
        self.method != ResamplingMethod::Nothing && change.from != change.to
    }

    fn separate_axis(self, change: &Change) -> Option<usize> {
        change.separate_axis(self.separate_z)
    }

    /// What happens along each axis where none needs more than its neighbours.
    pub fn axes(self, change: &Change) -> [Sampling; 3] {
        let separate = self.separate_axis(change);
        [0, 1, 2].map(|axis| {
            let (from, to) = (change.from[axis], change.to[axis]);
            let apart = separate == Some(axis);
            match self.method {
                ResamplingMethod::Spline => {
                    let order = if apart { self.order_z } else { self.order };
                    Sampling::new(from, to, spline(order), Ends::Faces)
                }
                ResamplingMethod::Torch => Sampling::torch(from, to, !apart),
                ResamplingMethod::Nothing => Sampling::unchanged(from),
            }
        })
    }
}

fn nearest_axes(change: &Change) -> [Sampling; 3] {
    [0, 1, 2].map(|axis| {
        let (from, to) = (change.from[axis], change.to[axis]);
        Sampling::new(from, to, Spline::Nearest, Ends::Faces)
    })
}

/// A channel of an image at the other spacing.
///
/// # Panics
/// When the values do not fill the change's lengths.
pub fn resampled_data(values: Vec<f32>, change: &Change, how: Resampling) -> Vec<f32> {
    if !how.changes(change) {
        return values;
    }
    resampled(&values, change, how, |line, out| {
        for (out, value) in out.iter_mut().zip(line) {
            *out = *value as f32;
        }
    })
}

/// One of the network's outputs at the other spacing, in half precision as before, and so is what PyTorch gives in single
/// precision.
///
/// # Panics
/// When the values do not fill the change's lengths.
pub fn resampled_logits(logits: &[f16], change: &Change, how: Resampling) -> Vec<f32> {
    if !how.changes(change) {
        return logits.to_f32_vec();
    }
    resampled(logits, change, how, |line, out| stored(how, line, out))
}

/// Logits as the official code keeps them: splines in half precision. Both are as long.
pub fn stored(how: Resampling, line: &[f64], out: &mut [f32]) {
    if how.method == ResamplingMethod::Torch {
        out.iter_mut()
            .zip(line)
            .for_each(|(out, v)| *out = *v as f32);
        return;
    }
    let mut halves = vec![f16::ZERO; line.len()];
    halves.convert_from_f64_slice(line);
    halves.convert_to_f32_slice(out);
}

/// By planes where that is possible; `store` writes what was found.
fn resampled<T: Sample>(
    values: &[T],
    change: &Change,
    how: Resampling,
    store: impl Fn(&[f64], &mut [f32]) + Sync,
) -> Vec<f32> {
    let mut out = vec![0.0; change.to.iter().product()];
    if let Some(sampler) = PlaneSampler::new(how.axes(change)) {
        let planes = out.par_chunks_mut(sampler.plane_len().max(1)).enumerate();
        planes.for_each_init(Scratch::default, |scratch, (index, out)| {
            store(sampler.plane(values, index, scratch), out);
        });
        return out;
    }
    let found = match how.separate_axis(change) {
        None => within(values, passes::resampled(values, &how.axes(change))),
        Some(axis) => separately(values, change, how, axis),
    };
    let length = change.to[2].max(1);
    let lines = out.par_chunks_mut(length).zip(found.par_chunks(length));
    lines.for_each(|(out, found)| store(found, out));
    out
}

/// Splines overshoot: the result is kept within the range of the values.
fn within<T: Sample>(values: &[T], mut found: Vec<f64>) -> Vec<f64> {
    let range = values.iter().map(|v| v.value());
    let low = range.clone().fold(f64::INFINITY, f64::min);
    let high = range.fold(f64::NEG_INFINITY, f64::max);
    found.iter_mut().for_each(|v| *v = v.max(low).min(high));
    found
}

/// Slice by slice across the coarse axis, and then along it.
fn separately<T: Sample>(values: &[T], change: &Change, how: Resampling, axis: usize) -> Vec<f64> {
    let [first, second] = others(axis);
    let widened: Vec<f64> = values.par_iter().map(|v| v.value()).collect();
    let slices = passes::permuted(&widened, change.from, [axis, first, second]);
    let [along, rows, columns] = {
        let axes = how.axes(change);
        [axis, first, second].map(|d| axes[d].clone())
    };
    let flat = [Sampling::unchanged(1), rows, columns];
    let (from_len, to_len) = (flat[1].from() * flat[2].from(), flat[1].to() * flat[2].to());
    let mut moved = vec![0.0; along.from() * to_len];
    let each = moved
        .par_chunks_mut(to_len.max(1))
        .zip(slices.par_chunks(from_len.max(1)));
    each.for_each(|(out, slice)| {
        out.copy_from_slice(&within(slice, passes::resampled(slice, &flat)));
    });
    // Along the coarse axis, which becomes the last one.
    let turned = passes::turned_through(&moved, &along);
    let dims = [flat[1].to(), flat[2].to(), along.to()];
    passes::permuted(&turned, dims, back(axis))
}

/// The two axes beside one.
fn others(axis: usize) -> [usize; 2] {
    match axis {
        0 => [1, 2],
        1 => [0, 2],
        _ => [0, 1],
    }
}

/// From `[others, axis]` to the axes' own order.
fn back(axis: usize) -> [usize; 3] {
    match axis {
        0 => [2, 0, 1],
        1 => [0, 2, 1],
        _ => [0, 1, 2],
    }
}

/// Labels at the other spacing.
///
/// # Panics
/// When the labels do not fill the change's lengths.
pub fn resampled_labels(labels: &[i16], change: &Change, how: Resampling) -> Vec<i16> {
    if !how.changes(change) {
        return labels.to_vec();
    }
    let axes = how.axes(change);
    let nearest = nearest_axes(change);
    if how.method == ResamplingMethod::Torch {
        let vote = if how.by_majority {
            Vote::Half
        } else {
            Vote::Thousandths
        };
        return votes::resampled(labels, &axes, &nearest, vote);
    }
    let Some(axis) = how.separate_axis(change) else {
        return voted(labels, &axes, &nearest);
    };
    let mut in_plane = axes.clone();
    in_plane[axis] = Sampling::unchanged(change.from[axis]);
    let mut nearest_in_plane = nearest;
    nearest_in_plane[axis] = Sampling::unchanged(change.from[axis]);
    let slices = voted(labels, &in_plane, &nearest_in_plane);
    along(&slices, &axes, axis)
}

/// The coarse axis of labels whose other axes have their lengths.
fn along(labels: &[i16], axes: &[Sampling; 3], axis: usize) -> Vec<i16> {
    let [first, second] = others(axis);
    let mut dims = [0, 1, 2].map(|d| axes[d].to());
    dims[axis] = axes[axis].from();
    let in_front = passes::permuted(labels, dims, [axis, first, second]);
    let moved = votes::along_first(&in_front, &axes[axis], dims[first] * dims[second]);
    let to = [axes[axis].to(), dims[first], dims[second]];
    let order = match axis {
        0 => [0, 1, 2],
        1 => [1, 0, 2],
        _ => [1, 2, 0],
    };
    passes::permuted(&moved, to, order)
}

fn voted(labels: &[i16], axes: &[Sampling; 3], nearest: &[Sampling; 3]) -> Vec<i16> {
    if axes.iter().all(Sampling::is_local) {
        return votes::resampled(labels, axes, nearest, Vote::Largest);
    }
    let by_nearest = votes::resampled(labels, nearest, nearest, Vote::Largest);
    votes::resampled_by_passes(labels, axes, &by_nearest)
}

/// The label of each voxel at the other spacing, from the logits of all heads one after the other, head by head. `check` is
/// asked before each head whether to go on, with the share that is done.
///
/// # Errors
/// What `check` answers.
///
/// # Panics
/// When the logits do not fill the change's lengths for each head.
pub fn labels_of_logits<E>(
    logits: &[f16],
    heads: &Heads,
    change: &Change,
    how: Resampling,
    check: impl Fn(f32) -> Result<(), E>,
) -> Result<Vec<u16>, E> {
    let voxels = change.from.iter().product::<usize>().max(1);
    let mut labels = LabelsFromLogits::new(heads.clone(), change.to.iter().product());
    for (done, logits) in logits.chunks(voxels).enumerate() {
        check(done as f32 / heads.count() as f32)?;
        labels.add(&resampled_logits(logits, change, how));
    }
    Ok(labels.finish())
}
