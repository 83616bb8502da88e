//! What the window says of teaching, in one line.

use std::path::PathBuf;

use crate::ui::texts::{self, tr};

/// What is to be said.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// This model is used from now on.
    Used(String),
    /// What was taught was thrown away.
    ThrownAway,
    /// Nothing is kept, so what is taught cannot be either.
    NoFolder,
    /// Another machine computes with what it serves; this model is kept here.
    KeptHere(String),
    /// The user stopped the lesson, which goes on where it was.
    Stopped,
    /// The user stopped the lesson on another machine, which has forgotten it.
    StoppedThere,
    /// The engine was restarted with another model, and the lesson with it.
    OtherModel,
    /// So many cases of the worklist were given; so many more are than a lesson takes, or hold nothing.
    OfWorklist {
        /// Given now.
        given: usize,
        /// Left out.
        left_out: usize,
    },
    /// So many scans of the worklist that have no labels were given; so many more are than a lesson takes.
    ScansOfWorklist {
        /// Given now.
        given: usize,
        /// Left out.
        left_out: usize,
    },
    /// The report was written.
    ReportSaved(PathBuf),
    /// The sentence of a layer below.
    Failed(String),
}

impl Said {
    /// In the language of the window.
    pub fn text(&self) -> String {
        match self {
            Self::Used(id) => tr!("{id} is used from now on", id),
            Self::ThrownAway => tr!("thrown away; the model is as it was").to_owned(),
            Self::KeptHere(id) => tr!(
                "{id} is kept on this computer, and used when it computes itself; the other machine serves what it served",
                id
            ),
            Self::StoppedThere => {
                tr!("stopped; the other machine has forgotten the lesson").to_owned()
            }
            Self::NoFolder => tr!("there is no folder to keep it in").to_owned(),
            Self::Stopped => tr!("stopped; teach again under this name to go on").to_owned(),
            Self::OtherModel => {
                tr!("another model was chosen; teach again under this name to go on").to_owned()
            }
            Self::OfWorklist { given, left_out: 0 } => {
                tr!("{given} finished cases of the worklist are used", given)
            }
            Self::OfWorklist { given, left_out } => tr!(
                "{given} finished cases of the worklist are used, {left_out} were left out",
                given,
                left_out
            ),
            Self::ScansOfWorklist { given, left_out } => tr!(
                "{given} scans of the worklist are used, {left_out} were left out",
                given,
                left_out
            ),
            Self::ReportSaved(path) => {
                tr!("Saved and read back: {path}", path = path.display())
            }
            Self::Failed(text) => texts::worded(text),
        }
    }
}
