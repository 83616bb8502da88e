//! The real window with a toy model and scripted answers to its dialogs.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use eframe::egui::accesskit::Role;
use eframe::egui::{Event, Key, Modifiers, PointerButton, Pos2, Rect, Vec2, pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use prosector::app::desktop::{FileDialogs, PathAnswer, PathPurpose, Window, WindowOptions};
use prosector::geometry::{Plane, SliceView, VoxelPoint};
use prosector::models::{ModelError, Segmenter};
use prosector::render::Offscreen;
use prosector::session::settings::Settings;
use prosector::session::{Case, Session};
use prosector::train::teach::TeachesBy;

use super::toy::Toy;

const PATIENCE: Duration = Duration::from_secs(120);

/// Stands for a desktop without file dialogs, where paths are typed.
pub const NO_DIALOG: &str = "no dialog";

/// Answers that the user will give, in order.
#[derive(Clone, Default)]
pub struct Script(Arc<Mutex<VecDeque<PathBuf>>>);

struct ScriptedDialogs {
    script: Script,
    asked: Vec<PathPurpose>,
}

impl FileDialogs for ScriptedDialogs {
    fn ask(&mut self, purpose: PathPurpose, _start: Option<&Path>, _file_name: Option<&str>) {
        self.asked.push(purpose);
    }

    fn answers(&mut self) -> Vec<PathAnswer> {
        let mut script = self.script.0.lock().expect("no test panics here");
        self.asked
            .drain(..)
            .map(|purpose| match script.pop_front() {
                Some(path) if path == Path::new(NO_DIALOG) => PathAnswer::NoDialog(purpose),
                Some(path) => PathAnswer::Chosen(purpose, path),
                None => PathAnswer::Dismissed(purpose),
            })
            .collect()
    }
}

/// Opens a model, whichever is asked for.
type Opener = Arc<dyn Fn() -> Result<Box<dyn Segmenter>, ModelError> + Send + Sync>;

/// A small workstation's window, in points.
const SIZE: Vec2 = Vec2::new(1360.0, 860.0);

pub struct Bench {
    pub harness: Harness<'static, Window>,
    script: Script,
}

/// A point of a rectangle, in parts of its width and height.
pub fn within(rect: Rect, [x, y]: [f32; 2]) -> Pos2 {
    pos2(
        rect.left() + rect.width() * x,
        rect.top() + rect.height() * y,
    )
}

impl Bench {
    /// A window whose data folder is `folder`; the notice was read before.
    pub fn open(folder: &Path) -> Self {
        Self::read_notice(folder);
        Self::open_as_left(folder)
    }

    /// Leaves settings in a data folder as after the first start.
    pub fn read_notice(folder: &Path) {
        let settings = Settings {
            notice_accepted: true,
            ..Settings::default()
        };
        settings
            .save(&folder.join("settings.toml"))
            .expect("a temporary folder can be written to");
    }

    /// A window whose data folder is as it was left.
    pub fn open_as_left(folder: &Path) -> Self {
        Self::open_on(folder, Vec::new())
    }

    /// The same, with paths on the command line.
    pub fn open_on(folder: &Path, paths: Vec<PathBuf>) -> Self {
        Self::open_with(folder, paths, SIZE, 1.0)
    }

    /// As [`Bench::open_as_left`], of this size in points and so many pixels a point.
    pub fn open_on_screen(folder: &Path, size: Vec2, pixels_per_point: f32) -> Self {
        Self::open_with(folder, Vec::new(), size, pixels_per_point)
    }

    /// As [`Bench::open`], with a model of one's own.
    pub fn open_with_model(
        folder: &Path,
        open: impl Fn() -> Result<Box<dyn Segmenter>, ModelError> + Send + Sync + 'static,
    ) -> Self {
        Self::read_notice(folder);
        Self::open_as(Arc::new(open), folder, Vec::new(), SIZE, 1.0)
    }

    /// As [`Bench::open`], with a teacher of one's own, and paths on the command line.
    pub fn open_with_teacher(folder: &Path, paths: Vec<PathBuf>, teach: TeachesBy) -> Self {
        Self::read_notice(folder);
        Self::open_taught_by(teach, Arc::new(Toy::open), folder, paths, SIZE, 1.0)
    }

    /// As [`Bench::open_with_model`], with a teacher of one's own.
    pub fn open_with_model_and_teacher(
        folder: &Path,
        open: impl Fn() -> Result<Box<dyn Segmenter>, ModelError> + Send + Sync + 'static,
        teach: TeachesBy,
    ) -> Self {
        Self::read_notice(folder);
        Self::open_taught_by(teach, Arc::new(open), folder, Vec::new(), SIZE, 1.0)
    }

    fn open_with(folder: &Path, paths: Vec<PathBuf>, size: Vec2, pixels_per_point: f32) -> Self {
        Self::open_as(Arc::new(Toy::open), folder, paths, size, pixels_per_point)
    }

    fn open_as(
        open: Opener,
        folder: &Path,
        paths: Vec<PathBuf>,
        size: Vec2,
        pixels_per_point: f32,
    ) -> Self {
        let teach: TeachesBy = Arc::new(prosector::train::teach::run);
        Self::open_taught_by(teach, open, folder, paths, size, pixels_per_point)
    }

    fn open_taught_by(
        teach: TeachesBy,
        open: Opener,
        folder: &Path,
        paths: Vec<PathBuf>,
        size: Vec2,
        pixels_per_point: f32,
    ) -> Self {
        let script = Script::default();
        let options = WindowOptions {
            paths,
            open_model: Arc::new(move |_, _| open()),
            teach,
            data_folder: Some(folder.to_path_buf()),
            connections_file: Some(folder.join("connections.toml")),
            dialogs: Some(Box::new(ScriptedDialogs {
                script: script.clone(),
                asked: Vec::new(),
            })),
            open_sample: false,
        };
        let mut builder = Harness::builder()
            .with_size(size)
            .with_pixels_per_point(pixels_per_point)
            .with_max_steps(64);
        // Without an adapter the window draws no scan; all else is the same.
        if Offscreen::new().is_ok() {
            builder = builder.wgpu();
        }
        let harness =
            builder.build_eframe(|cc| Window::new(cc, options).expect("the system has threads"));
        let mut bench = Self { harness, script };
        bench.settle();
        bench
    }

    /// The next dialog is answered with this path.
    pub fn will_choose(&self, path: impl Into<PathBuf>) {
        let mut script = self.script.0.lock().expect("no test panics here");
        script.push_back(path.into());
    }

    /// Runs frames until nothing is under way.
    pub fn settle(&mut self) {
        let start = Instant::now();
        for _ in 0..3 {
            self.harness.step();
        }
        while self.harness.state().is_busy() {
            assert!(
                start.elapsed() < PATIENCE,
                "the window is busy for too long"
            );
            std::thread::sleep(Duration::from_millis(3));
            self.harness.step();
        }
        for _ in 0..3 {
            self.harness.step();
        }
    }

    pub fn session(&self) -> &Session {
        self.harness.state().session()
    }

    pub fn case(&self) -> &Case {
        self.session().case().expect("a scan is open")
    }

    pub fn messages(&self) -> Vec<String> {
        self.harness.state().messages()
    }

    pub fn press(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.settle();
    }

    /// Gives the field of this name the keyboard.
    pub fn press_field(&mut self, label: &str) {
        let is_field =
            |node: &egui_kittest::Node<'_>| node.accesskit_node().role() == Role::TextInput;
        let found = self.harness.query_all_by_label(label).find(is_field);
        found.expect(label).click();
        self.settle();
    }

    /// Chooses an entry of a menu.
    pub fn choose(&mut self, menu: &str, entry: &str) {
        self.press(menu);
        self.harness.get_by_label_contains(entry).click();
        self.settle();
    }

    pub fn key(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.settle();
    }

    /// Types into what has the keyboard.
    pub fn type_text(&mut self, text: &str) {
        self.harness.event(Event::Text(text.to_owned()));
        self.settle();
    }

    /// Whether a widget has this text.
    pub fn shows(&self, text: &str) -> bool {
        self.harness
            .query_all_by_label_contains(text)
            .next()
            .is_some()
    }

    /// Where the widget of this text is.
    pub fn rect(&self, label: &str) -> Rect {
        self.harness.get_by_label(label).rect()
    }

    /// Moves the pointer and lets a frame be drawn.
    pub fn hover(&mut self, pos: Pos2) {
        self.harness.event(Event::PointerMoved(pos));
        for _ in 0..2 {
            self.harness.step();
        }
    }

    /// The texts of all widgets.
    pub fn texts(&self) -> Vec<String> {
        let nodes = self.harness.query_all_by(|_| true);
        // The text of a mere label is its value.
        let text = |node: &egui_kittest::Node<'_>| {
            let node = node.accesskit_node();
            node.label().or_else(|| node.value())
        };
        nodes.filter_map(|node| text(&node)).collect()
    }

    /// The rectangle of a view, and what it says of itself.
    pub fn view(&self, plane: &str) -> (Rect, String) {
        let start = format!("{plane}, slice");
        let node = self.harness.get_by_label_contains(&start);
        let text = node.accesskit_node().label().unwrap_or_default();
        (node.rect(), text)
    }

    /// The rectangles of all views of a plane, row by row.
    pub fn views(&self, plane: &str) -> Vec<Rect> {
        // Volume and table have no slice.
        let start = match plane {
            "3D" | "Statistics" => format!("{plane}, "),
            plane => format!("{plane}, slice"),
        };
        let found = self.harness.query_all_by_label_contains(&start);
        let mut rects: Vec<Rect> = found.map(|node| node.rect()).collect();
        rects.sort_by(|a, b| {
            (a.top(), a.left())
                .partial_cmp(&(b.top(), b.left()))
                .expect("no NaN")
        });
        rects
    }

    /// The rectangles of all views.
    pub fn all_views(&self) -> Vec<Rect> {
        let panes = ["Axial", "Coronal", "Sagittal", "3D", "Statistics"];
        panes.iter().flat_map(|pane| self.views(pane)).collect()
    }

    /// What the window leaves for the next start.
    pub fn close(mut self) {
        eframe::App::on_exit(self.harness.state_mut());
    }

    /// A point of a view, in parts of its width and height.
    pub fn point(&self, plane: &str, x: f32, y: f32) -> Pos2 {
        within(self.view(plane).0, [x, y])
    }

    /// Where a voxel position is in a view that is fitted to the scan.
    pub fn pos(&self, plane: Plane, voxel: VoxelPoint) -> Pos2 {
        let rect = self.view(plane.name()).0;
        let (width, height) = (rect.width() as u32, rect.height() as u32);
        let (case, convention) = (self.case(), self.session().display().convention);
        let view = SliceView::fit(
            case.grid(),
            plane,
            convention,
            case.cross_hair(),
            width,
            height,
        );
        let (x, y) = view.pixel_from_voxel(voxel);
        rect.min + Vec2::new(x as f32, y as f32)
    }

    /// Presses, moves through points and releases.
    pub fn drag(&mut self, button: PointerButton, modifiers: Modifiers, points: &[Pos2]) {
        let (first, last) = (points[0], points[points.len() - 1]);
        let press = |pos, pressed| Event::PointerButton {
            pos,
            button,
            pressed,
            modifiers,
        };
        self.harness.event(Event::ModifiersChanged(modifiers));
        self.harness.event(Event::PointerMoved(first));
        self.harness.step();
        self.harness.event(press(first, true));
        for &point in points {
            self.harness.event(Event::PointerMoved(point));
            self.harness.step();
        }
        self.harness.event(press(last, false));
        self.harness.step();
        self.harness.event(Event::ModifiersChanged(Modifiers::NONE));
        self.settle();
    }

    /// Presses, moves and releases in as few frames as can be, and waits for nothing.
    pub fn left_press(&mut self, pos: Pos2) {
        let press = |pressed| Event::PointerButton {
            pos,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        self.harness.event(Event::PointerMoved(pos));
        self.harness.step();
        self.harness.event(press(true));
        self.harness.step();
        self.harness.event(press(false));
        self.harness.step();
    }

    pub fn left_click(&mut self, pos: Pos2) {
        self.drag(PointerButton::Primary, Modifiers::NONE, &[pos]);
    }

    /// Keeps a picture of the window where `PROSECTOR_PICTURES` says, to look at.
    pub fn picture(&mut self, name: &str) {
        if let Some(folder) = std::env::var_os("PROSECTOR_PICTURES") {
            let picture = self.harness.render().expect("there is an adapter");
            let path = Path::new(&folder).join(format!("{name}.png"));
            picture.save(path).expect("the folder can be written to");
        }
    }
}
