//! NIfTI without what tells the patient: texts of the header and extensions go, voxels stay byte for byte.

use std::io::{BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::file::{NiftiFile, header_beside_image};
use super::header::Version;
use super::source::Source;
use crate::io::IoError;
use crate::io::anonymise::{Doubt, Failure, Ledger, Target, replace_from};
use crate::util::JobContext;

/// Texts and unused fields: name, first byte, bytes.
const FIELDS_1: &[(&str, usize, usize)] = &[
    ("data_type", 4, 10),
    ("db_name", 14, 18),
    ("extents", 32, 4),
    ("session_error", 36, 2),
    ("descrip", 148, 80),
    ("aux_file", 228, 24),
    ("intent_name", 328, 16),
];
const FIELDS_2: &[(&str, usize, usize)] = &[
    ("descrip", 240, 80),
    ("aux_file", 320, 24),
    ("intent_name", 508, 16),
    ("unused_str", 525, 15),
];

/// Writes a NIfTI file, of a pair one single file, without identity.
///
/// # Errors
/// A file that cannot be read to its end, a target that cannot be written or whose name does not end as NIfTI.
pub(super) fn anonymise(
    path: &Path,
    target: &Target,
    ledger: &mut Ledger,
) -> Result<Option<Doubt>, IoError> {
    if let Target::File(target) = target {
        check_ending(target)?;
    }
    let mut file = NiftiFile::open(path)?;
    let head = clean_header(path, &file, ledger)?;
    let place = target.place(ledger, &[], "nii.gz")?;
    let name = place.as_os_str().to_string_lossy().to_ascii_lowercase();
    let is_gzipped = name.ends_with(".gz");
    replace_from(
        &place,
        |to| {
            let mut out = BufWriter::new(to);
            if !is_gzipped {
                return contents(&head, &mut file, &mut out);
            }
            let mut packed = GzEncoder::new(&mut out, Compression::fast());
            let digest = contents(&head, &mut file, &mut packed)?;
            packed.finish()?.flush()?;
            Ok(digest)
        },
        |written, copied| verify(written, &head, copied),
    )?;
    Ok(None)
}

fn check_ending(target: &Path) -> Result<(), IoError> {
    let name = target.as_os_str().to_string_lossy().to_ascii_lowercase();
    match name.ends_with(".nii") || name.ends_with(".nii.gz") {
        true => Ok(()),
        false => Err(IoError::output(
            target,
            "it is NIfTI: give a name that ends in .nii or .nii.gz",
        )),
    }
}

/// The header and its four bytes that say that there are no extensions.
fn clean_header(path: &Path, file: &NiftiFile, ledger: &mut Ledger) -> Result<Vec<u8>, IoError> {
    let mut source = Source::open(path)?;
    let mut head = source.read_head()?;
    if let (None, Some(header)) = (Version::of(&head), header_beside_image(path)) {
        head = Source::open(&header)?.read_head()?;
    }
    let (version, swapped) = (file.header.version, file.header.swapped);
    if head.len() < version.header_bytes() {
        return Err(IoError::damaged(path, "the file ends inside its header"));
    }
    let fields = match version {
        Version::One => FIELDS_1,
        Version::Two => FIELDS_2,
    };
    for &(name, at, length) in fields {
        let field = &mut head[at..at + length];
        if field.iter().any(|&b| b != 0) {
            field.fill(0);
            ledger.change(name, name, "Z");
        }
    }
    let start = version.header_bytes() + 4;
    for (code, _) in &file.extensions {
        ledger.change("extension", &format!("extension of code {code}"), "X");
    }
    if !file.extensions.is_empty() {
        ledger.doubt(Doubt::Extensions);
    }
    match version {
        Version::One => {
            put(&mut head[108..112], (start as f32).to_ne_bytes(), swapped);
            head[344..348].copy_from_slice(b"n+1\0");
        }
        Version::Two => {
            put(&mut head[168..176], (start as i64).to_ne_bytes(), swapped);
            head[4..8].copy_from_slice(b"n+2\0");
        }
    }
    head.extend([0; 4]);
    Ok(head)
}

fn put<const N: usize>(field: &mut [u8], mut value: [u8; N], swapped: bool) {
    if swapped {
        value.reverse();
    }
    field.copy_from_slice(&value);
}

fn contents(head: &[u8], file: &mut NiftiFile, out: &mut impl Write) -> Result<Vec<u8>, Failure> {
    out.write_all(head)?;
    let digest = file.copy_voxels(out, &JobContext::silent())?;
    out.flush()?;
    Ok(digest)
}

/// The header that was meant, no extension, and the same voxels.
fn verify(written: &Path, head: &[u8], copied: &[u8]) -> Result<(), String> {
    let mut source = Source::open(written).map_err(|e| e.to_string())?;
    let read = source.read_head().map_err(|e| e.to_string())?;
    if read != head[..head.len() - 4] {
        return Err("the header differs".into());
    }
    let mut file = NiftiFile::open(written).map_err(|e| e.to_string())?;
    if !file.extensions.is_empty() {
        return Err("an extension is left".into());
    }
    let read = file.copy_voxels(&mut std::io::sink(), &JobContext::silent());
    match read {
        Ok(digest) if digest == copied => Ok(()),
        Ok(_) => Err("a voxel differs".into()),
        Err(Failure::Source(error)) => Err(error.to_string()),
        Err(Failure::Target(error)) => Err(error.to_string()),
    }
}
