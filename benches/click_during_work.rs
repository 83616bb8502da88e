//! Time from a click to its result, while nothing else is under way, during an automatic run and during a lesson.
//!
//! `cargo bench --bench click_during_work -- [SCAN I,J,K [ct|mr|pet]]`: by default the built-in phantom and a click on its
//! lesion. Each click comes with an engine that has nothing cached, at another moment of the run. The lesson teaches the
//! structure of a box around the click, from this one scan.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prosector::engine::{Engine, Event, JobId, Request, Task};
use prosector::geometry::VoxelIndex;
use prosector::io::{OpenOptions, open_scan};
use prosector::models::{DeviceChoice, ScanKey, open_model};
use prosector::prompt::{Asked, Click, Polarity, PromptSet};
use prosector::train::teach::{self, Resume, TeachCase, TeachRequest, Watcher};
use prosector::util::{JobContext, peak_memory_mb};
use prosector::volume::phantom::phantom;
use prosector::volume::{ImageVolume, LabelMap, Modality};

type Failure = Box<dyn Error>;

/// When the clicks come, as shares of the time that the automatic run takes undisturbed.
const MOMENTS: [f64; 4] = [0.05, 0.25, 0.5, 0.75];

/// Seconds into a lesson at which clicks come.
const INTO_LESSON: [u64; 4] = [6, 9, 13, 18];
/// Half the side of what is taught, in voxels.
const TAUGHT: i64 = 6;

struct Bench {
    engine: Engine,
    image: Arc<ImageVolume>,
    click: VoxelIndex,
}

impl Bench {
    fn new(image: Arc<ImageVolume>, click: VoxelIndex) -> Self {
        let engine = Engine::start(|| open_model(None, DeviceChoice::Cpu), || {});
        Self {
            engine,
            image,
            click,
        }
    }

    fn start_auto(&self) -> JobId {
        self.engine.submit(Request::Auto {
            scan: ScanKey(1),
            image: Arc::clone(&self.image),
            others: Vec::new(),
            structures: None,
        })
    }

    /// Begins a lesson that goes on for longer than anyone here waits.
    fn start_lesson(&self, out: &Path) {
        let grid = *self.image.grid();
        let is_near = |v: usize| {
            let at = grid.voxel_at(v).0;
            (0..3).all(|d| (at[d] - self.click.0[d]).abs() <= TAUGHT)
        };
        let truth = LabelMap {
            grid,
            voxels: (0..grid.len()).map(|v| u16::from(is_near(v))).collect(),
        };
        let request = TeachRequest {
            cases: vec![TeachCase {
                image: Arc::clone(&self.image),
                truth,
                values: vec![1],
                patient: None,
                is_labelled: true,
            }],
            base: None,
            structure: Some("box".to_owned()),
            distillation: None,
            out: out.to_owned(),
            method: None,
            steps: None,
            folds: None,
            unproven: true,
            resume: Resume::Never,
            device: DeviceChoice::Cpu,
            date: String::new(),
            watcher: Watcher::default(),
        };
        let task = Task::without_model(move |ctx| teach::run(&request, ctx).map(|_report| ()));
        self.engine.submit(Request::Training { task });
    }

    fn start_click(&self) -> JobId {
        let click = Click {
            voxel: self.click,
            polarity: Polarity::Positive,
        };
        self.engine.submit(Request::Prompt {
            scan: ScanKey(1),
            image: Arc::clone(&self.image),
            asked: Asked {
                prompts: PromptSet {
                    clicks: vec![click],
                    ..PromptSet::default()
                },
                ..Asked::default()
            },
        })
    }

    /// Waits for the ends of these jobs, in whatever order: the time of each from now on.
    fn wait<const N: usize>(&self, jobs: [JobId; N]) -> Result<[Duration; N], Failure> {
        let start = Instant::now();
        let mut ended = [None; N];
        while ended.contains(&None) {
            let id = match self.engine.events().recv()? {
                Event::FinishedAuto { id, .. } | Event::FinishedPrompt { id, .. } => id,
                Event::Failed { message, .. } | Event::ModelFailed { message } => {
                    return Err(message.into());
                }
                _ => continue,
            };
            if let Some(place) = jobs.iter().position(|&job| job == id) {
                ended[place] = Some(start.elapsed());
            }
        }
        Ok(ended.map(Option::unwrap_or_default))
    }

    /// Waits until the model is open.
    fn ready(&self) -> Result<(), Failure> {
        match self.engine.events().recv()? {
            Event::ModelReady { .. } => Ok(()),
            _ => Err("the model does not open".into()),
        }
    }
}

fn scan_of(arguments: &[String]) -> Result<(Arc<ImageVolume>, VoxelIndex), Failure> {
    let [path, click, rest @ ..] = arguments else {
        let made = phantom();
        let around = made.lesion_box();
        let middle = std::array::from_fn(|d| (around.min[d] + around.max[d]) / 2);
        return Ok((Arc::new(made.image), VoxelIndex(middle)));
    };
    let options = OpenOptions {
        modality: rest.first().and_then(|name| modality(name)),
        ..OpenOptions::default()
    };
    let image = open_scan(Path::new(path), &options, &JobContext::silent())?.image;
    let voxel: Vec<i64> = click.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let voxel: [i64; 3] = voxel.try_into().map_err(|_all| "a click is I,J,K")?;
    Ok((Arc::new(image), VoxelIndex(voxel)))
}

fn modality(name: &str) -> Option<Modality> {
    let known = [Modality::Ct, Modality::Mr, Modality::Pet];
    known.into_iter().find(|m| m.name() == name)
}

#[allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let (image, click) = scan_of(&arguments)?;
    let bench = || -> Result<Bench, Failure> {
        let bench = Bench::new(Arc::clone(&image), click);
        bench.ready()?;
        Ok(bench)
    };
    println!("scan {:?}, click at {:?}", image.grid().dims, click.0);
    let idle = bench()?;
    let [alone] = idle.wait([idle.start_click()])?;
    println!("click alone: {:.2} s", alone.as_secs_f64());
    let idle = bench()?;
    let [auto] = idle.wait([idle.start_auto()])?;
    println!("automatic run alone: {:.2} s", auto.as_secs_f64());
    for moment in MOMENTS {
        let bench = bench()?;
        let auto_job = bench.start_auto();
        let before = auto.mul_f64(moment);
        std::thread::sleep(before);
        let [clicked, rest] = bench.wait([bench.start_click(), auto_job])?;
        println!(
            "click at {:.0} % of the automatic run: {:.2} s; both are done after {:.2} s",
            100.0 * moment,
            clicked.as_secs_f64(),
            (before + rest.max(clicked)).as_secs_f64()
        );
    }
    let folder = tempfile::tempdir()?;
    for seconds in INTO_LESSON {
        let bench = bench()?;
        bench.start_lesson(&folder.path().join("box.safetensors"));
        std::thread::sleep(Duration::from_secs(seconds));
        let [clicked] = bench.wait([bench.start_click()])?;
        println!(
            "click {seconds} s into a lesson: {:.2} s",
            clicked.as_secs_f64()
        );
    }
    if let Some(peak) = peak_memory_mb() {
        println!("peak memory: {peak} MB");
    }
    Ok(())
}
