//! Command sets (PS3.7 chapter 9 and annex E).

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::entries::IMPLICIT_VR_LITTLE_ENDIAN;

use crate::network::NetworkError;

/// Command fields of requests; that of a response has the highest bit too.
pub(super) mod field {
    pub const STORE: u16 = 0x0001;
    pub const GET: u16 = 0x0010;
    pub const FIND: u16 = 0x0020;
    pub const ECHO: u16 = 0x0030;
    pub const CANCEL: u16 = 0x0FFF;
    pub const RESPONSE: u16 = 0x8000;
}

/// Statuses (PS3.7 annex C).
pub(super) mod status {
    pub const SUCCESS: u16 = 0x0000;
    pub const CANCELLED: u16 = 0xFE00;
    /// We cannot keep it.
    pub const OUT_OF_RESOURCES: u16 = 0xA700;
}

/// (0000,0800) of a message without a data set; any other value is one with.
const NO_DATA: u16 = 0x0101;
const WITH_DATA: u16 = 0x0001;

/// A command set.
pub(super) struct Command {
    elements: InMemDicomObject,
}

impl Command {
    /// A request about objects of a class.
    pub fn request(field: u16, class: &str) -> Self {
        let mut command = Self {
            elements: InMemDicomObject::new_empty(),
        };
        command.put_number(tags::COMMAND_FIELD, field);
        if !class.is_empty() {
            command.put_uid(tags::AFFECTED_SOP_CLASS_UID, class);
        }
        command
    }

    /// The answer to a request.
    pub fn response(to: &Self, status: u16) -> Self {
        let mut command = Self::request(
            to.number(tags::COMMAND_FIELD) | field::RESPONSE,
            &to.text(tags::AFFECTED_SOP_CLASS_UID),
        );
        let message = to.number(tags::MESSAGE_ID);
        command.put_number(tags::MESSAGE_ID_BEING_RESPONDED_TO, message);
        let uid = to.text(tags::AFFECTED_SOP_INSTANCE_UID);
        if !uid.is_empty() {
            command.put_uid(tags::AFFECTED_SOP_INSTANCE_UID, &uid);
        }
        command.put_number(tags::STATUS, status);
        command
    }

    pub fn put_number(&mut self, tag: Tag, value: u16) {
        let value = PrimitiveValue::from(value);
        self.elements.put(DataElement::new(tag, VR::US, value));
    }

    pub fn put_uid(&mut self, tag: Tag, uid: &str) {
        let value = PrimitiveValue::from(uid);
        self.elements.put(DataElement::new(tag, VR::UI, value));
    }

    /// The bytes of the command set, of a message with or without a data set.
    pub fn encoded(mut self, has_data: bool) -> Result<Vec<u8>, NetworkError> {
        let kind = if has_data { WITH_DATA } else { NO_DATA };
        self.put_number(tags::COMMAND_DATA_SET_TYPE, kind);
        let command = InMemDicomObject::command_from_element_iter(self.elements);
        let mut bytes = Vec::new();
        let syntax = IMPLICIT_VR_LITTLE_ENDIAN.erased();
        let written = command.write_dataset_with_ts(&mut bytes, &syntax);
        written.map_err(|e| NetworkError::failed(format!("a message cannot be made: {e}")))?;
        Ok(bytes)
    }

    /// Reads a command set.
    pub fn decoded(bytes: &[u8]) -> Result<Self, NetworkError> {
        let syntax = IMPLICIT_VR_LITTLE_ENDIAN.erased();
        let elements = InMemDicomObject::read_dataset_with_ts(bytes, &syntax);
        let elements = elements.ok().ok_or_else(|| {
            NetworkError::failed("the answer is no DICOM message; is host and port that of a PACS?")
        })?;
        Ok(Self { elements })
    }

    /// A number; 0 where there is none.
    pub fn number(&self, tag: Tag) -> u16 {
        let element = self.elements.get(tag);
        element.and_then(|e| e.to_int().ok()).unwrap_or_default()
    }

    /// A text; empty where there is none.
    pub fn text(&self, tag: Tag) -> String {
        let text = self.elements.get(tag).and_then(|e| e.to_str().ok());
        let ends = |c: char| c.is_whitespace() || c == '\0';
        text.map(|t| t.trim_matches(ends).to_owned())
            .unwrap_or_default()
    }

    pub fn field(&self) -> u16 {
        self.number(tags::COMMAND_FIELD)
    }

    pub fn has_data(&self) -> bool {
        self.number(tags::COMMAND_DATA_SET_TYPE) != NO_DATA
    }

    /// Whether more answers follow.
    pub fn is_pending(&self) -> bool {
        matches!(self.number(tags::STATUS), 0xFF00 | 0xFF01)
    }

    /// Whether the request was done, with or without warnings.
    ///
    /// # Errors
    /// [`NetworkError::Failed`] with what the archive says.
    pub fn success(&self, what: &str) -> Result<(), NetworkError> {
        let status = self.number(tags::STATUS);
        let is_warning = matches!(status, 0x0001 | 0x0107 | 0x0116 | 0xB000..=0xBFFF);
        if status == status::SUCCESS || is_warning {
            return Ok(());
        }
        let comment = self.text(tags::ERROR_COMMENT);
        let comment = match comment.is_empty() {
            true => meaning(status).to_owned(),
            false => format!("{comment:?}"),
        };
        Err(NetworkError::failed(format!(
            "refuses {what} (status {status:04X}): {comment}"
        )))
    }
}

/// What a failure means, where the archive has no words for it.
fn meaning(status: u16) -> &'static str {
    match status {
        0x0110 => "it failed inside; its administrator finds more in its log",
        0x0112 => "there is no such object",
        0x0122 => "it does not offer this",
        0x0124 => "we are not allowed to; ask its administrator",
        0xA700..=0xA7FF => "it is out of resources",
        0xA800 => "it does not know this kind of object",
        0xA801 => "it does not know where to send it",
        0xA900..=0xA9FF => "the object is not as its kind should be",
        0xC000..=0xCFFF => "it cannot process it",
        _ => "its administrator finds more in its log",
    }
}
