//! What is measured of the labels, as a table that follows every change.

use egui::accesskit::Role;
use egui::{Align, Layout, Rect, RichText, ScrollArea, Sense, TextStyle, Ui, UiBuilder, vec2};

use crate::geometry::{VoxelIndex, VoxelPoint, WorldPoint};
use crate::session::{Case, MeasureCommand};
use crate::ui::icons;
use crate::ui::model::Statistics;
use crate::ui::texts::{self, tr};
use crate::ui::theme;
use crate::ui::view::ViewIntent;
use crate::volume::Label;
use crate::volume::measurement::{Measurement, Reading, figure, measurements_csv};
use crate::volume::statistics::{LabelStatistics, Measured, Suv, csv};

use super::{Described, Kind, Pane, PaneContext};

/// What is measured of the labels.
pub const KIND: Kind = Kind {
    id: "statistics",
    open: |_| Some(Box::new(Table)),
};

/// A pane with the table, in words.
pub fn described() -> Described {
    Described {
        kind: KIND.id.to_owned(),
        state: String::new(),
    }
}

/// Width of the names, in points.
const NAME: f32 = 176.0;
/// Width of a number, or of the two of RECIST.
const NUMBER: f32 = 86.0;

/// A column of the table.
struct Column {
    title: &'static str,
    hint: &'static str,
    /// `None` where there is nothing to say.
    cell: fn(&LabelStatistics) -> Option<String>,
}

/// Of scans of every kind.
const COLUMNS: &[Column] = &[
    Column {
        title: "ml",
        hint: "Volume of the voxels",
        cell: |s| s.shape.map(|s| format!("{:.2}", s.volume_ml)),
    },
    Column {
        title: "voxels",
        hint: "Number of voxels",
        cell: |s| Some(s.voxels.to_string()),
    },
    Column {
        title: "mean",
        hint: "Mean of the scan's values",
        cell: |s| s.intensity.map(|i| figure(i.mean)),
    },
    Column {
        title: "SD",
        hint: "Standard deviation of the scan's values (n - 1)",
        cell: |s| s.intensity.and_then(|i| i.sd).map(figure),
    },
    Column {
        title: "min",
        hint: "Smallest value",
        cell: |s| s.intensity.map(|i| figure(i.min)),
    },
    Column {
        title: "median",
        hint: "Median value",
        cell: |s| s.intensity.map(|i| figure(i.median)),
    },
    Column {
        title: "max",
        hint: "Largest value",
        cell: |s| s.intensity.map(|i| figure(i.max)),
    },
    Column {
        title: "longest mm",
        hint: "Longest diameter in 3D, between voxel centres",
        cell: |s| s.shape.map(|s| format!("{:.1}", s.longest_diameter_mm)),
    },
    Column {
        title: "RECIST mm",
        hint: "Long and short axis in the axial slice where the long one is longest",
        cell: |s| {
            s.recist
                .map(|r| format!("{:.1} x {:.1}", r.long_mm, r.short_mm))
        },
    },
    Column {
        title: "surface mm2",
        hint: "Area of the surface",
        cell: |s| s.shape.map(|s| format!("{:.0}", s.surface_mm2)),
    },
];

/// Of PET whose SUV is known.
const UPTAKE: &[Column] = &[
    Column {
        title: "SUVmax",
        hint: "Largest SUV (body weight)",
        cell: |s| of_suv(s, |suv| suv.max),
    },
    Column {
        title: "SUVpeak",
        hint: "Largest mean SUV in a ball of 1 ml",
        cell: |s| of_suv(s, |suv| suv.peak),
    },
    Column {
        title: "SUVmean",
        hint: "Mean SUV",
        cell: |s| of_suv(s, |suv| suv.mean),
    },
    Column {
        title: "MTV ml",
        hint: "Metabolic tumour volume at 41 % of SUVmax",
        cell: |s| of_suv(s, |suv| suv.mtv_ml),
    },
    Column {
        title: "TLG",
        hint: "Total lesion glycolysis at 41 % of SUVmax",
        cell: |s| of_suv(s, |suv| suv.tlg),
    },
];

fn of_suv(measured: &LabelStatistics, part: fn(Suv) -> f64) -> Option<String> {
    measured.suv.map(|suv| format!("{:.2}", part(suv)))
}

#[derive(Debug)]
struct Table;

impl Pane for Table {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn remembered(&self) -> String {
        String::new()
    }

    fn title(&self, _case: &Case) -> String {
        tr!("Statistics").to_owned()
    }

    fn menu(&mut self, ui: &mut Ui, _case: &Case) {
        ui.label(tr!("One row a label; a press goes to it"));
    }

