//! The project on disk.
//!
//! ```text
//! study.toml                        the project
//! study.worklist/cases/ID.toml      a case
//! study.worklist/readings/ID/       place-1 ..       who reads the case
//!                                   READER.toml      how far, how long, what happened
//!                                   READER.seg.nrrd  the reader's label map
//! study.worklist/adjudications/ID/  the same of the one who decides between readings
//! study.worklist/consensus/ID.majority.seg.nrrd
//! study.worklist/ranks/ID.toml      which case next (`ranking.rs`)
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::claim::{Lock, owners, take_place};
use super::files::{CaseFile, Event, ProjectFile, ReadingFile, State, VERSION};
use super::{FoundCase, Measure, Method, ProjectError, Rank, is_plain_name};
use crate::io::{IoError, atomic, save_label_layers};
use crate::util::short_debug;
use crate::volume::{LabelLayers, LabelTable};

/// A project's file is small; what is larger is none.
const MOST_BYTES: u64 = 16 << 20;

/// An opened project.
pub struct Project {
    path: PathBuf,
    /// What the project's file says.
    pub file: ProjectFile,
}

short_debug! {
    Project: |project| format_args!("a project of {} labels", project.file.labels.len());
    Entry: |entry| format_args!("a case, {}", entry.state.word());
    Reading: |reading| format_args!("a reading, {}", reading.file.state.word());
}

/// A reading with its reader.
#[derive(Clone)]
pub struct Reading {
    /// The reader's name.
    pub reader: String,
    /// What the file says.
    pub file: ReadingFile,
    /// The label map, where there is one.
    pub labels: Option<PathBuf>,
}

/// In which role somebody is at a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads it.
    Reader,
    /// Decides between the finished readings of others.
    Adjudicator,
}

/// A case as a reader sees it.
#[derive(Clone)]
pub struct Entry {
    /// The case.
    pub id: String,
    /// How far the reader's own reading or adjudication is.
    pub state: State,
    /// Time spent on it, in seconds.
    pub seconds: f64,
    /// The reader's words.
    pub note: String,
    /// As what the reader may work on it: as reader where it is begun or there is a place, as adjudicator where others
    /// have finished; `None` where others are at it.
    pub role: Option<Role>,
    /// What the reader may know of how much the case is worth reading.
    pub rank: Rank,
}

impl Entry {
    /// Whether the reader still has to do it.
    pub fn is_left(&self) -> bool {
        self.role.is_some() && !self.state.is_over()
    }
}

/// What a reader is to do next.
pub struct Next {
    /// The case; `None` when nothing is left.
    pub case: Option<(String, CaseFile)>,
    /// How far it is.
    pub state: State,
    /// Cases that this reader has finished.
    pub done: usize,
    /// Cases that are left for this reader, this one included.
    pub left: usize,
}

/// What a reader hands in.
pub struct Saved<'a> {
    /// The label map with its layers, where there is one.
    pub labels: Option<(&'a LabelLayers, &'a LabelTable)>,
    /// How far the reading is now.
    pub state: State,
    /// More time spent on it, in seconds.
    pub seconds: f64,
    /// Replaces the note.
    pub note: Option<String>,
    /// The model whose proposals were used, with its version.
    pub model: String,
    /// What it was prompted with.
    pub prompts: String,
    /// How many steps of editing were made since the last save.
    pub edits: usize,
}

impl Project {
    /// Makes a new project.
    ///
    /// # Errors
    /// There is one already, its name does not end as `.toml`, or it cannot be written.
    pub fn create(path: &Path, file: ProjectFile) -> Result<Self, ProjectError> {
        check_name(path)?;
        atomic::check_target(path)?;
        if path.exists() {
            let reason = "there is a file of this name already; give a new one";
            return Err(IoError::output(path, reason).into());
        }
        let project = Self {
            path: path.to_owned(),
            file,
        };
        project.make_folder(&project.store().join("cases"))?;
        write_toml(path, &project.file)?;
        Ok(project)
    }

