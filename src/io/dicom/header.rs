//! What a DICOM file says about itself, read without its pixels.

use std::io;
use std::path::{Path, PathBuf};

use dicom_dictionary_std::tags;

use super::attributes::Attributes;
use super::cine::{Cine, frame_ms};
use super::dataset::DataSet;
use super::format::PixelFormat;
use super::frame::{Frame, Frames, read_frames};
use super::label_object::LabelObject;
use super::mosaic::Mosaic;
use super::stacked::describes_stack;
use super::stream::{Head, Stream, head_of_gzip};
use super::syntax::{Encoding, Syntax};
use super::uptake::Uptake;
use super::walk::{Extent, NeedMore, PixelElement, guess_encoding, is_dicom, preface, walk};
use crate::io::sniff::{GZIP_MAGIC, HEAD_BYTES, head_of};
use crate::io::{IoError, Warning};

const BREAKS_OFF: &str = "the header breaks off; copy the file again from its source";

/// One DICOM file: one object, of any kind.
#[derive(Debug)]
pub(super) struct Instance {
    pub path: PathBuf,
    pub file_bytes: u64,
    /// Where its bytes come from, and how many there are.
    pub stream: Stream,
    pub stream_bytes: u64,
    pub syntax: Syntax,
    pub encoding: Encoding,
    pub sop_class: String,
    pub sop_instance: String,
    pub study: String,
    pub series: String,
    pub frame_of_reference: String,
    pub series_number: i64,
    pub instance_number: i64,
    pub modality: String,
    pub description: String,
    pub protocol: String,
    pub image_type: Vec<String>,
    /// Where the pixels are, if there are any.
    pub pixels: Option<PixelElement>,
    /// How the pixels of a plane are laid out, or why that cannot be known.
    pub format: Result<PixelFormat, String>,
    /// How planes share a stored frame, if they do.
    pub mosaic: Option<Mosaic>,
    /// What film it is, if it is one.
    pub cine: Option<Cine>,
    /// Time from frame to frame in ms, where it is said.
    pub frame_ms: Option<f64>,
    /// What SUV needs, where it is PET.
    pub uptake: Option<Box<Uptake>>,
    /// Whose labels it holds, where it holds labels.
    pub labels: Option<Box<LabelObject>>,
    /// Every plane, or why they cannot be told.
    pub frames: Result<Vec<Frame>, String>,
    /// What to tell of how it was read.
    pub notes: Vec<Warning>,
    /// Offsets and lengths of frames in compressed pixels (extended offset table).
    pub frame_offsets: Vec<u64>,
    /// The header breaks off or contradicts itself.
    pub cut_short: bool,
}

impl Instance {
    /// Number of frames as they are stored.
    pub fn stored_frames(&self) -> usize {
        match self.mosaic {
            Some(_) => 1,
            None => self.frames.as_ref().map_or(1, Vec::len),
        }
    }

    /// How the pixels of a stored frame are laid out.
    pub fn stored_format(&self) -> Result<PixelFormat, String> {
        let plane = self.format.clone()?;
        Ok(match &self.mosaic {
            Some(mosaic) => mosaic.sheet(&plane),
            None => plane,
        })
    }
}

/// What a file turns out to be.
pub(super) enum Found {
    /// A DICOM object.
    Object(Box<Instance>),
    /// A gzipped file with a DICOM object in it.
    Gzipped,
    /// Something else.
    Foreign,
}

/// Reads the header of a file.
///
/// # Errors
/// The operating system does not give the file.
pub(super) fn read(path: &Path) -> Result<Found, IoError> {
    let head = head_of(path)?;
    if head.starts_with(&GZIP_MAGIC) {
        return Ok(match is_dicom(&head_of_gzip(path, HEAD_BYTES)) {
            true => Found::Gzipped,
            false => Found::Foreign,
        });
    }
    match is_dicom(&head) {
        true => Ok(Found::Object(Box::new(read_object(path, false)?))),
        false => Ok(Found::Foreign),
    }
}

/// Reads the header of a DICOM object in a file, gzipped or not.
///
/// # Errors
/// The operating system does not give the file, or the header breaks off.
pub(super) fn read_object(path: &Path, is_gzipped: bool) -> Result<Instance, IoError> {
    let failed = |e| IoError::unreadable(path, e);
    let file_bytes = std::fs::metadata(path).map_err(failed)?.len();
    let stream = Stream {
        path: path.to_owned(),
        is_gzipped,
        deflated_from: None,
    };
    let located = locate(stream, file_bytes).map_err(failed)?;
    let Some(located) = located else {
        return Err(IoError::damaged(path, BREAKS_OFF));
    };
    Ok(describe(file_bytes, located))
}

/// What `read` takes from the header of an object that was read before.
///
/// # Errors
/// Its file is not there any more, or another.
pub(super) fn with_attributes<T>(
    stream: &Stream,
    read: impl FnOnce(Attributes) -> T,
) -> Result<T, IoError> {
    let path = &stream.path;
    let failed = |e| IoError::unreadable(path, e);
    let file_bytes = std::fs::metadata(path).map_err(failed)?.len();
    let whole = Stream {
        deflated_from: None,
        ..stream.clone()
    };
    let Some(located) = locate(whole, file_bytes).map_err(failed)? else {
        return Err(IoError::damaged(path, BREAKS_OFF));
    };
    let bytes = located.head.bytes.get(located.start..located.extent.end);
    let (dataset, _) = DataSet::parse(bytes.unwrap_or_default(), located.encoding);
    Ok(read(Attributes(&dataset)))
}

