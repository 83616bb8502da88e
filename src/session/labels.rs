//! The label table.

use crate::volume::{Label, LabelTable, title_of};

use super::document::{Edit, LABEL, LESION, unused_name};
use super::effect::{Effect, Effects};
use super::{Case, LabelCommand, Tools};

impl Case {
    pub(super) fn apply_label(&mut self, command: LabelCommand, tools: Tools, out: &mut Effects) {
        match command {
            LabelCommand::Add { name } => {
                let name = name.unwrap_or_else(|| unused_name(self.table(), LABEL));
                self.add_label("add label", &name, tools, out);
            }
            LabelCommand::StartNextLesion => {
                let name = unused_name(self.table(), LESION);
                self.add_label("next lesion", &name, tools, out);
            }
            LabelCommand::Rename { value, name } => self.rename(value, &name, out),
            LabelCommand::Recolor { value, color } => {
                let mut edit = Edit::unsettled(self, out);
                if let Some(label) = edit.table_mut().get_mut(value) {
                    label.color = color;
                    edit.commit_merging("label colour", Some(value));
                }
            }
            LabelCommand::Opacity { value, percent } => {
                let mut edit = Edit::unsettled(self, out);
                if let Some(label) = edit.table_mut().get_mut(value) {
                    label.opacity_percent = Label::clamped_percent(percent);
                    edit.commit_merging("label opacity", Some(value));
                }
            }
            LabelCommand::Group { values, group } => self.group_labels(&values, &group, out),
            LabelCommand::Show { value, visible } => {
                if let Some(label) = self.document.table.get_mut(value) {
                    label.visible = visible;
                    out.push(Effect::TableChanged);
                }
            }
            LabelCommand::Lock { value, locked } => {
                let mut edit = Edit::unsettled(self, out);
                if let Some(label) = edit.table_mut().get_mut(value) {
                    label.locked = locked;
                    edit.commit(if locked { "lock label" } else { "unlock label" });
                }
            }
            LabelCommand::Take { step, entries } => self.take_labels(step, &entries, tools, out),
            LabelCommand::ShowAll { values, visible } => self.show_labels(&values, visible, out),
            LabelCommand::LockAll { values, locked } => self.lock_labels(&values, locked, out),
            LabelCommand::Activate(value) => self.activate(value, tools, out),
            LabelCommand::Remove(value) => self.remove_label(value, out),
        }
    }

    fn add_label(&mut self, step: &'static str, name: &str, tools: Tools, out: &mut Effects) {
        if self.is_bad_name(None, name, out) {
            return;
        }
        let Some(mut edit) = Edit::begin(self, tools, out) else {
            return;
        };
        match edit.add_label(None, name.trim()) {
            Ok(value) => {
                edit.activate(value);
                edit.commit(step);
            }
            Err(error) => edit.refuse(error.to_string()),
        }
    }

    fn rename(&mut self, value: u16, name: &str, out: &mut Effects) {
        if self.is_bad_name(Some(value), name, out) {
            return;
        }
        let mut edit = Edit::unsettled(self, out);
        if let Some(label) = edit.table_mut().get_mut(value) {
            label.name = name.trim().to_owned();
            edit.commit("rename label");
        }
    }

    /// Whether a name is empty or taken by another label; tells the user when it is.
    fn is_bad_name(&self, of: Option<u16>, name: &str, out: &mut Effects) -> bool {
        let name = name.trim();
        let taken = self
            .table()
            .by_title(name)
            .is_some_and(|l| Some(l.value) != of);
        if name.is_empty() {
            out.refuse("a label needs a name");
        } else if taken {
            out.refuse(format!(
                "there is a label {} already: choose another name",
                title_of(name)
            ));
        }
        name.is_empty() || taken
    }

    fn activate(&mut self, value: u16, tools: Tools, out: &mut Effects) {
        let same = self.document.target.active == Some(value);
        if same || self.table().get(value).is_none() || !self.settle(tools, out) {
            return;
        }
        self.document.activate(value);
        out.push(Effect::TableChanged);
    }

    fn remove_label(&mut self, value: u16, out: &mut Effects) {
        if self.table().get(value).is_none() || self.document.is_locked(value, out) {
            return;
        }
        if self.document.target.active == Some(value) {
            self.cancel_prompt_job(out);
        }
        let mut edit = Edit::unsettled(self, out);
        edit.erase(value, None);
        edit.remove_label(value);
        edit.commit("remove label");
    }

    /// The label that the next click, box or stroke goes to.
    pub fn receiver(&self) -> Receiver {
        if let Some(label) = self.active() {
            return Receiver {
                title: label.title(),
                color: label.color,
                is_new: false,
                is_locked: label.locked,
            };
        }
        // A click accepts standing structures first, and those take names and values.
        let table = self.gain().map_or(self.table(), |gain| &gain.table);
        Receiver {
            title: title_of(&unused_name(table, LESION)),
            color: LabelTable::palette_color(table.next_free_value().unwrap_or(0)),
            is_new: true,
            is_locked: false,
        }
    }
}

/// The label that the next click, box or stroke goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// Its name as users read it.
    pub title: String,
    /// sRGB.
    pub color: [u8; 3],
    /// It is started then.
    pub is_new: bool,
    /// It takes nothing until it is unlocked.
    pub is_locked: bool,
}

impl Receiver {
    /// Its name, and what keeps it from receiving or that it is started.
    pub fn text(&self) -> String {
        let state = match (self.is_locked, self.is_new) {
            (true, _) => " is locked",
            (_, true) => " (new)",
            _ => "",
        };
        format!("{}{state}", self.title)
    }
}
