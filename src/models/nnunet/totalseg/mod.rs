//! TotalSegmentator: tasks made of one or several trained models of nnU-Net, and what it does around them.
//!
//! Wasserthal et al. 2023, after `TotalSegmentator` 2.18.0.

mod colors;
mod import;
mod rules;
mod tasks;
mod vertebrae;
mod working;

pub(super) use import::{import_task, task_of};
pub use rules::Rule;
pub(super) use rules::WorkingLabels;
pub(super) use vertebrae::grow_labels;
pub use working::Working;
