//! Unpacking gzip files of one or more members.

use std::io::{BufRead, Read, Result};

use flate2::bufread::GzDecoder;

/// The unpacked bytes of all members in order. Bytes after the last member that are no gzip member
/// (padding) end the stream; each member's checksum is checked at its end.
pub(super) struct GzipReader<R: BufRead> {
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> GzipReader<R> {
    /// Starts at the first member.
    pub(super) fn new(packed: R) -> Self {
        Self {
            member: Some(GzDecoder::new(packed)),
        }
    }
}

impl<R: BufRead> Read for GzipReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            let n = member.read(buffer)?;
            if n > 0 {
                return Ok(n);
            }
            let rest = self.member.take().map(GzDecoder::into_inner);
            if let Some(mut rest) = rest
                && rest.fill_buf()?.first() == Some(&0x1f)
            {
                self.member = Some(GzDecoder::new(rest));
            }
        }
        Ok(0)
    }
}
