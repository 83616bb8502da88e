//! Everything that a configuration of nnU-Net says of how its network is used, as cards keep it.

use serde::{Deserialize, Serialize};

use super::arrays::labels::Heads;
use super::arrays::normalize::{IntensityProperties, Normalization};
use super::arrays::resampling::Resampling;
use super::network::Architecture;

/// Which way the axes of the image go that the network sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reader {
    /// Slice, row, column as the file stores them, whichever way they run.
    AsStored,
    /// Superior, anterior, right as near as the file's axes come.
    ClosestRas,
}

/// How one image is normalised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelScheme {
    /// The scheme's class in nnU-Net.
    pub scheme: String,
    /// Only where the image is not empty.
    pub within_mask: bool,
    /// The training images' intensities, where the plans have them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intensities: Option<IntensityProperties>,
}

impl ChannelScheme {
    /// What it does.
    ///
    /// # Errors
    /// A scheme that this program does not know, or one that lacks its numbers, in words.
    pub fn normalization(&self) -> Result<Normalization, String> {
        Normalization::named(&self.scheme, self.intensities).ok_or_else(|| {
            format!(
                "the plans' normalisation scheme '{}' is not supported, or they lack its intensities",
                self.scheme
            )
        })
    }
}

/// The results that a stage writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outputs {
    /// Number of classes that exclude each other, the background among them; 0 where there are regions.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub classes: usize,
    /// The label that each region writes, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<u16>,
    /// All labels but the background, ascending.
    pub foreground: Vec<u16>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

impl Outputs {
    /// What heads stand for, with the labels that they write.
    pub fn new(heads: &Heads, foreground: Vec<u16>) -> Self {
        let (classes, regions) = match heads {
            Heads::Classes(classes) => (*classes, Vec::new()),
            Heads::Regions(order) => (0, order.clone()),
        };
        Self {
            classes,
            regions,
            foreground,
        }
    }

    /// What the network's heads stand for.
    pub fn heads(&self) -> Heads {
        if self.regions.is_empty() {
            Heads::Classes(self.classes)
        } else {
            Heads::Regions(self.regions.clone())
        }
    }
}

/// One network, or several folds of it that are averaged, with everything around it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Name of the configuration in the plans.
    pub configuration: String,
    /// Names of the folds, in the order in which they are averaged.
    pub folds: Vec<String>,
    /// How the image is read.
    pub reader: Reader,
    /// For each axis of the network the reader's.
    pub transpose: [usize; 3],
    /// Spacing along the network's axes; two entries of a network that sees slices.
    pub spacing_mm: Vec<f64>,
    /// Sides of a window; two of a network that sees slices.
    pub patch: Vec<usize>,
    /// Axes of the window along which it is mirrored too.
    pub mirror_axes: Vec<usize>,
    /// Share of a window's side from one window to the next, at most.
    pub step: f64,
    /// Normalisation of each image.
    pub channels: Vec<ChannelScheme>,
    /// Of images.
    pub resample_data: Resampling,
    /// Of labels.
    pub resample_labels: Resampling,
    /// Of the network's outputs.
    pub resample_logits: Resampling,
    /// What the network's outputs stand for.
    pub outputs: Outputs,
    /// The network.
    pub architecture: Architecture,
}

impl Stage {
    /// Sides of a window, of slices one voxel thick.
    pub fn window(&self) -> [usize; 3] {
        match self.patch[..] {
            [h, w] => [1, h, w],
            [d, h, w] => [d, h, w],
            _ => [0; 3],
        }
    }

    /// Spacing along the network's axes for an image of this spacing along them: slices keep theirs.
    pub fn target_spacing_mm(&self, own_mm: [f64; 3]) -> [f64; 3] {
        match self.spacing_mm[..] {
            [d, h, w] => [d, h, w],
            [h, w] => [own_mm[0], h, w],
            _ => own_mm,
        }
    }

    /// What cards or plans may state and no stage has.
    ///
    /// # Errors
    /// The first of them, in words.
    pub fn check(&self) -> Result<(), String> {
        const MOST_VOXELS: usize = 1 << 27;
        self.architecture.check()?;
        let axes = if self.architecture.flat { 2 } else { 3 };
        if self.patch.len() != axes || self.spacing_mm.len() != axes {
            return Err(format!(
                "the plans' patch_size and spacing do not have {axes} entries"
            ));
        }
        if !self.spacing_mm.iter().all(|&mm| mm.is_finite() && mm > 0.0) {
            return Err("the plans' spacing is not above 0".to_owned());
        }
        let window = self.window();
        let voxels = window
            .iter()
            .try_fold(1usize, |n, &side| n.checked_mul(side));
        if !self.architecture.takes(window) || voxels.is_none_or(|n| n > MOST_VOXELS) {
            return Err(format!(
                "the network does not take windows of the plans' patch_size {:?}",
                self.patch
            ));
        }
        let mut axes_of = self.transpose;
        axes_of.sort_unstable();
        if axes_of != [0, 1, 2] {
            return Err("the plans' transpose_forward is no order of three axes".to_owned());
        }
        if self.mirror_axes.iter().any(|&axis| axis >= axes) {
            return Err("the checkpoint names an axis to mirror that there is not".to_owned());
        }
        if self.folds.is_empty() || self.channels.is_empty() {
            return Err("the model has no network, or no image to look at".to_owned());
        }
        if !(self.step > 0.0 && self.step <= 1.0) {
            return Err("the step between windows is not above 0 and at most 1".to_owned());
        }
        if self.outputs.heads().count() != self.architecture.heads {
            return Err("the network's outputs are not as many as its labels".to_owned());
        }
        self.channels
            .iter()
            .try_for_each(|c| c.normalization().map(drop))
    }
}
