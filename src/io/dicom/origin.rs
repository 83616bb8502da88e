//! What a series says of patient and study, and which image each slice is.

use std::sync::Arc;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::attributes::Attributes;
use super::header::with_attributes;
use super::series::Plane;
use crate::io::{IoError, Provenance, SourceSlice};

/// Text attributes of the modules that derived objects share with their source: patient, clinical trial, study,
/// patient in the study, frame of reference.
const SHARED: &[Tag] = &[
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::PATIENT_IDENTITY_REMOVED,
    tags::DEIDENTIFICATION_METHOD,
    tags::CLINICAL_TRIAL_SPONSOR_NAME,
    tags::CLINICAL_TRIAL_PROTOCOL_ID,
    tags::CLINICAL_TRIAL_PROTOCOL_NAME,
    tags::CLINICAL_TRIAL_SITE_ID,
    tags::CLINICAL_TRIAL_SITE_NAME,
    tags::CLINICAL_TRIAL_SUBJECT_ID,
    tags::CLINICAL_TRIAL_SUBJECT_READING_ID,
    tags::CLINICAL_TRIAL_TIME_POINT_ID,
    tags::CLINICAL_TRIAL_TIME_POINT_DESCRIPTION,
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::STUDY_ID,
    tags::STUDY_DESCRIPTION,
    tags::ACCESSION_NUMBER,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::PATIENT_AGE,
    tags::PATIENT_SIZE,
    tags::PATIENT_WEIGHT,
    tags::TIMEZONE_OFFSET_FROM_UTC,
    tags::POSITION_REFERENCE_INDICATOR,
];

/// The provenance of a scan whose slices these are, along k; `is_on_slices`: they are its slices, not what it was
/// interpolated from.
///
/// # Errors
/// The first file is not there any more.
pub(super) fn provenance(slices: &[Plane], is_on_slices: bool) -> Result<Provenance, IoError> {
    let first = slices[0].instance;
    let read = |root: Attributes| {
        let stored = |&tag: &Tag| {
            let value = root.bytes(tag)?.trim_ascii();
            let value = value.strip_suffix(b"\0").unwrap_or(value);
            (!value.is_empty()).then(|| ((tag.group(), tag.element()), value.to_vec()))
        };
        let attributes = SHARED.iter().filter_map(stored).collect();
        (attributes, root.text(tags::SPECIFIC_CHARACTER_SET))
    };
    let (attributes, character_set) = with_attributes(&first.stream, read)?;
    // Frames of one object share its UIDs, and images of one series their class.
    let (mut class, mut uid): (Arc<str>, Arc<str>) = ("".into(), "".into());
    let shared = |known: &mut Arc<str>, text: &str| {
        if **known != *text {
            *known = text.into();
        }
        known.clone()
    };
    let source = |plane: &Plane| SourceSlice {
        sop_class_uid: shared(&mut class, &plane.instance.sop_class),
        sop_instance_uid: shared(&mut uid, &plane.instance.sop_instance),
        frame: (plane.instance.stored_frames() > 1).then_some(plane.frame_index as u32 + 1),
        position_mm: plane.placement.position.to_array(),
    };
    let source_slices = slices.iter().map(source).collect();
    let placement = &slices[0].placement;
    Ok(Provenance {
        study_uid: first.study.clone(),
        series_uid: first.series.clone(),
        frame_of_reference_uid: first.frame_of_reference.clone(),
        series_description: first.description.clone(),
        character_set: character_set.unwrap_or_default(),
        attributes,
        directions: [
            placement.along_row.to_array(),
            placement.along_column.to_array(),
        ],
        pixel_spacing_mm: placement.spacing_mm,
        slices: source_slices,
        is_on_slices,
    })
}
