//! The network's weights with one output of the automatic path: one that it has, or a new one.

use crate::models::checkpoint::{CheckpointError, HostTensor, WeightMap};

use super::config::IMAGE_CHANNELS;
use super::config::NetConfig;

/// Weights whose outputs are the prompted target and one structure, which begins as the `output` of that number: 0 the
/// prompted target, from 1 those of the `structures`, or with zeros where there is none. The refiner knows structures alone.
///
/// # Errors
/// Weights that are not the network's.
pub(super) fn with_one_structure(
    weights: &WeightMap,
    structures: usize,
    output: Option<usize>,
) -> Result<WeightMap, CheckpointError> {
    let fine = NetConfig::new(structures).fine_width;
    let outputs = 1 + structures;
    // Eight places of the block that an output answers for, each with all outputs.
    let decoder: Vec<Option<usize>> = (0..8)
        .flat_map(|place| [Some(0), output].map(|o| o.map(|o| place * outputs + o)))
        .collect();
    let refinement = [Some(0), output];
    let channel = output.and_then(|o| o.checked_sub(1));
    let seen = IMAGE_CHANNELS + fine;
    let refiner_in: Vec<Option<usize>> = (0..seen)
        .map(Some)
        .chain([channel.map(|c| seen + c)])
        .collect();
    let parts: [(&str, usize, &[Option<usize>]); 7] = [
        ("decoder.head.linear.weight", 1, &decoder),
        ("decoder.head.linear.bias", 0, &decoder),
        ("decoder.refinement.head.linear.weight", 1, &refinement),
        ("decoder.refinement.head.linear.bias", 0, &refinement),
        ("refiner.first.conv_in.weight", 1, &refiner_in),
        ("refiner.head.linear.weight", 1, &[channel]),
        ("refiner.head.linear.bias", 0, &[channel]),
    ];
    let mut narrowed = weights.clone();
    for (name, axis, places) in parts {
        let tensor = weights.read(name)?;
        let fits = tensor
            .shape
            .get(axis)
            .is_some_and(|&n| places.iter().flatten().all(|&p| p < n));
        if !fits {
            let found = tensor.shape;
            let problem = format!("{name} is {found:?}, which is not of {structures} structures");
            return Err(CheckpointError::misfit(super::TITLE, problem));
        }
        narrowed.insert(name, chosen(&tensor, axis, places));
    }
    Ok(narrowed)
}

/// The places along an axis that are chosen, in this order; zeros for none.
fn chosen(tensor: &HostTensor, axis: usize, places: &[Option<usize>]) -> HostTensor {
    let length = tensor.shape[axis];
    let inner: usize = tensor.shape[axis + 1..].iter().product();
    let outer: usize = tensor.shape[..axis].iter().product();
    let mut shape = tensor.shape.clone();
    shape[axis] = places.len();
    let mut data = Vec::with_capacity(outer * places.len() * inner);
    for block in tensor.data.chunks_exact(length * inner) {
        for place in places {
            match place {
                Some(place) => data.extend_from_slice(&block[place * inner..(place + 1) * inner]),
                None => data.extend(std::iter::repeat_n(0.0, inner)),
            }
        }
    }
    HostTensor::new(shape, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_along_an_axis_are_chosen_in_order_and_none_is_zero() {
        let tensor = HostTensor::new([2, 3, 2], (0..12).map(|v| v as f32).collect());
        let found = chosen(&tensor, 1, &[Some(2), None, Some(0)]);
        assert_eq!(found.shape, [2, 3, 2]);
        let expected = [4.0, 5.0, 0.0, 0.0, 0.0, 1.0, 10.0, 11.0, 0.0, 0.0, 6.0, 7.0];
        assert_eq!(found.data, expected);
    }
}
