//! `plans.json` of every published version.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::models::nnunet::arrays::resampling::Resampling;
use crate::models::nnunet::network::{Architecture, NormKind};
use crate::models::nnunet::stage::{ChannelScheme, Outputs, Reader, Stage};

use super::Trained;
use super::dataset::Dataset;

/// Configurations that inherit from each other, at most.
const MOST_PARENTS: usize = 16;

/// The plans of a trained model.
pub struct Plans {
    top: Map<String, Value>,
}

/// A configuration with all that it inherits.
pub struct Configuration {
    /// Its name.
    pub name: String,
    entries: Map<String, Value>,
}

impl Configuration {
    /// The configuration whose results this one is shown, in a cascade.
    pub fn previous_stage(&self) -> Option<&str> {
        self.entries.get("previous_stage").and_then(Value::as_str)
    }

    /// Its network with so many inputs and outputs.
    ///
    /// # Errors
    /// What this program cannot build, in words.
    pub fn architecture(&self, inputs: usize, heads: usize) -> Result<Architecture, String> {
        match self.entries.get("architecture") {
            Some(architecture) => Architecture::of_plans(architecture, inputs, heads),
            None => Architecture::of_old_plans(&self.entries, inputs, heads),
        }
    }

    /// What it says under a name.
    ///
    /// # Errors
    /// Nothing, or something of another type, in words.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<T, String> {
        read(&self.entries, name)
    }
}

impl Plans {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// A text that is no plans, in words.
    pub fn of_text(text: &str) -> Result<Self, String> {
        let top: Map<String, Value> = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if !top.get("configurations").is_some_and(Value::is_object) {
            return Err("it has no configurations, so it is no plans of nnU-Net 2".to_owned());
        }
        let manager = top.get("label_manager").and_then(Value::as_str);
        if let Some(other) = manager.filter(|name| *name != "LabelManager") {
            return Err(format!("its label manager '{other}' is not supported"));
        }
        Ok(Self { top })
    }

    /// The data set that they were made for.
    pub fn dataset(&self) -> Option<String> {
        let name = self.top.get("dataset_name").and_then(Value::as_str);
        name.map(str::to_owned)
    }

    /// A configuration.
    ///
    /// # Errors
    /// No such configuration, or none that it inherits from, in words.
    pub fn configuration(&self, name: &str) -> Result<Configuration, String> {
        let mut entries: Map<String, Value> = Map::new();
        let mut next = Some(name.to_owned());
        let mut visited = BTreeSet::new();
        while let Some(name) = next {
            if visited.len() == MOST_PARENTS || !visited.insert(name.clone()) {
                return Err(format!("its configuration '{name}' inherits from itself"));
            }
            let found = self.top["configurations"]
                .get(&name)
                .and_then(Value::as_object);
            let found = found.ok_or_else(|| format!("it has no configuration '{name}'"))?;
            next = found
                .get("inherits_from")
                .and_then(Value::as_str)
                .map(str::to_owned);
            // What a child says goes over what its parents say.
            for (key, value) in found {
                entries.entry(key).or_insert_with(|| value.clone());
            }
        }
        Ok(Configuration {
            name: name.to_owned(),
            entries,
        })
    }

    /// How a configuration's network is used.
    ///
    /// # Errors
    /// What is missing, or what this program cannot do, in words.
    pub(super) fn stage(
        &self,
        configuration: &Configuration,
        dataset: &Dataset,
        trained: Trained,
    ) -> Result<Stage, String> {
        let preprocessor: String = configuration.get("preprocessor_name")?;
        if preprocessor != "DefaultPreprocessor" {
            return Err(format!(
                "its preprocessor '{preprocessor}' is not supported"
            ));
        }
        let shown = match configuration.previous_stage() {
            Some(_) => dataset.foreground.len(),
            None => 0,
        };
        let images = dataset.channels.len();
        let inputs = images + shown;
        let heads = dataset.heads.count();
        let mut architecture = configuration.architecture(inputs, heads)?;
        if trained.batch_norm {
            architecture.style.norm = NormKind::Batch;
            architecture.style.affine = true;
        }
        let stage = Stage {
            configuration: configuration.name.clone(),
            folds: trained.folds,
            reader: self.reader()?,
            transpose: self.transpose()?,
            spacing_mm: configuration.get("spacing")?,
            patch: configuration.get("patch_size")?,
            mirror_axes: trained.mirror_axes,
            step: STEP,
            channels: self.channels(configuration, images)?,
            resample_data: resampling(configuration, "resampling_fn_data")?,
            resample_labels: resampling(configuration, "resampling_fn_seg")?,
            resample_logits: resampling(configuration, "resampling_fn_probabilities")?,
            outputs: Outputs::new(&dataset.heads, dataset.foreground.clone()),
            architecture,
        };
        stage.check()?;
        Ok(stage)
    }

    fn reader(&self) -> Result<Reader, String> {
        let name: String = read(&self.top, "image_reader_writer")?;
        match name.as_str() {
            "SimpleITKIO" | "NibabelIO" => Ok(Reader::AsStored),
            "NibabelIOWithReorient" | "SimpleITKIOWithReorient" => Ok(Reader::ClosestRas),
            other => Err(format!("its image reader '{other}' is not supported")),
        }
    }

    fn transpose(&self) -> Result<[usize; 3], String> {
        let forward: [usize; 3] = read(&self.top, "transpose_forward")?;
        let backward: [usize; 3] = read(&self.top, "transpose_backward")?;
        let undone = (0..3).all(|axis| forward.get(backward[axis]) == Some(&axis));
        if undone {
            Ok(forward)
        } else {
            Err("its transpose_backward does not undo transpose_forward".to_owned())
        }
    }

    fn channels(
        &self,
        configuration: &Configuration,
        images: usize,
    ) -> Result<Vec<ChannelScheme>, String> {
        let schemes: Vec<String> = configuration.get("normalization_schemes")?;
        let masks: Vec<bool> = configuration.get("use_mask_for_norm")?;
        if schemes.len() != images || masks.len() != images {
            return Err(format!(
                "it normalises {} images, and dataset.json names {images}",
                schemes.len()
            ));
        }
        let of_channels = self
            .top
            .get("foreground_intensity_properties_per_channel")
            .or_else(|| self.top.get("foreground_intensity_properties_by_modality"));
        let channel = |(at, (scheme, within_mask)): (usize, (String, bool))| {
            let found = of_channels.and_then(|all| all.get(at.to_string()));
            let found = found.cloned().map(serde_json::from_value);
            ChannelScheme {
                scheme,
                within_mask,
                // Schemes that need them say that they are missing.
                intensities: found.and_then(Result::ok),
            }
        };
        let channels = schemes.into_iter().zip(masks).enumerate();
        Ok(channels.map(channel).collect())
    }
}

/// Half a window: nnU-Net's own predictor.
const STEP: f64 = 0.5;

fn read<T: DeserializeOwned>(entries: &Map<String, Value>, name: &str) -> Result<T, String> {
    let value = entries.get(name).cloned();
    let value = value.ok_or_else(|| format!("it has no {name}"))?;
    serde_json::from_value(value).map_err(|_wrong_type| format!("its {name} is not understood"))
}

/// What a resampling function of the plans does.
fn resampling(configuration: &Configuration, name: &str) -> Result<Resampling, String> {
    let function: String = configuration.get(name)?;
    Resampling::named(&function, &configuration.get(&format!("{name}_kwargs"))?)
}
