//! STOW: objects to an archive, one a request, so that each is known to be kept before the next is sent.

use std::io::{Cursor, Read};

use dicom_dictionary_std::tags;
use serde_json::Value;

use super::client::Http;
use super::json::{items, number};
use crate::network::NetworkError;
use crate::network::outgoing::Outgoing;
use crate::util::JobContext;

/// Sends objects one after another.
pub(super) fn send(
    http: &Http,
    objects: &[Outgoing],
    ctx: &JobContext,
) -> Result<(), NetworkError> {
    for (n, object) in objects.iter().enumerate() {
        let part = n as f32 / objects.len() as f32;
        ctx.step(part, &format!("object {} of {}", n + 1, objects.len()))?;
        store(http, object).map_err(|e| {
            let (name, total) = (object.name(), objects.len());
            e.and(&format!("{name}: {n} of {total} objects were sent"))
        })?;
    }
    Ok(())
}

fn store(http: &Http, object: &Outgoing) -> Result<(), NetworkError> {
    let boundary = format!("prosector-{:032x}", rand::random::<u128>());
    let head = format!("--{boundary}\r\nContent-Type: application/dicom\r\n\r\n");
    let tail = format!("\r\n--{boundary}--\r\n");
    let (file, length) = object.file()?;
    let length = length + (head.len() + tail.len()) as u64;
    let body = Cursor::new(head).chain(file).chain(Cursor::new(tail));
    let content_type =
        format!(r#"multipart/related; type="application/dicom"; boundary="{boundary}""#);
    let response = http.post("studies", &content_type, body, length)?;
    // 202 and 409 say in their body which objects were not kept, and why.
    let (status, is_mixed) = (
        response.status(),
        matches!(response.status().as_u16(), 202 | 409),
    );
    let answer = match status.is_success() || is_mixed {
        true => http.value(response)?,
        false => return http.accepted(response).map(|_| ()),
    };
    judge(&answer, &object.uid)
}

/// Whether the answer says that the object is kept.
fn judge(answer: &Value, uid: &str) -> Result<(), NetworkError> {
    if let Some(failed) = items(answer, tags::FAILED_SOP_SEQUENCE).first() {
        let reason = number(failed, tags::FAILURE_REASON);
        let reason = reason.map_or("no reason given".to_owned(), |r| format!("reason {r:04X}"));
        return Err(NetworkError::failed(format!(
            "does not keep an object ({reason}); its administrator finds more in its log"
        )));
    }
    let kept = items(answer, tags::REFERENCED_SOP_SEQUENCE);
    let name = super::named(tags::REFERENCED_SOP_INSTANCE_UID);
    let is_it = |item: &&Value| item[&name]["Value"][0].as_str() == Some(uid);
    match kept.iter().any(is_it) {
        true => Ok(()),
        false => Err(NetworkError::failed(
            "does not say that it keeps what was sent; look it up with `pacs find`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::judge;

    #[test]
    fn an_object_is_sent_when_the_archive_says_so() {
        let kept = json!({"00081199": {"vr": "SQ", "Value": [
            {"00081155": {"vr": "UI", "Value": ["1.2.3"]}}
        ]}});
        assert!(judge(&kept, "1.2.3").is_ok());
        assert!(judge(&kept, "1.2.4").is_err());
        let failed = json!({"00081198": {"vr": "SQ", "Value": [
            {"00081155": {"vr": "UI", "Value": ["1.2.3"]}, "00081197": {"vr": "US", "Value": [49442]}}
        ]}});
        let said = judge(&failed, "1.2.3").err().map(|e| e.to_string());
        assert!(said.unwrap_or_default().contains("reason C122"));
    }
}
