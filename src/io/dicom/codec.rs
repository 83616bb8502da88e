//! Decompressing one frame. Whatever the bytes are, this gives samples of the declared size or a
//! reason, never a panic and never more memory than the frame needs.

use std::panic::{AssertUnwindSafe, catch_unwind};

use dicom_core::smallvec::smallvec;
use dicom_core::value::PixelFragmentSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use dicom_pixeldata::PixelDecoder;
use dicom_toolkit_codec::rle_decode_frame;
use jpeg_decoder::{ColorTransform, Decoder};

use super::codestream::{StreamInfo, jpeg_info, jpeg2000_info};
use super::format::{Photometric, PixelFormat};
use super::jpeg_ls;
use super::refusal::Refusal;
use super::syntax::{Codec, Syntax};

/// Samples of one frame.
#[derive(Debug)]
pub(super) struct Decoded {
    /// Little endian.
    pub bytes: Vec<u8>,
    /// Bits that carry a value, where the codestream has fewer than the header says.
    pub precision: Option<u32>,
    /// What colours are now, whatever they were.
    pub space: Photometric,
    /// Samples of a pixel are together now, whatever the header says.
    pub is_interleaved: bool,
}

/// Decompresses one frame.
///
/// # Errors
/// The codestream is damaged, contradicts the header, or is of a kind no decoder here reads.
pub(super) fn decode(
    syntax: &Syntax,
    data: Vec<u8>,
    format: &PixelFormat,
) -> Result<Decoded, Refusal> {
    let codec = syntax.codec();
    let info = match codec {
        Codec::Jpeg | Codec::JpegLs => Some(jpeg_info(&data)),
        Codec::Jpeg2000 => Some(jpeg2000_info(&data)),
        Codec::Native | Codec::Rle | Codec::Unsupported => None,
    };
    let info = match info {
        Some(None) => return Err(damaged(syntax, "it has no frame header")),
        Some(Some(info)) => Some(check(syntax, &info, format)?),
        None => None,
    };
    let is_rgb_jpeg = info.is_some_and(|i| i.colours.is_rgb(format.photometric));
    let decoded = catch_unwind(AssertUnwindSafe(|| match codec {
        Codec::Native => Ok(data),
        Codec::Rle => rle(&data, format),
        Codec::Jpeg => jpeg(&data, format, is_rgb_jpeg),
        Codec::JpegLs => jpeg_ls::decode(&data).map(|bytes| narrow(bytes, format)),
        Codec::Jpeg2000 => jpeg_2000(syntax, data, format),
        Codec::Unsupported => Err("it is not read".to_owned()),
    }));
    let bytes = decoded
        .unwrap_or_else(|_| Err("the decoder gave up".into()))
        .map_err(|reason| damaged(syntax, &reason))?;
    let bytes = widen(bytes, format).ok_or_else(|| damaged(syntax, "it has too few pixels"))?;
    Ok(Decoded {
        bytes,
        precision: info
            .map(|i| i.precision)
            .filter(|&p| p < format.bits_stored),
        space: match (codec, info) {
            _ if !format.is_colour() => format.photometric,
            (Codec::Jpeg2000, _) => Photometric::Rgb,
            // The decoder undoes the transform of lossy JPEG, but not of lossless.
            (Codec::Jpeg, Some(i)) if i.is_dct || is_rgb_jpeg => Photometric::Rgb,
            (Codec::Jpeg, _) => Photometric::Ybr,
            _ => format.photometric,
        },
        is_interleaved: codec != Codec::Native,
    })
}

fn damaged(syntax: &Syntax, reason: &str) -> Refusal {
    let name = syntax.name();
    Refusal::damaged(format!("its {name} pixels cannot be decoded: {reason}"))
}

/// Refuses a codestream of another size than the header's before memory is reserved for it.
fn check(syntax: &Syntax, info: &StreamInfo, format: &PixelFormat) -> Result<StreamInfo, Refusal> {
    let said = (info.columns, info.rows, info.samples);
    let wanted = (format.columns, format.rows, format.samples);
    if said != wanted {
        let (c, r, s) = said;
        return Err(damaged(
            syntax,
            &format!("they are {c}x{r} with {s} samples, unlike the header says"),
        ));
    }
    if info.is_dct && info.precision != 8 {
        let (name, bits) = (syntax.name(), info.precision);
        return Err(Refusal::unsupported(format!(
            "{name} with {bits} bits cannot be decoded; convert the series to an uncompressed or lossless transfer syntax"
        )));
    }
    if info.precision > format.bits_allocated {
        let (p, a) = (info.precision, format.bits_allocated);
        return Err(damaged(
            syntax,
            &format!("they have {p} bits where {a} are allocated"),
        ));
    }
    Ok(*info)
}

