//! The label table.

use crate::volume::{LabelTable, title_of};

use super::edit::Edit;
use super::effect::{Effect, Effects};
use super::{Case, LabelCommand, Tools};

impl Case {
    pub(super) fn apply_label(&mut self, command: LabelCommand, tools: Tools, out: &mut Effects) {
        match command {
            LabelCommand::Add { name } => {
                let name = name.unwrap_or_else(|| unused_name(&self.table, "label"));
                self.add_label("add label", &name, tools, out);
            }
            LabelCommand::StartNextLesion => {
                let name = unused_name(&self.table, "lesion");
                self.add_label("next lesion", &name, tools, out);
            }
            LabelCommand::Rename { value, name } => self.rename(value, &name, out),
            LabelCommand::Recolor { value, color } => {
                let mark = self.mark();
                if let Some(label) = self.table.get_mut(value) {
                    label.color = color;
                    self.commit_merging("label colour", Some(value), mark, None, out);
                }
            }
            LabelCommand::Show { value, visible } => {
                if let Some(label) = self.table.get_mut(value) {
                    label.visible = visible;
                    out.push(Effect::TableChanged);
                }
            }
            LabelCommand::Lock { value, locked } => {
                let mark = self.mark();
                if let Some(label) = self.table.get_mut(value) {
                    label.locked = locked;
                    let name = if locked { "lock label" } else { "unlock label" };
                    self.commit(name, mark, None, out);
                }
            }
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
            Err(error) => edit.refuse(&error),
        }
    }

    fn rename(&mut self, value: u16, name: &str, out: &mut Effects) {
        if self.is_bad_name(Some(value), name, out) {
            return;
        }
        let mark = self.mark();
        if let Some(label) = self.table.get_mut(value) {
            label.name = name.trim().to_owned();
            self.commit("rename label", mark, None, out);
        }
    }

    /// Whether a name is empty or taken by another label; tells the user when it is.
    fn is_bad_name(&self, of: Option<u16>, name: &str, out: &mut Effects) -> bool {
        let name = name.trim();
        let taken = self
            .table
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
        let same = self.target.active == Some(value);
        if same || self.table.get(value).is_none() || !self.settle(tools, out) {
            return;
        }
        self.target.active = Some(value);
        out.push(Effect::TableChanged);
    }

    fn remove_label(&mut self, value: u16, out: &mut Effects) {
        if self.table.get(value).is_none() || self.is_locked(value, out) {
            return;
        }
        if self.target.active == Some(value) {
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
        let table = self.gain().map_or(&self.table, |gain| &gain.table);
        Receiver {
            title: title_of(&unused_name(table, "lesion")),
            color: LabelTable::palette_color(table.next_free_value().unwrap_or(0)),
            is_new: true,
            is_locked: false,
        }
    }

    /// The active label, if it may be changed; without one, a new `lesion_N` (part of the step that is
    /// being made).
    pub(super) fn editable_label(&mut self, out: &mut Effects) -> Option<u16> {
        if let Some(active) = self.target.active {
            return (!self.is_locked(active, out)).then_some(active);
        }
        let value = self.table.next_free_value()?;
        self.table.add(value, &unused_name(&self.table, "lesion"));
        self.target.active = Some(value);
        Some(value)
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

/// `{stem}_N` with the smallest N from 1 that no label has.
pub(super) fn unused_name(table: &LabelTable, stem: &str) -> String {
    (1u32..)
        .map(|n| format!("{stem}_{n}"))
        .find(|name| table.by_title(name).is_none())
        .expect("a table has fewer labels than there are numbers")
}
