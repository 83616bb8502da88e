//! What every object that is derived from a series says alike: whose it is, which study, which program made it when, and
//! from which images.

use std::io::{self, BufWriter, Write};

use dicom_core::chrono::Local;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags, uids};
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

use crate::io::Provenance;

/// Of every file that the program writes.
pub(super) const IMPLEMENTATION_UID: &str = "2.25.208046817367915612417137904632563461317";
pub(super) const IMPLEMENTATION_NAME: &str = "PROSECTOR";

/// Said where people look for what a series is.
pub(super) const NOT_FOR_CLINICAL_USE: &str = "Prosector segmentation, not for clinical use";

/// Longest text of the value representations SH, LO and DS.
const LO: usize = 64;
const DS: usize = 16;

/// Attributes that must be there, empty where nothing is known.
const REQUIRED: &[Tag] = &[
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::STUDY_ID,
    tags::ACCESSION_NUMBER,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::POSITION_REFERENCE_INDICATOR,
];

/// An object under construction.
pub(super) struct Derived {
    /// Its elements so far.
    pub object: InMemDicomObject,
    /// Its texts may have any characters; else ASCII alone, beside what the source says in characters of its own.
    is_unicode: bool,
}

/// A new UID: that of a random UUID (PS3.5 B.2).
pub(in crate::io) fn new_uid() -> String {
    let random = rand::random::<u128>();
    let versioned = (random & !(0xF << 76)) | (4 << 76);
    let uuid = (versioned & !(0b11 << 62)) | (0b10 << 62);
    format!("2.25.{uuid}")
}

/// A number as decimal string: at most 16 characters, as many digits as fit.
pub(super) fn decimal(value: f64) -> String {
    // -0 is no position.
    let value = value + 0.0;
    let shortest = value.to_string();
    if shortest.len() <= DS {
        return shortest;
    }
    let plain = (0..DS).rev().map(|digits| format!("{value:.digits$}"));
    let short = (0..DS).rev().map(|digits| format!("{value:.digits$e}"));
    let fits = |text: &String| text.len() <= DS;
    let is_tiny = value.abs() < 1e-4;
    let best = match is_tiny {
        true => short.into_iter().find(fits),
        false => plain.into_iter().find(fits),
    };
    best.unwrap_or_else(|| format!("{value:.8e}"))
}

/// Decimal strings, joined.
pub(super) fn decimals(values: &[f64]) -> String {
    let texts: Vec<String> = values.iter().map(|&v| decimal(v)).collect();
    texts.join("\\")
}

/// Puts a text.
pub(super) fn put(object: &mut InMemDicomObject, tag: Tag, value: &str) {
    let vr = vr_of(tag);
    object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
}

/// Puts a number of 16 bits.
pub(super) fn put_number(object: &mut InMemDicomObject, tag: Tag, value: u16) {
    object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
}

/// Puts a sequence.
pub(super) fn put_items(object: &mut InMemDicomObject, tag: Tag, items: Vec<InMemDicomObject>) {
    object.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
}

/// A data set of texts.
pub(super) fn item(texts: &[(Tag, &str)]) -> InMemDicomObject {
    let mut object = InMemDicomObject::new_empty();
    for &(tag, text) in texts {
        put(&mut object, tag, text);
    }
    object
}

/// A coded concept.
pub(super) fn code(value: &str, scheme: &str, meaning: &str) -> InMemDicomObject {
    item(&[
        (tags::CODE_VALUE, value),
        (tags::CODING_SCHEME_DESIGNATOR, scheme),
        (tags::CODE_MEANING, meaning),
    ])
}

fn vr_of(tag: Tag) -> VR {
    let entry = StandardDataDictionary.by_tag(tag);
    entry.map_or(VR::UN, |entry| entry.vr().relaxed())
}

impl Derived {
    /// An object of a class and modality, made of `source` now.
    pub fn new(source: &Provenance, class: &str, modality: &str) -> Self {
        let mut derived = Self {
            object: InMemDicomObject::new_empty(),
            is_unicode: true,
        };
        derived.copy_attributes(source);
        let now = Local::now();
        let (date, time) = (
            now.format("%Y%m%d").to_string(),
            now.format("%H%M%S").to_string(),
        );
        let object = &mut derived.object;
        put(object, tags::SOP_INSTANCE_UID, &new_uid());
        put(object, tags::SERIES_INSTANCE_UID, &new_uid());
        put(object, tags::STUDY_INSTANCE_UID, &source.study_uid);
        let space = &source.frame_of_reference_uid;
        put(object, tags::FRAME_OF_REFERENCE_UID, space);
        for tag in [tags::INSTANCE_CREATION_DATE, tags::SERIES_DATE] {
            put(object, tag, &date);
        }
        for tag in [tags::INSTANCE_CREATION_TIME, tags::SERIES_TIME] {
            put(object, tag, &time);
        }
        for (tag, text) in [
            (tags::SOP_CLASS_UID, class),
            (tags::MODALITY, modality),
            (tags::SERIES_NUMBER, "1"),
            (tags::INSTANCE_NUMBER, "1"),
            (tags::SERIES_DESCRIPTION, NOT_FOR_CLINICAL_USE),
            (tags::MANUFACTURER, "Prosector"),
            (tags::MANUFACTURER_MODEL_NAME, "Prosector"),
            (tags::DEVICE_SERIAL_NUMBER, "0"),
            (tags::SOFTWARE_VERSIONS, env!("CARGO_PKG_VERSION")),
        ] {
            put(object, tag, text);
        }
        derived
    }

