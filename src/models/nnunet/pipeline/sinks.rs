//! What is made of logits as they come.

use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use crate::models::nnunet::arrays::labels::Heads;
use crate::models::nnunet::arrays::resampling::{Change, Resampling, labels_of_logits, stored};
use crate::models::nnunet::arrays::sampling::Sampling;
use crate::util::short_debug;

use super::blend::Block;

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
    Logits: |logits| format_args!("{} heads {:?}", logits.heads, logits.dims);
}

impl Logits {
    /// Zeros.
    pub fn new(heads: usize, dims: [usize; 3]) -> Self {
        Self {
            values: vec![f16::ZERO; heads * dims.iter().product::<usize>()],
            heads,
            dims,
        }
    }

    /// Keeps a block.
    pub fn take(&mut self, block: &Block) {
        let [planes, height, width] = self.dims;
        let rows = block.rows.len();
        let heads = self.values.par_chunks_mut((planes * height * width).max(1));
        heads.enumerate().for_each(|(head, values)| {
            for (number, line) in block.lines.iter().enumerate() {
                let (plane, row) = (
                    block.planes.start + number / rows,
                    block.rows.start + number % rows,
                );
                let values = &mut values[(plane * height + row) * width..][..width];
                let of_head = line.iter().skip(head).step_by(self.heads);
                values
                    .iter_mut()
                    .zip(of_head)
                    .for_each(|(to, from)| *to = *from);
            }
        });
    }
}

/// Labels at the spacing of the crop, made of the network's logits while these come.
pub enum LabelSink {
    /// Each voxel is made of its neighbours.
    Local(LabelLines),
    /// Splines need whole lines of all voxels.
    Whole(Logits, Heads, Change, Resampling),
}

impl LabelSink {
    /// Nothing taken yet; `change` goes from the network's spacing to that of the crop.
    pub fn new(heads: Heads, change: Change, how: Resampling) -> Self {
        let axes = how.axes(&change);
        if axes.iter().all(Sampling::is_local) {
            return Self::Local(LabelLines::new(heads, axes, how));
        }
        let logits = Logits::new(heads.count(), change.from);
        Self::Whole(logits, heads, change, how)
    }

    /// Takes what is done with.
    pub fn take(&mut self, block: Block) {
        match self {
            Self::Local(lines) => lines.take(block),
            Self::Whole(logits, ..) => logits.take(&block),
        }
    }

    /// The label of each voxel; `check` is asked now and then whether to go on.
    ///
    /// # Errors
    /// What `check` answers.
    pub fn finish<E>(self, check: impl Fn(f32) -> Result<(), E>) -> Result<Vec<u16>, E> {
        match self {
            Self::Local(lines) => Ok(lines.labels),
            Self::Whole(logits, heads, change, how) => {
                labels_of_logits(&logits.values, &heads, &change, how, check)
            }
        }
    }
}

/// Logits that are still needed, and the labels made so far.
pub struct LabelLines {
    heads: Heads,
    how: Resampling,
    axes: [Sampling; 3],
    /// Row by row of each plane at the network's spacing.
    held: Vec<Option<Vec<f16>>>,
    labels: Vec<u16>,
    /// Planes of labels that are whole, and rows of those that are being made.
    done: [usize; 2],
    /// Planes of which nothing is held any more.
    released: usize,
}

short_debug! {
    LabelSink: |sink| match sink {
        LabelSink::Local(_) => "labels made line by line",
        LabelSink::Whole(..) => "labels made of whole logits",
    };
    LabelLines: |lines| format_args!("{:?} planes and rows are done", lines.done);
}

impl LabelLines {
    fn new(heads: Heads, axes: [Sampling; 3], how: Resampling) -> Self {
        Self {
            heads,
            how,
            held: vec![None; axes[0].from() * axes[1].from()],
            labels: vec![0; axes.iter().map(Sampling::to).product()],
            axes,
            done: [0; 2],
            released: 0,
        }
    }

