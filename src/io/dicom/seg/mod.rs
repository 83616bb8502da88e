//! DICOM segmentations, in and out: binary (a bit a pixel, a frame a segment and slice), label map (a number a pixel) and,
//! in only, fractional.
//!
//! - What is written refers to the series that the labels lie on, image by image; its planes are the series' own. Binary
//!   numbers segments from 1 on, a label map keeps values. Every slice is in some frame, for readers take the grid from
//!   the frames.
//! - Frames are read onto the slices of the scan that they lie on, or else onto a grid of their own, which is resampled
//!   onto the scan's, and that is said.

mod bits;
mod colour;
mod planes;
mod read;
mod terms;
mod write;

pub(super) use read::read;
pub(super) use terms::is_known_structure;
pub(super) use write::{Written, write};
