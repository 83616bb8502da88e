//! The window of archives on the network (PACS): find a series, open it, send the labels of the scan that is open.

use egui::{Button, ComboBox, Context, Grid, RichText, ScrollArea, TextEdit, Ui, Window};

use super::model::{UiModel, UiRequest};
use super::state::UiState;
use super::theme;
use crate::session::Case;
use crate::ui::texts::tr;
use crate::util::short_debug;

/// A connection that the user set up.
pub struct ArchiveEntry {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub address: String,
    /// A password is to be typed.
    pub wants_password: bool,
}

/// A series that was found.
pub struct FoundRow {
    /// Name and number of the patient.
    pub patient: String,
    /// Of the study.
    pub date: String,
    /// Of the series.
    pub modality: String,
    /// Of the series, and of its study.
    pub description: String,
    /// How many there are; empty where the archive does not say.
    pub images: String,
}

/// What is known of archives.
#[derive(Default)]
pub struct ArchiveView {
    /// Sorted by name.
    pub connections: Vec<ArchiveEntry>,
    /// What was found last, study by study.
    pub found: Vec<FoundRow>,
    /// What is to be said of it, in one line.
    pub said: String,
    /// Something is under way: it is in the status bar, where it can be cancelled.
    pub is_busy: bool,
}

/// What was entered.
#[derive(Clone, Default)]
pub struct ArchiveForm {
    /// The name of the connection.
    pub connection: String,
    /// The password, until it was used.
    pub password: String,
    /// The password is to be kept in the system's keyring.
    pub remember: bool,
    /// What is looked for; empty texts match everything.
    pub patient_name: String,
    /// The patient's number.
    pub patient_id: String,
    /// As `pacs find` takes it.
    pub date: String,
    /// As `pacs find` takes it.
    pub modality: String,
    /// A connection that is being set up.
    pub new: Option<NewConnection>,
}

/// A connection that is being set up.
#[derive(Clone)]
pub struct NewConnection {
    /// What to call it.
    pub name: String,
    /// DICOMweb, not DIMSE.
    pub is_web: bool,
    /// DIMSE: name or address.
    pub host: String,
    /// DIMSE: the TCP port.
    pub port: String,
    /// DIMSE: the archive's title.
    pub called: String,
    /// DIMSE: our title.
    pub calling: String,
    /// DIMSE: encrypted.
    pub tls: bool,
    /// DICOMweb: the address.
    pub url: String,
    /// Who asks; may be empty.
    pub user: String,
}

impl Default for NewConnection {
    fn default() -> Self {
        Self {
            name: String::new(),
            is_web: false,
            host: String::new(),
            port: "104".to_owned(),
            called: String::new(),
            calling: "PROSECTOR".to_owned(),
            tls: false,
            url: "https://".to_owned(),
            user: String::new(),
        }
    }
}

/// What is asked of archives.
#[derive(Clone)]
pub enum ArchiveRequest {
    /// Find what was entered.
    Find(ArchiveForm),
    /// Fetch and open the series of this row.
    Open(usize),
    /// Send the labels.
    Send {
        /// To which archive.
        to: ArchiveForm,
        /// As contours instead of voxels.
        as_contours: bool,
    },
    /// Keep a connection.
    Add(NewConnection),
}

short_debug! {
    ArchiveForm: |_| "what was entered of an archive";
    ArchiveRequest: |request| match request {
        ArchiveRequest::Find(_) => "find series",
        ArchiveRequest::Open(_) => "open a series",
        ArchiveRequest::Send { .. } => "send labels",
        ArchiveRequest::Add(_) => "add a connection",
    };
}

const FIELD_WIDTH: f32 = 190.0;
const LIST_HEIGHT: f32 = 300.0;

