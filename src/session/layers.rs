//! The label layers.

use crate::volume::{LayerId, title_of};

use super::document::Edit;
use super::effect::Effects;
use super::{Case, LayerCommand, Tools};

impl Case {
    pub(super) fn apply_layer(&mut self, command: LayerCommand, tools: Tools, out: &mut Effects) {
        match command {
            LayerCommand::Add { name } => self.add_layer(name, tools, out),
            LayerCommand::Rename { layer, name } => self.rename_layer(layer, &name, out),
            LayerCommand::Remove(layer) => self.remove_layer(layer, tools, out),
            LayerCommand::Show { layer, visible } => {
                let mut edit = Edit::unsettled(self, out);
                if let Some(layer) = edit.table_mut().layer_mut(layer) {
                    layer.visible = visible;
                    edit.commit(if visible { "show layer" } else { "hide layer" });
                }
            }
            LayerCommand::Reorder { layer, to } => {
                let mut edit = Edit::unsettled(self, out);
                edit.table_mut().move_layer(layer, to);
                edit.layers_changed();
                edit.commit("reorder layers");
            }
            LayerCommand::Activate(layer) => self.activate_layer(layer, tools, out),
            LayerCommand::MoveLabel { value, layer } => self.move_label(value, layer, tools, out),
        }
    }

    fn add_layer(&mut self, name: Option<String>, tools: Tools, out: &mut Effects) {
        let unused = || {
            let names = (1u32..).map(|n| format!("layer_{n}"));
            let mut unused = names.filter(|name| !self.has_layer(None, name));
            unused.next().unwrap_or_default()
        };
        let name = name.unwrap_or_else(unused);
        if self.is_bad_layer_name(None, &name, out) {
            return;
        }
        let Some(mut edit) = Edit::begin(self, tools, out) else {
            return;
        };
        let Some(layer) = edit.table_mut().add_layer(name.trim()) else {
            edit.refuse("there are as many layers as there may be: remove one first");
            return;
        };
        edit.activate_layer(layer);
        edit.commit("add layer");
    }

    fn rename_layer(&mut self, layer: LayerId, name: &str, out: &mut Effects) {
        if self.is_bad_layer_name(Some(layer), name, out) {
            return;
        }
        let mut edit = Edit::unsettled(self, out);
        if let Some(layer) = edit.table_mut().layer_mut(layer) {
            layer.name = name.trim().to_owned();
            edit.commit("rename layer");
        }
    }

    /// Whether a layer other than this one has a name, as users read it.
    fn has_layer(&self, other_than: Option<LayerId>, name: &str) -> bool {
        let others = self.table().layers().iter();
        let mut others = others.filter(|l| Some(l.id) != other_than);
        others.any(|l| title_of(&l.name) == title_of(name))
    }

    /// Whether a name is empty or another layer's; tells the user when it is.
    fn is_bad_layer_name(&self, of: Option<LayerId>, name: &str, out: &mut Effects) -> bool {
        let name = name.trim();
        let taken = self.has_layer(of, name);
        if name.is_empty() {
            out.refuse("a layer needs a name");
        } else if taken {
            let title = title_of(name);
            out.refuse(format!(
                "there is a layer {title} already: choose another name"
            ));
        }
        name.is_empty() || taken
    }

    fn remove_layer(&mut self, layer: LayerId, tools: Tools, out: &mut Effects) {
        if self.table().layer(layer).is_none() {
            return;
        }
        if self.table().layers().len() == 1 {
            out.refuse("the only layer stays: remove its labels instead");
            return;
        }
        let locked = self.table().labels_in(layer).find(|l| l.locked);
        if let Some(locked) = locked.map(|l| l.value) {
            self.document.is_locked(locked, out);
            return;
        }
        let Some(mut edit) = Edit::begin(self, tools, out) else {
            return;
        };
        let bounds = edit.grid().bounds();
        edit.write(layer, bounds, |_, _| 0);
        edit.table_mut().remove_layer(layer);
        edit.layers_changed();
        edit.commit("remove layer");
    }

    fn activate_layer(&mut self, layer: LayerId, tools: Tools, out: &mut Effects) {
        let is_there = self.table().layer(layer).is_some();
        if !is_there || self.document.active_layer() == layer {
            return;
        }
        if let Some(mut edit) = Edit::begin(self, tools, out) {
            edit.activate_layer(layer);
            edit.commit("choose layer");
        }
    }

    fn move_label(&mut self, value: u16, layer: LayerId, tools: Tools, out: &mut Effects) {
        let label = self.table().get(value);
        let moves = label.is_some_and(|l| l.layer != layer);
        let is_there = self.table().layer(layer).is_some();
        if !moves || !is_there || self.document.is_locked(value, out) {
            return;
        }
        let Some(mut edit) = Edit::begin(self, tools, out) else {
            return;
        };
        if tools.take_from_others {
            edit.allow_from_all();
        }
        if let Err(reason) = edit.move_label(value, layer) {
            edit.refuse(reason);
            return;
        }
        edit.commit("move label to layer");
    }
}
