//! Fetching series: those images that are not there yet.

use std::path::Path;

use super::inbox::Inbox;
use super::query::{Level, MOST_IN_A_STUDY, Query, check_uid};
use super::{NetworkError, Protocol};
use crate::util::JobContext;

/// What is to be fetched.
#[derive(Clone)]
pub struct Wanted {
    /// The study; `None` has the archive asked whose the series is.
    pub study: Option<String>,
    /// The series; `None` for all of the study.
    pub series: Option<String>,
}

/// What was fetched.
pub struct Fetched {
    /// Images that are in the folder now.
    pub images: usize,
    /// Those of them that were there before.
    pub already_there: usize,
}

crate::util::short_debug! {
    Wanted: |_| "a series";
    Fetched: |fetched| format_args!("{} images", fetched.images);
}

/// Fetches what is wanted into a folder.
pub(super) fn fetch(
    protocol: &dyn Protocol,
    wanted: &Wanted,
    folder: &Path,
    ctx: &JobContext,
) -> Result<Fetched, NetworkError> {
    ctx.step(0.0, "asking for the images")?;
    let mut fetched = Fetched {
        images: 0,
        already_there: 0,
    };
    for (study, series) in series_of(protocol, wanted)? {
        let images = protocol.images(&study, &series)?;
        if images.is_empty() {
            return Err(NetworkError::failed(format!(
                "has no images of the series {series}"
            )));
        }
        let mut inbox = Inbox::new(folder, images, ctx)?;
        let before = inbox.total() - inbox.missing().len();
        let came = match inbox.missing().is_empty() {
            true => Ok(()),
            false => protocol.retrieve(&study, &series, &mut inbox, ctx),
        };
        let (missing, total) = (inbox.missing().len(), inbox.total());
        let there = format!(
            "{} of {total} images are in {}; the same command fetches the rest",
            total - missing,
            folder.display()
        );
        came.map_err(|e| e.and(&there))?;
        if missing > 0 {
            return Err(NetworkError::failed(format!("did not send all: {there}")));
        }
        fetched.images += total;
        fetched.already_there += before;
    }
    Ok(fetched)
}

/// Study and series of what is wanted.
fn series_of(
    protocol: &dyn Protocol,
    wanted: &Wanted,
) -> Result<Vec<(String, String)>, NetworkError> {
    use dicom_dictionary_std::tags::{SERIES_INSTANCE_UID, STUDY_INSTANCE_UID};
    for uid in [&wanted.study, &wanted.series].into_iter().flatten() {
        check_uid(uid)?;
    }
    if let (Some(study), Some(series)) = (&wanted.study, &wanted.series) {
        return Ok(vec![(study.clone(), series.clone())]);
    }
    let query = Query {
        series: wanted.series.clone(),
        ..Query::default()
    };
    let study = wanted.study.as_deref();
    let (rows, _) = protocol.find(Level::Series, study, &query, MOST_IN_A_STUDY)?;
    let mut found = Vec::new();
    for row in rows {
        let of_row = row.get(&STUDY_INSTANCE_UID).map(String::as_str);
        let (Some(study), Some(series)) = (study.or(of_row), row.get(&SERIES_INSTANCE_UID)) else {
            continue;
        };
        if wanted.series.as_ref().is_none_or(|only| only == series) {
            check_uid(study)?;
            check_uid(series)?;
            found.push((study.to_owned(), series.clone()));
        }
    }
    match found.is_empty() {
        true => Err(NetworkError::failed(
            "has no such series; name its study too (--study), as `pacs find` lists them",
        )),
        false => Ok(found),
    }
}
