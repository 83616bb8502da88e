//! Which model is used where none is named: those that the user chose, the last of them first.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::io::atomic::replace_text;

use super::{ModelError, installed, registry};

const FILE: &str = "chosen.toml";

#[derive(Default, Serialize, Deserialize)]
struct Choices {
    /// Ids, in the order in which they were chosen.
    history: Vec<String>,
}

fn path() -> Result<PathBuf, ModelError> {
    Ok(installed::folder()?.join(FILE))
}

/// Nothing chosen where there is no file, or none that can be read.
fn read() -> Choices {
    let text = path().ok().and_then(|p| std::fs::read_to_string(p).ok());
    text.and_then(|t| toml::from_str(&t).ok())
        .unwrap_or_default()
}

fn write(choices: &Choices) -> Result<(), ModelError> {
    let path = path()?;
    let failed = |reason: String| ModelError::Weights {
        path: path.clone(),
        reason,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| failed(e.to_string()))?;
    }
    let text = toml::to_string(choices).map_err(|e| failed(e.to_string()))?;
    replace_text(&path, &text).map_err(|e| failed(e.to_string()))
}

/// The model that is used where none is named; `None`: the one in the box.
pub fn chosen_model() -> Option<String> {
    let chosen = read().history.pop()?;
    (registry::is_boxed(&chosen) || installed::card_path(&chosen).is_some()).then_some(chosen)
}

/// Uses a model from now on where none is named.
///
/// # Errors
/// No such model, a choice that cannot be kept.
pub fn choose_model(id: &str) -> Result<(), ModelError> {
    if !registry::is_boxed(id) && installed::card_path(id).is_none() {
        return Err(ModelError::Unknown(id.to_owned()));
    }
    let mut choices = read();
    if choices.history.last().is_none_or(|last| last != id) {
        choices.history.push(id.to_owned());
    }
    write(&choices)
}

/// Goes back to the model that was used before; gives its id, `None` being the one in the box.
///
/// # Errors
/// Nothing to go back from, a choice that cannot be kept.
pub fn roll_back() -> Result<Option<String>, ModelError> {
    let mut choices = read();
    if choices.history.pop().is_none() {
        return Err(ModelError::Unsupported(
            "the model in the box is in use, and nothing was before it: there is nothing to go back to"
                .to_owned(),
        ));
    }
    write(&choices)?;
    Ok(chosen_model())
}
