//! The exact Euclidean distance transform (Felzenszwalb and Huttenlocher, 2012), in millimetres.

use rayon::prelude::*;

/// For each voxel inside `mask` (non-zero, `i` fastest) the squared distance in mm² from its centre to the
/// centre of the nearest voxel outside the mask; 0 for voxels outside it.
///
/// Beyond the volume's border counts as inside, so the border itself gives no distance. When every voxel is
/// inside, all distances are infinite.
///
/// # Panics
/// If the mask does not fill `dims`.
pub fn squared_distance_mm(mask: &[u8], dims: [usize; 3], spacing_mm: [f64; 3]) -> Vec<f32> {
    let [ni, nj, nk] = dims;
    assert_eq!(mask.len(), ni * nj * nk, "the mask must fill the grid");
    if mask.is_empty() {
        return Vec::new();
    }
    let mut squared = vec![0f32; mask.len()];
    squared
        .par_chunks_exact_mut(ni)
        .zip(mask.par_chunks_exact(ni))
        .for_each(|(out, line)| scan_line(line, spacing_mm[0], out));
    squared.par_chunks_exact_mut(ni * nj).for_each(|slab| {
        let mut envelope = Envelope::new(nj, spacing_mm[1]);
        for i in 0..ni {
            envelope.transform_strided(slab, i, ni);
        }
    });
    if nk > 1 {
        along_k(&mut squared, dims, spacing_mm[2]);
    }
    squared
}

/// Whether a squared distance in mm² is at most a length in mm. Distances that differ from it by no more than rounding
/// count as equal to it: files hold spacings of 0.8 mm as 0.800000012.
pub fn is_within(squared_mm2: f32, length_mm: f64) -> bool {
    const ROUNDING: f64 = 1e-6;
    f64::from(squared_mm2) <= length_mm * length_mm * (1.0 + ROUNDING)
}

/// Squared distance along one line to its nearest zero.
fn scan_line(line: &[u8], step_mm: f64, out: &mut [f32]) {
    let mut steps = f64::INFINITY;
    for (o, &inside) in out.iter_mut().zip(line) {
        steps = if inside != 0 { steps + 1.0 } else { 0.0 };
        *o = (steps * step_mm).powi(2) as f32;
    }
    steps = f64::INFINITY;
    for (o, &inside) in out.iter_mut().zip(line).rev() {
        steps = if inside != 0 { steps + 1.0 } else { 0.0 };
        *o = o.min((steps * step_mm).powi(2) as f32);
    }
}

/// The pass along the slowest axis: planes of constant `j` are gathered, transformed in parallel and put back.
fn along_k(squared: &mut [f32], [ni, nj, nk]: [usize; 3], step_mm: f64) {
    let planes: Vec<Vec<f32>> = (0..nj)
        .into_par_iter()
        .map(|j| {
            let row = |k: usize| ni * (j + nj * k);
            let mut plane: Vec<f32> = (0..nk)
                .flat_map(|k| squared[row(k)..row(k) + ni].iter().copied())
                .collect();
            let mut envelope = Envelope::new(nk, step_mm);
            for i in 0..ni {
                envelope.transform_strided(&mut plane, i, ni);
            }
            plane
        })
        .collect();
    squared
        .par_chunks_exact_mut(ni * nj)
        .enumerate()
        .for_each(|(k, slab)| {
            for (j, row) in slab.chunks_exact_mut(ni).enumerate() {
                row.copy_from_slice(&planes[j][k * ni..(k + 1) * ni]);
            }
        });
}

/// The lower envelope of parabolas along one line, with its scratch space.
struct Envelope {
    step2: f64,
    line: Vec<f64>,
    /// Apexes of the envelope's parabolas, and from where on each is the lowest.
    apex: Vec<usize>,
    from: Vec<f64>,
}

impl Envelope {
    fn new(len: usize, step_mm: f64) -> Self {
        Self {
            step2: step_mm * step_mm,
            line: vec![0.0; len],
            apex: Vec::with_capacity(len),
            from: Vec::with_capacity(len),
        }
    }

    /// Replaces the values at `first, first + stride, ..` by `min over q of value(q) + (step (p - q))²`.
    fn transform_strided(&mut self, values: &mut [f32], first: usize, stride: usize) {
        let len = self.line.len();
        for p in 0..len {
            self.line[p] = f64::from(values[first + p * stride]);
        }
        self.build();
        if self.apex.is_empty() {
            return;
        }
        let mut at = 0;
        for p in 0..len {
            while at + 1 < self.apex.len() && self.from[at + 1] < p as f64 {
                at += 1;
            }
            let q = self.apex[at];
            let steps = p as f64 - q as f64;
            values[first + p * stride] = (self.line[q] + self.step2 * steps * steps) as f32;
        }
    }

    fn build(&mut self) {
        self.apex.clear();
        self.from.clear();
        for q in 0..self.line.len() {
            if self.line[q].is_infinite() {
                continue;
            }
            let mut start = f64::NEG_INFINITY;
            while let (Some(&last), Some(&last_from)) = (self.apex.last(), self.from.last()) {
                start = self.crossing(last, q);
                if start > last_from {
                    break;
                }
                self.apex.pop();
                self.from.pop();
                start = f64::NEG_INFINITY;
            }
            self.apex.push(q);
            self.from.push(start);
        }
    }

    /// Where the parabola of `q` gets below that of `p < q`.
    fn crossing(&self, p: usize, q: usize) -> f64 {
        let height = |x: usize| self.line[x] / self.step2 + (x * x) as f64;
        (height(q) - height(p)) / (2.0 * (q - p) as f64)
    }
}
