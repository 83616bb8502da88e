//! Every value by itself.

use super::{Form, rows_and_columns};

pub(crate) const WHOLE: Form = Form {
    name: "whole",
    factors: |shape, _| vec![rows_and_columns(shape)],
    shared: &[],
    increment: |factors| factors[0].clone(),
};
