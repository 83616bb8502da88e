//! DIMSE: messages over an association (PS3.7, PS3.8), by dicom-ul.

mod command;
mod find;
mod get;
mod link;
mod send;

use dicom_dictionary_std::{tags, uids};

use super::connection::{Connection, Dimse};
use super::inbox::Inbox;
use super::outgoing::Outgoing;
use super::query::{Image, Level, MOST_IN_A_STUDY, Query, Row};
use super::{NetworkError, Protocol, Secret, tls};
use crate::util::JobContext;
use command::{Command, field};
use link::{Context, Dialer, Link};

/// Data sets that are not compressed, in the order in which they are preferred.
const NATIVE: [&str; 2] = [
    uids::EXPLICIT_VR_LITTLE_ENDIAN,
    uids::IMPLICIT_VR_LITTLE_ENDIAN,
];

/// An archive that speaks DIMSE. Each question has an association of its own.
pub(super) struct Client {
    dialer: Dialer,
}

impl Client {
    pub fn new(
        connection: &Connection,
        peer: &Dimse,
        password: Option<Secret>,
    ) -> Result<Self, NetworkError> {
        let file = connection.certificates.as_deref();
        let tls = peer.tls.then(|| tls::client(file)).transpose()?;
        Ok(Self {
            dialer: Dialer {
                peer: peer.clone(),
                user: connection.user.clone(),
                password,
                timeout: connection.timeout(),
                tls,
            },
        })
    }

    /// An association for one service.
    fn link_for(&self, class: &str) -> Result<(Link, u8), NetworkError> {
        let link = self.dialer.open(&[Context::new(class, &NATIVE)], &[])?;
        let context = link.context_of(class).map(|(id, _)| id);
        let context = context.ok_or_else(|| self.dialer.does_not_offer(class))?;
        Ok((link, context))
    }
}

impl Protocol for Client {
    fn echo(&self) -> Result<(), NetworkError> {
        let (mut link, context) = self.link_for(uids::VERIFICATION)?;
        link.ask(
            context,
            Command::request(field::ECHO, uids::VERIFICATION),
            None,
        )?;
        let (_, answer) = link.command()?;
        answer.success("C-ECHO")?;
        link.release();
        Ok(())
    }

    fn find(
        &self,
        level: Level,
        study: Option<&str>,
        query: &Query,
        most: usize,
    ) -> Result<(Vec<Row>, bool), NetworkError> {
        let above = study.map(|uid| (tags::STUDY_INSTANCE_UID, uid));
        let (mut link, context) = self.link_for(find::CLASS)?;
        let found = find::find(&mut link, context, level, above.as_slice(), query, most)?;
        link.release();
        Ok(found)
    }

    fn images(&self, study: &str, series: &str) -> Result<Vec<Image>, NetworkError> {
        let above = [
            (tags::STUDY_INSTANCE_UID, study),
            (tags::SERIES_INSTANCE_UID, series),
        ];
        let (mut link, context) = self.link_for(find::CLASS)?;
        let (rows, _) = find::find(
            &mut link,
            context,
            Level::Image,
            &above,
            &Query::default(),
            MOST_IN_A_STUDY,
        )?;
        link.release();
        Ok(rows.into_iter().map(Image::of_row).collect())
    }

    fn retrieve(
        &self,
        study: &str,
        series: &str,
        inbox: &mut Inbox,
        _ctx: &JobContext,
    ) -> Result<(), NetworkError> {
        get::get(&self.dialer, study, series, inbox)
    }

    fn send(&self, objects: &[Outgoing], ctx: &JobContext) -> Result<(), NetworkError> {
        send::send(&self.dialer, objects, ctx)
    }
}
