//! What a file is, by its content.

use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use walkdir::WalkDir;

use super::dicom::{self, head_of_gzip, is_dicom};
use super::format::{FORMATS, Format};
use super::{IoError, nifti, pictures};

/// Bytes looked at: more than any header that tells formats apart.
pub(super) const HEAD_BYTES: u64 = 4096;

/// Looks at the first bytes of a file; a folder is taken for DICOM unless it holds pictures instead.
///
/// # Errors
/// A path that cannot be read, and content that is no scan, with what it is instead.
pub(super) fn sniff(path: &Path) -> Result<&'static Format, IoError> {
    let metadata = fs::metadata(path).map_err(|e| IoError::unreadable(path, e))?;
    if metadata.is_dir() {
        return sniff_folder(path);
    }
    let head = head_of(path)?;
    let known = FORMATS.iter().find(|f| (f.recognises)(path, &head));
    if let Some(format) = known {
        return Ok(format);
    }
    if head.starts_with(&GZIP_MAGIC) {
        return sniff_gzip(path);
    }
    Err(IoError::not_a_scan(path, describe(&head)))
}

/// Looks for pictures in a folder; where there is DICOM at any depth, they are previews of it and not frames.
fn sniff_folder(folder: &Path) -> Result<&'static Format, IoError> {
    fs::read_dir(folder).map_err(|e| IoError::unreadable(folder, e))?;
    let mut format = &dicom::FORMAT;
    let files = WalkDir::new(folder).follow_links(true).into_iter();
    for file in files.flatten().filter(|e| e.file_type().is_file()) {
        // What cannot be read is named by whoever reads the folder.
        let head = head_of(file.path()).unwrap_or_default();
        if is_dicom(&head) || is_gzipped_dicom(file.path(), &head) {
            return Ok(&dicom::FORMAT);
        }
        if file.depth() == 1 && is_picture(&head) {
            format = &pictures::FORMAT;
        }
    }
    Ok(format)
}

/// Whether these first bytes are a PNG's or a JPEG's.
pub(super) fn is_picture(head: &[u8]) -> bool {
    matches!(head, [0x89, b'P', b'N', b'G', ..] | [0xff, 0xd8, 0xff, ..])
}

/// The first two bytes of every gzip member.
pub(super) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

pub(super) fn head_of(path: &Path) -> Result<Vec<u8>, IoError> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|f| f.take(HEAD_BYTES).read_to_end(&mut head))
        .map_err(|e| IoError::unreadable(path, e))?;
    Ok(head)
}

/// Whether a file is gzip with DICOM in it.
pub(super) fn is_gzipped_dicom_file(path: &Path) -> bool {
    is_gzipped_dicom(path, &head_of(path).unwrap_or_default())
}

/// Whether a file whose first bytes are `head` is gzip with DICOM in it.
fn is_gzipped_dicom(path: &Path, head: &[u8]) -> bool {
    head.starts_with(&GZIP_MAGIC) && is_dicom(&head_of_gzip(path, HEAD_BYTES))
}

fn sniff_gzip(path: &Path) -> Result<&'static Format, IoError> {
    let file = File::open(path).map_err(|e| IoError::unreadable(path, e))?;
    let mut head = Vec::new();
    let unpacked = flate2::bufread::GzDecoder::new(BufReader::new(file))
        .take(HEAD_BYTES)
        .read_to_end(&mut head);
    // What was unpacked before an error still tells what the file is; its reader names the damage.
    if nifti::looks_like_header(&head) {
        return Ok(&nifti::FORMAT);
    }
    match unpacked {
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => Err(IoError::damaged(
            path,
            "the gzip data ends early; copy or download the file again",
        )),
        Err(e) => Err(IoError::damaged(
            path,
            format!("the gzip data cannot be unpacked ({e}); copy or download the file again"),
        )),
        Ok(_) if is_dicom(&head) => Err(IoError::unsupported(
            path,
            "it is a gzipped DICOM file; unpack it first, or give the folder of the series",
        )),
        Ok(_) => Err(IoError::not_a_scan(
            path,
            format!("inside the gzip {}", describe(&head)),
        )),
    }
}

/// What a file is that no reader takes, and what to give instead.
fn describe(head: &[u8]) -> String {
    let kind = match head {
        [] => return "the file is empty (0 bytes); copy or download it again".into(),
        _ if is_picture(head) => {
            return "it is a picture; give the folder of pictures that are the frames of a sequence"
                .into();
        }
        [b'%', b'P', b'D', b'F', ..] => "it is a PDF document",
        _ if is_text(head) => "it is a text file",
        _ => "its first bytes are those of no scan format that is read",
    };
    format!("{kind}; give a NIfTI, NRRD or MetaImage file, a DICOM file or a DICOM folder")
}

fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The head may end inside a character.
        Err(e) if e.error_len().is_none() => {
            std::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    text.chars().all(|c| !c.is_control() || c.is_whitespace())
}
