//! nnU-Net v2: networks that its trained-model folders describe, run as its own predictor runs them.
//!
//! Isensee et al. 2021, after `nnunetv2` 2.8.1 and `dynamic_network_architectures` 0.4.4.

pub mod arrays;
pub mod network;
