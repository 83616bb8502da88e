//! Model cards: what a model is, what it takes, and how well it was measured.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::prompt::{DrawingKind, PromptSet};
use crate::volume::{ImageVolume, Modality, title_of};

use super::checkpoint::CheckpointError;
use super::system::system_named;
use super::{ModelError, Taught};

/// One structure that a model finds without a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Structure {
    /// Value in the label map.
    pub value: u16,
    /// Snake case, side first.
    pub name: String,
    /// sRGB colour; without one that of its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<[u8; 3]>,
    /// The modality in which the model knows it; `None`: whichever it is given, as with imported models of which
    /// nobody said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modality: Option<Modality>,
}

impl Structure {
    /// Whether the model knows it in scans of this modality.
    pub fn is_known_in(&self, modality: Modality) -> bool {
        self.modality.is_none_or(|own| own == modality)
    }

    /// Whether users read this name, however it is capitalised, as the structure's.
    pub fn is_called(&self, name: &str) -> bool {
        title_of(&self.name).to_lowercase() == title_of(name).to_lowercase()
    }

    /// Name and modality, for lists.
    pub fn described(&self) -> String {
        match self.modality {
            Some(modality) => format!("{} ({})", self.name, modality.name()),
            None => self.name.clone(),
        }
    }
}

/// What a model is; one TOML file beside its weights.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Short name used with `--model`.
    pub id: String,
    /// Name shown to users.
    pub title: String,
    /// Which architecture the weights are for.
    pub system: String,
    /// One sentence.
    pub description: String,
    /// File name of the weights, beside the card.
    pub weights: String,
    /// SHA-256 of the weights, lower-case hex.
    pub sha256: String,
    /// Takes no prompt: finds `structures`.
    pub automatic: bool,
    /// Takes clicks.
    pub clicks: bool,
    /// Takes a 3D box.
    pub boxes: bool,
    /// Takes scribbles.
    #[serde(default)]
    pub scribbles: bool,
    /// Takes lassos.
    #[serde(default)]
    pub lassos: bool,
    /// Names of the images of one grid that it takes at once; empty where it takes one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
    /// What the automatic path finds.
    #[serde(default)]
    pub structures: Vec<Structure>,
    /// Spacing at which the automatic path looks, in mm along right, anterior, superior, by modality.
    #[serde(default)]
    pub automatic_spacing_mm: BTreeMap<String, [f64; 3]>,
    /// Modalities whose structures the system's second stage refines at full resolution.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub automatic_refined: Vec<String>,
    /// Mean Dice on the validation patients, by what was measured.
    #[serde(default)]
    pub measured_dice: BTreeMap<String, f64>,
    /// Notices of the training data, one each.
    #[serde(default)]
    pub notices: Vec<String>,
    /// The licence of the weights, as whoever imported them stated it; `None` for the model in the box, whose
    /// licence is the program's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// How it was taught by a user, and upon which base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taught: Option<Taught>,
    /// The system's own settings: the sizes of its network, and how scans are prepared for it.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub config: toml::Table,
}

impl ModelCard {
    /// Reads a card. One that was written before scribbles and lassos could be drawn says nothing of them, and takes those
    /// that its settings name.
    ///
    /// # Errors
    /// Text that is no card.
    pub(super) fn from_text(text: &str) -> Result<Self, toml::de::Error> {
        let mut card: Self = toml::from_str(text)?;
        let named = |kind: &str| {
            let settings = card.config.get("capabilities");
            settings.is_some_and(|capabilities| capabilities.get(kind).is_some())
        };
        let [scribbles, lassos] = ["scribbles", "lassos"].map(named);
        card.scribbles |= scribbles;
        card.lassos |= lassos;
        Ok(card)
    }

    /// What the model takes, in words: "automatic, clicks, box".
    pub fn takes(&self) -> String {
        let kinds = [
            (self.automatic, "automatic"),
            (self.clicks, "clicks"),
            (self.boxes, "box"),
            (self.scribbles, "scribbles"),
            (self.lassos, "lassos"),
        ];
        let taken: Vec<&str> = kinds.iter().filter(|k| k.0).map(|k| k.1).collect();
        taken.join(", ")
    }

