//! What tells images at the same position apart: the fourth axis of a 4D series.

use std::cmp::Ordering;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::attributes::Attributes;
use super::frame::FrameScope;

/// A candidate for the fourth axis, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Axis {
    TemporalPosition,
    BValue,
    Gradient,
    EchoTime,
    EchoNumber,
    TriggerTime,
    CardiacPhase,
    RespiratoryPhase,
    InversionTime,
    FlipAngle,
    RepetitionTime,
    Labelling,
    ImageType,
    ComplexComponent,
    CtFrameType,
    SequenceName,
    Kernel,
    TubeVoltage,
    StackId,
    EnergyWindow,
    Detector,
    HeartBeat,
    TimeSlot,
    Phase,
    /// A column of DimensionIndexValues.
    Dimension(u8),
    FrameReferenceTime,
    AcquisitionNumber,
    AcquisitionTime,
    AcquisitionDateTime,
    ContentTime,
}

/// An attribute that is an axis.
struct Row {
    axis: Axis,
    /// The name in a sentence.
    name: &'static str,
    is_text: bool,
    /// Functional group, attribute in it, attribute of plain objects.
    places: [Tag; 3],
}

const fn row(axis: Axis, name: &'static str, is_text: bool, places: [Tag; 3]) -> Row {
    Row {
        axis,
        name,
        is_text,
        places,
    }
}

#[rustfmt::skip]
const TABLE: &[Row] = &[
    row(Axis::TemporalPosition, "temporal position", false, [tags::FRAME_CONTENT_SEQUENCE, tags::TEMPORAL_POSITION_INDEX, tags::TEMPORAL_POSITION_IDENTIFIER]),
    row(Axis::BValue, "b-value", false, [tags::MR_DIFFUSION_SEQUENCE, tags::DIFFUSION_B_VALUE, tags::DIFFUSION_B_VALUE]),
    row(Axis::Gradient, "gradient direction", true, [tags::MR_DIFFUSION_SEQUENCE, tags::DIFFUSION_GRADIENT_DIRECTION_SEQUENCE, tags::DIFFUSION_GRADIENT_ORIENTATION]),
    row(Axis::EchoTime, "echo time", false, [tags::MR_ECHO_SEQUENCE, tags::EFFECTIVE_ECHO_TIME, tags::ECHO_TIME]),
    row(Axis::EchoNumber, "echo number", false, [tags::MR_ECHO_SEQUENCE, tags::ECHO_NUMBERS, tags::ECHO_NUMBERS]),
    row(Axis::TriggerTime, "trigger time", false, [tags::CARDIAC_SYNCHRONIZATION_SEQUENCE, tags::NOMINAL_CARDIAC_TRIGGER_DELAY_TIME, tags::TRIGGER_TIME]),
    row(Axis::CardiacPhase, "share of the heart beat", false, [tags::CARDIAC_SYNCHRONIZATION_SEQUENCE, tags::NOMINAL_PERCENTAGE_OF_CARDIAC_PHASE, tags::NOMINAL_PERCENTAGE_OF_CARDIAC_PHASE]),
    row(Axis::RespiratoryPhase, "share of the breath", false, [tags::RESPIRATORY_SYNCHRONIZATION_SEQUENCE, tags::NOMINAL_PERCENTAGE_OF_RESPIRATORY_PHASE, tags::NOMINAL_PERCENTAGE_OF_RESPIRATORY_PHASE]),
    row(Axis::InversionTime, "inversion time", false, [tags::MR_MODIFIER_SEQUENCE, tags::INVERSION_TIMES, tags::INVERSION_TIME]),
    row(Axis::FlipAngle, "flip angle", false, [tags::MR_TIMING_AND_RELATED_PARAMETERS_SEQUENCE, tags::FLIP_ANGLE, tags::FLIP_ANGLE]),
    row(Axis::RepetitionTime, "repetition time", false, [tags::MR_TIMING_AND_RELATED_PARAMETERS_SEQUENCE, tags::REPETITION_TIME, tags::REPETITION_TIME]),
    row(Axis::Labelling, "labelling of the blood", true, [tags::MR_ARTERIAL_SPIN_LABELING_SEQUENCE, tags::ASL_CONTEXT, tags::ASL_CONTEXT]),
    row(Axis::ImageType, "image type", true, [tags::MR_IMAGE_FRAME_TYPE_SEQUENCE, tags::FRAME_TYPE, tags::IMAGE_TYPE]),
    row(Axis::ComplexComponent, "complex component", true, [tags::MR_IMAGE_FRAME_TYPE_SEQUENCE, tags::COMPLEX_IMAGE_COMPONENT, tags::COMPLEX_IMAGE_COMPONENT]),
    row(Axis::CtFrameType, "frame type", true, [tags::CT_IMAGE_FRAME_TYPE_SEQUENCE, tags::FRAME_TYPE, tags::FRAME_TYPE]),
    row(Axis::SequenceName, "sequence name", true, [tags::FRAME_CONTENT_SEQUENCE, tags::FRAME_LABEL, tags::SEQUENCE_NAME]),
    row(Axis::Kernel, "convolution kernel", true, [tags::CT_RECONSTRUCTION_SEQUENCE, tags::CONVOLUTION_KERNEL, tags::CONVOLUTION_KERNEL]),
    row(Axis::TubeVoltage, "tube voltage", false, [tags::CTX_RAY_DETAILS_SEQUENCE, tags::KVP, tags::KVP]),
    row(Axis::StackId, "stack", true, [tags::FRAME_CONTENT_SEQUENCE, tags::STACK_ID, tags::STACK_ID]),
    row(Axis::FrameReferenceTime, "frame reference time", false, [tags::FRAME_CONTENT_SEQUENCE, tags::FRAME_REFERENCE_DATE_TIME, tags::FRAME_REFERENCE_TIME]),
    row(Axis::AcquisitionNumber, "acquisition number", false, [tags::FRAME_CONTENT_SEQUENCE, tags::FRAME_ACQUISITION_NUMBER, tags::ACQUISITION_NUMBER]),
    row(Axis::AcquisitionTime, "acquisition time", true, [tags::FRAME_CONTENT_SEQUENCE, tags::FRAME_ACQUISITION_DATE_TIME, tags::ACQUISITION_TIME]),
    row(Axis::AcquisitionDateTime, "acquisition time", true, [tags::FRAME_CONTENT_SEQUENCE, tags::FRAME_ACQUISITION_DATE_TIME, tags::ACQUISITION_DATE_TIME]),
    row(Axis::ContentTime, "content time", true, [tags::FRAME_CONTENT_SEQUENCE, tags::FRAME_REFERENCE_DATE_TIME, tags::CONTENT_TIME]),
];

