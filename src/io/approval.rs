//! Somebody's word that labels are as they should be, as DICOM has it of structure sets (PS3.3 C.8.8.16). Segmentations have
//! no place for it.

use dicom_core::chrono::{DateTime, Local};

use crate::util::short_debug;

/// Who approved labels, and when.
#[derive(Clone, PartialEq, Eq)]
pub struct Approval {
    /// The reviewer's name; empty where a file does not say it.
    pub reviewer: String,
    /// DICOM's date, such as 20261129, in local time; empty where a file does not say it.
    pub date: String,
    /// DICOM's time, such as 101500; empty where a file does not say it.
    pub time: String,
}

short_debug! {
    Approval: |_| "an approval";
}

impl Approval {
    /// That of a reviewer now.
    pub fn now(reviewer: &str) -> Self {
        Self::at(reviewer, Local::now())
    }

    /// That of a reviewer at a time in RFC 3339; `None` where that is no time.
    pub fn of(reviewer: &str, when: &str) -> Option<Self> {
        let when = DateTime::parse_from_rfc3339(when).ok()?;
        Some(Self::at(reviewer, when.with_timezone(&Local)))
    }

    fn at(reviewer: &str, when: DateTime<Local>) -> Self {
        Self {
            reviewer: reviewer.to_owned(),
            date: when.format("%Y%m%d").to_string(),
            time: when.format("%H%M%S").to_string(),
        }
    }
}
