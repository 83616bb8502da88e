//! Siemens' CSA headers: named values in a private attribute.

const NAME_BYTES: usize = 64;
const TAG_BYTES: usize = 84;
const ITEM_BYTES: usize = 16;

/// The values of one name; `None` if the header does not have it or makes no sense.
pub(super) fn values(header: &[u8], name: &str) -> Option<Vec<String>> {
    let is_second = header.starts_with(b"SV10");
    let start = if is_second { 8 } else { 0 };
    let tags = word(header, start)?;
    let mut at = start + 8;
    let mut first_items = None;
    for _ in 0..tags {
        let tag = header.get(at..at + TAG_BYTES)?;
        let (count, items) = (word(tag, NAME_BYTES)?, word(tag, NAME_BYTES + 12)?);
        at += TAG_BYTES;
        let offset = *first_items.get_or_insert(items);
        let mut values = Vec::new();
        for _ in 0..items {
            // The older kind adds the first tag's number of items to every length.
            let length = match is_second {
                true => word(header, at + 4)?,
                false => word(header, at)?.saturating_sub(offset),
            };
            let value = header.get(at + ITEM_BYTES..at + ITEM_BYTES + length)?;
            values.push(until_zero(value));
            at += ITEM_BYTES + length.next_multiple_of(4);
        }
        if until_zero(&tag[..NAME_BYTES]) == name {
            if count > 0 {
                values.truncate(count);
            }
            values.retain(|v| !v.is_empty());
            return Some(values);
        }
    }
    None
}

/// The numbers of one name.
pub(super) fn numbers(header: &[u8], name: &str) -> Option<Vec<f64>> {
    let values = values(header, name)?;
    let numbers: Option<Vec<f64>> = values.iter().map(|v| v.parse().ok()).collect();
    numbers.filter(|n| !n.is_empty() && n.iter().all(|v| v.is_finite()))
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let quad = bytes.get(at..)?.first_chunk::<4>()?;
    usize::try_from(i32::from_le_bytes(*quad)).ok()
}

fn until_zero(bytes: &[u8]) -> String {
    let text = bytes.split(|&b| b == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).trim().to_owned()
}
