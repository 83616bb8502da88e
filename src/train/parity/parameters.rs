//! Parameters of a network by the authors' names: their gradients, and their values after training.

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use crate::models::checkpoint::{HostTensor, ParamEntry, export};

use super::{Check, Fixture, Limit, ParityError};

/// The gradients of a network's parameters.
struct Gradients<'a> {
    found: HashMap<ParamId, HostTensor>,
    gradients: &'a GradientsParams,
}

impl ModuleVisitor for Gradients<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.found.insert(param.id, HostTensor::of(&gradient));
        }
    }
}

/// A network's parameters as the authors' file has them, by name.
pub(super) fn values_by_name<M: Module>(
    net: &M,
    entries: &[ParamEntry],
) -> HashMap<String, HostTensor> {
    let weights = export(net, entries);
    let named = entries
        .iter()
        .filter_map(|entry| Some((entry.name.clone(), weights.read(&entry.name).ok()?)));
    named.collect()
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
    for entry in entries.iter().filter(|e| !skipped.contains(&e.name)) {
        let found = visitor.found.remove(&entry.id);
        let found = found.map(|tensor| entry.as_stored(tensor));
        let name = format!("{prefix}{}", entry.name);
        compare(check, fixture, &name, found, limit)?;
    }
    Ok(())
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
    let values = export(net, entries);
    for entry in entries.iter().filter(|e| !skipped.contains(&e.name)) {
        let found = values.read(&entry.name).ok();
        let name = format!("{prefix}{}", entry.name);
        compare(check, fixture, &name, found, limit)?;
    }
    Ok(())
}

/// What is recorded and not among our parameters belongs to parts that no result depends on; those have neither
/// gradients nor steps, and are left alone.
fn compare(
    check: &mut Check,
    fixture: &Fixture,
    name: &str,
    found: Option<HostTensor>,
    limit: Limit,
) -> Result<(), ParityError> {
    if !fixture.contains(name) {
        return Ok(());
    }
    // A parameter without a gradient must not pass for one whose gradient is 0.
    let found = found.unwrap_or_else(|| HostTensor::new([0], Vec::new()));
    let expected = fixture.host(name)?;
    check.host(name, &expected, &found.shape, &found.data, limit);
    Ok(())
}
