//! What was changed, what stands for whom, and what is to be told. Nothing of the patient is told.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use dicom_core::chrono::NaiveDateTime;

use crate::io::dicom::new_uid;
use crate::util::short_debug;

/// One kind of change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Group and element, or the name of a header field.
    pub tag: String,
    /// The standard's keyword.
    pub name: String,
    /// X removed, Z emptied, D replaced by a dummy, U by another UID.
    pub action: &'static str,
}

/// What no table reaches, or was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// The object says that text is burned into its pixels.
    BurnedIn,
    /// An image of a kind that often has text in its pixels, and does not say that it has none.
    MayBeBurnedIn,
    /// Overlays were removed.
    Overlays,
    /// PET without weight and times.
    UptakeLost,
    /// NIfTI header extensions were removed.
    Extensions,
    /// A report, a document, a drawing, a recording: left out.
    Document,
    /// A DICOMDIR: left out.
    Index,
    /// No DICOM and no NIfTI: left out.
    Foreign,
}

impl Doubt {
    /// Why a single file is refused.
    pub(super) fn of_one_file(self) -> &'static str {
        match self {
            Self::Document => {
                "it is a report, document, drawing or recording, whose content no rule can clean; take out by hand what identifies"
            }
            Self::Index => {
                "it is a DICOMDIR, a list of other files; give the folder with the images"
            }
            _ => "it is no scan that can be anonymised; give a DICOM or NIfTI file",
        }
    }

    fn of_files(self) -> &'static str {
        match self {
            Self::BurnedIn => {
                "say that text is burned into their pixels, which stay as they are: look at them, and black it out"
            }
            Self::MayBeBurnedIn => {
                "are captures or of a kind whose pixels often show a name: look at them before they leave the house"
            }
            Self::Overlays => "overlay attributes were removed, with what was drawn in them",
            Self::UptakeLost => {
                "are PET: without weight and times no SUV can be computed of them any more"
            }
            Self::Extensions => {
                "had header extensions, which were removed, names of labels among them"
            }
            Self::Document => {
                "were left out: reports, documents, drawings or recordings, whose content no rule can clean"
            }
            Self::Index => "were left out: lists of files (DICOMDIR)",
            Self::Foreign => "were left out: no DICOM and no NIfTI",
        }
    }
}

/// The account of a run.
#[derive(Default)]
pub struct Ledger {
    /// Files written.
    pub files: usize,
    changes: BTreeMap<Change, usize>,
    doubts: BTreeMap<Doubt, usize>,
    uids: HashMap<String, String>,
    patients: HashMap<Vec<u8>, usize>,
    /// The first date of each patient.
    firsts: HashMap<usize, NaiveDateTime>,
    /// The patient at work.
    patient: usize,
    /// Numbers of studies and series, and how many images each has, by where they lie.
    numbers: HashMap<String, usize>,
    counts: HashMap<String, usize>,
}

short_debug! {
    Ledger: |ledger| format_args!("{} files", ledger.files);
}

impl Ledger {
    /// What was changed, and how often.
    pub fn changes(&self) -> impl Iterator<Item = (&Change, usize)> {
        self.changes.iter().map(|(change, &count)| (change, count))
    }

    /// What is to be told, a line each.
    pub fn warnings(&self) -> Vec<String> {
        let told = self.doubts.iter();
        told.map(|(doubt, count)| format!("{count} {doubt}"))
            .collect()
    }

    pub(in crate::io) fn change(&mut self, tag: &str, name: &str, action: &'static str) {
        let (tag, name) = (tag.to_owned(), name.to_owned());
        *self
            .changes
            .entry(Change { tag, name, action })
            .or_default() += 1;
    }

    pub(in crate::io) fn doubt(&mut self, doubt: Doubt) {
        *self.doubts.entry(doubt).or_default() += 1;
    }

    /// The UID that stands for another, in all files alike.
    pub(in crate::io) fn uid(&mut self, uid: &str) -> String {
        let known = self.uids.entry(uid.to_owned());
        known.or_insert_with(new_uid).clone()
    }

    /// What stands for a patient, by the ID; that patient is at work from now on.
    pub(in crate::io) fn patient(&mut self, id: &[u8]) -> String {
        let next = self.patients.len() + 1;
        self.patient = *self.patients.entry(id.to_owned()).or_insert(next);
        format!("ANON-{:04}", self.patient)
    }

    /// The first date that was met of the patient at work, of this or an earlier file.
    pub(in crate::io) fn first_moment(&mut self, own: NaiveDateTime) -> NaiveDateTime {
        *self.firsts.entry(self.patient).or_insert(own)
    }

    /// A path for a new file of the patient at work, in numbered folders for `levels`.
    pub(super) fn name(&mut self, levels: &[&str], ending: &str) -> String {
        let mut place = match levels {
            [] => String::new(),
            _ => format!("patient-{:04}/", self.patient),
        };
        for (level, kind) in levels.iter().zip(["study", "series"]) {
            let key = format!("{place}{kind}");
            let known = format!("{key}:{level}");
            let number = match self.numbers.get(&known) {
                Some(&number) => number,
                None => {
                    let number = self.counts.get(&key).copied().unwrap_or(0) + 1;
                    self.counts.insert(key, number);
                    self.numbers.insert(known, number);
                    number
                }
            };
            place = format!("{place}{kind}-{number:03}/");
        }
        let count = self.counts.entry(format!("{place}image")).or_default();
        *count += 1;
        format!("{place}image-{count:05}.{ending}")
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = match self {
            Self::Overlays => "",
            _ => "file(s) ",
        };
        write!(f, "{counted}{}", self.of_files())
    }
}
