//! C-GET: the archive sends the images of a series back over the association on which they were asked for.

use std::collections::BTreeSet;
use std::io::{BufWriter, Write};

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::FileMetaTableBuilder;

use super::NATIVE;
use super::command::{Command, field, status};
use super::find::{encoded, identifier};
use super::link::{Context, Dialer, Link, MOST_CONTEXTS};
use crate::network::NetworkError;
use crate::network::inbox::Inbox;
use crate::network::meta::PREAMBLE;
use crate::network::query::Level;
use crate::util::Cancelled;

const CLASS: &str = uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_GET;

/// Compressed images that are taken as they are stored.
const COMPRESSED: &[&str] = &[
    uids::JPEG_LOSSLESS_SV1,
    uids::JPEG_LOSSLESS,
    uids::JPEGLS_LOSSLESS,
    uids::JPEGLS_NEAR_LOSSLESS,
    uids::JPEG2000_LOSSLESS,
    uids::JPEG2000,
    uids::RLE_LOSSLESS,
    uids::JPEG_BASELINE8_BIT,
    uids::JPEG_EXTENDED12_BIT,
];

/// What series are made of, for archives that do not say.
const USUAL: &[&str] = &[
    uids::CT_IMAGE_STORAGE,
    uids::ENHANCED_CT_IMAGE_STORAGE,
    uids::MR_IMAGE_STORAGE,
    uids::ENHANCED_MR_IMAGE_STORAGE,
    uids::POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE,
    uids::ENHANCED_PET_IMAGE_STORAGE,
    uids::SECONDARY_CAPTURE_IMAGE_STORAGE,
    uids::ULTRASOUND_MULTI_FRAME_IMAGE_STORAGE,
    uids::X_RAY3_D_ANGIOGRAPHIC_IMAGE_STORAGE,
    uids::SEGMENTATION_STORAGE,
    uids::RT_STRUCTURE_SET_STORAGE,
];

/// Images that are named one by one rather than by their series; more would not fit into a question everywhere.
const MOST_NAMED: usize = 256;

/// Has the images that the inbox waits for sent.
pub(super) fn get(
    dialer: &Dialer,
    study: &str,
    series: &str,
    inbox: &mut Inbox,
) -> Result<(), NetworkError> {
    let classes = classes(inbox);
    let mut contexts = vec![Context::new(CLASS, &NATIVE)];
    contexts.extend(classes.iter().map(|class| Context::new(class, &NATIVE)));
    // Compressed syntaxes have contexts of their own: of several in one the archive would choose one for all images.
    for syntax in COMPRESSED {
        contexts.extend(classes.iter().map(|class| Context::new(class, &[syntax])));
    }
    contexts.truncate(MOST_CONTEXTS);
    let kept: Vec<&str> = classes.iter().map(String::as_str).collect();
    let mut link = dialer.open(&contexts, &kept)?;
    let context = link.context_of(CLASS).map(|(id, _)| id);
    let context = context.ok_or_else(|| dialer.does_not_offer(CLASS))?;

    // One request for the series, or where part of it is there already, for those that are missing.
    if inbox.missing().len() == inbox.total() {
        ask(&mut link, context, study, series, &[], inbox)?;
    } else {
        let missing: Vec<String> = inbox.missing().keys().cloned().collect();
        for some in missing.chunks(MOST_NAMED) {
            ask(&mut link, context, study, series, some, inbox)?;
        }
    }
    link.release();
    Ok(())
}

fn classes(inbox: &Inbox) -> BTreeSet<String> {
    let named = inbox.missing().values().filter(|class| !class.is_empty());
    let named: BTreeSet<String> = named.cloned().collect();
    match named.is_empty() {
        true => USUAL.iter().map(|&class| class.to_owned()).collect(),
        false => named,
    }
}

/// Asks for a series, or for some of its images.
fn ask(
    link: &mut Link,
    context: u8,
    study: &str,
    series: &str,
    images: &[String],
    inbox: &mut Inbox,
) -> Result<(), NetworkError> {
    let level = match images.is_empty() {
        true => Level::Series,
        false => Level::Image,
    };
    let above = [
        (tags::STUDY_INSTANCE_UID, study),
        (tags::SERIES_INSTANCE_UID, series),
    ];
    let mut identifier = identifier(level, &above);
    if !images.is_empty() {
        let uids = PrimitiveValue::from(images.join("\\"));
        identifier.put(DataElement::new(tags::SOP_INSTANCE_UID, VR::UI, uids));
    }
    let bytes = encoded(link, context, &identifier)?;
    link.ask(
        context,
        Command::request(field::GET, CLASS),
        Some(&mut bytes.as_slice()),
    )?;
    loop {
        let (context, command) = link.command()?;
        if command.field() == field::STORE {
            take(link, context, &command, inbox)?;
            continue;
        }
        if command.has_data() {
            // Which images failed; that is seen from those that are missing.
            link.data(|_| Ok(()))?;
        }
        if command.is_pending() {
            continue;
        }
        if command.number(tags::STATUS) == status::CANCELLED {
            return Err(Cancelled.into());
        }
        command.success("C-GET")?;
        return Ok(());
    }
}

/// Takes an image.
fn take(
    link: &mut Link,
    context: u8,
    command: &Command,
    inbox: &mut Inbox,
) -> Result<(), NetworkError> {
    let uid = command.text(tags::AFFECTED_SOP_INSTANCE_UID);
    if !inbox.wants(&uid) {
        // Twice, or never asked for.
        link.data(|_| Ok(()))?;
    } else {
        let class = command.text(tags::AFFECTED_SOP_CLASS_UID);
        let syntax = link.syntax_of(context).unwrap_or_default().to_owned();
        let kept = inbox.keep(&uid, |file| {
            let full =
                |e: std::io::Error| NetworkError::failed(format!("an image cannot be kept: {e}"));
            let mut file = BufWriter::with_capacity(1 << 16, file);
            file.write_all(&[0; PREAMBLE]).map_err(full)?;
            file.write_all(b"DICM").map_err(full)?;
            let meta = FileMetaTableBuilder::new()
                .media_storage_sop_class_uid(class)
                .media_storage_sop_instance_uid(uid.as_str())
                .transfer_syntax(syntax)
                .build()
                .map_err(|e| NetworkError::failed(format!("an image has no proper name: {e}")))?;
            meta.write(&mut file)
                .map_err(|e| NetworkError::failed(format!("an image cannot be kept: {e}")))?;
            link.data(|bytes| file.write_all(bytes).map_err(full))?;
            file.flush().map_err(full)
        });
        if let Err(e) = kept {
            // Whether it hears this does not matter any more.
            let no = Command::response(command, status::OUT_OF_RESOURCES);
            let _ = link.tell(context, no, None);
            return Err(e);
        }
    }
    link.tell(context, Command::response(command, status::SUCCESS), None)
}
