//! Tensors for a module that Burn made, by the paths of its parameters.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};

use super::{CheckpointError, WeightMap};

/// What happens to a parameter of which there is no tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It is an error.
    Refused,
    /// It stays as it is: a network that has grown goes on from what it was.
    Kept,
}

/// The module with these tensors in it, on its own device; `network` is named where they do not fit.
///
/// # Errors
/// Tensors that are missing, misshapen, or not the module's.
pub fn fill<M: Module>(
    module: M,
    weights: &WeightMap,
    missing: Missing,
    network: &str,
) -> Result<M, CheckpointError> {
    let mut filler = Filler {
        weights: weights.clone(),
        missing,
        path: Vec::new(),
        problems: Vec::new(),
    };
    let module = module.map(&mut filler);
    let unused = filler.weights.names();
    filler
        .problems
        .extend(unused.map(|name| format!("{name} is unexpected")));
    if filler.problems.is_empty() {
        return Ok(module);
    }
    Err(CheckpointError::Misfit {
        network: network.to_owned(),
        problems: filler.problems,
    })
}

struct Filler {
    /// Those that no parameter has taken yet.
    weights: WeightMap,
    missing: Missing,
    path: Vec<String>,
    problems: Vec<String>,
}

impl Filler {
    fn take(&mut self, shape: &[usize]) -> Option<TensorData> {
        let path = self.path.join(".");
        if !self.weights.contains(&path) {
            if self.missing == Missing::Refused {
                self.problems.push(format!("{path} is missing"));
            }
            return None;
        }
        let read = self.weights.read(&path);
        self.weights.remove(&path);
        match read {
            Ok(tensor) if tensor.shape == shape => Some(TensorData::new(tensor.data, tensor.shape)),
            Ok(tensor) => {
                let found = tensor.shape;
                self.problems
                    .push(format!("{path} is {found:?}, not {shape:?}"));
                None
            }
            Err(e) => {
                self.problems.push(e.to_string());
                None
            }
        }
    }
}

impl ModuleMapper for Filler {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.lazy_shape();
        let Some(data) = self.take(&shape) else {
            return param;
        };
        if self.missing == Missing::Kept {
            // Drawn all the same, so that what stays is drawn as if nothing had been filled in.
            let _ = param.val();
        }
        let tensor = Tensor::from_data(data, &param.lazy_device());
        let id = param.id;
        param.transform_for_load(tensor, id)
    }
}
