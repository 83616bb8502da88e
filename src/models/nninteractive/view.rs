//! What the network sees when it looks somewhere.

use half::f16;
use rayon::prelude::*;

use crate::models::nnunet::arrays::sampling::Sampling;

use super::capabilities::Capabilities;
use super::channels::{Channel, Gaze, Prompts};
use super::pool::{Part, extreme, window_of_zoom};

/// The part of the image that is brought to the network's patch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Its zoom.
    pub zoom: f64,
    /// First voxel, which may lie before the image.
    pub start: [i64; 3],
    /// Lengths in voxels.
    pub size: [usize; 3],
    /// Lengths of the network's patch.
    pub patch: [usize; 3],
}

impl View {
    /// Around a place.
    pub fn of(gaze: Gaze, patch: [usize; 3]) -> Self {
        let size = patch.map(|side| (side as f64 * gaze.zoom).round_ties_even() as usize);
        Self {
            zoom: gaze.zoom,
            start: std::array::from_fn(|d| gaze.centre[d] - (size[d] / 2) as i64),
            size,
            patch,
        }
    }

    /// A patch at full resolution.
    pub fn patch_at(start: [i64; 3], patch: [usize; 3]) -> Self {
        Self {
            zoom: 1.0,
            start,
            size: patch,
            patch,
        }
    }

    /// Whether the patch holds the voxels as they are.
    pub fn is_plain(&self) -> bool {
        self.size == self.patch
    }

    /// First voxel and the one after the last along each axis.
    pub fn corners(&self) -> [[i64; 2]; 3] {
        std::array::from_fn(|d| [self.start[d], self.start[d] + self.size[d] as i64])
    }

    /// Voxels of the patch.
    pub fn len(&self) -> usize {
        self.patch.iter().product()
    }

    /// Whether the patch has no voxel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An array of the image's, as it lies in this view.
    fn part<'a, T>(&self, start: [i64; 3], dims: [usize; 3], values: &'a [T]) -> Part<'a, T> {
        Part {
            start: std::array::from_fn(|d| start[d] - self.start[d]),
            dims,
            values,
        }
    }

    /// The image, linearly between voxels; 0 beyond it.
    pub fn image(&self, image: &[f32], dims: [usize; 3]) -> Vec<f32> {
        let part = self.part([0; 3], dims, image);
        let axes = [0, 1, 2].map(|d| Sampling::torch(self.size[d], self.patch[d], true));
        let mut seen = vec![0.0; self.len()];
        let rows = seen.par_chunks_mut(self.patch[2].max(1)).enumerate();
        rows.for_each(|(line, out)| {
            let (plane, row) = (line / self.patch[1], line % self.patch[1]);
            for (column, out) in out.iter_mut().enumerate() {
                *out = blend(&axes, [plane, row, column], |place| part.at(place));
            }
        });
        seen
    }

    /// A channel of prompts as it is stored: thickened where that is due, averaged over what a voxel of the patch covers.
    pub fn channel(&self, channel: &Channel, thickened: bool) -> Vec<f16> {
        let bounds = channel.bounds();
        let dims = bounds.clone().map(|range| range.len());
        let start = bounds.clone().map(|range| range.start as i64);
        let part = self.part(start, dims, channel.values());
        let window = window_of_zoom(self.zoom);
        if !thickened || window == 1 || self.is_plain() || part.values.is_empty() {
            return self.averaged(part);
        }
        // What the thickened prompts may reach, within the view.
        let reach = (window / 2) as i64;
        let edge = |d: usize, at: i64| at.clamp(0, self.size[d] as i64);
        let first: [i64; 3] = std::array::from_fn(|d| edge(d, part.start[d] - reach));
        let end: [i64; 3] =
            std::array::from_fn(|d| edge(d, part.start[d] + dims[d] as i64 + reach));
        let dims: [usize; 3] = std::array::from_fn(|d| (end[d] - first[d]).max(0) as usize);
        let mut around = Vec::with_capacity(dims.iter().product());
        for plane in first[0]..end[0] {
            for row in first[1]..end[1] {
                around.extend((first[2]..end[2]).map(|column| part.at([plane, row, column])));
            }
        }
        let thick = extreme(&around, dims, window, f16::max);
        self.averaged(Part {
            start: first,
            dims,
            values: &thick,
        })
    }

    /// A mask of the image's or of some of it, averaged over what a voxel of the patch covers.
    pub fn mask(&self, mask: &Patch) -> Vec<f16> {
        self.averaged(self.part(mask.start, mask.dims, &mask.voxels))
    }

    fn averaged<T: Copy + Default + Send + Sync>(&self, part: Part<'_, T>) -> Vec<f16>
    where
        f32: From<T>,
    {
        let means = part.averaged(self.size, self.patch);
        means.into_par_iter().map(f16::from_f32).collect()
    }

    /// A mask by the nearest voxels.
    pub fn nearest(&self, mask: &Patch) -> Vec<u8> {
        let part = self.part(mask.start, mask.dims, &mask.voxels);
        let places = [0, 1, 2].map(|d| -> Vec<i64> {
            let (from, to) = (self.size[d], self.patch[d]);
            let scale = from as f32 / to as f32;
            let place = |at: usize| ((at as f32 * scale) as usize).min(from - 1) as i64;
            (0..to).map(place).collect()
        });
        let mut seen = vec![0; self.len()];
        let rows = seen.par_chunks_mut(self.patch[2].max(1)).enumerate();
        rows.for_each(|(line, out)| {
            let (plane, row) = (
                places[0][line / self.patch[1]],
                places[1][line % self.patch[1]],
            );
            for (out, &column) in out.iter_mut().zip(&places[2]) {
                *out = part.at([plane, row, column]);
            }
        });
        seen
    }

    /// All that the network is shown: the image, then the channels, of which one is the mask so far.
    pub fn input(
        &self,
        image: (&[f32], [usize; 3]),
        prompts: &Prompts,
        mask: &Patch,
        capabilities: &Capabilities,
    ) -> Vec<f32> {
        let mut input = self.image(image.0, image.1);
        for (at, channel) in prompts.channels().iter().enumerate() {
            if at == capabilities.previous {
                input.extend(self.mask(mask).into_iter().map(f16::to_f32));
                continue;
            }
            let stored = self.channel(channel, capabilities.is_thickened(at));
            input.extend(stored.into_iter().map(|value| prompts.seen(value).to_f32()));
        }
        input
    }

    /// A mask of the patch at the image's own resolution: a part of the view that lies within the image of these lengths.
    pub fn at_full_resolution(&self, patch: &[u8], dims: [usize; 3]) -> Patch {
        let [first, end] = self.within(dims);
        let axes = [0, 1, 2].map(|d| Sampling::torch(self.patch[d], self.size[d], true));
        let own = Part {
            start: [0; 3],
            dims: self.patch,
            values: patch,
        };
        let sides: [usize; 3] = std::array::from_fn(|d| (end[d] - first[d]).max(0) as usize);
        let mut voxels = vec![0; sides.iter().product()];
        let rows = voxels.par_chunks_mut(sides[2].max(1)).enumerate();
        rows.for_each(|(line, out)| {
            let at = |of: usize, d: usize| (first[d] - self.start[d]) as usize + of;
            let (plane, row) = (at(line / sides[1], 0), at(line % sides[1], 1));
            for (column, out) in out.iter_mut().enumerate() {
                let place = [plane, row, at(column, 2)];
                let share = blend(&axes, place, |place| f32::from(own.at(place)));
                *out = u8::from(share >= 0.5);
            }
        });
        Patch {
            start: first,
            dims: sides,
            voxels,
        }
    }

    /// The part of the view within an image: its first voxel and the one after its last.
    pub fn within(&self, dims: [usize; 3]) -> [[i64; 3]; 2] {
        let clip = |at: i64, d: usize| at.clamp(0, dims[d] as i64);
        let corners = self.corners();
        [0, 1].map(|end: usize| std::array::from_fn(|d| clip(corners[d][end], d)))
    }
}

