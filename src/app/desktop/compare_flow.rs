//! Label maps beside each other: read, measured and handed to the session.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::io::{self, IoError, LabelTarget, Provenance, Warning};
use crate::project::agreement;
use crate::session::{Case, CompareCommand, ComparedLabel, ComparedReading};
use crate::ui::texts::tr;
use crate::util::{JobContext, short_debug};
use crate::volume::{Grid, Reordering};

use super::file_flow::Purpose;
use super::files::{self, FileOutcome};
use super::window::Window;

/// Readings that were read and measured.
pub struct Compared {
    /// What is compared: one with the own labels, or several with each other.
    pub readings: Vec<ComparedReading>,
    /// Each pair, label by label.
    pub measured: Vec<ComparedLabel>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

short_debug! {
    Compared: |compared| format_args!("{} readings", compared.readings.len());
}

/// Where readings are to lie.
#[derive(Clone)]
pub struct ComparedOn {
    grid: Grid,
    scan_grid: Grid,
    source: Option<Arc<Provenance>>,
}

impl ComparedOn {
    /// The grid of a scan whose labels lie on it.
    pub fn scan(grid: Grid, source: Option<Arc<Provenance>>) -> Self {
        Self {
            grid,
            scan_grid: grid,
            source,
        }
    }

    /// Reads a label map.
    ///
    /// # Errors
    /// Whatever cannot be read, and what lies elsewhere.
    pub fn read(
        &self,
        path: &Path,
        name: String,
        ctx: &JobContext,
    ) -> Result<(ComparedReading, Vec<Warning>), IoError> {
        let target = LabelTarget {
            grid: self.scan_grid,
            source: self.source.as_deref(),
        };
        let read = io::open_labels_of(path, Some(&target), ctx)?;
        let layers = match Reordering::between(read.layers.grid(), &self.grid) {
            Some(reordering) => read.layers.reordered(&reordering, self.grid),
            None if Reordering::between(read.layers.grid(), &self.scan_grid).is_some() => {
                read.layers.resampled(&self.grid)
            }
            None => {
                let reason = "it lies on another grid than the scan: give labels of this scan";
                return Err(IoError::not_labels(path, reason));
            }
        };
        let reading = ComparedReading {
            name,
            layers,
            table: read.table,
        };
        Ok((reading, read.warnings))
    }
}

/// Measures every pair of readings, the own one first where one alone is compared with it.
pub fn compared(
    own: Option<ComparedReading>,
    readings: Vec<ComparedReading>,
    warnings: Vec<Warning>,
    ctx: &JobContext,
) -> FileOutcome {
    let own = own.filter(|_| readings.len() == 1);
    let sides: Vec<&ComparedReading> = own.iter().chain(&readings).collect();
    let mut measured = Vec::new();
    for (n, a) in sides.iter().enumerate() {
        for b in &sides[n + 1..] {
            if ctx.check().is_err() {
                return FileOutcome::Cancelled;
            }
            let names = names_of(a, b);
            let both = [(&a.layers, &a.table), (&b.layers, &b.table)];
            let rows = match agreement(both, &names, ComparedLabel::TOLERANCE_MM) {
                Ok(rows) => rows,
                Err(error) => return FileOutcome::Refused(error.to_string()),
            };
            measured.extend(rows.into_iter().map(|row| ComparedLabel {
                readers: [a.name.clone(), b.name.clone()],
                label: row.label,
                agreement: row.agreement,
            }));
        }
    }
    FileOutcome::Compared(Box::new(Compared {
        readings,
        measured,
        warnings,
    }))
}

/// The labels that have a voxel in one of two readings.
fn names_of(a: &ComparedReading, b: &ComparedReading) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for reading in [a, b] {
        let counts = reading.layers.counts();
        let drawn = reading.table.labels().iter();
        for label in drawn.filter(|label| counts.contains_key(&label.value)) {
            if !names.contains(&label.name) {
                names.push(label.name.clone());
            }
        }
    }
    names
}

/// The labels that are worked on, as a side.
pub fn own_reading(case: &Case, name: &str) -> ComparedReading {
    ComparedReading {
        name: name.to_owned(),
        layers: case.document().layers().clone(),
        table: case.table().clone(),
    }
}

impl Window {
    /// What readings of the open scan are to lie on.
    pub(super) fn compared_on(&self) -> Option<ComparedOn> {
        let case = self.session.case()?;
        Some(ComparedOn {
            grid: *case.grid(),
            scan_grid: *case.scan_image().grid(),
            source: case.info().provenance.clone(),
        })
    }

    /// Compares what is worked on with a label map in a file.
    pub(super) fn compare_with(&mut self, path: PathBuf) {
        let (Some(on), Some(case)) = (self.compared_on(), self.session.case()) else {
            return;
        };
        let own = own_reading(case, tr!("yours"));
        self.run(tr!("Comparing"), Purpose::Other, true, move |ctx| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match on.read(&path, name.into_owned(), ctx) {
                Ok((reading, warnings)) => compared(Some(own), vec![reading], warnings, ctx),
                Err(error) => files::refused(error),
            }
        });
    }

    /// Readings were read: they are shown beside each other.
    pub(super) fn take_compared(&mut self, compared: Compared) {
        let Compared {
            readings,
            measured,
            warnings,
        } = compared;
        self.apply(CompareCommand::Open { readings, measured });
        self.warn_of(&warnings);
    }
}