fn rle(data: &[u8], format: &PixelFormat) -> Result<Vec<u8>, String> {
    let bits = format.bits_allocated as u8;
    let (rows, columns) = (format.rows as u16, format.columns as u16);
    let bytes = rle_decode_frame(data, rows, columns, format.samples as u8, bits);
    let mut bytes = bytes.map_err(|e| e.to_string())?;
    // The decoder leaves the byte planes in their order: most significant first.
    let samples = bytes.chunks_exact_mut(format.sample_bytes());
    samples.for_each(<[u8]>::reverse);
    Ok(bytes)
}

fn jpeg(data: &[u8], format: &PixelFormat, is_rgb: bool) -> Result<Vec<u8>, String> {
    let mut decoder = Decoder::new(data);
    if format.is_colour() {
        decoder.set_color_transform(match is_rgb {
            true => ColorTransform::RGB,
            false => ColorTransform::YCbCr,
        });
    }
    let bytes = decoder.decode().map_err(|e| e.to_string())?;
    let wide = bytes.len() == 2 * format.pixels() * format.samples;
    // The decoder gives 16-bit samples in the machine's own byte order.
    let little = |pair: &[u8]| u16::from_ne_bytes([pair[0], pair[1]]).to_le_bytes();
    Ok(match wide && cfg!(target_endian = "big") {
        true => bytes.chunks_exact(2).flat_map(little).collect(),
        false => bytes,
    })
}

/// The low bytes of 16-bit samples, where 8 bits are allocated.
fn narrow(bytes: Vec<u8>, format: &PixelFormat) -> Vec<u8> {
    match format.sample_bytes() {
        1 => bytes.into_iter().step_by(2).collect(),
        _ => bytes,
    }
}

/// Through an object that holds this frame alone: the decoder takes no bare codestream.
fn jpeg_2000(syntax: &Syntax, data: Vec<u8>, format: &PixelFormat) -> Result<Vec<u8>, String> {
    let number =
        |tag: Tag, value: u32| DataElement::new(tag, VR::US, PrimitiveValue::from(value as u16));
    let photometric = match format.photometric {
        Photometric::Rgb | Photometric::Ybr | Photometric::YbrPartial => "RGB",
        Photometric::Monochrome1 | Photometric::Monochrome2 => "MONOCHROME2",
    };
    let fragment = PixelFragmentSequence::new(Vec::new(), smallvec![data]);
    let object = InMemDicomObject::from_element_iter([
        number(tags::SAMPLES_PER_PIXEL, format.samples as u32),
        DataElement::new(
            tags::PHOTOMETRIC_INTERPRETATION,
            VR::CS,
            PrimitiveValue::from(photometric),
        ),
        number(tags::PLANAR_CONFIGURATION, 0),
        number(tags::ROWS, format.rows as u32),
        number(tags::COLUMNS, format.columns as u32),
        number(tags::BITS_ALLOCATED, format.bits_allocated),
        number(tags::BITS_STORED, format.bits_stored),
        number(tags::HIGH_BIT, format.high_bit),
        number(tags::PIXEL_REPRESENTATION, u32::from(format.signed)),
        DataElement::new(tags::PIXEL_DATA, VR::OB, fragment),
    ]);
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(syntax.uid.as_str())
        .media_storage_sop_class_uid("1.2.840.10008.5.1.4.1.1.7")
        .media_storage_sop_instance_uid("2.25.0");
    let file = object.with_meta(meta).map_err(|e| e.to_string())?;
    let decoded = file.decode_pixel_data_frame(0).map_err(|e| e.to_string())?;
    Ok(decoded.data().to_vec())
}

/// Brings samples to their allocated width; `None` if there are not enough.
fn widen(mut bytes: Vec<u8>, format: &PixelFormat) -> Option<Vec<u8>> {
    let width = format.sample_bytes();
    let count = format.frame_bytes() / width;
    if bytes.len() < count * width && bytes.len() >= count && width > 1 {
        let have = bytes.len() / count;
        let padded = bytes.chunks_exact(have).take(count).flat_map(|s| {
            let mut sample = [0u8; 8];
            sample[..have].copy_from_slice(s);
            sample.into_iter().take(width)
        });
        bytes = padded.collect();
    }
    bytes.truncate(count * width);
    (bytes.len() == count * width).then_some(bytes)
}