/// Draws the window, while it is open.
pub fn show(ctx: &Context, model: &UiModel<'_>, state: &mut UiState, out: &mut Vec<UiRequest>) {
    let Some(form) = &mut state.archive else {
        return;
    };
    let mut open = true;
    let mut asked = None;
    Window::new("PACS")
        .open(&mut open)
        .default_pos([60.0, 60.0])
        .default_width(720.0)
        .collapsible(false)
        .show(ctx, |ui| {
            let view = model.archive;
            connections(ui, view, form);
            if let Some(new) = &mut form.new {
                ui.separator();
                match new_connection(ui, new) {
                    Some(true) => asked = Some(ArchiveRequest::Add(new.clone())),
                    Some(false) => form.new = None,
                    None => {}
                }
            } else if !form.connection.is_empty() {
                asked = question(ui, view, form);
                ui.separator();
                if let Some(row) = list(ui, view) {
                    asked = Some(ArchiveRequest::Open(row));
                }
                if let Some(case) = model.session.case() {
                    ui.separator();
                    asked = send(ui, view, form, case).or(asked.take());
                }
            }
        });
    out.extend(asked.map(|request| UiRequest::Archive(Box::new(request))));
    if !open {
        state.archive = None;
    }
}

/// Which archive, and the button for another one.
fn connections(ui: &mut Ui, view: &ArchiveView, form: &mut ArchiveForm) {
    if !view.connections.iter().any(|c| c.name == form.connection) {
        let first = view.connections.first();
        form.connection = first.map_or(String::new(), |c| c.name.clone());
    }
    ui.horizontal(|ui| {
        let label = ui.label(tr!("Archive"));
        ComboBox::from_id_salt("archive")
            .width(FIELD_WIDTH)
            .selected_text(&form.connection)
            .show_ui(ui, |ui| {
                for entry in &view.connections {
                    let row =
                        ui.selectable_value(&mut form.connection, entry.name.clone(), &entry.name);
                    if row.on_hover_text(&entry.address).changed() {
                        // It was typed for the other one.
                        form.password.clear();
                    }
                }
            })
            .response
            .labelled_by(label.id);
        if let Some(entry) = chosen(view, form) {
            ui.label(RichText::new(&entry.address).color(theme::of(ui.ctx()).text_weak));
        }
        if ui.button(tr!("Add archive...")).clicked() {
            form.new = Some(NewConnection::default());
        }
    });
    if view.connections.is_empty() && form.new.is_none() {
        ui.label(tr!(
            "No archive is set up. Nothing goes over the network before you add one."
        ));
    }
}

fn chosen<'a>(view: &'a ArchiveView, form: &ArchiveForm) -> Option<&'a ArchiveEntry> {
    view.connections.iter().find(|c| c.name == form.connection)
}

/// The fields of a connection; whether to keep it, once that is decided.
fn new_connection(ui: &mut Ui, new: &mut NewConnection) -> Option<bool> {
    ui.horizontal(|ui| {
        ui.radio_value(&mut new.is_web, false, tr!("DICOM (DIMSE)"));
        ui.radio_value(&mut new.is_web, true, tr!("DICOMweb"));
    });
    Grid::new("new archive").num_columns(2).show(ui, |ui| {
        field(ui, tr!("Call it"), &mut new.name);
        if new.is_web {
            field(ui, tr!("Address before /studies"), &mut new.url);
        } else {
            field(ui, tr!("Host"), &mut new.host);
            field(ui, tr!("Port"), &mut new.port);
            field(ui, tr!("Its title (AE)"), &mut new.called);
            field(ui, tr!("Our title (AE)"), &mut new.calling);
            ui.label("");
            ui.checkbox(&mut new.tls, tr!("Encrypted (TLS)"));
            ui.end_row();
        }
        field(ui, tr!("User, if it wants one"), &mut new.user);
    });
    let is_complete = !new.name.trim().is_empty()
        && match new.is_web {
            true => new.url.trim().len() > "https://".len(),
            false => [&new.host, &new.port, &new.called, &new.calling]
                .iter()
                .all(|text| !text.trim().is_empty()),
        };
    let mut decided = None;
    ui.horizontal(|ui| {
        if ui
            .add_enabled(is_complete, Button::new(tr!("Keep archive")))
            .clicked()
        {
            decided = Some(true);
        }
        if ui.button(tr!("Cancel")).clicked() {
            decided = Some(false);
        }
    });
    decided
}

