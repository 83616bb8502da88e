//! The bytes of each frame: where they are in the file, and reading them.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::format::PixelFormat;
use super::header::Instance;
use super::refusal::Refusal;
use super::syntax::Codec;
use super::walk::PixelElement;

/// Packed files up to this size are not suspected, in bytes; larger ones if they unpack to more than this many times
/// their size.
const UNSUSPECTED_BYTES: u64 = 64 << 20;
const MAX_PACKING: u64 = 200;

/// A stretch of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    offset: u64,
    length: u64,
}

/// Where the bytes come from.
#[derive(Debug)]
enum Origin {
    File(PathBuf),
    /// A stream that had to be unpacked.
    Memory(Vec<u8>),
}

/// The pixel bytes of one object.
#[derive(Debug)]
pub(super) struct PixelSource {
    origin: Origin,
    frames: Vec<Vec<Span>>,
}

impl PixelSource {
    /// Finds the bytes of every frame.
    ///
    /// # Errors
    /// The pixels are shorter than their format needs, or their fragments make no sense.
    pub fn open(instance: &Instance) -> Result<Self, Refusal> {
        let format = instance.stored_format().map_err(Refusal::Damaged)?;
        let frames = instance.stored_frames();
        let element = instance
            .pixels
            .ok_or_else(|| Refusal::damaged("it has no pixels"))?;
        let available = instance.stream_bytes;
        let native = match element.length {
            Some(length) => Some(native(&element, length, available, frames, &format)?),
            None => None,
        };
        let origin = match instance.stream.is_plain() {
            true => Origin::File(instance.path.clone()),
            false => Origin::Memory(unpacked(instance, native.as_deref())?),
        };
        let frames = match native {
            Some(frames) => frames,
            None => {
                let mut reader = origin.reader()?;
                let fragments = Fragments::read(&mut reader, element.offset, available)?;
                fragments.frames(&mut reader, frames, &instance.frame_offsets)?
            }
        };
        Ok(Self { origin, frames })
    }

    /// The bytes of one frame, fragments joined.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub fn read(&self, frame: usize) -> Result<Vec<u8>, Refusal> {
        let spans = &self.frames[frame];
        let total: u64 = spans.iter().map(|s| s.length).sum();
        let mut bytes = Vec::with_capacity(total as usize);
        let mut reader = self.origin.reader()?;
        for span in spans {
            reader.read_span(*span, &mut bytes)?;
        }
        Ok(bytes)
    }

    /// Reads one frame into a buffer of just its length.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub fn read_into(&self, frame: usize, buffer: &mut [u8]) -> Result<(), Refusal> {
        match (&self.origin, self.frames[frame].as_slice()) {
            (Origin::File(path), [span]) if span.length == buffer.len() as u64 => {
                let mut file = File::open(path).map_err(unreadable)?;
                file.seek(SeekFrom::Start(span.offset))
                    .map_err(unreadable)?;
                file.read_exact(buffer).map_err(unreadable)
            }
            _ => {
                let bytes = self.read(frame)?;
                let bytes = bytes.get(..buffer.len()).ok_or_else(too_short)?;
                buffer.copy_from_slice(bytes);
                Ok(())
            }
        }
    }
}

fn unreadable(e: std::io::Error) -> Refusal {
    Refusal::damaged(format!("its pixels cannot be read: {e}"))
}

fn too_short() -> Refusal {
    Refusal::damaged("its pixels break off; copy the file again from its source")
}

/// A packed stream as far as it is needed: to the end of the last frame, or all of it where frames are in fragments.
fn unpacked(instance: &Instance, native: Option<&[Vec<Span>]>) -> Result<Vec<u8>, Refusal> {
    let last = native.and_then(|frames| frames.last()?.last());
    let end = match last {
        Some(span) => span.offset + span.length,
        None => instance.stream_bytes,
    };
    check_unpacking(instance, end)?;
    instance.stream.read_before(end).map_err(unreadable)
}

