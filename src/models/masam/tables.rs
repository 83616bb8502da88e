//! A plain SAM file's weights for another side of the image, as MA-SAM's authors make them.

use burn::tensor::{Device, Tensor, TensorData};

use crate::models::checkpoint::{CheckpointError, HostTensor, WeightMap};
use crate::models::ops::{Corners, resize_axis, resize_linear};
use crate::models::sam::{DecoderConfig, EncoderConfig, SamConfig};

/// What became of a SAM file's position tables.
#[derive(Debug, Clone)]
pub struct Resampled {
    /// The file's tensors, some of them resampled.
    pub weights: WeightMap,
    /// Those that were.
    pub interpolated: Vec<String>,
}

/// Resamples the absolute position table of SAM's image encoder for images of `image_side`, and with it the relative
/// ones of blocks that see the whole image; nothing where the absolute table fits (`build_sam.py`, `load_from`).
///
/// # Errors
/// Tensors that are not SAM's.
pub fn resample_positions(
    weights: &WeightMap,
    image_side: usize,
) -> Result<Resampled, CheckpointError> {
    let config = EncoderConfig::infer(&weights.under("image_encoder."))?;
    let grid = image_side / config.patch;
    let mut result = Resampled {
        weights: weights.clone(),
        interpolated: Vec::new(),
    };
    if grid == config.grid() {
        return Ok(result);
    }
    let name = "image_encoder.pos_embed".to_owned();
    let table = tensor::<4>(weights.read(&name)?);
    let table = resize_linear(table.permute([0, 3, 1, 2]), &[grid; 2], Corners::HalfPixel);
    result.put(name, table.permute([0, 2, 3, 1]));
    for block in &config.global_blocks {
        for axis in ["h", "w"] {
            let name = format!("image_encoder.blocks.{block}.attn.rel_pos_{axis}");
            let table = tensor::<2>(weights.read(&name)?);
            result.put(
                name,
                resize_axis(table, 0, 2 * grid - 1, Corners::HalfPixel),
            );
        }
    }
    Ok(result)
}

impl Resampled {
    fn put<const D: usize>(&mut self, name: String, tensor: Tensor<D>) {
        let shape = tensor.dims().to_vec();
        let data = tensor.into_data().iter::<f32>().collect();
        self.weights.insert(&name, HostTensor::new(shape, data));
        self.interpolated.push(name);
    }
}

fn tensor<const D: usize>(host: HostTensor) -> Tensor<D> {
    let data = TensorData::new(host.data, host.shape);
    Tensor::from_data(data, &Device::flex())
}

/// The tensors of a SAM file, its position tables resampled, that training of MA-SAM starts from: those that its network
/// has under the same name and in the same shape. The rest starts at random.
///
/// The authors' list of exclusions is longer, but PyTorch has copied every tensor that fits before it raises the error
/// that makes them look at that list.
pub fn starting_weights(base: WeightMap, config: &DecoderConfig) -> WeightMap {
    let shapes: Vec<(String, bool)> = base
        .names()
        .map(|name| (name.to_owned(), fits(name, base.shape(name), config)))
        .collect();
    shapes
        .into_iter()
        .filter(|(_, fits)| !fits)
        .fold(base, |mut weights, (name, _)| {
            weights.remove(&name);
            weights
        })
}

/// Whether a tensor of a SAM file has the shape that MA-SAM's mask decoder of these sizes wants.
fn fits(name: &str, shape: Option<&[usize]>, config: &DecoderConfig) -> bool {
    let rows = shape.and_then(|shape| shape.first().copied());
    let Some(name) = name.strip_prefix("mask_decoder.") else {
        return true;
    };
    if name == "mask_tokens.weight" {
        return rows == Some(config.masks);
    }
    if let Some(layer) = name.strip_prefix("iou_prediction_head.layers.") {
        let last = layer.starts_with(&format!("{}.", config.iou_depth - 1));
        return !last || rows == Some(config.masks);
    }
    if let Some(head) = name.strip_prefix("output_hypernetworks_mlps.") {
        let (number, layer) = head.split_once('.').unwrap_or((head, ""));
        let known = number.parse().is_ok_and(|n: usize| n < config.masks);
        let last = layer.starts_with("layers.2.");
        return known && (!last || rows == config.upscaling.last().copied());
    }
    true
}

/// Whether a file's tensors are those of a plain SAM.
pub fn is_plain_sam(weights: &WeightMap) -> bool {
    SamConfig::infer(weights).is_ok() && !weights.contains("image_encoder.FacTu.weight")
}
