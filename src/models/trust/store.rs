//! The small file beside the weights.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::io::atomic;
use crate::models::{ModelCard, ModelError};

use super::Trust;

/// What the file's name ends in, in the place of the weights' extension.
const EXTENSION: &str = "trust.toml";

impl Trust {
    /// Where it is kept for the model of a card.
    pub fn path_beside(card_path: &Path, card: &ModelCard) -> PathBuf {
        let weights = card_path.with_file_name(&card.weights);
        weights.with_extension(EXTENSION)
    }

    /// What was learnt of the model of a card; `None` where nothing was, or of other weights.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn beside(card_path: &Path, card: &ModelCard) -> Result<Option<Self>, ModelError> {
        let path = Self::path_beside(card_path, card);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                Self::of_weights(&text, card).map_err(|reason| ModelError::Weights { path, reason })
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(ModelError::Weights {
                path,
                reason: e.to_string(),
            }),
        }
    }

    /// What a file's text says of the card's weights; `None` where it is of others.
    ///
    /// # Errors
    /// Why the text makes no sense.
    pub fn of_weights(text: &str, card: &ModelCard) -> Result<Option<Self>, String> {
        let explained = |e: toml::de::Error| {
            format!(
                "{}: calibrate the model again, or delete the file",
                e.message()
            )
        };
        let table: toml::Table = toml::from_str(text).map_err(explained)?;
        let of = table.get("sha256").and_then(toml::Value::as_str);
        if of != Some(card.sha256.as_str()) {
            return Ok(None);
        }
        table.try_into().map(Some).map_err(explained)
    }

    /// Writes the file, complete or not at all.
    ///
    /// # Errors
    /// It cannot be written, or does not read back as it should.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        let failed = |reason: String| ModelError::Weights {
            path: path.to_owned(),
            reason,
        };
        let text = toml::to_string(self).map_err(|e| failed(e.to_string()))?;
        let reads_back = |written: &Path| {
            let found = std::fs::read_to_string(written).map_err(|e| e.to_string())?;
            let read: Self = toml::from_str(&found).map_err(|e| e.message().to_owned())?;
            (read == *self)
                .then_some(())
                .ok_or_else(|| "a number differs".to_owned())
        };
        atomic::replace_file(path, |file| file.write_all(text.as_bytes()), reads_back)
            .map_err(|e| failed(e.to_string()))
    }
}
