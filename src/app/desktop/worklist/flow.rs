//! What the window does with a worklist.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::app::desktop::compare_flow::own_reading;
use crate::app::desktop::file_flow::{Goal, Purpose};
use crate::app::desktop::window::Window;
use crate::project::{Entry, Role, State, is_plain_name};
use crate::session::{LabelCommand, ScanCommand};
use crate::ui::Severity;
use crate::ui::model::{Worklist as Shown, WorklistRequest};
use crate::ui::texts::{self, tr};

use super::ahead::{Ahead, Organs};
use super::read::{self, CaseRead, CaseSaved, CaseToSave, ProjectRead};
use super::{Open, Used, reader_of};

impl Window {
    pub(in crate::app::desktop) fn act_on_worklist(&mut self, request: WorklistRequest) {
        match request {
            WorklistRequest::Open(id) => self.reach(Goal::OpenCase(id)),
            WorklistRequest::Reader(name) if is_plain_name(&name) => {
                self.reach(Goal::ReadAs(name));
            }
            WorklistRequest::Reader(name) => {
                let text = tr!(
                    "{name} cannot be a reader's name; take letters, digits, _, - and .",
                    name = format_args!("{name:?}")
                );
                self.state.messages.push(Severity::Error, text);
            }
            WorklistRequest::Next => self.next_case(),
            WorklistRequest::Finish(state) => self.finish_case(state),
            WorklistRequest::Close => self.reach(Goal::CloseProject),
        }
    }

    /// Opens a project beside what is open.
    pub(in crate::app::desktop) fn open_project(&mut self, path: PathBuf) {
        let reader = reader_of(&self.settings);
        self.run(
            tr!("Opening the worklist"),
            Purpose::Other,
            false,
            move |_| read::open_project(path, &reader),
        );
    }

    pub(in crate::app::desktop) fn take_project(&mut self, read: ProjectRead) {
        self.worklist.ranking.forget(None);
        self.worklist.open = Some(Open {
            project: Arc::new(read.project),
            shown: Shown {
                title: read.title,
                reader: reader_of(&self.settings),
                entries: read.entries,
                current: None,
                thumbnails: BTreeMap::new(),
            },
            current: None,
            ahead: Ahead::None,
        });
        // Recovered work may be of one of its cases.
        self.is_on_case();
    }

    pub(in crate::app::desktop) fn take_list(&mut self, entries: Vec<Entry>) {
        if let Some(open) = &mut self.worklist.open {
            open.shown.entries = entries;
        }
    }

    /// From now on cases are read under this name. What another reader made of the open one is out of sight.
    pub(in crate::app::desktop) fn read_as_reader(&mut self, name: String) {
        self.settings.reader = Some(name.clone());
        self.save_settings();
        self.close_case();
        self.forget_ahead();
        let Some(open) = &mut self.worklist.open else {
            return;
        };
        open.shown.reader.clone_from(&name);
        let project = Arc::clone(&open.project);
        self.run(tr!("Listing the cases"), Purpose::Other, false, move |_| {
            read::list(&project, &name)
        });
    }

    /// Reads the cases that the reader has finished, to learn from them. What others made of a case is not looked at.
    pub(in crate::app::desktop) fn read_finished_cases(&mut self) {
        let Some(open) = &self.worklist.open else {
            return;
        };
        let entries = open.shown.entries.iter();
        let done = entries.filter(|e| e.role.is_some() && e.state == State::Done);
        let ids: Vec<String> = done.map(|e| e.id.clone()).collect();
        let (project, reader) = (Arc::clone(&open.project), open.shown.reader.clone());
        self.run(
            tr!("Reading the finished cases"),
            Purpose::Other,
            true,
            move |ctx| read::to_learn_from(&project, &ids, &reader, ctx),
        );
    }

    /// Reads the scans of the cases that the reader has not begun, for a teacher to answer on.
    pub(in crate::app::desktop) fn read_scans_to_learn_from(&mut self, most: usize) {
        let Some(open) = &self.worklist.open else {
            return;
        };
        let entries = open.shown.entries.iter();
        let new = entries.filter(|e| e.state == State::NotStarted);
        let ids: Vec<String> = new.map(|e| e.id.clone()).collect();
        let project = Arc::clone(&open.project);
        self.run(
            tr!("Reading the scans without labels"),
            Purpose::Other,
            true,
            move |ctx| read::scans_to_learn_from(&project, &ids, most, ctx),
        );
    }

