//! What a checkpoint takes, and in which channels.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::models::checkpoint::CheckpointError;

/// Newer folders say it here.
const INFO: &str = "inference_info.json";
/// Older ones here.
const CLASS: &str = "inference_session_class.json";

/// Whether a folder holds a checkpoint of nnInteractive.
pub fn is_checkpoint_folder(folder: &Path) -> bool {
    [INFO, CLASS].iter().any(|name| folder.join(name).is_file())
}

/// Kinds of prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptKind {
    /// A click.
    Point,
    /// A stroke.
    Scribble,
    /// A filled contour.
    Lasso,
    /// A box in a slice.
    FlatBox,
    /// A box in space.
    Box,
}

impl PromptKind {
    const ALL: [Self; 5] = [
        Self::Point,
        Self::Scribble,
        Self::Lasso,
        Self::FlatBox,
        Self::Box,
    ];

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::Scribble => "scribble",
            Self::Lasso => "lasso",
            Self::FlatBox => "box in a slice",
            Self::Box => "3D box",
        }
    }

    /// Its name among the channels, and among what is supported.
    fn name(self) -> &'static str {
        match self {
            Self::Point => "points",
            Self::Scribble => "scribble",
            Self::Lasso => "lasso",
            Self::FlatBox => "bbox2d",
            Self::Box => "bbox3d",
        }
    }
}

/// What the folder of a checkpoint says of its use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Voxels from a click to the surface of its mark.
    pub point_radius: usize,
    /// Thickness of strokes along the axes, in voxels.
    pub scribble_thickness: [f64; 3],
    /// Strength of a prompt over that of the next one.
    pub decay: f64,
    /// Number of channels beside the image.
    pub channels: usize,
    /// The channel of the segmentation so far.
    pub previous: usize,
    /// Channels of positive and negative clicks, where they are taken.
    pub points: Option<[usize; 2]>,
    /// Of strokes.
    pub scribbles: Option<[usize; 2]>,
    /// Of filled contours.
    pub lassos: Option<[usize; 2]>,
    /// Of boxes in a slice.
    pub flat_boxes: Option<[usize; 2]>,
    /// Of boxes in space.
    pub boxes: Option<[usize; 2]>,
}

impl Default for Capabilities {
    /// The first published checkpoint's.
    fn default() -> Self {
        Self {
            point_radius: 4,
            scribble_thickness: [2.0; 3],
            decay: 0.98,
            channels: 7,
            previous: 0,
            points: Some([3, 4]),
            scribbles: Some([5, 6]),
            lassos: Some([1, 2]),
            flat_boxes: Some([1, 2]),
            boxes: None,
        }
    }
}

impl Capabilities {
    /// Channels of positive and negative prompts of a kind, where the model takes it.
    pub fn pair(&self, kind: PromptKind) -> Option<[usize; 2]> {
        match kind {
            PromptKind::Point => self.points,
            PromptKind::Scribble => self.scribbles,
            PromptKind::Lasso => self.lassos,
            PromptKind::FlatBox => self.flat_boxes,
            PromptKind::Box => self.boxes,
        }
    }

    fn pair_mut(&mut self, kind: PromptKind) -> &mut Option<[usize; 2]> {
        match kind {
            PromptKind::Point => &mut self.points,
            PromptKind::Scribble => &mut self.scribbles,
            PromptKind::Lasso => &mut self.lassos,
            PromptKind::FlatBox => &mut self.flat_boxes,
            PromptKind::Box => &mut self.boxes,
        }
    }

    /// Whether it takes boxes, be it in a slice only.
    pub fn takes_boxes(&self) -> bool {
        self.flat_boxes.or(self.boxes).is_some()
    }

    /// Channels whose prompts are thickened where the network looks from afar.
    pub fn is_thickened(&self, channel: usize) -> bool {
        let thin = [self.points, self.scribbles];
        thin.iter().flatten().any(|pair| pair.contains(&channel))
    }

