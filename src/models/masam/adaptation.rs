//! What MA-SAM adds to the blocks of SAM's image encoder.

use burn::module::Module;
use burn::tensor::{Distribution, Tensor};

use crate::models::checkpoint::Scope;
use crate::models::layers::{Linear, multiply_rows};
use crate::models::ops::add;
use crate::models::sam::BlockAdaptation;
use crate::models::trace::Trace;

use super::{MasamConfig, SliceAdapter};

/// Share of the increments' inner values that training leaves out.
const DROPOUT: f64 = 0.1;

/// How a forward pass is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing is left to chance.
    Inference,
    /// With dropout.
    Training,
}

/// A block's own part.
#[derive(Module, Debug)]
struct BlockPart {
    q_facts: Option<Linear>,
    v_facts: Option<Linear>,
    before_attention: Option<SliceAdapter>,
    before_perceptron: Option<SliceAdapter>,
}

/// Increments ΔWq = s V Sq U and ΔWv = s V Sv U of each block's attention, where U and V are shared by all blocks, and
/// two adapters in each block.
#[derive(Module, Debug)]
pub struct Adaptation {
    fact_u: Option<Linear>,
    fact_v: Option<Linear>,
    blocks: Vec<BlockPart>,
    scale: f64,
}

impl Adaptation {
    /// Takes what is added to the image encoder at `scope`, under [our names](super::names).
    pub fn load(scope: &Scope<'_>, config: &MasamConfig) -> Self {
        let encoder = &config.sam.encoder;
        let (width, rank) = (encoder.width, config.rank);
        let linear = |scope: Scope<'_>, from: usize, to: usize| {
            (rank > 0).then(|| Linear::load(&scope, from, to, false))
        };
        let sizes = [width, config.adapter_width];
        let block = |number: usize| {
            let scope = scope.child("blocks").child(number);
            let qkv = scope.child("attn").child("qkv");
            let adapter = |there: bool, suffix| {
                there.then(|| SliceAdapter::load(&scope, sizes, suffix, encoder.norm_eps))
            };
            BlockPart {
                q_facts: linear(qkv.child("q_FacTs"), rank, rank),
                v_facts: linear(qkv.child("v_FacTs"), rank, rank),
                before_attention: adapter(config.adapters.before_attention, ""),
                before_perceptron: adapter(config.adapters.before_perceptron, "_2"),
            }
        };
        Self {
            fact_u: linear(scope.child("FacTu"), width, rank),
            fact_v: linear(scope.child("FacTv"), rank, width),
            blocks: (0..encoder.depth).map(block).collect(),
            scale: config.scale,
        }
    }

    /// For a batch of volumes of this many slices each.
    pub fn on_slices(&self, slices: usize, mode: Mode) -> OnSlices<'_> {
        OnSlices {
            adaptation: self,
            slices,
            mode,
        }
    }
}

/// The adaptation during one forward pass.
pub struct OnSlices<'a> {
    adaptation: &'a Adaptation,
    slices: usize,
    mode: Mode,
}

impl OnSlices<'_> {
    fn drop_some(&self, x: Tensor<4>) -> Tensor<4> {
        if self.mode == Mode::Inference {
            return x;
        }
        let kept = x.random_like(Distribution::Bernoulli(1.0 - DROPOUT));
        x * kept.div_scalar(1.0 - DROPOUT)
    }
}

impl BlockAdaptation for OnSlices<'_> {
    fn before_attention(&self, block: usize, x: Tensor<4>, trace: &Trace<'_>) -> Tensor<4> {
        let Some(adapter) = &self.adaptation.blocks[block].before_attention else {
            return x;
        };
        let x = adapter.forward(x, self.slices, trace);
        trace.keep("after_adapter_1", &x);
        x
    }

    fn on_qkv(&self, block: usize, x: &Tensor<4>, qkv: Tensor<4>, trace: &Trace<'_>) -> Tensor<4> {
        let Adaptation { fact_u, fact_v, .. } = self.adaptation;
        let part = &self.adaptation.blocks[block];
        let (Some(u), Some(v), Some(q_facts), Some(v_facts)) =
            (fact_u, fact_v, &part.q_facts, &part.v_facts)
        else {
            return qkv;
        };
        let inner = u.forward(x.clone());
        let query = q_facts.forward(inner.clone());
        let value = v_facts.forward(inner);
        trace.keep("qkv.q_FacTs", &query);
        trace.keep("qkv.v_FacTs", &value);
        // One product [query, value] [[V, 0, 0], [0, 0, V]] adds to q and v and leaves k.
        let outward = v.weight().mul_scalar(self.adaptation.scale);
        let none = outward.zeros_like();
        let to_query = Tensor::cat(vec![outward.clone(), none.clone(), none.clone()], 1);
        let to_value = Tensor::cat(vec![none.clone(), none, outward], 1);
        let outward = Tensor::cat(vec![to_query, to_value], 0);
        let inner = Tensor::cat(vec![self.drop_some(query), self.drop_some(value)], 3);
        add(qkv, multiply_rows(inner, outward, None))
    }

    fn before_perceptron(&self, block: usize, x: Tensor<4>, trace: &Trace<'_>) -> Tensor<4> {
        let Some(adapter) = &self.adaptation.blocks[block].before_perceptron else {
            return x;
        };
        let x = adapter.forward(x, self.slices, trace);
        trace.keep("after_adapter_2", &x);
        x
    }
}
