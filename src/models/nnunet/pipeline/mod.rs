//! From images to labels as nnU-Net's predictor goes.

mod axes;
mod prepare;
mod progress;
mod run;
mod stored;
mod windows;

pub use axes::Axes;
pub use prepare::{Prepared, ReaderScan};
pub use progress::Progress;
pub use run::{labels_of, run_stage};
pub use stored::{StoredScan, put_back};
pub use windows::{Blending, Logits, NetworkInput, Networks};