    /// Opens a project.
    ///
    /// # Errors
    /// No file, one that is no project, one of a later program.
    pub fn open(path: &Path) -> Result<Self, ProjectError> {
        check_name(path)?;
        let file: ProjectFile = read_toml(path)?;
        if file.version > VERSION {
            return Err(ProjectError::broken(
                path,
                "a later version of the program made it; use that one",
            ));
        }
        if file.readers_per_case == 0 {
            return Err(ProjectError::broken(path, "readers_per_case is 0"));
        }
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    /// The labels' names in the order of their values.
    pub fn label_names(&self) -> Vec<String> {
        self.file.labels.iter().map(|l| l.name.clone()).collect()
    }

    fn root(&self) -> &Path {
        atomic::folder_of(&self.path)
    }

    fn store(&self) -> PathBuf {
        self.path.with_extension("worklist")
    }

    fn case_path(&self, id: &str) -> PathBuf {
        self.store().join("cases").join(format!("{id}.toml"))
    }

    /// Where the files of those in a role at a case are.
    fn folder_of(&self, id: &str, role: Role) -> PathBuf {
        let folder = match role {
            Role::Reader => "readings",
            Role::Adjudicator => "adjudications",
        };
        self.store().join(folder).join(id)
    }

    pub(super) fn rank_path(&self, id: &str) -> PathBuf {
        self.store().join("ranks").join(format!("{id}.toml"))
    }

    pub(super) fn make_folder(&self, folder: &Path) -> Result<(), ProjectError> {
        fs::create_dir_all(folder).map_err(|e| IoError::output(folder, e.to_string()).into())
    }

    /// Adds cases; gives how many were new. Those that are there already stay as they are.
    ///
    /// # Errors
    /// A name that cannot be a file's, two cases of one name, a file that cannot be written.
    pub fn add(&self, found: &[FoundCase]) -> Result<usize, ProjectError> {
        let mut added = BTreeMap::new();
        for case in found {
            if !is_plain_name(&case.id) {
                return Err(ProjectError::refused(format!(
                    "{}: cannot be a case's name; take letters, digits, _, - and .",
                    case.id
                )));
            }
            let file = CaseFile {
                image: self.relative(&case.image)?,
                series: case.series.clone(),
                labels: case
                    .labels
                    .as_deref()
                    .map(|p| self.relative(p))
                    .transpose()?,
            };
            let before = added.insert(case.id.clone(), file.clone());
            let known = match self.case_path(&case.id).exists() {
                true => Some(self.case(&case.id)?),
                false => None,
            };
            let other = before.as_ref().or(known.as_ref());
            if other.is_some_and(|other| other.image != file.image) {
                return Err(ProjectError::refused(format!(
                    "{}: two scans would be cases of this name; name them in a CSV (id,image)",
                    case.id
                )));
            }
        }
        self.make_folder(&self.store().join("cases"))?;
        added.retain(|id, _| !self.case_path(id).exists());
        for (id, file) in &added {
            write_toml(&self.case_path(id), file)?;
        }
        Ok(added.len())
    }

    /// The names of all cases, sorted.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn cases(&self) -> Result<Vec<String>, ProjectError> {
        names_in(&self.store().join("cases"), ".toml")
    }

    /// What the project says of a case.
    ///
    /// # Errors
    /// There is none of this name, or its file is broken.
    pub fn case(&self, id: &str) -> Result<CaseFile, ProjectError> {
        let path = self.case_path(id);
        if !is_plain_name(id) || !path.exists() {
            return Err(ProjectError::refused(format!(
                "{id}: there is no such case; `prosector worklist status` lists them"
            )));
        }
        read_toml(&path)
    }

    /// Where a path of a case's file leads.
    pub fn resolved(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    /// All readings of a case, by reader.
    ///
    /// # Errors
    /// A file that cannot be read or is broken.
    pub fn readings(&self, id: &str) -> Result<Vec<Reading>, ProjectError> {
        self.readings_as(id, Role::Reader)
    }

    pub(super) fn readings_as(&self, id: &str, role: Role) -> Result<Vec<Reading>, ProjectError> {
        let folder = self.folder_of(id, role);
        let readers = names_in(&folder, ".toml")?;
        let read = |reader: String| {
            let file: ReadingFile = read_toml(&folder.join(format!("{reader}.toml")))?;
            // A name, never a path that leads elsewhere.
            let name = file.labels.as_deref().map(Path::new);
            let labels = name.and_then(Path::file_name).map(|name| folder.join(name));
            Ok(Reading {
                reader,
                file,
                labels,
            })
        };
        readers.into_iter().map(read).collect()
    }

    /// Where the consensus of a case is, or would be.
    pub fn consensus_path(&self, id: &str, method: Method) -> PathBuf {
        let name = format!("{id}.{}.seg.nrrd", method.word());
        self.store().join("consensus").join(name)
    }

    /// Keeps the consensus of a case.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save_consensus(
        &self,
        id: &str,
        method: Method,
        layers: &LabelLayers,
        table: &LabelTable,
    ) -> Result<PathBuf, ProjectError> {
        let path = self.consensus_path(id, method);
        self.make_folder(atomic::folder_of(&path))?;
        save_label_layers(&path, layers, table)?;
        Ok(path)
    }

