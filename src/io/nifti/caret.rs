//! Label names inside NIfTI: the Caret XML that Connectome Workbench and TotalSegmentator keep in a
//! header extension.

use std::fmt::Write;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::volume::{Label, LabelTable};

/// The extension code of Caret XML.
pub(super) const CARET_CODE: i32 = 30;

/// The table as Caret XML.
pub(super) fn encode(table: &LabelTable) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CaretExtension>\n<VolumeInformation \
         Index=\"0\">\n<LabelTable>\n",
    );
    for label in table.labels() {
        let [red, green, blue] = label.color.map(|c| f64::from(c) / 255.0);
        // XML cannot hold control characters at all, not even escaped.
        let name: String = label
            .name
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        writeln!(
            xml,
            "<Label Key=\"{}\" Red=\"{red:.6}\" Green=\"{green:.6}\" Blue=\"{blue:.6}\" \
             Alpha=\"{}\"{}>{}</Label>",
            label.value,
            f64::from(label.opacity_percent) / 100.0,
            group_attribute(label),
            character_data(&name)
        )
        .expect("writing to a string cannot fail");
    }
    xml.push_str(
        "</LabelTable>\n<StudyMetaDataLinkSet>\n</StudyMetaDataLinkSet>\n\
         <VolumeType><![CDATA[Label]]></VolumeType>\n</VolumeInformation>\n</CaretExtension>\n",
    );
    xml
}

/// The group of a label, which other programs pass over; nothing where there is none.
fn group_attribute(label: &Label) -> String {
    let group: String = label.group.chars().filter(|c| !c.is_control()).collect();
    match group.is_empty() {
        true => group,
        false => format!(" Group=\"{}\"", quick_xml::escape::escape(group)),
    }
}

/// A name as a CDATA section, as other programs write it; escaped where it cannot be one.
fn character_data(name: &str) -> String {
    if name.contains("]]>") {
        quick_xml::escape::escape(name).into_owned()
    } else {
        format!("<![CDATA[{name}]]>")
    }
}

/// The label table of the first extension that holds Caret XML, whatever its code says: some programs
/// write it with code 0.
///
/// # Errors
/// A reason, when there is such an extension but it cannot be understood.
pub(super) fn find(extensions: &[(i32, Vec<u8>)]) -> Result<Option<LabelTable>, String> {
    let texts = extensions
        .iter()
        .filter(|(code, _)| [CARET_CODE, 0].contains(code))
        .map(|(_, content)| String::from_utf8_lossy(content));
    for text in texts {
        let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        if text.contains("<CaretExtension") {
            return decode(text).map(Some);
        }
    }
    Ok(None)
}

fn decode(xml: &str) -> Result<LabelTable, String> {
    let mut reader = Reader::from_str(xml);
    let mut table = LabelTable::default();
    let mut open: Option<Label> = None;
    loop {
        match reader.read_event().map_err(|e| e.to_string())? {
            Event::Start(e) if e.local_name().as_ref() == b"Label" => open = label_of(&e)?,
            Event::Text(text) => {
                if let Some(label) = &mut open {
                    label.name += &text.unescape().map_err(|e| e.to_string())?;
                }
            }
            Event::CData(text) => {
                if let Some(label) = &mut open {
                    label.name += &text.decode().map_err(|e| e.to_string())?;
                }
            }
            Event::End(e) if e.local_name().as_ref() == b"Label" => {
                if let Some(mut label) = open.take() {
                    label.name = label.name.trim().to_owned();
                    table.insert(label);
                }
            }
            Event::Eof => return Ok(table),
            _ => {}
        }
    }
}

/// A label with its value and colour, not yet its name; `None` for background and impossible values.
fn label_of(element: &BytesStart<'_>) -> Result<Option<Label>, String> {
    let mut value = None;
    let mut color = None;
    let (mut opacity_percent, mut group) = (Label::OPAQUE, String::new());
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|e| e.to_string())?;
        let text = attribute.unescape_value().map_err(|e| e.to_string())?;
        let channel = match attribute.key.as_ref() {
            b"Key" => {
                value = text.trim().parse::<u16>().ok().filter(|&v| v > 0);
                continue;
            }
            b"Red" => 0,
            b"Green" => 1,
            b"Blue" => 2,
            b"Alpha" => {
                // Files without any opacity say 0 of every label.
                let alpha = text.trim().parse::<f64>().ok().filter(|a| *a > 0.0);
                if let Some(alpha) = alpha {
                    opacity_percent = Label::clamped_percent((alpha * 100.0).round() as u8);
                }
                continue;
            }
            b"Group" => {
                group = text.trim().to_owned();
                continue;
            }
            _ => continue,
        };
        let fraction: f64 = text.trim().parse().unwrap_or(0.0);
        color.get_or_insert([0; 3])[channel] = (fraction.clamp(0.0, 1.0) * 255.0).round() as u8;
    }
    Ok(value.map(|value| {
        let color = color.unwrap_or_else(|| LabelTable::palette_color(value));
        Label {
            opacity_percent,
            group,
            ..Label::new(value, String::new(), color)
        }
    }))
}
