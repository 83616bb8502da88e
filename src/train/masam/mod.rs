//! Training of MA-SAM as its authors do it.

pub mod augment;
pub mod pillow;
mod schedule;

pub use schedule::LearningRate;

/// BTCV's thirteenth label, the left adrenal gland, counts as its twelfth, the right one (`dataset.py`).
pub fn merge_adrenals(label: u8) -> u8 {
    if label == 13 { 12 } else { label }
}