/// Columns of DimensionIndexValues that are looked at.
const DIMENSIONS: u8 = 8;

/// Numbers closer than this are equal: makers round the same time or angle differently.
const RESOLUTION: f64 = 1e-4;

impl Axis {
    /// The name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::EnergyWindow => "energy window",
            Self::Detector => "detector",
            Self::HeartBeat => "heart beat",
            Self::TimeSlot => "time slot",
            Self::Phase => "phase",
            Self::Dimension(_) => "dimension index",
            _ => {
                let row = TABLE.iter().find(|row| row.axis == self);
                row.map_or("an attribute", |row| row.name)
            }
        }
    }

    /// Whether it only says when an image was made: copies that were made later differ in it too.
    pub fn is_when(self) -> bool {
        self >= Self::FrameReferenceTime
    }
}

/// A value on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    Number(f64),
    Text(String),
}

impl Key {
    /// A number, rounded to what counts as different.
    pub fn number(value: f64) -> Self {
        // Through text, so that 0.1 stays 0.1.
        Self::Number(format!("{:.4}", rounded(value)).parse().unwrap_or(value))
    }

    /// Numbers by size, texts by letters.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        }
    }
}

/// Rounded to what counts as different. Never −0, which is as large as 0 but stands before it in an order.
fn rounded(value: f64) -> f64 {
    (value / RESOLUTION).round() * RESOLUTION + 0.0
}

/// Siemens, GE and Philips write b-values and gradients only here, in older data.
pub(super) const SIEMENS_MR: &str = "SIEMENS MR HEADER";
const SIEMENS_B_VALUE: Tag = Tag(0x0019, 0x100C);
const GE_B_VALUE: Tag = Tag(0x0043, 0x1039);
const GE_GRADIENT: [Tag; 3] = [
    Tag(0x0019, 0x10BB),
    Tag(0x0019, 0x10BC),
    Tag(0x0019, 0x10BD),
];

