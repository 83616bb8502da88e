//! DICOM structure sets (RTSTRUCT), in and out: contours on slices.

mod read;
mod trace;
mod write;

pub(super) use read::read;
pub(super) use write::{Written, write};
