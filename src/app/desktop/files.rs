//! The file jobs of the window: each runs on the file thread and gives one outcome.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::geometry::RigidTransform;
use crate::io::{
    self, Choice, DicomObject, Export, IoError, LabelEntry, LabelSource, LabelTarget, OpenOptions,
    Provenance, ScanInfo, SegmentDetails, Space, Warning,
};
use crate::models::{ModelCard, ScanKey};
use crate::project::Entry;
use crate::registration::Registered;
use crate::session::{Case, OpenedLabels, OpenedScan, Regridded, ScanSource};
use crate::util::{JobContext, short_debug};
use crate::volume::measurement::Measurement;
use crate::volume::window::default_window;
use crate::volume::{Grid, ImageVolume, LabelLayers, LabelTable, Modality, phantom::phantom};

use super::compare_flow::Compared;
use super::recovery_flow::Restoring;
use super::teach_flow::GivenCase;
use super::worklist::{CaseRead, CaseSaved, ProjectRead};

/// What came of a file job.
pub enum FileOutcome {
    /// A scan was read.
    Opened(Box<OpenedScan>),
    /// Several image series: the user must choose.
    SeriesToChoose {
        /// The file or folder.
        path: PathBuf,
        /// The choice.
        info: Box<ScanInfo>,
    },
    /// A label map was read.
    LabelsOpened {
        /// The voxels, their names and the file.
        labels: Box<OpenedLabels>,
        /// What DICOM says of them beside, by value.
        details: BTreeMap<u16, SegmentDetails>,
        /// What the user should know.
        warnings: Vec<Warning>,
    },
    /// Scan and labels are on another grid.
    Regridded(Box<Regridded>),
    /// Labels were saved and read back.
    Saved {
        /// The file.
        path: PathBuf,
        /// The session's revision that was saved.
        revision: u64,
        /// Whether the file has the voxels that are worked on.
        is_whole: bool,
        /// What the user should know.
        warnings: Vec<Warning>,
    },
    /// Label maps were read to be compared.
    Compared(Box<Compared>),
    /// The second image was registered to the scan.
    Registered {
        /// The second image.
        key: ScanKey,
        /// Where it fits.
        registered: Registered,
    },
    /// A transform of the second image was read.
    TransformRead {
        /// The second image.
        key: ScanKey,
        /// Where it is to lie.
        first_from_second: RigidTransform,
    },
    /// A transform was saved and read back.
    TransformSaved(PathBuf),
    /// Names and colours of labels were read.
    LabelTableRead(Vec<LabelEntry>),
    /// Names and colours of labels were written to this file.
    LabelTableWritten(PathBuf, Option<Warning>),
    /// Another image of the scan's grid was read.
    ChannelRead {
        /// The scan.
        scan: ScanKey,
        /// Its place among the model's images.
        place: usize,
        /// The file's name.
        file: String,
        /// The image.
        image: Arc<ImageVolume>,
    },
    /// A model was imported.
    ModelImported(Box<ModelCard>),
    /// A model can be imported once its licence is accepted.
    LicenceToAccept {
        /// Its folder.
        folder: PathBuf,
        /// What the licence says.
        licence: String,
    },
    /// An annotation project was opened.
    ProjectRead(Box<ProjectRead>),
    /// Its cases, as they are now.
    CasesListed(Vec<Entry>),
    /// A case of it was read.
    CaseRead(Box<CaseRead>),
    /// A case of it was saved and read back.
    CaseSaved(Box<CaseSaved>),
    /// The cases of it that its reader has finished were read, to be learnt from; so many had no labels.
    LessonCasesRead(Vec<GivenCase>, usize),
    /// The report of a lesson was saved and read back.
    LessonReportSaved(PathBuf),
    /// Something that the user is not told about was done.
    Done,
    /// Work of an earlier window was read.
    WorkRead(Box<Restoring>),
    /// The preferences could not be written; one line for the user.
    NotRemembered(String),
    /// Refused; one line for the user.
    Refused(String),
    /// The user cancelled.
    Cancelled,
}

