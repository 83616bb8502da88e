//! Dates and times that keep their distances, and nothing else: the patient's first date becomes the year 1900.
//!
//! Distances tell frames apart and order them; a fixed dummy would mix them up.

use dicom_core::VR;
use dicom_core::chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

/// Where every patient's time begins.
fn start() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(1900, 1, 1)
        .unwrap_or_default()
        .and_time(NaiveTime::MIN)
}

/// A date (with a time, where there is one) as a point in time.
pub(super) fn moment(vr: VR, text: &str) -> Option<NaiveDateTime> {
    match vr {
        VR::DA => Some(date(text)?.and_time(NaiveTime::MIN)),
        VR::DT => {
            let (day, rest) = text.split_at_checked(8)?;
            let rest = rest.split(['+', '-', '&']).next()?;
            Some(date(day)?.and_time(time(rest).unwrap_or(NaiveTime::MIN)))
        }
        _ => None,
    }
}

/// A date, time or both, moved with `first`, the patient's first, to the beginning; `None` where it makes no sense.
pub(super) fn moved(vr: VR, text: &str, first: NaiveDateTime) -> Option<String> {
    let text = text.trim_matches(['\0', ' ']);
    match vr {
        VR::DA => {
            let days = date(text)? - first.date();
            Some((start().date() + days).format("%Y%m%d").to_string())
        }
        VR::TM => {
            let moved = time(text)?
                .overflowing_sub_signed(first.time() - NaiveTime::MIN)
                .0;
            Some(moved.format("%H%M%S%.6f").to_string())
        }
        VR::DT => {
            let since: TimeDelta = moment(vr, text)? - first;
            Some((start() + since).format("%Y%m%d%H%M%S%.6f").to_string())
        }
        _ => None,
    }
}

fn date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text.trim_matches(['\0', ' ']), "%Y%m%d").ok()
}

/// `HHMMSS.F`, of which everything after the hours may be missing.
fn time(text: &str) -> Option<NaiveTime> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let part = |n: usize| match whole.get(2 * n..2 * n + 2) {
        Some(digits) => digits.parse::<u32>().ok(),
        None => Some(0),
    };
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(fraction) || !is_number(whole) || !whole.len().is_multiple_of(2) {
        return None;
    }
    let micro: u32 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    NaiveTime::from_hms_micro_opt(part(0)?, part(1)?, part(2)?, micro)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_stay() {
        let first = moment(VR::DT, "20181022083635.135000").expect("a moment");
        let new = |vr, text| moved(vr, text, first);
        assert_eq!(
            new(VR::DT, "20181022083635.135").as_deref(),
            Some("19000101000000.000000")
        );
        assert_eq!(
            new(VR::DT, "20181023083636.235000+0100").as_deref(),
            Some("19000102000001.100000")
        );
        assert_eq!(new(VR::DA, "20181024 ").as_deref(), Some("19000103"));
        assert_eq!(new(VR::TM, "083635.135").as_deref(), Some("000000.000000"));
        assert_eq!(new(VR::TM, "083634.135").as_deref(), Some("235959.000000"));
        assert_eq!(new(VR::TM, "08x").as_deref(), None);
        assert_eq!(new(VR::DA, "in May"), None);
        assert_eq!(
            moment(VR::DA, "20240131").map(|m| m.to_string()).as_deref(),
            Some("2024-01-31 00:00:00")
        );
    }
}
