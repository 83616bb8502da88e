//! Small things without a home in the field: progress, cancellation, and how much memory was used.

mod memory;
mod progress;
mod short_debug;

pub use memory::{peak_memory_mb, peak_memory_note};
pub use progress::{CancelToken, Cancelled, JobContext};
pub(crate) use short_debug::short_debug;
