//! From logits to labels.

use crate::util::short_debug;

/// What the network's heads stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heads {
    /// This many classes of which each voxel has one, the background first.
    Classes(usize),
    /// Regions that may overlap, with the label that each writes; later ones overwrite earlier ones.
    Regions(Vec<u16>),
}

impl Heads {
    /// Number of output channels (`LabelManager.num_segmentation_heads`).
    pub fn count(&self) -> usize {
        match self {
            Self::Classes(classes) => *classes,
            Self::Regions(order) => order.len(),
        }
    }

    /// The label of a voxel from the logits of all heads, which may be changed. The first of equal classes wins; a region
    /// needs a probability above 0.5, and the last of several writes.
    pub fn label_of(&self, logits: &mut [f32]) -> u16 {
        match self {
            Self::Classes(_) => {
                let mut best = (f32::NEG_INFINITY, 0);
                for (class, &mut logit) in logits.iter_mut().enumerate() {
                    if logit > best.0 {
                        best = (logit, class as u16);
                    }
                }
                best.1
            }
            Self::Regions(order) => {
                self.activate(logits);
                let mut regions = order.iter().zip(logits);
                let last = regions.rfind(|(_, probability)| **probability > 0.5);
                last.map_or(0, |(&label, _)| label)
            }
        }
    }

    /// Makes probabilities of a voxel's logits (`LabelManager.apply_inference_nonlin`): softmax over the classes, a sigmoid
    /// for each region.
    pub fn activate(&self, logits: &mut [f32]) {
        if let Self::Regions(_) = self {
            logits.iter_mut().for_each(|l| *l = sigmoid(*l));
            return;
        }
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        logits.iter_mut().for_each(|l| *l = (*l - largest).exp());
        let sum: f32 = logits.iter().sum();
        logits.iter_mut().for_each(|l| *l /= sum);
    }
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// The label of each voxel from logits that come head by head in ascending order
/// (`LabelManager.convert_logits_to_segmentation`): only the best logit so far is kept, so memory does not go with the
/// number of classes.
#[derive(Clone)]
pub struct LabelsFromLogits {
    heads: Heads,
    next: usize,
    best: Vec<f32>,
    labels: Vec<u16>,
}

short_debug! {
    LabelsFromLogits: |found| format_args!("labels after {} heads", found.next);
}

impl LabelsFromLogits {
    /// Nothing seen yet.
    pub fn new(heads: Heads, voxels: usize) -> Self {
        let kept = match &heads {
            Heads::Classes(_) => voxels,
            Heads::Regions(_) => 0,
        };
        Self {
            heads,
            next: 0,
            best: vec![f32::NEG_INFINITY; kept],
            labels: vec![0; voxels],
        }
    }

    /// The next head's logits, one a voxel. The first of equal classes wins; a region needs a probability above 0.5.
    ///
    /// # Panics
    /// When there are more heads than said.
    pub fn add(&mut self, logits: &[f32]) {
        match &self.heads {
            Heads::Classes(_) => {
                let class = self.next as u16;
                let voxels = self.best.iter_mut().zip(&mut self.labels).zip(logits);
                for ((best, label), &logit) in voxels {
                    if logit > *best {
                        (*best, *label) = (logit, class);
                    }
                }
            }
            Heads::Regions(order) => {
                let written = order[self.next];
                for (label, &logit) in self.labels.iter_mut().zip(logits) {
                    if sigmoid(logit) > 0.5 {
                        *label = written;
                    }
                }
            }
        }
        self.next += 1;
    }

    /// The label of each voxel.
    pub fn finish(self) -> Vec<u16> {
        self.labels
    }
}
