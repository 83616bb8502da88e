//! From voxels to contours along their edges, which come back as the same voxels.

use std::path::Path;
use std::sync::Arc;

use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use glam::DVec3;
use rayon::prelude::*;

use super::super::derived::{
    Derived, NOT_FOR_CLINICAL_USE, decimals, item, put, put_items, reference, series_reference,
};
use super::trace::outlines;
use crate::io::layering::is_same;
use crate::io::{Approval, IoError, LabelTarget, Provenance, atomic};
use crate::util::JobContext;
use crate::volume::{Label, LabelLayers, LabelMap, LabelTable};

/// The retired class by which structure sets name a study.
const STUDY: &str = "1.2.840.10008.3.1.2.3.1";

/// What a structure set is written of.
pub(in crate::io::dicom) struct Written<'a> {
    pub layers: &'a LabelLayers,
    pub table: &'a LabelTable,
    pub source: &'a Provenance,
    pub author: Option<&'a str>,
    pub approval: Option<&'a Approval>,
}

/// Writes, reads back and compares.
///
/// # Errors
/// Labels whose slices are no images of the series, and whatever keeps the file from being written.
pub(in crate::io::dicom) fn write(path: &Path, written: &Written) -> Result<(), IoError> {
    let (layers, source) = (written.layers, written.source);
    let refuse = |reason: &str| IoError::output(path, reason);
    if !source.is_on_slices || source.slices.len() != layers.grid().dims[2] {
        return Err(refuse(
            "contours lie on images of the series, and the labels do not; write --as seg, or save as .nii.gz",
        ));
    }
    if written.table.labels().is_empty() {
        return Err(refuse("there is no label to write; draw one first"));
    }
    let derived = object(written);
    atomic::replace_file(
        path,
        // Contours are longer than explicit lengths allow.
        |file| derived.write(true, file),
        |file| verify(file, written),
    )
}

fn object(written: &Written) -> Derived {
    let Written {
        layers,
        table,
        source,
        ..
    } = *written;
    let mut derived = Derived::new(source, uids::RT_STRUCTURE_SET_STORAGE, "RTSTRUCT");
    let [date, time] = derived.date_and_time();
    let of_label = |label: &Label| roi_item(label, source, &derived);
    let rois: Vec<InMemDicomObject> = table.labels().iter().map(of_label).collect();
    let contours = table.labels().par_iter();
    let contours = contours.map(|label| contour_item(label, layers.get(label.layer), source));
    let contours: Vec<InMemDicomObject> = contours.collect();
    let author = derived.text(written.author.unwrap_or_default());
    let observed = |label: &Label| observation_item(label, &author);
    let observations = table.labels().iter().map(observed).collect();
    put_approval(&mut derived, written.approval);
    let object = &mut derived.object;
    for (tag, text) in [
        (tags::STRUCTURE_SET_LABEL, "PROSECTOR"),
        (tags::STRUCTURE_SET_NAME, "Prosector"),
        (tags::STRUCTURE_SET_DESCRIPTION, NOT_FOR_CLINICAL_USE),
        (tags::STRUCTURE_SET_DATE, date.as_str()),
        (tags::STRUCTURE_SET_TIME, time.as_str()),
        (tags::OPERATORS_NAME, author.as_str()),
    ] {
        put(object, tag, text);
    }
    let space = referenced_space(source);
    let tag = tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE;
    put_items(object, tag, vec![space]);
    put_items(object, tags::STRUCTURE_SET_ROI_SEQUENCE, rois);
    put_items(object, tags::ROI_CONTOUR_SEQUENCE, contours);
    put_items(object, tags::RTROI_OBSERVATIONS_SEQUENCE, observations);
    derived
}

/// Who approved the structures, if somebody did.
fn put_approval(derived: &mut Derived, approval: Option<&Approval>) {
    let Some(approval) = approval else {
        put(&mut derived.object, tags::APPROVAL_STATUS, "UNAPPROVED");
        return;
    };
    let reviewer = derived.text(&approval.reviewer);
    for (tag, text) in [
        (tags::APPROVAL_STATUS, "APPROVED"),
        (tags::REVIEW_DATE, approval.date.as_str()),
        (tags::REVIEW_TIME, approval.time.as_str()),
        (tags::REVIEWER_NAME, reviewer.as_str()),
    ] {
        put(&mut derived.object, tag, text);
    }
}

