//! From a module back to tensors under the authors' names.

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

use super::{HostTensor, ParamEntry, WeightMap};

/// The parameters of a module by the names and in the layout that they were loaded with; buffers, which are not
/// parameters, are left out.
pub fn export<M: Module>(module: &M, entries: &[ParamEntry]) -> WeightMap {
    let mut found = Collect(HashMap::new());
    module.visit(&mut found);
    let mut weights = WeightMap::default();
    for entry in entries {
        if let Some(tensor) = found.0.remove(&entry.id) {
            weights.insert(&entry.name, entry.as_stored(tensor));
        }
    }
    weights
}

struct Collect(HashMap<ParamId, HostTensor>);

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.insert(param.id, HostTensor::of(&param.val()));
    }
}

impl ParamEntry {
    /// A value of this parameter, or its gradient, with the axes as in checkpoint files.
    pub fn as_stored(&self, tensor: HostTensor) -> HostTensor {
        if self.transposed {
            transposed(&tensor)
        } else {
            tensor
        }
    }
}

impl HostTensor {
    /// A copy of a tensor in main memory.
    pub fn of<const D: usize>(tensor: &Tensor<D>) -> Self {
        let data = tensor.to_data().iter::<f32>().collect();
        Self::new(tensor.dims(), data)
    }
}

fn transposed(tensor: &HostTensor) -> HostTensor {
    let (rows, columns) = (tensor.shape[0], tensor.shape[1]);
    let data = (0..columns)
        .flat_map(|column| (0..rows).map(move |row| row * columns + column))
        .map(|place| tensor.data[place])
        .collect();
    HostTensor::new([columns, rows], data)
}
