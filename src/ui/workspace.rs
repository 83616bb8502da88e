//! The middle of the window: the open panes, and where they are.
//!
//! egui_tiles lays panes out, drags the lines between them, and moves a pane beside another. What it would put on tabs,
//! because it is dropped on the middle of another pane, changes places with that pane instead.

use egui::emath::GuiRounding as _;
use egui::{Rect, Stroke, StrokeKind, Style, Ui, Visuals, WidgetText};
use egui_tiles::{
    Behavior, Container, EditAction, Linear, ResizeState, Tile, TileId, Tiles, Tree, UiResponse,
};

use crate::session::Case;
use crate::ui::texts::tr;

use super::arrangement::{Arrangement, MOST_PANES, Remembered};
use super::layout::{AXIAL_LARGE, Layout};
use super::model::UiModel;
use super::pane_menu;
use super::panes::{Described, Pane, PaneContext, PaneId};
use super::state::UiState;
use super::theme;
use super::view::{Canvas, ViewIntent, surface};

/// Panes narrower or lower than this, in points, are not drawn.
const LEAST_SIDE: f32 = 24.0;
/// The lines between panes leave each at least this, in points.
const LEAST_PANE: f32 = 90.0;

/// The open panes and their places.
#[derive(Debug)]
pub struct Workspace {
    /// All panes, also those that the layout has no place for: they keep what they show of the scan.
    panes: Vec<(PaneId, Box<dyn Pane>)>,
    tree: Tree<PaneId>,
    /// The pane that is shown alone.
    maximised: Option<PaneId>,
    is_moving: bool,
    /// The number of the next pane.
    next: u64,
    /// Panes that went out of sight, whose pictures are still kept.
    unseen: Vec<PaneId>,
}

impl Default for Workspace {
    fn default() -> Self {
        let mut workspace = Self::empty();
        workspace.arrange(&(AXIAL_LARGE.arrangement)());
        workspace
    }
}

impl Workspace {
    fn empty() -> Self {
        Self {
            panes: Vec::new(),
            tree: Tree::empty(egui::Id::unique("panes")),
            maximised: None,
            is_moving: false,
            next: 0,
            unseen: Vec::new(),
        }
    }

    /// Arranges the panes like this: those that are open already stay as they are, others are opened. Returns whether
    /// that was possible; otherwise nothing changes.
    pub fn arrange(&mut self, wanted: &Remembered) -> bool {
        let is_known = |described: &&Described| described.open().is_some();
        if !wanted.is_sound() || !wanted.panes().iter().all(is_known) {
            return false;
        }
        let mut others = std::mem::take(&mut self.panes);
        let placed = wanted.map(&mut |described| {
            let at = others
                .iter()
                .position(|(_, pane)| Described::of(pane.as_ref()) == *described);
            let (id, pane) = match at {
                Some(at) => others.remove(at),
                None => (PaneId(self.next), described.open()?),
            };
            self.next = self.next.max(id.0 + 1);
            self.panes.push((id, pane));
            Some(id)
        });
        if let Some(placed) = placed {
            self.tree = placed.tree();
        }
        self.unseen.extend(others.iter().map(|(id, _)| *id));
        // What has no place comes back as it was.
        self.panes.extend(others);
        self.panes.truncate(MOST_PANES);
        self.maximised = None;
        true
    }

    /// What to remember of the panes.
    pub fn remembered(&self) -> Remembered {
        let arranged = Arrangement::of(&self.tree);
        let described = |id: &PaneId| self.pane(*id).map(Described::of);
        arranged
            .and_then(|arranged| arranged.map(&mut |id| described(id)))
            .unwrap_or_else(AXIAL_LARGE.arrangement)
    }

    /// Whether the panes are arranged by this layout, whatever their sizes.
    pub fn has_layout(&self, layout: &Layout) -> bool {
        self.maximised.is_none() && self.remembered().is_like(&(layout.arrangement)())
    }

    /// Shows all there is to see in all panes again.
    pub fn fit(&mut self) {
        for (_, pane) in &mut self.panes {
            pane.fit();
        }
    }

    /// The pane that keys act on: the one shown alone, else the one under the pointer last, else the first.
    pub fn key_pane(&self, active: Option<PaneId>) -> Option<PaneId> {
        let shown = Arrangement::of(&self.tree)?;
        let shown = shown.panes();
        let active = active.filter(|id| shown.contains(&id));
        self.maximised.or(active).or(shown.first().map(|&&id| id))
    }

    /// The pane of this id.
    pub fn pane(&self, id: PaneId) -> Option<&dyn Pane> {
        let found = self.panes.iter().find(|(other, _)| *other == id)?;
        Some(found.1.as_ref())
    }

