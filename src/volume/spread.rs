//! How the values of a scan are spread: what thresholds are chosen by.

use super::ImageVolume;
use super::otsu::best_cut;
use super::window::sampled_values;

/// The values of a scan, looked at in so many voxels that more would change nothing that is seen.
#[derive(Debug, Clone)]
pub struct Spread {
    sorted: Vec<f64>,
    range: [f64; 2],
    otsu: Option<f64>,
}

impl Spread {
    /// Of a scan; `None` where it has not two values that are finite.
    pub fn of(image: &ImageVolume) -> Option<Self> {
        let (low, high) = image.value_range()?;
        let mut sorted = sampled_values(image);
        sorted.sort_unstable_by(f64::total_cmp);
        let otsu = best_cut(&sorted).and_then(|(cut, _)| {
            let above = sorted.partition_point(|&value| value <= cut);
            sorted.get(above).copied()
        });
        (low < high && !sorted.is_empty()).then_some(Self {
            sorted,
            range: [low, high],
            otsu,
        })
    }

    /// The lowest and the highest value of all voxels.
    pub fn range(&self) -> [f64; 2] {
        self.range
    }

    /// The lowest value of the upper one of two classes (Otsu).
    pub fn otsu(&self) -> Option<f64> {
        self.otsu
    }

    /// How many of the values that were looked at are in each of so many equal parts of the range.
    pub fn counts(&self, parts: usize) -> Vec<usize> {
        let [low, high] = self.range;
        let end = |part: usize| {
            let value = low + (high - low) * part as f64 / parts as f64;
            match part == parts {
                true => self.sorted.len(),
                false => self.sorted.partition_point(|&v| v < value),
            }
        };
        (0..parts).map(|part| end(part + 1) - end(part)).collect()
    }
}
