//! Windows put together line by line, so that no more is held than what windows to come still reach.

use std::ops::Range;

use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use crate::models::ModelError;
use crate::util::short_debug;

/// What is done with: some rows of some planes of the image that the network was shown.
pub struct Block {
    /// Planes.
    pub planes: Range<usize>,
    /// Rows of each.
    pub rows: Range<usize>,
    /// Row by row the logits of all columns, all heads of a voxel beside each other.
    pub lines: Vec<Vec<f16>>,
}

short_debug! {
    Block: |block| format_args!("planes {:?}, rows {:?}", block.planes, block.rows);
}

/// Weighted sums of windows, and of their weights, each rounded to half precision after every addition: the rounding can
/// be seen in nnU-Net's results near the corners of an image.
pub(super) struct Sums {
    heads: usize,
    folds: usize,
    dims: [usize; 3],
    window: [usize; 3],
    /// Row by row of each plane; only where a window was added and others are to come.
    lines: Vec<Option<Line>>,
}

/// Sums of the columns of a row.
struct Line {
    /// For each fold, and each column, all heads.
    logits: Vec<f16>,
    /// For each column; they are those of any fold.
    weights: Vec<f16>,
}

impl Sums {
    /// Nothing added yet; `dims` are those of the padded image.
    pub fn new(heads: usize, folds: usize, dims: [usize; 3], window: [usize; 3]) -> Self {
        let mut lines = Vec::new();
        lines.resize_with(dims[0] * dims[1], || None);
        Self {
            heads,
            folds,
            dims,
            window,
            lines,
        }
    }

    /// Adds a window of a fold; with an importance for each of its voxels, weighted by that.
    pub fn add(
        &mut self,
        fold: usize,
        found: &[f32],
        place: [usize; 3],
        importance: Option<&[f32]>,
    ) {
        let (heads, folds, window) = (self.heads, self.folds, self.window);
        let [_, height, width] = self.dims;
        let new = || Line {
            logits: vec![f16::ZERO; folds * width * heads],
            weights: vec![f16::ZERO; width],
        };
        let first = (fold * width + place[2]) * heads;
        let planes = self.lines.par_chunks_mut(height).skip(place[0]);
        planes
            .take(window[0])
            .enumerate()
            .for_each(|(plane, lines)| {
                let mut wide = vec![0.0; window[2] * heads];
                let lines = lines[place[1]..place[1] + window[1]].iter_mut();
                for (row, line) in lines.enumerate() {
                    let line = line.get_or_insert_with(new);
                    let at = (plane * window[1] + row) * window[2];
                    let found = &found[at * heads..][..window[2] * heads];
                    let map = importance.map(|map| &map[at..at + window[2]]);
                    let sums = &mut line.logits[first..first + found.len()];
                    add_row(sums, &mut wide, found, map);
                    if fold == 0 {
                        let weights = &mut line.weights[place[2]..place[2] + window[2]];
                        add_weights(weights, &mut wide, map);
                    }
                }
            });
    }

    /// Takes away what no later window reaches, and gives of it what lies `inside` the padding.
    ///
    /// # Errors
    /// Values beyond half precision.
    pub fn finished(
        &mut self,
        planes: Range<usize>,
        rows: Range<usize>,
        inside: &[Range<usize>],
    ) -> Result<Block, ModelError> {
        let within = |range: &Range<usize>, inside: &Range<usize>| {
            let place = |at: usize| at.clamp(inside.start, inside.end) - inside.start;
            place(range.start)..place(range.end)
        };
        let height = self.dims[1];
        let mut lines = Vec::new();
        for plane in planes.clone() {
            for row in rows.clone() {
                let line = self.lines[plane * height + row].take();
                let is_inside = inside[0].contains(&plane) && inside[1].contains(&row);
                lines.extend(line.filter(|_| is_inside));
            }
        }
        let means = |line: Line| line.means(self.heads, &inside[2]);
        let lines: Vec<Vec<f16>> = lines.into_par_iter().map(means).collect();
        if lines.par_iter().flatten().any(|v| !v.is_finite()) {
            return Err(ModelError::Unsupported(
                "the network gave values beyond half precision, which nnU-Net refuses too: the scan is probably not of the kind that it was trained on".to_owned(),
            ));
        }
        Ok(Block {
            planes: within(&planes, &inside[0]),
            rows: within(&rows, &inside[1]),
            lines,
        })
    }
}

/// Adds logits of a window's row, weighted; `wide` is as long as they are.
fn add_row(sums: &mut [f16], wide: &mut [f32], found: &[f32], map: Option<&[f32]>) {
    sums.convert_to_f32_slice(wide);
    match map {
        Some(map) => {
            let heads = found.len() / map.len();
            let voxels = wide.chunks_exact_mut(heads).zip(found.chunks_exact(heads));
            for ((sums, found), weight) in voxels.zip(map) {
                let weighted = found.iter().map(|v| v * weight);
                sums.iter_mut().zip(weighted).for_each(|(s, v)| *s += v);
            }
        }
        None => wide.iter_mut().zip(found).for_each(|(s, v)| *s += v),
    }
    sums.convert_from_f32_slice(wide);
}

fn add_weights(weights: &mut [f16], wide: &mut [f32], map: Option<&[f32]>) {
    let wide = &mut wide[..weights.len()];
    weights.convert_to_f32_slice(wide);
    match map {
        Some(map) => wide.iter_mut().zip(map).for_each(|(w, m)| *w += m),
        None => wide.iter_mut().for_each(|w| *w += 1.0),
    }
    weights.convert_from_f32_slice(wide);
}

impl Line {
    /// Sums over weights, of the columns inside; of several folds the mean.
    fn means(mut self, heads: usize, inside: &Range<usize>) -> Vec<f16> {
        let folds = self.logits.len() / (self.weights.len() * heads);
        let weights = self.weights.iter().map(|w| w.to_f32());
        let weights: Vec<f32> = weights
            .flat_map(|w| std::iter::repeat_n(w, heads))
            .collect();
        let mut wide = vec![0.0; weights.len()];
        for sums in self.logits.chunks_exact_mut(weights.len()) {
            sums.convert_to_f32_slice(&mut wide);
            wide.iter_mut().zip(&weights).for_each(|(s, w)| *s /= w);
            sums.convert_from_f32_slice(&wide);
        }
        if folds > 1 {
            let (mean, others) = self.logits.split_at_mut(weights.len());
            for fold in others.chunks_exact(weights.len()) {
                let pairs = mean.iter_mut().zip(fold);
                pairs.for_each(|(sum, v)| *sum = f16::from_f32(sum.to_f32() + v.to_f32()));
            }
            let count = folds as f32;
            let mean = mean.iter_mut();
            mean.for_each(|v| *v = f16::from_f32(v.to_f32() / count));
        }
        if folds > 1 || inside.len() < self.weights.len() {
            return self.logits[inside.start * heads..inside.end * heads].to_vec();
        }
        self.logits
    }
}
