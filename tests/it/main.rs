//! The one integration test binary: every part of Prosector is tested through its public interface.

mod engine;
mod metrics;
mod nifti;
mod nifti_output;
mod phantom;
mod slice_view;
mod support;
mod model_ops;
