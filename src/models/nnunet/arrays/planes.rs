//! Resampling plane by plane, where every value is a blend of few neighbours: nothing is held but the result.

use super::sampling::{Sample, Sampling};

/// How the three axes of an array are brought to other lengths, each by the nearest samples or linearly.
#[derive(Clone)]
pub struct PlaneSampler {
    axes: [Sampling; 3],
}

/// What a plane is made in, used again for the next one.
#[derive(Default)]
pub struct Scratch {
    plane: Vec<f64>,
    row: Vec<f64>,
    values: Vec<f64>,
}

impl PlaneSampler {
    /// `None` where an axis takes more than neighbours.
    pub fn new(axes: [Sampling; 3]) -> Option<Self> {
        axes.iter().all(Sampling::is_local).then_some(Self { axes })
    }

    /// Voxels of a plane of the result.
    pub fn plane_len(&self) -> usize {
        self.axes[1].to() * self.axes[2].to()
    }

    /// The plane at `index` of the result.
    ///
    /// # Panics
    /// When the values do not fill the samplings' lengths.
    pub fn plane<'s, T: Sample>(
        &self,
        values: &[T],
        index: usize,
        scratch: &'s mut Scratch,
    ) -> &'s [f64] {
        let [planes, rows, columns] = &self.axes;
        let (height, width) = (rows.from(), columns.from());
        let Scratch {
            plane,
            row,
            values: out,
        } = scratch;
        blend(plane, height * width, planes.taps(index), |from| {
            let start = from * height * width;
            values[start..start + height * width]
                .iter()
                .map(|v| v.value())
        });
        out.clear();
        for at in 0..rows.to() {
            blend(row, width, rows.taps(at), |from| {
                plane[from * width..(from + 1) * width].iter().copied()
            });
            out.extend((0..columns.to()).map(|column| columns.value(row, column)));
        }
        out
    }
}

/// The weighted sum of the lines that taps name.
fn blend<I: Iterator<Item = f64>>(
    sum: &mut Vec<f64>,
    length: usize,
    taps: &[(usize, f64)],
    line: impl Fn(usize) -> I,
) {
    sum.clear();
    sum.resize(length, 0.0);
    for &(from, weight) in taps.iter().filter(|(_, weight)| *weight != 0.0) {
        for (sum, value) in sum.iter_mut().zip(line(from)) {
            *sum += value * weight;
        }
    }
}
