//! The stream of bytes that a data set lies in: a file, or what comes of unpacking it.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::{DeflateDecoder, MultiGzDecoder};

/// Nothing is unpacked to more bytes than this: what claims to be larger is an attack or a mistake.
const MAX_UNPACKED_BYTES: u64 = 4 << 30;

/// Read first; the headers of nearly all single-frame files fit.
const FIRST_READ: u64 = 64 * 1024;

/// Unpacked headers may take this much, and more in proportion to their file: a few bytes unpack to a thousand.
const UNSUSPECTED_HEADER_BYTES: u64 = 16 << 20;
const MAX_HEADER_EXPANSION: u64 = 20;

/// Where a stream comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stream {
    pub path: PathBuf,
    /// The file is gzipped.
    pub is_gzipped: bool,
    /// First deflated byte, where the rest of the file is deflated.
    pub deflated_from: Option<u64>,
}

impl Stream {
    /// Whether its bytes are the file's.
    pub fn is_plain(&self) -> bool {
        !self.is_gzipped && self.deflated_from.is_none()
    }

    fn open(&self) -> io::Result<Box<dyn Read>> {
        let file = BufReader::new(File::open(&self.path)?);
        let mut reader: Box<dyn Read> = match self.is_gzipped {
            true => Box::new(MultiGzDecoder::new(file)),
            false => Box::new(file),
        };
        if let Some(start) = self.deflated_from {
            io::copy(&mut reader.by_ref().take(start), &mut io::sink())?;
            reader = Box::new(DeflateDecoder::new(reader).take(MAX_UNPACKED_BYTES));
        }
        Ok(reader)
    }

    /// The bytes from `start` on.
    ///
    /// # Errors
    /// The file cannot be read up to there.
    pub fn read_from(&self, start: u64) -> io::Result<Box<dyn Read>> {
        if self.is_plain() {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(start))?;
            return Ok(Box::new(BufReader::new(file)));
        }
        let mut reader = self.open()?;
        io::copy(&mut reader.by_ref().take(start), &mut io::sink())?;
        Ok(reader)
    }

    /// Length of a packed stream, which is unpacked for it, and forgotten; it ends where it is damaged.
    fn unpacked_length(&self) -> io::Result<u64> {
        let mut reader = self.open()?.take(MAX_UNPACKED_BYTES);
        let mut buffer = vec![0; 1 << 16];
        let mut length = 0;
        while let Ok(n @ 1..) = reader.read(&mut buffer) {
            length += n as u64;
        }
        Ok(length)
    }

    /// The bytes before `end`, or as many as are sound.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn read_before(&self, end: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // An error leaves what came before it in `bytes`; whoever needs more finds it missing.
        let _ = self.open()?.take(end).read_to_end(&mut bytes);
        Ok(bytes)
    }
}

/// The beginning of a stream, read further as needed.
pub(super) struct Head {
    reader: Box<dyn Read>,
    /// What was read so far.
    pub bytes: Vec<u8>,
    /// Length of the whole stream.
    pub total: u64,
    /// How much of it may be read.
    most: u64,
}

impl Head {
    /// Opens a stream and reads its first bytes.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(stream: &Stream, file_bytes: u64) -> io::Result<Self> {
        let (total, most) = match stream.is_plain() {
            true => (file_bytes, file_bytes),
            false => {
                let most = file_bytes.saturating_mul(MAX_HEADER_EXPANSION);
                (
                    stream.unpacked_length()?,
                    UNSUSPECTED_HEADER_BYTES.max(most),
                )
            }
        };
        let mut head = Self {
            reader: stream.open()?,
            bytes: Vec::new(),
            total,
            most,
        };
        head.read_up_to(FIRST_READ)?;
        Ok(head)
    }

    /// Reads on; `false` if there is no more to be had.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn grow(&mut self) -> io::Result<bool> {
        let before = self.bytes.len();
        self.read_up_to((before as u64).saturating_mul(8))?;
        Ok(self.bytes.len() > before)
    }

    fn read_up_to(&mut self, length: u64) -> io::Result<()> {
        let more = length
            .min(self.most)
            .min(self.total)
            .saturating_sub(self.bytes.len() as u64);
        self.reader
            .by_ref()
            .take(more)
            .read_to_end(&mut self.bytes)
            .map(|_| ())
    }
}

/// The first `length` bytes inside a gzipped file, or as many as are sound.
pub(in crate::io) fn head_of_gzip(path: &Path, length: u64) -> Vec<u8> {
    let stream = Stream {
        path: path.to_owned(),
        is_gzipped: true,
        deflated_from: None,
    };
    stream.read_before(length).unwrap_or_default()
}
