//! A file's meta information (PS3.10 chapter 7): what the file is. Read here rather than by dicom-object, which refuses
//! files for elements that nobody asks for.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

/// Bytes before the meta information.
pub(super) const PREAMBLE: usize = 128;

/// Bytes in which all of it is.
pub(super) const LONGEST: usize = 1 << 16;

/// What a file is.
pub(super) struct Meta {
    /// SOPClassUID.
    pub class: String,
    /// SOPInstanceUID.
    pub uid: String,
    /// Transfer syntax.
    pub syntax: String,
    /// Where the data set begins.
    pub data_at: usize,
}

impl Meta {
    /// Of the beginning of a file; `None` where it is none of DICOM's, or names no object.
    pub fn of(file: &[u8]) -> Option<Self> {
        let mut rest = file.get(PREAMBLE..)?.strip_prefix(b"DICM")?;
        let mut meta = Self {
            class: String::new(),
            uid: String::new(),
            syntax: String::new(),
            data_at: 0,
        };
        // Explicit VR little endian, whatever the data set is; that is of other groups.
        while rest.first_chunk() == Some(&[2, 0]) {
            let (head, after) = rest.split_at_checked(8)?;
            let short = u16::from_le_bytes([head[6], head[7]]);
            let is_long = matches!(&head[4..6], b"OB" | b"OW" | b"UN" | b"UT" | b"SQ");
            let (length, after) = match is_long {
                false => (usize::from(short), after),
                true => {
                    let (length, after) = after.split_first_chunk()?;
                    (usize::try_from(u32::from_le_bytes(*length)).ok()?, after)
                }
            };
            let (value, after) = after.split_at_checked(length)?;
            let text = || {
                let ends = |c: char| c.is_whitespace() || c == '\0';
                String::from_utf8_lossy(value).trim_matches(ends).to_owned()
            };
            match Tag(2, u16::from_le_bytes([head[2], head[3]])) {
                tags::MEDIA_STORAGE_SOP_CLASS_UID => meta.class = text(),
                tags::MEDIA_STORAGE_SOP_INSTANCE_UID => meta.uid = text(),
                tags::TRANSFER_SYNTAX_UID => meta.syntax = text(),
                _ => {}
            }
            rest = after;
        }
        meta.data_at = file.len() - rest.len();
        let is_named = [&meta.class, &meta.uid, &meta.syntax];
        is_named.iter().all(|text| !text.is_empty()).then_some(meta)
    }
}

#[cfg(test)]
mod tests {
    use super::{Meta, PREAMBLE};

    fn element(number: u8, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
        let length = value.len() as u8;
        let length = match vr {
            b"OB" => vec![0, 0, length, 0, 0, 0],
            _ => vec![length, 0],
        };
        [&[2, 0, number, 0], &vr[..], &length, value].concat()
    }

    #[test]
    fn a_file_is_what_its_meta_information_says() {
        let file = [
            vec![0; PREAMBLE],
            b"DICM".to_vec(),
            element(1, b"OB", &[0, 1]),
            element(2, b"UI", b"1.2\0"),
            element(3, b"UI", b"1.2.3\0"),
            element(0x10, b"UI", b"1.2.840.10008.1.2.1\0"),
            // No text in any character set.
            element(0x16, b"AE", &[b'A', 0x13, 0xFF, b' ']),
            vec![8, 0, 5, 0],
        ]
        .concat();
        let meta = Meta::of(&file).expect("it is a file");
        assert_eq!(
            [&meta.class, &meta.uid, &meta.syntax],
            ["1.2", "1.2.3", "1.2.840.10008.1.2.1"]
        );
        assert_eq!(meta.data_at, file.len() - 4);
        for end in 0..file.len() - 4 {
            // Cut within an element nothing is known. Between two there is nothing to see of the last of them.
            let between = file.len() - 16..=file.len() - 15;
            let named = Meta::of(&file[..end]).is_some();
            assert_eq!(named, between.contains(&end), "{end}");
        }
        assert!(Meta::of(&file[1..]).is_none());
    }
}
