//! What the rest of the program must do after a command.

use crate::geometry::VoxelBox;
use crate::prompt::Asked;

/// Ties the result of a job to the request it was made for. Results of old tickets are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub(super) u64);

/// How a notice is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// For information.
    Info,
    /// Something the user should look at.
    Warning,
    /// Something was refused or failed.
    Error,
}

/// Something to do after a command.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Another image (or none): forget textures and views of the old one, show the new one.
    ScanChanged,
    /// Segment what the prompts point at; supersedes earlier prompt jobs.
    RunPrompt {
        /// Comes back with the result.
        ticket: Ticket,
        /// What is asked.
        asked: Asked,
    },
    /// Find structures without a prompt.
    RunAuto {
        /// Comes back with the result.
        ticket: Ticket,
        /// Names of the model card; all of them when `None`.
        structures: Option<Vec<String>>,
    },
    /// The job's result is no longer wanted.
    CancelJob(Ticket),
    /// Label voxels changed inside this box.
    LabelsChanged(VoxelBox),
    /// Another second image, or none: forget the texture of the one before.
    SecondChanged,
    /// The proposal appeared, changed or went.
    ProposalChanged,
    /// The prompts changed.
    PromptsChanged,
    /// The label table or the active label changed.
    TableChanged,
    /// Cross-hair, window, overlay, convention, tool or brush changed.
    ViewChanged,
    /// Tell the user.
    Notice {
        /// How.
        severity: Severity,
        /// One sentence.
        text: String,
    },
}

/// Effects collected while a command is applied.
#[derive(Debug, Default)]
pub(super) struct Effects(pub Vec<Effect>);

impl Effects {
    pub fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }

    fn notice(&mut self, severity: Severity, text: impl Into<String>) {
        self.push(Effect::Notice {
            severity,
            text: text.into(),
        });
    }

    pub fn info(&mut self, text: impl Into<String>) {
        self.notice(Severity::Info, text);
    }

    pub fn warn(&mut self, text: impl Into<String>) {
        self.notice(Severity::Warning, text);
    }

    pub fn refuse(&mut self, text: impl Into<String>) {
        self.notice(Severity::Error, text);
    }
}
