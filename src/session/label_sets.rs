//! Changes of many labels at once: from a file or a template, shown or locked together.

use crate::io::LabelEntry;

use super::document::{Edit, unused_name};
use super::effect::{Effect, Effects};
use super::{Case, Tools};

impl Case {
    /// Takes over names and colours: labels of these values, or of these names where no value is said, are named and
    /// coloured like that, and those that there are not are added.
    pub(super) fn take_labels(
        &mut self,
        step: &'static str,
        entries: &[LabelEntry],
        tools: Tools,
        out: &mut Effects,
    ) {
        let Some(mut edit) = Edit::begin(self, tools, out) else {
            return;
        };
        let (mut added, mut changed) = (0, 0);
        for entry in entries {
            let by_name = edit.table().by_title(&entry.name).map(|l| l.value);
            let value = entry.value.or(by_name);
            let known = value.filter(|&v| edit.table().get(v).is_some());
            match known {
                Some(value) => changed += usize::from(describe(&mut edit, value, entry)),
                None => match add(&mut edit, value, entry) {
                    Ok(()) => added += 1,
                    Err(reason) => return edit.refuse(reason),
                },
            }
        }
        if added + changed == 0 {
            return edit.info(format!("{step}: the labels are like that already"));
        }
        edit.info(format!("{step}: {added} labels added, {changed} changed"));
        edit.commit(step);
    }

    pub(super) fn show_labels(&mut self, values: &[u16], visible: bool, out: &mut Effects) {
        for &value in values {
            if let Some(label) = self.document.table.get_mut(value) {
                label.visible = visible;
            }
        }
        out.push(Effect::TableChanged);
    }

    pub(super) fn group_labels(&mut self, values: &[u16], group: &str, out: &mut Effects) {
        let group = group.trim();
        let mut edit = Edit::unsettled(self, out);
        let mut changes = false;
        for &value in values {
            if let Some(label) = edit.table_mut().get_mut(value) {
                changes |= label.group != group;
                group.clone_into(&mut label.group);
            }
        }
        if changes {
            edit.commit("group labels");
        }
    }

    pub(super) fn lock_labels(&mut self, values: &[u16], locked: bool, out: &mut Effects) {
        let mut edit = Edit::unsettled(self, out);
        let mut changes = false;
        for &value in values {
            if let Some(label) = edit.table_mut().get_mut(value) {
                changes |= std::mem::replace(&mut label.locked, locked) != locked;
            }
        }
        if changes {
            edit.commit(if locked {
                "lock labels"
            } else {
                "unlock labels"
            });
        }
    }
}

/// Names and colours a label, whether that changed it. A name that another label has stays with that one.
fn describe(edit: &mut Edit<'_>, value: u16, entry: &LabelEntry) -> bool {
    let holder = edit.table().by_title(&entry.name).map(|l| l.value);
    let is_free = holder.is_none_or(|holder| holder == value);
    let Some(label) = edit.table_mut().get_mut(value) else {
        return false;
    };
    let before = label.clone();
    if is_free {
        label.name.clone_from(&entry.name);
    }
    label.color = entry.color.unwrap_or(label.color);
    label.visible = entry.visible;
    before != *label
}

fn add(edit: &mut Edit<'_>, value: Option<u16>, entry: &LabelEntry) -> Result<(), String> {
    let taken = edit.table().by_title(&entry.name).is_some();
    let name = match taken {
        true => unused_name(edit.table(), &entry.name),
        false => entry.name.clone(),
    };
    let value = edit.add_label(value, &name).map_err(|e| e.to_string())?;
    describe(
        edit,
        value,
        &LabelEntry {
            name,
            ..entry.clone()
        },
    );
    Ok(())
}
