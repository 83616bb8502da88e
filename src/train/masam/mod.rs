//! Training of MA-SAM as its authors do it.

mod schedule;

pub use schedule::LearningRate;