    /// Every case as a reader sees it, in the order of their names; nothing of other readers.
    ///
    /// # Errors
    /// A name that cannot be a reader's, broken files.
    pub fn list_for(&self, reader: &str) -> Result<Vec<Entry>, ProjectError> {
        check_reader(reader)?;
        let entry = |id: String| {
            let role = self.role_of(&id, reader)?;
            let own = match role {
                Some(role) => self.reading(&id, reader, role)?,
                None => None,
            };
            Ok(Entry {
                role,
                state: own.as_ref().map_or(State::NotStarted, |own| own.state),
                seconds: own.as_ref().map_or(0.0, |own| own.seconds),
                note: own.map_or_else(String::new, |own| own.note),
                rank: self.rank_for(&id, reader)?,
                id,
            })
        };
        self.cases()?.into_iter().map(entry).collect()
    }

    /// What a reader is to do next: own cases that are begun, then those that have a place for one more reader; by name, or
    /// those with the largest number of a measure first.
    ///
    /// # Errors
    /// A name that cannot be a reader's, broken files.
    pub fn next(&self, reader: &str, by: Option<Measure>) -> Result<Next, ProjectError> {
        let mut list = self.list_for(reader)?;
        list.retain(|e| e.role != Some(Role::Adjudicator));
        let done = list.iter().filter(|e| e.state.is_over()).count();
        let mut left: Vec<&Entry> = list.iter().filter(|e| e.is_left()).collect();
        if let Some(measure) = by {
            measure.sort(&mut left, |e| &e.rank);
        }
        let is_begun = |entry: &&&Entry| entry.state == State::InProgress;
        let first = left.iter().find(is_begun).or(left.first());
        let case = first.map(|e| Ok::<_, ProjectError>((e.id.clone(), self.case(&e.id)?)));
        Ok(Next {
            state: first.map_or(State::NotStarted, |e| e.state),
            case: case.transpose()?,
            done,
            left: left.len(),
        })
    }

    /// Where a reader's label map of a case is, or would be.
    pub fn labels_path(&self, id: &str, reader: &str, role: Role) -> PathBuf {
        self.folder_of(id, role).join(format!("{reader}.seg.nrrd"))
    }

    /// How many may have this role at a case.
    fn places(&self, role: Role) -> usize {
        match role {
            Role::Reader => self.file.readers_per_case,
            Role::Adjudicator => 1,
        }
    }

    /// As what somebody may work on a case; a reader adjudicates no case of the own ones.
    ///
    /// # Errors
    /// Files that cannot be read or are broken.
    pub fn role_of(&self, id: &str, name: &str) -> Result<Option<Role>, ProjectError> {
        let has_place = |role: Role| {
            let (places, folder) = (self.places(role), self.folder_of(id, role));
            let owners = owners(&folder, places);
            owners.len() < places || owners.iter().any(|owner| owner == name)
        };
        if has_place(Role::Reader) {
            return Ok(Some(Role::Reader));
        }
        let is_ready = self.finished(id)?.len() > 1 && has_place(Role::Adjudicator);
        Ok(is_ready.then_some(Role::Adjudicator))
    }

    pub(super) fn reading(
        &self,
        id: &str,
        reader: &str,
        role: Role,
    ) -> Result<Option<ReadingFile>, ProjectError> {
        let path = self.folder_of(id, role).join(format!("{reader}.toml"));
        match path.exists() {
            true => read_toml(&path).map(Some),
            false => Ok(None),
        }
    }

    /// Marks a case as begun by a reader, who takes a place at it.
    ///
    /// # Errors
    /// All places are taken, or the files cannot be written.
    pub fn start(&self, id: &str, reader: &str, role: Role) -> Result<(), ProjectError> {
        let saved = Saved {
            labels: None,
            state: State::InProgress,
            seconds: 0.0,
            note: None,
            model: String::new(),
            prompts: String::new(),
            edits: 0,
        };
        self.write(id, reader, role, &saved, "started")
    }

