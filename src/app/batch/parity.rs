//! `prosector parity`: our networks against recordings of the authors' code.

use std::fmt::Write;

use crate::cli::ParityArgs;
use crate::train::parity::{FixtureReport, ParityReport, run_folder};

use super::Refusal;
use super::console::Console;
use super::model_run::own_device;

pub(super) fn run(args: &ParityArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    let device = own_device(&args.device, "comparing networks")?;
    let report = run_folder(&args.folder, device, &console.context())?;
    console.result(&report, || describe(&report));
    if report.failed == 0 && report.not_understood == 0 {
        return Ok(());
    }
    Err(Refusal::Other(format!(
        "{}: {} of {} recordings differ or cannot be compared: the rows say which",
        args.folder.display(),
        report.failed + report.not_understood,
        report.fixtures.len()
    )))
}

fn describe(report: &ParityReport) -> String {
    let mut text = String::new();
    for fixture in &report.fixtures {
        describe_fixture(&mut text, fixture);
    }
    // Writing into a string cannot fail.
    let _ = writeln!(
        text,
        "{} passed, {} failed, {} not understood; {} of {} recorded tensors compared",
        report.passed, report.failed, report.not_understood, report.compared, report.recorded
    );
    text
}

fn describe_fixture(text: &mut String, fixture: &FixtureReport) {
    for row in &fixture.tensors {
        let _ = writeln!(
            text,
            "{:4}  {}  {}  {:?}  max abs {:.2e}  rel L2 {:.2e}  tolerance {:.0e}",
            if row.pass { "pass" } else { "FAIL" },
            fixture.file,
            row.name,
            row.shape,
            row.max_abs,
            row.rel_l2,
            row.tolerance
        );
    }
    let verdict = match (&fixture.reason, fixture.pass) {
        (Some(reason), _) => reason.as_str(),
        (None, true) => "passed",
        (None, false) => "failed",
    };
    let compared = match fixture.recorded {
        // A file of PyTorch's: what is expected of it is recorded elsewhere.
        0 => format!("{} comparisons", fixture.tensors.len()),
        recorded => format!("{} of {recorded} recorded tensors", fixture.compared),
    };
    let _ = writeln!(
        text,
        "      {}: {verdict}, {compared} ({:.1} s)",
        fixture.file, fixture.seconds
    );
    for name in &fixture.not_compared {
        let _ = writeln!(text, "      not compared: {name}");
    }
}
