//! Encoder, decoder and heads.

use std::collections::HashMap;

use burn::tensor::{Device, Tensor};

use crate::models::checkpoint::{CheckpointError, Init, Loader, Scope, WeightMap};
use crate::models::layers::multiply_rows;
use crate::models::trace::Trace;

use super::architecture::{Architecture, EncoderKind};
use super::conv::{StepUp, weight};
use super::residual::{BlockShape, ResidualBlock};
use super::seen::Seen;
use super::unit::{Unit, UnitShape};
use super::{TITLE, channels_first, channels_last};

/// A network of nnU-Net.
pub struct UNet {
    flat: bool,
    stem: Option<Unit>,
    stages: Vec<Stage>,
    /// From the deepest on.
    steps: Vec<Step>,
}

enum Stage {
    Plain(Vec<Unit>),
    Residual(Vec<ResidualBlock>),
}

/// One step up: what was below, beside the skip, through a few units.
struct Step {
    up: StepUp,
    units: Vec<Unit>,
    head: Option<Head>,
}

/// 1×1×1 convolution to the classes.
struct Head {
    matrix: Tensor<2>,
    bias: Tensor<1>,
}

impl UNet {
    /// Loads a checkpoint's tensors, each under its plain name.
    ///
    /// # Errors
    /// Sizes that no network has; tensors that do not fit the network.
    pub fn from_weights(
        weights: WeightMap,
        architecture: &Architecture,
        device: &Device,
    ) -> Result<Self, CheckpointError> {
        Self::with_increments(weights, architecture, device, HashMap::new())
    }

    /// The same with increments added, by the names of weights that hold as many values: through it they learn.
    ///
    /// # Errors
    /// As [`Self::from_weights`].
    pub(crate) fn with_increments(
        weights: WeightMap,
        architecture: &Architecture,
        device: &Device,
        increments: HashMap<String, Tensor<2>>,
    ) -> Result<Self, CheckpointError> {
        architecture
            .check()
            .map_err(|problem| CheckpointError::misfit(TITLE, problem))?;
        let loader = Loader::new(weights, device).with_increments(increments);
        let net = Self::load(&loader.root(), architecture);
        loader.finish(TITLE, |_| false)?;
        Ok(net)
    }

    fn load(scope: &Scope<'_>, architecture: &Architecture) -> Self {
        let (encoder, decoder) = (scope.child("encoder"), scope.child("decoder"));
        let stem = (architecture.encoder == EncoderKind::Residual).then(|| {
            let shape = UnitShape {
                from: architecture.inputs,
                to: architecture.stem_width(),
                kernel: architecture.kernels[0],
                stride: [1; 3],
                flat: architecture.flat,
            };
            let style = architecture.style;
            let scope = encoder.child("stem").child("convs").child(0);
            Unit::load(&scope, shape, style, style.activation())
        });
        let stages = 0..architecture.stages();
        Self {
            flat: architecture.flat,
            stem,
            stages: stages
                .map(|s| Stage::load(&encoder.child("stages").child(s), architecture, s))
                .collect(),
            steps: (0..architecture.stages() - 1)
                .map(|s| Step::load(&decoder, architecture, s))
                .collect(),
        }
    }

    /// Logits `[b, heads, d, h, w]` of `[b, channels, d, h, w]`, whose sides the architecture
    /// [takes](Architecture::takes). With a trace, what the other heads give is kept too.
    pub fn forward(&self, x: Tensor<5>, trace: &Trace<'_>) -> Tensor<5> {
        channels_first(self.forward_last(channels_last(x), trace))
    }

    /// The same with channels and heads last.
    pub fn forward_last(&self, mut x: Tensor<5>, trace: &Trace<'_>) -> Tensor<5> {
        let seen = Seen::new(trace, self.flat);
        let (below, decoder) = (seen.child("encoder"), seen.child("decoder"));
        if let Some(stem) = &self.stem {
            x = stem.forward(x, &below.child("stem").child("convs").child(0));
            below.keep("stem", &x);
        }
        let mut skips = Vec::with_capacity(self.stages.len());
        for (index, stage) in self.stages.iter().enumerate() {
            x = stage.forward(x, &below.child("stages").child(index));
            below.child("stages").keep(&index.to_string(), &x);
            skips.push(x.clone());
        }
        skips.pop();
        let last = self.steps.len() - 1;
        for (index, step) in self.steps.iter().enumerate() {
            let up = step.up.forward(x);
            decoder.child("transpconvs").keep(&index.to_string(), &up);
            let mut maps: Vec<Tensor<5>> = std::iter::once(up).chain(skips.pop()).collect();
            let stages = decoder.child("stages");
            let place = stages.child(index);
            for (number, unit) in step.units.iter().enumerate() {
                maps = vec![unit.forward_beside(maps, &place.child("convs").child(number))];
            }
            x = match maps.len() {
                1 => maps.remove(0),
                _ => Tensor::cat(maps, 4),
            };
            stages.keep(&index.to_string(), &x);
            if let Some(head) = step.head.as_ref().filter(|_| index < last && seen.is_on()) {
                let level = (last - index).to_string();
                seen.child("deep_supervision")
                    .keep(&level, &head.forward(x.clone()));
            }
        }
        match &self.steps[last].head {
            Some(head) => head.forward(x),
            None => x,
        }
    }
}

