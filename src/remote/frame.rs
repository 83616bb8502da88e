//! Frames: a header of JSON and parts of bytes, each with its length before it.
//!
//! `[u32 length of the header] [u32 number of parts] [u64 length of each part] [header] [parts]`, all little-endian.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::Broken;

/// Most bytes of a header.
const MOST_HEADER: u32 = 4 << 20;
/// Most parts.
const MOST_PARTS: u32 = 4096;
/// Most bytes of all parts together.
const MOST_BYTES: u64 = 1 << 28;
/// Bytes that are asked for before any have come: a length alone reserves no more.
const AT_FIRST: u64 = 1 << 16;

/// A message with the bytes that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    /// JSON.
    header: Vec<u8>,
    /// What the header says of them.
    parts: Vec<Vec<u8>>,
}

impl Frame {
    /// A frame of a message.
    pub(super) fn new(message: &impl Serialize, parts: Vec<Vec<u8>>) -> Self {
        let header = serde_json::to_vec(message).expect("messages are plain values");
        Self { header, parts }
    }

    /// The message, and the parts.
    ///
    /// # Errors
    /// It is none of this kind.
    pub(super) fn opened<M: DeserializeOwned>(self) -> Result<(M, Vec<Vec<u8>>), Broken> {
        let message = serde_json::from_slice(&self.header);
        let message = message.ok().ok_or(Broken::Nonsense("an unknown message"))?;
        Ok((message, self.parts))
    }

    /// Whether the other end would take it.
    pub(super) fn fits(&self) -> bool {
        self.header.len() as u64 <= u64::from(MOST_HEADER)
            && self.parts.len() as u64 <= u64::from(MOST_PARTS)
            && self.parts.iter().map(|p| p.len() as u64).sum::<u64>() <= MOST_BYTES
    }

    /// Bytes that it takes on its way.
    pub(super) fn bytes(&self) -> u64 {
        let parts = self.parts.iter().map(|part| 8 + part.len() as u64);
        8 + self.header.len() as u64 + parts.sum::<u64>()
    }

    /// Writes it.
    ///
    /// # Errors
    /// The connection broke.
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&(self.header.len() as u32).to_le_bytes())?;
        to.write_all(&(self.parts.len() as u32).to_le_bytes())?;
        for part in &self.parts {
            to.write_all(&(part.len() as u64).to_le_bytes())?;
        }
        to.write_all(&self.header)?;
        self.parts.iter().try_for_each(|part| to.write_all(part))?;
        to.flush()
    }

    /// Reads one. No more memory is taken than bytes have come, whatever their lengths claim.
    ///
    /// # Errors
    /// The connection broke, or asks for more than any message has.
    pub(super) fn read(from: &mut impl Read) -> Result<Self, Broken> {
        let (header_bytes, count) = (number(from)?, number(from)?);
        if header_bytes > MOST_HEADER || count > MOST_PARTS {
            return Err(Broken::Nonsense("a message that is too large"));
        }
        let mut lengths = Vec::new();
        for _ in 0..count {
            let mut bytes = [0; 8];
            from.read_exact(&mut bytes)?;
            lengths.push(u64::from_le_bytes(bytes));
        }
        let all = lengths.iter().try_fold(0u64, |all, &n| all.checked_add(n));
        if all.is_none_or(|all| all > MOST_BYTES) {
            return Err(Broken::Nonsense("a message that is too large"));
        }
        let header = exactly(from, u64::from(header_bytes))?;
        let parts = lengths.into_iter().map(|n| exactly(from, n));
        let parts = parts.collect::<io::Result<_>>()?;
        Ok(Self { header, parts })
    }
}

fn number(from: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn exactly(from: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length.min(AT_FIRST) as usize);
    from.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length {
        return Ok(bytes);
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_and_claims_reserve_nothing() {
        let frame = Frame::new(&("click", 3), vec![vec![1, 2], Vec::new(), vec![7; 99_999]]);
        let mut sent = Vec::new();
        frame.write(&mut sent).unwrap();
        assert_eq!(sent.len() as u64, frame.bytes());
        let back = Frame::read(&mut sent.as_slice()).unwrap();
        assert_eq!(back, frame);
        assert_eq!(
            back.opened::<(String, u8)>().unwrap().0,
            ("click".to_owned(), 3)
        );
        // Cut off anywhere it is none.
        for length in [0, 3, 7, 20, sent.len() - 1] {
            assert!(Frame::read(&mut &sent[..length]).is_err(), "{length}");
        }
        let claim = |header: u32, parts: &[u64]| {
            let mut bytes = header.to_le_bytes().to_vec();
            bytes.extend((parts.len() as u32).to_le_bytes());
            parts.iter().for_each(|n| bytes.extend(n.to_le_bytes()));
            Frame::read(&mut bytes.as_slice())
        };
        for refused in [
            claim(u32::MAX, &[]),
            claim(2, &[u64::MAX, 1]),
            claim(2, &[1 << 29]),
        ] {
            assert!(matches!(refused, Err(Broken::Nonsense(_))));
        }
        assert!(matches!(claim(2, &[1 << 27]), Err(Broken::Io(_))));
    }
}
