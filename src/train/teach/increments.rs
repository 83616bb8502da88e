//! What learns while a model is taught: the factors of the increments, and the network that they make of the base.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::models::checkpoint::{ParamEntry, WeightMap, normal};
use crate::models::prosector1::ProsectorNet;
use crate::models::taught::factor_name;
use crate::models::taught::forms::Form;

use super::methods::Method;

/// The factors of all increments, in the order of the plan.
#[derive(Module, Debug)]
pub(super) struct Increments {
    factors: Vec<Param<Tensor<2>>>,
}

/// What a weight learns.
struct Part {
    weight: String,
    form: &'static Form,
    shapes: Vec<[usize; 2]>,
}

/// Which weights learn, each in its form.
pub(super) struct Plan {
    parts: Vec<Part>,
}

impl Plan {
    /// What a method has for the weights that the taught path uses: the one without prompts, or the one with them.
    pub fn new(method: &Method, weights: &WeightMap, finds: bool) -> Self {
        let used = [
            "encoder.",
            "decoder.",
            if finds {
                "generator."
            } else {
                "prompt_encoder."
            },
        ];
        let part = |name: &str| {
            let is_used = used.iter().any(|part| name.starts_with(part));
            let shape = weights.shape(name).filter(|_| is_used)?;
            let (form, rank) = (method.form)(name, shape)?;
            Some(Part {
                weight: name.to_owned(),
                form,
                shapes: (form.factors)(shape, rank),
            })
        };
        Self {
            parts: weights.names().filter_map(part).collect(),
        }
    }

    /// Number of values that learn.
    pub fn parameters(&self) -> usize {
        let shapes = self.parts.iter().flat_map(|p| &p.shapes);
        shapes.map(|[rows, columns]| rows * columns).sum()
    }

    /// Increments of nothing: the last factor of each is zero, the others are random.
    pub fn start(&self, seed: u64, device: &Device) -> Increments {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut factors = Vec::new();
        for part in &self.parts {
            let last = part.shapes.len() - 1;
            for (place, &[rows, columns]) in part.shapes.iter().enumerate() {
                let scale = if place == last {
                    0.0
                } else {
                    1.0 / (rows as f32).sqrt()
                };
                let values: Vec<f32> = (0..rows * columns)
                    .map(|_| {
                        if scale > 0.0 {
                            scale * normal(&mut rng)
                        } else {
                            0.0
                        }
                    })
                    .collect();
                let tensor: Tensor<2> =
                    Tensor::from_data(TensorData::new(values, [rows, columns]), device);
                factors.push(Param::initialized(ParamId::new(), tensor.require_grad()));
            }
        }
        Increments { factors }
    }

    /// The factors' names in an adapter.
    pub fn entries(&self, increments: &Increments) -> Vec<ParamEntry> {
        let names = self.parts.iter().flat_map(|part| {
            (0..part.shapes.len()).map(|place| factor_name(&part.weight, part.form, place))
        });
        names
            .zip(&increments.factors)
            .map(|(name, factor)| ParamEntry {
                name,
                id: factor.id,
                transposed: false,
                loaded: false,
            })
            .collect()
    }

    /// The base with the increments added, through which they learn.
    pub fn network(&self, base: ProsectorNet, increments: &Increments) -> ProsectorNet {
        let mut factors = increments.factors.iter().map(Param::val);
        let of_weight = self.parts.iter().map(|part| {
            let own: Vec<Tensor<2>> = factors.by_ref().take(part.shapes.len()).collect();
            (part.weight.clone(), (part.form.increment)(&own))
        });
        let increments = of_weight.collect();
        base.map(&mut Adder {
            increments,
            path: Vec::new(),
        })
    }
}

struct Adder {
    increments: HashMap<String, Tensor<2>>,
    path: Vec<String>,
}

impl ModuleMapper for Adder {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(increment) = self.increments.remove(&self.path.join(".")) else {
            return param;
        };
        let (id, base, _) = param.consume();
        let increment = increment.reshape(base.dims());
        Param::initialized(id, base + increment)
    }
}
