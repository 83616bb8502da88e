//! Reading a segmentation: its segments, and which of them each frame is of.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use dicom_dictionary_std::tags;

use super::super::attributes::Attributes;
use super::super::decode::Sources;
use super::super::format::{Photometric, PixelFormat};
use super::super::header::{Instance, with_attributes};
use super::super::samples::{BitField, store};
use super::super::series::Plane;
use super::bits;
use super::colour::rgb_from_lab;
use super::planes::{Planes, place};
use crate::io::whole::named;
use crate::io::{Code, IoError, LabelTarget, Labels, SegmentDetails, Warning};
use crate::util::JobContext;
use crate::volume::resample::{inside, resample_labels};
use crate::volume::{Label, LabelMap, LabelTable, LayerId};

/// How segments share the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A frame is a segment's, a bit a pixel.
    Binary,
    /// A frame is a segment's, a share of 255 or less a pixel.
    Fractional {
        /// What stands for all of a pixel.
        whole: u16,
    },
    /// A frame is all segments', a number a pixel.
    LabelMap {
        /// The number of no segment.
        background: u16,
    },
}

/// What the header says.
struct Header {
    kind: Kind,
    segments: Vec<Segment>,
    /// The number of the segment of each frame; empty for a label map.
    segment_of_frame: Vec<u16>,
    format: PixelFormat,
}

struct Segment {
    number: u16,
    name: String,
    color: Option<[u8; 3]>,
    details: SegmentDetails,
}

/// Reads a segmentation, onto the grid of the scan where one is given.
///
/// # Errors
/// What is missing or contradicts itself, another frame of reference than the scan's, and pixels that cannot be read.
pub(in crate::io::dicom) fn read(
    mut instance: Instance,
    target: Option<&LabelTarget>,
    ctx: &JobContext,
) -> Result<Labels, IoError> {
    let path = instance.path.clone();
    let header = with_attributes(&instance.stream, header)?;
    let header = header.map_err(|reason| IoError::damaged(&path, reason))?;
    check_space(&instance, target)?;
    if instance.pixels.is_none() {
        return Err(IoError::damaged(&path, "it has no pixels"));
    }
    instance.format = Ok(header.format.clone());
    let frames = instance.frames.as_ref();
    let frames = frames.map_err(|reason| IoError::damaged(&path, reason.as_str()))?;
    if header.kind_has_frames() && header.segment_of_frame.len() != frames.len() {
        let reason = "it does not say of each frame which segment it is of";
        return Err(IoError::damaged(&path, reason));
    }
    let planes = place(frames, &header.format, target);
    let planes = planes.map_err(|refusal| refusal.at(&path))?;
    let mut warnings = Vec::new();
    let voxels = paint(&instance, &header, &planes, &mut warnings, ctx)?;
    let mut labels = LabelMap {
        grid: planes.grid,
        voxels,
    };
    if let Some(target) = target.filter(|_| !planes.is_target) {
        let is_inside = inside(&target.grid, &labels.grid);
        let lost = labels.voxels.iter().zip(is_inside);
        let lost = lost.filter(|(label, inside)| **label != 0 && *inside == 0.0);
        warnings.push(Warning::LabelsResampled {
            outside: lost.count(),
        });
        labels = resample_labels(&labels, &target.grid);
    }
    let mut table = LabelTable::default();
    let mut details = BTreeMap::new();
    for segment in header.segments {
        let value = segment.number;
        table.insert(Label {
            value,
            name: segment.name,
            color: segment
                .color
                .unwrap_or_else(|| LabelTable::palette_color(value)),
            visible: true,
            locked: false,
            layer: LayerId::default(),
        });
        details.insert(value, segment.details);
    }
    Ok(Labels {
        table: named(table, &labels),
        labels,
        details,
        warnings,
    })
}

/// Refuses what lies in another space than the scan.
fn check_space(instance: &Instance, target: Option<&LabelTarget>) -> Result<(), IoError> {
    let source = target.and_then(|target| target.source);
    let of_scan = source.map_or("", |source| source.frame_of_reference_uid.as_str());
    let own = instance.frame_of_reference.as_str();
    if of_scan.is_empty() || own.is_empty() || of_scan == own {
        return Ok(());
    }
    Err(IoError::not_labels(
        &instance.path,
        "it lies in another frame of reference than the scan: give the scan that it was drawn on",
    ))
}

