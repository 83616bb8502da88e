//! Labels that lie beside a scan: found and named, not read.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::util::short_debug;

use super::format::{label_endings, split_ending};

/// How the names of label maps end, before the ending of the format, beside a scan of the rest of the name.
const RULES: &[&str] = &[
    "_seg",
    "_label",
    "_labels",
    "_mask",
    "_dseg",
    "_segmentation",
    "_gt",
    ".seg",
    "-seg",
    "-label",
    "-labels",
];

/// Folders of scans with the folder beside that has label maps of the same names: nnU-Net's, and the usual ones.
const FOLDERS: &[[&str; 2]] = &[
    ["imagesTr", "labelsTr"],
    ["imagesTs", "labelsTs"],
    ["images", "labels"],
];

/// Where labels of a scan can be read, and what is known of them before.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct LabelSource {
    /// The file; of an object in a zip, the archive.
    pub path: PathBuf,
    /// The SOPInstanceUID of a DICOM object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// `SEG`, `RTSTRUCT` or `label map`.
    pub kind: &'static str,
    /// The names of its labels, where the header tells them.
    pub names: Vec<String>,
}

short_debug! {
    LabelSource: |source| format_args!("a {}, {} names", source.kind, source.names.len());
}

/// What a label map in a file is called.
pub(super) const LABEL_MAP: &str = "label map";

impl From<PathBuf> for LabelSource {
    fn from(path: PathBuf) -> Self {
        Self {
            path,
            object: None,
            kind: LABEL_MAP,
            names: Vec::new(),
        }
    }
}

impl LabelSource {
    /// What it is called: kind and names of a DICOM object, else the file's name.
    pub fn title(&self) -> String {
        /// More names than this are counted.
        const NAMED: usize = 3;
        let file = self.path.file_name().unwrap_or_default().to_string_lossy();
        if self.names.is_empty() {
            return match self.kind {
                LABEL_MAP => file.into_owned(),
                kind => format!("{kind} {file}"),
            };
        }
        let named = &self.names[..self.names.len().min(NAMED)];
        let more = match self.names.len() - named.len() {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        format!("{}: {}{more}", self.kind, named.join(", "))
    }
}

/// The label maps of a scan file by the rule of names: `x_seg.nii.gz`, `x-label.nrrd` or `x.seg.nrrd` beside `x.nii.gz`,
/// and `labelsTr/x.nii.gz` of `imagesTr/x_0000.nii.gz`. Only names are looked at.
pub fn label_maps_beside(scan: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (scan.parent(), scan.file_name().and_then(|n| n.to_str()))
    else {
        return Vec::new();
    };
    let (stem, ending) = split_ending(name);
    if ending.is_empty() {
        return Vec::new();
    }
    let named = |folder: &Path, stem: &str| -> Vec<PathBuf> {
        let names = label_endings().map(|ending| folder.join(format!("{stem}{ending}")));
        names.collect()
    };
    let beside = RULES
        .iter()
        .map(|rule| named(folder, &format!("{stem}{rule}")));
    let others = labels_folder(folder).map(|labels| {
        let same = named(&labels, stem);
        same.into_iter()
            .chain(named(&labels, without_channel(stem)))
    });
    let mut found: Vec<PathBuf> = Vec::new();
    for path in beside.flatten().chain(others.into_iter().flatten()) {
        if path.is_file() && !found.contains(&path) {
            found.push(path);
        }
    }
    found
}

/// Whether a file is by its name a label map, and no scan.
pub fn is_label_map_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_ascii_lowercase();
    let (stem, _) = split_ending(&name);
    let is_pair = |folder: &Path| {
        FOLDERS.iter().any(|[images, labels]| {
            folder.ends_with(labels) && folder.with_file_name(images).is_dir()
        })
    };
    RULES.iter().any(|rule| stem.ends_with(rule)) || path.parent().is_some_and(is_pair)
}

/// The folder of the label maps of the scans in this one.
fn labels_folder(images: &Path) -> Option<PathBuf> {
    let own = |pair: &&[&str; 2]| images.ends_with(pair[0]);
    let pair = FOLDERS.iter().find(own)?;
    Some(images.with_file_name(pair[1]))
}

/// A name without the number of nnU-Net's channel at its end.
fn without_channel(stem: &str) -> &str {
    match stem.rsplit_once('_') {
        Some((id, n)) if n.len() == 4 && n.bytes().all(|b| b.is_ascii_digit()) => id,
        _ => stem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_labels_are_told_from_names_of_scans() {
        let is = |name: &str| is_label_map_name(Path::new(name));
        assert!(is("ct_seg.nii.gz") && is("CT-Label.nrrd") && is("ct.seg.nrrd"));
        assert!(!is("segment.nii.gz") && !is("labels.nii.gz") && !is("labelsTr/a.nii.gz"));
    }

    #[test]
    fn many_names_are_counted() {
        let names = ["liver", "spleen", "aorta", "colon", "bladder"];
        let mut source = LabelSource::from(PathBuf::from("a/x_seg.nii.gz"));
        assert_eq!(source.title(), "x_seg.nii.gz");
        source.kind = "SEG";
        assert_eq!(source.title(), "SEG x_seg.nii.gz");
        source.names = names.map(str::to_owned).to_vec();
        assert_eq!(source.title(), "SEG: liver, spleen, aorta and 2 more");
    }
}