    /// Shows no worklist any more.
    pub(in crate::app::desktop) fn close_project(&mut self) {
        self.close_case();
        self.forget_ahead();
        self.worklist.open = None;
    }

    fn close_case(&mut self) {
        if self.worklist.labels_path().is_some() {
            self.worklist.leave_case();
            self.apply(ScanCommand::Close);
        }
    }

    /// Opens a case of the worklist, at once where it was read ahead.
    pub(in crate::app::desktop) fn open_case(&mut self, id: String) {
        let Some(open) = &mut self.worklist.open else {
            return;
        };
        let (project, reader) = (Arc::clone(&open.project), open.shown.reader.clone());
        match std::mem::replace(&mut open.ahead, Ahead::None) {
            Ahead::Read(read, _) if read.id == id => {
                self.run(tr!("Beginning the case"), Purpose::Open, false, move |_| {
                    read::begin_read(&project, read, &reader)
                });
            }
            other => {
                if let Ahead::Read(_, Organs::Asked(job)) = other {
                    self.engine.cancel(job);
                }
                self.run(tr!("Opening the case"), Purpose::Open, true, move |ctx| {
                    read::begin(&project, &id, &reader, ctx)
                });
            }
        }
    }

    /// Makes a case the one that is worked on, and reads the one after it.
    pub(in crate::app::desktop) fn take_case(&mut self, read: CaseRead) {
        if let Some(open) = &mut self.worklist.open {
            open.keep_thumbnail_of(&read);
        }
        let CaseRead {
            id,
            role,
            scan,
            labels,
            compared,
            warnings,
        } = read;
        let (path, first) = (labels.path.clone(), labels.table.labels().first().cloned());
        self.take_scan(*scan);
        // What a case begins with is the project's to say; others' readings are not to be seen.
        self.state.offers.close();
        self.apply(ScanCommand::OpenLabels(labels));
        if let Some(label) = first {
            self.apply(LabelCommand::Activate(label.value));
        }
        self.warn_of(&warnings);
        if let Some(compared) = compared {
            self.take_compared(*compared);
        }
        let Some(open) = &mut self.worklist.open else {
            return;
        };
        let entry = open.shown.entries.iter_mut().find(|e| e.id == id);
        if let Some(entry) = entry {
            if entry.state == State::NotStarted {
                entry.state = State::InProgress;
            }
            self.state.worklist.note.clone_from(&entry.note);
        }
        open.begin(id, path, role);
        self.read_ahead();
    }

    /// Compares the own reading of the case that is open with those of others, as far as they may be seen.
    pub(in crate::app::desktop) fn compare_readers(&mut self) {
        let is_case = self.is_on_case();
        let (Some(on), Some(case), Some(open)) =
            (self.compared_on(), self.session.case(), &self.worklist.open)
        else {
            return;
        };
        let Some(id) = open.shown.current.clone().filter(|_| is_case) else {
            let text = tr!(
                "No case of a worklist is open; File > Compare with labels... compares with a file"
            );
            self.state.messages.push(Severity::Info, text);
            return;
        };
        let (project, reader) = (Arc::clone(&open.project), open.shown.reader.clone());
        let own = own_reading(case, &reader);
        self.run(tr!("Comparing readers"), Purpose::Other, true, move |ctx| {
            read::compare(&project, &id, own, &on, ctx)
        });
    }

    /// Goes to the case after this one, or says that nothing is left.
    pub(in crate::app::desktop) fn next_case(&mut self) {
        let Some(open) = &self.worklist.open else {
            return;
        };
        let by = self.state.worklist.ranked_by();
        match open.next_case(by).map(str::to_owned) {
            Some(id) => self.reach(Goal::OpenCase(id)),
            None => {
                let done = open.shown.entries.iter().filter(|e| e.state.is_over());
                let text = tr!(
                    "Nothing is left for {reader}: {count} cases are done",
                    reader = open.shown.reader,
                    count = done.count()
                );
                self.state.messages.push(Severity::Info, text);
            }
        }
    }

