//! The stages around the network, on arrays in main memory: row-major, channel first, the last axis fastest.

pub mod crop;
pub mod importance;
pub mod labels;
pub mod normalize;
mod passes;
mod planes;
pub mod postprocess;
pub mod resampling;
pub(in crate::models) mod sampling;
pub mod totalseg;
mod votes;
pub mod windows;
