//! Which weights of a model learn from a few cases, and in which form what they learn is kept.

mod adapter;
mod fact;
mod full;
mod head;
mod lora;
mod norm;

use crate::models::taught::forms::{Form, WHOLE, rows_and_columns};

pub(super) use fact::METHOD as FACT;
pub(super) use head::METHOD as HEAD;
pub(super) use lora::METHOD as LORA;
pub(super) use norm::METHOD as NORM;

/// A way to teach.
pub(super) struct Method {
    /// As in `--method`.
    pub name: &'static str,
    /// Highest learning rate, unless a student has its own.
    pub rate: f64,
    /// The form of what a weight of this role and shape learns.
    pub form: fn(role: Role, shape: &[usize]) -> Choice,
}

/// What a weight is for in its network, as far as methods tell weights apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Role {
    /// Scale or shift of a normalisation.
    pub normalises: bool,
    /// Of the layers that answer.
    pub answers: bool,
    /// Of what else stands before or after the part of the network that may stay frozen.
    pub surrounds: bool,
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

/// Factors of a rank for what has more rows and columns than that, all of what normalises or answers.
fn factored(role: Role, shape: &[usize], form: &'static Form, rank: usize) -> Choice {
    if role.normalises || role.answers {
        return whole();
    }
    let [rows, columns] = rows_and_columns(shape);
    (shape.len() > 1 && rows.min(columns) > rank).then_some((form, rank))
}

/// All of a weight.
fn whole() -> Choice {
    Some((&WHOLE, 1))
}