    fn take(&mut self, block: Block) {
        let height = self.axes[1].from();
        let mut lines = block.lines.into_iter();
        for plane in block.planes.clone() {
            for row in block.rows.clone() {
                self.held[plane * height + row] = lines.next();
            }
        }
        if block.rows.start == 0 {
            self.done[1] = 0;
        }
        let [planes, rows] = [block.planes.end, block.rows.end];
        let ready = [
            made_of(&self.axes[0], self.done[0], planes),
            made_of(&self.axes[1], self.done[1], rows),
        ];
        self.make(ready);
        self.release(ready, [planes, rows]);
        self.done[1] = ready[1];
        if rows == height {
            self.done[0] = ready[0];
        }
    }

    /// Makes the rows of labels up to those that are ready.
    fn make(&mut self, ready: [usize; 2]) {
        let width = self.axes[2].to();
        let plane_len = (self.axes[1].to() * width).max(1);
        let mut labels = std::mem::take(&mut self.labels);
        let planes = labels.par_chunks_mut(plane_len).enumerate();
        let planes = planes.skip(self.done[0]).take(ready[0] - self.done[0]);
        planes.for_each(|(plane, labels)| {
            let rows = labels.par_chunks_mut(width.max(1)).enumerate();
            let rows = rows.skip(self.done[1]).take(ready[1] - self.done[1]);
            rows.for_each_init(LineScratch::default, |scratch, (row, labels)| {
                self.make_row([plane, row], scratch, labels);
            });
        });
        self.labels = labels;
    }

    /// Lets go of what no later row of labels is made of.
    fn release(&mut self, ready: [usize; 2], [planes, rows]: [usize; 2]) {
        let height = self.axes[1].from();
        let needed = |axis: usize, from: usize| {
            let sampling = &self.axes[axis];
            let later =
                (from < sampling.to()).then(|| sampling.taps(from).iter().map(|t| t.0).min());
            later.flatten().unwrap_or(sampling.from())
        };
        let first_needed = needed(0, ready[0]).min(planes);
        let rows_needed = if rows == height {
            height
        } else {
            needed(1, ready[1])
        };
        for plane in self.released..first_needed {
            self.held[plane * height..][..rows_needed].fill(None);
        }
        if rows == height {
            self.released = first_needed.max(self.released);
        }
    }

    fn line(&self, plane: usize, row: usize) -> &[f16] {
        let line = &self.held[plane * self.axes[1].from() + row];
        line.as_deref().unwrap_or_default()
    }

    fn make_row(&self, [plane, row]: [usize; 2], scratch: &mut LineScratch, out: &mut [u16]) {
        let heads = self.heads.count();
        let is_changed = self.axes.iter().any(|axis| axis.from() != axis.to());
        if !is_changed {
            let line = self.line(plane, row);
            scratch.logits.resize(line.len(), 0.0);
            line.convert_to_f32_slice(&mut scratch.logits);
        } else {
            self.blend([plane, row], scratch);
        }
        let voxels = scratch.logits.chunks_exact_mut(heads.max(1));
        for (label, logits) in out.iter_mut().zip(voxels) {
            *label = self.heads.label_of(logits);
        }
    }

    /// Logits of a row at the crop's spacing, in double precision and then as they are stored: first across planes, then
    /// across rows, then along columns.
    fn blend(&self, [plane, row]: [usize; 2], scratch: &mut LineScratch) {
        let heads = self.heads.count();
        let LineScratch {
            plane: across,
            row: sum,
            values,
            logits,
        } = scratch;
        let length = self.axes[2].from() * heads;
        sum.clear();
        sum.resize(length, 0.0);
        for &(row, of_row) in self.axes[1].taps(row).iter().filter(|tap| tap.1 != 0.0) {
            across.clear();
            across.resize(length, 0.0);
            for &(plane, weight) in self.axes[0].taps(plane).iter().filter(|tap| tap.1 != 0.0) {
                for (sum, value) in across.iter_mut().zip(self.line(plane, row)) {
                    *sum += f64::from(value.to_f32()) * weight;
                }
            }
            sum.iter_mut()
                .zip(&*across)
                .for_each(|(sum, v)| *sum += v * of_row);
        }
        values.clear();
        values.resize(self.axes[2].to() * heads, 0.0);
        for (column, voxel) in values.chunks_exact_mut(heads.max(1)).enumerate() {
            for &(column, weight) in self.axes[2].taps(column) {
                let from = &sum[column * heads..][..heads];
                voxel
                    .iter_mut()
                    .zip(from)
                    .for_each(|(to, v)| *to += v * weight);
            }
        }
        logits.resize(values.len(), 0.0);
        stored(self.how, values, logits);
    }
}

