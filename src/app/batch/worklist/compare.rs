//! `worklist compare`: each pair of finished readings, label by label.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::WorklistCompareArgs;
use crate::project::{PairAgreement, Project, agreement};

use super::super::Refusal;
use super::super::console::Console;
use super::{asked_cases, labels_of_reading, open_scan};

#[derive(Serialize)]
struct Report {
    pairs: Vec<Row>,
    /// Means over pairs, in the order of the project's labels.
    labels: Vec<Mean>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    case: String,
    readers: [String; 2],
    label: String,
    dice: f64,
    nsd: f64,
    volumes_ml: [f64; 2],
    /// The second less the first.
    volume_difference_ml: f64,
    kappa: Option<f64>,
}

#[derive(Serialize)]
struct Mean {
    label: String,
    pairs: usize,
    dice: Option<f64>,
    nsd: Option<f64>,
    volume_difference_ml: Option<f64>,
    kappa: Option<f64>,
}

pub(super) fn run(args: &WorklistCompareArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    let project = Project::open(&args.project)?;
    let cases = asked_cases(&project, args.cases.as_deref())?;
    let mut report = Report {
        pairs: Vec::new(),
        labels: Vec::new(),
        warnings: Vec::new(),
    };
    let mut alone = 0;
    for (n, id) in cases.iter().enumerate() {
        console.progress(n as f32 / cases.len() as f32, "comparing readings");
        let rows = compare(&project, id, args.tolerance_mm, console)?;
        alone += usize::from(rows.is_empty());
        report.pairs.extend(rows);
    }
    if alone > 0 {
        let told =
            format!("{alone} case(s) have fewer than two finished readings and were left out");
        report.warnings.push(told);
    }
    let names = project.label_names();
    report.labels = names.iter().map(|name| mean(name, &report.pairs)).collect();
    console.warnings(&report.warnings);
    console.result(&report, || in_words(&report));
    Ok(())
}

fn compare(
    project: &Project,
    id: &str,
    tolerance_mm: f64,
    console: Console,
) -> Result<Vec<Row>, Refusal> {
    let readings = project.finished(id)?;
    if readings.len() < 2 {
        return Ok(Vec::new());
    }
    let ctx = console.context().unreported();
    let scan = open_scan(project, &project.case(id)?, &ctx)?;
    let mut opened = Vec::new();
    for reading in &readings {
        let labels = labels_of_reading(id, reading, &scan, &ctx)?;
        opened.push((&reading.reader, labels));
    }
    let names = project.label_names();
    let mut rows = Vec::new();
    for (n, (first, a)) in opened.iter().enumerate() {
        for (second, b) in &opened[n + 1..] {
            let both = [(&a.layers, &a.table), (&b.layers, &b.table)];
            let readers = [(*first).clone(), (*second).clone()];
            let found = agreement(both, &names, tolerance_mm)?;
            rows.extend(found.into_iter().map(|pair| row(id, &readers, pair)));
        }
    }
    Ok(rows)
}

fn row(case: &str, readers: &[String; 2], pair: PairAgreement) -> Row {
    let volumes_ml = [
        pair.agreement.volume_pred_ml,
        pair.agreement.volume_truth_ml,
    ];
    Row {
        case: case.to_owned(),
        readers: readers.clone(),
        label: pair.label,
        dice: pair.agreement.dice,
        nsd: pair.agreement.nsd,
        volumes_ml,
        volume_difference_ml: volumes_ml[1] - volumes_ml[0],
        kappa: pair.kappa,
    }
}

fn mean(label: &str, rows: &[Row]) -> Mean {
    let own: Vec<&Row> = rows.iter().filter(|row| row.label == label).collect();
    let of = |value: &dyn Fn(&Row) -> Option<f64>| {
        let values: Vec<f64> = own.iter().filter_map(|row| value(row)).collect();
        let sum: f64 = values.iter().sum();
        (!values.is_empty()).then(|| sum / values.len() as f64)
    };
    Mean {
        label: label.to_owned(),
        pairs: own.len(),
        dice: of(&|row| Some(row.dice)),
        nsd: of(&|row| Some(row.nsd)),
        volume_difference_ml: of(&|row| Some(row.volume_difference_ml)),
        kappa: of(&|row| row.kappa),
    }
}

fn in_words(report: &Report) -> String {
    let mut text = String::new();
    let number = |v: Option<f64>| v.map_or("-".to_owned(), |v| format!("{v:.3}"));
    for row in &report.pairs {
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{} {}/{} {}: Dice {:.3} NSD {:.3} kappa {} volume {:+.3} ml",
            row.case,
            row.readers[0],
            row.readers[1],
            row.label,
            row.dice,
            row.nsd,
            number(row.kappa),
            row.volume_difference_ml
        );
    }
    for mean in &report.labels {
        let _ = writeln!(
            text,
            "mean of {} {}: Dice {} NSD {} kappa {} volume {} ml",
            mean.pairs,
            mean.label,
            number(mean.dice),
            number(mean.nsd),
            number(mean.kappa),
            number(mean.volume_difference_ml)
        );
    }
    text
}
