//! `worklist new`, `add` and `status`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::cli::{ReadingState, WorklistAddArgs, WorklistNewArgs, WorklistStatusArgs};
use crate::project::{LabelRule, Project, ProjectFile, Reading, State, cases_in};

use super::super::Refusal;
use super::super::console::Console;

#[derive(Serialize)]
struct Made<'a> {
    project: &'a Path,
    labels: Vec<String>,
    readers_per_case: usize,
    blinded: bool,
}

pub(super) fn new(args: &WorklistNewArgs) -> Result<(), Refusal> {
    let rule = |text: &String| LabelRule {
        name: text.trim_end_matches('?').to_owned(),
        may_be_empty: text.ends_with('?'),
    };
    let labels: Vec<LabelRule> = args.labels.iter().map(rule).collect();
    for (n, label) in labels.iter().enumerate() {
        let is_twice = labels[..n].iter().any(|other| other.name == label.name);
        if label.name.trim().is_empty() || is_twice {
            return Err(Refusal::Usage(format!(
                "--label {:?}: labels need a name each, and each another",
                label.name
            )));
        }
    }
    let file = ProjectFile {
        version: 1,
        readers_per_case: usize::from(args.readers_per_case),
        blinded: args.blinded,
        labels,
    };
    let project = Project::create(&args.project, file)?;
    let made = Made {
        project: &args.project,
        labels: project.label_names(),
        readers_per_case: project.file.readers_per_case,
        blinded: project.file.blinded,
    };
    Console::new(args.json).result(&made, || args.project.display().to_string());
    Ok(())
}

#[derive(Serialize)]
struct Added {
    found: usize,
    added: usize,
    cases: usize,
}

pub(super) fn add(args: &WorklistAddArgs) -> Result<(), Refusal> {
    let project = Project::open(&args.project)?;
    let mut found = Vec::new();
    for path in &args.paths {
        found.extend(cases_in(path)?);
    }
    let added = Added {
        added: project.add(&found)?,
        found: found.len(),
        cases: project.cases()?.len(),
    };
    Console::new(args.json).result(&added, || {
        let Added {
            found,
            added,
            cases,
        } = &added;
        format!("{found} found, {added} of them new; {cases} cases in all")
    });
    Ok(())
}

#[derive(Serialize)]
struct Status {
    cases: Vec<CaseRow>,
    /// How many cases each reader has in each state.
    readers: BTreeMap<String, BTreeMap<&'static str, usize>>,
    /// Cases that have all their readings done.
    complete: usize,
}

#[derive(Serialize)]
struct CaseRow {
    id: String,
    image: String,
    readings: Vec<ReadingRow>,
    /// Of who decides between the readings; `null` where nobody began.
    adjudication: Option<ReadingRow>,
}

#[derive(Serialize)]
struct ReadingRow {
    reader: String,
    state: &'static str,
    seconds: f64,
    note: String,
}

pub(super) fn status(args: &WorklistStatusArgs) -> Result<(), Refusal> {
    let project = Project::open(&args.project)?;
    let mut status = Status {
        cases: Vec::new(),
        readers: BTreeMap::new(),
        complete: 0,
    };
    for id in project.cases()? {
        let all = project.readings(&id)?;
        let done = all.iter().filter(|r| r.file.state == State::Done).count();
        status.complete += usize::from(done >= project.file.readers_per_case);
        let all_readings = all.len();
        let seen = seen_by(args.reader.as_deref(), &project, all);
        for reading in &seen {
            let of_reader = status.readers.entry(reading.reader.clone()).or_default();
            *of_reader.entry(reading.file.state.word()).or_default() += 1;
        }
        if is_wanted(args.state, args.reader.as_deref(), &seen) {
            let image = project.case(&id)?.image;
            let is_blind =
                project.file.blinded && args.reader.is_some() && seen.len() < all_readings;
            let adjudication = project.adjudication(&id)?.filter(|_| !is_blind);
            let readings = seen.into_iter().map(row).collect();
            status.cases.push(CaseRow {
                adjudication: adjudication.map(row),
                id,
                image,
                readings,
            });
        }
    }
    Console::new(args.json).result(&status, || in_words(&status));
    Ok(())
}

/// In a blinded project a reader sees the own reading alone until it is done.
fn seen_by(reader: Option<&str>, project: &Project, mut all: Vec<Reading>) -> Vec<Reading> {
    let Some(reader) = reader.filter(|_| project.file.blinded) else {
        return all;
    };
    let is_own = |r: &Reading| r.reader == reader;
    let is_done = all.iter().any(|r| is_own(r) && r.file.state == State::Done);
    if !is_done {
        all.retain(is_own);
    }
    all
}

fn is_wanted(state: Option<ReadingState>, reader: Option<&str>, seen: &[Reading]) -> bool {
    let Some(state) = state.map(State::from) else {
        return true;
    };
    let mut own = seen
        .iter()
        .filter(|r| reader.is_none_or(|name| name == r.reader));
    match state {
        State::NotStarted => own.all(|r| r.file.state == State::NotStarted),
        _ => own.any(|r| r.file.state == state),
    }
}

fn row(reading: Reading) -> ReadingRow {
    ReadingRow {
        reader: reading.reader,
        state: reading.file.state.word(),
        seconds: reading.file.seconds,
        note: reading.file.note,
    }
}

impl From<ReadingState> for State {
    fn from(state: ReadingState) -> Self {
        match state {
            ReadingState::NotStarted => Self::NotStarted,
            ReadingState::InProgress => Self::InProgress,
            ReadingState::Done => Self::Done,
            ReadingState::Flagged => Self::Flagged,
        }
    }
}

fn in_words(status: &Status) -> String {
    let mut text = String::new();
    for case in &status.cases {
        let one = |r: &ReadingRow| format!("{} {}", r.reader, r.state);
        let readings: Vec<String> = case.readings.iter().map(one).collect();
        let readings = match readings.is_empty() {
            true => "not_started".to_owned(),
            false => readings.join(", "),
        };
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{:<32} {readings}", case.id);
    }
    let _ = writeln!(text, "{} cases complete", status.complete);
    text
}
