//! How the samples of an image are stored.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::attributes::Attributes;
use super::header::Room;

/// Meaning of the samples of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Photometric {
    /// Larger is brighter.
    Monochrome2,
    /// Larger is darker, when displayed. Values mean the same.
    Monochrome1,
    /// Red, green, blue.
    Rgb,
    /// Luminance and two colour differences over all of 8 bits.
    Ybr,
    /// The same over the range of video: luminance from 16 to 235.
    YbrPartial,
}

impl Photometric {
    /// Whether a pixel has a colour.
    pub fn is_colour(self) -> bool {
        matches!(self, Self::Rgb | Self::Ybr | Self::YbrPartial)
    }
}

/// Layout of one frame's samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PixelFormat {
    pub rows: usize,
    pub columns: usize,
    pub samples: usize,
    pub photometric: Photometric,
    /// Colour planes one after the other instead of pixel by pixel.
    pub planar: bool,
    /// Two pixels of a row share their colour differences: luminance, luminance, the two differences.
    pub is_422: bool,
    /// 8, 16, 32 or 64.
    pub bits_allocated: u32,
    pub bits_stored: u32,
    pub high_bit: u32,
    pub signed: bool,
    /// IEEE floating point instead of integers.
    pub float: bool,
    /// Stored values that mean "no data", inclusive.
    pub padding: Option<(i64, i64)>,
}

impl PixelFormat {
    /// Reads the Image Pixel module; `room` is where the pixels are.
    ///
    /// # Errors
    /// What is missing, contradictory or not supported.
    pub fn read(attributes: Attributes, room: &Room) -> Result<Self, String> {
        if attributes.has(tags::MODALITY_LUT_SEQUENCE) {
            return Err("its values go through a Modality LUT Sequence, which is not read".into());
        }
        let pixels = room.pixels.map_or((0, 0), |p| p.tag);
        let float = matches!(pixels, (0x7FE0, 0x0008 | 0x0009));
        let samples = attributes.integer(tags::SAMPLES_PER_PIXEL);
        let photometric = photometric(attributes, samples.unwrap_or(1))?;
        let samples = samples.unwrap_or(if photometric.is_colour() { 3 } else { 1 });
        let bits_allocated = required(attributes, tags::BITS_ALLOCATED, "BitsAllocated")?;
        let bits_stored = match attributes.integer(tags::BITS_STORED) {
            Some(bits) => u32::try_from(bits).ok().ok_or("BitsStored is negative")?,
            None => bits_allocated,
        };
        let high_bit = attributes.integer(tags::HIGH_BIT);
        let signed = attributes.integer(tags::PIXEL_REPRESENTATION) == Some(1);
        let mut format = Self {
            rows: required(attributes, tags::ROWS, "Rows")? as usize,
            columns: required(attributes, tags::COLUMNS, "Columns")? as usize,
            samples: usize::try_from(samples).unwrap_or(0),
            photometric,
            planar: attributes.integer(tags::PLANAR_CONFIGURATION) == Some(1),
            is_422: false,
            bits_allocated,
            bits_stored,
            high_bit: high_bit
                .and_then(|b| u32::try_from(b).ok())
                .unwrap_or(bits_stored.saturating_sub(1)),
            signed,
            float,
            padding: padding(attributes, bits_allocated, signed),
        };
        format.check()?;
        format.is_422 = format.is_subsampled(attributes, room)?;
        Ok(format)
    }

    /// Whether pixels that are not compressed share colour differences. Files that say so but have them all are
    /// believed by their length.
    fn is_subsampled(&self, attributes: Attributes, room: &Room) -> Result<bool, String> {
        let name = photometric_name(attributes).unwrap_or_default();
        let frames = attributes.integer(tags::NUMBER_OF_FRAMES).unwrap_or(1);
        let whole = (self.frame_bytes() as u64).saturating_mul(frames.max(1) as u64);
        if !name.ends_with("422") || !room.is_native() || room.bytes() >= whole {
            return Ok(false);
        }
        match self.columns.is_multiple_of(2) {
            true => Ok(true),
            false => Err(format!(
                "its pixels share colours by pairs, but its rows have {} pixels",
                self.columns
            )),
        }
    }

