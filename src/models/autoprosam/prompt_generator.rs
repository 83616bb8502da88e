//! The automatic prompt generator (APG): a 3D U-Net whose output replaces a feature map.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::models::checkpoint::Scope;
use crate::models::layers::{Conv3dLast, PointConv3d};
use crate::models::ops::{
    Activation, Corners, instance_norm_last, max_pool3d_last, resize_volume_last,
};
use crate::models::threedsam::channels_first;
use crate::models::trace::Trace;

use super::config::GeneratorConfig;

/// `AutomaticPromptEncoder` of the authors' code.
#[derive(Module, Debug)]
pub struct PromptGenerator {
    stem: Conv3dLast,
    inc: ConvNormRelu,
    downs: Vec<Pair>,
    ups: Vec<Pair>,
    outc: PointConv3d,
    #[module(skip)]
    scale: Vec<[usize; 3]>,
}

impl PromptGenerator {
    /// Takes the tensors of `feature_dict`.
    pub fn load(scope: &Scope<'_>, config: &GeneratorConfig) -> Self {
        let widths = config.channels();
        let inc = scope.child("inc");
        let downs = widths.windows(2).enumerate().map(|(level, pair)| {
            let scope = scope.child(format_args!("down{}", level + 1)).child("conv");
            Pair::load(&scope, 1, [pair[0], pair[1]])
        });
        let last = widths.len() - 1;
        let ups = (0..last).map(|step| {
            let scope = scope.child(format_args!("up{}", step + 1)).child("conv");
            let skip = widths[last - 1 - step];
            Pair::load(&scope, 0, [skip + up_width(&widths, step), skip])
        });
        Self {
            stem: Conv3dLast::load(&inc.child("conv1"), config.in_ch, widths[0]),
            inc: ConvNormRelu::load(&inc.child("conv2").child("conv"), widths[0], widths[0]),
            downs: downs.collect(),
            ups: ups.collect(),
            outc: PointConv3d::load(&scope.child("outc"), widths[0], config.num_classes, true),
            scale: config.scale.clone(),
        }
    }

    /// `[1, h, w, d, c]` → `[1, h, w, d, c']`.
    pub fn forward(&self, feature: Tensor<5>, trace: &Trace<'_>) -> Tensor<5> {
        let mut x = self.inc.forward(self.stem.forward(feature));
        trace.keep("inc", &channels_first(&x));
        let mut skips = Vec::with_capacity(self.downs.len());
        for (level, (down, scale)) in self.downs.iter().zip(&self.scale).enumerate() {
            skips.push(x.clone());
            x = down.forward(max_pool3d_last(x, *scale));
            trace.keep(&format!("down{}", level + 1), &channels_first(&x));
        }
        for (step, (up, skip)) in self.ups.iter().zip(skips.into_iter().rev()).enumerate() {
            let [_, h, w, d, _] = skip.dims();
            let larger = resize_volume_last(x, [h, w, d], Corners::Aligned);
            x = up.forward(Tensor::cat(vec![skip, larger], 4));
            trace.keep(&format!("up{}", step + 1), &channels_first(&x));
        }
        self.outc.forward(x)
    }
}

/// Channels that come up into a step: the bottom's, then those of the step before.
fn up_width(widths: &[usize], step: usize) -> usize {
    widths[widths.len() - 1 - step]
}

/// Two convolutions of one level.
#[derive(Module, Debug)]
struct Pair {
    first: ConvNormRelu,
    second: ConvNormRelu,
}

impl Pair {
    /// `start` is the index of the first one in the authors' sequence.
    fn load(scope: &Scope<'_>, start: usize, [from, to]: [usize; 2]) -> Self {
        let layer =
            |index: usize, from| ConvNormRelu::load(&scope.child(index).child("conv"), from, to);
        Self {
            first: layer(start, from),
            second: layer(start + 1, to),
        }
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        self.second.forward(self.first.forward(x))
    }
}

#[derive(Module, Debug)]
struct ConvNormRelu {
    conv: Conv3dLast,
}

impl ConvNormRelu {
    fn load(scope: &Scope<'_>, from: usize, to: usize) -> Self {
        Self {
            conv: Conv3dLast::load(&scope.child("conv"), from, to),
        }
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        instance_norm_last(self.conv.forward(x), Activation::Relu)
    }
}