    /// Has a pane take several slices together, in the next way that there is.
    pub fn next_slab(&mut self, id: PaneId) {
        if let Some((_, pane)) = self.panes.iter_mut().find(|(other, _)| *other == id) {
            pane.next_slab();
        }
    }

    /// Shows a pane alone, or all of them again.
    pub fn toggle_maximised(&mut self, id: PaneId) {
        self.maximised = match self.maximised {
            Some(_) => None,
            None => Some(id),
        };
    }

    /// Whether a pane was being dragged to another place when panes were drawn last.
    pub fn is_moving(&self) -> bool {
        self.is_moving
    }

    /// Draws the tree, and follows what was done to it.
    fn show_tree(&mut self, ui: &mut Ui, shown: &mut Shown<'_, '_>) {
        self.is_moving = self.tree.dragged_id(ui.ctx()).is_some();
        let before = Arrangement::of(&self.tree).filter(|_| self.is_moving);
        let lines = Lines::of(&self.tree);
        self.tree.ui(shown, ui);
        match shown.edit {
            Some(EditAction::TileResized) => lines.keep_together(&mut self.tree),
            Some(EditAction::TileDropped) => {
                if let (Some(dropped_on), Some(before)) = (tabs(&self.tree), before) {
                    let [a, b] = dropped_on.map(|tile| self.tree.tiles.get_pane(&tile).copied());
                    let settled = match (a, b) {
                        (Some(a), Some(b)) => before.swapped(a, b),
                        // On the middle of several panes: nowhere.
                        _ => before,
                    };
                    self.tree = settled.tree();
                }
            }
            _ => {}
        }
    }
}

/// What lies on tabs: the tile that another was dropped on, and that other one.
fn tabs(tree: &Tree<PaneId>) -> Option<[TileId; 2]> {
    tree.tiles.tiles().find_map(|tile| match tile {
        Tile::Container(Container::Tabs(tabs)) => tabs.children.as_slice().try_into().ok(),
        _ => None,
    })
}

/// The shares in each row of a column (or in each column of a row) before the user drags a line. Where all rows have as many
/// panes, as in 2x2, the lines go all the way and are dragged as one.
struct Lines(Vec<(TileId, Vec<f32>)>);

impl Lines {
    fn of(tree: &Tree<PaneId>) -> Self {
        let outer = tree.root().and_then(|root| linear(&tree.tiles, root));
        let rows: Option<Vec<(TileId, Vec<f32>)>> = outer.and_then(|outer| {
            let shares = |row: &Linear| row.children.iter().map(|&c| row.shares[c]).collect();
            let row = |&id: &TileId| Some((id, shares(linear(&tree.tiles, id)?)));
            outer.children.iter().map(row).collect()
        });
        let mut rows = rows.unwrap_or_default();
        if rows
            .windows(2)
            .any(|pair| pair[0].1.len() != pair[1].1.len())
        {
            rows.clear();
        }
        Self(rows)
    }

    /// Gives all rows the shares of the one that was changed.
    fn keep_together(&self, tree: &mut Tree<PaneId>) {
        let now = Self::of(tree);
        let Some((_, shares)) = now.0.iter().find(|row| !self.0.contains(row)) else {
            return;
        };
        for (id, _) in &now.0 {
            if let Some(Tile::Container(Container::Linear(row))) = tree.tiles.get_mut(*id) {
                for (&child, &share) in row.children.iter().zip(shares) {
                    row.shares.set_share(child, share);
                }
            }
        }
    }
}

fn linear(tiles: &Tiles<PaneId>, id: TileId) -> Option<&Linear> {
    match tiles.get_container(id)? {
        Container::Linear(linear) => Some(linear),
        _ => None,
    }
}

/// Draws all panes, and returns what the user meant over each.
pub fn show(
    ui: &mut Ui,
    model: &UiModel<'_>,
    canvas: Option<&Canvas>,
    state: &mut UiState,
) -> Vec<(PaneId, ViewIntent)> {
    let area = ui.available_rect_before_wrap();
    ui.painter()
        .add(surface(canvas, area, theme::VIEW_BACKGROUND));
    state.shows_statistics = false;
    let Some(case) = model.session.case() else {
        ui.advance_cursor_after_rect(area);
        welcome(ui, area);
        return Vec::new();
    };
    state.hovered = None;
    let tool = model.session.tools().tool;
    state.outline.take_if(|outline| outline.tool != tool);
    let (display, highlighted) = (model.session.display(), state.highlighted);
    let drawn = &mut state.drawn_labels;
    drawn.update(case, display, highlighted, model.rehearsed);
    let mut workspace = std::mem::replace(&mut state.workspace, Workspace::empty());
    for id in workspace.unseen.drain(..) {
        canvas.inspect(|canvas| canvas.forget(id));
    }
    let mut shown = Shown {
        panes: std::mem::take(&mut workspace.panes),
        is_alone: workspace.maximised.is_some(),
        model,
        case,
        canvas,
        state,
        rects: Vec::new(),
        intents: Vec::new(),
        edit: None,
    };
    match workspace.maximised {
        Some(id) => {
            ui.advance_cursor_after_rect(area);
            shown.show(ui, id, area);
        }
        None => workspace.show_tree(ui, &mut shown),
    }
    let Shown {
        panes,
        rects,
        intents,
        ..
    } = shown;
    workspace.panes = panes;
    let key_pane = workspace.key_pane(state.active_pane);
    for (id, rect) in rects {
        border(ui, rect, key_pane == Some(id));
    }
    state.workspace = workspace;
    intents
}

