//! `worklist consensus`

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::{ConsensusMethod, WorklistConsensusArgs};
use crate::project::{Consensus, Method, Project, consensus};
use crate::util::JobContext;
use crate::volume::LabelLayers;

use super::super::Refusal;
use super::super::console::Console;
use super::super::inputs::OpenedScan;
use super::{asked_cases, labels_of_reading, open_scan};

#[derive(Serialize)]
struct Report {
    method: &'static str,
    cases: Vec<Row>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    case: String,
    readers: Vec<String>,
    output: String,
    /// Voxels of each label.
    voxels: BTreeMap<String, usize>,
    undecided_voxels: usize,
    /// Sensitivity and specificity of each reader by label, as STAPLE estimates them.
    performance: BTreeMap<String, BTreeMap<String, [f64; 2]>>,
}

pub(super) fn run(args: &WorklistConsensusArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    let ctx = console.context().unreported();
    let project = Project::open(&args.project)?;
    let method = match args.method {
        ConsensusMethod::Majority => Method::Majority,
        ConsensusMethod::Staple => Method::Staple,
    };
    let cases = asked_cases(&project, args.cases.as_deref())?;
    let mut report = Report {
        method: method.word(),
        cases: Vec::new(),
        warnings: Vec::new(),
    };
    for (n, id) in cases.iter().enumerate() {
        console.progress(n as f32 / cases.len() as f32, "joining readings");
        let count = project.finished(id)?.len();
        if count < 2 {
            let told = format!("{id}: {count} finished reading(s), left out");
            report.warnings.push(told);
            continue;
        }
        report.cases.push(one(&project, id, method, &ctx)?);
    }
    if report.cases.is_empty() {
        return Err(Refusal::Other(
            "no case has two finished readings; a consensus takes two or more".to_owned(),
        ));
    }
    console.warnings(&report.warnings);
    console.result(&report, || in_words(&report));
    Ok(())
}

fn one(project: &Project, id: &str, method: Method, ctx: &JobContext) -> Result<Row, Refusal> {
    let scan = open_scan(project, &project.case(id)?, ctx)?;
    let (readers, found) = of_case(project, id, method, &scan, ctx)?;
    let layers = LabelLayers::from(found.labels.clone());
    let path = project.save_consensus(id, method, &layers, &found.table)?;
    let counts: BTreeMap<u16, usize> = found.labels.counts().into_iter().collect();
    let labels = found.table.labels().iter();
    let voxels = labels.map(|l| (l.name.clone(), counts.get(&l.value).copied().unwrap_or(0)));
    let performance = found.performance.iter().map(|p| {
        let by_reader = readers.iter().cloned().zip(p.readers.iter().copied());
        (p.label.clone(), by_reader.collect())
    });
    Ok(Row {
        case: id.to_owned(),
        output: path.display().to_string(),
        voxels: voxels.collect(),
        undecided_voxels: found.undecided.iter().filter(|&&v| v != 0).count(),
        performance: performance.collect(),
        readers,
    })
}

/// The consensus of a case's finished readings, and whose they are.
pub(super) fn of_case(
    project: &Project,
    id: &str,
    method: Method,
    scan: &OpenedScan,
    ctx: &JobContext,
) -> Result<(Vec<String>, Consensus), Refusal> {
    let (mut readers, mut opened) = (Vec::new(), Vec::new());
    for reading in project.finished(id)? {
        let labels = labels_of_reading(id, &reading, scan, ctx)?;
        opened.push((labels.layers, labels.table));
        readers.push(reading.reader);
    }
    let found = consensus(&opened, &project.label_names(), method)?;
    Ok((readers, found))
}

fn in_words(report: &Report) -> String {
    let mut text = String::new();
    for row in &report.cases {
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{}: {} of {}, {} voxels undecided",
            row.case,
            report.method,
            row.readers.join(", "),
            row.undecided_voxels
        );
    }
    text
}
