//! `prosector anonymise`: copies that say nothing of the patient, and an account of what was changed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::cli::AnonymiseArgs;
use crate::io::{Ledger, anonymise};

use super::Refusal;
use super::console::Console;

#[derive(Serialize)]
struct Report<'a> {
    output: &'a Path,
    files: usize,
    /// How many values were removed (X), emptied (Z), replaced by a dummy (D) or by another UID (U).
    actions: BTreeMap<&'static str, usize>,
    attributes: Vec<Row>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    tag: String,
    name: String,
    action: &'static str,
    count: usize,
}

pub(super) fn run(args: &AnonymiseArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    let ledger = anonymise(&args.input, &args.output, &console.context())?;
    let report = report(&args.output, &ledger);
    console.warnings(&report.warnings);
    console.result(&report, || in_words(&report));
    Ok(())
}

fn report<'a>(output: &'a Path, ledger: &Ledger) -> Report<'a> {
    let mut actions = BTreeMap::from(["D", "U", "X", "Z"].map(|letter| (letter, 0)));
    let mut attributes = Vec::new();
    for (change, count) in ledger.changes() {
        *actions.entry(change.action).or_default() += count;
        attributes.push(Row {
            tag: change.tag.clone(),
            name: change.name.clone(),
            action: change.action,
            count,
        });
    }
    Report {
        output,
        files: ledger.files,
        actions,
        attributes,
        warnings: ledger.warnings(),
    }
}

fn in_words(report: &Report) -> String {
    let mut text = format!("{}: {} file(s)\n", report.output.display(), report.files);
    for row in &report.attributes {
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{} {:<12} {:<44} {:>6}",
            row.action, row.tag, row.name, row.count
        );
    }
    text
}
