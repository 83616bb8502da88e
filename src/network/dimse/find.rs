//! C-FIND: what matches.

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry};

use super::command::{Command, field, status};
use super::link::Link;
use crate::network::NetworkError;
use crate::network::query::{Level, Query, Row, keys};

/// Studies, their series, their images.
pub(super) const CLASS: &str = uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_FIND;

/// Longer than any answer.
const LONGEST_ANSWER: usize = 16 << 20;

/// The objects of a level that match below those `above`, at most so many, and whether there are more.
pub(super) fn find(
    link: &mut Link,
    context: u8,
    level: Level,
    above: &[(Tag, &str)],
    query: &Query,
    most: usize,
) -> Result<(Vec<Row>, bool), NetworkError> {
    let keys = keys(level, query).collect::<Vec<_>>();
    let mut identifier = identifier(level, above);
    for (tag, vr, value) in &keys {
        put(&mut identifier, *tag, *vr, value);
    }
    // Whose the series is, where that is not known.
    if level == Level::Series && above.is_empty() {
        put(&mut identifier, tags::STUDY_INSTANCE_UID, VR::UI, "");
    }
    let bytes = encoded(link, context, &identifier)?;
    let asked = link.ask(
        context,
        Command::request(field::FIND, CLASS),
        Some(&mut bytes.as_slice()),
    )?;
    let (mut rows, mut has_more) = (Vec::new(), false);
    loop {
        let (context, answer) = link.command()?;
        let data = match answer.has_data() {
            true => Some(link.small_data(LONGEST_ANSWER)?),
            false => None,
        };
        if !answer.is_pending() {
            if !(has_more && answer.number(tags::STATUS) == status::CANCELLED) {
                answer.success("C-FIND")?;
            }
            return Ok((rows, has_more));
        }
        if rows.len() < most {
            rows.push(row(link, context, &data.unwrap_or_default())?);
        } else if !has_more {
            has_more = true;
            let mut cancel = Command::request(field::CANCEL, "");
            cancel.put_number(tags::MESSAGE_ID_BEING_RESPONDED_TO, asked);
            link.tell(context, cancel, None)?;
        }
    }
}

/// The beginning of an identifier: the level, and which objects above.
pub(super) fn identifier(level: Level, above: &[(Tag, &str)]) -> InMemDicomObject {
    let mut identifier = InMemDicomObject::new_empty();
    put(
        &mut identifier,
        tags::SPECIFIC_CHARACTER_SET,
        VR::CS,
        "ISO_IR 192",
    );
    put(
        &mut identifier,
        tags::QUERY_RETRIEVE_LEVEL,
        VR::CS,
        level.word(),
    );
    for (tag, uid) in above {
        put(&mut identifier, *tag, VR::UI, uid);
    }
    identifier
}

fn put(object: &mut InMemDicomObject, tag: Tag, vr: VR, value: &str) {
    let value = match value.is_empty() {
        true => PrimitiveValue::Empty,
        false => PrimitiveValue::from(value),
    };
    object.put(DataElement::new(tag, vr, value));
}

/// The bytes of an identifier as its context has them.
pub(super) fn encoded(
    link: &Link,
    context: u8,
    identifier: &InMemDicomObject,
) -> Result<Vec<u8>, NetworkError> {
    let syntax = link.syntax_of(context).unwrap_or_default();
    let syntax = TransferSyntaxRegistry.get(syntax);
    let mut bytes = Vec::new();
    let syntax =
        syntax.ok_or_else(|| NetworkError::failed("chose an encoding that we did not offer"))?;
    let written = identifier.write_dataset_with_ts(&mut bytes, syntax);
    written.map_err(|e| NetworkError::failed(format!("the question cannot be written: {e}")))?;
    Ok(bytes)
}

fn row(link: &Link, context: u8, bytes: &[u8]) -> Result<Row, NetworkError> {
    let nonsense = || NetworkError::failed("an answer of the PACS cannot be read");
    let syntax = link.syntax_of(context).unwrap_or_default();
    let syntax = TransferSyntaxRegistry.get(syntax).ok_or_else(nonsense)?;
    let object = InMemDicomObject::read_dataset_with_ts(bytes, syntax);
    let object = object.ok().ok_or_else(nonsense)?;
    let texts = object.iter().filter_map(|element| {
        let text = element.to_str().ok()?;
        let text = text.trim_matches([' ', '\0']).to_owned();
        Some((element.header().tag, text))
    });
    Ok(texts.collect())
}
