//! WADO: the images of a series, in the encoding in which the archive keeps them.

use std::io::{BufWriter, Write};

use super::client::Http;
use super::multipart::{Parts, boundary};
use crate::network::NetworkError;
use crate::network::inbox::Inbox;
use crate::network::meta::{LONGEST, Meta};
use crate::util::JobContext;

const ACCEPT: &str = r#"multipart/related; type="application/dicom"; transfer-syntax=*"#;

/// Has the images that the inbox waits for sent.
pub(super) fn retrieve(
    http: &Http,
    study: &str,
    series: &str,
    inbox: &mut Inbox,
    ctx: &JobContext,
) -> Result<(), NetworkError> {
    let path = format!("studies/{study}/series/{series}");
    // One request for the series, or where part of it is there already, one for each that is missing.
    if inbox.missing().len() == inbox.total() {
        return take(http, &path, inbox, ctx);
    }
    let missing: Vec<String> = inbox.missing().keys().cloned().collect();
    for uid in missing {
        take(http, &format!("{path}/instances/{uid}"), inbox, ctx)?;
    }
    Ok(())
}

/// Keeps those of the images at an address that are waited for.
fn take(http: &Http, path: &str, inbox: &mut Inbox, ctx: &JobContext) -> Result<(), NetworkError> {
    let response = http.accepted(http.get(path, &[], ACCEPT)?)?;
    let content_type = response.headers().get("content-type");
    let named = content_type.and_then(|value| boundary(value.to_str().ok()?));
    let named = named.ok_or_else(|| {
        NetworkError::failed("does not send images as DICOMweb has it (multipart/related)")
    })?;
    let mut parts = Parts::new(response.into_body().into_reader(), &named);
    while parts.next().map_err(|e| http.cut_off(&e))? {
        ctx.check()?;
        let head = parts.peek(LONGEST).map_err(|e| http.cut_off(&e))?;
        let Some(Meta { uid, .. }) = Meta::of(head) else {
            return Err(NetworkError::failed("sent something that is no DICOM file"));
        };
        if inbox.wants(&uid) {
            inbox.keep(&uid, |file| {
                let mut file = BufWriter::with_capacity(1 << 16, file);
                parts.copy(&mut file).map_err(|e| http.cut_off(&e))?;
                file.flush()
                    .map_err(|e| NetworkError::failed(format!("an image cannot be kept: {e}")))
            })?;
        } else {
            parts
                .copy(&mut std::io::sink())
                .map_err(|e| http.cut_off(&e))?;
        }
    }
    Ok(())
}
