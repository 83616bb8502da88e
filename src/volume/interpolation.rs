//! How a volume is sampled between voxel centres.

use serde::{Deserialize, Serialize};

/// How pixels between voxel centres are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// Voxels are shown as the boxes they are.
    Nearest,
    /// Linear within the slice.
    #[default]
    Linear,
}
