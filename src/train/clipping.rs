//! Gradients held to a length, module by module.

use std::collections::{BTreeMap, HashMap};

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use crate::models::checkpoint::ParamEntry;

/// Added to the length by PyTorch before it divides.
const TINY: f64 = 1e-6;

/// Scales the gradients of each part of a network (the first part of its parameters' names) so that together they are
/// no longer than `longest`, as PyTorch's `clip_grad_norm_` does. Returns the lengths they had.
pub fn clip_parts<M: Module>(
    net: &M,
    entries: &[ParamEntry],
    gradients: &mut GradientsParams,
    longest: f64,
) -> BTreeMap<String, f64> {
    let parts: HashMap<ParamId, &str> = entries
        .iter()
        .map(|entry| (entry.id, entry.name.split('.').next().unwrap_or_default()))
        .collect();
    let mut squares = Squares {
        parts: &parts,
        gradients,
        sums: BTreeMap::new(),
    };
    net.visit(&mut squares);
    let lengths: BTreeMap<String, f64> = squares
        .sums
        .into_iter()
        .map(|(part, sum)| (part, sum.sqrt()))
        .collect();
    let factors = lengths
        .iter()
        .map(|(part, length)| (part.clone(), (longest / (length + TINY)).min(1.0)))
        .collect();
    net.visit(&mut Scaling {
        parts: &parts,
        gradients,
        factors,
    });
    lengths
}

struct Squares<'a> {
    parts: &'a HashMap<ParamId, &'a str>,
    gradients: &'a GradientsParams,
    sums: BTreeMap<String, f64>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(param.id) else {
            return;
        };
        let square = gradient.powi_scalar(2).sum().into_scalar::<f32>();
        let part = self.parts.get(&param.id).copied().unwrap_or_default();
        *self.sums.entry(part.to_owned()).or_default() += f64::from(square);
    }
}

struct Scaling<'a> {
    parts: &'a HashMap<ParamId, &'a str>,
    gradients: &'a mut GradientsParams,
    factors: BTreeMap<String, f64>,
}

impl ModuleVisitor for Scaling<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let part = self.parts.get(&param.id).copied().unwrap_or_default();
        let factor = self.factors.get(part).copied().unwrap_or(1.0);
        if factor >= 1.0 {
            return;
        }
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, gradient * factor);
        }
    }
}
