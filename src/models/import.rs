//! From the authors' checkpoint files to an installed model.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::volume::Modality;

use super::checkpoint::{CheckpointError, Precision, TensorFile};
use super::classes::{read_classes, unnamed};
use super::registry::is_boxed;
use super::system::{
    FoldChoice, FolderSource, ImportSource, Imported, ImportedFolder, Importer, System,
    TrainingState, system_named, systems,
};
use super::{DeviceChoice, ModelCard, ModelError, install_model, nninteractive, nnunet};

/// What a card says of the licence where nobody stated it.
const UNKNOWN_LICENCE: &str =
    "not stated when it was imported: ask the authors before passing results or weights on";

/// What to import, and as what.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Checkpoint files, or the folder of a system that reads one.
    pub files: Vec<PathBuf>,
    /// The architecture's short name.
    pub system: String,
    /// The plain SAM file, for checkpoints that hold only what was added to it.
    pub base: Option<PathBuf>,
    /// The installed model's id; a folder has a name of its own.
    pub id: Option<String>,
    /// File of class names.
    pub classes: Option<PathBuf>,
    /// Named set of the system's settings.
    pub preset: Option<String>,
    /// TOML file of settings that replace those found out.
    pub config: Option<PathBuf>,
    /// Which networks of a folder.
    pub folds: Option<FoldChoice>,
    /// Which state of them.
    pub state: Option<TrainingState>,
    /// Kind of scan, where no file of class names says it.
    pub modality: Option<Modality>,
    /// Licence of the weights, in the importer's words.
    pub licence: Option<String>,
    /// Store 2 bytes a value.
    pub half: bool,
}

/// Whether a licence, in the words in which weights come with it, does not allow every use.
pub fn is_limited(licence: &str) -> bool {
    const LIMITS: [&str; 3] = ["NC", "non-commercial", "licence number"];
    LIMITS.iter().any(|word| licence.contains(word))
}

/// The system that a trained model's folder is for.
pub fn folder_system(folder: &Path) -> &'static str {
    if nninteractive::is_checkpoint_folder(folder) {
        nninteractive::SYSTEM.name
    } else {
        nnunet::SYSTEM.name
    }
}

/// Imports checkpoint files or a folder as a model of ours; it is opened once before it counts as installed. `accept` is
/// asked first whether the licence that comes with it is accepted, where the weights have one and the options state none.
///
/// # Errors
/// Files that are not whole, not plain checkpoints, or not of this system; classes that do not match; an id that is
/// taken; a licence that is not accepted. Nothing is installed then.
pub fn import_model(
    options: &ImportOptions,
    accept: impl FnOnce(&str) -> bool,
) -> Result<ModelCard, ModelError> {
    let (system, importer) = importable(&options.system)?;
    // Said before files are read, where it is known by then.
    not_boxed(options.id.as_deref())?;
    let found = match importer {
        Importer::Files(import) => of_files(system, options, import)?,
        Importer::Folder(import) => of_folder(system, options, import)?,
    };
    let ImportedFolder { model, id, .. } = found;
    not_boxed(Some(&id))?;
    let to_accept = found
        .licence
        .as_deref()
        .filter(|_| options.licence.is_none());
    if to_accept.is_some_and(|licence| !accept(licence)) {
        return Err(ModelError::Unsupported(
            "nothing was imported: its licence was not accepted".to_owned(),
        ));
    }
    let card = ModelCard {
        id,
        title: found.title,
        system: system.name.to_owned(),
        description: model.description,
        automatic: model.automatic,
        clicks: model.clicks,
        boxes: model.boxes,
        scribbles: model.scribbles,
        lassos: model.lassos,
        structures: found.structures,
        channels: found.channels,
        licence: options
            .licence
            .clone()
            .or(found.licence)
            .or_else(|| Some(UNKNOWN_LICENCE.to_owned())),
        config: model.config,
        ..ModelCard::default()
    };
    let precision = if options.half {
        Precision::Half
    } else {
        Precision::Single
    };
    install_model(card, &model.weights, precision, |stored| {
        (system.open)(stored, DeviceChoice::Cpu)
    })
}

fn not_boxed(id: Option<&str>) -> Result<(), ModelError> {
    match id {
        Some(id) if is_boxed(id) => Err(ModelError::Unsupported(format!(
            "'{id}' is the name of the model in the box: choose another with --as"
        ))),
        _ => Ok(()),
    }
}

fn of_files(
    system: &System,
    options: &ImportOptions,
    import: fn(&ImportSource<'_>) -> Result<Imported, CheckpointError>,
) -> Result<ImportedFolder, ModelError> {
    let unsupported = |text: String| Err(ModelError::Unsupported(text));
    let Some(id) = options.id.clone() else {
        return unsupported("give the model a name with --as".to_owned());
    };
    if options.folds.is_some() || options.state.is_some() {
        return unsupported(format!(
            "{} has no folds: leave --folds and --checkpoint out",
            system.title
        ));
    }
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
    let model = import(&ImportSource {
        files: &files,
        base: base.as_ref(),
        preset: options.preset.as_deref(),
        overrides: &overrides,
    })?;
    let structures = match &options.classes {
        Some(path) => read_classes(path, model.classes)?,
        None => unnamed(model.classes, options.modality),
    };
    Ok(ImportedFolder {
        title: format!("{} ({id})", system.title),
        model,
        id,
        structures,
        channels: Vec::new(),
        licence: None,
    })
}

fn of_folder(
    system: &System,
    options: &ImportOptions,
    import: fn(&FolderSource<'_>) -> Result<ImportedFolder, CheckpointError>,
) -> Result<ImportedFolder, ModelError> {
    let [folder] = &options.files[..] else {
        return Err(ModelError::Unsupported(format!(
            "{} models are imported from one folder at a time",
            system.title
        )));
    };
    if options.base.is_some() || options.config.is_some() {
        return Err(ModelError::Unsupported(format!(
            "a folder of {} says all of the model itself: leave --base and --config out",
            system.title
        )));
    }
    let mut found = import(&FolderSource {
        folder,
        folds: options.folds.as_ref().unwrap_or(&FoldChoice::Auto),
        state: options.state.unwrap_or_default(),
        preset: options.preset.as_deref(),
    })?;
    if let Some(path) = &options.classes {
        found.structures = read_classes(path, found.structures.len())?;
    }
    if let Some(modality) = options.modality {
        for structure in &mut found.structures {
            structure.modality = Some(modality);
        }
    }
    if let Some(id) = options.id.clone() {
        found.id = id;
    }
    Ok(found)
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
