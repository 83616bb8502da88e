//! From the authors' checkpoint files to an installed model.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::volume::Modality;

use super::checkpoint::{Precision, TensorFile};
use super::classes::{read_classes, unnamed};
use super::registry::is_boxed;
use super::system::{ImportSource, Importer, System, system_named, systems};
use super::{DeviceChoice, ModelCard, ModelError, install_model};

/// What to import, and as what.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Checkpoint files.
    pub files: Vec<PathBuf>,
    /// The architecture's short name.
    pub system: String,
    /// The plain SAM file, for checkpoints that hold only what was added to it.
    pub base: Option<PathBuf>,
    /// The installed model's id.
    pub id: String,
    /// File of class names.
    pub classes: Option<PathBuf>,
    /// Named set of the system's settings.
    pub preset: Option<String>,
    /// TOML file of settings that replace those found out.
    pub config: Option<PathBuf>,
    /// Kind of scan, where no file of class names says it.
    pub modality: Option<Modality>,
    /// Licence of the weights, in the importer's words.
    pub licence: Option<String>,
    /// Store 2 bytes a value.
    pub half: bool,
}

/// Imports checkpoint files as a model of ours; it is opened once before it counts as installed.
///
/// # Errors
/// Files that are not whole, not plain checkpoints, or not of this system; classes that do not match; an id that is
/// taken. Nothing is installed then.
pub fn import_model(options: &ImportOptions) -> Result<ModelCard, ModelError> {
    if is_boxed(&options.id) {
        return Err(ModelError::Unsupported(format!(
            "'{}' is the name of the model in the box: choose another with --as",
            options.id
        )));
    }
    let (system, import) = importable(&options.system)?;
    let open = |path: &PathBuf| TensorFile::open(path).map(Arc::new);
    let files = options
        .files
        .iter()
        .map(open)
        .collect::<Result<Vec<_>, _>>()?;
    let base = options.base.as_ref().map(open).transpose()?;
    let overrides = match &options.config {
        Some(path) => read_table(path)?,
        None => toml::Table::new(),
    };
    let imported = import(&ImportSource {
        files: &files,
        base: base.as_ref(),
        preset: options.preset.as_deref(),
        overrides: &overrides,
    })?;
    let structures = match &options.classes {
        Some(path) => read_classes(path, imported.classes)?,
        None => unnamed(imported.classes, options.modality),
    };
    let card = ModelCard {
        id: options.id.clone(),
        title: format!("{} ({})", system.title, options.id),
        system: system.name.to_owned(),
        description: imported.description,
        automatic: imported.automatic,
        clicks: imported.clicks,
        boxes: imported.boxes,
        structures,
        licence: Some(options.licence.clone().unwrap_or_else(|| {
            "not stated when it was imported: ask the authors before passing results or weights on".to_owned()
        })),
        config: imported.config,
        ..ModelCard::default()
    };
    let precision = if options.half {
        Precision::Half
    } else {
        Precision::Single
    };
    install_model(card, &imported.weights, precision, |stored| {
        (system.open)(stored, DeviceChoice::Cpu)
    })
}

/// The system of a name, and how it imports.
fn importable(name: &str) -> Result<(&'static System, Importer), ModelError> {
    let found = system_named(name).and_then(|system| Some((system, system.import?)));
    found.ok_or_else(|| {
        let importing = systems().iter().filter(|s| s.import.is_some());
        let names: Vec<&str> = importing.map(|s| s.name).collect();
        ModelError::Unsupported(format!(
            "there is no system '{name}' to import: choose one of {}",
            names.join(", ")
        ))
    })
}

fn read_table(path: &Path) -> Result<toml::Table, ModelError> {
    let refuse = |reason: String| ModelError::Weights {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?;
    toml::from_str(&text).map_err(|e| refuse(e.message().to_owned()))
}
