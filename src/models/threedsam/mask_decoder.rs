//! The multi-layer aggregation decoder: `VIT_MLAHead_h`.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use crate::models::checkpoint::Scope;
use crate::models::layers::{Conv3d, Window};
use crate::models::ops::{Corners, instance_norm, resize_linear};
use crate::models::trace::Trace;

use super::config::DecoderConfig;

/// Four heads, one for each feature map, and the class convolutions.
#[derive(Module, Debug)]
pub struct MaskDecoder {
    heads: Vec<Head>,
    mix: Conv3d,
    classes: Conv3d,
}

impl MaskDecoder {
    /// Takes the tensors of `decoder_dict`.
    pub fn load(scope: &Scope<'_>, config: &DecoderConfig) -> Self {
        let inner = config.mlahead_channels;
        let head = scope.child("mlahead");
        let cls = scope.child("cls");
        let conv = |scope: Scope<'_>, from, to| {
            Conv3d::load(&scope, [to, from, 3, 3, 3], false, Window::same(3))
        };
        Self {
            heads: (2..6)
                .map(|i| Head::load(&head.child(format_args!("head{i}")), config))
                .collect(),
            mix: conv(cls.child(0), 4 * inner + 1, inner),
            classes: conv(cls.child(3), inner, config.num_classes),
        }
    }

    /// Logits `[1, classes, h, w, d]` of `side` a side, of four feature maps `[1, c, h, w, d]` in the order of the
    /// heads and the image at twice their size.
    pub fn forward(
        &self,
        features: Vec<Tensor<5>>,
        image: Tensor<5>,
        side: usize,
        trace: &Trace<'_>,
    ) -> Tensor<5> {
        let size = image.dims()[2];
        let mut maps: Vec<Tensor<5>> = Vec::with_capacity(features.len() + 1);
        for (index, (head, feature)) in self.heads.iter().zip(features).enumerate() {
            let map = head.forward(feature);
            trace.keep(&format!("head{}", index + 2), &map);
            maps.push(resize_linear(map, &[size; 3], Corners::Aligned));
        }
        if trace.is_on() {
            trace.keep("mlahead_cat", &Tensor::cat(maps.clone(), 1));
        }
        maps.push(image);
        let mixed = self.mix.forward(Tensor::cat(maps, 1));
        trace.keep("cls0_conv", &mixed);
        let logits = self.classes.forward(relu(instance_norm(mixed)));
        trace.keep("cls_lowres", &logits);
        resize_linear(logits, &[side; 3], Corners::Aligned)
    }
}

/// Two convolutions, each normalised and rectified.
#[derive(Module, Debug)]
struct Head {
    conv1: Conv3d,
    conv2: Conv3d,
}

impl Head {
    fn load(scope: &Scope<'_>, config: &DecoderConfig) -> Self {
        let (outer, inner) = (config.mla_channels, config.mlahead_channels);
        let conv = |index: usize, from| {
            Conv3d::load(
                &scope.child(index),
                [inner, from, 3, 3, 3],
                false,
                Window::same(3),
            )
        };
        Self {
            conv1: conv(0, outer),
            conv2: conv(3, inner),
        }
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let x = relu(instance_norm(self.conv1.forward(x)));
        relu(instance_norm(self.conv2.forward(x)))
    }
}
