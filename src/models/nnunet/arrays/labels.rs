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

    /// The label of a voxel from the logits of all heads. The first of equal classes wins; a region needs a probability
    /// above 0.5, and the last of several writes.
    pub fn label_of(&self, logits: &[f32]) -> u16 {
        match self {
            Self::Classes(_) => {
                let mut best = (f32::NEG_INFINITY, 0);
                for (class, &logit) in logits.iter().enumerate() {
                    if logit > best.0 {
                        best = (logit, class as u16);
                    }
                }
                best.1
            }
            Self::Regions(order) => {
                let mut regions = order.iter().zip(logits);
                let last = regions.rfind(|&(_, &logit)| sigmoid(logit) > 0.5);
                last.map_or(0, |(&label, _)| label)
            }
        }
    }

    /// Probabilities of logits, one channel after the other (`LabelManager.apply_inference_nonlin`): softmax over the
    /// classes, a sigmoid for each region.
    pub fn probabilities(&self, logits: &[f32]) -> Vec<f32> {
        if let Self::Regions(_) = self {
            return logits.iter().map(|&l| sigmoid(l)).collect();
        }
        let voxels = logits.len() / self.count().max(1);
        let mut probabilities = vec![0.0; logits.len()];
        for voxel in 0..voxels {
            let of_voxel = || logits.iter().skip(voxel).step_by(voxels);
            let largest = of_voxel().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = of_voxel().map(|l| (l - largest).exp()).sum();
            let places = probabilities.iter_mut().skip(voxel).step_by(voxels);
            for (probability, logit) in places.zip(of_voxel()) {
                *probability = (logit - largest).exp() / sum;
            }
        }
        probabilities
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
