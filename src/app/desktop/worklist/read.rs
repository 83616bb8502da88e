//! What is read and written of a project, on the threads for files.

use std::path::PathBuf;

use crate::app::desktop::compare_flow::{Compared, ComparedOn, compared};
use crate::app::desktop::files::{self, FileOutcome};
use crate::app::desktop::teach_flow::GivenCase;
use crate::io::{self, LabelTarget, OpenOptions, Warning};
use crate::project::{
    CaseFile, Entry, Project, ProjectError, Reading, Role, Saved, State, missing_labels,
};
use crate::session::{ComparedReading, OpenedLabels, OpenedScan, agreed};
use crate::ui::texts::tr;
use crate::util::{JobContext, short_debug};
use crate::volume::measurement::Measurement;
use crate::volume::{LabelLayers, LabelTable};

/// A case with the labels that its reader goes on with.
pub struct CaseRead {
    /// Which case.
    pub id: String,
    /// As what it is worked on.
    pub role: Role,
    /// Its scan.
    pub scan: Box<OpenedScan>,
    /// The reader's labels; at first those that the project begins with, and one of each of its names.
    pub labels: Box<OpenedLabels>,
    /// The readings between which an adjudicator decides.
    pub compared: Option<Box<Compared>>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// A project with the list of one of its readers.
pub struct ProjectRead {
    /// The project.
    pub project: Project,
    /// The file's name without its ending.
    pub title: String,
    /// Its cases as the reader sees them.
    pub entries: Vec<Entry>,
}

/// What a reader hands in.
pub struct CaseToSave {
    /// Which case.
    pub id: String,
    /// By whom.
    pub reader: String,
    /// As what.
    pub role: Role,
    /// How far it is now; what is done has all labels that it must have.
    pub state: State,
    /// The labels on the scan's grid.
    pub layers: LabelLayers,
    /// Their names.
    pub table: LabelTable,
    /// What is drawn and measured.
    pub measurements: Vec<Measurement>,
    /// The revision of the session that they are.
    pub revision: u64,
    /// Time spent since the last save.
    pub seconds: f64,
    /// The reader's words.
    pub note: String,
    /// The model that was asked; empty for none.
    pub model: String,
    /// How it was asked.
    pub prompts: String,
    /// Steps of editing since the last save.
    pub edits: usize,
    /// Steps of editing since the case was opened.
    pub steps: usize,
    /// The next case is wanted once this one is saved.
    pub goes_on: bool,
}

/// A case that was saved.
pub struct CaseSaved {
    /// The reader's label map.
    pub path: PathBuf,
    /// The session's revision that was saved.
    pub revision: u64,
    /// How far it is now.
    pub state: State,
    /// Time that was written down.
    pub seconds: f64,
    /// Steps of editing that were written down.
    pub steps: usize,
    /// The list after it.
    pub entries: Vec<Entry>,
    /// The next case is wanted.
    pub goes_on: bool,
}

short_debug! {
    CaseRead: |_| "a case";
    ProjectRead: |read| format_args!("a project of {} cases", read.entries.len());
    CaseToSave: |save| format_args!("a case, {}", save.state.word());
    CaseSaved: |saved| format_args!("a case, {}", saved.state.word());
}

fn refused(error: &ProjectError) -> FileOutcome {
    FileOutcome::Refused(error.to_string())
}

/// Opens a project for a reader.
pub fn open_project(path: PathBuf, reader: &str) -> FileOutcome {
    let title = path.file_stem().map(|name| name.to_string_lossy());
    let title = title.unwrap_or_default().into_owned();
    let read = Project::open(&path).and_then(|project| {
        let entries = project.list_for(reader)?;
        Ok(ProjectRead {
            project,
            title,
            entries,
        })
    });
    match read {
        Ok(read) => FileOutcome::ProjectRead(Box::new(read)),
        Err(error) => refused(&error),
    }
}

/// The list of a reader as it is now.
pub fn list(project: &Project, reader: &str) -> FileOutcome {
    match project.list_for(reader) {
        Ok(entries) => FileOutcome::CasesListed(entries),
        Err(error) => refused(&error),
    }
}

/// Takes a place at a case for a reader who begins it, and reads it.
pub fn begin(project: &Project, id: &str, reader: &str, ctx: &JobContext) -> FileOutcome {
    match started(project, id, reader) {
        Ok(()) => match read(project, id, reader, ctx) {
            Ok(read) => FileOutcome::CaseRead(Box::new(read)),
            Err(outcome) => outcome,
        },
        Err(error) => refused(&error),
    }
}

/// Takes a place at a case that was read ahead.
pub fn begin_read(project: &Project, read: Box<CaseRead>, reader: &str) -> FileOutcome {
    match started(project, &read.id, reader) {
        Ok(()) => FileOutcome::CaseRead(read),
        Err(error) => refused(&error),
    }
}

fn started(project: &Project, id: &str, reader: &str) -> Result<(), ProjectError> {
    let list = project.list_for(reader)?;
    let entry = list.iter().find(|e| e.id == id);
    match entry.filter(|e| e.state == State::NotStarted) {
        Some(entry) => project.start(id, reader, entry.role.unwrap_or(Role::Reader)),
        None => Ok(()),
    }
}

/// Reads a case without taking a place at it.
///
/// # Errors
/// What is to be told instead.
pub fn read(
    project: &Project,
    id: &str,
    reader: &str,
    ctx: &JobContext,
) -> Result<CaseRead, FileOutcome> {
    let case = project.case(id).map_err(|e| refused(&e))?;
    let scan = scan_of(project, id, &case, ctx)?;
    let role = project.role_of(id, reader).map_err(|e| refused(&e))?;
    let role = role.unwrap_or(Role::Reader);
    let path = project.labels_path(id, reader, role);
    let compared = match role {
        Role::Reader => None,
        Role::Adjudicator => Some(readings(project, id, &scan, ctx)?),
    };
    let begun = path.exists().then(|| path.clone());
    let to_begin = || case.labels.as_deref().map(|p| project.resolved(p));
    let begun = begun.or_else(|| (role == Role::Reader).then(to_begin)?);
    let grid = *scan.image.grid();
    let (layers, mut table, mut warnings) = match begun {
        Some(begun) => {
            let source = scan.info.provenance.as_deref();
            let target = LabelTarget { grid, source };
            let read = io::open_labels_of(&begun, Some(&target), ctx).map_err(files::refused)?;
            (read.layers, read.table, read.warnings)
        }
        None => match compared.as_ref().and_then(|c| agreed(&c.readings)) {
            Some((labels, table)) => (labels.into(), table, Vec::new()),
            None => (LabelLayers::empty(grid), LabelTable::default(), Vec::new()),
        },
    };
    let measurements = files::measurements_beside(&path, &mut warnings);
    for name in project.label_names() {
        if table.by_name(&name).is_none()
            && let Some(value) = table.next_free_value()
        {
            table.add(value, &name);
        }
    }
    Ok(CaseRead {
        id: id.to_owned(),
        role,
        compared,
        scan,
        labels: Box::new(OpenedLabels {
            layers,
            table,
            measurements,
            path,
        }),
        warnings,
    })
}

/// The scan of a case.
fn scan_of(
    project: &Project,
    id: &str,
    case: &CaseFile,
    ctx: &JobContext,
) -> Result<Box<OpenedScan>, FileOutcome> {
    let options = OpenOptions {
        series: case.series.clone(),
        ..OpenOptions::default()
    };
    match files::open_scan(project.resolved(&case.image), options, ctx) {
        FileOutcome::Opened(scan) => Ok(scan),
        FileOutcome::SeriesToChoose { .. } => Err(FileOutcome::Refused(tr!(
            "{id}: its folder has several series; name one in the project",
            id
        ))),
        other => Err(other),
    }
}

/// The finished readings between which an adjudicator decides.
fn readings(
    project: &Project,
    id: &str,
    scan: &OpenedScan,
    ctx: &JobContext,
) -> Result<Box<Compared>, FileOutcome> {
    let finished = project.finished(id).map_err(|e| refused(&e))?;
    let on = ComparedOn::scan(*scan.image.grid(), scan.info.provenance.clone());
    let (readings, warnings) = read_all(&finished, &on, ctx)?;
    match compared(None, readings, warnings, ctx) {
        FileOutcome::Compared(compared) => Ok(compared),
        other => Err(other),
    }
}

/// Compares a reading with those of others: with the only other one, or all with each other.
pub fn compare(
    project: &Project,
    id: &str,
    own: ComparedReading,
    on: &ComparedOn,
    ctx: &JobContext,
) -> FileOutcome {
    let others = match project.finished_by_others(id, &own.name) {
        Ok(others) => others,
        Err(error) => return refused(&error),
    };
    match read_all(&others, on, ctx) {
        Ok((readings, warnings)) if readings.len() == 1 => {
            compared(Some(own), readings, warnings, ctx)
        }
        Ok((mut readings, warnings)) => {
            readings.insert(0, own);
            compared(None, readings, warnings, ctx)
        }
        Err(outcome) => outcome,
    }
}

fn read_all(
    finished: &[Reading],
    on: &ComparedOn,
    ctx: &JobContext,
) -> Result<(Vec<ComparedReading>, Vec<Warning>), FileOutcome> {
    let (mut readings, mut warnings) = (Vec::new(), Vec::new());
    for reading in finished {
        let Some(path) = &reading.labels else {
            continue;
        };
        let read = on.read(path, reading.reader.clone(), ctx);
        let (read, told) = read.map_err(files::refused)?;
        readings.push(read);
        warnings.extend(told);
    }
    Ok((readings, warnings))
}

/// The labels that a reader handed in of these cases, with their scans.
pub fn to_learn_from(
    project: &Project,
    ids: &[String],
    reader: &str,
    ctx: &JobContext,
) -> FileOutcome {
    let (mut cases, mut empty) = (Vec::new(), 0);
    for (n, id) in ids.iter().enumerate() {
        if ctx.step(n as f32 / ids.len() as f32, id).is_err() {
            return FileOutcome::Cancelled;
        }
        match read(project, id, reader, &ctx.unreported()) {
            Ok(CaseRead { scan, labels, .. }) => {
                let (map, _) = labels.layers.flattened();
                if map.voxels.iter().all(|&v| v == 0) {
                    empty += 1;
                    continue;
                }
                cases.push(GivenCase {
                    title: id.clone(),
                    image: scan.image,
                    labels: map,
                    table: labels.table,
                    is_labelled: true,
                });
            }
            Err(outcome) => return outcome,
        }
    }
    FileOutcome::LessonCasesRead(cases, empty)
}

/// The scans of these cases alone, for a teacher to answer on; at most so many.
pub fn scans_to_learn_from(
    project: &Project,
    ids: &[String],
    most: usize,
    ctx: &JobContext,
) -> FileOutcome {
    let read = |id: &String| {
        let case = project.case(id).map_err(|e| refused(&e))?;
        scan_of(project, id, &case, &ctx.unreported())
    };
    let mut cases = Vec::new();
    for (n, id) in ids.iter().take(most).enumerate() {
        if ctx.step(n as f32 / ids.len() as f32, id).is_err() {
            return FileOutcome::Cancelled;
        }
        match read(id) {
            Ok(scan) => cases.push(GivenCase::unlabelled(id.clone(), scan.image)),
            Err(outcome) => return outcome,
        }
    }
    FileOutcome::LessonCasesRead(cases, ids.len().saturating_sub(most))
}

/// Keeps what a reader made of a case. Where labels are missing, it is not done.
pub fn save(project: &Project, save: &CaseToSave) -> FileOutcome {
    if save.state == State::Done {
        let missing = missing_labels(&project.file.labels, &save.layers, &save.table);
        if !missing.is_empty() {
            return FileOutcome::Refused(tr!(
                "{id}: cannot be done: {missing}; draw it, or flag the case",
                id = save.id,
                missing = missing.join(", ")
            ));
        }
    }
    let saved = Saved {
        labels: Some((&save.layers, &save.table)),
        state: save.state,
        seconds: save.seconds,
        note: Some(save.note.clone()),
        model: save.model.clone(),
        prompts: save.prompts.clone(),
        edits: save.edits,
    };
    let path = project.labels_path(&save.id, &save.reader, save.role);
    let kept = project
        .save(&save.id, &save.reader, save.role, &saved)
        .and_then(|()| {
            io::save_measurements(&path, &save.measurements)?;
            project.list_for(&save.reader)
        });
    match kept {
        Ok(entries) => FileOutcome::CaseSaved(Box::new(CaseSaved {
            path,
            revision: save.revision,
            state: save.state,
            seconds: save.seconds,
            steps: save.steps,
            entries,
            goes_on: save.goes_on,
        })),
        Err(error) => refused(&error),
    }
}
