//! The case that comes next: read, and its organs found, while this one is worked on.
//!
//! The model works on it as background work, so that whatever the user asks for goes first.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::app::desktop::window::Window;
use crate::app::desktop::worker::WorkEvent;
use crate::app::ranking::known_structures;
use crate::engine::{JobId, Request, Task};
use crate::models::{AutoResult, ModelCard, ModelError, ScanKey};
use crate::project::Role;
use crate::session::AiCommand;

use super::read::{self, CaseRead};

/// The case after this one.
pub(super) enum Ahead {
    /// None is read.
    None,
    /// It is being read.
    Reading,
    /// It is there.
    Read(Box<CaseRead>, Organs),
}

/// What the model has found in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Organs {
    /// Nobody asked.
    NotAsked,
    /// It is looking.
    Asked(JobId),
    /// It has looked, or is not to.
    Over,
}

/// Organs that were found ahead.
pub(super) struct Found {
    scan: ScanKey,
    /// Which were looked for.
    structures: Vec<String>,
    result: AutoResult,
}

/// What was found ahead, on its way from the engine's thread and until it is shown.
pub(super) struct FoundAhead {
    sender: Sender<Found>,
    receiver: Receiver<Found>,
    kept: Option<Found>,
}

impl FoundAhead {
    pub fn new() -> Self {
        let (sender, receiver) = unbounded();
        Self {
            sender,
            receiver,
            kept: None,
        }
    }

    fn drain(&mut self) {
        if let Some(newest) = self.receiver.try_iter().last() {
            self.kept = Some(newest);
        }
    }

    /// Which structures were looked for in this scan, if what was found there waits to be shown.
    fn structures_in(&mut self, scan: ScanKey) -> Option<Vec<String>> {
        self.drain();
        let found = self.kept.as_ref().filter(|found| found.scan == scan)?;
        Some(found.structures.clone())
    }

    /// What was found in this scan, once.
    fn take(&mut self, scan: ScanKey) -> Option<Found> {
        self.drain();
        self.kept.take_if(|found| found.scan == scan)
    }
}

impl Window {
    /// Reads the case after the one that is open.
    pub(super) fn read_ahead(&mut self) {
        self.forget_ahead();
        let Some(open) = &mut self.worklist.open else {
            return;
        };
        let by = self.state.worklist.ranked_by();
        let Some(id) = open.next_case(by).map(str::to_owned) else {
            return;
        };
        let (project, reader) = (Arc::clone(&open.project), open.shown.reader.clone());
        open.ahead = Ahead::Reading;
        self.worklist.ahead.submit(move |ctx| {
            // What is wrong with it is told when the user comes to it.
            read::read(&project, &id, &reader, ctx).ok().map(Box::new)
        });
    }

    /// No case is ahead any more; the model does not go on with it.
    pub(super) fn forget_ahead(&mut self) {
        if let Some(open) = &mut self.worklist.open
            && let Ahead::Read(_, Organs::Asked(job)) =
                std::mem::replace(&mut open.ahead, Ahead::None)
        {
            self.engine.cancel(job);
        }
    }

    /// Another model is to look at the next case.
    pub(in crate::app::desktop) fn ask_ahead_anew(&mut self) {
        self.rank_anew();
        self.worklist.found = FoundAhead::new();
        if let Some(open) = &mut self.worklist.open
            && let Ahead::Read(_, organs) = &mut open.ahead
        {
            *organs = Organs::NotAsked;
        }
    }

    /// Takes over a case that was read ahead, and has the model look at it.
    pub(in crate::app::desktop) fn drain_ahead(&mut self) {
        for event in self.worklist.ahead.drain() {
            if let WorkEvent::Finished { outcome, .. } = event
                && let Some(open) = &mut self.worklist.open
                && matches!(open.ahead, Ahead::Reading)
            {
                open.ahead = match outcome.flatten() {
                    Some(read) => Ahead::Read(read, Organs::NotAsked),
                    None => Ahead::None,
                };
            }
        }
        self.look_ahead();
        self.propose_found();
    }

    /// Has the model look for what the project wants in the next case, if it knows it and nobody has drawn there.
    fn look_ahead(&mut self) {
        let card = self.engine_status.card();
        let (Some(card), Some(open)) = (card, &mut self.worklist.open) else {
            return;
        };
        let Ahead::Read(read, organs @ Organs::NotAsked) = &mut open.ahead else {
            return;
        };
        let structures = wanted(card, read, &open.project.label_names());
        if structures.is_empty() {
            *organs = Organs::Over;
            return;
        }
        let (scan, image) = (read.scan.key, Arc::clone(&read.scan.image));
        let found = self.worklist.found.sender.clone();
        let task = Task::new(move |model, ctx| {
            let result = model.segment_auto_of(&image, &[], scan, Some(&structures), ctx)?;
            // Nobody waits any more where the window is gone.
            let _ = found.send(Found {
                scan,
                structures: structures.clone(),
                result,
            });
            Ok::<(), ModelError>(())
        });
        *organs = Organs::Asked(self.engine.submit(Request::Background { task }));
    }

    /// A job of the engine has ended: if it was this one, the model has looked.
    pub(in crate::app::desktop) fn looked_ahead(&mut self, job: JobId) {
        if let Some(open) = &mut self.worklist.open
            && let Ahead::Read(_, organs) = &mut open.ahead
            && *organs == Organs::Asked(job)
        {
            *organs = Organs::Over;
        }
    }

    /// Proposes the organs of the open case that the model began to look for before it was opened.
    fn propose_found(&mut self) {
        let Some(case) = self.session.case() else {
            return;
        };
        let structures = self.worklist.found.structures_in(case.key());
        if structures.is_some() {
            self.apply(AiCommand::RunAuto { structures });
        }
    }

    /// What was found ahead in a scan of which these structures are asked for now.
    pub(in crate::app::desktop) fn take_found(
        &mut self,
        scan: ScanKey,
        structures: Option<&[String]>,
    ) -> Option<AutoResult> {
        let found = self.worklist.found.take(scan)?;
        (structures == Some(&found.structures)).then_some(found.result)
    }
}

/// The structures of a model that a project wants and that are to be looked for in a case: none where somebody has drawn.
fn wanted(card: &ModelCard, read: &CaseRead, names: &[String]) -> Vec<String> {
    let is_begun = !read.labels.layers.counts().is_empty();
    if read.role != Role::Reader || is_begun {
        return Vec::new();
    }
    let known = known_structures(card, read.scan.image.modality(), names);
    known.iter().map(|s| s.name.clone()).collect()
}