short_debug! {
    FileOutcome: |outcome| match outcome {
        FileOutcome::Opened(_) => "a scan",
        FileOutcome::SeriesToChoose { .. } => "series to choose",
        FileOutcome::LabelsOpened { .. } => "labels",
        FileOutcome::Regridded(_) => "another grid",
        FileOutcome::Saved { .. } => "saved",
        FileOutcome::Compared(_) => "label maps to compare",
        FileOutcome::Registered { .. } => "registered",
        FileOutcome::TransformRead { .. } => "a transform",
        FileOutcome::TransformSaved(_) => "transform saved",
        FileOutcome::LabelTableRead(_) => "label table read",
        FileOutcome::LabelTableWritten(..) => "label table written",
        FileOutcome::ChannelRead { .. } => "an image",
        FileOutcome::ModelImported(_) => "a model",
        FileOutcome::LicenceToAccept { .. } => "a licence",
        FileOutcome::ProjectRead(_) => "a project",
        FileOutcome::CasesListed(_) => "cases listed",
        FileOutcome::CaseRead(_) => "a case",
        FileOutcome::CaseSaved(_) => "case saved",
        FileOutcome::LessonCasesRead(..) => "cases to learn from",
        FileOutcome::LessonReportSaved(_) => "report saved",
        FileOutcome::Done => "done",
        FileOutcome::WorkRead(_) => "work read",
        FileOutcome::NotRemembered(_) => "not remembered",
        FileOutcome::Refused(_) => "refused",
        FileOutcome::Cancelled => "cancelled",
    };
}

/// What came of a job that was refused.
pub(super) fn refused(error: IoError) -> FileOutcome {
    match error {
        IoError::Cancelled(_) => FileOutcome::Cancelled,
        other => FileOutcome::Refused(without_options(&other.to_string())),
    }
}