    /// Keeps what a reader made of a case.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn save(
        &self,
        id: &str,
        reader: &str,
        role: Role,
        saved: &Saved,
    ) -> Result<(), ProjectError> {
        let what = match role {
            Role::Reader => format!("saved as {}", saved.state.word()),
            Role::Adjudicator => format!("adjudicated, saved as {}", saved.state.word()),
        };
        self.write(id, reader, role, saved, &what)
    }

    fn write(
        &self,
        id: &str,
        reader: &str,
        role: Role,
        saved: &Saved,
        what: &str,
    ) -> Result<(), ProjectError> {
        check_reader(reader)?;
        self.case(id)?;
        if role == Role::Adjudicator {
            self.check_adjudicator(id, reader)?;
        }
        let folder = self.folder_of(id, role);
        self.make_folder(&folder)?;
        take_place(&folder, reader, self.places(role))?;
        let _lock = Lock::take(folder.join(format!("{reader}.lock")))?;
        let mut file = self.reading(id, reader, role)?.unwrap_or(ReadingFile {
            state: State::NotStarted,
            seconds: 0.0,
            note: String::new(),
            labels: None,
            events: Vec::new(),
        });
        if let Some((layers, table)) = saved.labels {
            save_label_layers(&self.labels_path(id, reader, role), layers, table)?;
            file.labels = Some(format!("{reader}.seg.nrrd"));
        }
        file.state = saved.state;
        file.seconds += saved.seconds;
        if let Some(note) = &saved.note {
            file.note.clone_from(note);
        }
        let event = Event::now(what, &saved.model, &saved.prompts, saved.edits);
        file.events.push(event);
        write_toml(&folder.join(format!("{reader}.toml")), &file)
    }

    /// The path from the project's folder, with slashes on every system.
    fn relative(&self, path: &Path) -> Result<String, ProjectError> {
        let full = |p: &Path| p.canonicalize().map_err(|e| IoError::unreadable(p, e));
        let (to, from) = (full(path)?, full(self.root())?);
        let shared = to.components().zip(from.components());
        let shared = shared.take_while(|(a, b)| a == b).count();
        let up = from.components().skip(shared).map(|_| "..".to_owned());
        let down = to.components().skip(shared).map(|part| match part {
            Component::Normal(name) => name.to_str().map(str::to_owned),
            _ => None,
        });
        let parts: Option<Vec<String>> = up.map(Some).chain(down).collect();
        let parts = parts.ok_or_else(|| {
            ProjectError::refused(format!(
                "{}: cannot be named from the project's folder; put both on one drive, under names in plain characters",
                path.display()
            ))
        })?;
        Ok(parts.join("/"))
    }
}

fn check_name(path: &Path) -> Result<(), ProjectError> {
    let is_toml = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("toml"));
    match is_toml {
        true => Ok(()),
        false => Err(ProjectError::refused(format!(
            "{}: a project is a file whose name ends as .toml",
            path.display()
        ))),
    }
}

fn check_reader(reader: &str) -> Result<(), ProjectError> {
    match is_plain_name(reader) {
        true => Ok(()),
        false => Err(ProjectError::refused(format!(
            "{reader:?} cannot be a reader's name; take letters, digits, _, - and ."
        ))),
    }
}

/// The names of the files in a folder that end so, without the ending, sorted; none where there is no folder.
fn names_in(folder: &Path, ending: &str) -> Result<Vec<String>, ProjectError> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).map_err(|e| IoError::unreadable(folder, e))?;
    let names = entries.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        // Temporary files of a program that died begin with a point.
        let stem = name.strip_suffix(ending)?;
        is_plain_name(stem).then(|| stem.to_owned())
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    Ok(names)
}

pub(super) fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, ProjectError> {
    let unreadable = |e| IoError::unreadable(path, e);
    let length = fs::metadata(path).map_err(unreadable)?.len();
    if length > MOST_BYTES {
        return Err(ProjectError::broken(path, "it is far too long"));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    toml::from_str(&text).map_err(|e| ProjectError::broken(path, e))
}

pub(super) fn write_toml<T: Serialize>(path: &Path, value: &T) -> Result<(), ProjectError> {
    let text = toml::to_string_pretty(value).map_err(|e| ProjectError::broken(path, e))?;
    Ok(atomic::replace_text(path, &text)?)
}
