//! `worklist next` and `save`.

use serde::Serialize;

use crate::cli::{WorklistNextArgs, WorklistSaveArgs};
use crate::project::{LabelRule, Measure, Project, Role, Saved, State, missing_labels};

use super::super::Refusal;
use super::super::console::Console;
use super::{open_labels, open_scan};

#[derive(Serialize)]
struct Report {
    /// `null` when nothing is left.
    case: Option<String>,
    image: Option<String>,
    series: Option<String>,
    labels: Option<String>,
    state: &'static str,
    template: Vec<LabelRule>,
    done: usize,
    left: usize,
}

pub(super) fn next(args: &WorklistNextArgs) -> Result<(), Refusal> {
    let project = Project::open(&args.project)?;
    let mut next = project.next(&args.reader, args.by.map(Measure::from))?;
    if let (true, Some((id, _))) = (args.start, &next.case) {
        if next.state == State::NotStarted {
            project.start(id, &args.reader, Role::Reader)?;
        }
        next.state = State::InProgress;
    }
    let shown = |relative: &String| project.resolved(relative).display().to_string();
    let case = next.case.as_ref();
    let report = Report {
        case: case.map(|c| c.0.clone()),
        image: case.map(|c| shown(&c.1.image)),
        series: case.and_then(|c| c.1.series.clone()),
        labels: case.and_then(|c| c.1.labels.as_ref()).map(shown),
        state: next.state.word(),
        template: project.file.labels.clone(),
        done: next.done,
        left: next.left,
    };
    Console::new(args.json).result(&report, || match (&report.case, &report.image) {
        (Some(id), Some(image)) => format!("{id}: {image} ({} left)", report.left),
        _ => format!("nothing is left for {}; {} done", args.reader, report.done),
    });
    Ok(())
}

#[derive(Serialize)]
struct Kept<'a> {
    case: &'a str,
    reader: &'a str,
    state: &'static str,
    warnings: Vec<String>,
}

pub(super) fn save(args: &WorklistSaveArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    let ctx = console.context();
    let project = Project::open(&args.project)?;
    let case = project.case(&args.case)?;
    let state = State::from(args.state);
    let read = match &args.labels {
        Some(path) => {
            let scan = open_scan(&project, &case, &ctx)?;
            Some(open_labels(path, &scan, &ctx)?)
        }
        None => None,
    };
    let mut warnings = Vec::new();
    match &read {
        Some(read) => {
            let rules = &project.file.labels;
            let missing = missing_labels(rules, &read.layers, &read.table);
            if state == State::Done && !missing.is_empty() {
                return Err(Refusal::Other(format!(
                    "{}: cannot be done: {}; draw it, or save as in_progress or flagged",
                    args.case,
                    missing.join(", ")
                )));
            }
            let labels = read.table.labels().iter();
            let foreign = labels.filter(|l| !rules.iter().any(|rule| rule.name == l.name));
            warnings.extend(foreign.map(|l| {
                format!(
                    "{} is no label of the project: it is kept and not compared",
                    l.name
                )
            }));
        }
        None if state == State::Done => {
            return Err(Refusal::Usage(
                "a case that is done has labels: give them with --labels, or another --state"
                    .to_owned(),
            ));
        }
        None => {}
    }
    let saved = Saved {
        labels: read.as_ref().map(|read| (&read.layers, &read.table)),
        state,
        seconds: args.seconds,
        note: args.note.clone(),
        model: args.model.clone(),
        prompts: args.prompts.clone(),
        edits: args.edits,
    };
    let role = match args.adjudicate {
        true => Role::Adjudicator,
        false => Role::Reader,
    };
    project.save(&args.case, &args.reader, role, &saved)?;
    console.warnings(&warnings);
    let kept = Kept {
        case: &args.case,
        reader: &args.reader,
        state: state.word(),
        warnings,
    };
    console.result(&kept, || {
        format!("{}: {} by {}", kept.case, kept.state, kept.reader)
    });
    Ok(())
}
