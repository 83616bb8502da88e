//! A part of the cases, kept in a file of its own case after case, so that a process that was killed goes on.

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::cli::{EvaluateArgs, Protocol, ShardArg};
use crate::io::{atomic::check_target, check_keeps};

use super::super::Refusal;
use super::super::cases::{EvaluationCase, read_cases};
use super::super::cohort::{dealt, fingerprint, read_record, write_record};
use super::super::console::Console;
use super::super::model_run::ModelRun;
use super::report::Row;
use super::{Measured, protocol};

/// What a part has measured so far.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShardFile {
    /// Which part, from 1.
    pub(super) shard: usize,
    /// How many parts there are.
    pub(super) of: usize,
    /// Equal in all parts of a run: of the cases, the protocol with its options, and the model.
    pub(super) run: String,
    /// How many cases all parts have together.
    pub(super) cases: usize,
    /// The model that was measured.
    pub(super) model: String,
    /// What is finished.
    #[serde(default, rename = "case")]
    pub(super) done: Vec<DoneCase>,
}

/// A finished case.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DoneCase {
    /// Its number in the file of cases, from 0.
    pub(super) number: usize,
    /// How long it took.
    seconds: f64,
    #[serde(default)]
    pub(super) warnings: Vec<String>,
    #[serde(default)]
    pub(super) rows: Vec<Row>,
}

impl ShardFile {
    /// The numbers of cases that are still to be done.
    pub(super) fn left(&self) -> Vec<usize> {
        let shard = ShardArg {
            number: self.shard,
            of: self.of,
        };
        let is_done = |number: usize| self.done.iter().any(|case| case.number == number);
        dealt(Some(shard), self.cases)
            .filter(|&number| !is_done(number))
            .collect()
    }

    /// Rows and warnings in the order of the cases.
    pub(super) fn measured(mut self) -> Measured {
        self.done.sort_by_key(|case| case.number);
        in_order(self.done)
    }

    /// Another run, or another part of it, whose results would be lost.
    fn check_is_of(&self, fresh: &Self, path: &Path) -> Result<(), Refusal> {
        let is_same_part = (self.shard, self.of) == (fresh.shard, fresh.of);
        if is_same_part && self.run == fresh.run && self.cases == fresh.cases {
            return Ok(());
        }
        let what = match is_same_part {
            true => "another run (other cases, protocol, options, model or program)".to_owned(),
            false => format!("part {}/{}", self.shard, self.of),
        };
        Err(Refusal::Other(format!(
            "{}: holds results of {what}: give another file, or remove it",
            path.display()
        )))
    }
}

/// Rows and warnings of cases.
pub(super) fn in_order(done: Vec<DoneCase>) -> Measured {
    let (mut rows, mut warnings) = (Vec::new(), Vec::new());
    for case in done {
        rows.extend(case.rows);
        warnings.extend(case.warnings);
    }
    (rows, warnings)
}

/// Measures what is left of a part; what was finished before is in its file.
pub(super) fn measure(
    path: &Path,
    protocol: Protocol,
    args: &EvaluateArgs,
    console: Console,
) -> Result<Measured, Refusal> {
    let (Some(shard), Some(output)) = (args.shard, &args.output) else {
        let wanted = "give --shard with the file that it is kept in, --output";
        return Err(Refusal::Usage(wanted.to_owned()));
    };
    let cases = read_cases(path)?;
    check_target(output)?;
    let read = cases.iter().flat_map(EvaluationCase::files);
    check_keeps(output, &read.chain([path]).collect::<Vec<_>>())?;
    let model = ModelRun::open(args.model.as_deref(), &args.device.device, console)?;
    let mut file = opened(&begun(shard, path, &cases, protocol, args, &model)?, output)?;
    for number in file.left() {
        let start = Instant::now();
        let (rows, warnings) =
            protocol::measure_case((&cases, number), protocol, args, &model, console)?;
        file.done.push(DoneCase {
            number,
            seconds: start.elapsed().as_secs_f64(),
            warnings,
            rows,
        });
        write_record(output, &file)?;
    }
    Ok(file.measured())
}

/// The file of a part that nothing was done of.
fn begun(
    shard: ShardArg,
    path: &Path,
    cases: &[EvaluationCase],
    protocol: Protocol,
    args: &EvaluateArgs,
    model: &ModelRun,
) -> Result<ShardFile, Refusal> {
    let list =
        std::fs::read_to_string(path).map_err(|e| crate::io::IoError::unreadable(path, e))?;
    let options = format!(
        "{protocol:?} {} {} {} {} {} {} {}",
        args.steps,
        args.loosen,
        args.tolerance_mm,
        args.in_context,
        args.small,
        args.large,
        args.named
    );
    let card = &model.card;
    Ok(ShardFile {
        shard: shard.number,
        of: shard.of,
        run: fingerprint(&[&list, &options, &card.id, &card.sha256]),
        cases: cases.len(),
        model: card.id.clone(),
        done: Vec::new(),
    })
}

/// The file as it is on the disk, or begun.
fn opened(fresh: &ShardFile, output: &Path) -> Result<ShardFile, Refusal> {
    if !output.exists() {
        // A part without cases is one too.
        write_record(output, fresh)?;
    }
    let found: ShardFile = read_record(output)?;
    found.check_is_of(fresh, output)?;
    Ok(found)
}
