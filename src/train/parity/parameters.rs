//! Parameters of a network by the authors' names: their gradients, and their values after training.

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use crate::models::checkpoint::{HostTensor, ParamEntry};

use super::{Check, Fixture, Limit, ParityError};

/// The values of a network's parameters, as they lie in it.
struct Values(HashMap<ParamId, HostTensor>);

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.insert(param.id, host(&param.val()));
    }
}

/// The gradients of a network's parameters.
struct Gradients<'a> {
    found: HashMap<ParamId, HostTensor>,
    gradients: &'a GradientsParams,
}

impl ModuleVisitor for Gradients<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.found.insert(param.id, host(&gradient));
        }
    }
}

fn host<const D: usize>(tensor: &Tensor<D>) -> HostTensor {
    let values = tensor
        .to_data()
        .try_into_vec_as::<f32>()
        .expect("a float tensor holds floats");
    HostTensor::new(tensor.dims(), values)
}

/// A network's parameters as the authors' file has them, by name.
pub(super) fn values_by_name<M: Module>(
    net: &M,
    entries: &[ParamEntry],
) -> HashMap<String, HostTensor> {
    let mut visitor = Values(HashMap::new());
    net.visit(&mut visitor);
    let named = entries.iter().filter_map(|entry| {
        let value = visitor.0.remove(&entry.id)?;
        Some((entry.name.clone(), as_stored(value, entry)))
    });
    named.collect()
}

/// As the authors' file has it.
fn as_stored(tensor: HostTensor, entry: &ParamEntry) -> HostTensor {
    if !entry.transposed {
        return tensor;
    }
    let (rows, columns) = (tensor.shape[0], tensor.shape[1]);
    let turned = |column: usize| (0..rows).map(move |row| row * columns + column);
    let data = (0..columns).flat_map(turned).map(|at| tensor.data[at]);
    HostTensor::new([columns, rows], data.collect())
}

/// Compares the gradients recorded under `prefix`, but for those of `skipped` parameters.
///
/// # Errors
/// A recorded tensor cannot be read.
pub(super) fn compare_gradients<M: Module>(
    check: &mut Check,
    fixture: &Fixture,
    prefix: &str,
    (net, entries): (&M, &[ParamEntry]),
    gradients: &GradientsParams,
    skipped: &[String],
) -> Result<(), ParityError> {
    let mut visitor = Gradients {
        found: HashMap::new(),
        gradients,
    };
    net.visit(&mut visitor);
    let limit = Limit::RelL2(super::check::GRADIENT_TOLERANCE);
    compare(
        check,
        fixture,
        prefix,
        entries,
        visitor.found,
        skipped,
        limit,
    )
}

/// Compares the parameters recorded under `prefix`, but for those `skipped`.
///
/// # Errors
/// A recorded tensor cannot be read.
pub(super) fn compare_values<M: Module>(
    check: &mut Check,
    fixture: &Fixture,
    prefix: &str,
    (net, entries): (&M, &[ParamEntry]),
    skipped: &[String],
    limit: Limit,
) -> Result<(), ParityError> {
    let mut visitor = Values(HashMap::new());
    net.visit(&mut visitor);
    compare(check, fixture, prefix, entries, visitor.0, skipped, limit)
}

/// What is recorded under `prefix` and not among `entries` belongs to parts that no result depends on; those have
/// neither gradients nor steps, and are left alone.
fn compare(
    check: &mut Check,
    fixture: &Fixture,
    prefix: &str,
    entries: &[ParamEntry],
    mut found: HashMap<ParamId, HostTensor>,
    skipped: &[String],
    limit: Limit,
) -> Result<(), ParityError> {
    for entry in entries {
        let name = format!("{prefix}{}", entry.name);
        if !fixture.contains(&name) || skipped.contains(&entry.name) {
            continue;
        }
        let expected = fixture.host(&name)?;
        // A parameter without a gradient must not pass for one whose gradient is 0.
        let missing = HostTensor::new([0], Vec::new());
        let found = found.remove(&entry.id).map(|t| as_stored(t, entry));
        let found = found.unwrap_or(missing);
        check.host(&name, &expected, &found.shape, &found.data, limit);
    }
    Ok(())
}
