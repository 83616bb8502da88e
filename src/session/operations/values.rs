//! What an operation is told: values by the names of its parameters.

use std::collections::BTreeMap;

use crate::geometry::{Plane, VoxelBox, VoxelIndex};
use crate::util::short_debug;
use crate::volume::components::Connectivity;

use super::{Need, Operation};

/// Why an operation cannot be done as it is told, in one line.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OperationError(String);

impl OperationError {
    pub(in crate::session) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// One value.
#[derive(Clone, PartialEq)]
pub(in crate::session) enum Value {
    /// Values or names of labels, as typed.
    Labels(Vec<String>),
    Number(f64),
    Word(&'static str),
    Flag(bool),
    Voxel(VoxelIndex),
    Box(VoxelBox),
    Plane(Plane),
    Slice(i64),
}

/// Values by the names of the parameters, defaults filled in.
#[derive(Clone, Default, PartialEq)]
pub struct Values(BTreeMap<&'static str, Value>);

short_debug! {
    OperationError: |_| "operation error";
    Values: |values| format_args!("{:?}", values.0.keys());
}

/// Declares a getter for one kind of value, and one for where it must be there.
macro_rules! getters {
    ($($(#[$doc:meta])* $get:ident, $require:ident: $kind:ident -> $type:ty;)+) => {
        $(
            $(#[$doc])*
            pub fn $get(&self, name: &str) -> Option<$type> {
                match self.0.get(name) {
                    Some(Value::$kind(value)) => Some(*value),
                    _ => None,
                }
            }

            /// The same where the operation cannot do without.
            ///
            /// # Errors
            /// It is not given.
            pub fn $require(&self, name: &str) -> Result<$type, OperationError> {
                self.$get(name).ok_or_else(|| missing(name))
            }
        )+
    };
}

impl Values {
    /// Reads `key=value` words by an operation's parameters; a flag may stand without a value.
    ///
    /// # Errors
    /// A key that the operation does not have or has twice, a value that is not allowed, and one that is missing; each
    /// with what is allowed.
    pub fn parse<'a>(
        operation: &'static Operation,
        words: impl Iterator<Item = &'a str>,
    ) -> Result<Self, OperationError> {
        let mut values = Self::default();
        for word in words {
            let (key, text) = word.split_once('=').unwrap_or((word, "yes"));
            values.read(operation, key, text)?;
        }
        for parameter in operation.parameters() {
            match parameter.need {
                Need::Default(text) if !values.has(parameter.name) => {
                    values.read(operation, parameter.name, text)?;
                }
                Need::Required if !values.has(parameter.name) => {
                    return Err(OperationError::new(format!(
                        "{} must be told {}={}",
                        operation.id,
                        parameter.name,
                        parameter.kind.allowed()
                    )));
                }
                _ => {}
            }
        }
        (operation.check)(&values)?;
        Ok(values)
    }

    fn read(&mut self, operation: &Operation, key: &str, text: &str) -> Result<(), OperationError> {
        let Some(parameter) = operation.parameters().find(|p| p.name == key) else {
            let known: Vec<&str> = operation.parameters().map(|p| p.name).collect();
            return Err(OperationError::new(format!(
                "{} has no parameter {key}; it takes {}",
                operation.id,
                known.join(", ")
            )));
        };
        let value = parameter.kind.parse(text).ok_or_else(|| {
            OperationError::new(format!(
                "{}: {key}={text} is not allowed; give {}",
                operation.id,
                parameter.kind.allowed()
            ))
        })?;
        match self.0.insert(parameter.name, value) {
            None => Ok(()),
            Some(_) => Err(OperationError::new(format!(
                "{}: {key} is given twice",
                operation.id
            ))),
        }
    }

    /// Whether a value is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Values or names of labels, as typed; empty where none is given.
    pub(in crate::session) fn labels(&self, name: &str) -> &[String] {
        match self.0.get(name) {
            Some(Value::Labels(labels)) => labels,
            _ => &[],
        }
    }

    getters! {
        /// A number.
        number, need_number: Number -> f64;
        /// A word of a choice.
        word, need_word: Word -> &'static str;
        /// A voxel.
        voxel, need_voxel: Voxel -> VoxelIndex;
        /// A box of voxels.
        voxel_box, need_voxel_box: Box -> VoxelBox;
        /// A plane.
        plane, need_plane: Plane -> Plane;
        /// The index of a slice.
        slice, need_slice: Slice -> i64;
    }

    /// Which voxels belong together.
    pub fn connectivity(&self) -> Connectivity {
        match self.word("connectivity") {
            Some("6") => Connectivity::Six,
            _ => Connectivity::TwentySix,
        }
    }

    /// Whether a flag is set.
    pub fn is_set(&self, name: &str) -> bool {
        self.0.get(name) == Some(&Value::Flag(true))
    }
}

fn missing(name: &str) -> OperationError {
    OperationError::new(format!("{name} is missing"))
}
