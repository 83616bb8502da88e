//! `prosector teach`: a model learns from a few corrected cases, and shows that it got better.

mod given;
mod told;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::app::lesson::{Lesson, write_report};
use crate::cli::TeachArgs;
use crate::engine::{Request, Task};
use crate::io::{atomic, check_distinct, check_keeps};
use crate::models::{Compared, DeviceChoice, Verdict};
use crate::remote::{Processor, teach};
use crate::train::teach::{Distillation, Resume, TeachReport, TeachRequest};
use crate::util::peak_memory_mb;

use super::Refusal;
use super::console::Console;
use super::model_run::run_alone;
use given::{Given, Read};

pub(super) fn run(args: &TeachArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    let processor = &args.device.device;
    refuse_to_resume(args)?;
    let given = Given::of(args)?;
    check_results(args, &given)?;
    let Read { titles, cases } = given.read(args.structure.as_deref(), console)?;
    let course = Arc::default();
    let request = Arc::new(TeachRequest {
        cases,
        base: args.model.clone(),
        structure: args.structure.clone(),
        distillation: args.teacher.clone().map(|teacher| Distillation {
            teacher,
            structure: args.teacher_structure.clone(),
            lambda: args.lambda,
        }),
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
        device: match processor {
            Processor::Here(device) => *device,
            Processor::There(_) => DeviceChoice::Auto,
        },
        date: crate::project::now().chars().take(10).collect(),
        watcher: told::watcher(&course, console),
    });
    if let Processor::There(address) = processor {
        console.warnings(address.warning().as_slice());
    }
    let report = taught(&request, processor)?;
    if let Some(path) = &args.report {
        let lesson = Lesson {
            titles: &titles,
            cases: &request.cases,
            report: &report,
            course: &course.lock().unwrap_or_else(PoisonError::into_inner),
        };
        write_report(path, &lesson)?;
    }
    let taught = report.card.taught.as_ref();
    let cases = taught.map_or(titles.len(), |taught| taught.cases);
    console.result(&Printed::of(&report, cases, args), || {
        words(&report, cases, args)
    });
    outcome(&report, processor)
}

/// Whether adapter and report can be written without losing what is read, asked before anything is read.
fn check_results(args: &TeachArgs, given: &Given) -> Result<(), Refusal> {
    let mut results = vec![args.output.as_path()];
    if let Some(report) = &args.report {
        let is_page = report
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("html") || e.eq_ignore_ascii_case("htm"));
        if !is_page {
            return Err(Refusal::Usage(format!(
                "{}: the report is one HTML file: give a name that ends in .html",
                report.display()
            )));
        }
        atomic::check_target(report)?;
        results.push(report);
    }
    let files = given.files()?;
    for result in &results {
        check_keeps(result, &files)?;
    }
    Ok(check_distinct(&results)?)
}

/// Another machine keeps nothing of a lesson to go on from.
fn refuse_to_resume(args: &TeachArgs) -> Result<(), Refusal> {
    match &args.device.device {
        Processor::There(address) if args.resume => Err(Refusal::Usage(format!(
            "{address} keeps nothing of a lesson that has ended: start without --resume"
        ))),
        _ => Ok(()),
    }
}

/// Teaches as a job of the engine.
fn taught(request: &Arc<TeachRequest>, processor: &Processor) -> Result<TeachReport, Refusal> {
    let report = Arc::new(Mutex::new(None));
    let task = {
        let (report, request) = (Arc::clone(&report), Arc::clone(request));
        let processor = processor.clone();
        Task::without_model(move |ctx| {
            let done = teach(&processor, &request, ctx)?;
            *report.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
            Ok::<(), crate::train::TrainError>(())
        })
    };
    // The lesson's own watcher tells how far it is.
    run_alone(Request::Training { task }, |_, _| {})?;
    let report = report.lock().unwrap_or_else(PoisonError::into_inner).take();
    report.ok_or_else(|| Refusal::Other("the job was cancelled".to_owned()))
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
    report: Option<&'a Path>,
    seconds: f64,
    peak_memory_mb: Option<u64>,
}

impl<'a> Printed<'a> {
    fn of(report: &'a TeachReport, cases: usize, args: &'a TeachArgs) -> Self {
        Self {
            report: args.report.as_deref(),
            verdict: report.verdict,
            measured: &report.measured,
            method: &report.method,
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
    if let Some(dice) = report.measured.first().and_then(|row| row.dice_teacher) {
        let _ = writeln!(
            text,
            "    the teacher itself: Dice {dice:.3} on these cases"
        );
    }
    let _ = writeln!(text, "{}", report.verdict.words());
    if let Some(why) = report.unmeasured() {
        let _ = writeln!(text, "{why}");
    }
    if let Some(bytes) = report.bytes {
        let out = args.output.display();
        let _ = writeln!(
            text,
            "{out}: {:.1} MB; `prosector models use {out}` installs and uses it",
            bytes as f64 / 1e6
        );
    }
    if let Some(path) = &args.report {
        let path = path.display();
        let _ = writeln!(text, "{path}: the report; it holds slices of the scans");
    }
    text
}

/// The refusal where nothing was kept.
fn outcome(report: &TeachReport, processor: &Processor) -> Result<(), Refusal> {
    let all_the_same = match processor {
        Processor::Here(_) => "--unproven --resume",
        Processor::There(_) => "--unproven",
    };
    match (report.bytes, report.verdict) {
        (Some(_), _) => Ok(()),
        (None, Verdict::Worse) => Err(Refusal::Other(
            "what was taught is worse than before on cases left out, and was not kept: look for cases that are labelled wrongly"
                .to_owned(),
        )),
        (None, _) if is_unlabelled(report) => Err(Refusal::Other(format!(
            "what was taught is not proven to be better, as no case has labels to measure it with, and was not kept: label cases of two patients, or keep it all the same with {all_the_same}"
        ))),
        (None, _) => Err(Refusal::Other(format!(
            "what was taught is not proven to be better on cases left out, and was not kept: add cases, look for wrong labels, or keep it all the same with {all_the_same}"
        ))),
    }
}

/// Whether a teacher alone taught.
fn is_unlabelled(report: &TeachReport) -> bool {
    let taught = report.card.taught.as_ref();
    let teacher = taught.and_then(|taught| taught.teacher.as_ref());
    teacher.is_some_and(|teacher| teacher.labelled == 0)
}
