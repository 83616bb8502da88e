//! `prosector models calibrate`: what Dice to expect of a model's answers, and what it has seen the like of, learnt from
//! answers whose truth is known and written beside the model's card.

mod answers;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::cli::CalibrateArgs;
use crate::io::check_keeps;
use crate::models::trust::{Examples, Foretold, Trust, judged_targets, mean_absolute_error};
use crate::models::{ModelCard, open_uncalibrated};

use super::Refusal;
use super::cases::{EvaluationCase, read_cases};
use super::console::Console;
use super::model_run::{ModelRun, own_device};
use answers::{Asked, CaseRun};

pub(super) fn run(args: &CalibrateArgs) -> Result<(), Refusal> {
    let console = Console::new(false);
    let device = own_device(&args.device, "calibrating")?;
    let card_path = args.card.clone();
    let model = ModelRun::start(move || open_uncalibrated(&card_path, device), console)?;
    let (new, known) = (cases_of(&args.cases)?, cases_of(&args.known)?);
    let learnt_path = Trust::path_beside(&args.card, &model.card);
    check_keeps(&learnt_path, &files_read(args, &model.card, &new, &known))?;
    let mut examples = Examples::default();
    let all = new.len() + known.len();
    let told = new.iter().map(|c| (c, Asked::Everything));
    for (n, (case, asked)) in told
        .chain(known.iter().map(|c| (c, Asked::AtFirst)))
        .enumerate()
    {
        console.progress(n as f32 / all as f32, &format!("case {} of {all}", n + 1));
        let run = CaseRun::open(case, n, &model)?;
        let targets = run.targets(asked)?;
        let structures = run.structures()?;
        let (to_targets, to_structures) = match asked {
            Asked::Everything => (&mut examples.new_targets, &mut examples.new_structures),
            Asked::AtFirst => (&mut examples.known_targets, &mut examples.known_structures),
        };
        to_targets.extend(targets);
        to_structures.extend(structures);
        model.drop_caches();
    }
    let trust =
        Trust::learn(&model.card.sha256, &examples).ok_or_else(|| nothing_learnt(&model.card))?;
    trust.save(&learnt_path)?;
    console.line(&describe(&examples));
    Ok(())
}

/// The files that the command reads.
fn files_read(
    args: &CalibrateArgs,
    card: &ModelCard,
    new: &[EvaluationCase],
    known: &[EvaluationCase],
) -> Vec<PathBuf> {
    let cases = new.iter().chain(known);
    let scans = cases.flat_map(EvaluationCase::files).map(Path::to_path_buf);
    let lists = args.cases.iter().chain(&args.known).cloned();
    let model = [args.card.clone(), args.card.with_file_name(&card.weights)];
    model.into_iter().chain(lists).chain(scans).collect()
}

fn cases_of(files: &[PathBuf]) -> Result<Vec<EvaluationCase>, Refusal> {
    let read: Result<Vec<Vec<EvaluationCase>>, Refusal> =
        files.iter().map(|f| read_cases(f)).collect();
    Ok(read?.into_iter().flatten().collect())
}

fn nothing_learnt(card: &ModelCard) -> Refusal {
    Refusal::Other(format!(
        "nothing could be learnt of the model '{}': it tells nothing of its answers, or the cases have no labels",
        card.id
    ))
}

/// How well the Dice of answers is foretold that were not learnt from.
fn describe(examples: &Examples) -> String {
    let judged = judged_targets(examples).unwrap_or_default();
    let mut text = format!(
        "{} prompted answers on scans that the model was not trained on\n",
        judged.len()
    );
    let mean = judged.iter().map(|a| a.dice).sum::<f64>() / judged.len() as f64;
    let by_patient = Foretold::by_others(&judged, |a| &a.patient);
    let by_domain = Foretold::by_others(&judged, |a| &a.domain);
    let rows = [
        (
            "as expected before",
            mean_absolute_error(&by_patient, |f| f.before),
        ),
        (
            "the mean of all, whatever the answer",
            mean_absolute_error(&by_patient, |_| mean),
        ),
        (
            "learnt from other patients",
            mean_absolute_error(&by_patient, |f| f.learnt),
        ),
        (
            "learnt from other collections",
            mean_absolute_error(&by_domain, |f| f.learnt),
        ),
    ];
    let _ = writeln!(text, "Mean absolute error of the Dice");
    for (name, error) in rows {
        let error = error.map_or_else(|| "-".to_owned(), |e| format!("{e:.3}"));
        // Writing into a string cannot fail.
        let _ = writeln!(text, "  {name:<40} {error}");
    }
    text
}
