//! The table of formats: how each is recognised, read and written.
//!
//! To add one: a folder or file with its [`Format`], and a line in [`FORMATS`].

use std::path::{Path, PathBuf};

use crate::util::JobContext;
use crate::volume::{ImageVolume, LabelLayers, LabelMap, LabelTable, Mask};

use super::anonymise::{Doubt, Ledger, Target};
use super::{
    Export, IoError, LabelTarget, Labels, OpenOptions, ScanInfo, Warning, archive, dicom,
    meta_image, nifti, nrrd, pictures,
};

/// All formats, in the order in which they are tried.
pub(super) static FORMATS: &[&Format] = &[
    &dicom::FORMAT,
    &nifti::FORMAT,
    &nrrd::FORMAT,
    &meta_image::FORMAT,
    &pictures::FORMAT,
    &archive::FORMAT,
];

/// What opening a scan gives; no volume where a series must be chosen.
pub(super) type Opened = (ScanInfo, Option<ImageVolume>);
/// Opens a label map of a format; onto the grid of a scan where the format has none of its own.
pub(super) type OpenLabels =
    fn(&Path, Option<&LabelTarget>, &JobContext) -> Result<Labels, IoError>;

/// Copies a file of a format without what tells the patient; gives why not where it is left out.
pub(super) type Anonymise = fn(&Path, &Target, &mut Ledger) -> Result<Option<Doubt>, IoError>;

/// One format.
pub(super) struct Format {
    /// As users know it.
    pub name: &'static str,
    /// How the names of files end that are written in it, in lower case.
    pub endings: &'static [&'static str],
    /// Whether a file that begins so is one.
    pub recognises: fn(&Path, &[u8]) -> bool,
    /// Reads and checks a scan.
    pub inspect: fn(&Path, &OpenOptions, &JobContext) -> Result<Opened, IoError>,
    /// Opens a label map.
    pub open_labels: Option<OpenLabels>,
    /// The other file that a file's scan lies in.
    pub other_file: fn(&Path) -> Option<PathBuf>,
    /// The other file that is written with one of this name.
    pub written_beside: fn(&Path) -> Option<PathBuf>,
    /// Writes.
    pub save: Option<&'static dyn Save>,
    /// A path holds several series.
    pub has_series: bool,
    /// Copies a file without what tells the patient.
    pub anonymise: Option<Anonymise>,
    /// Its reader itself says where the patient's sides are assumed.
    pub says_sides: bool,
}

impl Format {
    /// A format that can do nothing, to begin a constant with.
    pub(super) const NONE: Self = Self {
        name: "",
        endings: &[],
        recognises: |_, _| false,
        inspect: |path, _, _| Err(IoError::not_a_scan(path, "it holds no scan")),
        open_labels: None,
        other_file: |_| None,
        written_beside: |_| None,
        save: None,
        has_series: false,
        anonymise: None,
        says_sides: false,
    };
}

/// Writes a format: beside the target, re-read, compared, then renamed.
pub(super) trait Save: Sync {
    /// A label map with its names, as far as the format holds them.
    ///
    /// # Errors
    /// It cannot be written or does not read back.
    fn labels(&self, path: &Path, labels: &LabelMap, table: &LabelTable) -> Result<(), IoError>;

    /// Label layers with their names; `None`, and nothing is written, where a file of this name holds one map.
    ///
    /// # Errors
    /// As [`Self::labels`].
    fn layers(
        &self,
        _path: &Path,
        _layers: &LabelLayers,
        _table: &LabelTable,
    ) -> Option<Result<(), IoError>> {
        None
    }

    /// Whether labels keep their names and colours.
    fn holds_names(&self) -> bool {
        true
    }

    /// A mask as 0 and 1.
    ///
    /// # Errors
    /// As [`Self::labels`].
    fn mask(&self, path: &Path, mask: &Mask) -> Result<(), IoError> {
        let voxels = mask.voxels.iter().map(|&v| u16::from(v != 0)).collect();
        let labels = LabelMap {
            grid: mask.grid,
            voxels,
        };
        self.labels(path, &labels, &LabelTable::default())
    }

    /// A scan.
    ///
    /// # Errors
    /// As [`Self::labels`], and what the format cannot hold.
    fn image(&self, path: &Path, image: &ImageVolume) -> Result<(), IoError>;

    /// Whether it refers to a DICOM series, and is written by [`Self::export`] alone.
    fn needs_series(&self) -> bool {
        false
    }

    /// Label layers as an object that refers to a series; gives what it could not keep.
    ///
    /// # Errors
    /// As [`Self::labels`]; a format that refers to none does not do it.
    fn export(
        &self,
        path: &Path,
        _layers: &LabelLayers,
        _table: &LabelTable,
        _export: &Export,
    ) -> Result<Vec<Warning>, IoError> {
        Err(IoError::output(path, "it refers to no series"))
    }
}

/// A file's name without, and the ending of a format that is written; the whole name and nothing where there is none.
pub(super) fn split_ending(name: &str) -> (&str, &str) {
    let lower = name.to_ascii_lowercase();
    let endings = FORMATS.iter().flat_map(|f| f.endings);
    let longest = endings
        .filter(|e| lower.ends_with(**e))
        .map(|e| e.len())
        .max();
    name.split_at_checked(name.len() - longest.unwrap_or(0))
        .unwrap_or((name, ""))
}

/// How the names of files end that hold a label map alone.
pub(super) fn label_endings() -> impl Iterator<Item = &'static str> {
    let alone = FORMATS
        .iter()
        .filter(|f| f.save.is_some_and(|save| !save.needs_series()));
    alone.flat_map(|f| f.endings).copied()
}

/// The writer for a file of this name.
///
/// # Errors
/// No format that is written has such names.
pub(super) fn writer_for(path: &Path) -> Result<&'static dyn Save, IoError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_ascii_lowercase();
    let written = || FORMATS.iter().filter_map(|f| Some((f, f.save?)));
    let fits = |f: &Format| f.endings.iter().any(|e| name.ends_with(e));
    written()
        .find(|(f, _)| fits(f))
        .map(|(_, save)| save)
        .ok_or_else(|| {
            let names = |f: &Format| format!("{} ({})", f.name, f.endings.join(" or "));
            let known: Vec<String> = written().map(|(f, _)| names(f)).collect();
            let reason = format!("results are {}: give a name that ends so", known.join(", "));
            IoError::output(path, reason)
        })
}
