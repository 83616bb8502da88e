//! The one integration test binary: every part of Prosector is tested through its public interface.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says what it skips"
)]

mod about;
mod anonymise;
mod architecture;
mod automatic;
mod checkpoints;
mod cli;
mod cohort;
mod containers;
mod desktop;
mod diagnostics;
mod dicom;
mod dicom_damage;
mod dicom_enhanced;
mod dicom_kinds;
mod dicom_made;
mod dicom_public;
mod dicom_rtstruct;
mod dicom_seg;
mod drawn_prompts;
mod engine;
mod evaluate;
mod floors;
mod formats;
mod giving_way;
mod grids;
mod hostile;
mod in_context;
mod journals;
mod keep_inputs;
mod label_colours;
mod label_looks;
mod label_tables;
mod measurements;
mod metrics;
mod model_ops;
mod morphology;
mod nifti;
mod nifti_damage;
mod nifti_output;
mod nninteractive;
mod nnunet;
mod nnunet_crops;
mod nnunet_folder;
mod nnunet_rules;
mod operations;
mod over_time;
mod own_grids;
mod pace;
mod pacs;
mod parity;
mod phantom;
mod prompt_scale;
mod provenance;
mod ranking;
mod registration;
mod remote;
mod render;
mod sam_models;
mod second_image;
mod session;
mod sides;
mod slice_systems;
mod slice_view;
mod statistics;
mod support;
mod surfaces;
mod teaching;
mod teaching_by_teacher;
mod teaching_nnunet;
mod teaching_published;
mod texts;
mod tools;
mod training;
mod training_cache;
mod training_samples;
mod trust;
mod volume_arrays;
mod volume_systems;
mod window;
mod worklist;
