//! Where the labels of the open scan come from: what a DICOM file said of its segments, and which model drew them.
//! Segmentations that are written of them say it on.

use std::collections::BTreeMap;

use crate::io::SegmentDetails;
use crate::session::Case;
use crate::volume::LabelTable;

/// What is known of the labels beside names and voxels, while their scan is open.
#[derive(Default)]
pub(super) struct Origins {
    /// What a file said, by value, with the label's name there: under another name it is another structure.
    told: BTreeMap<u16, (String, SegmentDetails)>,
    /// The model whose proposal a label has voxels of.
    models: BTreeMap<u16, String>,
}

/// How many voxels the labels had before a command, where a proposal stood.
pub(super) struct Before(Vec<(u16, usize)>);

impl Before {
    /// `None` where nothing is proposed.
    pub fn of(case: Option<&Case>) -> Option<Self> {
        let case = case.filter(|case| case.proposal().is_some())?;
        Some(Self(counts(case)))
    }
}

fn counts(case: &Case) -> Vec<(u16, usize)> {
    let labels = case.table().labels().iter();
    labels
        .map(|l| (l.value, case.voxel_count(l.value)))
        .collect()
}

impl Origins {
    /// Labels with what their file says of them.
    pub fn opened(&mut self, table: &LabelTable, details: BTreeMap<u16, SegmentDetails>) {
        let named = |(value, details)| Some((value, (table.get(value)?.name.clone(), details)));
        self.told = details.into_iter().filter_map(named).collect();
        self.models.clear();
    }

    /// What was proposed by a model is the labels' that have more voxels now.
    pub fn accepted(&mut self, before: &Before, case: &Case, model: &str) {
        for (value, count) in counts(case) {
            let known = before.0.iter().find(|(known, _)| *known == value);
            if count > known.map_or(0, |(_, count)| *count) {
                self.models.insert(value, model.to_owned());
            }
        }
    }

    /// What is known of the labels of a table, by value.
    pub fn details(&self, table: &LabelTable) -> BTreeMap<u16, SegmentDetails> {
        let of_label = |value: u16, name: &str| {
            let told = self.told.get(&value).filter(|(known, _)| known == name);
            let mut details = told.map(|(_, details)| details.clone()).unwrap_or_default();
            if let Some(model) = self.models.get(&value) {
                let version = env!("CARGO_PKG_VERSION");
                // Somebody accepted it, and may have drawn on it.
                details.algorithm_type = Some("SEMIAUTOMATIC".to_owned());
                details.algorithm_name = Some(format!("{model}, Prosector {version}"));
            }
            details
        };
        let labels = table.labels().iter();
        labels
            .map(|label| (label.value, of_label(label.value, &label.name)))
            .collect()
    }
}
