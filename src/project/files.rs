//! What the project's files say.

use serde::{Deserialize, Serialize};

/// Raised when older programs could not read the files any more.
pub(super) const VERSION: u32 = 1;

/// The project: `NAME.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectFile {
    /// Of the files' form.
    pub version: u32,
    /// How many readers each case has.
    #[serde(default = "one")]
    pub readers_per_case: usize,
    /// A reader does not see what others made of a case until the own reading is done.
    #[serde(default)]
    pub blinded: bool,
    /// The labels of each case, in the order of their values from 1 on.
    #[serde(default, rename = "label")]
    pub labels: Vec<LabelRule>,
}

fn one() -> usize {
    1
}

/// A label that each case must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelRule {
    /// As in label tables.
    pub name: String,
    /// It may have no voxel: the structure is not there, or was taken out.
    #[serde(default)]
    pub may_be_empty: bool,
}

/// A case: `cases/ID.toml`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// The scan, relative to the project's file.
    pub image: String,
    /// The DICOM series, where the folder has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// Labels to begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
}

crate::util::short_debug! {
    CaseFile: |_| "a case";
    ReadingFile: |reading| format_args!("a reading, {}", reading.state.word());
    Event: |_| "an event";
}

/// How far a reading is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody began.
    #[default]
    NotStarted,
    /// Begun.
    InProgress,
    /// Finished by its reader.
    Done,
    /// Something is to be asked.
    Flagged,
}

impl State {
    /// As in the files.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::InProgress => "in_progress",
            Self::Done => "done",
            Self::Flagged => "flagged",
        }
    }

    /// In the order in which a reading passes through them.
    pub const ALL: [Self; 4] = [
        Self::NotStarted,
        Self::InProgress,
        Self::Done,
        Self::Flagged,
    ];

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::NotStarted => "Not started",
            Self::InProgress => "In progress",
            Self::Done => "Done",
            Self::Flagged => "Flagged",
        }
    }

    /// Whether its reader has nothing more to do.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Flagged)
    }
}

/// What a reader made of a case: `readings/ID/READER.toml`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadingFile {
    /// How far it is.
    pub state: State,
    /// Time spent on it, idle time left out, in seconds.
    #[serde(default)]
    pub seconds: f64,
    /// The reader's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The label map beside this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// What happened, the oldest first.
    #[serde(default, rename = "event")]
    pub events: Vec<Event>,
}

/// A line of the audit table.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// UTC, RFC 3339.
    pub when: String,
    /// started, or saved and the state.
    pub what: String,
    /// The program and its version.
    pub program: String,
    /// The model whose proposals were used, with its version; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// What it was prompted with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prompts: String,
    /// How many steps of editing lie between this event and the one before.
    #[serde(default, skip_serializing_if = "is_none")]
    pub edits: usize,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

impl Event {
    /// An event of now.
    pub fn now(what: &str, model: &str, prompts: &str, edits: usize) -> Self {
        Self {
            when: super::now(),
            what: what.to_owned(),
            program: concat!("Prosector ", env!("CARGO_PKG_VERSION")).to_owned(),
            model: model.to_owned(),
            prompts: prompts.to_owned(),
            edits,
        }
    }
}
