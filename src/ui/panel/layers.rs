//! Label layers as headings of the label list, where there is more than one.

use egui::{Button, RichText, Ui};

use crate::session::{Case, LayerCommand};
use crate::ui::icons::eye_toggle;
use crate::ui::model::UiRequest;
use crate::ui::state::{Renamed, UiState};
use crate::ui::texts::tr;
use crate::volume::{Label, Layer, title_of};

/// The heading of a layer, over its labels.
pub fn heading(
    ui: &mut Ui,
    case: &Case,
    layer: &Layer,
    state: &mut UiState,
    out: &mut Vec<UiRequest>,
) {
    let (id, title) = (layer.id, title_of(&layer.name));
    ui.push_id(("layer", id.0), |ui| {
        ui.horizontal(|ui| {
            let visible = eye_toggle(ui, layer.visible, &tr!("Show {title}", title)).on_hover_text(
                tr!("The labels of this layer are shown or hidden in the views"),
            );
            if visible.clicked() {
                out.push(UiRequest::command(LayerCommand::Show {
                    layer: id,
                    visible: !layer.visible,
                }));
            }
            if let Some(edited) = super::labels::edited_name(ui, Renamed::Layer(id), state) {
                if let Some(name) = edited.filter(|name| *name != title) {
                    out.push(UiRequest::command(LayerCommand::Rename { layer: id, name }));
                }
                return;
            }
            let is_active = case.document().active_layer() == id;
            let button = Button::selectable(is_active, RichText::new(&title).strong())
                .min_size(egui::vec2(ui.available_width(), 20.0))
                .truncate();
            let response = ui.add(button).on_hover_text(tr!(
                "Click: new labels begin in this layer. Double click: rename. Right click: more"
            ));
            if response.clicked() {
                out.push(UiRequest::command(LayerCommand::Activate(id)));
            }
            if response.double_clicked() {
                state.renaming = Some((Renamed::Layer(id), title.clone()));
            }
            response.context_menu(|ui| menu(ui, case, layer, state, out));
        });
    });
}

fn menu(ui: &mut Ui, case: &Case, layer: &Layer, state: &mut UiState, out: &mut Vec<UiRequest>) {
    let layers = case.table().layers();
    let place = layers.iter().position(|l| l.id == layer.id).unwrap_or(0);
    if ui.button(tr!("Rename")).clicked() {
        state.renaming = Some((Renamed::Layer(layer.id), title_of(&layer.name)));
        ui.close();
    }
    let mut entry = |text: &str, enabled: bool, command: LayerCommand| {
        if ui.add_enabled(enabled, Button::new(text)).clicked() {
            out.push(UiRequest::command(command));
            ui.close();
        }
    };
    let to = |to: usize| LayerCommand::Reorder {
        layer: layer.id,
        to,
    };
    entry(tr!("Move up"), place + 1 < layers.len(), to(place + 1));
    entry(tr!("Move down"), place > 0, to(place.saturating_sub(1)));
    let is_free = case.table().labels_in(layer.id).all(|l| !l.locked);
    entry(
        tr!("Remove with its labels"),
        is_free,
        LayerCommand::Remove(layer.id),
    );
}

/// The part of a label's menu that moves it to another layer; nothing where there is no other.
pub fn move_menu(ui: &mut Ui, case: &Case, label: &Label, out: &mut Vec<UiRequest>) {
    let others = case.table().layers().iter().rev();
    for layer in others.filter(|layer| layer.id != label.layer) {
        let text = tr!("Move to {name}", name = title_of(&layer.name));
        if ui.add_enabled(!label.locked, Button::new(text)).clicked() {
            out.push(UiRequest::command(LayerCommand::MoveLabel {
                value: label.value,
                layer: layer.id,
            }));
            ui.close();
        }
    }
}
