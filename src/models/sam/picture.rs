//! Slices as the network's images, and its masks as slices.

use burn::tensor::{Device, Tensor, TensorData, activation, ops::PadMode};

use crate::models::ops::{
    Beyond, Corners, Spline, pil_resize_bilinear, resize_linear, resize_slice,
};
use crate::models::slices;
use crate::volume::{ImageVolume, Modality};

use super::scale_places;
use super::settings::{Framing, SamSettings};

/// Logit of a voxel that a mask so far holds, and of one that it does not, negated.
const SURE: f32 = 10.0;
/// Values looked at for percentiles at most.
const SAMPLES: usize = 1 << 20;

/// A scan's slices as 8-bit pixels.
#[derive(Debug)]
pub(crate) struct Pixels {
    /// Slice after slice, row by row, the channels of a pixel together.
    values: Vec<u8>,
    /// 1 of grey slices, 3 in colour.
    channels: usize,
    /// Rows and columns of a slice.
    size: [usize; 2],
}

impl Pixels {
    /// A slice.
    pub(super) fn slice(&self, k: usize) -> Slice<'_> {
        let values = self.size[0] * self.size[1] * self.channels;
        Slice::of(&self.values[k * values..(k + 1) * values], self.size)
    }

    /// Slice after slice, row by row, the channels of a pixel together.
    pub(crate) fn into_values(self) -> Vec<u8> {
        self.values
    }
}

/// One slice of [`Pixels`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slice<'a> {
    values: &'a [u8],
    channels: usize,
    size: [usize; 2],
}

impl<'a> Slice<'a> {
    /// Pixels row by row, the channels of each together, of as many channels as there are values for `size` (rows and
    /// columns).
    pub(crate) fn of(values: &'a [u8], size: [usize; 2]) -> Self {
        Self {
            values,
            channels: values.len() / (size[0] * size[1]),
            size,
        }
    }
}

impl SamSettings {
    /// A scan as pixels: colours as they are, other values as grey.
    pub(crate) fn pixels(&self, image: &ImageVolume) -> Pixels {
        let [columns, rows, _] = image.grid().dims;
        let (values, channels) = match image.colours() {
            Some(colours) => (colours.as_flattened().to_vec(), 3),
            None => (self.grey(&slices::values(image), image.modality()), 1),
        };
        Pixels {
            values,
            channels,
            size: [rows, columns],
        }
    }

    /// A scan's values as 8-bit grey.
    fn grey(&self, values: &[f32], modality: Modality) -> Vec<u8> {
        let [low, high] = match modality {
            Modality::Ct => self.ct_window_hu,
            Modality::Mr | Modality::Pet => self.percentile_range(values),
        };
        let range = (high - low).max(f32::MIN_POSITIVE);
        let grey = |v: &f32| ((v - low) / range * 255.0).clamp(0.0, 255.0) as u8;
        values.iter().map(grey).collect()
    }

    fn percentile_range(&self, values: &[f32]) -> [f32; 2] {
        let step = values.len().div_ceil(SAMPLES).max(1);
        let mut some: Vec<f32> = values
            .iter()
            .step_by(step)
            .copied()
            .filter(|&v| v != 0.0)
            .collect();
        some.sort_by(f32::total_cmp);
        let Some(last) = some.len().checked_sub(1) else {
            return [0.0, 1.0];
        };
        self.percentiles
            .map(|share| some[(share.clamp(0.0, 1.0) * last as f64).round() as usize])
    }

    /// Height and width of a slice inside the network's image.
    fn inside(&self, from: [usize; 2]) -> [usize; 2] {
        match self.framing {
            Framing::Predictor => self.network.resized(from),
            Framing::Medsam => [self.network.encoder.image_side; 2],
        }
    }

    /// A slice as the network's image `[1, 3, side, side]`.
    pub(crate) fn image(&self, slice: Slice<'_>, device: &Device) -> Tensor<4> {
        let (from, channels) = (slice.size, slice.channels);
        let to = self.inside(from);
        // Three equal channels of a grey slice.
        let tensor = |values: Vec<f32>| {
            let data = TensorData::new(values, [1, channels, to[0], to[1]]);
            Tensor::<4>::from_data(data, device).repeat_dim(1, 3 / channels)
        };
        match self.framing {
            Framing::Predictor => {
                let pixels = pil_resize_bilinear(slice.values, from, channels, to);
                let pixels = apart(&pixels, channels).map(f32::from).collect();
                self.network.prepare(tensor(pixels))
            }
            Framing::Medsam => {
                let values: Vec<f64> = apart(slice.values, channels).map(f64::from).collect();
                let resized = values.chunks_exact(from[0] * from[1]).flat_map(|channel| {
                    resize_slice(channel, from, to, Spline::Cubic, Beyond::Mirror, true)
                });
                let pixels: Vec<u8> = resized.map(|v| v as u8).collect();
                let low = pixels.iter().copied().min().unwrap_or(0);
                let high = pixels.iter().copied().max().unwrap_or(0);
                let range = f32::from(high - low).max(1.0);
                tensor(pixels.iter().map(|&v| f32::from(v - low) / range).collect())
            }
        }
    }

    /// Places (x, y) of a slice, in pixels of the network's image.
    pub(super) fn places(&self, places: &[f32], from: [usize; 2]) -> Vec<f32> {
        scale_places(places, from, self.inside(from))
    }

    /// Which pixels of a slice of `to` (rows, columns) a mask `[1, 1, h, w]` of logits holds: those above 0.
    pub(super) fn margins(&self, logits: Tensor<4>, to: [usize; 2]) -> Tensor<4> {
        match self.framing {
            Framing::Predictor => self.network.restore(logits, self.inside(to), to),
            Framing::Medsam => {
                let probability = activation::sigmoid(logits);
                resize_linear(probability, &to, Corners::HalfPixel).sub_scalar(0.5)
            }
        }
    }

    /// A mask of a slice as the mask prompt `[1, 1, 4 grid, 4 grid]`.
    pub(crate) fn mask_prompt(&self, mask: &[u8], from: [usize; 2], device: &Device) -> Tensor<4> {
        let logits = mask.iter().map(|&v| if v == 0 { -SURE } else { SURE });
        let data = TensorData::new(logits.collect::<Vec<f32>>(), [1, 1, from[0], from[1]]);
        let inside = self.inside(from);
        let image = resize_linear(Tensor::from_data(data, device), &inside, Corners::HalfPixel);
        let side = self.network.encoder.image_side;
        let padding = [(0, side - inside[0]), (0, side - inside[1])];
        let image: Tensor<4> = image.pad(padding, PadMode::Constant(-SURE));
        resize_linear(
            image,
            &[4 * self.network.encoder.grid(); 2],
            Corners::HalfPixel,
        )
    }
}

/// Pixels whose channels are together as one whole channel after the other.
fn apart(pixels: &[u8], channels: usize) -> impl Iterator<Item = u8> + '_ {
    (0..channels).flat_map(move |c| pixels.iter().skip(c).step_by(channels).copied())
}
