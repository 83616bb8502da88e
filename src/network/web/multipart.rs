//! Bodies of several parts (RFC 2046), read as they come.

use std::io::{self, ErrorKind, Read, Write};

use memchr::memmem::{self, Finder};

/// Bytes that are read at once.
const CHUNK: usize = 1 << 16;
/// Longer than any part's headers.
const LONGEST_HEADERS: usize = 1 << 16;

/// The boundary that a `Content-Type` names.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let is_multipart = content_type.trim_start().to_ascii_lowercase();
    if !is_multipart.starts_with("multipart/") {
        return None;
    }
    let parameters = content_type.split(';').skip(1);
    let mut named = parameters.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then(|| value.trim().trim_matches('"'))
    });
    named.next().filter(|b| !b.is_empty()).map(str::to_owned)
}

/// A body of parts, read from `input`.
pub(super) struct Parts<R> {
    input: R,
    delimiter: Finder<'static>,
    /// Read, and not yet handed on.
    buffer: Vec<u8>,
    /// Something of the part, or of what stands before the first one, is left.
    is_within: bool,
    is_at_end: bool,
}

impl<R: Read> Parts<R> {
    pub fn new(input: R, boundary: &str) -> Self {
        let delimiter = format!("\r\n--{boundary}");
        Self {
            input,
            delimiter: Finder::new(delimiter.as_bytes()).into_owned(),
            // The first delimiter may be at the very beginning, without a line's end before it.
            buffer: b"\r\n".to_vec(),
            is_within: true,
            is_at_end: false,
        }
    }

    /// Goes to the contents of the next part, past what is left of this one; `false` where there is none.
    pub fn next(&mut self) -> io::Result<bool> {
        if self.is_within {
            self.copy(&mut io::sink())?;
        }
        self.fill(2)?;
        if self.buffer.starts_with(b"--") {
            return Ok(false);
        }
        // The rest of the delimiter's line is its end; headers follow, and an empty line.
        loop {
            if let Some(at) = memmem::find(&self.buffer, b"\r\n\r\n") {
                self.buffer.drain(..at + 4);
                self.is_within = true;
                return Ok(true);
            }
            if self.buffer.len() > LONGEST_HEADERS {
                return Err(io::Error::new(
                    ErrorKind::InvalidData,
                    "headers without end",
                ));
            }
            let more = self.buffer.len() + 1;
            self.fill(more)?;
        }
    }

    /// The first bytes of the part, as many as there are up to `most`, and perhaps some of what follows.
    pub fn peek(&mut self, most: usize) -> io::Result<&[u8]> {
        while self.buffer.len() < most && !self.is_at_end {
            self.read()?;
        }
        Ok(&self.buffer[..most.min(self.buffer.len())])
    }

    /// Copies the rest of the part, and goes behind it.
    ///
    /// # Errors
    /// [`ErrorKind::UnexpectedEof`] where the body ends within the part.
    pub fn copy(&mut self, to: &mut dyn Write) -> io::Result<()> {
        let length = self.delimiter.needle().len();
        loop {
            if let Some(at) = self.delimiter.find(&self.buffer) {
                to.write_all(&self.buffer[..at])?;
                self.buffer.drain(..at + length);
                self.is_within = false;
                return Ok(());
            }
            // The end of what was read may be the beginning of a delimiter.
            let safe = self.buffer.len().saturating_sub(length - 1);
            to.write_all(&self.buffer[..safe])?;
            self.buffer.drain(..safe);
            let more = self.buffer.len() + 1;
            self.fill(more)?;
        }
    }

    fn fill(&mut self, least: usize) -> io::Result<()> {
        while self.buffer.len() < least {
            if self.is_at_end {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.read()?;
        }
        Ok(())
    }

    fn read(&mut self) -> io::Result<()> {
        let before = self.buffer.len();
        self.buffer.resize(before + CHUNK, 0);
        let read = self.input.read(&mut self.buffer[before..]);
        self.buffer.truncate(before + *read.as_ref().unwrap_or(&0));
        self.is_at_end = read? == 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor, ErrorKind, Read};

    use super::{Parts, boundary};

    /// Gives so many bytes a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(self.0.len()).min(buffer.len());
            buffer[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn parts(body: &[u8], step: usize) -> io::Result<Vec<Vec<u8>>> {
        let mut parts = Parts::new(Slow(body, step), "b-1");
        let mut found = Vec::new();
        while parts.next()? {
            let mut part = Vec::new();
            parts.copy(&mut part)?;
            found.push(part);
        }
        Ok(found)
    }

    #[test]
    fn parts_are_the_same_however_they_come() {
        // A part may hold what looks like a delimiter, and none at all.
        let body = b"--b-1\r\nContent-Type: a\r\n\r\nfirst\r\n--b-\r\n\r\n--b-1\r\nA: b\r\nC: d\r\n\r\n\r\n--b-1--\r\nafter";
        for step in [1, 2, 3, 7, 1000] {
            let found = parts(body, step).unwrap_or_default();
            assert_eq!(found, [b"first\r\n--b-\r\n".to_vec(), Vec::new()], "{step}");
        }
    }

    #[test]
    fn a_body_that_breaks_off_is_an_error() {
        let body = b"--b-1\r\nA: b\r\n\r\nfirst\r\n--b-1\r\nA: b\r\n\r\nsecond\r\n--b-1--";
        for end in 0..body.len() {
            let kind = parts(&body[..end], 5).err().map(|e| e.kind());
            assert_eq!(kind, Some(ErrorKind::UnexpectedEof), "{end}");
        }
        assert_eq!(parts(body, 5).map(|p| p.len()).unwrap_or_default(), 2);
    }

    #[test]
    fn boundaries_are_found_in_their_header() {
        let header = r#"multipart/related; type="application/dicom"; boundary="x=y""#;
        assert_eq!(boundary(header).as_deref(), Some("x=y"));
        let plain = "Multipart/Related;BOUNDARY=abc;type=application/dicom";
        assert_eq!(boundary(plain).as_deref(), Some("abc"));
        assert_eq!(boundary("application/dicom; boundary=abc"), None);
        assert_eq!(boundary("multipart/related"), None);
    }

    #[test]
    fn what_is_peeked_at_is_still_copied() -> io::Result<()> {
        let mut parts = Parts::new(Cursor::new(b"--b\r\n\r\nabcdef\r\n--b--"), "b");
        assert!(parts.next()?);
        assert_eq!(parts.peek(3)?, b"abc");
        let mut part = Vec::new();
        parts.copy(&mut part)?;
        assert_eq!(part, b"abcdef");
        assert!(!parts.next()?);
        Ok(())
    }
}