/// What panes are shown with, and what came of it.
struct Shown<'a, 'm> {
    panes: Vec<(PaneId, Box<dyn Pane>)>,
    is_alone: bool,
    model: &'a UiModel<'m>,
    case: &'a Case,
    canvas: Option<&'a Canvas>,
    state: &'a mut UiState,
    rects: Vec<(PaneId, Rect)>,
    intents: Vec<(PaneId, ViewIntent)>,
    edit: Option<EditAction>,
}

impl Shown<'_, '_> {
    /// Draws a pane and its handle; whether the handle is being dragged away.
    fn show(&mut self, ui: &mut Ui, id: PaneId, rect: Rect) -> bool {
        // Whole pixels, so that the picture is drawn pixel for pixel.
        let rect = rect.round_to_pixels(ui.ctx().pixels_per_point());
        ui.set_clip_rect(rect);
        let pane = self.panes.iter_mut().find(|(other, _)| *other == id);
        let Some((_, pane)) = pane.filter(|_| rect.size().min_elem() >= LEAST_SIDE) else {
            return false;
        };
        let mut context = PaneContext {
            id,
            rect,
            handle: pane_menu::handle(rect),
            model: self.model,
            case: self.case,
            canvas: self.canvas,
            state: self.state,
        };
        let mut intents = pane.show(ui, &mut context);
        let handle = pane_menu::show(ui, pane.as_mut(), &context, self.is_alone, &mut intents);
        self.intents
            .extend(intents.into_iter().map(|intent| (id, intent)));
        self.rects.push((id, rect));
        handle.drag_started()
    }
}

impl Behavior<PaneId> for Shown<'_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile: TileId, pane: &mut PaneId) -> UiResponse {
        match self.show(ui, *pane, ui.max_rect()) {
            true => UiResponse::DragStarted,
            false => UiResponse::None,
        }
    }

    fn tab_title_for_pane(&mut self, id: &PaneId) -> WidgetText {
        let pane = self.panes.iter().find(|(other, _)| other == id);
        pane.map_or_else(String::new, |(_, pane)| pane.title(self.case))
            .into()
    }

    fn on_edit(&mut self, edit: EditAction) {
        self.edit = Some(edit);
    }

    fn gap_width(&self, _style: &Style) -> f32 {
        theme::VIEW_GAP
    }

    fn min_size(&self) -> f32 {
        LEAST_PANE
    }

    /// There are no tabs: a drop on the middle takes all of the pane.
    fn tab_bar_height(&self, _style: &Style) -> f32 {
        0.0
    }

    fn cycle_tabs_with_keyboard(&self) -> bool {
        false
    }

    fn resize_stroke(&self, _style: &Style, state: ResizeState) -> Stroke {
        match state {
            ResizeState::Idle => Stroke::NONE,
            ResizeState::Hovering | ResizeState::Dragging => {
                Stroke::new(theme::VIEW_GAP, theme::ACCENT)
            }
        }
    }

    fn drag_preview_stroke(&self, _visuals: &Visuals) -> Stroke {
        Stroke::new(1.0, theme::DARK.accent_bright)
    }

    fn drag_preview_color(&self, _visuals: &Visuals) -> egui::Color32 {
        theme::ACCENT.gamma_multiply(0.4)
    }
}

fn welcome(ui: &Ui, area: Rect) {
    let text = tr!(
        "Open a scan from the File menu, or drop a file or folder here.\n\n\
                File > Open sample shows a phantom to try things on."
    );
    ui.painter().text(
        area.center(),
        egui::Align2::CENTER_CENTER,
        text,
        egui::FontId::proportional(15.0),
        theme::DARK.text_weak,
    );
}

/// The line around a pane; keys act on the brighter one.
fn border(ui: &Ui, rect: Rect, has_keys: bool) {
    let color = match has_keys {
        true => theme::VIEW_ACTIVE,
        false => theme::VIEW_IDLE,
    };
    let stroke = Stroke::new(1.0, color);
    ui.painter()
        .with_clip_rect(rect)
        .rect_stroke(rect, 0.0, stroke, StrokeKind::Inside);
}
