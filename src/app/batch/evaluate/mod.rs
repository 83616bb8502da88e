//! `prosector evaluate`: agreement with the truth, of a given label map or of a model on cases.

mod merge;
mod pair;
mod protocol;
mod report;
mod shard;

use crate::cli::EvaluateArgs;

use super::Refusal;
use super::cases::read_cases;
use super::console::Console;
use report::{Report, Row};

pub(super) fn run(args: &EvaluateArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    let (rows, warnings) = match (&args.pred, &args.truth, &args.cases, args.protocol) {
        (Some(pred), Some(truth), ..) => pair::compare(pred, truth, args, console)?,
        (_, _, Some(cases), Some(protocol)) if args.shard.is_some() => {
            shard::measure(cases, protocol, args, console)?
        }
        (_, _, Some(cases), Some(protocol)) => {
            protocol::measure(&read_cases(cases)?, protocol, args, console)?
        }
        _ => match &args.merge {
            Some(files) => merge::merged(files)?,
            None => {
                let wanted = "give --pred and --truth, --cases and --protocol, or --merge";
                return Err(Refusal::Usage(wanted.to_owned()));
            }
        },
    };
    let report = Report::new(rows, args.by);
    console.warnings(&warnings);
    console.result(&report, || report.describe());
    Ok(())
}

/// Rows in the order of the cases, and what the user should know.
type Measured = (Vec<Row>, Vec<String>);