/// What a row is made in, used again for the next one.
#[derive(Default)]
struct LineScratch {
    plane: Vec<f64>,
    row: Vec<f64>,
    values: Vec<f64>,
    logits: Vec<f32>,
}

/// The first place after `from` that is made of more than the samples before `end`.
fn made_of(sampling: &Sampling, from: usize, end: usize) -> usize {
    let is_made = |at: usize| sampling.taps(at).iter().all(|tap| tap.0 < end);
    (from..sampling.to())
        .find(|&at| !is_made(at))
        .unwrap_or(sampling.to())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use crate::models::nnunet::arrays::resampling::ResamplingMethod;

    use super::*;

    const HOW: Resampling = Resampling {
        method: ResamplingMethod::Spline,
        order: 1,
        order_z: 0,
        separate_z: Some(false),
        by_majority: false,
    };

    /// Logits that differ everywhere, and have ties.
    fn line(plane: usize, row: usize, width: usize, heads: usize) -> Vec<f16> {
        let value = |at: usize| ((plane * 37 + row * 11 + at * 7) % 23) as f32 / 4.0;
        (0..width * heads)
            .map(|at| f16::from_f32(value(at)))
            .collect()
    }

    /// Takes blocks as windows give them; the labels, and the most lines that were held.
    fn taken(sink: LabelSink, dims: [usize; 3], heads: usize) -> (Vec<u16>, usize) {
        let mut sink = sink;
        let mut most = 0;
        for (first, last) in [(0, 2), (2, 3), (3, dims[0])] {
            for (top, bottom) in [(0, 4), (4, 5), (5, dims[1])] {
                let (planes, rows) = (first..last, top..bottom);
                let places = planes
                    .clone()
                    .flat_map(|p| rows.clone().map(move |r| (p, r)));
                let lines = places.map(|(p, r)| line(p, r, dims[2], heads)).collect();
                sink.take(Block {
                    planes,
                    rows,
                    lines,
                });
                if let LabelSink::Local(lines) = &sink {
                    most = most.max(lines.held.iter().flatten().count());
                }
            }
        }
        if let LabelSink::Local(lines) = &sink {
            assert!(lines.held.iter().all(Option::is_none), "nothing stays");
        }
        let labels: Result<Vec<u16>, Infallible> = sink.finish(|_| Ok(()));
        (labels.unwrap(), most)
    }

    #[test]
    fn labels_made_line_by_line_are_those_of_whole_logits() {
        let dims = [7, 8, 6];
        for heads in [Heads::Classes(5), Heads::Regions(vec![2, 4, 1])] {
            for to in [dims, [14, 5, 9], [3, 8, 6], [7, 17, 3]] {
                let change = Change {
                    from: dims,
                    to,
                    from_mm: [1.0; 3],
                    to_mm: [1.0; 3],
                };
                let count = heads.count();
                let mut whole = Logits::new(count, dims);
                for plane in 0..dims[0] {
                    whole.take(&Block {
                        planes: plane..plane + 1,
                        rows: 0..dims[1],
                        lines: (0..dims[1])
                            .map(|r| line(plane, r, dims[2], count))
                            .collect(),
                    });
                }
                let never = |_| -> Result<(), Infallible> { Ok(()) };
                let expected = labels_of_logits(&whole.values, &heads, &change, HOW, never);
                let sink = LabelSink::new(heads.clone(), change, HOW);
                let (labels, most) = taken(sink, dims, count);
                assert_eq!(Ok(labels), expected, "{heads:?} {to:?}");
                assert!(most < dims[0] * dims[1], "{most} lines were held");
            }
        }
    }

    #[test]
    fn splines_wait_for_whole_logits() {
        let dims = [7, 8, 6];
        let change = Change {
            from: dims,
            to: [9, 8, 5],
            from_mm: [1.0; 3],
            to_mm: [1.0; 3],
        };
        let how = Resampling { order: 3, ..HOW };
        let sink = LabelSink::new(Heads::Classes(3), change, how);
        assert!(matches!(sink, LabelSink::Whole(..)));
        let (labels, _) = taken(sink, dims, 3);
        assert_eq!(labels.len(), 9 * 8 * 5);
        assert!(labels.iter().any(|&label| label > 0));
    }
}
