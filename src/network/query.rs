//! What is asked of an archive, and what it answers.

use std::collections::BTreeMap;

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use serde::Serialize;

use super::{NetworkError, Protocol};
use crate::util::{JobContext, short_debug};

/// Studies that are looked at where the user does not say.
const MOST_STUDIES: usize = 100;

/// More series than a study has, and more images than a series.
pub(super) const MOST_IN_A_STUDY: usize = 100_000;

/// What is looked for. `None` matches everything; `*` and `?` are wildcards in texts.
#[derive(Clone, Default)]
pub struct Query {
    /// Part of the patient's name from its beginning, as `Doe` or `Doe^Jane`.
    pub patient_name: Option<String>,
    /// The patient's number.
    pub patient_id: Option<String>,
    /// `20240131`, `20240101-20241231`, `20240101-`.
    pub date: Option<String>,
    /// The number of the order.
    pub accession: Option<String>,
    /// `CT`, `MR`, `PT`, `SEG`.
    pub modality: Option<String>,
    /// Of the study.
    pub description: Option<String>,
    /// Only this study.
    pub study: Option<String>,
    /// Only this series.
    pub series: Option<String>,
    /// The most studies to look at; `None` for the usual number.
    pub limit: Option<usize>,
}

/// A series in an archive.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
pub struct FoundSeries {
    /// As DICOM writes it: `Doe^Jane`.
    pub patient_name: String,
    /// The patient's number.
    pub patient_id: String,
    /// `YYYYMMDD`.
    pub study_date: String,
    /// Of the study.
    pub study_description: String,
    /// The number of the order.
    pub accession: String,
    /// StudyInstanceUID.
    pub study: String,
    /// SeriesInstanceUID.
    pub series: String,
    /// Within the study; empty where the archive does not say.
    pub number: String,
    /// Of the series.
    pub modality: String,
    /// Of the series.
    pub description: String,
    /// How many there are, where the archive says it.
    pub images: Option<usize>,
}

/// What a query found.
#[derive(Default)]
pub struct Found {
    /// Study by study.
    pub series: Vec<FoundSeries>,
    /// More studies match than the limit allows.
    pub has_more: bool,
}

short_debug! {
    Query: |_| "a query";
    FoundSeries: |found| format_args!("a series of {}", found.modality);
    Found: |found| format_args!("{} series", found.series.len());
    Image: |_| "an image";
}

/// An image of a series.
pub(super) struct Image {
    /// SOPInstanceUID.
    pub uid: String,
    /// SOPClassUID; empty where the archive does not say.
    pub class: String,
}

impl Image {
    /// The image of an answer.
    pub fn of_row(mut row: Row) -> Self {
        Self {
            uid: row.remove(&tags::SOP_INSTANCE_UID).unwrap_or_default(),
            class: row.remove(&tags::SOP_CLASS_UID).unwrap_or_default(),
        }
    }
}

/// An answer: texts by tag.
pub(super) type Row = BTreeMap<Tag, String>;

/// Which objects are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Study,
    Series,
    Image,
}

impl Level {
    /// As (0008,0052) has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Study => "STUDY",
            Self::Series => "SERIES",
            Self::Image => "IMAGE",
        }
    }
}

type Wanted = fn(&Query) -> Option<String>;

/// What is asked for at each level, with what must match.
const KEYS: &[(Level, Tag, VR, Wanted)] = &[
    (Level::Study, tags::STUDY_DATE, VR::DA, |q| q.date.clone()),
    (Level::Study, tags::ACCESSION_NUMBER, VR::SH, |q| {
        q.accession.clone()
    }),
    (Level::Study, tags::MODALITIES_IN_STUDY, VR::CS, |q| {
        q.modality.clone()
    }),
    (Level::Study, tags::STUDY_DESCRIPTION, VR::LO, |q| {
        q.description.clone()
    }),
    (Level::Study, tags::PATIENT_NAME, VR::PN, |q| {
        q.patient_name.as_deref().map(from_its_beginning)
    }),
    (Level::Study, tags::PATIENT_ID, VR::LO, |q| {
        q.patient_id.clone()
    }),
    (Level::Study, tags::STUDY_INSTANCE_UID, VR::UI, |q| {
        q.study.clone()
    }),
    (Level::Series, tags::MODALITY, VR::CS, |q| {
        q.modality.clone()
    }),
    (Level::Series, tags::SERIES_DESCRIPTION, VR::LO, |_| None),
    (Level::Series, tags::SERIES_NUMBER, VR::IS, |_| None),
    (
        Level::Series,
        tags::NUMBER_OF_SERIES_RELATED_INSTANCES,
        VR::IS,
        |_| None,
    ),
    (Level::Series, tags::SERIES_INSTANCE_UID, VR::UI, |q| {
        q.series.clone()
    }),
    (Level::Image, tags::SOP_CLASS_UID, VR::UI, |_| None),
    (Level::Image, tags::SOP_INSTANCE_UID, VR::UI, |_| None),
];