    /// Date and time as they were put, for attributes of the class.
    pub fn date_and_time(&self) -> [String; 2] {
        [tags::INSTANCE_CREATION_DATE, tags::INSTANCE_CREATION_TIME].map(|tag| {
            let element = self.object.element(tag).ok();
            let text = element.and_then(|e| e.to_str().ok());
            text.map(|t| t.into_owned()).unwrap_or_default()
        })
    }

    /// Patient and study. Characters become Unicode where it is sure which they are; else they stay as they were.
    fn copy_attributes(&mut self, source: &Provenance) {
        for &tag in REQUIRED {
            put(&mut self.object, tag, "");
        }
        let declared = source.character_set.trim();
        let is_ascii = source.attributes.iter().all(|a| a.1.is_ascii());
        let codec = match declared {
            "" => is_ascii.then(SpecificCharacterSet::default),
            code => SpecificCharacterSet::from_code(code).filter(|_| !code.contains('\\')),
        };
        let decoded = codec.and_then(|codec| {
            let texts = source.attributes.iter();
            let texts = texts.map(|a| codec.decode(&a.1).ok());
            texts.collect::<Option<Vec<String>>>()
        });
        self.is_unicode = decoded.is_some();
        for (n, (tag, bytes)) in source.attributes.iter().enumerate() {
            let tag = Tag(tag.0, tag.1);
            match &decoded {
                Some(texts) => put(&mut self.object, tag, &texts[n]),
                None => {
                    let value = PrimitiveValue::U8(bytes.clone().into());
                    self.object.put(DataElement::new(tag, vr_of(tag), value));
                }
            }
        }
        let of = |tag: Tag| {
            let mut all = source.attributes.iter();
            all.find(|a| a.0 == (tag.group(), tag.element()))
        };
        let is_removed = of(tags::PATIENT_IDENTITY_REMOVED).is_some_and(|a| a.1 == b"YES");
        if is_removed && of(tags::DEIDENTIFICATION_METHOD).is_none() {
            // The images say it by codes, which are not copied.
            let method = "that of the images it was made of";
            put(&mut self.object, tags::DEIDENTIFICATION_METHOD, method);
        }
        let set = match self.is_unicode {
            true => "ISO_IR 192",
            false => declared,
        };
        put(&mut self.object, tags::SPECIFIC_CHARACTER_SET, set);
    }

    /// A text of the user's as the object can hold it: at most 64 characters, on one line.
    pub fn text(&self, text: &str) -> String {
        let clean = text.chars().map(|c| match c {
            '\\' => '/',
            c if c.is_control() => ' ',
            c if !self.is_unicode && !c.is_ascii() => '?',
            c => c,
        });
        clean.take(LO).collect::<String>().trim().to_owned()
    }

    /// Refers to the series and all its images.
    pub fn refer_to(&mut self, source: &Provenance) {
        let series = series_reference(source, tags::REFERENCED_INSTANCE_SEQUENCE);
        let tag = tags::REFERENCED_SERIES_SEQUENCE;
        put_items(&mut self.object, tag, vec![series]);
    }

    /// Writes the file: explicit little endian, unless an element is too long for that (`is_implicit`).
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(self, is_implicit: bool, to: impl Write) -> io::Result<()> {
        let syntax = match is_implicit {
            true => uids::IMPLICIT_VR_LITTLE_ENDIAN,
            false => uids::EXPLICIT_VR_LITTLE_ENDIAN,
        };
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(syntax)
            .implementation_class_uid(IMPLEMENTATION_UID)
            .implementation_version_name(IMPLEMENTATION_NAME);
        let file = self.object.with_meta(meta).map_err(io::Error::other)?;
        let mut out = BufWriter::new(to);
        file.write_all(&mut out).map_err(io::Error::other)?;
        out.flush()
    }
}

/// A reference to a series, and under `images` to all its images, each once.
pub(super) fn series_reference(source: &Provenance, images: Tag) -> InMemDicomObject {
    let mut referenced: Vec<InMemDicomObject> = Vec::new();
    let mut last = "";
    for slice in &source.slices {
        if *slice.sop_instance_uid != *last {
            last = &slice.sop_instance_uid;
            referenced.push(reference(&slice.sop_class_uid, last));
        }
    }
    let mut series = item(&[(tags::SERIES_INSTANCE_UID, source.series_uid.as_str())]);
    put_items(&mut series, images, referenced);
    series
}

/// A reference to an object.
pub(super) fn reference(class: &str, instance: &str) -> InMemDicomObject {
    item(&[
        (tags::REFERENCED_SOP_CLASS_UID, class),
        (tags::REFERENCED_SOP_INSTANCE_UID, instance),
    ])
}

#[cfg(test)]
mod tests {
    use super::{decimal, new_uid};

    #[test]
    fn decimals_fit_and_keep_their_value() {
        for value in [
            0.0,
            -0.0,
            1.5,
            -235.2,
            0.9765625,
            1.0 / 3.0,
            -1.0 / 3.0,
            -123.456_789_012_345,
            1e-12,
            -1.234_567_890_123e-7,
            0.8105470001,
        ] {
            let text = decimal(value);
            assert!(text.len() <= 16, "{text}");
            let back: f64 = text.parse().expect("a number");
            assert!(
                (back - value).abs() <= 1e-9 * value.abs().max(1e-3),
                "{text}"
            );
        }
        assert_eq!(decimal(-0.0), "0");
    }

    #[test]
    fn uids_are_short_enough_and_differ() {
        let uids = [new_uid(), new_uid()];
        assert!(
            uids.iter()
                .all(|uid| uid.len() <= 64 && uid.starts_with("2.25."))
        );
        assert_ne!(uids[0], uids[1]);
    }
}