/// Every axis on which a frame has a value.
pub(super) fn read_keys(scope: FrameScope) -> Vec<(Axis, Key)> {
    let keys = TABLE.iter().filter_map(|row| {
        let [sequence, grouped_tag, plain_tag] = row.places;
        let (attributes, tag) = match scope.plain() {
            Some(root) => (root, plain_tag),
            None => (scope.group(sequence)?, grouped_tag),
        };
        if row.axis == Axis::Gradient {
            return Some((row.axis, gradient(attributes, tag)?));
        }
        let key = match row.is_text {
            true => attributes.text(tag).map(Key::Text),
            false => attributes.number(tag).map(Key::number),
        };
        key.map(|key| (row.axis, key))
    });
    let mut keys: Vec<_> = keys.collect();
    let has = |keys: &[(Axis, Key)], axis| keys.iter().any(|k| k.0 == axis);
    if let Some(b) = private_b_value(scope).filter(|_| !has(&keys, Axis::BValue)) {
        keys.push((Axis::BValue, Key::number(b)));
    }
    if let Some(g) = private_gradient(scope).filter(|_| !has(&keys, Axis::Gradient)) {
        keys.push((Axis::Gradient, g));
    }
    keys.extend(dimensions(scope));
    keys
}

/// Where an enhanced object stands on the dimensions that it declares.
fn dimensions(scope: FrameScope) -> Vec<(Axis, Key)> {
    let content = match scope.plain() {
        Some(_) => None,
        None => scope.group(tags::FRAME_CONTENT_SEQUENCE),
    };
    let values = content.and_then(|c| c.numbers(tags::DIMENSION_INDEX_VALUES));
    let numbered = (0..DIMENSIONS).zip(values.unwrap_or_default());
    numbered
        .map(|(n, value)| (Axis::Dimension(n), Key::number(value)))
        .collect()
}

/// A gradient's direction: in the attribute itself, or in a sequence of it.
fn gradient(attributes: Attributes, tag: Tag) -> Option<Key> {
    let inner = attributes.item(tag).unwrap_or(attributes);
    let direction = inner.numbers(tags::DIFFUSION_GRADIENT_ORIENTATION)?;
    Some(direction_key(&direction))
}

/// As text, so that it is named but not quoted.
fn direction_key(direction: &[f64]) -> Key {
    let words: Vec<_> = direction
        .iter()
        .map(|&v| format!("{:+.4}", rounded(v)))
        .collect();
    Key::Text(words.join(" "))
}

/// The b-value of makers that keep it to themselves. GE adds a large constant that means nothing.
fn private_b_value(scope: FrameScope) -> Option<f64> {
    let root = scope.plain()?;
    let siemens =
        first_number(root.raw_text(SIEMENS_B_VALUE)).or_else(|| root.number(SIEMENS_B_VALUE));
    let ge = first_number(root.raw_text(GE_B_VALUE)).map(|b| b % 1e9);
    let philips = || root.number(root.private(0x2001, "Philips Imaging DD 001", 0x03)?);
    siemens.or(ge).or_else(philips)
}

fn private_gradient(scope: FrameScope) -> Option<Key> {
    let root = scope.plain()?;
    let siemens = || {
        let bytes = root.bytes(root.private(0x0019, SIEMENS_MR, 0x0E)?)?;
        let words = bytes.as_chunks::<8>().0;
        let values = words.iter().map(|&word| f64::from_le_bytes(word));
        let direction: Vec<f64> = values.collect();
        (direction.len() == 3).then(|| direction_key(&direction))
    };
    let ge = || {
        let parts = GE_GRADIENT.map(|tag| first_number(root.raw_text(tag)));
        let parts: Option<Vec<f64>> = parts.into_iter().collect();
        parts.map(|direction| direction_key(&direction))
    };
    siemens().or_else(ge)
}

fn first_number(text: Option<String>) -> Option<f64> {
    let text = text?;
    let first = text.split('\\').next()?.trim_matches(['\0', ' ']);
    first.parse().ok().filter(|b: &f64| b.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minus_zero_is_zero() {
        for value in [-0.0, -0.000_01] {
            assert!(Key::number(value).order(&Key::number(0.0)).is_eq());
        }
        let [a, b] = [[-0.0, 1.0, -0.000_01], [0.0, 1.0, 0.0]];
        assert_eq!(direction_key(&a), direction_key(&b));
    }
}
