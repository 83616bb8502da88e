//! The cases that a lesson is given: of a file of cases, or of a worklist.

use std::path::{Path, PathBuf};

use crate::app::batch::Refusal;
use crate::app::batch::cases::{EvaluationCase, OpenedCase, read_some_labelled};
use crate::app::batch::console::Console;
use crate::app::batch::worklist::{Whose, numbered, open_labels, open_scan};
use crate::cli::TeachArgs;
use crate::project::Project;
use crate::train::teach::{MOST_CASES, TeachCase};
use crate::util::JobContext;
use crate::volume::LabelMap;

/// Cases, found but not read yet.
pub(super) struct Given {
    /// The file that names them.
    list: PathBuf,
    of: Of,
    /// How many more of its cases have no labels yet, and are left out.
    without: usize,
    /// Whether a teacher answers where there are no labels.
    is_taught: bool,
}

enum Of {
    File(Vec<EvaluationCase>),
    Worklist(Box<Project>, Vec<Entry>),
}

/// A case of a worklist.
struct Entry {
    id: String,
    /// `None` where nobody labelled it.
    labels: Option<PathBuf>,
}

/// Cases that were read, and what they are called.
#[derive(Default)]
pub(super) struct Read {
    pub titles: Vec<String>,
    pub cases: Vec<TeachCase>,
}

impl Given {
    /// Those that the arguments name.
    ///
    /// # Errors
    /// A list that cannot be read, or has none.
    pub fn of(args: &TeachArgs) -> Result<Self, Refusal> {
        let is_taught = args.teacher.is_some();
        if let Some(list) = &args.cases {
            let cases = read_some_labelled(list)?;
            if let Some(case) = cases.iter().find(|c| c.truth.is_none() && !is_taught) {
                return Err(Refusal::Other(format!(
                    "{}: case {}: it has no truth: give the path of its label map, or a --teacher that answers instead",
                    list.display(),
                    case.id
                )));
            }
            return Ok(Self {
                of: Of::File(cases),
                list: list.clone(),
                without: 0,
                is_taught,
            });
        }
        let list = args.worklist.clone().unwrap_or_default();
        let project = Project::open(&list)?;
        let whose = Whose(args.from.as_deref());
        let (mut entries, mut unlabelled) = (Vec::new(), Vec::new());
        for id in project.cases()? {
            let made = whose.made(&project, &id)?;
            let labels = made.map(|made| made.path);
            let kind = match labels {
                Some(_) => &mut entries,
                None => &mut unlabelled,
            };
            kind.push(Entry { id, labels });
        }
        let room = match is_taught {
            true => MOST_CASES.saturating_sub(entries.len()),
            false => 0,
        };
        let without = unlabelled.len().saturating_sub(room);
        entries.extend(unlabelled.into_iter().take(room));
        if entries.is_empty() {
            return Err(Refusal::Other(format!(
                "{}: no case has such labels yet; see `prosector worklist status`",
                list.display()
            )));
        }
        Ok(Self {
            list,
            without,
            is_taught,
            of: Of::Worklist(Box::new(project), entries),
        })
    }

    /// All files that are read.
    ///
    /// # Errors
    /// A case of the worklist that cannot be read.
    pub fn files(&self) -> Result<Vec<PathBuf>, Refusal> {
        let mut files = vec![self.list.clone()];
        match &self.of {
            Of::File(cases) => {
                let all = cases.iter().flat_map(EvaluationCase::files);
                files.extend(all.map(Path::to_path_buf));
            }
            Of::Worklist(project, entries) => {
                for entry in entries {
                    files.push(project.resolved(&project.case(&entry.id)?.image));
                    files.extend(entry.labels.clone());
                }
            }
        }
        Ok(files)
    }

    /// Reads the scans and what counts in them: the label that is named, or all. Where nothing is labelled a teacher, if one
    /// is asked, answers.
    ///
    /// # Errors
    /// A scan or label map that cannot be read.
    pub fn read(&self, structure: Option<&str>, console: Console) -> Result<Read, Refusal> {
        let mut read = Read::default();
        if self.without > 0 {
            let why = match self.is_taught {
                true => format!(", and a lesson takes {MOST_CASES} scans"),
                false => String::new(),
            };
            console.warnings(&[format!(
                "{} case(s) of the worklist have no such labels yet{why}: left out",
                self.without
            )]);
        }
        let wanted = |name: Option<&str>| structure.is_none_or(|wanted| name == Some(wanted));
        match &self.of {
            Of::File(cases) => {
                for case in cases {
                    let (taught, warnings) = of_file(case, wanted)?;
                    // What is missing may be there, and not drawn.
                    let counts = structure.is_some() && !case.absent_is_unknown;
                    self.take(&mut read, &case.id, (taught, counts), (warnings, console));
                }
            }
            Of::Worklist(project, entries) => {
                for entry in entries {
                    let (taught, warnings) = of_worklist(project, entry, wanted)?;
                    let counts = structure.is_some();
                    self.take(&mut read, &entry.id, (taught, counts), (warnings, console));
                }
            }
        }
        Ok(read)
    }

    /// Takes a case, unless it shows nothing, that does not count, and no teacher answers there.
    fn take(
        &self,
        read: &mut Read,
        id: &str,
        (mut case, absence_counts): (TeachCase, bool),
        (mut warnings, console): (Vec<String>, Console),
    ) {
        let is_shown = case.truth.voxels.iter().any(|v| case.values.contains(v));
        case.is_labelled &= is_shown || absence_counts;
        if case.is_labelled || self.is_taught {
            read.titles.push(id.to_owned());
            read.cases.push(case);
        } else {
            warnings.push("shows nothing to learn from: left out".to_owned());
        }
        let of_case = |w: String| format!("case {id}: {w}");
        console.warnings(&warnings.into_iter().map(of_case).collect::<Vec<_>>());
    }
}

fn of_file(
    case: &EvaluationCase,
    is_wanted: impl Fn(Option<&str>) -> bool,
) -> Result<(TeachCase, Vec<String>), Refusal> {
    let OpenedCase {
        image,
        truth,
        labels,
        warnings,
    } = case.open()?;
    let wanted = labels.iter().filter(|l| is_wanted(l.name.as_deref()));
    let taught = TeachCase {
        values: wanted.map(|l| l.value).collect(),
        image,
        truth,
        patient: Some(case.patient().to_owned()),
        is_labelled: case.truth.is_some(),
    };
    Ok((taught, warnings))
}

/// A case of a worklist; its labels are the project's, which each finished reading has or lacks on purpose.
fn of_worklist(
    project: &Project,
    entry: &Entry,
    is_wanted: impl Fn(Option<&str>) -> bool,
) -> Result<(TeachCase, Vec<String>), Refusal> {
    let ctx = JobContext::silent();
    let scan = open_scan(project, &project.case(&entry.id)?, &ctx)?;
    let truth = match &entry.labels {
        Some(path) => numbered(project, &open_labels(path, &scan, &ctx)?),
        None => LabelMap::empty(*scan.image.grid()),
    };
    let names = project.label_names();
    let named = names.iter().zip(1u16..);
    let taught = TeachCase {
        truth,
        values: named
            .filter(|(name, _)| is_wanted(Some(name)))
            .map(|(_, value)| value)
            .collect(),
        image: scan.image,
        patient: None,
        is_labelled: entry.labels.is_some(),
    };
    Ok((taught, scan.warnings))
}
