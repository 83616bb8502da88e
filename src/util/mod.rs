//! Small things without a home in the field: progress, cancellation, how much memory was used, what the program is.

pub mod about;
mod memory;
mod progress;
mod short_debug;
mod words;

pub use memory::{peak_memory_mb, peak_memory_note};
pub use progress::{CancelToken, Cancelled, JobContext};
pub(crate) use short_debug::short_debug;
pub use words::sentence;
