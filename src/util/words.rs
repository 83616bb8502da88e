//! Words for people.

/// Messages of the library begin in lower case, as parts of a line; on their own they begin a sentence.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_becomes_a_sentence() {
        assert_eq!(sentence("the disk is full"), "The disk is full");
        assert_eq!(sentence("DICOM"), "DICOM");
        assert_eq!(sentence("(empty)"), "(empty)");
        assert_eq!(sentence(""), "");
    }
}
