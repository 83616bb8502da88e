//! The table of tasks.

use std::sync::LazyLock;

use serde::Deserialize;

use super::rules::Rule;

/// What may be done with a task's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Licence {
    /// Anything.
    Free,
    /// Whatever their licence number allows.
    Number,
    /// No commerce.
    NonCommercial,
    /// Nobody says.
    Unknown,
}

impl Licence {
    /// The licence as cards state it; `None` where nobody says.
    pub fn text(self) -> Option<&'static str> {
        match self {
            Self::Free => Some("Apache-2.0, as TotalSegmentator's README says of this task"),
            Self::Number => Some(
                "needs a licence number of TotalSegmentator: free for non-commercial use, else to be bought from its authors",
            ),
            Self::NonCommercial => Some("CC BY-NC 4.0: no commercial use"),
            Self::Unknown => None,
        }
    }
}

/// Around which structures a task's scan is cropped.
#[derive(Debug, Deserialize)]
pub(super) struct CropRule {
    /// The task that finds them.
    pub task: String,
    /// Their names there.
    pub structures: Vec<String>,
    /// The margin along right, anterior, superior.
    pub margin_mm: [f64; 3],
    /// Structures far from which nothing of the task may lie.
    #[serde(default)]
    pub keep_within: Vec<String>,
    /// How far.
    #[serde(default)]
    pub reach_mm: f64,
}

/// The structure of another task that labels grow into, and end with.
#[derive(Debug, Deserialize)]
pub(super) struct RefineRule {
    /// The task that finds it.
    pub task: String,
    /// Its value there.
    pub value: u16,
    /// How far labels grow.
    pub reach_mm: f64,
}

/// One or several data sets under one name.
#[derive(Debug, Deserialize)]
pub(super) struct Task {
    /// As TotalSegmentator calls it, with the word for its faster ways.
    pub name: String,
    /// Names of the data sets, without the number of subjects.
    pub datasets: Vec<String>,
    /// The task's label that the first of each data set becomes.
    #[serde(default)]
    pub first: Vec<u16>,
    /// Spacing along right, anterior, superior at which it runs; the scan's own without one.
    pub spacing_mm: Option<[f64; 3]>,
    /// Share of a window's side from one window to the next.
    #[serde(default = "half")]
    pub step: f64,
    /// The configuration that was trained.
    #[serde(default = "full_resolution")]
    pub configuration: String,
    pub licence: Licence,
    /// Labels that only helped training.
    #[serde(default)]
    pub auxiliary: Vec<u16>,
    pub crop: Option<CropRule>,
    /// The task around whose finds the scan is cropped where only some structures are wanted, of one without `crop`.
    pub subset_crop: Option<String>,
    /// What is done to its labels.
    #[serde(default)]
    pub rules: Vec<Rule>,
    pub refine: Option<RefineRule>,
}

fn half() -> f64 {
    0.5
}

fn full_resolution() -> String {
    "3d_fullres".to_owned()
}

impl Task {
    /// The task's label that the first of a data set becomes.
    pub fn first_of(&self, dataset: usize) -> u16 {
        self.first.get(dataset).copied().unwrap_or(1)
    }
}

static TASKS: LazyLock<Vec<Task>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct Table {
        task: Vec<Task>,
    }
    let table: Table = toml::from_str(include_str!("tasks.toml")).expect("a test reads the table");
    table.task
});

/// The task of a name.
pub(super) fn task_named(name: &str) -> Option<&'static Task> {
    TASKS.iter().find(|task| task.name == name)
}

/// All tasks.
pub(super) fn tasks() -> &'static [Task] {
    &TASKS
}

/// A data set's name without the number of subjects, which differs between versions.
pub(super) fn without_subjects(name: &str) -> &str {
    let is_count = |part: &str| {
        let digits = part.find("subj").map(|end| &part[..end]);
        digits.is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
    };
    let parts = name.match_indices('_');
    let mut starts = parts.map(|(at, _)| at);
    let found = starts.find(|&at| {
        let rest = &name[at + 1..];
        is_count(rest.split('_').next().unwrap_or(rest))
    });
    found.map_or(name, |at| &name[..at])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_task_of_the_table_can_be_read_and_names_what_there_is() {
        let names: BTreeSet<&str> = tasks().iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names.len(), tasks().len());
        for task in tasks() {
            assert!(!task.datasets.is_empty());
            assert!(task.datasets.len() == 1 || task.first.len() == task.datasets.len());
            if let Some(crop) = &task.crop {
                assert!(names.contains(crop.task.as_str()), "{}", crop.task);
            }
            if let Some(rough) = &task.subset_crop {
                assert!(names.contains(rough.as_str()) && task.crop.is_none());
            }
            if let Some(refine) = &task.refine {
                assert!(names.contains(refine.task.as_str()), "{}", refine.task);
            }
        }
        let total = tasks().iter().find(|t| t.name == "total").unwrap();
        assert_eq!(total.first, [1, 25, 51, 69, 92]);
        assert_eq!(total.spacing_mm, Some([1.5; 3]));
    }

    #[test]
    fn numbers_of_subjects_do_not_count() {
        let name = "Dataset297_TotalSegmentator_total_3mm_1559subj_v204";
        assert_eq!(
            without_subjects(name),
            "Dataset297_TotalSegmentator_total_3mm"
        );
        assert_eq!(
            without_subjects("Dataset913_lung_nodules"),
            "Dataset913_lung_nodules"
        );
    }
}
