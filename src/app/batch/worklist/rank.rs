//! `worklist rank`: which case next.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::app::ranking::{self, CaseToRank, RankError};
use crate::cli::{RankBy, WorklistRankArgs};
use crate::engine::Task;
use crate::models::ScanKey;
use crate::project::{Between, Measure, Number, Project, Rank, WhyNot};
use crate::util::JobContext;

use super::super::Refusal;
use super::super::console::Console;
use super::super::model_run::ModelRun;
use super::asked_cases;

impl From<RankBy> for Measure {
    fn from(by: RankBy) -> Self {
        match by {
            RankBy::Uncertainty => Self::Uncertainty,
            RankBy::Disagreement => Self::Disagreement,
        }
    }
}

#[derive(Serialize)]
struct Report {
    /// The first to be read first.
    cases: Vec<Row>,
    /// How many cases were given numbers now; those of the others were known.
    ranked: usize,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    case: String,
    uncertainty: Told,
    disagreement: Told,
}

#[derive(Serialize)]
struct Told {
    value: Option<f64>,
    /// Why there is no value, in words.
    why_not: Option<&'static str>,
    between: Option<Between>,
    expected_dice: Option<f64>,
    unsure_border: Option<f64>,
    model: Option<String>,
}

pub(super) fn run(args: &WorklistRankArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    let ctx = console.context().unreported();
    let project = Project::open(&args.project)?;
    let ids = asked_cases(&project, args.cases.as_deref())?;
    let model = ModelRun::open(args.model.as_deref(), &args.device.device, console)?;
    let mut report = Report {
        cases: Vec::new(),
        ranked: 0,
        warnings: Vec::new(),
    };
    let mut ranks = Vec::new();
    for (n, id) in ids.iter().enumerate() {
        let stage = format!("case {id} ({} of {})", n + 1, ids.len());
        console.progress(n as f32 / ids.len() as f32, &stage);
        let asked = (ScanKey(n as u64 + 1), args.again);
        let rank = match ranked(&project, id, asked, &model, &ctx) {
            Ok(Some(rank)) => {
                // Each as soon as it is known: who is stopped goes on from there.
                project.save_rank(id, &rank)?;
                report.ranked += 1;
                rank
            }
            Ok(None) => project.rank(id),
            Err(error) => {
                report.warnings.push(format!("case {id}: {error}"));
                Rank::none(WhyNot::Failed)
            }
        };
        model.drop_caches();
        ranks.push((id.clone(), rank));
    }
    let by = Measure::from(args.by);
    by.sort(&mut ranks, |(_, rank)| rank);
    report.cases = ranks.into_iter().map(row).collect();
    console.warnings(&report.warnings);
    console.result(&report, || in_words(&report));
    Ok(())
}

/// The numbers of a case; `None` where they are known.
fn ranked(
    project: &Project,
    id: &str,
    asked: (ScanKey, bool),
    model: &ModelRun,
    ctx: &JobContext,
) -> Result<Option<Rank>, Refusal> {
    let Some(case) = ranking::read(project, id, &model.card, asked, ctx)? else {
        return Ok(None);
    };
    if case.asked.is_none() {
        return Ok(Some(case.rank));
    }
    judged(case, model).map(Some)
}

/// Has the engine's thread judge a case.
fn judged(case: CaseToRank, model: &ModelRun) -> Result<Rank, Refusal> {
    let found = Arc::new(Mutex::new(None));
    let task = {
        let found = Arc::clone(&found);
        Task::new(move |model, ctx| {
            let rank = case.judged(model, ctx)?;
            *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(rank);
            Ok::<(), RankError>(())
        })
    };
    model.do_task(task)?;
    let rank = found.lock().unwrap_or_else(PoisonError::into_inner).take();
    rank.ok_or_else(|| Refusal::Other("the job was cancelled".to_owned()))
}

fn row((case, rank): (String, Rank)) -> Row {
    let told = |number: Number| Told {
        value: number.value,
        why_not: number.why_not.map(WhyNot::words),
        between: number.between,
        expected_dice: number.expected_dice,
        unsure_border: number.unsure_border,
        model: Some(number.model).filter(|model| !model.is_empty()),
    };
    Row {
        case,
        uncertainty: told(rank.uncertainty),
        disagreement: told(rank.disagreement),
    }
}

fn in_words(report: &Report) -> String {
    let mut text = format!("{:>11} {:>12}  case\n", "uncertainty", "disagreement");
    let number = |told: &Told| told.value.map_or("-".to_owned(), |v| format!("{v:.3}"));
    for row in &report.cases {
        let why = [&row.uncertainty, &row.disagreement].map(|told| told.why_not);
        let why: Vec<&str> = why.into_iter().flatten().collect();
        let (uncertainty, disagreement) = (number(&row.uncertainty), number(&row.disagreement));
        // Writing into a string cannot fail.
        let _ = write!(text, "{uncertainty:>11} {disagreement:>12}  {}", row.case);
        let _ = match why.as_slice() {
            [] => writeln!(text),
            [a, b] if a == b => writeln!(text, " ({a})"),
            _ => writeln!(text, " ({})", why.join("; ")),
        };
    }
    let _ = writeln!(text, "{} ranked now", report.ranked);
    text
}
