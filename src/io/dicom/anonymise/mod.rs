//! DICOM objects without identity: the basic profile of PS3.15 Annex E.
//!
//! The header is written anew from its tree (`rules.rs` decides about each attribute, `profile.rs` is the standard's
//! table, `encode.rs` lays elements out), in the encoding that it had; pixels are copied byte for byte (`pixels.rs`).

mod dates;
mod encode;
mod pixels;
mod profile;
mod rules;

use std::path::Path;

use dicom_dictionary_std::{tags, uids};

use super::attributes::Attributes;
use super::derived::{IMPLEMENTATION_NAME, IMPLEMENTATION_UID};
use super::header::{self, Found, Instance, with_attributes};
use super::kind::Kind;
use super::syntax::Encoding;
use crate::io::IoError;
use crate::io::anonymise::{Doubt, Ledger, Target, replace_from};
use encode::Encoder;
use rules::{Rewriter, holds_identifier, identifiers};

/// Kinds of objects whose content is text, drawing or sound, which no table cleans.
const UNCLEANABLE: &[&str] = &["SR", "DOC", "PR", "KO", "waveform", "raw data", "AU", "ECG"];

/// Writes an object without identity; gives why not where it is left out.
///
/// # Errors
/// An object that cannot be read, and a target that cannot be written.
pub(in crate::io) fn anonymise(
    path: &Path,
    target: &Target,
    ledger: &mut Ledger,
) -> Result<Option<Doubt>, IoError> {
    let Some(instance) = read(path)? else {
        return Ok(Some(Doubt::Foreign));
    };
    let kind = Kind::of(&instance);
    match &kind {
        Kind::Index => return Ok(Some(Doubt::Index)),
        Kind::Other(kind) if UNCLEANABLE.contains(&kind.as_str()) => {
            return Ok(Some(Doubt::Document));
        }
        _ => {}
    }
    if instance.cut_short {
        return Err(IoError::damaged(
            path,
            "the DICOM header breaks off or makes no sense; copy the file again from its source",
        ));
    }
    if kind == Kind::Image {
        pixels::check(&instance)?;
    }
    let (header, found) = with_attributes(&instance.stream, |root| {
        let found = identifiers(root.0);
        tell_of_pixels(root, ledger);
        let mut rewriter = Rewriter::new(&found, ledger, instance.encoding);
        (rewriter.header(root.0), found)
    })?;
    let meta = file_meta(&instance, ledger);
    let place = target.place(ledger, &[&instance.study, &instance.series], "dcm")?;
    replace_from(
        &place,
        |file| pixels::write_file(&instance, &[meta.as_slice(), header.as_slice()], file),
        |written, copied| verify(written, &instance, &found, copied),
    )?;
    Ok(None)
}

/// The header of a DICOM object, gzipped or not; `None` of another file.
fn read(path: &Path) -> Result<Option<Instance>, IoError> {
    Ok(match header::read(path)? {
        Found::Object(instance) => Some(*instance),
        Found::Gzipped => Some(header::read_object(path, true)?),
        Found::Foreign => None,
    })
}

/// What of the pixels and their use the table does not reach.
fn tell_of_pixels(root: Attributes, ledger: &mut Ledger) {
    let text = |tag| root.text(tag).unwrap_or_default();
    let class = text(tags::SOP_CLASS_UID);
    let modality = text(tags::MODALITY);
    match text(tags::BURNED_IN_ANNOTATION).as_str() {
        "YES" => ledger.doubt(Doubt::BurnedIn),
        "NO" => {}
        _ => {
            let is_capture = class.starts_with(uids::SECONDARY_CAPTURE_IMAGE_STORAGE)
                || root.has(tags::CONVERSION_TYPE)
                || matches!(
                    modality.as_str(),
                    "US" | "IVUS" | "SC" | "OT" | "ES" | "XC" | "GM" | "SM" | "OP"
                );
            if is_capture {
                ledger.doubt(Doubt::MayBeBurnedIn);
            }
        }
    }
    if modality == "PT" {
        ledger.doubt(Doubt::UptakeLost);
    }
}

/// Preamble of zeros, magic bytes, and a file meta group that says nothing but what the object is.
fn file_meta(instance: &Instance, ledger: &mut Ledger) -> Vec<u8> {
    let mut group = Encoder::new(Encoding::EXPLICIT_LITTLE);
    let uid = ledger.uid(&instance.sop_instance);
    let syntax = pixels::syntax(instance);
    group.binary(0x0002_0001, "OB", &[0, 1]);
    group.text(0x0002_0002, "UI", &instance.sop_class);
    group.text(0x0002_0003, "UI", &uid);
    group.text(0x0002_0010, "UI", &syntax);
    group.text(0x0002_0012, "UI", IMPLEMENTATION_UID);
    group.text(0x0002_0013, "SH", IMPLEMENTATION_NAME);
    let group = group.finish();
    let mut length = Encoder::new(Encoding::EXPLICIT_LITTLE);
    length.binary(0x0002_0000, "UL", &(group.len() as u32).to_le_bytes());
    [vec![0; 128], b"DICM".to_vec(), length.finish(), group].concat()
}

/// Reads what was written and compares: the same image at the same place, the same pixel bytes, and no text in which
/// what identified the patient still stands.
fn verify(
    written: &Path,
    source: &Instance,
    found: &[Vec<u8>],
    copied: &[u8],
) -> Result<(), String> {
    let Found::Object(read) = header::read(written).map_err(|e| e.to_string())? else {
        return Err("it is not DICOM any more".into());
    };
    let placements = |i: &Instance| -> Option<Vec<_>> {
        let frames = i.frames.as_ref().ok()?.iter();
        let of = |f: &super::frame::Frame| (f.placement.clone().ok(), f.rescale.clone().ok());
        Some(frames.map(of).collect())
    };
    if read.cut_short || read.sop_class != source.sop_class {
        return Err("its header differs".into());
    }
    if read.format.as_ref().ok() != source.format.as_ref().ok()
        || placements(&read) != placements(source)
    {
        return Err("the geometry differs".into());
    }
    if pixels::digest(&read).map_err(|e| e.to_string())? != copied {
        return Err("a pixel differs".into());
    }
    let is_left = with_attributes(&read.stream, |root| holds_identifier(root.0, found));
    match is_left.map_err(|e| e.to_string())? {
        true => Err("a text still identifies the patient".into()),
        false => Ok(()),
    }
}