/// The frame of reference, in it the study, in it the series, in it the images.
fn referenced_space(source: &Provenance) -> InMemDicomObject {
    let series = series_reference(source, tags::CONTOUR_IMAGE_SEQUENCE);
    let mut study = reference(STUDY, &source.study_uid);
    let tag = tags::RT_REFERENCED_SERIES_SEQUENCE;
    put_items(&mut study, tag, vec![series]);
    let uid = source.frame_of_reference_uid.as_str();
    let mut space = item(&[(tags::FRAME_OF_REFERENCE_UID, uid)]);
    put_items(&mut space, tags::RT_REFERENCED_STUDY_SEQUENCE, vec![study]);
    space
}

fn roi_item(label: &Label, source: &Provenance, derived: &Derived) -> InMemDicomObject {
    let number = label.value.to_string();
    let name = derived.text(&label.name);
    item(&[
        (tags::ROI_NUMBER, number.as_str()),
        (
            tags::REFERENCED_FRAME_OF_REFERENCE_UID,
            source.frame_of_reference_uid.as_str(),
        ),
        (tags::ROI_NAME, name.as_str()),
        (tags::ROI_GENERATION_ALGORITHM, "SEMIAUTOMATIC"),
    ])
}

fn observation_item(label: &Label, author: &str) -> InMemDicomObject {
    let number = label.value.to_string();
    item(&[
        (tags::OBSERVATION_NUMBER, number.as_str()),
        (tags::REFERENCED_ROI_NUMBER, number.as_str()),
        (tags::RTROI_INTERPRETED_TYPE, ""),
        (tags::ROI_INTERPRETER, author),
    ])
}

fn contour_item(
    label: &Label,
    map: Option<&Arc<LabelMap>>,
    source: &Provenance,
) -> InMemDicomObject {
    let mut contours = Vec::new();
    if let Some(map) = map {
        let [ni, nj, _] = map.grid.dims;
        for (slice, voxels) in map.voxels.chunks_exact(ni * nj).enumerate() {
            if !voxels.contains(&label.value) {
                continue;
            }
            let inside: Vec<bool> = voxels.iter().map(|&v| v == label.value).collect();
            let found = outlines(&inside, ni);
            contours.extend(found.iter().map(|o| contour(o, slice, source)));
        }
    }
    let [r, g, b] = label.color;
    let color = format!("{r}\\{g}\\{b}");
    let number = label.value.to_string();
    let mut drawn = item(&[
        (tags::ROI_DISPLAY_COLOR, color.as_str()),
        (tags::REFERENCED_ROI_NUMBER, number.as_str()),
    ]);
    if !contours.is_empty() {
        put_items(&mut drawn, tags::CONTOUR_SEQUENCE, contours);
    }
    drawn
}

/// One outline, in the patient.
fn contour(outline: &[[f64; 2]], slice: usize, source: &Provenance) -> InMemDicomObject {
    let image = &source.slices[slice];
    let [along_row, along_column] = source.directions.map(DVec3::from_array);
    let [row_mm, column_mm] = source.pixel_spacing_mm;
    let position = DVec3::from_array(image.position_mm);
    let points = outline.iter().flat_map(|&[x, y]| {
        let point = position + along_row * (column_mm * x) + along_column * (row_mm * y);
        // A tenth of a micrometre is far from any pixel's centre, and short.
        point.to_array().map(|mm| (mm * 1e4).round() / 1e4)
    });
    let data = decimals(&points.collect::<Vec<f64>>());
    let count = outline.len().to_string();
    let mut item = item(&[
        (tags::CONTOUR_GEOMETRIC_TYPE, "CLOSED_PLANAR"),
        (tags::NUMBER_OF_CONTOUR_POINTS, count.as_str()),
        (tags::CONTOUR_DATA, data.as_str()),
    ]);
    let mut referred = reference(&image.sop_class_uid, &image.sop_instance_uid);
    if let Some(frame) = image.frame {
        put(
            &mut referred,
            tags::REFERENCED_FRAME_NUMBER,
            &frame.to_string(),
        );
    }
    put_items(&mut item, tags::CONTOUR_IMAGE_SEQUENCE, vec![referred]);
    item
}

fn verify(file: &Path, written: &Written) -> Result<(), String> {
    let Written {
        layers,
        table,
        source,
        ..
    } = *written;
    let target = LabelTarget {
        grid: *layers.grid(),
        source: Some(source),
    };
    let read = super::super::labels::open(file, None, Some(&target), &JobContext::silent());
    let read = read.map_err(|e| e.to_string())?;
    let numbered: Vec<(&Label, u16)> = table.labels().iter().map(|l| (l, l.value)).collect();
    match is_same((&read.layers, &read.table), layers, &numbered) {
        true => Ok(()),
        false => Err("the voxels differ".into()),
    }
}
