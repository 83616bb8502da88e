//! Prosector: interactive 3D segmentation of medical scans.
//!
//! The layers, from the bottom: [`util`], [`geometry`], [`volume`], [`prompt`], [`registration`], [`io`], [`models`],
//! [`train`], [`engine`], [`remote`], [`session`], [`render`], [`ui`], [`app`]. Who may use whom is stated in
//! `ARCHITECTURE.md` and enforced by `tests/it/architecture.rs`.

pub mod app;
pub mod cli;
pub mod engine;
pub mod geometry;
pub mod io;
pub mod models;
pub mod network;
pub mod project;
pub mod prompt;
pub mod registration;
pub mod remote;
pub mod render;
pub mod session;
pub mod train;
pub mod ui;
pub mod util;
pub mod volume;
