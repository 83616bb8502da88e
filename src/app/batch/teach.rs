//! `prosector teach`: a model learns from a few corrected cases, and shows that it got better.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::cli::TeachArgs;
use crate::engine::{Request, Task};
use crate::io::check_keeps;
use crate::models::{Compared, Verdict};
use crate::train::teach::{Resume, TeachCase, TeachReport, TeachRequest};
use crate::util::peak_memory_mb;

use super::Refusal;
use super::cases::{EvaluationCase, OpenedCase, read_cases};
use super::console::Console;
use super::model_run::run_alone;
use super::train::reporter;

pub(super) fn run(args: &TeachArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    let cases = read_cases(&args.cases)?;
    let files = cases.iter().flat_map(|c| [c.image.as_path(), &c.truth]);
    let files: Vec<_> = files.chain([args.cases.as_path()]).collect();
    check_keeps(&args.output, &files)?;
    let request = TeachRequest {
        cases: opened(&cases, args, console)?,
        base: args.model.clone(),
        structure: args.structure.clone(),
        out: args.output.clone(),
        method: args.method.clone(),
        steps: args.steps,
        folds: args.folds,
        unproven: args.unproven,
        resume: if args.resume {
            Resume::Required
        } else {
            Resume::Never
        },
        device: args.device.device,
        date: crate::project::now().chars().take(10).collect(),
    };
    let report = Arc::new(Mutex::new(None));
    let task = {
        let report = report.clone();
        Task::without_model(move |ctx| {
            let done = crate::train::teach::run(&request, ctx)?;
            *report.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
            Ok::<(), crate::train::TrainError>(())
        })
    };
    run_alone(Request::Training { task }, reporter(console))?;
    let report = report.lock().unwrap_or_else(PoisonError::into_inner).take();
    let report = report.ok_or_else(|| Refusal::Other("the job was cancelled".to_owned()))?;
    let cases = cases.len();
    console.result(&Printed::of(&report, cases), || words(&report, cases, args));
    outcome(&report)
}

/// The scans and what counts in them: the label that is named, or all.
fn opened(
    cases: &[EvaluationCase],
    args: &TeachArgs,
    console: Console,
) -> Result<Vec<TeachCase>, Refusal> {
    let mut taught = Vec::new();
    for case in cases {
        let OpenedCase {
            image,
            truth,
            labels,
            warnings,
        } = case.open()?;
        let of_case = |w: &String| format!("case {}: {w}", case.id);
        console.warnings(&warnings.iter().map(of_case).collect::<Vec<_>>());
        let is_wanted = |name: Option<&str>| match &args.structure {
            Some(wanted) => name == Some(wanted.as_str()),
            None => true,
        };
        let wanted = labels.iter().filter(|l| is_wanted(l.name.as_deref()));
        let values: Vec<u16> = wanted.map(|l| l.value).collect();
        let is_shown = truth.voxels.iter().any(|v| values.contains(v));
        if !is_shown && (case.absent_is_unknown || args.structure.is_none()) {
            console.warnings(&[format!(
                "case {}: shows nothing to learn from: left out",
                case.id
            )]);
            continue;
        }
        taught.push(TeachCase {
            image,
            truth,
            values,
        });
    }
    Ok(taught)
}

/// A report as JSON.
#[derive(Serialize)]
struct Printed<'a> {
    verdict: Verdict,
    measured: &'a [Compared],
    method: &'a str,
    parameters: usize,
    cases: usize,
    bytes: Option<usize>,
    seconds: f64,
    peak_memory_mb: Option<u64>,
}

impl<'a> Printed<'a> {
    fn of(report: &'a TeachReport, cases: usize) -> Self {
        Self {
            verdict: report.verdict,
            measured: &report.measured,
            method: report.method,
            parameters: report.parameters,
            cases,
            bytes: report.bytes,
            seconds: report.seconds,
            peak_memory_mb: peak_memory_mb(),
        }
    }
}

fn words(report: &TeachReport, cases: usize, args: &TeachArgs) -> String {
    let mut text = format!(
        "taught on {cases} cases by '{}' ({} values learn) in {:.1} min\n",
        report.method,
        report.parameters,
        report.seconds / 60.0
    );
    if !report.measured.is_empty() {
        text.push_str("on cases left out:       Dice before   after  noise   NSD before   after\n");
    }
    for row in &report.measured {
        let noise = row.dice_noise.map_or("-".to_owned(), |n| format!("{n:.3}"));
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "    {:<20} {:>11.3} {:>7.3} {:>6} {:>12.3} {:>7.3}",
            row.given, row.dice_before, row.dice_after, noise, row.nsd_before, row.nsd_after
        );
    }
    let _ = writeln!(text, "{}", report.verdict.words());
    if let Some(bytes) = report.bytes {
        let out = args.output.display();
        let _ = writeln!(
            text,
            "{out}: {:.1} MB; `prosector models use {out}` installs and uses it",
            bytes as f64 / 1e6
        );
    }
    text
}

/// The refusal where nothing was kept.
fn outcome(report: &TeachReport) -> Result<(), Refusal> {
    match (report.bytes, report.verdict) {
        (Some(_), _) => Ok(()),
        (None, Verdict::Worse) => Err(Refusal::Other(
            "what was taught is worse than before on cases left out, and was not kept: look for cases that are labelled wrongly"
                .to_owned(),
        )),
        (None, _) => Err(Refusal::Other(
            "what was taught is not proven to be better on cases left out, and was not kept: add cases, look for wrong labels, or keep it all the same with --unproven --resume"
                .to_owned(),
        )),
    }
}