impl Header {
    fn kind_has_frames(&self) -> bool {
        !matches!(self.kind, Kind::LabelMap { .. })
    }
}

fn header(root: Attributes) -> Result<Header, String> {
    if root
        .integer(tags::IN_CONCATENATION_TOTAL_NUMBER)
        .unwrap_or(1)
        > 1
    {
        return Err("it is a part of a segmentation of several files, which is not read".into());
    }
    let integer = |tag| root.integer(tag).and_then(|v| u16::try_from(v).ok());
    let number = |tag, name: &str| {
        let value = integer(tag).filter(|&v| v > 0);
        value.ok_or_else(|| format!("{name} is missing or out of range"))
    };
    let bits = number(tags::BITS_ALLOCATED, "BitsAllocated")?;
    let kind = match root.text(tags::SEGMENTATION_TYPE).as_deref() {
        Some("BINARY") if bits == 1 => Kind::Binary,
        Some("FRACTIONAL") if bits == 8 => Kind::Fractional {
            whole: number(tags::MAXIMUM_FRACTIONAL_VALUE, "MaximumFractionalValue")?,
        },
        Some("LABELMAP") if bits == 8 || bits == 16 => Kind::LabelMap {
            background: integer(tags::PIXEL_PADDING_VALUE).unwrap_or(0),
        },
        Some(other) => return Err(format!("its SegmentationType is {other} of {bits} bits")),
        None => return Err("it has no SegmentationType".into()),
    };
    let mut segments = Vec::new();
    for item in root.items(tags::SEGMENT_SEQUENCE) {
        segments.push(segment(Attributes(item), root)?);
    }
    let is_background = |segment: &Segment| matches!(kind, Kind::LabelMap { background } if segment.number == background);
    segments.retain(|segment| !is_background(segment));
    if segments.iter().any(|segment| segment.number == 0) {
        return Err("it has a segment of number 0 that is not its background".into());
    }
    Ok(Header {
        kind,
        segments,
        segment_of_frame: match kind {
            Kind::LabelMap { .. } => Vec::new(),
            _ => segments_of_frames(root)?,
        },
        format: PixelFormat {
            rows: usize::from(number(tags::ROWS, "Rows")?),
            columns: usize::from(number(tags::COLUMNS, "Columns")?),
            samples: 1,
            // A palette is for display: the numbers mean the same.
            photometric: Photometric::Monochrome2,
            planar: false,
            is_422: false,
            bits_allocated: u32::from(bits.max(8)),
            bits_stored: u32::from(bits),
            high_bit: u32::from(bits) - 1,
            signed: false,
            float: false,
            padding: None,
        },
    })
}

fn segment(item: Attributes, root: Attributes) -> Result<Segment, String> {
    let number = item.integer(tags::SEGMENT_NUMBER);
    let number = number.and_then(|n| u16::try_from(n).ok());
    let text = |tag| item.decoded_text_of(tag, root);
    let code = |tag| item.item(tag).and_then(|item| code_of(item, root));
    let modifier = |sequence, tag| {
        let inner = item.item(sequence)?.item(tag)?;
        code_of(inner, root)
    };
    let color = item.exactly::<3>(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE);
    let tracking = [tags::TRACKING_ID, tags::TRACKING_UID].map(text);
    Ok(Segment {
        number: number.ok_or("a segment has no number")?,
        name: text(tags::SEGMENT_LABEL).unwrap_or_default(),
        color: color.map(|lab| rgb_from_lab(lab.map(|v| v.clamp(0.0, 65535.0) as u16))),
        details: SegmentDetails {
            category: code(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE),
            kind: code(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE),
            modifier: modifier(
                tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE,
                tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE,
            ),
            region: code(tags::ANATOMIC_REGION_SEQUENCE),
            region_modifier: modifier(
                tags::ANATOMIC_REGION_SEQUENCE,
                tags::ANATOMIC_REGION_MODIFIER_SEQUENCE,
            ),
            description: text(tags::SEGMENT_DESCRIPTION),
            algorithm_type: text(tags::SEGMENT_ALGORITHM_TYPE),
            algorithm_name: text(tags::SEGMENT_ALGORITHM_NAME),
            tracking: match tracking {
                [Some(id), Some(uid)] => Some([id, uid]),
                _ => None,
            },
        },
    })
}