    /// Whether all channels are there, each said once.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn check(&self) -> Result<(), String> {
        const LARGEST_RADIUS: usize = 64;
        const MOST_CHANNELS: usize = 64;
        let pairs = PromptKind::ALL.iter().filter_map(|kind| self.pair(*kind));
        let all = pairs.flatten().chain([self.previous]);
        if self.channels > MOST_CHANNELS || all.into_iter().any(|channel| channel >= self.channels)
        {
            return Err(format!(
                "a prompt's channel is not among the {}",
                self.channels
            ));
        }
        if self.point_radius > LARGEST_RADIUS {
            return Err(format!(
                "points have a radius of {} voxels",
                self.point_radius
            ));
        }
        if !(self.decay > 0.0 && self.decay <= 1.0) {
            return Err(format!("prompts fade by {}", self.decay));
        }
        Ok(())
    }

    /// Reads what a checkpoint's folder says.
    ///
    /// # Errors
    /// No such file, or one that says what this program does not know.
    pub fn of_folder(folder: &Path) -> Result<Self, CheckpointError> {
        let path = [INFO, CLASS].map(|name| folder.join(name));
        let path = path.iter().find(|path| path.is_file()).ok_or_else(|| {
            CheckpointError::file(
                folder,
                format!("no nnInteractive checkpoint: it has neither {INFO} nor {CLASS}"),
            )
        })?;
        let refuse = |problem: String| CheckpointError::file(path, problem);
        let text = std::fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?;
        let value: Value = serde_json::from_str(&text).map_err(|e| refuse(e.to_string()))?;
        let found = Self::of_json(&value, path.ends_with(INFO)).map_err(refuse)?;
        found.check().map_err(refuse)?;
        Ok(found)
    }

    /// Reads what such a file says, of the newer kind or an older one.
    ///
    /// # Errors
    /// What is not known, in words.
    pub fn of_json(value: &Value, is_new: bool) -> Result<Self, String> {
        const SESSION: &str = "nnInteractiveInferenceSession";
        let mut found = Self::default();
        let entries = match value {
            Value::String(_) if !is_new => {
                found.decay = 0.9;
                return Ok(found);
            }
            Value::Object(entries) => entries,
            _ => return Err("it is not understood".to_owned()),
        };
        found.set_common(entries)?;
        if !is_new {
            return Ok(found);
        }
        if entries.get("inference_class").and_then(Value::as_str) != Some(SESSION) {
            return Err(format!("it is not for the inference class {SESSION}"));
        }
        if let Some(prompts) = entries.get("interaction_channels") {
            let prompts = prompts
                .as_u64()
                .ok_or("its interaction_channels are no number")?;
            found.channels = prompts as usize + 1;
        }
        // Unless it says otherwise.
        found.boxes = found.flat_boxes;
        if let Some(mapping) = entries.get("channel_mapping") {
            found.map_channels(
                mapping
                    .as_object()
                    .ok_or("its channel_mapping is not understood")?,
            )?;
        }
        let supported = entries.get("supported_interactions");
        let default = Map::new();
        let supported = match supported {
            None => &default,
            Some(supported) => supported
                .as_object()
                .ok_or("its supported_interactions are not understood")?,
        };
        let known = |name: &String| PromptKind::ALL.iter().any(|kind| kind.name() == name);
        if let Some(other) = supported.keys().find(|name| !known(name)) {
            return Err(format!(
                "it supports '{other}', which this program does not know"
            ));
        }
        for kind in PromptKind::ALL {
            let unless_said = kind != PromptKind::Box;
            let is_supported = supported
                .get(kind.name())
                .map_or(Some(unless_said), Value::as_bool);
            if !is_supported.ok_or("its supported_interactions are not understood")? {
                *found.pair_mut(kind) = None;
            }
        }
        Ok(found)
    }

    fn set_common(&mut self, entries: &Map<String, Value>) -> Result<(), String> {
        if let Some(radius) = entries.get("point_radius") {
            let radius = radius
                .as_u64()
                .ok_or("its point_radius is not one whole number")?;
            self.point_radius = radius as usize;
        }
        match entries.get("preferred_scribble_thickness") {
            None => {}
            Some(Value::Array(sides)) => {
                let sides: Option<Vec<f64>> = sides.iter().map(Value::as_f64).collect();
                let sides = sides.and_then(|sides| sides.try_into().ok());
                self.scribble_thickness =
                    sides.ok_or("its preferred_scribble_thickness is not understood")?;
            }
            Some(side) => {
                let side = side
                    .as_f64()
                    .ok_or("its preferred_scribble_thickness is no number")?;
                self.scribble_thickness = [side; 3];
            }
        }
        if let Some(decay) = entries.get("interaction_decay") {
            self.decay = decay.as_f64().ok_or("its interaction_decay is no number")?;
        }
        match entries.get("pad_mode_image").map(Value::as_str) {
            None | Some(Some("constant")) => Ok(()),
            _ => Err("its pad_mode_image is not constant, which is not supported".to_owned()),
        }
    }

    fn map_channels(&mut self, mapping: &Map<String, Value>) -> Result<(), String> {
        let channels = self.channels as i64;
        let channel = |value: &Value| {
            let at = value
                .as_i64()
                .filter(|at| (-channels..channels).contains(at));
            at.map(|at| if at < 0 { at + channels } else { at } as usize)
        };
        for (name, value) in mapping {
            let not_understood = || format!("its channel of '{name}' is not understood");
            if name == "prev_seg" {
                self.previous = channel(value).ok_or_else(not_understood)?;
                continue;
            }
            let kind = PromptKind::ALL.into_iter().find(|kind| kind.name() == name);
            let kind = kind.ok_or_else(|| {
                format!("it has channels of '{name}', which this program does not know")
            })?;
            let pair = value
                .as_array()
                .map(|pair| pair.iter().map(channel).collect::<Option<Vec<_>>>());
            let pair = pair.flatten().and_then(|pair| pair.try_into().ok());
            *self.pair_mut(kind) = Some(pair.ok_or_else(not_understood)?);
        }
        Ok(())
    }
}
