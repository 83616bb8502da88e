//! NIfTI-1 and NIfTI-2: scans and label maps, in and out.
//!
//! Reading is ours because the `nifti` crate can shift data silently (a gap before the voxels, several
//! gzip members) and lacks NIfTI-2; its header type decodes NIfTI-1 headers, its extension type pads
//! extensions, and its reader is an oracle in the tests.

mod caret;
mod file;
mod gzip;
mod header;
mod labels;
mod modality;
mod placement;
mod source;
mod stored_type;
mod volume;
mod write;

pub(super) use file::{header_beside_image, looks_like_header, other_of_pair};
pub(super) use labels::open_labels;
pub(super) use modality::guess as guess_modality;
pub(super) use volume::inspect;
pub(super) use write::{save_image, save_labels, save_mask};