/// Linear between eight voxels, in PyTorch's order and precision.
fn blend(axes: &[Sampling; 3], at: [usize; 3], value: impl Fn([i64; 3]) -> f32) -> f32 {
    let [planes, rows, columns] = [0, 1, 2].map(|d| axes[d].taps(at[d]));
    let sum = |taps: &[(usize, f64)], of: &dyn Fn(i64) -> f32| {
        let terms = taps
            .iter()
            .map(|&(place, weight)| of(place as i64) * weight as f32);
        terms.reduce(|sum, term| sum + term).unwrap_or(0.0)
    };
    sum(planes, &|plane| {
        sum(rows, &|row| {
            sum(columns, &|column| value([plane, row, column]))
        })
    })
}

/// A mask of some of the image, or of more than that.
#[derive(Clone)]
pub struct Patch {
    /// Its first voxel, which may lie before the image.
    pub start: [i64; 3],
    /// Its lengths.
    pub dims: [usize; 3],
    /// Its voxels, 0 or 1.
    pub voxels: Vec<u8>,
}

impl Patch {
    /// Nothing, in these corners.
    pub fn empty(start: [i64; 3], dims: [usize; 3]) -> Self {
        Self {
            start,
            dims,
            voxels: vec![0; dims.iter().product()],
        }
    }

    /// Copies a part of another mask, as far as both have it: from `first` up to `end`.
    pub fn paste(&mut self, other: &Self, [first, end]: [[i64; 3]; 2]) {
        let low: [i64; 3] =
            std::array::from_fn(|d| first[d].max(self.start[d]).max(other.start[d]));
        let high: [i64; 3] = std::array::from_fn(|d| {
            let own = self.start[d] + self.dims[d] as i64;
            end[d].min(own).min(other.start[d] + other.dims[d] as i64)
        });
        if (0..3).any(|d| low[d] >= high[d]) {
            return;
        }
        let length = (high[2] - low[2]) as usize;
        for plane in low[0]..high[0] {
            for row in low[1]..high[1] {
                let (to, from) = (
                    self.offset([plane, row, low[2]]),
                    other.offset([plane, row, low[2]]),
                );
                self.voxels[to..to + length].copy_from_slice(&other.voxels[from..from + length]);
            }
        }
    }

    /// Copies all of another mask, as far as this one reaches.
    pub fn paste_all(&mut self, other: &Self) {
        let end = std::array::from_fn(|d| other.start[d] + other.dims[d] as i64);
        self.paste(other, [other.start, end]);
    }

    fn offset(&self, place: [i64; 3]) -> usize {
        let along = |d: usize| (place[d] - self.start[d]) as usize;
        (along(0) * self.dims[1] + along(1)) * self.dims[2] + along(2)
    }
}

crate::util::short_debug! {
    Patch: |patch| format_args!("mask of {:?} at {:?}", patch.dims, patch.start);
}