fn field(ui: &mut Ui, name: &str, text: &mut String) -> bool {
    let label = ui.label(name);
    let field = ui.add(TextEdit::singleline(text).desired_width(FIELD_WIDTH));
    let field = field.labelled_by(label.id);
    ui.end_row();
    field.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter))
}

/// What is looked for. Enter in a field is the button.
fn question(ui: &mut Ui, view: &ArchiveView, form: &mut ArchiveForm) -> Option<ArchiveRequest> {
    let mut entered = false;
    Grid::new("archive question").num_columns(2).show(ui, |ui| {
        if chosen(view, form).is_some_and(|c| c.wants_password) {
            let label = ui.label(tr!("Password"));
            let field = TextEdit::singleline(&mut form.password).password(true);
            let field = ui.add(field.desired_width(FIELD_WIDTH));
            field.labelled_by(label.id);
            ui.end_row();
            ui.label("");
            let hint =
                tr!("Kept in the system's keyring, never in a file, once the archive took it");
            ui.checkbox(&mut form.remember, tr!("Remember the password"))
                .on_hover_text(hint);
            ui.end_row();
        }
        entered |= field(ui, tr!("Patient's name"), &mut form.patient_name);
        entered |= field(ui, tr!("Patient's ID"), &mut form.patient_id);
        entered |= field(ui, tr!("Date (20240131, 20240101-)"), &mut form.date);
        entered |= field(ui, tr!("Modality (CT, MR, PT)"), &mut form.modality);
    });
    let find = ui
        .add_enabled(!view.is_busy, Button::new(tr!("Find series")))
        .on_hover_text(tr!(
            "Fields that are empty match everything; * and ? are wildcards"
        ));
    (find.clicked() || entered && !view.is_busy).then(|| ArchiveRequest::Find(form.clone()))
}

/// What was found; the row that is to be opened.
fn list(ui: &mut Ui, view: &ArchiveView) -> Option<usize> {
    // Room that is always there, so that nothing moves.
    ui.label(RichText::new(format!("{} ", view.said)).color(theme::of(ui.ctx()).text_weak));
    let mut open = None;
    ScrollArea::both()
        .max_height(LIST_HEIGHT)
        .auto_shrink([false, true])
        .show(ui, |ui| {
            Grid::new("found series").striped(true).show(ui, |ui| {
                for (n, row) in view.found.iter().enumerate() {
                    let button = ui.add_enabled(!view.is_busy, Button::new(tr!("Open series")));
                    if button.clicked() {
                        open = Some(n);
                    }
                    ui.label(&row.patient);
                    ui.label(&row.date);
                    ui.label(&row.modality);
                    ui.label(&row.images);
                    ui.label(&row.description);
                    ui.end_row();
                }
            });
        });
    open
}

/// The labels of the scan that is open, to the archive.
fn send(
    ui: &mut Ui,
    view: &ArchiveView,
    form: &ArchiveForm,
    case: &Case,
) -> Option<ArchiveRequest> {
    let refusal = if case.info().provenance.is_none() {
        Some(tr!(
            "The scan is no DICOM series, so that no DICOM object can refer to it"
        ))
    } else if case.table().labels().is_empty() {
        Some(tr!("There are no labels yet"))
    } else {
        None
    };
    let mut asked = None;
    ui.horizontal(|ui| {
        ui.label(tr!(
            "Send the labels to {connection}",
            connection = form.connection
        ));
        for (text, as_contours) in [(tr!("as SEG"), false), (tr!("as RTSTRUCT"), true)] {
            let enabled = refusal.is_none() && !view.is_busy;
            let button = ui
                .add_enabled(enabled, Button::new(text))
                .on_hover_text(tr!(
                    "Written, read back and compared first; proposals are not sent"
                ))
                .on_disabled_hover_text(refusal.unwrap_or("Something is under way"));
            if button.clicked() {
                let to = form.clone();
                asked = Some(ArchiveRequest::Send { to, as_contours });
            }
        }
    });
    asked
}
