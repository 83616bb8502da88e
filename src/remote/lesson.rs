//! A lesson that another machine gives: the cases go there, what was taught comes back.

use std::slice;

use crate::models::taught::keep_adapter;
use crate::models::{ModelError, stored_model};
use crate::train::TrainError;
use crate::train::teach::{TeachReport, TeachRequest};
use crate::util::JobContext;

use super::coding::lesson::{CaseForm, LessonForm, heard};
use super::failure::{Broken, OTHER_ANSWER};
use super::link::{Job, Link};
use super::message::{Ask, Tell};
use super::processor::Address;
use super::token::Token;
use super::upload::Uploads;

/// Teaches there, as `train::teach::run` does here; the adapter is written here. Nothing is resumed.
///
/// # Errors
/// As there; nobody serves there, another version, token or base; the connection is lost, which ends the lesson.
pub(super) fn teach(
    address: &Address,
    token: &Token,
    request: &TeachRequest,
    ctx: &JobContext,
) -> Result<TeachReport, TrainError> {
    crate::io::atomic::check_target(&request.out)?;
    let base = stored_model(request.base.as_deref())?.card;
    let link = Link::connect(address, token)?;
    let uploads = Uploads::default();
    for n in 0..request.cases.len() {
        send_case((&link, &uploads), request, n, ctx)?;
    }
    let lesson = LessonForm::of(request, (base.id, base.sha256));
    let job = link.job();
    let number = job.number;
    link.send(
        &Ask::Teach {
            job: number,
            lesson,
        },
        Vec::new(),
    )?;
    let (report, adapter) = taught(&link, job, request, ctx)?;
    if let Some(adapter) = adapter {
        keep_adapter(&request.out, &adapter)?;
    }
    Ok(report)
}

/// Sends a case; there it leaves the scans for those of the lesson.
fn send_case(
    (link, uploads): (&Link, &Uploads),
    request: &TeachRequest,
    n: usize,
    ctx: &JobContext,
) -> Result<(), TrainError> {
    let image = slice::from_ref(&request.cases[n].image);
    for scan in uploads.of_channels(link, image, ctx)? {
        let (case, labels) = CaseForm::of(&request.cases, n);
        link.send(&Ask::Case { scan, case }, vec![labels])?;
    }
    Ok(())
}

/// Waits for the end of a lesson, and tells the request's watcher how it goes on.
fn taught(
    link: &Link,
    job: Job<'_>,
    request: &TeachRequest,
    ctx: &JobContext,
) -> Result<(TeachReport, Option<Vec<u8>>), ModelError> {
    let ended = job.wait_seeing(ctx, |parts| {
        request.watcher.tell(heard(parts.first())?);
        Ok(())
    })?;
    let (Tell::Taught { .. }, parts) = ended else {
        return Err(link.misunderstood(&OTHER_ANSWER));
    };
    let report = heard(parts.first());
    let report: TeachReport = report.map_err(|broken| link.misunderstood(&broken))?;
    let adapter = parts.into_iter().nth(1);
    if report.bytes != adapter.as_ref().map(Vec::len) {
        return Err(link.misunderstood(&Broken::Nonsense("an adapter that is not whole")));
    }
    Ok((report, adapter))
}