/// Where things are in a stream.
struct Located {
    stream: Stream,
    head: Head,
    syntax: Syntax,
    encoding: Encoding,
    /// First byte of the data set.
    start: usize,
    extent: Extent,
}

/// Finds the data set and its end; `None` where the stream ends before.
fn locate(mut stream: Stream, file_bytes: u64) -> io::Result<Option<Located>> {
    let mut head = Head::open(&stream, file_bytes)?;
    let preface = loop {
        match preface(&head.bytes, head.total) {
            Ok(preface) => break preface,
            Err(NeedMore) if head.grow()? => {}
            Err(NeedMore) => return Ok(None),
        }
    };
    let syntax = Syntax {
        uid: preface.syntax,
    };
    let mut start = preface.dataset;
    if syntax.is_deflated() {
        stream.deflated_from = Some(start as u64);
        head = Head::open(&stream, file_bytes)?;
        start = 0;
    }
    let rest = head.bytes.get(start..).unwrap_or_default();
    let encoding = syntax.encoding(guess_encoding(rest));
    let extent = loop {
        match walk(&head.bytes, start, head.total, encoding) {
            Ok(extent) => break extent,
            Err(NeedMore) if head.grow()? => {}
            Err(NeedMore) => return Ok(None),
        }
    };
    Ok(Some(Located {
        stream,
        head,
        syntax,
        encoding,
        start,
        extent,
    }))
}

/// Takes from the sound part of the header what is needed.
fn describe(file_bytes: u64, located: Located) -> Instance {
    let Located {
        stream,
        head,
        syntax,
        encoding,
        start,
        extent,
    } = located;
    let bytes = head.bytes.get(start..extent.end).unwrap_or_default();
    let (dataset, is_sound) = DataSet::parse(bytes, encoding);
    let attributes = Attributes(&dataset);
    let text = |tag| attributes.text(tag).unwrap_or_default();
    let pixels = extent.pixels;
    let room = Room {
        pixels,
        stream_bytes: head.total,
    };
    let stored = PixelFormat::read(attributes, &room);
    let cine = cine_of(attributes);
    let Frames {
        format,
        mosaic,
        frames,
        notes,
    } = read_frames(attributes, cine.as_ref(), stored, &room);
    Instance {
        path: stream.path.clone(),
        file_bytes,
        stream,
        stream_bytes: head.total,
        syntax,
        encoding,
        sop_class: text(tags::SOP_CLASS_UID),
        sop_instance: text(tags::SOP_INSTANCE_UID),
        study: text(tags::STUDY_INSTANCE_UID),
        series: text(tags::SERIES_INSTANCE_UID),
        frame_of_reference: text(tags::FRAME_OF_REFERENCE_UID),
        series_number: attributes.integer(tags::SERIES_NUMBER).unwrap_or(0),
        instance_number: attributes.integer(tags::INSTANCE_NUMBER).unwrap_or(0),
        modality: text(tags::MODALITY).to_ascii_uppercase(),
        description: attributes
            .decoded_text(tags::SERIES_DESCRIPTION)
            .unwrap_or_default(),
        protocol: text(tags::PROTOCOL_NAME),
        image_type: attributes.texts(tags::IMAGE_TYPE),
        format,
        mosaic,
        frames,
        notes,
        cine,
        frame_ms: frame_ms(attributes),
        uptake: Uptake::read(attributes),
        labels: LabelObject::read(attributes),
        frame_offsets: offsets(attributes),
        pixels,
        cut_short: extent.cut_short || !is_sound,
    }
}

/// How much room a file has for pixels.
pub(super) struct Room {
    pub pixels: Option<PixelElement>,
    pub stream_bytes: u64,
}

impl Room {
    /// Whether the pixels are not compressed: their length is known then.
    pub fn is_native(&self) -> bool {
        self.pixels.is_some_and(|p| p.length.is_some())
    }

    /// Bytes that pixels can have.
    pub fn bytes(&self) -> u64 {
        self.pixels.map_or(0, |p| {
            let rest = self.stream_bytes.saturating_sub(p.offset);
            p.length.map_or(rest, |length| length.min(rest))
        })
    }
}

/// The film of an object whose frames have no groups of attributes, with their positions, of their own, and that is
/// no stack of slices.
fn cine_of(attributes: Attributes) -> Option<Cine> {
    let grouped = attributes.has(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE)
        || attributes.has(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    let frames = attributes.integer(tags::NUMBER_OF_FRAMES).unwrap_or(1);
    let modality = attributes.text(tags::MODALITY).unwrap_or_default();
    let is_stack = matches!(modality.as_str(), "CT" | "MR" | "PT") && describes_stack(attributes);
    (frames > 1 && !grouped && !is_stack).then(|| Cine::read(attributes))?
}

/// The extended offset table: 64-bit little-endian numbers in an OV or OB value.
fn offsets(attributes: Attributes) -> Vec<u64> {
    let bytes = attributes.bytes(tags::EXTENDED_OFFSET_TABLE);
    let words = bytes.unwrap_or_default().as_chunks::<8>().0;
    words.iter().map(|&word| u64::from_le_bytes(word)).collect()
}
