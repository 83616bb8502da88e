//! The network over a whole image, window by window.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use half::f16;

use crate::models::ModelError;
use crate::models::nnunet::arrays::importance::importance_map;
use crate::models::nnunet::arrays::windows::{padding, window_starts};
use crate::models::nnunet::network::UNet;
use crate::models::nnunet::stage::Stage;
use crate::models::slices::host;
use crate::models::trace::Trace;
use crate::util::short_debug;

use super::blend::{Block, Sums};
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

short_debug! {
    NetworkInput: |input| format_args!("{} images {:?}", input.channels, input.dims);
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
    /// Puts the windows of all folds together and hands over what is done with, block by block: mean logits of the folds
    /// in half precision, summed in their order and then divided.
    ///
    /// # Errors
    /// A network that cannot be had, a device that fails, values beyond half precision, a job that was stopped; what `take`
    /// answers.
    pub fn blended(
        &self,
        input: &NetworkInput,
        blending: Blending,
        progress: Progress<'_>,
        take: &mut dyn FnMut(Block) -> Result<(), ModelError>,
    ) -> Result<(), ModelError> {
        let inside = padding(&input.dims, &self.stage.patch);
        let window = self.stage.window();
        let padded: [usize; 3] = std::array::from_fn(|d| input.dims[d].max(window[d]));
        let along = self.starts(padded, blending.step);
        let folds = self.stage.folds.len();
        let importance: Option<Vec<f32>> = blending.gaussian.then(|| {
            let map = importance_map(&self.stage.patch);
            map.into_iter().map(f16::to_f32).collect()
        });
        let mut sums = Sums::new(self.stage.architecture.heads, folds, padded, window);
        let all: usize = along.iter().map(Vec::len).product::<usize>() * folds;
        let mut done = 0;
        for (number, &plane) in along[0].iter().enumerate() {
            let planes = plane..next(&along[0], number, padded[0]);
            for (number, &row) in along[1].iter().enumerate() {
                for fold in 0..folds {
                    let net = (self.fold)(fold)?;
                    for &column in &along[2] {
                        let words = format!("window {} of {all}", done + 1);
                        progress.step(done as f32 / all as f32, &words)?;
                        let place = [plane, row, column];
                        let start = [0, 1, 2].map(|d| place[d] as i64 - inside[d].start as i64);
                        let cut = input.cut(start, window);
                        let found = self.of_window(&net, cut, blending.mirrored)?;
                        sums.add(fold, &found, place, importance.as_deref());
                        done += 1;
                    }
                }
                // No later window reaches these.
                let rows = row..next(&along[1], number, padded[1]);
                take(sums.finished(planes.clone(), rows, &inside)?)?;
            }
        }
        Ok(())
    }

    /// The first window over images.
    pub fn first_window(&self, input: &NetworkInput) -> NetworkInput {
        let inside = padding(&input.dims, &self.stage.patch);
        input.cut(
            std::array::from_fn(|d| -(inside[d].start as i64)),
            self.stage.window(),
        )
    }

    /// First voxels of the windows along each axis; of slices each is looked at.
    fn starts(&self, padded: [usize; 3], step: f64) -> [Vec<usize>; 3] {
        let flat = 3 - self.stage.patch.len();
        let mut starts = window_starts(&padded[flat..], &self.stage.patch, step).into_iter();
        std::array::from_fn(|d| {
            if d < flat {
                (0..padded[d]).collect()
            } else {
                starts.next().unwrap_or_default()
            }
        })
    }

    /// Logits of a window, all heads of a voxel beside each other: the mean of those of its mirrors, each turned back, where
    /// it is looked at in them too.
    ///
    /// # Errors
    /// The device failed.
    pub fn of_window(
        &self,
        net: &UNet,
        window: NetworkInput,
        mirrored: bool,
    ) -> Result<Vec<f32>, ModelError> {
        let [d, h, w] = window.dims;
        let data = TensorData::new(window.values, [1, window.channels, d, h, w]);
        let x: Tensor<5> = Tensor::from_data(data, self.device);
        let x = x.permute([0, 2, 3, 4, 1]);
        let mut sum = net.forward_last(x.clone(), &Trace::off());
        let mirrors = if mirrored {
            mirrors(&self.stage.mirror_axes)
        } else {
            Vec::new()
        };
        // Axes of a window of slices begin after the one on which nothing happens.
        let first = 1 + 3 - self.stage.patch.len();
        for axes in &mirrors {
            let turn = |x: Tensor<5>| axes.iter().fold(x, |x, axis| x.flip([axis + first]));
            sum = sum + turn(net.forward_last(turn(x.clone()), &Trace::off()));
        }
        if !mirrors.is_empty() {
            sum = sum / (mirrors.len() + 1) as f32;
        }
        host(sum)
    }
}

/// Where the window after this one starts, or the end.
fn next(starts: &[usize], number: usize, end: usize) -> usize {
    starts.get(number + 1).copied().unwrap_or(end)
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
