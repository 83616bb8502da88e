//! The checkpoints of a folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::models::checkpoint::{CheckpointError, TensorFile, WeightMap, plain_values};
use crate::models::nnunet::network::Architecture;
use crate::models::{FoldChoice, TrainingState};

use super::{Wanted, subfolders};

/// Where a checkpoint keeps the network.
const NETWORK: &str = "network_weights.";
/// The fold that was trained on everything.
const ALL: &str = "all";

/// A checkpoint and what it says of its training.
pub(super) struct Checkpoint {
    pub file: Arc<TensorFile>,
    pub trainer: Option<String>,
    pub configuration: Option<String>,
    /// Empty where it is not mirrored.
    pub mirror_axes: Vec<usize>,
}

impl Checkpoint {
    /// Opens a checkpoint; nothing in it is executed.
    ///
    /// # Errors
    /// A file that is not whole, that names anything but tensors, or of something else.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let file = Arc::new(TensorFile::open(path)?);
        if !file.names().any(|name| name.starts_with(NETWORK)) {
            let problem = "it holds no network of nnU-Net: its 'network_weights' are missing";
            return Err(CheckpointError::file(path, problem));
        }
        let values = plain_values(path)?;
        let text = |pointer| values.pointer(pointer).and_then(Value::as_str);
        let axes = match values.get("inference_allowed_mirroring_axes") {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(axes) => serde_json::from_value(axes.clone()).ok(),
        };
        Ok(Self {
            trainer: text("/trainer_name").map(str::to_owned),
            configuration: text("/init_args/configuration").map(str::to_owned),
            mirror_axes: axes.ok_or_else(|| {
                CheckpointError::file(
                    path,
                    "the axes that it may be mirrored along are not understood",
                )
            })?,
            file,
        })
    }

    /// Whether its network keeps averages of what it normalises.
    pub fn has_batch_norm(&self) -> bool {
        self.file
            .names()
            .any(|name| name.ends_with(".running_mean"))
    }
}

/// The tensors that the network takes, each once, under their plain names: checkpoints list units twice and the encoder
/// within the decoder once more, and heads that only training uses.
pub(super) fn network_weights(file: &Arc<TensorFile>, stages: usize) -> WeightMap {
    let used = format!("decoder.seg_layers.{}.", stages.saturating_sub(2));
    WeightMap::of_file(file, NETWORK).renamed(|name| {
        // What wraps a network for several devices, and for compiling.
        let name = name.strip_prefix("module.").unwrap_or(name);
        let name = name.strip_prefix("_orig_mod.").unwrap_or(name);
        let repeated = name.contains(".all_modules.") || name.starts_with("decoder.encoder.");
        let unused = name.starts_with("decoder.seg_layers.") && !name.starts_with(&used);
        (!repeated && !unused).then(|| name.to_owned())
    })
}

/// Whether a checkpoint's network takes as many images and gives as many outputs as `dataset.json` and the plans say.
///
/// # Errors
/// Other numbers, in words.
pub(super) fn check_sizes(weights: &WeightMap, wanted: &Architecture) -> Result<(), String> {
    let head = format!("decoder.seg_layers.{}.bias", wanted.stages() - 2);
    if let Some(&[heads]) = weights.shape(&head)
        && heads != wanted.heads
    {
        return Err(format!(
            "its network has {heads} outputs, and dataset.json names {} labels or regions",
            wanted.heads
        ));
    }
    let first = [
        "encoder.stages.0.0.convs.0.conv.weight",
        "encoder.stem.convs.0.conv.weight",
    ];
    let shape = first.iter().find_map(|name| weights.shape(name));
    if let Some(&[_, inputs, ..]) = shape
        && inputs != wanted.inputs
    {
        return Err(format!(
            "its network takes {inputs} channels, and dataset.json and the plans describe {}",
            wanted.inputs
        ));
    }
    Ok(())
}

/// Names and checkpoint files of the folds that are wanted, at least one.
///
/// # Errors
/// One that is not there.
pub(super) fn found_folds(
    folder: &Path,
    wanted: Wanted<'_>,
) -> Result<Vec<(String, PathBuf)>, CheckpointError> {
    let file_of = |state| match state {
        TrainingState::Final => "checkpoint_final.pth",
        TrainingState::Best => "checkpoint_best.pth",
    };
    let file = file_of(wanted.state);
    let with = |file: &str| -> Vec<String> {
        let folders = subfolders(folder);
        let names = folders.iter().filter_map(|path| {
            let name = path.file_name()?.to_str()?.strip_prefix("fold_")?;
            path.join(file).is_file().then(|| name.to_owned())
        });
        names.collect()
    };
    let there = with(file);
    let is_there = |fold: &String| there.contains(fold);
    let mut numbered: Vec<(usize, String)> = there
        .iter()
        .filter_map(|name| Some((name.parse().ok()?, name.clone())))
        .collect();
    numbered.sort();
    let numbered: Vec<String> = numbered.into_iter().map(|(_, name)| name).collect();
    let all = || Vec::from([ALL.to_owned()]);
    let chosen = match wanted.folds {
        FoldChoice::Numbered(folds) => folds.iter().map(usize::to_string).collect(),
        FoldChoice::All if is_there(&all()[0]) => all(),
        FoldChoice::Auto if numbered.is_empty() => all(),
        FoldChoice::Auto | FoldChoice::All => numbered,
    };
    let missing = chosen.iter().find(|fold| !is_there(fold));
    let missing = missing.map_or(chosen.is_empty().then_some("0"), |fold| Some(fold));
    if let Some(missing) = missing {
        let other = match wanted.state {
            TrainingState::Final => (TrainingState::Best, "best"),
            TrainingState::Best => (TrainingState::Final, "final"),
        };
        let advice = match (there.is_empty(), with(file_of(other.0)).is_empty()) {
            (false, _) => format!("it has fold_{}", there.join(", fold_")),
            (true, false) => format!(
                "it has another state of training: give --checkpoint {}",
                other.1
            ),
            (true, true) => "it has no checkpoint at all".to_owned(),
        };
        return Err(CheckpointError::file(
            folder,
            format!("there is no fold_{missing}/{file}; {advice}"),
        ));
    }
    let mut found: Vec<(String, PathBuf)> = Vec::with_capacity(chosen.len());
    for fold in chosen {
        if found.iter().any(|(other, _)| *other == fold) {
            return Err(CheckpointError::file(
                folder,
                format!("fold {fold} is asked for twice"),
            ));
        }
        let path = folder.join(format!("fold_{fold}")).join(file);
        found.push((fold, path));
    }
    Ok(found)
}
