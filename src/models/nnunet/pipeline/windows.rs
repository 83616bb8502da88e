//! The network over a whole image, window by window.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use crate::models::ModelError;
use crate::models::nnunet::arrays::importance::importance_map;
use crate::models::nnunet::arrays::windows::{padding, window_starts};
use crate::models::nnunet::network::UNet;
use crate::models::nnunet::stage::Stage;
use crate::models::slices::host;
use crate::models::trace::Trace;
use crate::util::short_debug;

use super::progress::Progress;

/// How windows are put together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Blending {
    /// Share of a window's side from one window to the next, at most.
    pub step: f64,
    /// Voxels count the less the nearer they are to a window's border.
    pub gaussian: bool,
    /// Each window is also looked at in its mirrors.
    pub mirrored: bool,
}

/// Images as the network is shown them, one after the other.
#[derive(Clone)]
pub struct NetworkInput {
    /// Values, row-major, a whole image after the other.
    pub values: Vec<f32>,
    /// Number of images.
    pub channels: usize,
    /// Lengths of the network's axes.
    pub dims: [usize; 3],
}

/// What the network gives for each voxel, in half precision as nnU-Net holds it.
#[derive(Clone)]
pub struct Logits {
    /// A whole head after the other, row-major.
    pub values: Vec<f16>,
    /// Number of heads.
    pub heads: usize,
    /// Lengths of the network's axes.
    pub dims: [usize; 3],
}

short_debug! {
    NetworkInput: |input| format_args!("{} images {:?}", input.channels, input.dims);
    Logits: |logits| format_args!("{} heads {:?}", logits.heads, logits.dims);
}

/// What runs the networks of a stage.
pub struct Networks<'a> {
    /// How they are used.
    pub stage: &'a Stage,
    /// Where they compute.
    pub device: &'a Device,
    /// The network of a fold, by its place.
    pub fold: &'a dyn Fn(usize) -> Result<Arc<UNet>, ModelError>,
}

impl Networks<'_> {
    /// Mean logits of all folds, in half precision: summed in their order, then divided.
    ///
    /// # Errors
    /// A network that cannot be had, a device that fails, values beyond half precision, a job that was stopped.
    pub fn logits(
        &self,
        input: &NetworkInput,
        blending: Blending,
        progress: Progress<'_>,
    ) -> Result<Logits, ModelError> {
        let folds = self.stage.folds.len();
        let mut mean: Option<Logits> = None;
        for fold in 0..folds {
            let net = (self.fold)(fold)?;
            let found = self.of_fold(&net, input, blending, progress.part(fold, folds))?;
            match &mut mean {
                None => mean = Some(found),
                Some(mean) => {
                    let pairs = mean.values.par_iter_mut().zip(&found.values);
                    pairs.for_each(|(sum, v)| *sum = f16::from_f32(sum.to_f32() + v.to_f32()));
                }
            }
        }
        let no_fold = || ModelError::Unsupported("the model has no network".to_owned());
        let mut mean = mean.ok_or_else(no_fold)?;
        if folds > 1 {
            let count = folds as f32;
            let values = mean.values.par_iter_mut();
            values.for_each(|v| *v = f16::from_f32(v.to_f32() / count));
        }
        Ok(mean)
    }

    fn of_fold(
        &self,
        net: &UNet,
        input: &NetworkInput,
        blending: Blending,
        progress: Progress<'_>,
    ) -> Result<Logits, ModelError> {
        let inside = padding(&input.dims, &self.stage.patch);
        let window = self.stage.window();
        let padded: [usize; 3] = std::array::from_fn(|d| input.dims[d].max(window[d]));
        let places = self.places(padded, blending.step);
        let importance: Option<Vec<f32>> = blending.gaussian.then(|| {
            let map = importance_map(&self.stage.patch);
            map.into_iter().map(f16::to_f32).collect()
        });
        let heads = self.stage.architecture.heads;
        let mut sums = Sums::new(heads, padded, window);
        for (done, &place) in places.iter().enumerate() {
            let stage = format!("window {} of {}", done + 1, places.len());
            progress.step(done as f32 / places.len() as f32, &stage)?;
            let start = std::array::from_fn(|d| place[d] as i64 - inside[d].start as i64);
            let found = self.of_window(net, &input.cut(start, window), blending.mirrored)?;
            sums.add(&found, place, importance.as_deref());
        }
        let start = std::array::from_fn(|d| inside[d].start);
        sums.means(start, input.dims)
    }

    /// The first window over images.
    pub fn first_window(&self, input: &NetworkInput) -> NetworkInput {
        let inside = padding(&input.dims, &self.stage.patch);
        input.cut(
            std::array::from_fn(|d| -(inside[d].start as i64)),
            self.stage.window(),
        )
    }

    /// First voxels of the windows, in the order of the axes; of slices each is looked at.
    fn places(&self, padded: [usize; 3], step: f64) -> Vec<[usize; 3]> {
        let flat = 3 - self.stage.patch.len();
        let mut along: Vec<Vec<usize>> = (0..flat).map(|d| (0..padded[d]).collect()).collect();
        along.extend(window_starts(&padded[flat..], &self.stage.patch, step));
        let mut places = Vec::new();
        for &first in &along[0] {
            for &second in &along[1] {
                places.extend(along[2].iter().map(|&third| [first, second, third]));
            }
        }
        places
    }

    /// Logits of a window, one head after the other: the mean of those of its mirrors, each turned back, where it is
    /// looked at in them too.
    ///
    /// # Errors
    /// The device failed.
    pub fn of_window(
        &self,
        net: &UNet,
        window: &NetworkInput,
        mirrored: bool,
    ) -> Result<Vec<f32>, ModelError> {
        let [d, h, w] = window.dims;
        let data = TensorData::new(window.values.clone(), [1, window.channels, d, h, w]);
        let x: Tensor<5> = Tensor::from_data(data, self.device);
        let mut sum = net.forward(x.clone(), &Trace::off());
        let mirrors = if mirrored {
            mirrors(&self.stage.mirror_axes)
        } else {
            Vec::new()
        };
        // Axes of a window of slices begin after the one on which nothing happens.
        let first = 2 + 3 - self.stage.patch.len();
        for axes in &mirrors {
            let turn = |x: Tensor<5>| axes.iter().fold(x, |x, axis| x.flip([axis + first]));
            sum = sum + turn(net.forward(turn(x.clone()), &Trace::off()));
        }
        if !mirrors.is_empty() {
            sum = sum / (mirrors.len() + 1) as f32;
        }
        host(sum)
    }
}

