//! What happens to each element of a data set.

use dicom_core::chrono::NaiveDateTime;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};

use super::super::dataset::{DataSet, Entry, Value};
use super::super::element::is_pixels;
use super::super::seg::is_known_structure;
use super::super::syntax::Encoding;
use super::dates::{moment, moved};
use super::encode::Encoder;
use super::profile;
use crate::io::anonymise::{Doubt, Ledger};

/// What is done to an attribute; the letters of PS3.15.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// K: it stays; inside a sequence each attribute has its own action.
    Keep,
    /// X
    Remove,
    /// Z: no value.
    Empty,
    /// D: a value of the same kind that says nothing.
    Dummy,
    /// U: another UID, the same one for the same one.
    NewUid,
}

impl Action {
    fn letter(self) -> &'static str {
        match self {
            Self::Keep => "K",
            Self::Remove => "X",
            Self::Empty => "Z",
            Self::Dummy => "D",
            Self::NewUid => "U",
        }
    }
}

/// UIDs of the standard itself: classes, syntaxes, well-known frames of reference.
const STANDARD_UIDS: &[u8] = b"1.2.840.10008.";

/// Says nothing, and fits every text attribute.
const DUMMY: &str = "ANONYMISED";

/// Shorter texts identify nobody, and stand in other texts by chance; in attributes that hold one of a few known words,
/// longer ones do too.
const IDENTIFIER: usize = 4;
const IDENTIFIER_IN_CODE: usize = 6;

/// Identifying texts that are not names of persons, for which a look is taken in all other texts.
const IDENTIFYING: &[Tag] = &[
    tags::PATIENT_ID,
    // Other patient IDs; retired, and met.
    Tag(0x0010, 0x1000),
    tags::ACCESSION_NUMBER,
    tags::INSTITUTION_NAME,
    tags::INSTITUTION_ADDRESS,
    tags::PATIENT_ADDRESS,
    tags::PATIENT_TELEPHONE_NUMBERS,
];

/// The attributes that the profile itself adds to a data set.
const ADDED: [Tag; 4] = [
    tags::PATIENT_IDENTITY_REMOVED,
    tags::DEIDENTIFICATION_METHOD,
    tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE,
    tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED,
];

/// Texts by which the patient is known, lower case: names and their parts, numbers, addresses.
pub(super) fn identifiers(root: &DataSet) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    collect(root, &mut found);
    found.sort();
    found.dedup();
    found
}

fn collect(level: &DataSet, found: &mut Vec<Vec<u8>>) {
    for entry in level.entries() {
        match &entry.value {
            Value::Items(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Bytes(bytes) => {
                let is_name = entry.vr() == VR::PN;
                if is_name || IDENTIFYING.contains(&entry.tag) {
                    let whole = std::iter::once(*bytes);
                    let parts = bytes.split(|b| matches!(b, b'^' | b'=' | b'\\'));
                    for text in whole.chain(parts) {
                        let text = trimmed(text).to_ascii_lowercase();
                        if text.len() >= IDENTIFIER && !is_substitute(&text) {
                            found.push(text);
                        }
                    }
                }
            }
        }
    }
}

/// Whether a text is one that stands here for another: of a file that was anonymised before.
fn is_substitute(text: &[u8]) -> bool {
    text.eq_ignore_ascii_case(DUMMY.as_bytes()) || text.starts_with(b"anon-")
}

/// Whether an identifying text stands in a value of this representation.
fn identifies(vr: VR, value: &[u8], found: &[Vec<u8>]) -> bool {
    let shortest = match vr {
        VR::LO | VR::SH | VR::LT | VR::ST | VR::UT | VR::UC | VR::UR | VR::PN | VR::AE => {
            IDENTIFIER
        }
        VR::CS => IDENTIFIER_IN_CODE,
        _ => return false,
    };
    let value = value.to_ascii_lowercase();
    let stands = |text: &[u8]| value.windows(text.len()).any(|part| part == text);
    found
        .iter()
        .any(|text| text.len() >= shortest && stands(text))
}

/// Whether an identifying text stands anywhere in a data set.
pub(super) fn holds_identifier(level: &DataSet, found: &[Vec<u8>]) -> bool {
    level.entries().iter().any(|entry| match &entry.value {
        Value::Items(items) => items.iter().any(|item| holds_identifier(item, found)),
        Value::Bytes(bytes) => !ADDED.contains(&entry.tag) && identifies(entry.vr(), bytes, found),
    })
}

fn trimmed(text: &[u8]) -> &[u8] {
    let is_padding = |b: &u8| b.is_ascii_whitespace() || *b == 0;
    let start = text.iter().position(|b| !is_padding(b));
    let end = text.iter().rposition(|b| !is_padding(b));
    match (start, end) {
        (Some(start), Some(end)) => &text[start..=end],
        _ => &[],
    }
}

/// The study's date, or else the first date that comes, with its time where it has one.
fn first_moment(root: &DataSet) -> Option<NaiveDateTime> {
    let of = |entry: &Entry| match &entry.value {
        Value::Bytes(bytes) => moment(entry.vr(), &String::from_utf8_lossy(trimmed(bytes))),
        Value::Items(_) => None,
    };
    let acquired = root.get(tags::ACQUISITION_DATE_TIME).and_then(of);
    let study = || root.get(tags::STUDY_DATE).and_then(of);
    acquired
        .or_else(study)
        .or_else(|| root.entries().into_iter().find_map(of))
}

/// Writes a data set anew, and keeps account of what changes.
pub(super) struct Rewriter<'a> {
    identifiers: &'a [Vec<u8>],
    ledger: &'a mut Ledger,
    encoding: Encoding,
    patient: String,
    /// The patient's first date.
    first: Option<NaiveDateTime>,
    regions: usize,
}