/// Whether the first `end` bytes of an object's stream are as many as its file may hold.
///
/// # Errors
/// A packed file that unpacks to far more than its size.
pub(super) fn check_unpacking(instance: &Instance, end: u64) -> Result<(), Refusal> {
    let most = UNSUSPECTED_BYTES.max(instance.file_bytes.saturating_mul(MAX_PACKING));
    if end > most {
        let mb = end >> 20;
        return Err(Refusal::damaged(format!(
            "it unpacks to {mb} MiB, which no scan does; copy the file again from its source"
        )));
    }
    Ok(())
}

/// Frames that are not compressed lie one after the other.
fn native(
    element: &PixelElement,
    length: u64,
    available: u64,
    frames: usize,
    format: &PixelFormat,
) -> Result<Vec<Vec<Span>>, Refusal> {
    let frame_bytes = format.frame_bytes() as u64;
    let needed = frame_bytes.saturating_mul(frames as u64);
    let there = length.min(available.saturating_sub(element.offset));
    if needed > there {
        return Err(Refusal::damaged(format!(
            "its pixels break off: {needed} bytes are needed, {there} are there; copy the file again from its source"
        )));
    }
    let span = |frame: u64| Span {
        offset: element.offset + frame * frame_bytes,
        length: frame_bytes,
    };
    Ok((0..frames as u64).map(|f| vec![span(f)]).collect())
}

/// Reads spans from a file or from memory.
enum SpanReader<'a> {
    File(File),
    Memory(&'a [u8]),
}

impl Origin {
    fn reader(&self) -> Result<SpanReader<'_>, Refusal> {
        Ok(match self {
            Self::File(path) => SpanReader::File(open(path)?),
            Self::Memory(data) => SpanReader::Memory(data),
        })
    }
}

fn open(path: &Path) -> Result<File, Refusal> {
    File::open(path).map_err(unreadable)
}

impl SpanReader<'_> {
    /// Appends a span that lies inside the stream.
    fn read_span(&mut self, span: Span, to: &mut Vec<u8>) -> Result<(), Refusal> {
        match self {
            Self::File(file) => {
                file.seek(SeekFrom::Start(span.offset))
                    .map_err(unreadable)?;
                let read = file.take(span.length).read_to_end(to).map_err(unreadable)?;
                if (read as u64) < span.length {
                    return Err(too_short());
                }
            }
            Self::Memory(data) => {
                let range = span.offset as usize..(span.offset + span.length) as usize;
                to.extend_from_slice(data.get(range).ok_or_else(too_short)?);
            }
        }
        Ok(())
    }

    fn words(&mut self, offset: u64, count: u64) -> Result<Vec<u32>, Refusal> {
        let mut raw = Vec::new();
        let length = count * 4;
        self.read_span(Span { offset, length }, &mut raw)?;
        let word = |c: &[u8]| c.try_into().map(u32::from_le_bytes).unwrap_or(0);
        Ok(raw.chunks_exact(4).map(word).collect())
    }
}

/// The items of encapsulated pixel data (PS3.5 A.4), always little endian.
struct Fragments {
    /// Offsets of frames from the first fragment's item, from the basic offset table.
    table: Vec<u64>,
    /// Each fragment's value.
    spans: Vec<Span>,
}

const ITEM: u32 = 0xE000_FFFE;
const SEQUENCE_END: u32 = 0xE0DD_FFFE;

/// No basic offset table is longer: one word per frame.
const MAX_TABLE_BYTES: u64 = 4 << 20;