    fn fit(&mut self) {}

    fn show(&mut self, ui: &mut Ui, context: &mut PaneContext<'_, '_>) -> Vec<ViewIntent> {
        /// Below the pane's handle, in points.
        const TOP: f32 = 4.0;
        context.state.shows_statistics = true;
        let id = ui.scope_id().with(context.id);
        let response = ui.interact(context.rect, id, Sense::hover());
        let (case, statistics) = (context.case, context.model.statistics);
        let rows = rows(case, statistics);
        response.widget_info(|| {
            let name = tr!("Statistics, {rows} labels", rows = rows.len());
            egui::WidgetInfo::labeled(Role::Table, true, name)
        });
        ui.painter()
            .rect_filled(context.rect, 0.0, theme::of(ui.ctx()).panel);
        let mut inner = context.rect.shrink(6.0);
        inner.min.y += TOP;
        let mut intents = Vec::new();
        ui.scope_builder(UiBuilder::new().max_rect(inner), |ui| {
            heading(ui, case, &rows, statistics);
            drawn(ui, case, &mut intents);
            let is_pet = rows.iter().any(|(_, measured)| measured.suv.is_some());
            let columns: Vec<&Column> = COLUMNS
                .iter()
                .chain(UPTAKE.iter().filter(|_| is_pet))
                .collect();
            ScrollArea::horizontal()
                .id_salt("columns")
                .auto_shrink(false)
                .show(ui, |ui| table(ui, context, &columns, &rows, &mut intents));
        });
        intents
    }
}

/// Labels in the order of the table, with what was measured of them.
fn rows<'a>(case: &'a Case, statistics: &'a Statistics) -> Vec<(&'a Label, &'a LabelStatistics)> {
    let labels = case.table().labels().iter();
    labels
        .filter_map(|label| Some((label, statistics.of_labels.get(&label.value)?)))
        .collect()
}

fn heading(ui: &mut Ui, case: &Case, rows: &[(&Label, &LabelStatistics)], statistics: &Statistics) {
    ui.horizontal(|ui| {
        ui.add_space(theme::PANE_HANDLE);
        ui.strong(tr!("Statistics"));
        let is_empty = case.table().labels().is_empty();
        match (rows.is_empty(), statistics.is_current) {
            (_, false) if !is_empty => ui.weak(tr!("measuring")),
            (true, _) => ui.weak(tr!("no voxel is labelled")),
            (false, _) => ui.weak(tr!("of the labels as they are now")),
        };
        let copy = ui
            .add_enabled(
                !rows.is_empty() || !case.measured().is_empty(),
                egui::Button::new(tr!("Copy as CSV")),
            )
            .on_hover_text(
                tr!("The whole table, as prosector statistics --csv writes it, and below it what was drawn and measured"),
            );
        if copy.clicked() {
            ui.ctx().copy_text(tables(case, rows));
        }
        if let Some(reason) = &statistics.without_suv {
            ui.weak(reason);
        }
    });
}

/// The table of labels, then, after an empty line, that of what was drawn; each where there is one.
fn tables(case: &Case, rows: &[(&Label, &LabelStatistics)]) -> String {
    let labels = (!rows.is_empty()).then(|| csv(&measured(case, rows)));
    let drawn = case.measured();
    let drawn = (!drawn.is_empty()).then(|| measurements_csv(drawn));
    let tables = labels.into_iter().chain(drawn);
    tables.collect::<Vec<_>>().join("\n\n")
}

/// What was drawn to be measured: a row each, which goes to it, and a button that takes it away.
fn drawn(ui: &mut Ui, case: &Case, intents: &mut Vec<ViewIntent>) {
    /// Rows that are shown at once; more are scrolled to.
    const MOST: usize = 5;
    let rows = case.measured();
    if rows.is_empty() {
        return;
    }
    let height = ui.text_style_height(&TextStyle::Body) + 6.0;
    let spacing = ui.spacing().item_spacing.y;
    ScrollArea::vertical()
        .id_salt("drawn")
        .max_height((height + spacing) * rows.len().min(MOST) as f32)
        .auto_shrink([false, true])
        .show_rows(ui, height, rows.len(), |ui, shown| {
            for (drawn, reading) in &rows[shown] {
                drawn_row(ui, case, drawn, reading, intents);
            }
        });
    ui.separator();
}

