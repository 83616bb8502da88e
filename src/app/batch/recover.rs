//! `prosector recover`: the unsaved work that is kept, and its labels as a file.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::app::desktop::data_folder;
use crate::app::journal::{self, Kept, KeptWork};
use crate::cli::RecoverArgs;
use crate::io::save_label_layers;
use crate::session::ScanSource;

use super::Refusal;
use super::console::Console;
use super::outputs::{check_results, export_doubts};

#[derive(Serialize)]
struct Report {
    work: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    id: String,
    /// The scan's path; the phantom has none.
    scan: String,
    /// Steps in force: what undo can take back.
    committed_steps: usize,
    last_step: Option<String>,
    saved: bool,
    bytes: u64,
    /// A window that is open works on it.
    #[serde(skip)]
    in_use: bool,
}

pub(super) fn run(args: &RecoverArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    let folder = data_folder().ok_or_else(|| {
        Refusal::Other("this user has no folder where unsaved work could be kept".to_owned())
    })?;
    let work = journal::list(&folder);
    match (&args.export, &args.output) {
        (Some(id), Some(output)) => export(&work, id, output, console),
        _ => {
            list(&work, console);
            Ok(())
        }
    }
}

fn list(work: &[KeptWork], console: Console) {
    let mut warnings = Vec::new();
    let mut report = Report { work: Vec::new() };
    for one in work {
        match &one.kept {
            Ok(kept) => report.work.push(Entry::of(one, kept)),
            Err(reason) => warnings.push(format!("{}: cannot be read: {reason}", one.id)),
        }
    }
    console.warnings(&warnings);
    console.result(&report, || describe(&report.work));
}

impl Entry {
    fn of(work: &KeptWork, kept: &Kept) -> Self {
        Self {
            id: work.id.clone(),
            scan: match &kept.source {
                ScanSource::Sample => "sample".to_owned(),
                ScanSource::File { path, .. } => path.to_string_lossy().into_owned(),
            },
            committed_steps: kept.steps,
            last_step: kept.last_step.clone(),
            saved: kept.is_saved,
            bytes: work.bytes,
            in_use: work.is_in_use,
        }
    }
}

fn describe(work: &[Entry]) -> String {
    if work.is_empty() {
        return "no unsaved work".to_owned();
    }
    let mut text = String::new();
    for one in work {
        let last = one.last_step.as_deref().unwrap_or("none");
        let saved = if one.saved { "saved" } else { "not saved" };
        let in_use = if one.in_use { "; open in a window" } else { "" };
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{}  {}\n    {} steps, the last: {last}; {saved}; {} bytes{in_use}",
            one.id, one.scan, one.committed_steps, one.bytes
        );
    }
    text
}

fn export(work: &[KeptWork], id: &str, output: &Path, console: Console) -> Result<(), Refusal> {
    let one = work.iter().find(|one| one.id == id).ok_or_else(|| {
        Refusal::Other(format!(
            "no unsaved work has the id {id}: `prosector recover` lists what there is"
        ))
    })?;
    let unreadable = |reason: &str| Refusal::Other(format!("{id}: cannot be read: {reason}"));
    let kept = one.kept.as_ref().map_err(|reason| unreadable(reason))?;
    if one.is_in_use {
        return Err(Refusal::Other(format!(
            "{id}: a window works on it: save the labels there, or close that window first"
        )));
    }
    let scan: Vec<PathBuf> = match &kept.source {
        ScanSource::Sample => Vec::new(),
        ScanSource::File { path, .. } => vec![path.clone()],
    };
    let inputs: Vec<&Path> = scan.iter().map(PathBuf::as_path).collect();
    check_results(&[output], &inputs)?;
    let (labels, table, is_damaged) = one.labels().map_err(|reason| unreadable(&reason))?;
    if is_damaged {
        // A script that asks for the last step must not be given an earlier one.
        return Err(Refusal::Other(format!(
            "{id}: damaged behind step {}: open the window, which offers the work as before the damage",
            kept.steps
        )));
    }
    let flattened = save_label_layers(output, &labels, &table)?;
    let doubts = export_doubts(labels.grid()).into_iter();
    let warnings: Vec<String> = doubts.chain(flattened.map(|f| f.to_string())).collect();
    console.warnings(&warnings);
    console.result(&Entry::of(one, kept), || {
        format!("{}: the labels of {id}", output.display())
    });
    Ok(())
}
