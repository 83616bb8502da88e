//! Where the values along one axis come from when its length changes.

use crate::models::ops::Spline;
use crate::models::ops::spline::{MARGIN, coefficients, taps};

/// Which voxels of the one length lie on which of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// The outer faces of the outermost voxels: scikit-image.
    Faces,
    /// The centres of the outermost voxels: SciPy's `zoom`.
    Centres,
}

/// How one axis is brought to another length.
#[derive(Clone)]
pub struct Sampling {
    from: usize,
    spline: Spline,
    /// Samples of the result with their weights, [`Self::width`] each.
    taps: Vec<(usize, f64)>,
    to: usize,
}

impl Sampling {
    /// By a spline as SciPy evaluates it, the outermost samples going on beyond the ends.
    pub fn new(from: usize, to: usize, spline: Spline, ends: Ends) -> Self {
        if from == to {
            return Self::unchanged(from);
        }
        let place = |index: usize| match ends {
            Ends::Faces => (index as f64 + 0.5) * (from as f64 / to as f64) - 0.5,
            Ends::Centres if to == 1 => 0.0,
            Ends::Centres => index as f64 * ((from as f64 - 1.0) / (to as f64 - 1.0)),
        };
        let of_place = |place: f64| {
            if spline == Spline::Cubic {
                return taps(place + MARGIN as f64, from + 2 * MARGIN, spline);
            }
            taps(place.clamp(0.0, from as f64 - 1.0), from, spline)
        };
        let taps = (0..to).flat_map(|index| of_place(place(index))).collect();
        Self {
            from,
            spline,
            taps,
            to,
        }
    }

    /// The nearest sample or a linear blend as PyTorch finds them, in single precision: `nearest-exact` and `linear`
    /// without aligned corners.
    pub fn torch(from: usize, to: usize, linear: bool) -> Self {
        if from == to {
            return Self::unchanged(from);
        }
        let scale = from as f32 / to as f32;
        let last = from - 1;
        let mut taps = Vec::with_capacity(2 * to);
        for index in 0..to {
            let centre = (index as f32 + 0.5) * scale;
            if linear {
                let place = (centre - 0.5).max(0.0);
                let low = (place as usize).min(last);
                let share = (place - low as f32).clamp(0.0, 1.0);
                taps.push((low, f64::from(1.0 - share)));
                taps.push(((low + 1).min(last), f64::from(share)));
            } else {
                taps.push(((centre as usize).min(last), 1.0));
            }
        }
        let spline = if linear {
            Spline::Linear
        } else {
            Spline::Nearest
        };
        Self {
            from,
            spline,
            taps,
            to,
        }
    }

    /// Each sample as it is.
    pub fn unchanged(length: usize) -> Self {
        Self {
            from: length,
            spline: Spline::Nearest,
            taps: (0..length).map(|index| (index, 1.0)).collect(),
            to: length,
        }
    }

    /// Length before.
    pub fn from(&self) -> usize {
        self.from
    }

    /// Length after.
    pub fn to(&self) -> usize {
        self.to
    }

    /// Whether samples themselves are blended, and not coefficients that depend on the whole line.
    pub fn is_local(&self) -> bool {
        self.spline != Spline::Cubic
    }

    /// The samples that make up one of the result, with their weights; coefficients of [`Self::prepare`]'s line where
    /// sampling is not local.
    pub fn taps(&self, index: usize) -> &[(usize, f64)] {
        let width = self.width();
        &self.taps[index * width..(index + 1) * width]
    }

    fn width(&self) -> usize {
        match self.spline {
            Spline::Nearest => 1,
            Spline::Linear => 2,
            Spline::Cubic => 4,
        }
    }

    /// Makes of a line's samples what the taps speak of.
    pub fn prepare(&self, line: &mut Vec<f64>) {
        if self.is_local() {
            return;
        }
        let (Some(&first), Some(&last)) = (line.first(), line.last()) else {
            return;
        };
        line.splice(0..0, std::iter::repeat_n(first, MARGIN));
        line.extend(std::iter::repeat_n(last, MARGIN));
        coefficients(line);
    }

    /// A value of the result from a prepared line.
    pub fn value(&self, line: &[f64], index: usize) -> f64 {
        let taps = self.taps(index);
        taps.iter()
            .map(|&(sample, weight)| line[sample] * weight)
            .sum()
    }
}

/// A kind of number that arrays hold.
pub trait Sample: Copy + Send + Sync {
    /// Its value.
    fn value(self) -> f64;
}

impl Sample for f32 {
    fn value(self) -> f64 {
        f64::from(self)
    }
}

impl Sample for f64 {
    fn value(self) -> f64 {
        self
    }
}

impl Sample for half::f16 {
    fn value(self) -> f64 {
        f64::from(self.to_f32())
    }
}