fn code_of(item: Attributes, root: Attributes) -> Option<Code> {
    Some(Code {
        value: item.text(tags::CODE_VALUE)?,
        scheme: item.text(tags::CODING_SCHEME_DESIGNATOR)?,
        meaning: item
            .decoded_text_of(tags::CODE_MEANING, root)
            .unwrap_or_default(),
    })
}

/// The number of the segment of each frame: its own, or the one for all of them.
fn segments_of_frames(root: Attributes) -> Result<Vec<u16>, String> {
    let number = |groups: Attributes| {
        let item = groups.item(tags::SEGMENT_IDENTIFICATION_SEQUENCE)?;
        let number = item.integer(tags::REFERENCED_SEGMENT_NUMBER)?;
        u16::try_from(number).ok().filter(|&n| n > 0)
    };
    let shared = root.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    let shared = shared.and_then(number);
    let frames = root.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    let of_frame = |item| number(Attributes(item)).or(shared);
    let numbers: Option<Vec<u16>> = frames.iter().map(of_frame).collect();
    numbers.ok_or_else(|| "a frame does not say which segment it is of".to_owned())
}

/// The labels on the planes' grid.
fn paint(
    instance: &Instance,
    header: &Header,
    planes: &Planes,
    warnings: &mut Vec<Warning>,
    ctx: &JobContext,
) -> Result<Vec<u16>, IoError> {
    let path = &instance.path;
    let mut canvas = Canvas::new(planes, &header.format)
        .ok_or_else(|| IoError::unsupported(path, "it does not fit into this computer's memory"))?;
    let pixels = Pixels::open(instance, header)?;
    let frames = planes.slices.len();
    for frame in 0..frames {
        ctx.step(frame as f32 / frames as f32, "reading segments")?;
        let slice = canvas.slice(planes.slices[frame]);
        let values = pixels.frame(frame)?;
        match header.kind {
            Kind::Binary => canvas.binary(slice, header.segment_of_frame[frame], &values),
            Kind::Fractional { whole } => {
                canvas.fractional(slice, header.segment_of_frame[frame], &values, whole);
            }
            Kind::LabelMap { background } => canvas.labels(slice, &values, background),
        }
    }
    if canvas.overlapping > 0 {
        warnings.push(Warning::SegmentsOverlap {
            voxels: canvas.overlapping,
        });
    }
    if let Kind::Fractional { .. } = header.kind {
        warnings.push(Warning::FractionsCut);
    }
    Ok(canvas.voxels)
}

/// The labels while frames are laid over each other.
struct Canvas {
    voxels: Vec<u16>,
    /// Of fractions, the share that each voxel has of its label.
    shares: Vec<u16>,
    /// Pixels of a slice.
    pixels: usize,
    overlapping: usize,
}

impl Canvas {
    /// `None` where there is no memory for it.
    fn new(planes: &Planes, format: &PixelFormat) -> Option<Self> {
        let len = planes.grid.len();
        let mut voxels = Vec::new();
        voxels.try_reserve_exact(len).ok()?;
        voxels.resize(len, 0);
        Some(Self {
            voxels,
            shares: Vec::new(),
            pixels: format.pixels(),
            overlapping: 0,
        })
    }

    fn slice(&self, k: usize) -> Range<usize> {
        k * self.pixels..(k + 1) * self.pixels
    }

    /// A later segment lies over an earlier one.
    fn binary(&mut self, slice: Range<usize>, segment: u16, pixels: &[u16]) {
        for (voxel, _) in self.voxels[slice]
            .iter_mut()
            .zip(pixels)
            .filter(|p| *p.1 != 0)
        {
            self.overlapping += usize::from(*voxel != 0 && *voxel != segment);
            *voxel = segment;
        }
    }

    /// A voxel is the segment's that has most of it, if that is half of it at least.
    fn fractional(&mut self, slice: Range<usize>, segment: u16, pixels: &[u16], whole: u16) {
        self.shares.resize(self.voxels.len(), 0);
        let shares = &mut self.shares[slice.clone()];
        for ((voxel, best), &share) in self.voxels[slice].iter_mut().zip(shares).zip(pixels) {
            if 2 * u32::from(share) < u32::from(whole) {
                continue;
            }
            self.overlapping += usize::from(*voxel != 0 && *voxel != segment);
            if share >= *best {
                (*voxel, *best) = (segment, share);
            }
        }
    }

