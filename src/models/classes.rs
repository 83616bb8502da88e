//! The names of a model's classes, as a user states them for an imported checkpoint.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::volume::Modality;

use super::{ModelError, Structure};

/// `names.toml`: a table `[classes]` of value and name, and `modality = "ct"` where they are only known there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassFile {
    modality: Option<Modality>,
    classes: BTreeMap<String, String>,
}

/// Reads the names of `count` classes; they must be exactly the values 1 to `count`.
///
/// # Errors
/// A file that cannot be read, other values, a name used twice.
pub fn read_classes(path: &Path, count: usize) -> Result<Vec<Structure>, ModelError> {
    let refuse = |reason: String| ModelError::Weights {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?;
    let file: ClassFile = toml::from_str(&text).map_err(|e| {
        refuse(format!(
            "{}; it should read: modality = \"ct\" (or nothing of it), and [classes] with a line 1 = \"name\" for each class",
            e.message()
        ))
    })?;
    let mut structures: Vec<Structure> = file
        .classes
        .into_iter()
        .map(|(value, name)| {
            let value = value
                .parse()
                .map_err(|e| refuse(format!("class '{value}' is no value of a label: {e}")));
            Ok(Structure {
                value: value?,
                name,
                color: None,
                modality: file.modality,
            })
        })
        .collect::<Result<_, ModelError>>()?;
    structures.sort_by_key(|s| s.value);
    let values = structures.iter().map(|s| usize::from(s.value));
    if !values.eq(1..=count) {
        return Err(refuse(format!(
            "the model has {count} classes, so the file must name the values 1 to {count} and no others"
        )));
    }
    Ok(structures)
}

/// Names for classes that nobody named.
pub fn unnamed(count: usize, modality: Option<Modality>) -> Vec<Structure> {
    (1..=count as u16)
        .map(|value| Structure {
            value,
            name: format!("class_{value}"),
            color: None,
            modality,
        })
        .collect()
}
