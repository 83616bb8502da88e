//! Which weights of a model learn from a few cases, and in which form what they learn is kept.

mod adapter;
mod fact;
mod full;
mod head;
mod lora;
mod norm;

use crate::models::taught::forms::{Form, WHOLE};

/// A way to teach.
pub(super) struct Method {
    /// As in `--method`.
    pub name: &'static str,
    /// Highest learning rate.
    pub rate: f64,
    /// The form of what a weight of this name and shape learns.
    pub form: fn(name: &str, shape: &[usize]) -> Choice,
}

/// The form of what a weight learns, and its rank; `None` where the weight stays as it is.
pub(super) type Choice = Option<(&'static Form, usize)>;

const METHODS: [&Method; 6] = [
    &norm::METHOD,
    &lora::METHOD,
    &fact::METHOD,
    &adapter::METHOD,
    &head::METHOD,
    &full::METHOD,
];

/// The methods' names.
pub(super) fn method_names() -> Vec<&'static str> {
    METHODS.iter().map(|m| m.name).collect()
}

/// The method of a name.
pub(super) fn method_named(name: &str) -> Option<&'static Method> {
    METHODS.into_iter().find(|m| m.name == name)
}

/// The method for so many cases, of a structure to find or of answers to prompts: the fewer cases, the fewer parameters
/// of those that the rest of the model relies on.
pub(super) fn method_for(cases: usize, finds: bool) -> &'static Method {
    if !finds && cases <= 2 {
        &norm::METHOD
    } else {
        &lora::METHOD
    }
}

/// Scale or shift of a normalisation.
fn is_norm(name: &str) -> bool {
    name.ends_with(".gamma") || name.ends_with(".beta")
}

/// Of the layers that answer.
fn is_head(name: &str) -> bool {
    name.starts_with("decoder.head.") || name.starts_with("decoder.refinement.head.")
}

/// All of a weight.
fn whole() -> Choice {
    Some((&WHOLE, 1))
}
