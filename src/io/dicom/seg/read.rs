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
use crate::io::layering::{Inside, Layering};
use crate::io::whole::named;
use crate::io::{Code, IoError, LabelTarget, Labels, SegmentDetails, Warning};
use crate::util::JobContext;
use crate::volume::resample::{inside, resample_labels};
use crate::volume::{Label, LabelLayers, LabelMap, LabelTable};

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
    let (mut layers, table, mut warnings) = paint(&instance, &header, &planes, ctx)?;
    if let Some(target) = target.filter(|_| !planes.is_target) {
        let (resampled, outside) = resampled(&layers, target);
        layers = resampled;
        warnings.push(Warning::LabelsResampled { outside });
    }
    let details = header.segments.into_iter();
    let details = details.map(|segment| (segment.number, segment.details));
    Ok(Labels {
        table,
        layers,
        details: details.collect(),
        approval: None,
        warnings,
    })
}

/// The layers on the scan's grid, and how many labelled voxels lie outside of it.
fn resampled(layers: &LabelLayers, target: &LabelTarget) -> (LabelLayers, usize) {
    let is_inside = inside(&target.grid, layers.grid());
    let lost = |map: &LabelMap| {
        let voxels = map.voxels.iter().zip(&is_inside);
        let lost = voxels.filter(|(label, inside)| **label != 0 && **inside == 0.0);
        lost.count()
    };
    let outside = layers.maps().iter().map(|map| lost(map)).sum();
    let maps = layers
        .iter()
        .map(|(id, map)| (id, resample_labels(map, &target.grid)));
    let resampled = LabelLayers::of_maps(maps.collect());
    (
        resampled.unwrap_or_else(|| LabelLayers::empty(target.grid)),
        outside,
    )
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

    /// The label of a segment.
    fn label(&self, number: u16) -> Label {
        let segment = self.segments.iter().find(|s| s.number == number);
        let name = segment.map(|s| s.name.clone()).filter(|n| !n.is_empty());
        let color = segment.and_then(|s| s.color);
        Label::new(
            number,
            name.unwrap_or_else(|| format!("label_{number}")),
            color.unwrap_or_else(|| LabelTable::palette_color(number)),
        )
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

/// The labels on the planes' grid, their table, and what is to be told.
fn paint(
    instance: &Instance,
    header: &Header,
    planes: &Planes,
    ctx: &JobContext,
) -> Result<(LabelLayers, LabelTable, Vec<Warning>), IoError> {
    let mut probe: Vec<u16> = Vec::new();
    if probe.try_reserve_exact(planes.grid.len()).is_err() {
        let reason = "it does not fit into this computer's memory";
        return Err(IoError::unsupported(&instance.path, reason));
    }
    drop(probe);
    let pixels = Pixels::open(instance, header)?;
    let least = match header.kind {
        Kind::LabelMap { background } => {
            return label_map(header, planes, &pixels, background, ctx);
        }
        Kind::Binary => 1,
        // Half of a pixel or more.
        Kind::Fractional { whole } => whole.div_ceil(2),
    };
    let mut layering = Layering::new(planes.grid);
    let all = planes.slices.len() as f32;
    let mut done = 0;
    for (number, frames) in frames_by_segment(header) {
        let mut inside = Inside::new();
        for frame in frames {
            ctx.step(done as f32 / all, "reading segments")?;
            done += 1;
            let values = pixels.frame(frame)?;
            let slice = inside.entry(planes.slices[frame]).or_default();
            slice.resize(values.len(), false);
            let pairs = slice.iter_mut().zip(values);
            pairs.for_each(|(inside, value)| *inside |= value >= least);
        }
        layering.add(header.label(number), &inside);
    }
    let (layers, table, lost) = layering.finish();
    let fractions = matches!(header.kind, Kind::Fractional { .. });
    let cut = fractions.then_some(Warning::FractionsCut);
    Ok((layers, table, lost.into_iter().chain(cut).collect()))
}

/// The frames of each segment, in the order of the segments; those of no segment come last.
fn frames_by_segment(header: &Header) -> Vec<(u16, Vec<usize>)> {
    let mut frames: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
    for (frame, &number) in header.segment_of_frame.iter().enumerate() {
        frames.entry(number).or_default().push(frame);
    }
    let listed = header.segments.iter().map(|segment| segment.number);
    let mut ordered: Vec<(u16, Vec<usize>)> = listed
        .map(|number| (number, frames.remove(&number).unwrap_or_default()))
        .collect();
    ordered.extend(frames);
    ordered
}

/// The labels where a pixel is its segment's number.
fn label_map(
    header: &Header,
    planes: &Planes,
    pixels: &Pixels,
    background: u16,
    ctx: &JobContext,
) -> Result<(LabelLayers, LabelTable, Vec<Warning>), IoError> {
    let mut labels = LabelMap::empty(planes.grid);
    let frames = planes.slices.len();
    for (frame, &slice) in planes.slices.iter().enumerate() {
        ctx.step(frame as f32 / frames as f32, "reading segments")?;
        let values = pixels.frame(frame)?;
        let voxels = &mut labels.voxels[slice * values.len()..];
        for (voxel, value) in voxels.iter_mut().zip(values) {
            *voxel = if value == background { 0 } else { value };
        }
    }
    let mut table = LabelTable::default();
    for segment in &header.segments {
        table.insert(header.label(segment.number));
    }
    let table = named(table, &labels);
    Ok((labels.into(), table, Vec::new()))
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