impl Stage {
    fn load(scope: &Scope<'_>, architecture: &Architecture, stage: usize) -> Self {
        let style = architecture.style;
        let to = architecture.features[stage];
        let (kernel, flat) = (architecture.kernels[stage], architecture.flat);
        let before = match (stage, architecture.encoder) {
            (0, EncoderKind::Plain) => architecture.inputs,
            (0, EncoderKind::Residual) => architecture.stem_width(),
            _ => architecture.features[stage - 1],
        };
        let of_first = |index: usize| match index {
            0 => (before, architecture.strides[stage]),
            _ => (to, [1; 3]),
        };
        let all = 0..architecture.depths[stage];
        match architecture.encoder {
            EncoderKind::Plain => Self::Plain(
                all.map(|index| {
                    let (from, stride) = of_first(index);
                    let shape = UnitShape {
                        from,
                        to,
                        kernel,
                        stride,
                        flat,
                    };
                    let scope = scope.child(0).child("convs").child(index);
                    Unit::load(&scope, shape, style, style.activation())
                })
                .collect(),
            ),
            EncoderKind::Residual => Self::Residual(
                all.map(|index| {
                    let (from, stride) = of_first(index);
                    let shape = BlockShape {
                        from,
                        to,
                        kernel,
                        stride,
                        bottleneck: architecture.bottlenecks.get(stage).copied(),
                        flat,
                    };
                    ResidualBlock::load(&scope.child("blocks").child(index), shape, style)
                })
                .collect(),
            ),
        }
    }

    fn forward(&self, x: Tensor<5>, seen: &Seen<'_>) -> Tensor<5> {
        match self {
            Self::Plain(units) => {
                let place = seen.child(0);
                units.iter().enumerate().fold(x, |x, (index, unit)| {
                    unit.forward(x, &place.child("convs").child(index))
                })
            }
            Self::Residual(blocks) => blocks.iter().enumerate().fold(x, |x, (index, block)| {
                block.forward(x, &seen.child("blocks").child(index))
            }),
        }
    }
}

impl Step {
    /// Step `step` from the deepest stage on.
    fn load(scope: &Scope<'_>, architecture: &Architecture, step: usize) -> Self {
        let below = architecture.stages() - 1 - step;
        let skip = below - 1;
        let (from, to) = (architecture.features[below], architecture.features[skip]);
        let (flat, style) = (architecture.flat, architecture.style);
        let units = (0..architecture.decoder_depths[step]).map(|index| {
            let shape = UnitShape {
                from: if index == 0 { 2 * to } else { to },
                to,
                kernel: architecture.kernels[skip],
                stride: [1; 3],
                flat,
            };
            let scope = scope.child("stages").child(step).child("convs");
            Unit::load(&scope.child(index), shape, style, style.activation())
        });
        let units = units.collect();
        // Only the last head is used; files of ours leave out the others.
        let head = scope.child("seg_layers").child(step);
        let wanted = skip == 0 || head.contains("weight");
        Self {
            up: StepUp::load(
                &scope.child("transpconvs").child(step),
                [from, to],
                architecture.strides[below],
                (style.bias, flat),
            ),
            units,
            head: wanted.then(|| Head::load(&head, to, architecture.heads, flat)),
        }
    }
}

impl Head {
    fn load(scope: &Scope<'_>, from: usize, heads: usize, flat: bool) -> Self {
        let init = Init::Uniform(1.0 / (from as f32).sqrt());
        let weight = weight(scope, [from, heads], [1; 3], (flat, false));
        Self {
            matrix: weight.reshape([from, heads]),
            bias: scope.buffer("bias", [heads], init),
        }
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        multiply_rows(x, self.matrix.clone(), Some(self.bias.clone()))
    }
}
