//! C-STORE: objects to an archive.

use std::io::{Cursor, Read};

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry};

use super::NATIVE;
use super::command::{Command, field};
use super::link::{Context, Dialer, Link, MOST_CONTEXTS};
use crate::io::IoError;
use crate::network::NetworkError;
use crate::network::outgoing::Outgoing;
use crate::util::JobContext;

/// Sends objects one after another.
pub(super) fn send(
    dialer: &Dialer,
    objects: &[Outgoing],
    ctx: &JobContext,
) -> Result<(), NetworkError> {
    let mut contexts: Vec<Context> = Vec::new();
    for object in objects {
        let mut wanted = vec![Context::new(&object.class, &[&object.syntax])];
        if is_native(&object.syntax) {
            wanted.push(Context::new(&object.class, &NATIVE));
        }
        for context in wanted {
            if !contexts.contains(&context) {
                contexts.push(context);
            }
        }
    }
    if contexts.len() > MOST_CONTEXTS {
        return Err(NetworkError::failed(
            "there are too many kinds of objects for one connection; send fewer at once",
        ));
    }
    let mut link = dialer.open(&contexts, &[])?;
    for (n, object) in objects.iter().enumerate() {
        let part = n as f32 / objects.len() as f32;
        ctx.step(part, &format!("object {} of {}", n + 1, objects.len()))?;
        let sent = store(dialer, &mut link, object);
        sent.map_err(|e| match e {
            NetworkError::Failed(reason) => {
                let (name, total) = (object.name(), objects.len());
                NetworkError::failed(format!(
                    "{reason} ({name}); {n} of {total} objects were sent"
                ))
            }
            other => other,
        })?;
    }
    link.release();
    Ok(())
}

fn is_native(syntax: &str) -> bool {
    NATIVE.contains(&syntax)
}

fn store(dialer: &Dialer, link: &mut Link, object: &Outgoing) -> Result<(), NetworkError> {
    let mut command = Command::request(field::STORE, &object.class);
    command.put_uid(tags::AFFECTED_SOP_INSTANCE_UID, &object.uid);
    match link.context_with(&object.class, &object.syntax) {
        Some(context) => {
            link.ask(context, command, Some(&mut object.data()?))?;
        }
        None => {
            let other = link.context_of(&object.class);
            let (context, syntax) = other.ok_or_else(|| dialer.does_not_offer(&object.class))?;
            if !is_native(&object.syntax) || !is_native(syntax) {
                return Err(NetworkError::failed(
                    "does not take an object that is compressed like this",
                ));
            }
            let mut data = encoded_anew(object, syntax)?;
            link.ask(context, command, Some(&mut data))?;
        }
    }
    let (_, answer) = link.command()?;
    answer.success("C-STORE")
}

/// The data set with the other way of naming value representations.
fn encoded_anew(object: &Outgoing, syntax: &str) -> Result<impl Read + use<>, NetworkError> {
    let damaged = |e: &dyn std::error::Error| IoError::damaged(&object.path, e.to_string());
    let syntaxes = [object.syntax.as_str(), syntax].map(|uid| TransferSyntaxRegistry.get(uid));
    let [Some(own), Some(other)] = syntaxes else {
        return Err(NetworkError::failed(
            "chose an encoding that we did not offer",
        ));
    };
    let read = InMemDicomObject::read_dataset_with_ts(object.data()?, own);
    let read = read.map_err(|e| damaged(&e))?;
    let mut bytes = Vec::new();
    let written = read.write_dataset_with_ts(&mut bytes, other);
    written.map_err(|e| damaged(&e))?;
    Ok(Cursor::new(bytes))
}
