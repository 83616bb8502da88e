//! The groups in which help and palette list what can be asked for.

use super::texts;

/// The parts of the keyboard table in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Opening and saving.
    Files,
    /// The model, proposals and labels.
    Segmenting,
    /// What the left button does.
    Tools,
    /// Through the scan.
    Slices,
    /// How it is shown.
    Views,
    /// Help itself.
    Help,
}

impl Group {
    /// In the order of the help.
    pub const ALL: [Self; 6] = [
        Self::Slices,
        Self::Tools,
        Self::Segmenting,
        Self::Views,
        Self::Files,
        Self::Help,
    ];

    /// The heading.
    pub fn title(self) -> &'static str {
        texts::of(match self {
            Self::Files => "Files",
            Self::Segmenting => "Segmenting",
            Self::Tools => "Tools",
            Self::Slices => "Slices",
            Self::Views => "Views",
            Self::Help => "Help",
        })
    }
}