    /// The structures to look for in a scan of this kind, with their places on the card: all, or those of `wanted`.
    ///
    /// # Errors
    /// A wanted structure that the card lacks.
    pub fn structures_in(
        &self,
        modality: Modality,
        wanted: Option<&[String]>,
    ) -> Result<Vec<(usize, &Structure)>, ModelError> {
        let known: Vec<&str> = self.structures.iter().map(|s| s.name.as_str()).collect();
        let is_unknown = |name: &&String| !known.contains(&name.as_str());
        if let Some(unknown) = wanted.and_then(|w| w.iter().find(is_unknown)) {
            let known = known.join(", ");
            return Err(ModelError::UnknownStructure(unknown.clone(), known));
        }
        Ok(self
            .structures
            .iter()
            .enumerate()
            .filter(|(_, s)| s.is_known_in(modality))
            .filter(|(_, s)| wanted.is_none_or(|w| w.contains(&s.name)))
            .collect())
    }

    /// The system's own settings; `network` is named where they do not fit.
    ///
    /// # Errors
    /// Settings that the system does not have, or of the wrong type.
    pub(super) fn settings<S: DeserializeOwned>(
        &self,
        network: &str,
    ) -> Result<S, CheckpointError> {
        let settings = self.config.clone().try_into();
        settings.map_err(|e: toml::de::Error| CheckpointError::misfit(network, e.message()))
    }

    /// Refuses to look for structures with a model that needs a prompt.
    ///
    /// # Errors
    /// The model is not automatic.
    pub fn check_automatic(&self) -> Result<(), ModelError> {
        self.check(self.automatic, "does not find structures without a prompt")
    }

    /// Refuses another number of images than the model takes.
    ///
    /// # Errors
    /// Images that are missing, or too many.
    pub fn check_images(&self, given: usize) -> Result<(), ModelError> {
        let wanted = self.channels.len().max(1);
        if given == wanted {
            return Ok(());
        }
        Err(ModelError::Unsupported(if wanted == 1 {
            format!(
                "the model '{}' takes one image, and {given} are given",
                self.id
            )
        } else {
            format!(
                "the model '{}' takes {wanted} images of one grid ({}), and {given} is given: use `prosector segment` with --channel NAME=FILE for the others",
                self.id,
                self.channels.join(", ")
            )
        }))
    }

    /// Refuses prompts that the model does not take, rather than ignoring them.
    ///
    /// # Errors
    /// Clicks, a box or drawings that it does not take.
    pub fn check_prompts(&self, prompts: &PromptSet) -> Result<(), ModelError> {
        self.check(self.clicks || prompts.clicks.is_empty(), "takes no clicks")?;
        self.check(self.boxes || prompts.target_box.is_none(), "takes no box")?;
        let has = |kind| prompts.drawings.iter().any(|d| d.kind == kind);
        let scribbled = has(DrawingKind::Scribble);
        self.check(self.scribbles || !scribbled, "takes no scribbles")?;
        let measured = has(DrawingKind::Diameter);
        self.check(self.scribbles || !measured, "takes no diameters")?;
        self.check(self.lassos || !has(DrawingKind::Lasso), "takes no lassos")
    }

    /// Whether it makes a difference to the model how large what is clicked is said to be.
    pub fn heeds_size(&self) -> bool {
        system_named(&self.system).is_some_and(|system| system.heeds_size)
    }

    /// What to say where time is the third axis of a scan that the model takes for a volume.
    pub fn time_warning(&self, image: &ImageVolume) -> Option<String> {
        let fits = system_named(&self.system).is_some_and(|system| system.slice_by_slice);
        (image.third_axis().is_time() && !fits).then(|| {
            format!(
                "the model '{}' takes the third axis for space, but it is time: choose a model that works slice by slice",
                self.id
            )
        })
    }

    fn check(&self, fits: bool, refusal: &str) -> Result<(), ModelError> {
        if fits {
            return Ok(());
        }
        Err(ModelError::Unsupported(format!(
            "the model '{}' {refusal}; it takes: {}",
            self.id,
            self.takes()
        )))
    }

    /// Whether structures in a modality are refined at full resolution.
    pub fn is_refined(&self, modality: Modality) -> bool {
        self.automatic_refined.iter().any(|m| m == modality.name())
    }

    /// Spacing at which the automatic path looks at a modality; `None` where it knows nothing there.
    pub fn automatic_spacing_mm(&self, modality: Modality) -> Option<[f64; 3]> {
        self.automatic_spacing_mm.get(modality.name()).copied()
    }
}
