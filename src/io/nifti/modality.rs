//! Guessing the kind of a scan from its values, as NIfTI does not say it.

use crate::volume::{ImageVolume, Modality};

/// Voxels looked at.
const SAMPLES: usize = 100_000;

/// The likeliest kind of scan, by these rules, tried in order:
///
/// - **CT**: the lowest values are those of air or fat in Hounsfield units (1st percentile at most −60
///   for whole numbers, −100 for others; or whole numbers around a soft-tissue median with some below
///   −100), and not those of an MR phase image, which lie evenly around 0 up to ±3100 and more.
/// - **PET**: fractional values, none below 0, on voxels of at least 1.5 mm, either on the scale of
///   uptake values (1 < largest ≤ 200) or of activity (a few voxels thousands of times the median).
/// - **MR**: anything else.
pub(in crate::io) fn guess(image: &ImageVolume) -> Modality {
    let values = sample(image);
    let (Some(&lowest), Some(&highest)) = (values.first(), values.last()) else {
        return Modality::Mr;
    };
    let percentile = |p: f64| values[((values.len() - 1) as f64 * p / 100.0).round() as usize];
    let whole = values.iter().all(|v| v.fract() == 0.0);
    let low = percentile(1.0);
    let median = percentile(50.0);
    let phase = percentile(5.0) < -3100.0 && percentile(95.0) > 3100.0;
    let air_or_fat = low <= if whole { -60.0 } else { -100.0 };
    let soft_tissue = whole && lowest <= -100.0 && (-200.0..=200.0).contains(&median);
    if (air_or_fat || soft_tissue) && !phase {
        return Modality::Ct;
    }
    let coarse = image.grid().spacing_mm().iter().all(|&mm| mm >= 1.5);
    let uptake = highest > 1.0 && highest <= 200.0;
    let activity = median > 0.0 && highest > 3000.0 && highest > 50.0 * median;
    if !whole && lowest >= 0.0 && coarse && (uptake || activity) {
        return Modality::Pet;
    }
    Modality::Mr
}

/// Finite values of evenly spread voxels, ascending.
fn sample(image: &ImageVolume) -> Vec<f64> {
    // An odd step does not run along one column of a volume with even dims.
    let step = (image.grid().len() / SAMPLES) | 1;
    let mut values: Vec<f64> = (0..image.grid().len())
        .step_by(step)
        .map(|offset| image.value(offset))
        .filter(|v| v.is_finite())
        .collect();
    values.sort_by(f64::total_cmp);
    values
}
