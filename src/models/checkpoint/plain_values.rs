//! What a PyTorch file holds beside its tensors.

use std::path::Path;

use pytorch_reader::{PickleValue, PytorchReader};
use serde_json::{Map, Number, Value};

use super::{CheckpointError, pickle_globals};

/// The dictionaries, lists, texts and numbers of a PyTorch file, of which nothing is executed. Tensors and everything else
/// that JSON has no word for are null.
///
/// # Errors
/// As [`super::TensorFile::open`].
pub fn plain_values(path: &Path) -> Result<Value, CheckpointError> {
    pickle_globals::check(path)?;
    let values = PytorchReader::read_pickle_data(path, None);
    values
        .map(as_json)
        .map_err(|e| CheckpointError::file(path, format!("not a whole PyTorch file: {e}")))
}

/// The same of a plain pickle that may name these functions of Python's, in whose place is null, and nothing else.
///
/// # Errors
/// A file that is no pickle, or names anything more.
pub fn pickled_values(path: &Path, functions: &[&str]) -> Result<Value, CheckpointError> {
    pickle_globals::check_pickle(path, functions)?;
    let values = PytorchReader::read_pickle_data(path, None);
    values
        .map(as_json)
        .map_err(|e| CheckpointError::file(path, format!("not a whole pickle: {e}")))
}

fn as_json(value: PickleValue) -> Value {
    match value {
        PickleValue::Bool(value) => Value::Bool(value),
        PickleValue::Int(value) => Value::Number(value.into()),
        PickleValue::Float(value) => Number::from_f64(value).map_or(Value::Null, Value::Number),
        PickleValue::String(text) => Value::String(text),
        PickleValue::List(values) => values.into_iter().map(as_json).collect(),
        PickleValue::Dict(entries) => {
            let entries = entries.into_iter();
            Value::Object(entries.map(|(k, v)| (k, as_json(v))).collect::<Map<_, _>>())
        }
        PickleValue::None | PickleValue::Bytes(_) | PickleValue::Unsupported(_) => Value::Null,
    }
}
