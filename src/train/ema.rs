//! A running average of the weights, which is what is shipped.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Tensor, TensorData};

use crate::models::prosector1::ProsectorNet;

/// Moves `average` towards `latest`, keeping a share `keep` of the old average.
pub(super) fn update(average: ProsectorNet, latest: &ProsectorNet, keep: f64) -> ProsectorNet {
    let mut collected = Collect(HashMap::new());
    latest.visit(&mut collected);
    average.map(&mut Blend {
        latest: collected.0,
        keep: keep as f32,
    })
}

struct Collect(HashMap<ParamId, TensorData>);

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.insert(param.id, param.val().into_data());
    }
}

struct Blend {
    latest: HashMap<ParamId, TensorData>,
    keep: f32,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        let blended = match self.latest.remove(&id) {
            Some(latest) => {
                let device = tensor.device();
                let latest = Tensor::from_data(latest, &device);
                tensor * self.keep + latest * (1.0 - self.keep)
            }
            None => tensor,
        };
        Param::from_mapped_value(id, blended, mapper)
    }
}
