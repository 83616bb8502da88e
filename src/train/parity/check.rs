//! Comparing tensors with what was recorded.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use serde::Serialize;

use crate::models::checkpoint::HostTensor;
use crate::models::trace::{Activation, Recorder};

use super::{Fixture, ParityError};

/// Largest deviation that is allowed anywhere but on the CPU, whose arithmetic is the reference.
const GPU_TOLERANCE: f64 = 1e-3;

/// Largest relative Euclidean difference of a gradient.
pub(super) const GRADIENT_TOLERANCE: f64 = 1e-3;

/// Largest relative Euclidean difference of an inner activation, where outputs may be off by 1e-4: their values are of any
/// size, so that nothing absolute could judge them.
const ACTIVATION_TOLERANCE: f64 = 1e-5;

/// What names of inner activations begin with in a recording.
const ACTIVATION: &str = "mid/";

/// One compared tensor of a recording.
#[derive(Debug, Clone, Serialize)]
pub struct TensorRow {
    /// Its name in the recording.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Largest absolute difference.
    pub max_abs: f64,
    /// Euclidean length of the difference over that of the expectation.
    pub rel_l2: f64,
    /// What the difference was held against: `max_abs`, or `rel_l2` for gradients and inner activations.
    pub tolerance: f64,
    /// Whether it is within the tolerance.
    pub pass: bool,
}

impl TensorRow {
    /// Whether it compares the recorded tensor of this name, or something of it: `out/argmax (share of ..)`.
    pub fn compares(&self, recorded: &str) -> bool {
        let rest = self.name.strip_prefix(recorded);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    }
}

/// What a tolerance limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// The largest absolute difference.
    MaxAbs(f64),
    /// The relative Euclidean difference.
    RelL2(f64),
    /// The largest absolute difference over the largest absolute expectation.
    RelMax(f64),
}

/// The comparisons of one recording.
pub struct Check {
    rows: Vec<TensorRow>,
    exact_device: bool,
}

impl Check {
    /// Nothing compared yet; on a device that is not exact, tolerances are at least 1e-3.
    pub fn new(exact_device: bool) -> Self {
        Self {
            rows: Vec::new(),
            exact_device,
        }
    }

    /// A tolerance for the CPU as it is on this device.
    pub fn allowed(&self, tolerance: f64) -> f64 {
        if self.exact_device {
            tolerance
        } else {
            tolerance.max(GPU_TOLERANCE)
        }
    }

    /// The rows so far.
    pub fn into_rows(self) -> Vec<TensorRow> {
        self.rows
    }

    /// Compares a result with the recorded tensor of this name: `max_abs` against `tolerance`.
    ///
    /// # Errors
    /// The recording lacks the tensor.
    pub fn tensor<const D: usize>(
        &mut self,
        fixture: &Fixture,
        name: &str,
        found: Tensor<D>,
        tolerance: f64,
    ) -> Result<(), ParityError> {
        let shape = found.dims();
        self.values(
            fixture,
            name,
            &shape,
            &read(found)?,
            Limit::MaxAbs(tolerance),
        )
    }

    /// As [`Self::tensor`] where the recording has it; activations are not recorded in every file.
    ///
    /// # Errors
    /// The result cannot be read from the device.
    pub fn if_recorded<const D: usize>(
        &mut self,
        fixture: &Fixture,
        name: &str,
        found: Tensor<D>,
        tolerance: f64,
    ) -> Result<(), ParityError> {
        if fixture.contains(name) {
            self.tensor(fixture, name, found, tolerance)?;
        }
        Ok(())
    }

    /// Compares what a recorder kept with the recorded tensors of the same names under `prefix`, such as `mid/`;
    /// names that end in `@0` are recorded for the first item of the batch only.
    ///
    /// # Errors
    /// A tensor cannot be read.
    pub fn activations(
        &mut self,
        fixture: &Fixture,
        prefix: &str,
        recorder: Recorder,
        tolerance: f64,
    ) -> Result<(), ParityError> {
        self.kept(fixture, prefix, recorder.into_kept(), tolerance)
    }

    /// As [`Self::activations`], with what a recorder kept taken out of it.
    ///
    /// # Errors
    /// A tensor cannot be read.
    pub fn kept(
        &mut self,
        fixture: &Fixture,
        prefix: &str,
        kept: BTreeMap<String, Activation>,
        tolerance: f64,
    ) -> Result<(), ParityError> {
        for (name, (shape, values)) in kept {
            let limit = Limit::MaxAbs(tolerance);
            let whole = format!("{prefix}{name}");
            let first = format!("{whole}@0");
            if fixture.contains(&whole) {
                self.values(fixture, &whole, &shape, &read(values)?, limit)?;
            } else if fixture.contains(&first) {
                let expected = fixture.host(&first)?;
                let found = read(values)?;
                let item = &found[..found.len() / shape[0].max(1)];
                self.host(&first, &expected, &expected.shape, item, limit);
            }
        }
        Ok(())
    }

