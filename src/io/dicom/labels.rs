//! The door of DICOM's label objects: segmentations and structure sets, of a file or a folder.

use std::path::Path;
use std::sync::Arc;

use dicom_dictionary_std::uids;

use super::header::{Found, Instance, read as read_header};
use super::kind::Kind;
use super::scan::read_folder;
use super::{rtstruct, seg};
use crate::io::format::Save;
use crate::io::layering::all_named;
use crate::io::{DicomObject, Export, IoError, LabelTarget, Labels, Warning};
use crate::util::JobContext;
use crate::volume::{ImageVolume, LabelLayers, LabelMap, LabelTable};

/// Label maps as DICOM objects.
pub(super) struct DicomLabels;

impl Save for DicomLabels {
    fn labels(&self, path: &Path, _: &LabelMap, _: &LabelTable) -> Result<(), IoError> {
        Err(IoError::output(path, NEEDS_SERIES))
    }

    fn image(&self, path: &Path, _: &ImageVolume) -> Result<(), IoError> {
        let reason = "scans are not written as DICOM; give a name that ends as .nii.gz";
        Err(IoError::output(path, reason))
    }

    fn needs_series(&self) -> bool {
        true
    }

    fn export(
        &self,
        path: &Path,
        layers: &LabelLayers,
        table: &LabelTable,
        export: &Export,
    ) -> Result<Vec<Warning>, IoError> {
        let source = export.source;
        let source = source.ok_or_else(|| IoError::output(path, NEEDS_SERIES))?;
        if source.study_uid.is_empty() || source.frame_of_reference_uid.is_empty() {
            let reason = "the series names no study or no frame of reference, which DICOM needs; save the labels as .nii.gz instead";
            return Err(IoError::output(path, reason));
        }
        // What has no name would not be in the object at all.
        let table = all_named(table.clone(), layers);
        let details = export.details;
        match export.object {
            DicomObject::RtStruct => {
                let written = rtstruct::Written {
                    layers,
                    table: &table,
                    source,
                    author: export.author,
                    approval: export.approval,
                };
                rtstruct::write(path, &written).map(|()| Vec::new())
            }
            DicomObject::Seg => {
                let written = seg::Written {
                    layers,
                    table: &table,
                    details,
                    source,
                    author: export.author,
                    is_label_map: false,
                };
                seg::write(path, &written)
            }
            DicomObject::LabelMap => {
                let (flat, voxels) = layers.flattened();
                let written = seg::Written {
                    layers: &Arc::unwrap_or_clone(flat).into(),
                    table: &table.flattened(),
                    details,
                    source,
                    author: export.author,
                    is_label_map: true,
                };
                let mut told = seg::write(path, &written)?;
                told.extend((voxels > 0).then_some(Warning::LayersFlattened { voxels }));
                Ok(told)
            }
        }
    }
}

const NEEDS_SERIES: &str = "a DICOM object refers to the DICOM series that the labels were drawn on, and there is none: \
     give the series as the scan, or a name that ends as .nii.gz";

/// Kinds of label objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LabelKind {
    Segmentation,
    StructureSet,
}

/// Reads the labels of a file, or of a folder: the object of this SOPInstanceUID, else the only one, else the only one
/// of the target's series.
///
/// # Errors
/// There are none, or several, or they cannot be read.
pub(in crate::io) fn open(
    path: &Path,
    object: Option<&str>,
    target: Option<&LabelTarget>,
    ctx: &JobContext,
) -> Result<Labels, IoError> {
    let instance = match path.is_dir() {
        true => only_one(path, object, target, ctx)?,
        false => match read_header(path)? {
            Found::Object(instance) => *instance,
            _ => return Err(IoError::not_labels(path, "it is not DICOM")),
        },
    };
    match kind_of(&instance) {
        Ok(LabelKind::Segmentation) => seg::read(instance, target, ctx),
        Ok(LabelKind::StructureSet) => rtstruct::read(&instance, target, ctx),
        Err(reason) => Err(IoError::not_labels(path, reason)),
    }
}

fn only_one(
    folder: &Path,
    object: Option<&str>,
    target: Option<&LabelTarget>,
    ctx: &JobContext,
) -> Result<Instance, IoError> {
    let mut found = read_folder(folder, ctx)?.instances;
    found.retain(|i| kind_of(i).is_ok() && object.is_none_or(|uid| i.sop_instance == uid));
    let series = target.and_then(|t| t.source).map(|s| s.series_uid.as_str());
    if let (2.., Some(series)) = (found.len(), series) {
        let is_of = |i: &Instance| i.labels.as_ref().is_some_and(|l| l.refers_to(series));
        let of_series = found.iter().filter(|i| is_of(i)).count();
        if of_series > 0 {
            found.retain(is_of);
        }
    }
    let names = found.iter().map(|i| i.path.file_name().unwrap_or_default());
    let names: Vec<_> = names
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let refused = |reason: String| Err(IoError::not_labels(folder, reason));
    match found.pop() {
        Some(only) if found.is_empty() => Ok(only),
        Some(_) => refused(format!(
            "it holds several DICOM segmentations or structure sets; give the file of one: {}",
            names.join(", ")
        )),
        None => refused(
            "it holds no DICOM segmentation or structure set; give the file of one".to_owned(),
        ),
    }
}

/// Which labels an object holds, or what it is instead.
fn kind_of(instance: &Instance) -> Result<LabelKind, String> {
    match instance.sop_class.as_str() {
        uids::SEGMENTATION_STORAGE | uids::LABEL_MAP_SEGMENTATION_STORAGE => {
            Ok(LabelKind::Segmentation)
        }
        uids::RT_STRUCTURE_SET_STORAGE => Ok(LabelKind::StructureSet),
        _ => Err(match Kind::of(instance) {
            Kind::Image => "it is an image, not a segmentation".to_owned(),
            Kind::Other(kind) => format!("it is {kind}, which is not read as labels"),
            Kind::Index => "it is a DICOMDIR, a list of other files".to_owned(),
        }),
    }
}