/// All choices of some of the axes, the smaller ones first, as `itertools.combinations` gives them.
fn mirrors(axes: &[usize]) -> Vec<Vec<usize>> {
    let mut chosen: Vec<Vec<usize>> = (1..1usize << axes.len())
        .map(|bits| {
            let places = (0..axes.len()).filter(|place| bits >> place & 1 == 1);
            places.collect()
        })
        .collect();
    chosen.sort_by(|a: &Vec<usize>, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    let named = chosen.into_iter();
    named
        .map(|places| places.into_iter().map(|place| axes[place]).collect())
        .collect()
}

impl NetworkInput {
    /// A window that starts at `start`, which may reach outside: 0 there.
    pub fn cut(&self, start: [i64; 3], dims: [usize; 3]) -> Self {
        let voxels: usize = self.dims.iter().product();
        let size: usize = dims.iter().product();
        let mut values = vec![0.0; self.channels * size];
        // What of the window lies inside, along each axis.
        let low: [usize; 3] = std::array::from_fn(|d| (-start[d]).max(0) as usize);
        let high: [usize; 3] = std::array::from_fn(|d| {
            let end = self.dims[d] as i64 - start[d];
            end.clamp(0, dims[d] as i64) as usize
        });
        if (0..3).any(|d| low[d] >= high[d]) {
            return Self {
                values,
                channels: self.channels,
                dims,
            };
        }
        let source = |d: usize, at: usize| (start[d] + at as i64) as usize;
        for channel in 0..self.channels {
            for plane in low[0]..high[0] {
                for row in low[1]..high[1] {
                    let from = (source(0, plane) * self.dims[1] + source(1, row)) * self.dims[2];
                    let from = channel * voxels + from + source(2, low[2]);
                    let to = channel * size + (plane * dims[1] + row) * dims[2] + low[2];
                    let length = high[2] - low[2];
                    values[to..to + length].copy_from_slice(&self.values[from..from + length]);
                }
            }
        }
        Self {
            values,
            channels: self.channels,
            dims,
        }
    }
}

/// Weighted sums of windows, and of their weights, each rounded to half precision after every addition: the rounding can
/// be seen in nnU-Net's results near the corners of an image.
struct Sums {
    heads: usize,
    dims: [usize; 3],
    window: [usize; 3],
    logits: Vec<f16>,
    weights: Vec<f16>,
}

impl Sums {
    fn new(heads: usize, dims: [usize; 3], window: [usize; 3]) -> Self {
        let voxels = dims.iter().product();
        Self {
            heads,
            dims,
            window,
            logits: vec![f16::ZERO; heads * voxels],
            weights: vec![f16::ZERO; voxels],
        }
    }

    fn add(&mut self, found: &[f32], place: [usize; 3], importance: Option<&[f32]>) {
        let (voxels, size) = (self.weights.len(), found.len() / self.heads);
        let (dims, window) = (self.dims, self.window);
        let heads = self
            .logits
            .par_chunks_mut(voxels)
            .zip(found.par_chunks(size));
        heads.for_each(|(sums, found)| {
            add_window(sums, dims, window, place, |at, sums| {
                let found = &found[at..at + sums.len()];
                match importance {
                    Some(map) => {
                        let map = &map[at..at + sums.len()];
                        let weighted = found.iter().zip(map).map(|(v, m)| v * m);
                        sums.iter_mut().zip(weighted).for_each(|(s, v)| *s += v);
                    }
                    None => sums.iter_mut().zip(found).for_each(|(s, v)| *s += v),
                }
            });
        });
        add_window(
            &mut self.weights,
            dims,
            window,
            place,
            |at, sums| match importance {
                Some(map) => {
                    let map = &map[at..at + sums.len()];
                    sums.iter_mut().zip(map).for_each(|(s, m)| *s += m);
                }
                None => sums.iter_mut().for_each(|s| *s += 1.0),
            },
        );
    }

    /// Sums over weights, of the part at `start`.
    fn means(mut self, start: [usize; 3], dims: [usize; 3]) -> Result<Logits, ModelError> {
        let weights = &self.weights;
        let heads = self.logits.par_chunks_mut(weights.len().max(1));
        heads.for_each(|sums| {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = f16::from_f32(sum.to_f32() / weight.to_f32());
            }
        });
        let values = if dims == self.dims {
            self.logits
        } else {
            self.part(start, dims)
        };
        if values.par_iter().any(|v| !v.is_finite()) {
            return Err(ModelError::Unsupported(
                "the network gave values beyond half precision, which nnU-Net refuses too: the scan is probably not of the kind that it was trained on".to_owned(),
            ));
        }
        Ok(Logits {
            values,
            heads: self.heads,
            dims,
        })
    }

    /// The logits without the padding around them.
    fn part(&self, start: [usize; 3], dims: [usize; 3]) -> Vec<f16> {
        let mut values = Vec::with_capacity(self.heads * dims.iter().product::<usize>());
        for head in self.logits.chunks(self.weights.len().max(1)) {
            for plane in start[0]..start[0] + dims[0] {
                for row in start[1]..start[1] + dims[1] {
                    let from = (plane * self.dims[1] + row) * self.dims[2] + start[2];
                    values.extend_from_slice(&head[from..from + dims[2]]);
                }
            }
        }
        values
    }
}

