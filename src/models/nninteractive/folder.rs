//! A checkpoint's folder, and the model that is made of it.

use std::path::Path;

use crate::models::checkpoint::CheckpointError;
use crate::models::nnunet::folder::{SingleNetwork, Wanted};
use crate::models::{FolderSource, Imported, ImportedFolder};

use super::TITLE;
use super::capabilities::Capabilities;
use super::model::Settings;

/// The network tells the target from everything else.
const HEADS: usize = 2;

/// The published checkpoint, whose folder once had no licence in it: data set and configuration.
const PUBLISHED: (&str, &str) = ("Dataset225_nnInteractiveV2", "3d_fullres_ps192_bs24");
const PUBLISHED_LICENCE: &str = "CC BY-NC-SA 4.0";

/// A folder with what it says of its use.
pub struct Folder {
    /// What the network takes.
    pub capabilities: Capabilities,
    /// The network.
    pub network: SingleNetwork,
}

impl Folder {
    /// Reads a folder.
    ///
    /// # Errors
    /// As [`Capabilities::of_folder`] and [`SingleNetwork::open`].
    pub fn open(folder: &Path, wanted: Wanted<'_>) -> Result<Self, CheckpointError> {
        let capabilities = Capabilities::of_folder(folder)?;
        let inputs = capabilities.channels + 1;
        Ok(Self {
            network: SingleNetwork::open(folder, wanted, inputs, HEADS)?,
            capabilities,
        })
    }

    /// The licence, where the folder says it or the checkpoint is the published one.
    fn licence(&self, folder: &Path) -> Option<String> {
        let network = &self.network;
        let names = (network.dataset.as_deref(), network.configuration.as_str());
        let is_published = names == (Some(PUBLISHED.0), PUBLISHED.1);
        let published = || is_published.then(|| PUBLISHED_LICENCE.to_owned());
        stated_licence(folder).or_else(published)
    }
}

/// What the folder says of its licence: the first line of the file.
fn stated_licence(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join("LICENSE")).ok()?;
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .next()
}

/// Makes a model of a folder.
///
/// # Errors
/// As [`Folder::open`]; a preset, of which there is none.
pub fn import(source: &FolderSource<'_>) -> Result<ImportedFolder, CheckpointError> {
    if source.preset.is_some() {
        return Err(CheckpointError::misfit(
            TITLE,
            "it has no presets".to_owned(),
        ));
    }
    let wanted = Wanted {
        folds: source.folds,
        state: source.state,
    };
    let folder = Folder::open(source.folder, wanted)?;
    let licence = folder.licence(source.folder);
    let Folder {
        capabilities,
        network,
    } = folder;
    let (clicks, boxes) = (capabilities.points.is_some(), capabilities.takes_boxes());
    let scribbles = capabilities.scribbles.is_some();
    let lassos = capabilities.lassos.is_some();
    let settings = Settings {
        patch: network.patch,
        capabilities,
        architecture: network.architecture,
    };
    let config = toml::Table::try_from(&settings);
    Ok(ImportedFolder {
        model: Imported {
            weights: network.weights,
            config: config.map_err(|e| CheckpointError::misfit(TITLE, e.to_string()))?,
            automatic: false,
            clicks,
            boxes,
            scribbles,
            lassos,
            classes: 0,
            description: format!(
                "{TITLE} trained as {}, {}: segments what clicks, a box, scribbles or lassos point at",
                network.dataset.as_deref().unwrap_or("unknown"),
                network.configuration
            ),
        },
        id: "nninteractive".to_owned(),
        title: TITLE.to_owned(),
        structures: Vec::new(),
        channels: Vec::new(),
        licence,
    })
}