    fn check(&self) -> Result<(), String> {
        let (allocated, stored) = (self.bits_allocated, self.bits_stored);
        let colour = self.photometric.is_colour();
        if self.samples != if colour { 3 } else { 1 } {
            return Err(format!("SamplesPerPixel is {}", self.samples));
        }
        let sound = match (self.float, colour) {
            (true, _) => matches!(allocated, 32 | 64),
            (false, true) => allocated == 8 && stored == 8,
            (false, false) => matches!(allocated, 8 | 16 | 32),
        };
        if !sound {
            return Err(format!("{allocated} bits are allocated for a sample"));
        }
        let fits = stored >= 1 && stored <= allocated;
        let in_place = self.high_bit < allocated && self.high_bit + 1 >= stored;
        let is_sound = self.float || (fits && in_place);
        if !is_sound {
            let high = self.high_bit;
            return Err(format!(
                "BitsStored {stored} and HighBit {high} do not fit into BitsAllocated {allocated}"
            ));
        }
        Ok(())
    }

    /// Bytes of one sample.
    pub fn sample_bytes(&self) -> usize {
        self.bits_allocated as usize / 8
    }

    /// Pixels of one frame.
    pub fn pixels(&self) -> usize {
        self.rows * self.columns
    }

    /// Bytes of one frame that is not compressed.
    pub fn frame_bytes(&self) -> usize {
        let samples = if self.is_422 { 2 } else { self.samples };
        self.pixels() * samples * self.sample_bytes()
    }

    /// Whether a pixel has a colour.
    pub fn is_colour(&self) -> bool {
        self.samples == 3
    }

    /// The stored type's name, as numpy writes it.
    pub fn dtype(&self) -> &'static str {
        match (self.float, self.signed, self.bits_allocated) {
            _ if self.is_colour() => "rgb24",
            (true, _, 32) => "float32",
            (true, _, _) => "float64",
            (_, false, 8) => "uint8",
            (_, true, 8) => "int8",
            (_, false, 16) => "uint16",
            (_, true, 16) => "int16",
            (_, false, _) => "uint32",
            (_, true, _) => "int32",
        }
    }
}

fn required(attributes: Attributes, tag: Tag, name: &str) -> Result<u32, String> {
    let value = attributes.integer(tag).unwrap_or(0);
    match u16::try_from(value) {
        Ok(v) if v > 0 => Ok(u32::from(v)),
        _ => Err(format!("{name} is missing or out of range")),
    }
}

/// The name in capitals, without the blanks and underscores that writers put in or leave out.
fn photometric_name(attributes: Attributes) -> Option<String> {
    let name = attributes.text(tags::PHOTOMETRIC_INTERPRETATION)?;
    let name = name.replace([' ', '_', '-', '\0'], "");
    Some(name.to_ascii_uppercase())
}

fn photometric(attributes: Attributes, samples: i64) -> Result<Photometric, String> {
    match photometric_name(attributes).as_deref() {
        Some("MONOCHROME2") => Ok(Photometric::Monochrome2),
        Some("MONOCHROME1") => Ok(Photometric::Monochrome1),
        // JPEG 2000's own colour transforms are undone by the codec.
        Some("RGB" | "YBRRCT" | "YBRICT") => Ok(Photometric::Rgb),
        Some("YBRFULL" | "YBRFULL422") => Ok(Photometric::Ybr),
        Some("YBRPARTIAL422") => Ok(Photometric::YbrPartial),
        None if samples == 1 => Ok(Photometric::Monochrome2),
        None => Err("PhotometricInterpretation is missing".into()),
        Some(_) => {
            let name = attributes.text(tags::PHOTOMETRIC_INTERPRETATION);
            let name = name.unwrap_or_default();
            Err(format!("its pixels are {name}, which is not read"))
        }
    }
}

/// The range of padding values. The attribute is written signed or unsigned without regard to the
/// pixels; it means the same bits.
fn padding(attributes: Attributes, bits: u32, signed: bool) -> Option<(i64, i64)> {
    let span = 1i64.checked_shl(bits).filter(|_| bits < 63)?;
    let as_stored = |v: i64| match v.rem_euclid(span) {
        bits if signed && bits >= span / 2 => bits - span,
        bits => bits,
    };
    let value = as_stored(attributes.integer(tags::PIXEL_PADDING_VALUE)?);
    let other = attributes.integer(tags::PIXEL_PADDING_RANGE_LIMIT);
    let limit = other.map_or(value, as_stored);
    Some((value.min(limit), value.max(limit)))
}
