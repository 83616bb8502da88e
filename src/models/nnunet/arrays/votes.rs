//! Resampling of labels: each voxel gets the label that most of its surroundings have.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::passes;
use super::sampling::Sampling;

/// Who wins where labels meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vote {
    /// The label with the largest share; of several that tie, the nearest one's, else the least (`batchgenerators`
    /// 0.25.4 and later).
    Largest,
    /// As PyTorch's shares in thousandths, in half precision: what has more than 700, else the largest, the least of
    /// those that tie.
    Thousandths,
    /// What has more than half, else 0.
    Half,
}

/// Labels of an array resampled along axes that are local; `nearest` are the same axes by the nearest voxels.
///
/// # Panics
/// When the labels do not fill the samplings' lengths.
pub fn resampled(
    labels: &[i16],
    axes: &[Sampling; 3],
    nearest: &[Sampling; 3],
    vote: Vote,
) -> Vec<i16> {
    let [planes, rows, columns] = axes;
    let (height, width) = (rows.from(), columns.from());
    let mut out = vec![0; planes.to() * rows.to() * columns.to()];
    let lines = out.par_chunks_mut(columns.to().max(1)).enumerate();
    lines.for_each_init(Shares::default, |shares, (line, out)| {
        let (plane, row) = (line / rows.to(), line % rows.to());
        let nearest_at = |column: usize| {
            let [plane, row, column] =
                [(0, plane), (1, row), (2, column)].map(|(d, at)| nearest[d].taps(at)[0].0);
            labels[(plane * height + row) * width + column]
        };
        for (column, out) in out.iter_mut().enumerate() {
            shares.clear();
            for &(plane, weight) in planes.taps(plane) {
                for &(row, of_row) in rows.taps(row) {
                    for &(column, of_column) in columns.taps(column) {
                        let label = labels[(plane * height + row) * width + column];
                        shares.add(label, weight * of_row * of_column);
                    }
                }
            }
            *out = shares.winner(vote, || nearest_at(column));
        }
    });
    out
}

/// The shares of the labels around one voxel.
#[derive(Default)]
struct Shares(Vec<(i16, f64)>);

impl Shares {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn add(&mut self, label: i16, weight: f64) {
        match self.0.iter_mut().find(|(of, _)| *of == label) {
            Some((_, share)) => *share += weight,
            None => self.0.push((label, weight)),
        }
    }

    fn winner(&mut self, vote: Vote, nearest: impl Fn() -> i16) -> i16 {
        if let [(label, _)] = self.0[..] {
            return label;
        }
        self.0.sort_unstable_by_key(|(label, _)| *label);
        let shares = || self.0.iter().copied();
        match vote {
            Vote::Largest => {
                let greatest = shares()
                    .map(|(_, share)| share.min(1.0))
                    .fold(0.0, f64::max);
                let mut tied = shares().filter(|(_, share)| share.min(1.0) == greatest);
                let first = tied.next().map_or(0, |(label, _)| label);
                let nearest = nearest();
                if tied.any(|(label, _)| label == nearest) {
                    nearest
                } else {
                    first
                }
            }
            Vote::Thousandths => {
                let in_half = |share: f64| half::f16::from_f32((share * 1000.0) as f32);
                let best = shares().map(|(label, share)| (label, in_half(share)));
                let best = best.reduce(|best, next| if next.1 > best.1 { next } else { best });
                best.map_or(0, |(label, _)| label)
            }
            Vote::Half => {
                let most = shares().find(|(_, share)| *share > 0.5);
                most.map_or(0, |(label, _)| label)
            }
        }
    }
}

/// Labels of an array resampled along axes of any order: label by label, each in as many passes as there are axes.
/// `nearest` are the labels by the nearest voxels, which win where they tie.
pub fn resampled_by_passes(labels: &[i16], axes: &[Sampling; 3], nearest: &[i16]) -> Vec<i16> {
    let mut best = vec![f64::NEG_INFINITY; nearest.len()];
    let mut winners = vec![0; nearest.len()];
    for label in distinct(labels) {
        let indicator: Vec<f32> = labels
            .par_iter()
            .map(|&l| f32::from(u8::from(l == label)))
            .collect();
        let shares = passes::resampled(&indicator, axes);
        let voxels = best
            .par_iter_mut()
            .zip(&mut winners)
            .zip(&shares)
            .zip(nearest);
        voxels.for_each(|(((best, winner), share), nearest)| {
            let share = share.clamp(0.0, 1.0);
            if share > *best || (share == *best && label == *nearest) {
                (*best, *winner) = (share, label);
            }
        });
    }
    winners
}

/// Labels resampled along the first of three axes only: of a line every label is written whose share, rounded, is 1.
pub fn along_first(labels: &[i16], along: &Sampling, others: usize) -> Vec<i16> {
    let mut turned = vec![0i16; along.to() * others];
    let lines = turned.par_chunks_mut(along.to().max(1)).enumerate();
    lines.for_each(|(at, out)| {
        let line: Vec<i16> = labels
            .iter()
            .skip(at)
            .step_by(others.max(1))
            .copied()
            .collect();
        for label in distinct(&line) {
            let mut indicator: Vec<f64> = line
                .iter()
                .map(|&l| f64::from(u8::from(l == label)))
                .collect();
            along.prepare(&mut indicator);
            for (index, out) in out.iter_mut().enumerate() {
                if along.value(&indicator, index) > 0.5 {
                    *out = label;
                }
            }
        }
    });
    passes::permuted(&turned, [1, others, along.to()], [2, 0, 1])
}

/// The labels that occur, ascending.
fn distinct(labels: &[i16]) -> BTreeSet<i16> {
    let runs = labels.chunk_by(|a, b| a == b);
    runs.map(|run| run[0]).collect()
}