    fn labels(&mut self, slice: Range<usize>, pixels: &[u16], background: u16) {
        for (voxel, &value) in self.voxels[slice].iter_mut().zip(pixels) {
            *voxel = if value == background { 0 } else { value };
        }
    }
}

/// The pixels of the frames, one number each.
enum Pixels<'a> {
    /// A bit a pixel, as they lie.
    Bits {
        path: &'a Path,
        bytes: Bytes,
        pixels: usize,
    },
    /// Whatever the codecs read.
    Samples {
        planes: Vec<Plane<'a>>,
        sources: Sources<'a>,
        format: &'a PixelFormat,
        path: &'a Path,
    },
}

/// Bytes of the pixel data.
enum Bytes {
    /// From this byte of the file on.
    InFile(File, u64),
    /// Unpacked.
    InMemory(Vec<u8>),
}

impl<'a> Pixels<'a> {
    fn open(instance: &'a Instance, header: &'a Header) -> Result<Self, IoError> {
        let path = instance.path.as_path();
        let damaged = |reason: &str| IoError::damaged(path, reason);
        let element = instance.pixels.ok_or_else(|| damaged("it has no pixels"))?;
        let frames = instance.frames.as_deref().unwrap_or_default();
        if let (1, Some(length)) = (header.format.bits_stored, element.length) {
            let pixels = header.format.pixels();
            let needed = bits::span(frames.len().saturating_sub(1), pixels).0.end;
            let there = length.min(instance.stream_bytes.saturating_sub(element.offset));
            if needed > there {
                return Err(damaged(
                    "its pixels break off; copy the file again from its source",
                ));
            }
            let unreadable = |e| IoError::unreadable(path, e);
            let bytes = match instance.stream.is_plain() {
                true => Bytes::InFile(File::open(path).map_err(unreadable)?, element.offset),
                false => {
                    let end = element.offset + needed;
                    let mut all = instance.stream.read_before(end).map_err(unreadable)?;
                    all.drain(..(element.offset as usize).min(all.len()));
                    Bytes::InMemory(all)
                }
            };
            return Ok(Self::Bits {
                path,
                bytes,
                pixels,
            });
        }
        let planes: Vec<Plane> = frames
            .iter()
            .enumerate()
            .filter_map(|(frame_index, frame)| {
                Some(Plane {
                    instance,
                    frame_index,
                    frame,
                    placement: frame.placement.clone().ok()?,
                })
            })
            .collect();
        Ok(Self::Samples {
            sources: Sources::of(&planes),
            planes,
            format: &header.format,
            path,
        })
    }

    fn frame(&self, frame: usize) -> Result<Vec<u16>, IoError> {
        match self {
            Self::Bits {
                path,
                bytes,
                pixels,
            } => {
                let (range, first) = bits::span(frame, *pixels);
                let bytes = bytes.read(range);
                let bytes = bytes.map_err(|e| IoError::unreadable(path, e))?;
                Ok(bits::unpack(&bytes, first, *pixels)
                    .map(u16::from)
                    .collect())
            }
            Self::Samples {
                planes,
                sources,
                format,
                path,
            } => {
                let decoded = sources.decoded(&planes[frame]).map_err(|r| r.at(path))?;
                let field = BitField::of(format, decoded.precision);
                let mut values = vec![0_u16; format.pixels()];
                store(&decoded.bytes, field, &mut values);
                Ok(values)
            }
        }
    }
}

impl Bytes {
    fn read(&self, range: Range<u64>) -> std::io::Result<Vec<u8>> {
        match self {
            Self::InFile(file, offset) => {
                let mut file = file;
                file.seek(SeekFrom::Start(offset + range.start))?;
                let mut bytes = vec![0; (range.end - range.start) as usize];
                file.read_exact(&mut bytes)?;
                Ok(bytes)
            }
            Self::InMemory(all) => {
                let found = all.get(range.start as usize..range.end as usize);
                found
                    .map(<[u8]>::to_vec)
                    .ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
            }
        }
    }
}
