//! The multi-layer aggregation decoder: `VIT_MLAHead_h`.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::models::checkpoint::Scope;
use crate::models::layers::Conv3dLast;
use crate::models::ops::{
    Activation, Corners, instance_norm_last, resize_linear, resize_volume_last,
};
use crate::models::trace::Trace;

use super::config::DecoderConfig;

/// Four heads, one for each feature map, and the class convolutions.
#[derive(Module, Debug)]
pub struct MaskDecoder {
    heads: Vec<Head>,
    mix: Conv3dLast,
    classes: Conv3dLast,
}

impl MaskDecoder {
    /// Takes the tensors of `decoder_dict`.
    pub fn load(scope: &Scope<'_>, config: &DecoderConfig) -> Self {
        let inner = config.mlahead_channels;
        let head = scope.child("mlahead");
        let cls = scope.child("cls");
        Self {
            heads: (2..6)
                .map(|i| Head::load(&head.child(format_args!("head{i}")), config))
                .collect(),
            mix: Conv3dLast::load(&cls.child(0), 4 * inner + 1, inner),
            classes: Conv3dLast::load(&cls.child(3), inner, config.num_classes),
        }
    }

    /// Logits `[1, classes, h, w, d]` of `side` a side, of four feature maps `[1, h, w, d, c]` in the order of the
    /// heads and the image `[1, h, w, d, 1]` at twice their size.
    pub fn forward(
        &self,
        features: Vec<Tensor<5>>,
        image: Tensor<5>,
        side: usize,
        trace: &Trace<'_>,
    ) -> Tensor<5> {
        let size = image.dims()[1];
        let mut maps: Vec<Tensor<5>> = Vec::with_capacity(features.len() + 1);
        for (index, (head, feature)) in self.heads.iter().zip(features).enumerate() {
            let map = head.forward(feature);
            trace.keep(&format!("head{}", index + 2), &channels_first(&map));
            maps.push(resize_volume_last(map, [size; 3], Corners::Aligned));
        }
        if trace.is_on() {
            let joined = Tensor::cat(maps.clone(), 4);
            trace.keep("mlahead_cat", &channels_first(&joined));
        }
        maps.push(image);
        let mixed = self.mix.forward(Tensor::cat(maps, 4));
        trace.keep("cls0_conv", &channels_first(&mixed));
        let logits = self
            .classes
            .forward(instance_norm_last(mixed, Activation::Relu));
        let logits = channels_first(&logits);
        trace.keep("cls_lowres", &logits);
        resize_linear(logits, &[side; 3], Corners::Aligned)
    }
}

/// `[1, h, w, d, c]` as `[1, c, h, w, d]`.
pub(in crate::models) fn channels_first(x: &Tensor<5>) -> Tensor<5> {
    x.clone().permute([0, 4, 1, 2, 3])
}

/// Two convolutions, each normalised and rectified.
#[derive(Module, Debug)]
struct Head {
    conv1: Conv3dLast,
    conv2: Conv3dLast,
}

impl Head {
    fn load(scope: &Scope<'_>, config: &DecoderConfig) -> Self {
        let (outer, inner) = (config.mla_channels, config.mlahead_channels);
        Self {
            conv1: Conv3dLast::load(&scope.child(0), outer, inner),
            conv2: Conv3dLast::load(&scope.child(3), inner, inner),
        }
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let x = instance_norm_last(self.conv1.forward(x), Activation::Relu);
        instance_norm_last(self.conv2.forward(x), Activation::Relu)
    }
}