impl Fragments {
    fn read(reader: &mut SpanReader, start: u64, available: u64) -> Result<Self, Refusal> {
        let mut at = start;
        let mut spans = Vec::new();
        while at + 8 <= available {
            let header = reader.words(at, 2)?;
            let length = u64::from(header[1]);
            match header[0] {
                ITEM if at + 8 + length <= available => spans.push(Span {
                    offset: at + 8,
                    length,
                }),
                SEQUENCE_END => break,
                _ => return Err(too_short()),
            }
            at += 8 + length;
        }
        if spans.is_empty() {
            return Err(too_short());
        }
        let table = spans.remove(0);
        if table.length > MAX_TABLE_BYTES {
            return Err(Refusal::damaged("its table of frame offsets is too long"));
        }
        let table = reader.words(table.offset, table.length / 4)?;
        let table = table.into_iter().map(u64::from).collect();
        Ok(Self { table, spans })
    }

    /// The fragments of each frame.
    fn frames(
        self,
        reader: &mut SpanReader,
        frames: usize,
        extended_table: &[u64],
    ) -> Result<Vec<Vec<Span>>, Refusal> {
        if frames == 1 {
            return Ok(vec![self.spans]);
        }
        if self.spans.len() == frames {
            return Ok(self.spans.into_iter().map(|s| vec![s]).collect());
        }
        let starts = match (self.table.len(), extended_table.len()) {
            (n, _) if n == frames => self.starts_at(&self.table),
            (_, n) if n == frames => self.starts_at(extended_table),
            _ => self.starts_by_marker(reader)?,
        };
        let fragments = self.spans.len();
        if starts.len() != frames || starts.first() != Some(&0) {
            return Err(Refusal::damaged(format!(
                "its {fragments} compressed fragments cannot be assigned to {frames} frames"
            )));
        }
        let ends = starts[1..].iter().copied().chain([fragments]);
        let ranges = starts.iter().zip(ends);
        Ok(ranges.map(|(&a, b)| self.spans[a..b].to_vec()).collect())
    }

    /// Fragments at which frames begin, by offsets from the first fragment's item; ascending.
    fn starts_at(&self, offsets: &[u64]) -> Vec<usize> {
        let base = self.spans.first().map_or(0, |s| s.offset);
        let find = |o: &u64| self.spans.binary_search_by_key(&(base + o), |s| s.offset);
        let starts: Vec<usize> = offsets.iter().filter_map(|o| find(o).ok()).collect();
        match starts.is_sorted_by(|a, b| a < b) {
            true => starts,
            false => Vec::new(),
        }
    }

    /// Fragments that begin with the start marker of a JPEG or JPEG 2000 stream.
    fn starts_by_marker(&self, reader: &mut SpanReader) -> Result<Vec<usize>, Refusal> {
        let mut starts = Vec::new();
        for (i, span) in self.spans.iter().enumerate() {
            let mut head = Vec::new();
            let length = span.length.min(4);
            reader.read_span(Span { length, ..*span }, &mut head)?;
            if head.starts_with(&[0xFF, 0xD8, 0xFF]) || head.starts_with(&[0xFF, 0x4F, 0xFF, 0x51])
            {
                starts.push(i);
            }
        }
        Ok(starts)
    }
}

/// Whether pixels that are not compressed are all there, by the lengths alone.
///
/// # Errors
/// The file is shorter than Rows, Columns and NumberOfFrames need.
pub(super) fn check_length(instance: &Instance) -> Result<(), Refusal> {
    let Some(element) = instance.pixels else {
        return Ok(());
    };
    let format = instance.stored_format().map_err(Refusal::Damaged)?;
    let frames = instance.stored_frames();
    let available = instance.stream_bytes;
    match element.length {
        Some(length) => native(&element, length, available, frames, &format).map(|_| ()),
        None => Ok(()),
    }
}

/// Whether the declared syntax and the way the pixels are written agree.
///
/// # Errors
/// Compressed pixels that do not come in fragments.
pub(super) fn check_encapsulation(instance: &Instance) -> Result<(), Refusal> {
    let fragmented = instance.pixels.is_some_and(|p| p.length.is_none());
    if instance.syntax.codec() != Codec::Native && !fragmented {
        let name = instance.syntax.name();
        return Err(Refusal::damaged(format!(
            "its pixels are declared as {name} but are not in fragments"
        )));
    }
    Ok(())
}
