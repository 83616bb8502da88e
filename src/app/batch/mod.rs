//! The commands without a window; each file is one of them.
//!
//! A command ends well, or with a [`Refusal`]: one line on stderr, and nothing written. Warnings are printed
//! when a command has ended well, so that a refusal stays one line.

mod about;
mod anonymise;
mod calibrate;
mod cases;
mod cohort;
mod console;
mod convert;
mod demo;
mod edit;
mod evaluate;
mod info;
mod inputs;
mod labels;
mod model_run;
mod models;
mod operations;
mod outputs;
mod pacs;
mod parity;
mod prompts;
mod recover;
mod register;
mod screenshot;
mod segment;
mod segment_cases;
mod serve;
mod statistics;
mod teach;
mod train;
mod words;
mod worklist;

use std::process::ExitCode;

use crate::app::ranking::RankError;
use crate::cli::{Command, OpenArgs};
use crate::io::IoError;
use crate::models::ModelError;
use crate::network::NetworkError;
use crate::project::ProjectError;
use crate::prompt::PromptError;
use crate::remote::ServeError;
use crate::session::operations::OperationError;
use crate::train::TrainError;
use crate::train::parity::ParityError;

use console::Console;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The model or its device cannot be had.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The prompts do not lie on the scan.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// Training cannot start or go on.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The recordings cannot be compared.
    #[error(transparent)]
    Parity(#[from] ParityError),
    /// An operation cannot be done as it was typed.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// An annotation project does not allow it.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// A case cannot be ranked.
    #[error(transparent)]
    Rank(#[from] RankError),
    /// A model cannot be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// An archive does not answer as it should.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Anything else that the user can put right.
    #[error("{0}")]
    Other(String),
    /// What was typed makes no sense.
    #[error("{0}; see `prosector --help`")]
    Usage(String),
}

impl Refusal {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Operation(_) | Self::Usage(_) => ExitCode::from(2),
            _ => ExitCode::from(1),
        }
    }
}

/// Prints why something was refused, in one line, and gives the exit code.
pub fn refuse(error: &dyn std::error::Error) -> ExitCode {
    Console::refuse(error);
    ExitCode::from(1)
}

/// What is left to do after a command.
#[derive(Debug)]
pub enum AndThen {
    /// Nothing: leave with this code.
    Exit(ExitCode),
    /// Open the window on these files.
    OpenWindow(OpenArgs),
}

/// Runs a command to its end.
pub fn run(command: Command) -> AndThen {
    let outcome = match command {
        Command::Open(args) => return AndThen::OpenWindow(args),
        Command::Info(args) => info::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Segment(args) => segment::run(&args),
        Command::Operations(args) => operations::run(&args),
        Command::Edit(args) => edit::run(&args),
        Command::Labels(args) => labels::run(&args),
        Command::Anonymise(args) => anonymise::run(&args),
        Command::Worklist(command) => worklist::run(&command),
        Command::Pacs(command) => pacs::run(&command),
        Command::Statistics(args) => statistics::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Models(command) => models::run(&command),
        Command::Train(args) => train::run(&args),
        Command::Teach(args) => teach::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Parity(args) => parity::run(&args),
        Command::Register(args) => register::run(&args),
        Command::Recover(args) => recover::run(&args),
        Command::Screenshot(args) => screenshot::run(&args),
        Command::About(args) => about::run(&args),
        Command::Demo(args) => match demo::run(&args) {
            Ok(Some(open)) => return AndThen::OpenWindow(open),
            other => other.map(|_| ()),
        },
    };
    AndThen::Exit(match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            Console::refuse(&refusal);
            refusal.exit_code()
        }
    })
}
