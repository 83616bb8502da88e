//! What tells images at the same position apart: the fourth axis of a 4D series.

use std::cmp::Ordering;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

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
    InversionTime,
    ImageType,
    ComplexComponent,
    SequenceName,
    Kernel,
    StackId,
    AcquisitionNumber,
    AcquisitionTime,
    ContentTime,
}

impl Axis {
    /// All candidates in order.
    pub const ALL: [Self; 15] = [
        Self::TemporalPosition,
        Self::BValue,
        Self::Gradient,
        Self::EchoTime,
        Self::EchoNumber,
        Self::TriggerTime,
        Self::InversionTime,
        Self::ImageType,
        Self::ComplexComponent,
        Self::SequenceName,
        Self::Kernel,
        Self::StackId,
        Self::AcquisitionNumber,
        Self::AcquisitionTime,
        Self::ContentTime,
    ];

    /// The name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::TemporalPosition => "temporal position",
            Self::BValue => "b-value",
            Self::Gradient => "gradient direction",
            Self::EchoTime => "echo time",
            Self::EchoNumber => "echo number",
            Self::TriggerTime => "trigger time",
            Self::InversionTime => "inversion time",
            Self::ImageType => "image type",
            Self::ComplexComponent => "complex component",
            Self::SequenceName => "sequence name",
            Self::Kernel => "convolution kernel",
            Self::StackId => "stack",
            Self::AcquisitionNumber => "acquisition number",
            Self::AcquisitionTime => "acquisition time",
            Self::ContentTime => "content time",
        }
    }

    /// Where the axis stands: functional group, attribute in it, attribute of plain objects.
    fn places(self) -> (Tag, Tag, Tag) {
        let content = tags::FRAME_CONTENT_SEQUENCE;
        let diffusion = tags::MR_DIFFUSION_SEQUENCE;
        match self {
            Self::TemporalPosition => (
                content,
                tags::TEMPORAL_POSITION_INDEX,
                tags::TEMPORAL_POSITION_IDENTIFIER,
            ),
            Self::BValue => (diffusion, tags::DIFFUSION_B_VALUE, tags::DIFFUSION_B_VALUE),
            Self::Gradient => (
                diffusion,
                tags::DIFFUSION_GRADIENT_DIRECTION_SEQUENCE,
                tags::DIFFUSION_GRADIENT_ORIENTATION,
            ),
            Self::EchoTime => (
                tags::MR_ECHO_SEQUENCE,
                tags::EFFECTIVE_ECHO_TIME,
                tags::ECHO_TIME,
            ),
            Self::EchoNumber => (
                tags::MR_ECHO_SEQUENCE,
                tags::ECHO_NUMBERS,
                tags::ECHO_NUMBERS,
            ),
            Self::TriggerTime => (
                tags::CARDIAC_SYNCHRONIZATION_SEQUENCE,
                tags::NOMINAL_CARDIAC_TRIGGER_DELAY_TIME,
                tags::TRIGGER_TIME,
            ),
            Self::InversionTime => (
                tags::MR_MODIFIER_SEQUENCE,
                tags::INVERSION_TIMES,
                tags::INVERSION_TIME,
            ),
            Self::ImageType => (
                tags::MR_IMAGE_FRAME_TYPE_SEQUENCE,
                tags::FRAME_TYPE,
                tags::IMAGE_TYPE,
            ),
            Self::ComplexComponent => (
                tags::MR_IMAGE_FRAME_TYPE_SEQUENCE,
                tags::COMPLEX_IMAGE_COMPONENT,
                tags::COMPLEX_IMAGE_COMPONENT,
            ),
            Self::SequenceName => (content, tags::FRAME_LABEL, tags::SEQUENCE_NAME),
            Self::Kernel => (
                tags::CT_RECONSTRUCTION_SEQUENCE,
                tags::CONVOLUTION_KERNEL,
                tags::CONVOLUTION_KERNEL,
            ),
            Self::StackId => (content, tags::STACK_ID, tags::STACK_ID),
            Self::AcquisitionNumber => (
                content,
                tags::FRAME_ACQUISITION_NUMBER,
                tags::ACQUISITION_NUMBER,
            ),
            Self::AcquisitionTime => (
                content,
                tags::FRAME_ACQUISITION_DATE_TIME,
                tags::ACQUISITION_TIME,
            ),
            Self::ContentTime => (content, tags::FRAME_REFERENCE_DATE_TIME, tags::CONTENT_TIME),
        }
    }

    fn is_text(self) -> bool {
        matches!(
            self,
            Self::Gradient
                | Self::ImageType
                | Self::ComplexComponent
                | Self::SequenceName
                | Self::Kernel
                | Self::StackId
                | Self::AcquisitionTime
                | Self::ContentTime
        )
    }
}

/// A value on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    Number(f64),
    Text(String),
}

impl Key {
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

/// Siemens and GE write b-values only here, in older data.
const SIEMENS_B_VALUE: Tag = Tag(0x0019, 0x100C);
const GE_B_VALUE: Tag = Tag(0x0043, 0x1039);

/// Every axis on which a frame has a value.
pub(super) fn read_keys(scope: FrameScope) -> Vec<(Axis, Key)> {
    let keys = Axis::ALL.iter().filter_map(|&axis| {
        let (sequence, grouped_tag, plain_tag) = axis.places();
        let (attributes, tag) = match scope.plain() {
            Some(root) => (root, plain_tag),
            None => (scope.group(sequence)?, grouped_tag),
        };
        if axis == Axis::Gradient && scope.plain().is_none() {
            let item = attributes.item(tag)?;
            let text = item.text(tags::DIFFUSION_GRADIENT_ORIENTATION)?;
            return Some((axis, Key::Text(text)));
        }
        let key = match axis.is_text() {
            true => attributes.text(tag).map(Key::Text),
            false => attributes.number(tag).map(Key::Number),
        };
        key.map(|key| (axis, key))
    });
    let mut keys: Vec<_> = keys.collect();
    if let Some(b) = private_b_value(scope).filter(|_| keys.iter().all(|k| k.0 != Axis::BValue)) {
        keys.push((Axis::BValue, Key::Number(b)));
    }
    keys
}

/// The b-value of makers that keep it to themselves. GE adds a large constant that means nothing.
fn private_b_value(scope: FrameScope) -> Option<f64> {
    let root = scope.plain()?;
    let siemens = first_number(root.raw_text(SIEMENS_B_VALUE));
    let ge = first_number(root.raw_text(GE_B_VALUE)).map(|b| b % 1e9);
    siemens.or(ge)
}

fn first_number(text: Option<String>) -> Option<f64> {
    let text = text?;
    let first = text.split('\\').next()?.trim_matches(['\0', ' ']);
    first.parse().ok().filter(|b: &f64| b.is_finite())
}
