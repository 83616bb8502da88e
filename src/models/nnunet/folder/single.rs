//! A folder that nnU-Net's trainer wrote, of a network that is used in another way than nnU-Net's own.

use std::path::Path;

use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::nnunet::network::Architecture;

use super::checkpoints::{Checkpoint, check_sizes, found_folds, network_weights};
use super::plans::Plans;
use super::{PLANS, Wanted, named, read};

/// One fold's network.
pub struct SingleNetwork {
    /// The data set that it was trained on.
    pub dataset: Option<String>,
    /// Name of its configuration.
    pub configuration: String,
    /// Sides of its patch.
    pub patch: [usize; 3],
    /// The network.
    pub architecture: Architecture,
    /// Its tensors under their plain names.
    pub weights: WeightMap,
}

impl SingleNetwork {
    /// Reads the only fold of a folder, or the one that is wanted; the network has these numbers of inputs and outputs,
    /// whatever `dataset.json` says.
    ///
    /// # Errors
    /// A folder of something else, several folds, plans that this program cannot follow, a checkpoint that is not whole or
    /// names anything but tensors, a network that does not fit.
    pub fn open(
        folder: &Path,
        wanted: Wanted<'_>,
        inputs: usize,
        heads: usize,
    ) -> Result<Self, CheckpointError> {
        let of_plans = |problem| CheckpointError::file(&folder.join(PLANS), problem);
        let plans = Plans::of_text(&read(folder, PLANS)?).map_err(of_plans)?;
        let found = found_folds(folder, wanted)?;
        let [(_, path)] = &found[..] else {
            let problem = format!("it has {} folds: choose one with --folds", found.len());
            return Err(CheckpointError::file(folder, problem));
        };
        let checkpoint = Checkpoint::open(path)?;
        let name = checkpoint
            .configuration
            .clone()
            .or_else(|| named(folder, 2));
        let name = name.ok_or_else(|| {
            CheckpointError::file(
                path,
                "it does not say the configuration that it was trained in",
            )
        })?;
        let configuration = plans.configuration(&name).map_err(of_plans)?;
        let architecture = configuration
            .architecture(inputs, heads)
            .map_err(of_plans)?;
        let patch: Vec<usize> = configuration.get("patch_size").map_err(of_plans)?;
        let patch = <[usize; 3]>::try_from(patch);
        let patch = patch
            .ok()
            .filter(|p| architecture.takes(*p) && !architecture.flat);
        let patch =
            patch.ok_or_else(|| of_plans("its network does not take its patch_size".to_owned()))?;
        let weights = network_weights(&checkpoint.file, architecture.stages());
        check_sizes(&weights, &architecture)
            .map_err(|problem| CheckpointError::file(path, problem))?;
        Ok(Self {
            dataset: plans.dataset(),
            configuration: name,
            patch,
            architecture,
            weights,
        })
    }
}