/// The keys of a level with what must match; empty text where anything does.
pub(super) fn keys(level: Level, query: &Query) -> impl Iterator<Item = (Tag, VR, String)> {
    let of_level = KEYS.iter().filter(move |(of, ..)| *of == level);
    of_level.map(|(_, tag, vr, wanted)| (*tag, *vr, wanted(query).unwrap_or_default()))
}

/// Names are typed from their beginning, and end where the typing did.
fn from_its_beginning(name: &str) -> String {
    match name.contains(['*', '?']) {
        true => name.to_owned(),
        false => format!("{name}*"),
    }
}

impl Query {
    /// Whether it can be asked.
    ///
    /// # Errors
    /// [`NetworkError::Setup`] with what cannot be.
    pub fn check(&self) -> Result<(), NetworkError> {
        let texts = [
            &self.patient_name,
            &self.patient_id,
            &self.accession,
            &self.modality,
            &self.description,
        ];
        let is_odd = |text: &&String| text.chars().any(|c| c == '\\' || c.is_control());
        if texts.into_iter().flatten().any(|text| is_odd(&text)) {
            return Err(NetworkError::Setup(
                "what is looked for has no backslash and is one line".to_owned(),
            ));
        }
        let is_date =
            |d: &str| d.is_empty() || d.len() == 8 && d.bytes().all(|b| b.is_ascii_digit());
        let is_range = |text: &String| {
            let parts: Vec<&str> = text.split('-').collect();
            parts.len() <= 2 && text.len() > 1 && parts.iter().all(|d| is_date(d))
        };
        if self.date.as_ref().is_some_and(|date| !is_range(date)) {
            return Err(NetworkError::Setup(
                "a date is 20240131, 20240101-20241231, 20240101- or -20241231".to_owned(),
            ));
        }
        for uid in [&self.study, &self.series].into_iter().flatten() {
            check_uid(uid)?;
        }
        Ok(())
    }
}

/// Whether this can be a UID: it becomes part of addresses and the name of files.
pub(super) fn check_uid(uid: &str) -> Result<(), NetworkError> {
    let is_plain = uid.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match is_plain && (1..=64).contains(&uid.len()) && !uid.starts_with('.') {
        true => Ok(()),
        false => Err(NetworkError::failed(format!(
            "{uid:?} is no UID: those are digits and points, at most 64"
        ))),
    }
}

/// The series that match.
pub(super) fn find(
    protocol: &dyn Protocol,
    query: &Query,
    ctx: &JobContext,
) -> Result<Found, NetworkError> {
    query.check()?;
    ctx.step(0.0, "asking for studies")?;
    let most = query.limit.unwrap_or(MOST_STUDIES);
    let (studies, has_more) = protocol.find(Level::Study, None, query, most)?;
    let mut found = Found {
        series: Vec::new(),
        has_more,
    };
    for (n, study) in studies.iter().enumerate() {
        let part = n as f32 / studies.len() as f32;
        ctx.step(part, &format!("study {} of {}", n + 1, studies.len()))?;
        let uid = text(study, tags::STUDY_INSTANCE_UID);
        check_uid(&uid)?;
        let (rows, _) = protocol.find(Level::Series, Some(&uid), query, MOST_IN_A_STUDY)?;
        let of_study = rows.iter().map(|row| series_of(study, row));
        // Some archives leave keys aside that they cannot match.
        found
            .series
            .extend(of_study.filter(|s| is_wanted(s, query)));
    }
    Ok(found)
}

fn is_wanted(series: &FoundSeries, query: &Query) -> bool {
    let is = |wanted: &Option<String>, value: &str| match wanted {
        Some(wanted) => wanted.contains(['*', '?']) || wanted.eq_ignore_ascii_case(value),
        None => true,
    };
    is(&query.modality, &series.modality) && is(&query.series, &series.series)
}

fn text(row: &Row, tag: Tag) -> String {
    row.get(&tag).cloned().unwrap_or_default()
}

fn series_of(study: &Row, row: &Row) -> FoundSeries {
    let images = text(row, tags::NUMBER_OF_SERIES_RELATED_INSTANCES);
    FoundSeries {
        patient_name: text(study, tags::PATIENT_NAME),
        patient_id: text(study, tags::PATIENT_ID),
        study_date: text(study, tags::STUDY_DATE),
        study_description: text(study, tags::STUDY_DESCRIPTION),
        accession: text(study, tags::ACCESSION_NUMBER),
        study: text(study, tags::STUDY_INSTANCE_UID),
        series: text(row, tags::SERIES_INSTANCE_UID),
        number: text(row, tags::SERIES_NUMBER),
        modality: text(row, tags::MODALITY),
        description: text(row, tags::SERIES_DESCRIPTION),
        images: images.parse().ok(),
    }
}
