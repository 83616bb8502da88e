//! DICOM's JSON (PS3.18 annex F).

use dicom_core::Tag;
use serde_json::Value;

use crate::network::NetworkError;
use crate::network::query::Row;

/// The answers to a question: texts by tag.
pub(super) fn rows(answer: &Value) -> Result<Vec<Row>, NetworkError> {
    match answer {
        Value::Null => Ok(Vec::new()),
        Value::Array(objects) => Ok(objects.iter().map(row).collect()),
        _ => Err(NetworkError::failed(
            "an answer of the PACS is no list; is this the address to which /studies is appended?",
        )),
    }
}

fn row(object: &Value) -> Row {
    let elements = object.as_object().into_iter().flatten();
    elements
        .filter_map(|(name, element)| Some((tag(name)?, text(element))))
        .collect()
}

fn tag(name: &str) -> Option<Tag> {
    let number = u32::from_str_radix(name, 16).ok()?;
    (name.len() == 8).then_some(Tag((number >> 16) as u16, number as u16))
}

/// The values of an element as DICOM writes them.
fn text(element: &Value) -> String {
    let values = element.get("Value").and_then(Value::as_array);
    let texts = values.into_iter().flatten().map(|value| match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        // A person's name has up to three ways of writing it.
        Value::Object(name) => {
            let ways = ["Alphabetic", "Ideographic", "Phonetic"];
            let mut written = ways.iter().filter_map(|way| name.get(*way)?.as_str());
            written.next().unwrap_or_default().to_owned()
        }
        _ => String::new(),
    });
    texts.collect::<Vec<_>>().join("\\")
}

/// The items of a sequence.
pub(super) fn items(object: &Value, tag: Tag) -> Vec<&Value> {
    let element = object.get(super::named(tag));
    let values = element.and_then(|e| e.get("Value")?.as_array());
    values.into_iter().flatten().collect()
}

/// A number of an item.
pub(super) fn number(object: &Value, tag: Tag) -> Option<u64> {
    let values = object.get(super::named(tag))?.get("Value")?;
    values.get(0)?.as_u64()
}

#[cfg(test)]
mod tests {
    use dicom_dictionary_std::tags;
    use serde_json::json;

    use super::{number, rows};

    #[test]
    fn texts_are_as_dicom_writes_them() {
        let answer = json!([{
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane", "Ideographic": "X"}]},
            "00080061": {"vr": "CS", "Value": ["CT", "SEG"]},
            "00201209": {"vr": "IS", "Value": [36]},
            "00080050": {"vr": "SH"},
            "junk": {"vr": "SH"}
        }]);
        let rows = rows(&answer).unwrap_or_default();
        let row = &rows[0];
        let text = |tag| row.get(&tag).map(String::as_str);
        assert_eq!(text(tags::PATIENT_NAME), Some("Doe^Jane"));
        assert_eq!(text(tags::MODALITIES_IN_STUDY), Some("CT\\SEG"));
        assert_eq!(text(tags::NUMBER_OF_SERIES_RELATED_INSTANCES), Some("36"));
        assert_eq!(text(tags::ACCESSION_NUMBER), Some(""));
        assert_eq!(row.len(), 4);
        assert_eq!(
            number(&answer[0], tags::NUMBER_OF_SERIES_RELATED_INSTANCES),
            Some(36)
        );
        assert!(super::rows(&json!({"error": "no"})).is_err());
    }
}
