//! Times as people and programs read them.

use dicom_core::chrono::{SecondsFormat, Utc};

/// The time, UTC, as RFC 3339 to the second.
pub fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use dicom_core::chrono::{DateTime, Utc};

    use super::now;

    #[test]
    fn times_sort_as_text_and_are_those_of_the_clock() {
        let written = now();
        assert!(
            written.len() == "2026-01-31T23:59:59Z".len() && written.ends_with('Z'),
            "{written}"
        );
        let read = DateTime::parse_from_rfc3339(&written).expect("RFC 3339");
        let passed = Utc::now().signed_duration_since(read);
        assert_eq!(passed.num_days(), 0, "{passed}");
    }
}
