//! Small things without a home in the field: progress and cancellation.

mod progress;

pub use progress::{CancelToken, Cancelled, JobContext};
