//! The file's outer form: a mark, then records one after the other, each with its length and checksums.
//!
//! A record is `length`, `crc32(payload)`, `crc32(the eight bytes before)`, then the payload; all little-endian. The head
//! has a checksum of its own so that records behind a damaged one are found: with any, the file is damaged there; with
//! none, its writing was broken off.

/// The first bytes of a journal; the last one is the version of the format.
///
/// Version 1 knew one layer of labels. What it wrote is a part of what this version reads, and its journals go on.
pub const MARK: [u8; 8] = *b"PROSJNL\x02";

/// The oldest version that is read.
const OLDEST: u8 = 1;

/// Bytes before a payload.
const HEAD: usize = 12;

/// Whether bytes begin as a journal that can be read does, or break off within that.
pub fn is_mark(bytes: &[u8]) -> bool {
    let [name @ .., newest] = MARK;
    let version = bytes.get(name.len());
    bytes.iter().zip(&name).all(|(a, b)| a == b)
        && version.is_none_or(|v| (OLDEST..=newest).contains(v))
}

/// Where a record lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Offset of its head.
    pub at: u64,
    /// Length of its payload, in bytes.
    pub len: u32,
}

impl Place {
    /// Where its payload begins.
    pub fn payload_at(self) -> u64 {
        self.at + HEAD as u64
    }

    /// Where the next record begins.
    pub fn end(self) -> u64 {
        self.payload_at() + u64::from(self.len)
    }
}

/// Appends a record of less than 4 GiB to bytes that will lie at `base` of the file, and tells where it lies.
pub fn put(base: u64, out: &mut Vec<u8>, payload: &[u8]) -> Place {
    let place = Place {
        at: base + out.len() as u64,
        len: payload.len() as u32,
    };
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&place.len.to_le_bytes());
    head[4..8].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let of_head = crc32fast::hash(&head[..8]);
    head[8..].copy_from_slice(&of_head.to_le_bytes());
    out.extend(head);
    out.extend(payload);
    place
}

/// The length and checksum that a head tells, if it is whole.
fn head(bytes: &[u8]) -> Option<(u32, u32)> {
    let word = |n: usize| {
        let bytes = bytes.get(4 * n..4 * n + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    let (len, of_payload, of_head) = (word(0)?, word(1)?, word(2)?);
    (crc32fast::hash(&bytes[..8]) == of_head).then_some((len, of_payload))
}

/// The record that begins at this offset, if all of it is there.
fn record_at(bytes: &[u8], at: usize) -> Option<(Place, &[u8])> {
    let rest = bytes.get(at..)?;
    let (len, crc) = head(rest)?;
    let payload = rest.get(HEAD..HEAD.checked_add(len as usize)?)?;
    let place = Place { at: at as u64, len };
    (crc32fast::hash(payload) == crc).then_some((place, payload))
}

/// The whole records of a journal, up to the first that is not whole.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Records<'a> {
    /// The records of a file; `None` when it is no journal of a version that is read.
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        let at = MARK.len();
        (bytes.len() >= at && is_mark(bytes)).then_some(Self { bytes, at })
    }

    /// Whether whole records lie behind the one that is not: the file was damaged, not broken off.
    pub fn is_damaged(&self) -> bool {
        (self.at + 1..self.bytes.len()).any(|at| record_at(self.bytes, at).is_some())
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = (Place, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (place, payload) = record_at(self.bytes, self.at)?;
        self.at = place.end() as usize;
        Some((place, payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> (Vec<u8>, Vec<usize>) {
        let mut bytes = MARK.to_vec();
        let mut ends = vec![bytes.len()];
        for payload in [&b"first"[..], b"", b"the third"] {
            put(0, &mut bytes, payload);
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    fn whole(bytes: &[u8]) -> (usize, bool) {
        let mut records = Records::of(bytes).expect("a journal");
        let count = records.by_ref().count();
        (count, records.is_damaged())
    }

    #[test]
    fn a_file_cut_anywhere_has_the_records_before_the_cut() {
        let (bytes, ends) = three();
        for cut in MARK.len()..=bytes.len() {
            let expected = ends.iter().filter(|&&end| end <= cut).count() - 1;
            assert_eq!(whole(&bytes[..cut]), (expected, false), "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_byte_ends_it_and_records_behind_tell_damage_from_a_broken_end() {
        let (bytes, ends) = three();
        for at in MARK.len()..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x40;
            let expected = ends.iter().filter(|&&end| end <= at).count() - 1;
            assert_eq!(whole(&flipped), (expected, expected < 2), "flipped at {at}");
        }
        assert!(Records::of(&bytes[..4]).is_none());
        for (version, is_read) in [(0, false), (1, true), (2, true), (3, false)] {
            let mut other = bytes.clone();
            other[MARK.len() - 1] = version;
            assert_eq!(Records::of(&other).is_some(), is_read, "version {version}");
        }
    }
}
