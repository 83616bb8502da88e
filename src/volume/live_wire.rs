//! Lines that follow edges in a slice: cheapest paths over the voxels of the slice.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::geometry::{VoxelIndex, VoxelPoint};
use crate::util::short_debug;

use super::ImageVolume;

/// Cost of a mm where there is no edge at all; on the strongest it is near 0.
const PLAIN: f64 = 1.0;
/// Cost of a mm on any edge: short lines go before long ones.
const LENGTH: f64 = 0.02;

/// The cheapest ways from a voxel to all others of its slice; found as far as they are asked for.
#[derive(Clone)]
pub struct LiveWire {
    /// Voxels along the two axes of the slice.
    size: [usize; 2],
    axes: [usize; 2],
    start: VoxelIndex,
    /// Steps to the eight neighbours, and their lengths in mm.
    steps: Vec<([i64; 2], f64)>,
    /// Cost of a mm at each voxel.
    costs: Vec<f32>,
    /// Cost of the cheapest way known.
    known: Vec<f32>,
    /// The voxel before, on that way.
    before: Vec<u32>,
    is_final: Vec<bool>,
    waiting: BinaryHeap<Reverse<(u32, u32)>>,
}

short_debug! {
    LiveWire: |wire| format_args!("wire over {:?}", wire.size);
}

impl LiveWire {
    /// Ways from a voxel, in its slice across `normal_axis`; `None` outside the volume.
    pub fn from(image: &ImageVolume, normal_axis: usize, start: VoxelIndex) -> Option<Self> {
        let grid = image.grid();
        grid.offset_of(start)?;
        let axes = [(normal_axis + 1) % 3, (normal_axis + 2) % 3];
        let size = axes.map(|axis| grid.dims[axis]);
        let [u, v] = axes.map(|axis| grid.affine.column(axis));
        let around = (-1..=1).flat_map(|a| (-1..=1).map(move |b| [a, b]));
        let steps = around.filter(|step| *step != [0, 0]);
        let length_mm = |[a, b]: [i64; 2]| (u * a as f64 + v * b as f64).length();
        let mut wire = Self {
            size,
            axes,
            start,
            steps: steps.map(|step| (step, length_mm(step))).collect(),
            costs: Vec::new(),
            known: vec![f32::INFINITY; size[0] * size[1]],
            before: vec![u32::MAX; size[0] * size[1]],
            is_final: vec![false; size[0] * size[1]],
            waiting: BinaryHeap::new(),
        };
        let spacing_mm = [u.length(), v.length()];
        wire.costs = costs(&wire.edges(image, spacing_mm));
        let at = wire.node(start);
        wire.known[at] = 0.0;
        wire.waiting.push(Reverse((0, at as u32)));
        Some(wire)
    }

    /// Voxel centres from the start to another voxel of the slice, both included; `None` outside the slice.
    pub fn path_to(&mut self, end: VoxelIndex) -> Option<Vec<VoxelPoint>> {
        let is_inside = |n: usize| (0..self.size[n] as i64).contains(&end.0[self.axes[n]]);
        if !(is_inside(0) && is_inside(1)) {
            return None;
        }
        let end = self.node(end);
        while !self.is_final[end] {
            let Reverse((_, at)) = self.waiting.pop()?;
            self.settle(at as usize);
        }
        let mut path = vec![self.point(end)];
        let mut at = end;
        while self.before[at] != u32::MAX {
            at = self.before[at] as usize;
            path.push(self.point(at));
        }
        path.reverse();
        Some(path)
    }

    /// No way to this voxel is cheaper: what does that say of its neighbours?
    fn settle(&mut self, at: usize) {
        if std::mem::replace(&mut self.is_final[at], true) {
            return;
        }
        let place = [at % self.size[0], at / self.size[0]].map(|v| v as i64);
        for &(step, length_mm) in &self.steps {
            let other = [place[0] + step[0], place[1] + step[1]];
            let is_inside = |n: usize| (0..self.size[n] as i64).contains(&other[n]);
            if !(is_inside(0) && is_inside(1)) {
                continue;
            }
            let other = other[0] as usize + self.size[0] * other[1] as usize;
            let cost_per_mm = (self.costs[at] + self.costs[other]) / 2.0;
            let cost = self.known[at] + cost_per_mm * length_mm as f32;
            if cost < self.known[other] {
                self.known[other] = cost;
                self.before[other] = at as u32;
                // Bits of floats that are not negative are in the order of the floats.
                self.waiting.push(Reverse((cost.to_bits(), other as u32)));
            }
        }
    }

    /// The gradient's magnitude in value per mm, of central differences.
    fn edges(&self, image: &ImageVolume, spacing_mm: [f64; 2]) -> Vec<f64> {
        let grid = image.grid();
        let value = |place: [usize; 2]| {
            let mut at = self.start.0.map(|v| v as usize);
            at[self.axes[0]] = place[0];
            at[self.axes[1]] = place[1];
            image.value(grid.offset(at[0], at[1], at[2]))
        };
        let [across, down] = self.size;
        let places = (0..down).flat_map(|b| (0..across).map(move |a| [a, b]));
        places
            .map(|place| {
                let slope = |n: usize| {
                    let [mut low, mut high] = [place; 2];
                    low[n] = low[n].saturating_sub(1);
                    high[n] = (high[n] + 1).min(self.size[n] - 1);
                    let apart = (high[n] - low[n]).max(1) as f64 * spacing_mm[n];
                    (value(high) - value(low)) / apart
                };
                let magnitude = slope(0).hypot(slope(1));
                if magnitude.is_finite() {
                    magnitude
                } else {
                    0.0
                }
            })
            .collect()
    }

    fn node(&self, voxel: VoxelIndex) -> usize {
        let [a, b] = self.axes.map(|axis| voxel.0[axis] as usize);
        a + self.size[0] * b
    }

    fn point(&self, node: usize) -> VoxelPoint {
        let mut at = self.start;
        at.0[self.axes[0]] = (node % self.size[0]) as i64;
        at.0[self.axes[1]] = (node / self.size[0]) as i64;
        at.center()
    }
}

/// Cost of a mm by gradient: half of what plain voxels cost at the mean gradient of the slice's edges.
fn costs(edges: &[f64]) -> Vec<f32> {
    let squares = edges.iter().map(|e| e * e);
    let mean = (squares.sum::<f64>() / edges.len().max(1) as f64).sqrt();
    let cost = |&edge: &f64| LENGTH + PLAIN / (1.0 + (edge / mean.max(f64::MIN_POSITIVE)).powi(2));
    edges.iter().map(|edge| cost(edge) as f32).collect()
}