impl<'a> Rewriter<'a> {
    pub fn new(identifiers: &'a [Vec<u8>], ledger: &'a mut Ledger, encoding: Encoding) -> Self {
        Self {
            identifiers,
            ledger,
            encoding,
            patient: String::new(),
            first: None,
            regions: 0,
        }
    }

    /// The whole header up to the pixels.
    pub fn header(&mut self, root: &DataSet) -> Vec<u8> {
        let id = root.get(tags::PATIENT_ID).map(|e| &e.value);
        let id = match id {
            Some(Value::Bytes(bytes)) => trimmed(bytes),
            _ => &[],
        };
        self.patient = self.ledger.patient(id);
        self.first = first_moment(root).map(|own| self.ledger.first_moment(own));
        let mut out = Encoder::new(self.encoding);
        let mut added = self.added().into_iter().peekable();
        for entry in root.entries() {
            while let Some((_, own)) = added.next_if(|(tag, _)| *tag <= entry.tag) {
                out.append(own);
            }
            if !ADDED.contains(&entry.tag) {
                self.entry(entry, &mut out);
            }
        }
        for (_, own) in added {
            out.append(own);
        }
        out.finish()
    }

    /// What the profile adds, ascending.
    fn added(&self) -> Vec<(Tag, Encoder)> {
        let text = |tag: Tag, vr: VR, value: &str| {
            let mut own = Encoder::new(self.encoding);
            own.element(tag, vr, value.as_bytes());
            (tag, own)
        };
        let mut codes = Encoder::new(self.encoding);
        codes.start_sequence(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE);
        codes.start_item();
        codes.element(tags::CODE_VALUE, VR::SH, b"113100");
        codes.element(tags::CODING_SCHEME_DESIGNATOR, VR::SH, b"DCM");
        let meaning = b"Basic Application Confidentiality Profile";
        codes.element(tags::CODE_MEANING, VR::LO, meaning);
        codes.end_item();
        codes.end_sequence();
        let method = concat!("Prosector ", env!("CARGO_PKG_VERSION"), ", PS3.15 Annex E");
        vec![
            text(tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES"),
            text(tags::DEIDENTIFICATION_METHOD, VR::LO, method),
            (tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE, codes),
            text(
                tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED,
                VR::CS,
                "MODIFIED",
            ),
        ]
    }

    fn level(&mut self, level: &DataSet, out: &mut Encoder) {
        for entry in level.entries() {
            self.entry(entry, out);
        }
    }

    fn entry(&mut self, entry: &Entry, out: &mut Encoder) {
        // Lengths of groups are retired, and would be wrong.
        if entry.tag.element() == 0 {
            return;
        }
        let mut action = self.action(entry);
        match (&entry.value, action) {
            (_, Action::Remove) => {}
            (Value::Items(items), Action::Keep | Action::NewUid) => {
                out.start_sequence(entry.tag);
                for item in items {
                    out.start_item();
                    self.level(item, out);
                    out.end_item();
                }
                out.end_sequence();
                return;
            }
            (Value::Items(_), _) => {
                out.start_sequence(entry.tag);
                out.end_sequence();
            }
            (Value::Bytes(bytes), _) => {
                let value = self.value(entry, bytes, &mut action);
                out.element(entry.tag, entry.layout(), &value);
                if value == *bytes {
                    return;
                }
            }
        }
        self.account(entry.tag, action);
    }

    fn account(&mut self, tag: Tag, action: Action) {
        if tag.group() & 0xFF00 == 0x6000 {
            self.ledger.doubt(Doubt::Overlays);
        }
        let is_private = !tag.group().is_multiple_of(2);
        let (key, name) = match is_private {
            true => ("(odd,eeee)".to_owned(), "private attributes".to_owned()),
            false => {
                let name = StandardDataDictionary.by_tag(tag);
                let name = name.map_or("unknown attribute", |entry| entry.alias());
                (
                    format!("({:04X},{:04X})", tag.group(), tag.element()),
                    name.to_owned(),
                )
            }
        };
        self.ledger.change(&key, &name, action.letter());
    }

    /// What the table says, and of attributes that it does not name: what the standard does not know goes, so do dates and
    /// names of persons, wherever they stand, and UIDs that are not the standard's are replaced.
    fn action(&self, entry: &Entry) -> Action {
        let (group, number) = (entry.tag.group(), number(entry.tag));
        let is_range = matches!(group & 0xFF00, 0x5000 | 0x6000);
        let is_foreign = !group.is_multiple_of(2) || group < 8 || is_range;
        if is_foreign
            || is_pixels((group, entry.tag.element()))
            || entry.big_endian != self.encoding.big_endian
        {
            return Action::Remove;
        }
        let is_known = StandardDataDictionary.by_tag(entry.tag).is_some();
        match (profile::of(number), entry.vr(), &entry.value) {
            (Some(action), ..) => action,
            (None, ..) if !is_known => Action::Remove,
            // A sequence that is nested too deeply to be looked into.
            (None, VR::SQ, Value::Bytes(_)) => Action::Remove,
            (None, VR::DA | VR::DT | VR::UN, _) => Action::Remove,
            (None, VR::PN, _) => Action::Empty,
            (None, VR::UI, _) => Action::NewUid,
            _ => Action::Keep,
        }
    }

    /// The new value; a kept text in which the patient is named loses it.
    fn value(&mut self, entry: &Entry, bytes: &[u8], action: &mut Action) -> Vec<u8> {
        let is_empty = trimmed(bytes).is_empty();
        match entry.tag {
            tags::PATIENT_ID | tags::PATIENT_NAME => return self.patient.clone().into_bytes(),
            tags::ROI_NAME if !is_empty => {
                self.regions += 1;
                let name = String::from_utf8_lossy(trimmed(bytes));
                if is_known_structure(&name) {
                    return bytes.to_vec();
                }
                return format!("ROI {}", self.regions).into_bytes();
            }
            _ => {}
        }
        match *action {
            Action::Keep if identifies(entry.vr(), bytes, self.identifiers) => {
                *action = Action::Empty;
                Vec::new()
            }
            Action::Keep => bytes.to_vec(),
            Action::NewUid => self.uids(bytes),
            Action::Dummy if !is_empty => self.dummy(entry, bytes),
            Action::Dummy | Action::Empty | Action::Remove => Vec::new(),
        }
    }

    fn uids(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut new = Vec::new();
        for (n, uid) in bytes.split(|&b| b == b'\\').enumerate() {
            if n > 0 {
                new.push(b'\\');
            }
            let uid = trimmed(uid);
            match uid.is_empty() || uid.starts_with(STANDARD_UIDS) {
                true => new.extend_from_slice(uid),
                false => {
                    let uid = String::from_utf8_lossy(uid);
                    new.extend(self.ledger.uid(&uid).into_bytes());
                }
            }
        }
        // A value that stays the same is no change, padding or not.
        match trimmed(bytes) == new {
            true => bytes.to_vec(),
            false => new,
        }
    }

    fn dummy(&mut self, entry: &Entry, bytes: &[u8]) -> Vec<u8> {
        let vr = entry.vr();
        if let (Some(first), VR::DA | VR::TM | VR::DT) = (self.first, vr) {
            let text = String::from_utf8_lossy(bytes);
            let all: Option<Vec<String>> = text.split('\\').map(|t| moved(vr, t, first)).collect();
            if let Some(all) = all {
                return all.join("\\").into_bytes();
            }
        }
        let text = match vr {
            VR::DA => "19000101",
            VR::TM => "000000",
            VR::DT => "19000101000000",
            VR::AS => "000Y",
            VR::IS | VR::DS => "0",
            VR::UI => return self.uids(bytes),
            VR::AE | VR::CS | VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UT => DUMMY,
            VR::OB | VR::OW | VR::UN | VR::UR => "",
            // Numbers in binary.
            _ => return vec![0; bytes.len()],
        };
        text.as_bytes().to_vec()
    }
}

fn number(tag: Tag) -> u32 {
    u32::from(tag.group()) << 16 | u32::from(tag.element())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whole_and_in_parts_in_any_case() {
        let found = vec![b"doe^jane".to_vec(), b"jane".to_vec()];
        assert!(identifies(VR::LO, b"Follow-up of JANE ", &found));
        assert!(!identifies(VR::LO, b"Follow-up", &found));
        assert!(!identifies(VR::UI, b"jane", &found), "no text");
        assert!(!identifies(VR::CS, b"JANE", &found), "too short for a code");
        assert_eq!(number(tags::PATIENT_NAME), 0x0010_0010);
        assert_eq!(trimmed(b" a b\0 "), b"a b");
        assert_eq!(trimmed(b" \0"), b"");
    }
}