/// Every scan that is opened gets a key of its own, so that no cache takes one for another.
pub(in crate::app::desktop) fn next_key() -> ScanKey {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    ScanKey(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Reads a scan, or tells which series there are to choose from. Frames of a single slice are shown as 2D+time.
pub fn open_scan(path: PathBuf, mut options: OpenOptions, ctx: &JobContext) -> FileOutcome {
    let mut inspected = io::inspect(&path, &options, ctx);
    if let Ok((info, Some(_))) = &inspected
        && options.frame.is_none()
        && options.frames_of_slice.is_none()
        && info.frames.is_some_and(|frames| frames > 1)
        && info.dims.is_some_and(|dims| dims[2] == 1)
    {
        options.frames_of_slice = Some(0);
        inspected = io::inspect(&path, &options, ctx);
    }
    match inspected {
        Err(error) => refused(error),
        Ok((info, None)) => FileOutcome::SeriesToChoose {
            path,
            info: Box::new(info),
        },
        Ok((info, Some(image))) => {
            let source = ScanSource::File {
                path,
                series: options.series,
                frame: options.frame,
                frames_of_slice: options.frames_of_slice,
                modality: options.modality,
            };
            opened(source, image, info)
        }
    }
}

/// Makes the phantom.
pub fn open_sample() -> FileOutcome {
    let image = phantom().image;
    let grid = *image.grid();
    let info = ScanInfo {
        dims: Some(grid.dims),
        frames: Some(1),
        spacing_mm: Some(grid.spacing_mm()),
        affine: Some(grid.affine.to_rows()),
        dtype: Some(image.voxels().dtype().to_owned()),
        modality: Some(image.modality()),
        value_range: image.value_range(),
        ..ScanInfo::default()
    };
    opened(ScanSource::Sample, image, info)
}

/// The open scan as another modality; the voxels stay.
pub fn read_as(
    image: &ImageVolume,
    mut info: ScanInfo,
    source: ScanSource,
    modality: Modality,
) -> FileOutcome {
    info.modality = Some(modality);
    info.modality_guessed = false;
    info.warnings
        .retain(|w| w.choice() != Some(Choice::Modality));
    let source = match source {
        ScanSource::Sample => ScanSource::Sample,
        ScanSource::File {
            path,
            series,
            frame,
            frames_of_slice,
            ..
        } => ScanSource::File {
            path,
            series,
            frame,
            frames_of_slice,
            modality: Some(modality),
        },
    };
    opened(source, image.clone().with_modality(modality), info)
}

fn opened(source: ScanSource, image: ImageVolume, info: ScanInfo) -> FileOutcome {
    FileOutcome::Opened(Box::new(OpenedScan {
        window: default_window(&image),
        image: Arc::new(image),
        info,
        key: next_key(),
        source,
    }))
}

/// A message without those of its parts that name an option of the command line.
pub(super) fn without_options(text: &str) -> String {
    let parts = text.split_inclusive([';', ',', ':']);
    let kept: String = parts.filter(|part| !part.contains("--")).collect();
    let kept = kept.trim().trim_end_matches([';', ',', ':']);
    // A message that is nothing but an option is better than none.
    if kept.is_empty() { text } else { kept }.to_owned()
}

/// Reads a label map of the scan that has this grid and comes from `source`.
pub fn open_labels(
    labels: &LabelSource,
    grid: Grid,
    source: Option<&Provenance>,
    ctx: &JobContext,
) -> FileOutcome {
    let path = labels.path.clone();
    match io::open_label_source(labels, Some(&LabelTarget { grid, source }), ctx) {
        Err(error) => refused(error),
        Ok(mut read) => {
            let measurements = measurements_beside(&path, &mut read.warnings);
            FileOutcome::LabelsOpened {
                labels: Box::new(OpenedLabels {
                    layers: read.layers,
                    table: read.table,
                    measurements,
                    path,
                }),
                details: read.details,
                warnings: read.warnings,
            }
        }
    }
}

/// What is drawn and measured beside a label map; nothing, with a warning, where its file cannot be read.
pub(super) fn measurements_beside(path: &Path, warnings: &mut Vec<Warning>) -> Vec<Measurement> {
    io::open_measurements(path).unwrap_or_else(|error| {
        let reason = error.to_string();
        warnings.push(Warning::MeasurementsNotRead { reason });
        Vec::new()
    })
}

/// Brings scan and labels onto one grid.
pub fn regrid(regridded: Result<Regridded, String>) -> FileOutcome {
    match regridded {
        Ok(regridded) => FileOutcome::Regridded(Box::new(regridded)),
        Err(reason) => FileOutcome::Refused(reason),
    }
}

/// What is saved of a case.
pub struct ToSave {
    /// The labels.
    pub layers: LabelLayers,
    /// Their names.
    pub table: LabelTable,
    /// What is drawn and measured.
    pub measurements: Vec<Measurement>,
    /// The revision of the session that they are.
    pub revision: u64,
    /// The file that the scan was read from.
    pub scan: Option<PathBuf>,
    /// The grid to save them on, where it is not their own.
    pub on: Option<Grid>,
    /// The DICOM images of the scan.
    pub source: Option<Arc<Provenance>>,
    /// What DICOM is to say of the labels beside, by value.
    pub details: BTreeMap<u16, SegmentDetails>,
    /// How many versions from before stay beside the file.
    pub older: usize,
}

/// Saves labels and, beside them, measurements, atomically and read back, with older versions of the labels beside them;
/// never over a file of the scan.
pub fn save_labels(path: PathBuf, save: &ToSave) -> FileOutcome {
    let inputs: Vec<&Path> = save.scan.as_deref().into_iter().collect();
    let (revision, older, table) = (save.revision, save.older, &save.table);
    let resampled = save.on.map(|grid| save.layers.resampled(&grid));
    let layers = resampled.as_ref().unwrap_or(&save.layers);
    let export = Export {
        source: save.source.as_deref(),
        details: &save.details,
        author: None,
        approval: None,
        object: DicomObject::Seg,
        space: Space::default(),
    };
    let saved = io::check_keeps(&path, &inputs).and_then(|()| {
        io::keeping_older(&path, older, || {
            io::export_labels(&path, layers, table, &export)
        })
    });
    let saved = saved.and_then(|warnings| {
        io::save_measurements(&path, &save.measurements)?;
        Ok(warnings)
    });
    match saved {
        Err(error) => refused(error),
        Ok(warnings) => FileOutcome::Saved {
            path,
            revision,
            is_whole: resampled.is_none(),
            warnings,
        },
    }
}

/// Reads names and colours of labels.
pub fn read_label_table(path: PathBuf) -> FileOutcome {
    match io::read_label_table(&path) {
        Err(error) => refused(error),
        Ok(entries) => FileOutcome::LabelTableRead(entries),
    }
}

/// Writes names and colours of labels.
pub fn write_label_table(path: PathBuf, table: &LabelTable) -> FileOutcome {
    match io::write_label_table(&path, table) {
        Err(error) => refused(error),
        Ok(told) => FileOutcome::LabelTableWritten(path, told),
    }
}

/// The name to suggest for the labels of a scan: `ct.nii.gz` gives `ct_labels.nii.gz`, or `ct_labels.seg.nrrd` where they
/// lie in several layers.
pub fn suggested_name(case: &Case) -> String {
    let name = match case.source() {
        ScanSource::Sample => "phantom".to_owned(),
        ScanSource::File { .. } => case.source().title(),
    };
    const ENDINGS: [&str; 10] = [
        ".nii.gz", ".nii", ".hdr", ".img", ".dcm", ".ima", ".nrrd", ".nhdr", ".mha", ".mhd",
    ];
    let stem = ENDINGS
        .into_iter()
        .find_map(|ending| {
            let at = name.len().checked_sub(ending.len())?;
            let (stem, end) = name.split_at_checked(at)?;
            end.eq_ignore_ascii_case(ending).then_some(stem)
        })
        .unwrap_or(&name);
    let ending = match case.table().layers().len() {
        1 => "nii.gz",
        _ => "seg.nrrd",
    };
    format!("{stem}_labels.{ending}")
}

/// A name without an ending gets the usual one.
pub fn with_extension(path: PathBuf) -> PathBuf {
    match (path.extension(), path.file_name()) {
        (None, Some(name)) => {
            let mut name = name.to_owned();
            name.push(".nii.gz");
            path.with_file_name(name)
        }
        _ => path,
    }
}
