//! One label map of several readings.

use std::collections::HashMap;

use super::ProjectError;
use super::agreement::mask_of;
use crate::volume::{LabelLayers, LabelMap, LabelTable};

/// How readings become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// More than half of the readers say so.
    Majority,
    /// Simultaneous truth and performance level estimation (Warfield, Zou and Wells, IEEE TMI 2004), each label against
    /// the rest.
    Staple,
}

impl Method {
    /// As in file names.
    pub fn word(self) -> &'static str {
        match self {
            Self::Majority => "majority",
            Self::Staple => "staple",
        }
    }
}

/// A label of a consensus.
#[derive(Debug, Clone, PartialEq)]
pub struct Performance {
    /// The label's name.
    pub label: String,
    /// Each reader's sensitivity and specificity, as STAPLE estimates them; empty for a majority.
    pub readers: Vec<[f64; 2]>,
}

/// What several readings come to.
pub struct Consensus {
    /// Values from 1 on in the order of the names.
    pub labels: LabelMap,
    /// Their names.
    pub table: LabelTable,
    /// How well each reader did.
    pub performance: Vec<Performance>,
    /// 1 for voxels that have no label although half of the readers or more gave them one.
    pub undecided: Vec<u8>,
}

/// STAPLE begins with readers who are nearly always right, as in ITK, and ends when no estimate moves any more.
const FIRST_GUESS: f64 = 0.99999;
const STANDSTILL: f64 = 1e-10;
const MOST_ROUNDS: usize = 1000;

/// Which readers mark a voxel, a bit a reader.
type Marks = u32;

/// The consensus of two or more readings of one scan, in the labels `names`.
///
/// # Errors
/// Fewer than two or more than 32 readings, and readings on different grids.
pub fn consensus(
    readings: &[(LabelLayers, LabelTable)],
    names: &[String],
    method: Method,
) -> Result<Consensus, ProjectError> {
    let refuse = |reason: &str| Err(ProjectError::refused(reason));
    if readings.len() < 2 {
        return refuse("a consensus takes two or more finished readings");
    }
    if readings.len() > Marks::BITS as usize {
        return refuse("a consensus takes at most 32 readings");
    }
    let grid = *readings[0].0.grid();
    if readings.iter().any(|r| r.0.grid().dims != grid.dims) {
        return refuse("the readings are on different grids; were they made on the same scan?");
    }
    let mut labels = LabelMap::empty(grid);
    // The probability of the label that a voxel has so far.
    let mut best = vec![0.5; grid.len()];
    // Who marked a voxel with any label.
    let mut anyone: Vec<Marks> = vec![0; grid.len()];
    let mut table = LabelTable::default();
    let mut performance = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let value = n as u16 + 1;
        table.add(value, name);
        let marks = marks_of(readings, name);
        let (probability, readers) = match method {
            Method::Majority => (majority(&marks, readings.len()), Vec::new()),
            Method::Staple => staple(&marks, readings.len()),
        };
        for (at, mark) in marks.iter().enumerate() {
            anyone[at] |= mark;
            let p = probability[mark];
            let is_enough = match method {
                Method::Majority => p > best[at],
                // Half is enough, as in ITK.
                Method::Staple => p > best[at] || (p == best[at] && labels.voxels[at] == 0),
            };
            if is_enough {
                best[at] = p;
                labels.voxels[at] = value;
            }
        }
        let label = name.clone();
        performance.push(Performance { label, readers });
    }
    let is_undecided = |(mark, value): (&Marks, &u16)| {
        let votes = mark.count_ones() as usize;
        u8::from(*value == 0 && votes > 0 && 2 * votes >= readings.len())
    };
    Ok(Consensus {
        undecided: anyone
            .iter()
            .zip(&labels.voxels)
            .map(is_undecided)
            .collect(),
        labels,
        table,
        performance,
    })
}

fn marks_of(readings: &[(LabelLayers, LabelTable)], name: &str) -> Vec<Marks> {
    let mut marks = vec![0; readings[0].0.grid().len()];
    for (n, (layers, table)) in readings.iter().enumerate() {
        let mask = mask_of(layers, table, name);
        for (mark, inside) in marks.iter_mut().zip(&mask.voxels) {
            *mark |= Marks::from(*inside != 0) << n;
        }
    }
    marks
}

/// The share of votes by marks.
fn majority(marks: &[Marks], readers: usize) -> HashMap<Marks, f64> {
    let share = |&mark: &Marks| (mark, f64::from(mark.count_ones()) / readers as f64);
    marks.iter().map(share).collect()
}

/// The probability of a label by marks, and each reader's sensitivity and specificity. What readers marked alike is one
/// pattern, so that a round costs as many steps as there are patterns, not voxels.
fn staple(marks: &[Marks], readers: usize) -> (HashMap<Marks, f64>, Vec<[f64; 2]>) {
    let mut counts: HashMap<Marks, f64> = HashMap::new();
    for &mark in marks {
        *counts.entry(mark).or_default() += 1.0;
    }
    let mut patterns: Vec<(Marks, f64)> = counts.into_iter().collect();
    // Sums do not depend on the order of a hash.
    patterns.sort_by_key(|p| p.0);
    let marked: f64 = patterns
        .iter()
        .map(|p| f64::from(p.0.count_ones()) * p.1)
        .sum();
    let prior = marked / (marks.len() * readers) as f64;
    let mut estimates = vec![[FIRST_GUESS; 2]; readers];
    let mut probability = HashMap::new();
    for _ in 0..MOST_ROUNDS {
        let of = |&(mark, _): &(Marks, f64)| (mark, posterior(mark, prior, &estimates));
        probability = patterns.iter().map(of).collect();
        let next: Vec<[f64; 2]> = (0..readers)
            .map(|reader| performance(reader, &patterns, &probability))
            .collect();
        let moved = estimates.iter().zip(&next);
        let moved = moved.map(|(a, b)| (a[0] - b[0]).abs().max((a[1] - b[1]).abs()));
        let is_still = moved.fold(0.0, f64::max) < STANDSTILL;
        estimates = next;
        if is_still {
            break;
        }
    }
    (probability, estimates)
}

/// The probability that a voxel with these marks belongs to the label.
fn posterior(mark: Marks, prior: f64, estimates: &[[f64; 2]]) -> f64 {
    let (mut inside, mut outside) = (prior, 1.0 - prior);
    for (reader, [sensitivity, specificity]) in estimates.iter().enumerate() {
        match mark >> reader & 1 {
            1 => {
                inside *= sensitivity;
                outside *= 1.0 - specificity;
            }
            _ => {
                inside *= 1.0 - sensitivity;
                outside *= specificity;
            }
        }
    }
    match inside + outside > 0.0 {
        true => inside / (inside + outside),
        // Readers that cannot err contradict each other.
        false => 0.0,
    }
}

/// A reader's sensitivity and specificity, given how probable the label is by marks.
fn performance(
    reader: usize,
    patterns: &[(Marks, f64)],
    probability: &HashMap<Marks, f64>,
) -> [f64; 2] {
    let (mut inside, mut hit, mut outside, mut passed) = (0.0, 0.0, 0.0, 0.0);
    for &(mark, count) in patterns {
        let weight = probability[&mark];
        inside += weight * count;
        outside += (1.0 - weight) * count;
        match mark >> reader & 1 {
            1 => hit += weight * count,
            _ => passed += (1.0 - weight) * count,
        }
    }
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    [share(hit, inside), share(passed, outside)]
}
