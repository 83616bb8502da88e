//! Pixels, byte for byte.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Read, Write};

use dicom_core::VR;
use dicom_dictionary_std::uids;
use sha2::{Digest, Sha256};

use super::super::header::Instance;
use super::super::source::{check_encapsulation, check_length, check_unpacking};
use super::super::syntax::Encoding;
use super::super::walk::PixelElement;
use super::encode::Encoder;
use crate::io::IoError;
use crate::io::anonymise::Failure;

const SEQUENCE_END: [u8; 4] = [0xFE, 0xFF, 0xDD, 0xE0];
const ITEM: [u8; 4] = [0xFE, 0xFF, 0x00, 0xE0];

/// Whether the pixels are all there, as far as lengths tell.
///
/// # Errors
/// They are not.
pub(super) fn check(instance: &Instance) -> Result<(), IoError> {
    check_encapsulation(instance)
        .and_then(|()| check_length(instance))
        .and_then(|()| check_unpacking(instance, instance.stream_bytes))
        .map_err(|refusal| refusal.at(&instance.path))
}

/// The transfer syntax of what is written: that of the bytes, which need not be the declared one.
pub(super) fn syntax(instance: &Instance) -> String {
    let is_fragmented = instance.pixels.is_some_and(|p| p.length.is_none());
    if is_fragmented && !instance.syntax.uid.is_empty() {
        return instance.syntax.uid.clone();
    }
    let Encoding {
        explicit,
        big_endian,
    } = instance.encoding;
    let uid = match (explicit, big_endian) {
        (false, _) => uids::IMPLICIT_VR_LITTLE_ENDIAN,
        (true, false) => uids::EXPLICIT_VR_LITTLE_ENDIAN,
        (true, true) => EXPLICIT_BIG,
    };
    uid.to_owned()
}

const EXPLICIT_BIG: &str = "1.2.840.10008.1.2.2";

/// Writes what comes before the pixels, and copies them; gives their digest.
///
/// # Errors
/// The source breaks off, or the file cannot be written.
pub(super) fn write_file(
    instance: &Instance,
    before: &[&[u8]],
    file: &mut File,
) -> Result<Vec<u8>, Failure> {
    let mut out = BufWriter::new(file);
    for bytes in before {
        out.write_all(bytes)?;
    }
    let digest = match instance.pixels {
        Some(pixels) => {
            let mut head = Encoder::new(instance.encoding);
            let vr = VR::from_binary(pixels.vr).unwrap_or(VR::OW);
            let length = pixels.length.map_or(u32::MAX, |n| n as u32);
            head.head(dicom_core::Tag(pixels.tag.0, pixels.tag.1), vr, length);
            out.write_all(&head.finish())?;
            copy(instance, &pixels, &mut out)?
        }
        None => Vec::new(),
    };
    out.flush()?;
    Ok(digest)
}

/// The digest of the pixels of a file.
///
/// # Errors
/// It breaks off.
pub(super) fn digest(instance: &Instance) -> Result<Vec<u8>, IoError> {
    let Some(pixels) = instance.pixels else {
        return Ok(Vec::new());
    };
    match copy(instance, &pixels, &mut io::sink()) {
        Ok(digest) => Ok(digest),
        Err(Failure::Source(error)) => Err(error),
        Err(Failure::Target(error)) => Err(IoError::unreadable(&instance.path, error)),
    }
}

/// Copies the value of a pixel element, delimiter included.
fn copy(
    instance: &Instance,
    pixels: &PixelElement,
    out: &mut impl Write,
) -> Result<Vec<u8>, Failure> {
    let failed = |e: io::Error| -> Failure {
        let path = &instance.path;
        Failure::Source(match e.kind() {
            ErrorKind::UnexpectedEof => IoError::damaged(
                path,
                "its pixels break off; copy the file again from its source",
            ),
            _ => IoError::unreadable(path, e),
        })
    };
    let mut copier = Copier {
        from: instance.stream.read_from(pixels.offset).map_err(failed)?,
        digest: Sha256::new(),
        out,
    };
    if let Some(length) = pixels.length {
        copier.bytes(length, &failed)?;
        return Ok(copier.digest.finalize().to_vec());
    }
    let mut left = instance.stream_bytes.saturating_sub(pixels.offset);
    loop {
        let mut item = [0; 8];
        copier.from.read_exact(&mut item).map_err(failed)?;
        copier.put(&item)?;
        let [a, b, c, d, length @ ..] = item;
        let length = u64::from(u32::from_le_bytes(length));
        left = left.saturating_sub(8);
        match [a, b, c, d] {
            SEQUENCE_END => return Ok(copier.digest.finalize().to_vec()),
            ITEM if length <= left => copier.bytes(length, &failed)?,
            _ => return Err(failed(ErrorKind::UnexpectedEof.into())),
        }
        left -= length;
    }
}

struct Copier<'a, W> {
    from: Box<dyn Read>,
    digest: Sha256,
    out: &'a mut W,
}

impl<W: Write> Copier<'_, W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.out.write_all(bytes)
    }

    fn bytes(
        &mut self,
        length: u64,
        failed: &impl Fn(io::Error) -> Failure,
    ) -> Result<(), Failure> {
        let mut piece = vec![0; (1 << 20).min(length as usize)];
        let mut left = length;
        while left > 0 {
            let wanted = piece.len().min(left as usize);
            let piece = &mut piece[..wanted];
            self.from.read_exact(piece).map_err(failed)?;
            self.put(piece)?;
            left -= wanted as u64;
        }
        Ok(())
    }
}
