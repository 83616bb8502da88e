//! From images as they are read to what the network is shown.

use crate::models::ModelError;
use crate::models::nnunet::arrays::crop::NonZero;
use crate::models::nnunet::arrays::resampling::{Change, resampled_data, resampled_labels};
use crate::models::nnunet::stage::{Reader, Stage};
use crate::util::short_debug;

use super::axes::Axes;
use super::stored::{StoredScan, put_back};
use super::windows::NetworkInput;

/// Images of one grid in the axes of nnU-Net's reader.
#[derive(Clone)]
pub struct ReaderScan {
    /// Values of each image, row-major.
    pub images: Vec<Vec<f32>>,
    /// Lengths of the axes.
    pub dims: [usize; 3],
    /// Spacing along them.
    pub spacing_mm: [f64; 3],
}

impl ReaderScan {
    /// A stored scan as a reader gives it, and how its axes were exchanged.
    pub fn of(scan: &StoredScan, reader: Reader) -> (Self, Axes) {
        let axes = Axes::of_reader(reader, &scan.affine);
        let images = scan.images.iter();
        let read = Self {
            images: images.map(|i| axes.apply(i.clone(), scan.dims)).collect(),
            dims: axes.of(scan.dims),
            spacing_mm: axes.of(scan.spacing_mm),
        };
        (read, axes)
    }
}

/// A scan before a stage's network.
#[derive(Clone)]
pub struct Prepared {
    /// Images, and labels of the stage before one by one.
    pub input: NetworkInput,
    /// Labels of the stage before, on the whole scan along the network's axes.
    previous: Option<Vec<i16>>,
    /// The part of the scan that is not empty, along the network's axes.
    pub crop: NonZero,
    /// Lengths of the whole scan along the network's axes.
    pub whole: [usize; 3],
    /// From the crop to the network's spacing.
    pub change: Change,
    axes: Axes,
}

short_debug! {
    ReaderScan: |scan| format_args!("{} images {:?}", scan.images.len(), scan.dims);
    Prepared: |prepared| format_args!("{:?} of {:?}", prepared.input, prepared.whole);
}

impl Prepared {
    /// Brings a scan before a stage's network; `previous` are the labels that the stage before found, in the reader's axes.
    ///
    /// # Errors
    /// Another number of images than the stage takes.
    pub fn of(
        stage: &Stage,
        scan: ReaderScan,
        previous: Option<Vec<u16>>,
    ) -> Result<Self, ModelError> {
        let wanted = stage.channels.len();
        if scan.images.len() != wanted {
            return Err(ModelError::Unsupported(format!(
                "the network takes {wanted} images, and {} are given",
                scan.images.len()
            )));
        }
        let axes = Axes::exchanged(stage.transpose);
        let whole = axes.of(scan.dims);
        let images = scan.images.into_iter();
        let images: Vec<Vec<f32>> = images.map(|image| axes.apply(image, scan.dims)).collect();
        let crop = NonZero::of(&images, whole);
        let previous = previous.map(|labels| {
            let labels = labels.into_iter().map(|l| l as i16).collect();
            axes.apply(labels, scan.dims)
        });
        let is_masked = stage.channels.iter().any(|channel| channel.within_mask);
        let labels = is_masked.then(|| crop.labels(previous.as_deref()));
        let own_mm = axes.of(scan.spacing_mm);
        let change = Change::to_spacing(
            [0, 1, 2].map(|d| crop.bounds[d].len()),
            own_mm,
            stage.target_spacing_mm(own_mm),
        );
        let mut values = Vec::new();
        for (image, channel) in images.into_iter().zip(&stage.channels) {
            let mut image_in_crop = if crop.bounds.iter().map(|b| b.len()).eq(whole) {
                image
            } else {
                crop.cropped(&image)
            };
            let mask = labels.as_deref().filter(|_| channel.within_mask);
            let normalization = channel.normalization().map_err(ModelError::Unsupported)?;
            normalization.apply(&mut image_in_crop, mask);
            let resampled = resampled_data(image_in_crop, &change, stage.resample_data);
            if values.is_empty() {
                values = resampled;
            } else {
                values.extend(resampled);
            }
        }
        let mut prepared = Self {
            input: NetworkInput {
                values,
                channels: wanted,
                dims: change.to,
            },
            previous,
            crop,
            whole,
            change,
            axes,
        };
        if prepared.previous.is_some() {
            prepared.show_labels(stage);
        }
        Ok(prepared)
    }

    /// The labels within the crop at the network's spacing: 0 where the scan is not empty and -1 elsewhere, or those of
    /// the stage before.
    pub fn labels(&self, stage: &Stage) -> Vec<i16> {
        self.at_spacing(stage, self.previous.as_deref())
    }

    /// Labels in the reader's axes as [`Self::labels`] has those of the stage before.
    pub fn shown(&self, stage: &Stage, labels: Vec<u16>) -> Vec<i16> {
        let labels = labels.into_iter().map(|l| l as i16).collect();
        let labels = self.axes.apply(labels, self.axes.inverse().of(self.whole));
        self.at_spacing(stage, Some(&labels))
    }

    fn at_spacing(&self, stage: &Stage, labels: Option<&[i16]>) -> Vec<i16> {
        let labels = self.crop.labels(labels);
        resampled_labels(&labels, &self.change, stage.resample_labels)
    }

    /// An image of zeros and ones for each label of the stage before.
    fn show_labels(&mut self, stage: &Stage) {
        let labels = self.labels(stage);
        for &shown in &stage.outputs.foreground {
            let is_shown = |&label: &i16| f32::from(u8::from(label == shown as i16));
            self.input.values.extend(labels.iter().map(is_shown));
            self.input.channels += 1;
        }
    }

    /// Labels of the crop as labels of the scan in the reader's axes, 0 outside the crop.
    pub fn on_scan(&self, labels: &[u16]) -> Vec<u16> {
        let whole = put_back(labels, self.whole, &self.crop.bounds);
        self.axes.inverse().apply(whole, self.whole)
    }
}