    /// Compares a gradient with the recorded tensor of this name: relative Euclidean difference of 1e-3.
    ///
    /// # Errors
    /// The recording lacks the tensor.
    pub fn gradient<const D: usize>(
        &mut self,
        fixture: &Fixture,
        name: &str,
        found: Tensor<D>,
    ) -> Result<(), ParityError> {
        let shape = found.dims();
        let limit = Limit::RelL2(GRADIENT_TOLERANCE);
        self.values(fixture, name, &shape, &read(found)?, limit)
    }

    /// Compares values in main memory with the recorded tensor of this name.
    ///
    /// # Errors
    /// The recording lacks the tensor.
    pub fn values(
        &mut self,
        fixture: &Fixture,
        name: &str,
        shape: &[usize],
        found: &[f32],
        limit: Limit,
    ) -> Result<(), ParityError> {
        let expected = fixture.host(name)?;
        self.host(name, &expected, shape, found, limit);
        Ok(())
    }

    /// Compares values with an expectation in main memory.
    pub fn host(
        &mut self,
        name: &str,
        expected: &HostTensor,
        shape: &[usize],
        found: &[f32],
        limit: Limit,
    ) {
        let same_shape = expected.shape == shape && expected.data.len() == found.len();
        let difference = if same_shape {
            Difference::of(&expected.data, found)
        } else {
            Difference::INFINITE
        };
        let (measure, tolerance) = match judged(name, expected, limit) {
            Limit::MaxAbs(tolerance) => (difference.max_abs, tolerance),
            Limit::RelL2(tolerance) => (difference.rel_l2, tolerance),
            Limit::RelMax(tolerance) => (difference.rel_max, tolerance),
        };
        let tolerance = self.allowed(tolerance);
        self.rows.push(TensorRow {
            name: name.to_owned(),
            shape: shape.to_vec(),
            max_abs: difference.max_abs,
            rel_l2: difference.rel_l2,
            tolerance,
            pass: measure <= tolerance,
        });
    }

    /// Compares one number.
    pub fn number(&mut self, name: &str, expected: f64, found: f64, tolerance: f64) {
        let expected = HostTensor::new([], vec![expected as f32]);
        self.host(
            name,
            &expected,
            &[],
            &[found as f32],
            Limit::MaxAbs(tolerance),
        );
    }

    /// Compares where at most a share of elements may differ, as for masks near a threshold; `max_abs` is the share.
    pub fn share_equal(&mut self, name: &str, expected: &HostTensor, found: &[f32], allowed: f64) {
        let differing = if expected.data.len() == found.len() {
            let pairs = expected.data.iter().zip(found);
            pairs.filter(|(a, b)| a != b).count() as f64 / found.len().max(1) as f64
        } else {
            f64::INFINITY
        };
        self.rows.push(TensorRow {
            name: format!("{name} (share of elements that differ)"),
            shape: expected.shape.clone(),
            max_abs: differing,
            rel_l2: differing,
            tolerance: allowed,
            pass: differing <= allowed,
        });
    }
}

/// The limit of a tensor: that of an inner activation is relative, in proportion where outputs may be off by more than
/// 1e-4 (instance normalisation over few voxels). One that is zero everywhere, or exact, has nothing to be relative to.
fn judged(name: &str, expected: &HostTensor, limit: Limit) -> Limit {
    match limit {
        Limit::MaxAbs(tolerance)
            if name.starts_with(ACTIVATION)
                && tolerance > 0.0
                && expected.data.iter().any(|&v| v != 0.0) =>
        {
            Limit::RelL2(ACTIVATION_TOLERANCE * (tolerance / 1e-4).max(1.0))
        }
        limit => limit,
    }
}

/// A result in main memory.
///
/// # Errors
/// The device failed.
pub(super) fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, ParityError> {
    tensor
        .try_into_vec_as::<f32>()
        .map_err(|e| ParityError::NotUnderstood(format!("the device gave no result: {e:?}")))
}

struct Difference {
    max_abs: f64,
    rel_l2: f64,
    rel_max: f64,
}

impl Difference {
    const INFINITE: Self = Self {
        max_abs: f64::INFINITY,
        rel_l2: f64::INFINITY,
        rel_max: f64::INFINITY,
    };

    fn of(expected: &[f32], found: &[f32]) -> Self {
        let (mut max_abs, mut largest) = (0.0_f64, 0.0_f64);
        let (mut squares, mut norm) = (0.0_f64, 0.0_f64);
        for (&e, &f) in expected.iter().zip(found) {
            let (e, f) = (f64::from(e), f64::from(f));
            let off = (e - f).abs();
            // A NaN must not look like agreement, which `max` would make of it.
            max_abs = if off > max_abs || off.is_nan() {
                off
            } else {
                max_abs
            };
            if off.is_nan() {
                return Self::INFINITE;
            }
            largest = largest.max(e.abs());
            squares += off * off;
            norm += e * e;
        }
        let tiny = f64::MIN_POSITIVE;
        Self {
            max_abs,
            rel_l2: (squares / norm.max(tiny)).sqrt(),
            rel_max: max_abs / largest.max(tiny),
        }
    }
}
