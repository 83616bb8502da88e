//! From the command for the next case of a worklist to its first whole picture with its labels, in the real window.
//!
//!   cargo bench --bench next_case -- LIST ..
//!
//! LIST is what `worklist add` takes: a folder, an nnU-Net or BIDS folder, or a CSV with id,image,labels. Its first cases
//! are gone through three times: to the next one, which was read meanwhile; to the next one after this one is done, so that
//! it is saved, read back and compared before; and to one that nobody read ahead. Every frame in between is drawn too. A
//! picture is whole if its views stay as they are when all has come to rest; without a GPU the times are those of drawing on
//! the processor.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark reports on standard output"
)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use image::{GenericImageView as _, Rgba, RgbaImage};
use prosector::app::desktop::{Window, WindowOptions};
use prosector::models::{DeviceChoice, open_model};
use prosector::project::{Project, ProjectFile, cases_in};
use prosector::render::Offscreen;
use prosector::session::settings::Settings;
use prosector::util::peak_memory_mb;

type Failure = Box<dyn Error>;

const SIZE: Vec2 = Vec2::new(1360.0, 860.0);
const MOST_CASES: usize = 10;
const PATIENCE: Duration = Duration::from_secs(300);

/// How a case is come to.
#[derive(Clone, Copy)]
enum Way {
    Next,
    DoneAndNext,
    NotReadAhead,
}

impl Way {
    const ALL: [Self; 3] = [Self::Next, Self::DoneAndNext, Self::NotReadAhead];

    fn title(self) -> &'static str {
        match self {
            Self::Next => "next, read ahead",
            Self::DoneAndNext => "done and next, read ahead",
            Self::NotReadAhead => "another, not read ahead",
        }
    }
}

struct Bench {
    harness: Harness<'static, Window>,
    cases: Vec<String>,
}

impl Bench {
    /// A window with a new project of the first cases of a list, in a folder.
    fn open(folder: &Path, list: &Path) -> Result<Self, Failure> {
        let mut found = cases_in(list)?;
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found.truncate(MOST_CASES);
        let file = folder.join("study.toml");
        let rules = ProjectFile {
            version: 1,
            readers_per_case: 1,
            blinded: false,
            labels: Vec::new(),
        };
        Project::create(&file, rules)?.add(&found)?;
        let settings = Settings {
            notice_accepted: true,
            reader: Some("reader".to_owned()),
            ..Settings::default()
        };
        settings.save(&folder.join("settings.toml"))?;
        let options = WindowOptions {
            paths: vec![file],
            open_model: Arc::new(|_, _| open_model(None, DeviceChoice::Cpu)),
            teach: Arc::new(prosector::train::teach::run),
            data_folder: Some(folder.to_path_buf()),
            connections_file: Some(folder.join("connections.toml")),
            dialogs: None,
            open_sample: false,
        };
        let builder = Harness::builder().with_size(SIZE).with_max_steps(64).wgpu();
        let harness =
            builder.build_eframe(|cc| Window::new(cc, options).expect("the system has threads"));
        let cases = found.into_iter().map(|case| case.id).collect();
        let mut bench = Self { harness, cases };
        bench.rest()?;
        Ok(bench)
    }

    /// Lets frames go by until nothing is under way any more.
    fn rest(&mut self) -> Result<(), Failure> {
        let (start, mut quiet) = (Instant::now(), 0);
        while quiet < 8 {
            self.harness.step();
            quiet = match self.harness.state().is_busy() {
                true => 0,
                false => quiet + 1,
            };
            if start.elapsed() > PATIENCE {
                return Err("the window is busy for too long".into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The index of the case that is open.
    fn current(&self) -> Option<usize> {
        let case = self.harness.state().session().case()?;
        let path = case.labels_path()?.parent()?.file_name()?.to_str()?;
        self.cases.iter().position(|id| id == path)
    }

    fn go(&mut self, way: Way) {
        match (way, self.current()) {
            (Way::DoneAndNext, Some(_)) => {
                let keys = Modifiers::COMMAND | Modifiers::SHIFT;
                self.harness.key_press_modifiers(keys, Key::D);
            }
            (Way::NotReadAhead, Some(at)) => {
                let other = &self.cases[(at + 2) % self.cases.len()];
                let row = format!("Case {other}, ");
                self.harness.get_by_label_contains(&row).click();
            }
            _ => self.harness.get_by_label("Next case").click(),
        }
    }

    /// Goes to another case: the time until it is drawn.
    fn time(&mut self, way: Way) -> Result<Duration, Failure> {
        let before = self.current();
        let start = Instant::now();
        self.go(way);
        loop {
            self.harness.step();
            let shown = self.harness.render()?;
            let elapsed = start.elapsed();
            if self.current() != before {
                self.check(&shown)?;
                return Ok(elapsed);
            }
            if elapsed > PATIENCE {
                let told = self.harness.state().messages().join("; ");
                return Err(format!("no other case is shown: {told}").into());
            }
        }
    }

    /// Whether a picture has labels, and its views are those that stay.
    fn check(&mut self, shown: &RgbaImage) -> Result<(), Failure> {
        self.rest()?;
        let case = self.harness.state().session().case();
        if case.is_none_or(|case| case.labels().counts().is_empty()) {
            return Err("a case has no labels to begin with; give a list with labels".into());
        }
        let later = self.harness.render()?;
        for plane in ["Axial", "Coronal", "Sagittal"] {
            let title = format!("{plane}, slice");
            let rect = self.harness.get_by_label_contains(&title).rect();
            // Messages come and go over the lower half.
            let rect = rect.split_top_bottom_at_fraction(0.5).0.shrink(2.0);
            let [x, y, width, height] =
                [rect.left(), rect.top(), rect.width(), rect.height()].map(|v| v as u32);
            let pixels = |picture: &RgbaImage| -> Vec<Rgba<u8>> {
                let view = picture.view(x, y, width, height);
                view.pixels().map(|(_, _, pixel)| pixel).collect()
            };
            if pixels(shown) != pixels(&later) {
                return Err(format!("the {plane} view changed after the first picture").into());
            }
        }
        Ok(())
    }
}

fn report(list: &Path, way: Way, mut times: Vec<Duration>) {
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{:<24} {:<28} {:>2} cases: median {:7.1} ms, worst {:7.1} ms; peak memory {} MB",
        list.file_name().unwrap_or_default().to_string_lossy(),
        way.title(),
        times.len(),
        ms(times[times.len() / 2]),
        ms(times[times.len() - 1]),
        peak_memory_mb().unwrap_or_default()
    );
}

fn main() -> Result<(), Failure> {
    let given = std::env::args().skip(1).filter(|a| a != "--bench");
    let lists: Vec<PathBuf> = given.map(PathBuf::from).collect();
    match Offscreen::new() {
        Ok(device) => println!("drawn by {}", device.drawn_by()),
        Err(error) => {
            println!("skipped: {error}");
            return Ok(());
        }
    }
    for list in &lists {
        for way in Way::ALL {
            let folder = tempfile::tempdir()?;
            let mut bench = Bench::open(folder.path(), list)?;
            if bench.cases.len() < 3 {
                return Err("a list needs three cases or more".into());
            }
            // The first one is read ahead by nobody.
            bench.go(way);
            bench.rest()?;
            let times = (1..bench.cases.len()).map(|_| bench.time(way));
            let times: Vec<Duration> = times.collect::<Result<_, _>>()?;
            report(list, way, times);
        }
    }
    Ok(())
}
