//! Tables of a project: what was measured of every finished reading, how long readings took, who did what when.

use std::path::Path;

use crate::geometry::Plane;
use crate::io::atomic;
use crate::project::Project;
use crate::util::JobContext;
use crate::volume::statistics::{Asked, csv, measure_all, quoted};

use super::super::Refusal;
use super::super::console::Console;
use super::{labels_of_reading, open_scan};

const READINGS: &str = "case,reader,state,seconds,note";
const AUDIT: &str = "when,case,reader,what,program,model,prompts,edits";

/// Writes `statistics.csv`, `readings.csv` and `audit.csv`; gives the cases that have a reading.
pub(super) fn write(
    project: &Project,
    folder: &Path,
    console: Console,
    ctx: &JobContext,
) -> Result<Vec<String>, Refusal> {
    let mut cases = Vec::new();
    let mut statistics = vec![format!("case,reader,{}", csv(&[]))];
    let mut readings = vec![READINGS.to_owned()];
    let mut audit: Vec<(String, String)> = Vec::new();
    let ids = project.cases()?;
    for (n, id) in ids.iter().enumerate() {
        console.progress(n as f32 / ids.len() as f32, "measuring");
        let all = project.readings(id)?;
        for reading in all.iter().chain(&project.adjudication(id)?) {
            let (reader, file) = (&reading.reader, &reading.file);
            let seconds = file.seconds.to_string();
            readings.push(line(&[id, reader, file.state.word(), &seconds, &file.note]));
            audit.extend(file.events.iter().map(|e| {
                let edits = e.edits.to_string();
                let cells = [
                    &e.when, id, reader, &e.what, &e.program, &e.model, &e.prompts, &edits,
                ];
                (e.when.clone(), line(&cells.map(String::as_str)))
            }));
        }
        statistics.extend(measured(project, id, ctx)?);
        if !all.is_empty() {
            cases.push(id.clone());
        }
    }
    // Times sort as text; what happened within a second stays in its order.
    audit.sort_by(|a, b| a.0.cmp(&b.0));
    let rows = audit.into_iter().map(|(_, row)| row);
    let audit: Vec<String> = std::iter::once(AUDIT.to_owned()).chain(rows).collect();
    for (name, lines) in [
        ("statistics.csv", statistics),
        ("readings.csv", readings),
        ("audit.csv", audit),
    ] {
        let path = folder.join(name);
        let text = lines.join("\n") + "\n";
        atomic::replace_text(&path, &text)?;
    }
    Ok(cases)
}

/// A line for each label of each finished reading.
fn measured(project: &Project, id: &str, ctx: &JobContext) -> Result<Vec<String>, Refusal> {
    let readings = project.finished(id)?;
    let mut lines = Vec::new();
    if readings.is_empty() {
        return Ok(lines);
    }
    let scan = open_scan(project, &project.case(id)?, ctx)?;
    let asked = Asked {
        plane: Plane::Axial,
        suv: None,
    };
    for reading in readings {
        let labels = labels_of_reading(id, &reading, &scan, ctx)?;
        let found = (&labels.layers, &labels.table);
        let rows = measure_all(&scan.image, found, &asked, |_| {});
        let of_reading = line(&[id, &reading.reader]);
        let table = csv(&rows);
        lines.extend(
            table
                .lines()
                .skip(1)
                .map(|row| format!("{of_reading},{row}")),
        );
    }
    Ok(lines)
}

fn line(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    cells.join(",")
}
