//! What a DICOM file says about itself, read without its pixels.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use dicom_dictionary_std::tags;
use dicom_object::file::ReadPreamble;
use dicom_object::{DicomCollectorOptions, InMemDicomObject};

use super::attributes::Attributes;
use super::cine::{Cine, frame_ms};
use super::format::PixelFormat;
use super::frame::{Frame, read_frames};
use super::inflate::inflate;
use super::syntax::{Encoding, Syntax};
use super::walk::{Extent, NeedMore, PixelElement, guess_encoding, is_dicom, preface, walk};
use crate::io::IoError;

/// Read first; the headers of nearly all single-frame files fit.
const FIRST_READ: u64 = 64 * 1024;

/// One DICOM file: one object, of any kind.
#[derive(Debug)]
pub(super) struct Instance {
    pub path: PathBuf,
    pub file_bytes: u64,
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
    pub image_type: Vec<String>,
    /// Where the pixels are, if there are any.
    pub pixels: Option<PixelElement>,
    /// How the pixels are laid out, or why that cannot be known.
    pub format: Result<PixelFormat, String>,
    /// What film it is, if it is one.
    pub cine: Option<Cine>,
    /// Time from frame to frame in ms, where it is said.
    pub frame_ms: Option<f64>,
    /// Every frame, or why they cannot be told.
    pub frames: Result<Vec<Frame>, String>,
    /// Offsets and lengths of frames in compressed pixels (extended offset table).
    pub frame_offsets: Vec<u64>,
    /// The header breaks off or contradicts itself.
    pub cut_short: bool,
}

/// Reads the header of a file; `None` if it is not DICOM.
///
/// # Errors
/// The operating system does not give the file.
pub(super) fn read(path: &Path) -> Result<Option<Instance>, IoError> {
    let failed = |e| IoError::unreadable(path, e);
    let mut file = File::open(path).map_err(failed)?;
    let file_bytes = file.metadata().map_err(failed)?.len();
    let mut head = Vec::new();
    read_up_to(&mut file, &mut head, FIRST_READ).map_err(failed)?;
    if !is_dicom(&head) {
        return Ok(None);
    }
    loop {
        match locate(&head, file_bytes) {
            Ok(located) => return Ok(Some(describe(path, file_bytes, head, located))),
            Err(NeedMore) if (head.len() as u64) < file_bytes => {
                let more = head.len() as u64 * 8;
                let before = head.len();
                read_up_to(&mut file, &mut head, more).map_err(failed)?;
                if head.len() == before {
                    break;
                }
            }
            Err(NeedMore) => break,
        }
    }
    let reason = "the header breaks off; copy the file again from its source";
    Err(IoError::damaged(path, reason))
}

fn read_up_to(file: &mut File, head: &mut Vec<u8>, length: u64) -> std::io::Result<()> {
    let more = length.saturating_sub(head.len() as u64);
    file.by_ref().take(more).read_to_end(head).map(|_| ())
}

/// Where things are in a file; the data set itself if it had to be inflated.
struct Located {
    syntax: Syntax,
    encoding: Encoding,
    dataset: usize,
    extent: Extent,
    inflated: Option<Vec<u8>>,
}

fn locate(head: &[u8], file_bytes: u64) -> Result<Located, NeedMore> {
    let start = preface(head, file_bytes)?;
    let syntax = Syntax { uid: start.syntax };
    if syntax.is_deflated() {
        if (head.len() as u64) < file_bytes {
            return Err(NeedMore);
        }
        let data = inflate(head.get(start.dataset..).unwrap_or_default());
        let extent = walk(&data, 0, data.len() as u64, Encoding::EXPLICIT_LITTLE)?;
        return Ok(Located {
            syntax,
            encoding: Encoding::EXPLICIT_LITTLE,
            dataset: 0,
            extent,
            inflated: Some(data),
        });
    }
    let rest = head.get(start.dataset..).unwrap_or_default();
    let encoding = syntax.encoding(guess_encoding(rest));
    let extent = walk(head, start.dataset, file_bytes, encoding)?;
    Ok(Located {
        syntax,
        encoding,
        dataset: start.dataset,
        extent,
        inflated: None,
    })
}

/// Parses the sound part of the header and takes from it what is needed.
fn describe(path: &Path, file_bytes: u64, head: Vec<u8>, located: Located) -> Instance {
    let mut bytes = located.inflated.unwrap_or(head);
    bytes.truncate(located.extent.end);
    bytes.drain(..located.dataset.min(located.extent.end));
    let mut object = InMemDicomObject::new_empty();
    // What was collected before an error is kept: enough to say what the object is.
    let parsed = DicomCollectorOptions::new()
        .expected_ts(located.encoding.uid())
        .read_preamble(ReadPreamble::Never)
        .from_reader(BufReader::new(Cursor::new(bytes)))
        .read_dataset_to_end(&mut object);
    let attributes = Attributes(&object);
    let text = |tag| attributes.text(tag).unwrap_or_default();
    let pixels = located.extent.pixels;
    let cine = cine_of(attributes);
    Instance {
        path: path.to_owned(),
        file_bytes,
        syntax: located.syntax,
        encoding: located.encoding,
        sop_class: text(tags::SOP_CLASS_UID),
        sop_instance: text(tags::SOP_INSTANCE_UID),
        study: text(tags::STUDY_INSTANCE_UID),
        series: text(tags::SERIES_INSTANCE_UID),
        frame_of_reference: text(tags::FRAME_OF_REFERENCE_UID),
        series_number: attributes.integer(tags::SERIES_NUMBER).unwrap_or(0),
        instance_number: attributes.integer(tags::INSTANCE_NUMBER).unwrap_or(0),
        modality: text(tags::MODALITY),
        description: text(tags::SERIES_DESCRIPTION),
        image_type: attributes.texts(tags::IMAGE_TYPE),
        format: PixelFormat::read(attributes, pixels.map_or((0, 0), |p| p.tag)),
        frames: read_frames(attributes, cine.as_ref()),
        cine,
        frame_ms: frame_ms(attributes),
        frame_offsets: offsets(attributes),
        pixels,
        cut_short: located.extent.cut_short || parsed.is_err(),
    }
}

/// The film of an object whose frames have no groups of attributes, with their positions, of their own.
fn cine_of(attributes: Attributes) -> Option<Cine> {
    let grouped = attributes.has(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE)
        || attributes.has(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    let frames = attributes.integer(tags::NUMBER_OF_FRAMES).unwrap_or(1);
    (frames > 1 && !grouped).then(|| Cine::read(attributes))?
}

/// The extended offset table: 64-bit little-endian numbers in an OV or OB value.
fn offsets(attributes: Attributes) -> Vec<u64> {
    let element = attributes.0.get(tags::EXTENDED_OFFSET_TABLE);
    let bytes = element.and_then(|e| e.to_bytes().ok()).unwrap_or_default();
    let word = |c: &[u8]| c.try_into().map(u64::from_le_bytes).unwrap_or(0);
    bytes.chunks_exact(8).map(word).collect()
}
