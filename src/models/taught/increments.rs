//! From the tensors of an adapter to the weights of a taught model.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};

use crate::models::checkpoint::{CheckpointError, HostTensor, WeightMap};

use super::forms::{Form, form_named};

/// What adapters are called where they do not fit.
const TITLE: &str = "the base model";
/// How the names of factors begin that are no weight's own.
const SHARED: &str = "shared.";

/// The name of a factor of a weight: `decoder.norm.gamma:whole.0`, or, where several weights share it, of all of its shape:
/// `shared.864x16:factor_tuned.0`.
pub(crate) fn factor_name(
    weight: &str,
    form: &Form,
    place: usize,
    [rows, columns]: [usize; 2],
) -> String {
    if form.shared.contains(&place) {
        format!("{SHARED}{rows}x{columns}:{}.{place}", form.name)
    } else {
        format!("{weight}:{}.{place}", form.name)
    }
}

/// The weight, the form and the place that a name stands for.
fn parsed(name: &str) -> Option<(&str, &'static Form, usize)> {
    let (weight, rest) = name.rsplit_once(':')?;
    let (form, place) = rest.split_once('.')?;
    Some((weight, form_named(form)?, place.parse().ok()?))
}

/// The base's weights with the increments of an adapter added.
///
/// # Errors
/// Tensors that are no factors, factors of weights that the base lacks or of another shape, values that are no numbers.
pub(crate) fn merged(base: &WeightMap, adapter: &WeightMap) -> Result<WeightMap, CheckpointError> {
    let mut weights = base.clone();
    let device = Device::flex();
    for (weight, (form, own)) in grouped(adapter)? {
        let refuse = |reason: &str| CheckpointError::misfit(TITLE, format!("{weight}: {reason}"));
        let Some(shape) = base.shape(weight).map(<[usize]>::to_vec) else {
            return Err(refuse("the base has no such weight"));
        };
        let rank = own[0].shape.get(1).copied().unwrap_or(0);
        let wanted = (form.factors)(&shape, rank);
        let factors = completed(adapter, form, own, &wanted)?;
        let fits = wanted.len() == factors.len()
            && wanted.iter().zip(&factors).all(|(w, f)| f.shape == *w);
        if !fits {
            return Err(refuse("the adapter's factors do not have its shape"));
        }
        if factors
            .iter()
            .any(|f| f.data.iter().any(|v| !v.is_finite()))
        {
            return Err(refuse("the adapter holds values that are no numbers"));
        }
        let factors: Vec<Tensor<2>> = factors
            .into_iter()
            .map(|f| Tensor::from_data(TensorData::new(f.data, f.shape), &device))
            .collect();
        let increment = (form.increment)(&factors).into_data();
        let mut whole = base.read(weight)?;
        for (value, more) in whole.data.iter_mut().zip(increment.iter::<f32>()) {
            *value += more;
        }
        weights.insert(weight, whole);
    }
    Ok(weights)
}

/// Each weight with the form of its increment and its own factors.
type Factors<'a> = BTreeMap<&'a str, (&'static Form, Vec<HostTensor>)>;

/// A weight's own factors and those that it shares, in order; fewer where some are missing.
fn completed(
    adapter: &WeightMap,
    form: &Form,
    own: Vec<HostTensor>,
    wanted: &[[usize; 2]],
) -> Result<Vec<HostTensor>, CheckpointError> {
    let mut own = own.into_iter();
    let mut factors = Vec::new();
    for (place, &shape) in wanted.iter().enumerate() {
        if form.shared.contains(&place) {
            factors.push(adapter.read(&factor_name("", form, place, shape))?);
        } else {
            factors.extend(own.next());
        }
    }
    factors.extend(own);
    Ok(factors)
}

/// The factors that are each weight's own, in order.
fn grouped(adapter: &WeightMap) -> Result<Factors<'_>, CheckpointError> {
    let mut groups: Factors<'_> = BTreeMap::new();
    for name in adapter.names() {
        let refuse = || CheckpointError::misfit(TITLE, format!("{name} is no part of an adapter"));
        let (weight, form, place) = parsed(name).ok_or_else(refuse)?;
        if form.shared.contains(&place) {
            continue;
        }
        let (known, factors) = groups.entry(weight).or_insert((form, Vec::new()));
        let shared_before = form.shared.iter().filter(|&&s| s < place).count();
        if !std::ptr::eq(*known, form) || factors.len() + shared_before != place {
            return Err(refuse());
        }
        factors.push(adapter.read(name)?);
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(tensors: &[(&str, &[usize], &[f32])]) -> WeightMap {
        let mut map = WeightMap::default();
        for (name, shape, data) in tensors {
            map.insert(*name, HostTensor::new(*shape, data.to_vec()));
        }
        map
    }

    #[test]
    fn increments_of_every_form_are_added() {
        let base = map(&[
            ("norm", &[2], &[1.0, 2.0]),
            ("linear", &[2, 2], &[1.0, 0.0, 0.0, 1.0]),
            ("conv", &[2, 1, 2], &[0.0; 4]),
            ("first", &[2, 2], &[0.0; 4]),
            ("second", &[2, 1, 2], &[0.0; 4]),
        ]);
        let adapter = map(&[
            ("norm:whole.0", &[1, 2], &[0.5, -0.5]),
            ("linear:low_rank.0", &[2, 1], &[1.0, 2.0]),
            ("linear:low_rank.1", &[1, 2], &[3.0, 4.0]),
            ("conv:depthwise.0", &[2, 1], &[1.0, 2.0]),
            ("conv:depthwise.1", &[1, 1], &[3.0]),
            ("conv:depthwise.2", &[1, 2], &[1.0, 10.0]),
            ("first:factor_tuned.1", &[1, 1], &[2.0]),
            ("second:factor_tuned.1", &[1, 1], &[3.0]),
            ("shared.2x1:factor_tuned.0", &[2, 1], &[1.0, 10.0]),
            ("shared.1x2:factor_tuned.2", &[1, 2], &[1.0, 5.0]),
        ]);
        let merged = merged(&base, &adapter).unwrap();
        let read = |name: &str| merged.read(name).unwrap().data;
        assert_eq!(read("norm"), [1.5, 1.5]);
        assert_eq!(read("linear"), [4.0, 4.0, 6.0, 9.0]);
        assert_eq!(read("conv"), [3.0, 30.0, 6.0, 60.0]);
        assert_eq!(read("first"), [2.0, 10.0, 20.0, 100.0]);
        assert_eq!(read("second"), [3.0, 15.0, 30.0, 150.0]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let base = map(&[("norm", &[2], &[1.0, 2.0])]);
        let refused: [(&str, &[usize], &[f32]); 6] = [
            ("other:whole.0", &[1, 2], &[0.0; 2]),
            ("norm:whole.0", &[1, 3], &[0.0; 3]),
            ("norm:whole.1", &[1, 2], &[0.0; 2]),
            ("norm:strange.0", &[1, 2], &[0.0; 2]),
            ("norm:whole.0", &[1, 2], &[f32::NAN, 0.0]),
            // What it shares with others is missing.
            ("norm:factor_tuned.1", &[1, 1], &[1.0]),
        ];
        for tensor in refused {
            assert!(merged(&base, &map(&[tensor])).is_err(), "{}", tensor.0);
        }
    }
}