    /// Hands the case in as it is now, and goes on to the next one.
    pub(in crate::app::desktop) fn finish_case(&mut self, state: State) {
        if self.session.case().is_some_and(|c| c.proposal().is_some()) {
            let text = tr!("A proposal stands: accept it (Enter) or reject it (Esc) first");
            self.state.messages.push(Severity::Warning, text);
            return;
        }
        if self.is_on_case() {
            self.save_case(state, true);
        }
    }

    /// Whether the labels that are worked on are the reader's of a case. Recovered work is too: its case becomes the one
    /// that is open.
    pub(in crate::app::desktop) fn is_on_case(&mut self) -> bool {
        let Some(labels) = self.session.case().and_then(|c| c.labels_path()) else {
            return false;
        };
        let Some(open) = &mut self.worklist.open else {
            return false;
        };
        if open.current.as_ref().is_none_or(|c| c.labels != labels) {
            let (project, reader) = (&open.project, &open.shown.reader);
            let is_of = |e: &&Entry| {
                let path = e.role.map(|role| project.labels_path(&e.id, reader, role));
                path.is_some_and(|path| path == labels)
            };
            let found = open.shown.entries.iter().find(is_of);
            let Some(entry) = found.cloned() else {
                return false;
            };
            self.state.worklist.note = entry.note;
            let role = entry.role.unwrap_or(Role::Reader);
            open.begin(entry.id, labels.to_path_buf(), role);
        }
        true
    }

    /// Saves the case that is worked on, if it is one of the worklist; whether it is.
    pub(in crate::app::desktop) fn saves_case(&mut self) -> bool {
        let is_case = self.is_on_case();
        if is_case {
            let open = self.worklist.open.as_ref();
            let entry = open.and_then(|o| o.entry(o.shown.current.as_deref()?));
            let state = entry.map_or(State::InProgress, |e| match e.state {
                State::NotStarted | State::InProgress => State::InProgress,
                over => over,
            });
            self.save_case(state, false);
        }
        is_case
    }

    /// Saves the case that is worked on; the next one is opened after it where the user goes on.
    fn save_case(&mut self, state: State, goes_on: bool) {
        let (Some(case), Some(open)) = (self.session.case(), &self.worklist.open) else {
            return;
        };
        let (Some(current), Some(id)) = (&open.current, &open.shown.current) else {
            return;
        };
        let layers = case.document().layers();
        let scan_grid = *case.scan_image().grid();
        let steps = case.history().undo_len();
        let was_asked = current.used.automatic + current.used.prompted > 0;
        let card = self.engine_status.card().filter(|_| was_asked);
        let save = CaseToSave {
            id: id.clone(),
            reader: open.shown.reader.clone(),
            role: current.role,
            state,
            layers: match case.is_on_scan_grid() {
                true => layers.clone(),
                false => layers.resampled(&scan_grid),
            },
            table: case.table().clone(),
            measurements: case.document().measurements().to_vec(),
            revision: case.revision(),
            seconds: current.clock.seconds(),
            note: self.state.worklist.note.trim().to_owned(),
            model: card.map_or_else(String::new, |card| card.id.clone()),
            prompts: current.used.text(),
            edits: steps.saturating_sub(current.saved_steps),
            steps,
            goes_on,
        };
        let project = Arc::clone(&open.project);
        let id = self.run(tr!("Saving the case"), Purpose::Other, false, move |_| {
            read::save(&project, &save)
        });
        self.flow.saving = Some(id);
    }

    /// A case was saved.
    pub(in crate::app::desktop) fn case_saved(&mut self, saved: CaseSaved) {
        let CaseSaved {
            path,
            revision,
            state,
            seconds,
            steps,
            entries,
            goes_on,
        } = saved;
        self.apply(ScanCommand::MarkSaved { revision, path });
        if let Some(open) = &mut self.worklist.open {
            // There may be a reading more to compare.
            self.worklist.ranking.forget(open.shown.current.as_deref());
            open.shown.entries = entries;
            if let Some(current) = &mut open.current {
                current.clock.written(seconds);
                current.used = Used::default();
                current.saved_steps = steps;
            }
        }
        let text = tr!(
            "Saved and read back: {state}",
            state = texts::of(state.title()).to_lowercase()
        );
        self.state.messages.push_on_scan(Severity::Info, text);
        if goes_on {
            self.next_case();
        }
    }
}