/// Adds to each row of a window; `add` is given where the row begins in the window, and its sums.
fn add_window(
    sums: &mut [f16],
    dims: [usize; 3],
    window: [usize; 3],
    place: [usize; 3],
    add: impl Fn(usize, &mut [f32]),
) {
    let mut wide = vec![0.0; window[2]];
    for plane in 0..window[0] {
        for row in 0..window[1] {
            let to = ((plane + place[0]) * dims[1] + row + place[1]) * dims[2] + place[2];
            let sums = &mut sums[to..to + window[2]];
            sums.convert_to_f32_slice(&mut wide);
            add((plane * window[1] + row) * window[2], &mut wide);
            sums.convert_from_f32_slice(&wide);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_come_in_the_order_of_pythons_combinations() {
        let expected: [&[usize]; 7] = [&[0], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2]];
        assert_eq!(mirrors(&[0, 1, 2]), expected);
        assert!(mirrors(&[]).is_empty());
    }

    #[test]
    fn a_window_beyond_the_border_is_zero_there() {
        let input = NetworkInput {
            values: (1..=8).map(|v| v as f32).collect(),
            channels: 1,
            dims: [2, 2, 2],
        };
        let cut = input.cut([-1, 0, 1], [2, 2, 2]);
        assert_eq!(cut.values, [0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 4.0, 0.0]);
        assert!(
            input
                .cut([2, 0, 0], [2, 2, 2])
                .values
                .iter()
                .all(|&v| v == 0.0)
        );
    }
}
