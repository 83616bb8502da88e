//! A running average of the weights, which is what is shipped.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

/// Moves `average` towards `latest`, keeping a share `keep` of the old average.
pub(super) fn update<M: Module>(average: M, latest: &M, keep: f64) -> M {
    let mut collected = Collect(HashMap::new());
    latest.visit(&mut collected);
    average.map(&mut Blend {
        latest: collected.0,
        keep: keep as f32,
    })
}

/// Parameters as rows of numbers, on their device.
struct Collect(HashMap<ParamId, Tensor<1>>);

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let length = value.shape().num_elements();
        self.0.insert(param.id, value.reshape([length]));
    }
}

struct Blend {
    latest: HashMap<ParamId, Tensor<1>>,
    keep: f32,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        let blended = match self.latest.remove(&id) {
            Some(latest) => {
                let latest = latest.reshape(tensor.dims());
                tensor * self.keep + latest * (1.0 - self.keep)
            }
            None => tensor,
        };
        Param::from_mapped_value(id, blended, mapper)
    }
}
