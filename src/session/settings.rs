//! What the user prefers, kept between starts.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::geometry::Convention;
use crate::io::{IoError, atomic};
use crate::util::short_debug;

use super::{Brush, Display, History, Interpolation, Session};

/// User preferences; a small TOML file. What is missing in it has its default.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Whether the "not for clinical use" notice was accepted.
    pub notice_accepted: bool,
    /// Scans and folders opened last, newest first.
    pub recent_files: Vec<PathBuf>,
    /// The folder that file dialogs start in.
    pub last_folder: Option<PathBuf>,
    /// Which side the patient's left is drawn on.
    pub convention: Convention,
    /// How pixels between voxel centres are drawn.
    pub interpolation: Interpolation,
    /// Opacity of the label fill, 0..=1.
    pub overlay_opacity: f32,
    /// Whether outlines are drawn.
    pub overlay_outline: bool,
    /// Whether an accepted AI result may take voxels from other unlocked labels.
    pub take_from_others: bool,
    /// Whether prompts wait until the model is asked.
    pub asks_by_hand: bool,
    /// Size and shape of brush and eraser.
    pub brush: Brush,
    /// The model that computes; `None`: the one in the box.
    pub model: Option<String>,
    /// Whether no model is opened: labels are looked at and drawn by hand.
    pub review_only: bool,
    /// Under whose name cases of a worklist are read.
    pub reader: Option<String>,
    /// How many older versions of a saved file stay beside it.
    pub older_copies: usize,
    /// How much of the undo history stays in memory, in MiB; the rest is on disk.
    pub history_mib: usize,
}

short_debug! {
    Settings: |settings| format_args!("settings, {} recent files", settings.recent_files.len());
}

impl Default for Settings {
    fn default() -> Self {
        let display = Display::default();
        Self {
            notice_accepted: false,
            recent_files: Vec::new(),
            last_folder: None,
            convention: display.convention,
            interpolation: display.interpolation,
            overlay_opacity: display.overlay_opacity,
            overlay_outline: display.overlay_outline,
            take_from_others: false,
            asks_by_hand: false,
            brush: Brush::default(),
            model: None,
            review_only: false,
            reader: None,
            older_copies: 0,
            history_mib: History::DEFAULT_BUDGET_BYTES >> 20,
        }
    }
}

impl Settings {
    /// The least and the most of [`Self::history_mib`].
    pub const HISTORY_RANGE_MIB: (usize, usize) = (16, 16_384);

    /// How many recent files are remembered.
    pub const MAX_RECENT_FILES: usize = 10;

    /// Reads the preferences. A missing file gives the defaults; an unusable one too, with the reason, to
    /// be shown as a warning.
    pub fn load(path: &Path) -> (Self, Option<String>) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return (Self::default(), None),
            Err(e) => return (Self::default(), Some(unusable(path, &e.to_string()))),
        };
        match toml::from_str::<Self>(&text) {
            Ok(mut settings) => {
                settings.recent_files.truncate(Self::MAX_RECENT_FILES);
                (settings, None)
            }
            Err(e) => (Self::default(), Some(unusable(path, e.message()))),
        }
    }

    /// Writes the preferences; the old file stays until the new one is complete. Creates the folder.
    ///
    /// # Errors
    /// [`IoError::Output`] with what is in the way.
    pub fn save(&self, path: &Path) -> Result<(), IoError> {
        let failed = |e: &dyn std::fmt::Display| IoError::output(path, e.to_string());
        let text = toml::to_string(self).map_err(|e| failed(&e))?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| failed(&e))?;
        }
        let reads_back = |written: &Path| match Self::load(written) {
            (found, None) if found == *self => Ok(()),
            (_, reason) => Err(reason.unwrap_or_else(|| "other settings than written".to_owned())),
        };
        atomic::replace_file(path, |file| file.write_all(text.as_bytes()), reads_back)
    }

    /// Puts a scan at the top of the recent files. Names that are no Unicode are left out, because they
    /// cannot be written as text.
    pub fn push_recent(&mut self, path: &Path) {
        if path.to_str().is_none() {
            return;
        }
        self.recent_files.retain(|p| p != path);
        self.recent_files.insert(0, path.to_owned());
        self.recent_files.truncate(Self::MAX_RECENT_FILES);
        let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
        self.last_folder = folder.map(Path::to_owned).or(self.last_folder.take());
    }

    /// How many bytes of the undo history stay in memory.
    pub fn history_budget_bytes(&self) -> usize {
        let (least, most) = Self::HISTORY_RANGE_MIB;
        self.history_mib.clamp(least, most) << 20
    }

    /// Takes over what the user changed in a session.
    pub fn remember(&mut self, session: &Session) {
        let (tools, display) = (session.tools(), session.display());
        self.convention = display.convention;
        self.interpolation = display.interpolation;
        self.overlay_opacity = display.overlay_opacity;
        self.overlay_outline = display.overlay_outline;
        self.take_from_others = tools.take_from_others;
        self.asks_by_hand = tools.asks_by_hand;
        self.brush = tools.brush;
        self.history_mib = session.history_budget_bytes() >> 20;
    }

    /// The display settings to start with.
    pub(super) fn display(&self) -> Display {
        let default = Display::default();
        let opacity = self.overlay_opacity;
        Display {
            interpolation: self.interpolation,
            overlay_opacity: if opacity.is_finite() {
                opacity.clamp(0.0, 1.0)
            } else {
                default.overlay_opacity
            },
            overlay_outline: self.overlay_outline,
            convention: self.convention,
            ..default
        }
    }
}

fn unusable(path: &Path, reason: &str) -> String {
    let path = path.display();
    let reason = reason.lines().next().unwrap_or_default();
    format!("{path}: the settings cannot be used and start afresh: {reason}")
}
