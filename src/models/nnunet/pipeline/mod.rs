//! From images to labels as nnU-Net's predictor goes.

mod axes;
mod blend;
mod prepare;
mod progress;
mod run;
mod sinks;
mod stored;
mod windows;

pub use axes::Axes;
pub use prepare::{Prepared, ReaderScan};
pub use progress::Progress;
pub use run::{label_sink, labels_of, run_stage};
pub use sinks::Logits;
pub use stored::{StoredScan, put_back};
pub use windows::{Blending, NetworkInput, Networks};
