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
    /// Places among the plan's factors.
    factors: Vec<usize>,
}

/// A small matrix that learns.
struct Factor {
    /// As in an adapter.
    name: String,
    shape: [usize; 2],
    starts_at_zero: bool,
}

/// Which weights learn, each in its form.
pub(super) struct Plan {
    parts: Vec<Part>,
    factors: Vec<Factor>,
}

impl Plan {
    /// What a method has for the weights that the taught path uses: the one with prompts, and, where a structure is found,
    /// the one without.
    pub fn new(method: &Method, weights: &WeightMap, finds: bool) -> Self {
        let used = ["encoder.", "decoder.", "prompt_encoder."];
        let mut plan = Self {
            parts: Vec::new(),
            factors: Vec::new(),
        };
        for name in weights.names() {
            let is_used = used.iter().any(|part| name.starts_with(part))
                || (finds && name.starts_with("generator."));
            let Some(shape) = weights.shape(name).filter(|_| is_used) else {
                continue;
            };
            if let Some((form, rank)) = (method.form)(name, shape) {
                plan.add(name, form, &(form.factors)(shape, rank));
            }
        }
        plan
    }

    fn add(&mut self, weight: &str, form: &'static Form, shapes: &[[usize; 2]]) {
        let last = shapes.len() - 1;
        let place_of = |(place, &shape): (usize, &[usize; 2])| {
            let name = factor_name(weight, form, place, shape);
            let known = self.factors.iter().position(|factor| factor.name == name);
            known.unwrap_or_else(|| {
                self.factors.push(Factor {
                    name,
                    shape,
                    starts_at_zero: place == last,
                });
                self.factors.len() - 1
            })
        };
        let factors = shapes.iter().enumerate().map(place_of).collect();
        self.parts.push(Part {
            weight: weight.to_owned(),
            form,
            factors,
        });
    }

    /// Number of values that learn.
    pub fn parameters(&self) -> usize {
        let shapes = self.factors.iter().map(|factor| factor.shape);
        shapes.map(|[rows, columns]| rows * columns).sum()
    }

    /// Increments of nothing: the last factor of each is zero, the others are random.
    pub fn start(&self, seed: u64, device: &Device) -> Increments {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut started = |factor: &Factor| {
            let [rows, columns] = factor.shape;
            let scale = 1.0 / (rows as f32).sqrt();
            let values: Vec<f32> = match factor.starts_at_zero {
                true => vec![0.0; rows * columns],
                false => (0..rows * columns)
                    .map(|_| scale * normal(&mut rng))
                    .collect(),
            };
            let tensor: Tensor<2> =
                Tensor::from_data(TensorData::new(values, [rows, columns]), device);
            Param::initialized(ParamId::new(), tensor.require_grad())
        };
        Increments {
            factors: self.factors.iter().map(&mut started).collect(),
        }
    }

    /// The factors' names in an adapter.
    pub fn entries(&self, increments: &Increments) -> Vec<ParamEntry> {
        let factors = self.factors.iter().zip(&increments.factors);
        factors
            .map(|(planned, factor)| ParamEntry {
                name: planned.name.clone(),
                id: factor.id,
                transposed: false,
                loaded: false,
            })
            .collect()
    }

    /// The base with the increments added, through which they learn.
    pub fn network(&self, base: ProsectorNet, increments: &Increments) -> ProsectorNet {
        let of_weight = self.parts.iter().map(|part| {
            let own = part.factors.iter().map(|&n| increments.factors[n].val());
            let own: Vec<Tensor<2>> = own.collect();
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

#[cfg(test)]
mod tests {
    use burn::module::ModuleVisitor;

    use super::super::methods::{method_named, method_names};
    use super::*;
    use crate::models::checkpoint::{HostTensor, Missing, export, fill};
    use crate::models::prosector1::NetConfig;
    use crate::models::taught::{merged, starting_weights};
    use crate::models::{TaughtStructure, stored_model};
    use crate::volume::Modality;

    struct ByPath {
        path: Vec<String>,
        found: HashMap<String, HostTensor>,
    }

    impl ModuleVisitor for ByPath {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_owned());
        }

        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.found
                .insert(self.path.join("."), HostTensor::of(&param.val()));
        }
    }

    /// What is learnt through is what is opened later.
    #[test]
    fn the_taught_network_is_that_of_the_adapter() {
        let structure = TaughtStructure {
            name: "prostate".to_owned(),
            modality: Modality::Mr,
            spacing_mm: [1.0; 3],
            known_to_base: false,
            begins_as_target: true,
            prompts_itself: false,
        };
        let base = stored_model(None).unwrap();
        let start = starting_weights(&base, Some(&structure)).unwrap();
        let device = Device::flex().autodiff();
        let net = ProsectorNet::new(&NetConfig::new(1), &device);
        let net = fill(net, &start, Missing::Refused, "the base").unwrap();
        for name in method_names() {
            let plan = Plan::new(method_named(name).unwrap(), &start, true);
            let mut increments = plan.start(7, &device);
            for factor in &mut increments.factors {
                *factor = factor.clone().map(|f| (f + 0.01).detach());
            }
            let mut taught = ByPath {
                path: Vec::new(),
                found: HashMap::new(),
            };
            plan.network(net.clone(), &increments).visit(&mut taught);
            let adapter = export(&increments, &plan.entries(&increments));
            let opened = merged(&start, &adapter).unwrap();
            let few = name == "full" || plan.parameters() < 2_500_000;
            assert!(few, "{name}: {}", plan.parameters());
            let changed = opened.names().filter(|weight| {
                let (found, expected) = (&taught.found[*weight], opened.read(weight).unwrap());
                let same = found.data.iter().zip(&expected.data);
                assert!(
                    same.clone().all(|(a, b)| (a - b).abs() < 1e-5),
                    "{name}: {weight}"
                );
                expected.data != start.read(weight).unwrap().data
            });
            assert!(changed.count() >= 4, "{name}");
        }
    }
}
