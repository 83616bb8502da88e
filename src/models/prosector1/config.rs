//! Sizes of the network.

use burn::config::Config;

/// Channels that describe the scan: two intensity views and whether the voxel exists.
pub const IMAGE_CHANNELS: usize = 3;
/// Channels that describe the prompts; see `prompt_channels`.
pub const PROMPT_CHANNELS: usize = 10;
/// The region's sides are multiples of this.
pub const REGION_MULTIPLE: usize = 16;

/// Hyper-parameters of the network, stored with its weights.
#[derive(Config, Debug, PartialEq)]
pub struct NetConfig {
    /// Channels at 1/2, 1/4, 1/8 and 1/16 of the region's resolution.
    #[config(default = "[32, 64, 96, 128]")]
    pub widths: [usize; 4],
    /// Channels at the region's full resolution.
    #[config(default = "16")]
    pub fine_width: usize,
    /// Residual blocks of the encoder at each level.
    #[config(default = "[1, 2, 2, 2]")]
    pub encoder_blocks: [usize; 4],
    /// Channels of the structure refiner at 1, 1/2, 1/4 and 1/8 of the region's resolution.
    #[config(default = "[16, 32, 64, 128]")]
    pub refiner_widths: [usize; 4],
    /// Structures of the automatic path.
    pub structures: usize,
}
