//! The cases that a lesson is given: of a file of cases, or of a worklist.

use std::path::PathBuf;

use crate::app::batch::Refusal;
use crate::app::batch::cases::{EvaluationCase, OpenedCase, read_cases};
use crate::app::batch::console::Console;
use crate::app::batch::worklist::{Whose, numbered, open_labels, open_scan};
use crate::cli::TeachArgs;
use crate::project::Project;
use crate::train::teach::TeachCase;
use crate::util::JobContext;

/// Cases, found but not read yet.
pub(super) struct Given {
    /// The file that names them.
    list: PathBuf,
    of: Of,
    /// How many more of its cases have no labels yet.
    without: usize,
}

enum Of {
    File(Vec<EvaluationCase>),
    Worklist(Box<Project>, Vec<Entry>),
}

/// A case of a worklist.
struct Entry {
    id: String,
    labels: PathBuf,
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
        if let Some(list) = &args.cases {
            return Ok(Self {
                of: Of::File(read_cases(list)?),
                list: list.clone(),
                without: 0,
            });
        }
        let list = args.worklist.clone().unwrap_or_default();
        let project = Project::open(&list)?;
        let whose = Whose(args.from.as_deref());
        let (mut entries, mut without) = (Vec::new(), 0);
        for id in project.cases()? {
            match whose.made(&project, &id)? {
                Some(made) => entries.push(Entry {
                    id,
                    labels: made.path,
                }),
                None => without += 1,
            }
        }
        if entries.is_empty() {
            return Err(Refusal::Other(format!(
                "{}: no case has such labels yet; see `prosector worklist status`",
                list.display()
            )));
        }
        Ok(Self {
            list,
            without,
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
                files.extend(
                    cases
                        .iter()
                        .flat_map(|c| [c.image.clone(), c.truth.clone()]),
                );
            }
            Of::Worklist(project, entries) => {
                for entry in entries {
                    files.push(project.resolved(&project.case(&entry.id)?.image));
                    files.push(entry.labels.clone());
                }
            }
        }
        Ok(files)
    }

    /// Reads the scans and what counts in them: the label that is named, or all.
    ///
    /// # Errors
    /// A scan or label map that cannot be read.
    pub fn read(&self, structure: Option<&str>, console: Console) -> Result<Read, Refusal> {
        let mut read = Read::default();
        if self.without > 0 {
            console.warnings(&[format!(
                "{} case(s) of the worklist have no such labels yet: left out",
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
                    read.take(&case.id, taught, (counts, warnings), console);
                }
            }
            Of::Worklist(project, entries) => {
                for entry in entries {
                    let (taught, warnings) = of_worklist(project, entry, wanted)?;
                    let counts = structure.is_some();
                    read.take(&entry.id, taught, (counts, warnings), console);
                }
            }
        }
        Ok(read)
    }
}

impl Read {
    /// Takes a case, unless it shows nothing and that does not count.
    fn take(
        &mut self,
        id: &str,
        case: TeachCase,
        (absence_counts, mut warnings): (bool, Vec<String>),
        console: Console,
    ) {
        let is_shown = case.truth.voxels.iter().any(|v| case.values.contains(v));
        if is_shown || absence_counts {
            self.titles.push(id.to_owned());
            self.cases.push(case);
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
    let labels = open_labels(&entry.labels, &scan, &ctx)?;
    let names = project.label_names();
    let named = names.iter().zip(1u16..);
    let taught = TeachCase {
        truth: numbered(project, &labels),
        values: named
            .filter(|(name, _)| is_wanted(Some(name)))
            .map(|(_, value)| value)
            .collect(),
        image: scan.image,
        patient: None,
    };
    Ok((taught, scan.warnings))
}
