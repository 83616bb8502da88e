//! The file of cases: which scans, with which truth.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::io::{LabelTarget, OpenOptions, open_scan};
use crate::project::is_plain_name;
use crate::util::JobContext;
use crate::volume::{ImageVolume, LabelMap, LabelTable, Modality};

use super::Refusal;
use super::inputs::labels_on_grid;
use super::words::plain;

#[derive(Debug, Deserialize)]
struct CaseFile<T> {
    #[serde(default = "Vec::new")]
    case: Vec<T>,
}

/// One scan of a file of cases; its truth is no matter here.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ScanCase {
    /// Its name.
    pub(super) id: String,
    /// The scan; made absolute by [`read_scans`].
    pub(super) image: PathBuf,
    /// The kind of scan, where the file does not say.
    pub(super) modality: Option<Modality>,
    /// The true label map, where there is one; made absolute too.
    pub(super) truth: Option<PathBuf>,
}

/// One scan with its truth, or a lesson's scan that may have none.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct EvaluationCase {
    /// Name in the report.
    pub(super) id: String,
    /// The scan; made absolute by [`read_cases`].
    pub(super) image: PathBuf,
    /// The true label map; made absolute too. [`read_cases`] refuses a case without.
    pub(super) truth: Option<PathBuf>,
    /// The kind of scan, where the file does not say.
    pub(super) modality: Option<Modality>,
    /// Where the scan comes from, for groups.
    pub(super) domain: Option<String>,
    /// Whose scan it is, where several are of one patient.
    patient: Option<String>,
    /// Which values of the truth count, and their names; without it every value that occurs.
    labels: Option<BTreeMap<String, String>>,
    /// A label missing from the truth was not drawn, and is left out.
    #[serde(default)]
    pub(super) absent_is_unknown: bool,
}

/// A value of the truth and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TruthLabel {
    /// Value in the truth.
    pub(super) value: u16,
    /// Its name; `None` where nobody says.
    pub(super) name: Option<String>,
    /// The name is the case's own: what the model finds under it is meant, and nothing else.
    pub(super) is_named_by_case: bool,
}

/// A case whose files have been read.
pub(super) struct OpenedCase {
    pub(super) image: Arc<ImageVolume>,
    pub(super) truth: LabelMap,
    /// The labels that count.
    pub(super) labels: Vec<TruthLabel>,
    pub(super) warnings: Vec<String>,
}

/// Reads a file of cases, each with its truth; paths in it are relative to the file.
pub(super) fn read_cases(path: &Path) -> Result<Vec<EvaluationCase>, Refusal> {
    let cases = read_some_labelled(path)?;
    match cases.iter().find(|case| case.truth.is_none()) {
        None => Ok(cases),
        Some(case) => Err(Refusal::Other(format!(
            "{}: case {}: it has no truth: give the path of its label map",
            path.display(),
            case.id
        ))),
    }
}

/// The same of cases that may have no truth.
pub(super) fn read_some_labelled(path: &Path) -> Result<Vec<EvaluationCase>, Refusal> {
    let refuse = |reason: String| Refusal::Other(format!("{}: {reason}", path.display()));
    let mut cases: Vec<EvaluationCase> = read_list(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for case in &mut cases {
        case.image = folder.join(&case.image);
        case.truth = case.truth.take().map(|truth| folder.join(truth));
        let bad = case.labels.iter().flat_map(BTreeMap::keys).find(|v| {
            let value = v.parse::<u16>();
            value.is_err() || value == Ok(0)
        });
        if let Some(value) = bad {
            return Err(refuse(format!(
                "case {}: '{value}' is no label value: give numbers from 1 to 65535",
                case.id
            )));
        }
    }
    Ok(cases)
}

/// Reads the scans of a file of cases; each has a name that no other has and that can be a file's.
pub(super) fn read_scans(path: &Path) -> Result<Vec<ScanCase>, Refusal> {
    let mut cases: Vec<ScanCase> = read_list(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut names = BTreeSet::new();
    for case in &mut cases {
        case.image = folder.join(&case.image);
        case.truth = case.truth.take().map(|truth| folder.join(truth));
        if !is_plain_name(&case.id) || !names.insert(case.id.to_lowercase()) {
            return Err(Refusal::Other(format!(
                "{}: case {:?}: results are files of the cases' names: give each another id, of letters, digits, _, - and .",
                path.display(),
                case.id
            )));
        }
    }
    Ok(cases)
}

fn read_list<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Refusal> {
    let refuse = |reason: String| Refusal::Other(format!("{}: {reason}", path.display()));
    let text = std::fs::read_to_string(path)
        .map_err(|e| refuse(format!("the cases cannot be read: {e}; check the path")))?;
    let file: CaseFile<T> = toml::from_str(&text)
        .map_err(|e| refuse(format!("is not a file of cases: {}", e.message())))?;
    match file.case.is_empty() {
        true => Err(refuse("has no case: add a [[case]]".to_owned())),
        false => Ok(file.case),
    }
}

impl EvaluationCase {
    /// Its files.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(self.image.as_path()).chain(self.truth.as_deref())
    }

    /// Reads the scan and its truth; without one nothing is labelled.
    pub(super) fn open(&self) -> Result<OpenedCase, Refusal> {
        let ctx = JobContext::silent();
        let options = OpenOptions {
            modality: self.modality,
            ..OpenOptions::default()
        };
        let scan = open_scan(&self.image, &options, &ctx)?;
        let target = LabelTarget {
            grid: *scan.image.grid(),
            source: scan.info.provenance.as_deref(),
        };
        let (truth, labels, doubts) = match &self.truth {
            Some(path) => {
                let (truth, table, doubts) = labels_on_grid(path, &target, &ctx)?;
                let labels = self.labels(&truth, &table);
                (truth, labels, doubts)
            }
            None => (LabelMap::empty(target.grid), Vec::new(), Vec::new()),
        };
        Ok(OpenedCase {
            labels,
            image: Arc::new(scan.image),
            truth,
            warnings: [plain(&scan.info.warnings), doubts].concat(),
        })
    }

    /// Whose scan it is; a case that does not say is a patient of its own.
    pub(super) fn patient(&self) -> &str {
        self.patient.as_deref().unwrap_or(&self.id)
    }

    /// The labels that count, by value: those of the case, or else every one that occurs in the truth.
    fn labels(&self, truth: &LabelMap, table: &LabelTable) -> Vec<TruthLabel> {
        let Some(named) = &self.labels else {
            return truth
                .counts()
                .into_iter()
                .map(|(value, _)| TruthLabel {
                    value,
                    name: table.get(value).map(|l| l.name.clone()),
                    is_named_by_case: false,
                })
                .collect();
        };
        let mut labels: Vec<TruthLabel> = named
            .iter()
            .filter_map(|(value, name)| {
                let value = value.parse().ok()?;
                let name = Some(name.clone());
                Some(TruthLabel {
                    value,
                    name,
                    is_named_by_case: true,
                })
            })
            .collect();
        labels.sort_unstable_by_key(|l| l.value);
        labels
    }
}