fn drawn_row(
    ui: &mut Ui,
    case: &Case,
    drawn: &Measurement,
    reading: &Reading,
    intents: &mut Vec<ViewIntent>,
) {
    ui.horizontal(|ui| {
        let title = drawn.title();
        if icons::cross_button(ui, &tr!("Remove {title}", title)).clicked() {
            let remove = MeasureCommand::Remove(drawn.number).into();
            intents.push(ViewIntent::Command(Box::new(remove)));
        }
        let text = format!("{title}:  {}", reading.texts().join(",  "));
        let row = egui::Button::new(RichText::new(text).color(theme::MEASURE)).frame(false);
        if ui.add(row).on_hover_text(tr!("Go to it")).clicked() {
            let place = drawn.points().first();
            let voxel = place.map(|&p| case.grid().voxel_from_world(p).nearest());
            intents.extend(voxel.map(ViewIntent::Crosshair));
        }
    });
}

fn measured(case: &Case, rows: &[(&Label, &LabelStatistics)]) -> Vec<Measured> {
    let layers = case.table().layers();
    let row = |(label, statistics): &(&Label, &LabelStatistics)| Measured {
        value: label.value,
        name: Some(label.name.clone()),
        layer: layers.iter().position(|l| l.id == label.layer).unwrap_or(0),
        statistics: **statistics,
    };
    rows.iter().map(row).collect()
}

fn table(
    ui: &mut Ui,
    context: &PaneContext<'_, '_>,
    columns: &[&Column],
    rows: &[(&Label, &LabelStatistics)],
    intents: &mut Vec<ViewIntent>,
) {
    let height = ui.text_style_height(&TextStyle::Body) + 4.0;
    let width = NAME + NUMBER * columns.len() as f32;
    ui.set_min_width(width);
    let (head, _) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    for (n, column) in columns.iter().enumerate() {
        let title = RichText::new(texts::of(column.title)).color(theme::of(ui.ctx()).text_weak);
        in_cell(ui, cell(head, n), |ui| {
            ui.label(title).on_hover_text(texts::of(column.hint))
        });
    }
    let active = context.case.active().map(|label| label.value);
    ScrollArea::vertical()
        .id_salt("rows")
        .auto_shrink(false)
        .show_rows(ui, height, rows.len(), |ui, shown| {
            for (label, measured) in &rows[shown] {
                let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::click());
                let title = label.title();
                response.widget_info(|| {
                    egui::WidgetInfo::labeled(Role::Row, true, tr!("Go to {title}", title))
                });
                if response.hovered() || active == Some(label.value) {
                    ui.painter()
                        .rect_filled(rect, 2.0, theme::of(ui.ctx()).button);
                }
                named(ui, rect, label);
                for (n, column) in columns.iter().enumerate() {
                    let text = (column.cell)(measured).unwrap_or_default();
                    in_cell(ui, cell(rect, n), |ui| {
                        ui.add(egui::Label::new(text).selectable(false))
                    });
                }
                if response.clicked() {
                    intents.extend(place(context.case, measured).map(ViewIntent::Crosshair));
                }
            }
        });
}

/// Colour and name at the left of a row.
fn named(ui: &mut Ui, row: Rect, label: &Label) {
    let [r, g, b] = label.color;
    let dot = row.left_center() + vec2(8.0, 0.0);
    ui.painter()
        .circle_filled(dot, 4.0, egui::Color32::from_rgb(r, g, b));
    let rect = Rect::from_min_size(row.min + vec2(18.0, 0.0), vec2(NAME - 22.0, row.height()));
    let layout = Layout::left_to_right(Align::Center);
    ui.scope_builder(UiBuilder::new().max_rect(rect).layout(layout), |ui| {
        ui.add(egui::Label::new(label.title()).truncate().selectable(false));
    });
}

fn cell(row: Rect, n: usize) -> Rect {
    let left = NAME + NUMBER * n as f32;
    Rect::from_min_size(row.min + vec2(left, 0.0), vec2(NUMBER - 6.0, row.height()))
}

/// Numbers stand below each other by their last digit.
fn in_cell(ui: &mut Ui, rect: Rect, contents: impl FnOnce(&mut Ui) -> egui::Response) {
    let layout = Layout::right_to_left(Align::Center);
    ui.scope_builder(UiBuilder::new().max_rect(rect).layout(layout), contents);
}

/// The middle of a label, on the slice of its RECIST axes.
fn place(case: &Case, measured: &LabelStatistics) -> Option<VoxelIndex> {
    let grid = case.grid();
    let centroid = measured.shape?.centroid_mm;
    let middle: VoxelPoint = grid.voxel_from_world(WorldPoint(glam::DVec3::from_array(centroid)));
    let mut voxel = middle.nearest();
    if let Some(recist) = measured.recist {
        let axis = grid.normal_axis(recist.plane);
        voxel.0[axis] = recist.slice;
    }
    Some(voxel)
}
