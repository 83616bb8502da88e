//! NIfTI-1 and NIfTI-2: scans and label maps, in and out.
//!
//! Reading is ours because the `nifti` crate can shift data silently (a gap before the voxels, several
//! gzip members) and lacks NIfTI-2; its header type decodes NIfTI-1 headers, its extension type pads
//! extensions, and its reader is an oracle in the tests.

mod anonymise;
mod caret;
mod file;
mod gzip;
mod header;
mod labels;
mod modality;
mod placement;
mod source;
mod volume;
mod write;

use std::path::Path;

use super::IoError;
use super::format::{Format, Save};
use crate::volume::{ImageVolume, LabelMap, LabelTable, Mask};

pub(super) use file::looks_like_header;
pub(super) use modality::guess as guess_modality;

/// NIfTI, plain or gzipped, or one file of an .hdr/.img pair.
pub(super) static FORMAT: Format = Format {
    name: "NIfTI",
    endings: &[".nii", ".nii.gz"],
    recognises: |path, head| looks_like_header(head) || file::header_beside_image(path).is_some(),
    inspect: volume::inspect,
    open_labels: Some(labels::open_labels),
    other_file: file::other_of_pair,
    save: Some(&Nifti),
    says_sides: true,
    anonymise: Some(anonymise::anonymise),
    ..Format::NONE
};

/// Whether a file holds the voxels of a header file beside it.
pub(super) fn is_voxels_of_pair(path: &Path) -> bool {
    file::header_beside_image(path).is_some()
}

struct Nifti;

impl Save for Nifti {
    fn labels(&self, path: &Path, labels: &LabelMap, table: &LabelTable) -> Result<(), IoError> {
        write::save_labels(path, labels, table)
    }

    fn mask(&self, path: &Path, mask: &Mask) -> Result<(), IoError> {
        write::save_mask(path, mask)
    }

    fn image(&self, path: &Path, image: &ImageVolume) -> Result<(), IoError> {
        write::save_image(path, image)
    }
}
