//! `prosector worklist ..`: annotation projects without a window.

mod compare;
mod consensus;
mod export;
mod progress;
mod rank;
mod reading;
mod tables;
mod whose;

use std::path::Path;

use crate::cli::{ScanArgs, WorklistCommand};
use crate::io::Labels;
use crate::project::{CaseFile, Project, Reading};
use crate::util::JobContext;

use super::Refusal;
use super::inputs::{self, OpenedScan, labels_of_scan};

pub(super) use whose::{Whose, numbered};

pub(super) fn run(command: &WorklistCommand) -> Result<(), Refusal> {
    match command {
        WorklistCommand::New(args) => progress::new(args),
        WorklistCommand::Add(args) => progress::add(args),
        WorklistCommand::Status(args) => progress::status(args),
        WorklistCommand::Next(args) => reading::next(args),
        WorklistCommand::Rank(args) => rank::run(args),
        WorklistCommand::Save(args) => reading::save(args),
        WorklistCommand::Compare(args) => compare::run(args),
        WorklistCommand::Consensus(args) => consensus::run(args),
        WorklistCommand::Export(args) => export::run(args),
    }
}

/// The scan of a case.
pub(super) fn open_scan(
    project: &Project,
    case: &CaseFile,
    ctx: &JobContext,
) -> Result<OpenedScan, Refusal> {
    let scan = ScanArgs {
        path: project.resolved(&case.image),
        series: case.series.clone(),
        frame: None,
        frames_of_slice: None,
    };
    inputs::open(&scan, None, ctx)
}

/// A label map of a case, on the grid of its scan.
pub(super) fn open_labels(
    path: &Path,
    scan: &OpenedScan,
    ctx: &JobContext,
) -> Result<Labels, Refusal> {
    Ok(labels_of_scan(path, &scan.target(), ctx)?.0)
}

/// The cases asked for, or all.
fn asked_cases(project: &Project, asked: Option<&[String]>) -> Result<Vec<String>, Refusal> {
    let Some(asked) = asked else {
        return Ok(project.cases()?);
    };
    for id in asked {
        project.case(id)?;
    }
    Ok(asked.to_vec())
}

/// A finished reading's labels.
fn labels_of_reading(
    id: &str,
    reading: &Reading,
    scan: &OpenedScan,
    ctx: &JobContext,
) -> Result<Labels, Refusal> {
    let path = reading.labels.as_ref().ok_or_else(|| {
        let reader = &reading.reader;
        Refusal::Other(format!("{id}: {reader} has handed in no labels"))
    })?;
    open_labels(path, scan, ctx)
}
