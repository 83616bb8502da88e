//! The second image: opened, registered, and its transform in and out.

use std::path::PathBuf;
use std::sync::Arc;

use crate::geometry::RigidTransform;
use crate::io::{Choice, OpenOptions, check_keeps, open_transform, save_transform};
use crate::registration::{Registered, RegistrationError, register};
use crate::session::{OpenedScan, ScanSource, SecondCommand};
use crate::ui::Severity;
use crate::ui::texts::tr;

use super::file_flow::Purpose;
use super::files::{self, FileOutcome};
use super::window::Window;
use super::words;

impl Window {
    /// Reads a scan to lay over the one that is open.
    pub(super) fn open_second(&mut self, path: PathBuf) {
        self.open(path, OpenOptions::default(), Purpose::Second);
    }

    /// Lays a scan that was read over the one that is open.
    pub(super) fn take_second(&mut self, scan: Box<OpenedScan>) {
        let mut info = scan.info.clone();
        // Which kind it is decides colours and window at first, which are at hand.
        info.warnings
            .retain(|w| w.choice() != Some(Choice::Modality));
        let warnings = words::of_scan(&info);
        self.apply(SecondCommand::Open(scan));
        self.warn(&warnings);
    }

    /// Looks for where the second image fits best, from where it is.
    pub(super) fn register_second(&mut self) {
        let Some(case) = self.session.case() else {
            return;
        };
        let Some(second) = case.second() else {
            return;
        };
        let (first, moving) = (Arc::clone(case.scan_image()), Arc::clone(second.image()));
        let (key, start) = (second.key(), second.first_from_second());
        self.run(
            tr!("Registering"),
            Purpose::Other,
            true,
            move |ctx| match register(&first, &moving, start, ctx) {
                Ok(registered) => FileOutcome::Registered { key, registered },
                Err(RegistrationError::Cancelled(_)) => FileOutcome::Cancelled,
                Err(error) => FileOutcome::Refused(error.to_string()),
            },
        );
    }

    /// The second image was registered: it goes there, and what that means is said.
    pub(super) fn take_registered(&mut self, key: crate::models::ScanKey, registered: Registered) {
        self.apply(SecondCommand::Place {
            key,
            first_from_second: registered.fixed_from_moving,
            name: "register",
        });
        let percent = registered.overlap * 100.0;
        let text = tr!(
            "Registered: turned by {angle_deg} degrees in all; {percent} % of the smaller scan lie within the other. Check it \
             where anatomy is sharp before you rely on it",
            angle_deg = format_args!("{:.1}", registered.fixed_from_moving.angle_deg()),
            percent = format_args!("{percent:.0}")
        );
        self.state.messages.push_on_scan(Severity::Info, text);
    }

    /// Writes where the second image lies.
    pub(super) fn save_second_transform(&mut self, path: PathBuf) {
        let Some(case) = self.session.case() else {
            return;
        };
        let Some(second) = case.second() else {
            return;
        };
        let path = match path.extension() {
            Some(_) => path,
            None => path.with_extension("tfm"),
        };
        let sources = [case.source(), second.source()].map(Clone::clone);
        let map = second.first_from_second();
        self.run(
            tr!("Saving the transform"),
            Purpose::Other,
            false,
            move |_| {
                let files = sources.iter().filter_map(|source| match source {
                    ScanSource::File { path, .. } => Some(path.as_path()),
                    ScanSource::Sample => None,
                });
                let files: Vec<_> = files.collect();
                let saved = check_keeps(&path, &files).and_then(|()| save_transform(&path, &map));
                match saved {
                    Ok(()) => FileOutcome::TransformSaved(path),
                    Err(error) => files::refused(error),
                }
            },
        );
    }

    /// Reads where the second image is to lie.
    pub(super) fn open_second_transform(&mut self, path: PathBuf) {
        let key = self
            .session
            .case()
            .and_then(|c| c.second())
            .map(|s| s.key());
        let Some(key) = key else {
            return;
        };
        self.run(
            tr!("Reading the transform"),
            Purpose::Other,
            false,
            move |_| match open_transform(&path) {
                Ok(first_from_second) => FileOutcome::TransformRead {
                    key,
                    first_from_second,
                },
                Err(error) => files::refused(error),
            },
        );
    }

    /// A transform was read: the second image goes there.
    pub(super) fn take_transform(&mut self, key: crate::models::ScanKey, map: RigidTransform) {
        self.apply(SecondCommand::Place {
            key,
            first_from_second: map,
            name: "transform from a file",
        });
    }
}
