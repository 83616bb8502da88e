//! DICOMweb: QIDO, WADO and STOW over HTTP (PS3.18), by ureq.

mod client;
mod json;
mod multipart;
mod retrieve;
mod send;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::connection::{Connection, Web};
use super::inbox::Inbox;
use super::outgoing::Outgoing;
use super::query::{Image, Level, MOST_IN_A_STUDY, Query, Row, keys};
use super::{NetworkError, Protocol, Secret};
use crate::util::JobContext;
use client::Http;

/// Answers that are asked for at once where all are wanted; servers give fewer at will.
const PAGE: usize = 1000;

/// An archive that speaks DICOMweb.
pub(super) struct Client {
    http: Http,
}

impl Client {
    pub fn new(
        connection: &Connection,
        peer: &Web,
        password: Option<Secret>,
    ) -> Result<Self, NetworkError> {
        Ok(Self {
            http: Http::new(connection, peer, password)?,
        })
    }

    /// All answers to a question about a level, page after page, up to one more than `most`.
    fn ask(
        &self,
        path: &str,
        level: Level,
        query: &Query,
        more: &[Tag],
        most: usize,
    ) -> Result<Vec<Row>, NetworkError> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        for (tag, _, value) in keys(level, query) {
            parameters.push(match value.is_empty() {
                true => ("includefield".to_owned(), named(tag)),
                false => (named(tag), value),
            });
        }
        for tag in more {
            parameters.push(("includefield".to_owned(), named(*tag)));
        }
        let mut rows: Vec<Row> = Vec::new();
        while rows.len() <= most {
            let wanted = PAGE.min(most + 1 - rows.len());
            let page = [
                ("limit".to_owned(), wanted.to_string()),
                ("offset".to_owned(), rows.len().to_string()),
            ];
            let answer = self
                .http
                .json(path, &[parameters.as_slice(), &page].concat())?;
            let new = json::rows(&answer)?;
            let count = new.len();
            // A server that knows no pages would give the first for ever.
            if rows.first().is_some_and(|first| new.first() == Some(first)) {
                break;
            }
            rows.extend(new);
            if count < wanted {
                break;
            }
        }
        Ok(rows)
    }
}

/// A tag as addresses have it.
fn named(tag: Tag) -> String {
    format!("{:04X}{:04X}", tag.0, tag.1)
}

impl Protocol for Client {
    fn echo(&self) -> Result<(), NetworkError> {
        let one = [("limit".to_owned(), "1".to_owned())];
        let answer = self.http.json("studies", &one)?;
        json::rows(&answer).map(|_| ())
    }

    fn find(
        &self,
        level: Level,
        study: Option<&str>,
        query: &Query,
        most: usize,
    ) -> Result<(Vec<Row>, bool), NetworkError> {
        let (path, more) = match (level, study) {
            (Level::Series, Some(study)) => (format!("studies/{study}/series"), &[][..]),
            (Level::Series, None) => ("series".to_owned(), &[tags::STUDY_INSTANCE_UID][..]),
            _ => ("studies".to_owned(), &[][..]),
        };
        let mut rows = self.ask(&path, level, query, more, most)?;
        let has_more = rows.len() > most;
        rows.truncate(most);
        Ok((rows, has_more))
    }

    fn images(&self, study: &str, series: &str) -> Result<Vec<Image>, NetworkError> {
        let path = format!("studies/{study}/series/{series}/instances");
        let rows = self.ask(&path, Level::Image, &Query::default(), &[], MOST_IN_A_STUDY)?;
        Ok(rows.into_iter().map(Image::of_row).collect())
    }

    fn retrieve(
        &self,
        study: &str,
        series: &str,
        inbox: &mut Inbox,
        ctx: &JobContext,
    ) -> Result<(), NetworkError> {
        retrieve::retrieve(&self.http, study, series, inbox, ctx)
    }

    fn send(&self, objects: &[Outgoing], ctx: &JobContext) -> Result<(), NetworkError> {
        send::send(&self.http, objects, ctx)
    }
}
