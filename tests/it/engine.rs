//! The engine on a real worker thread with a toy model, and the queue's rules without threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use prosector::engine::{CancelOutcome, Engine, Event, JobId, Queue, Request};
use prosector::geometry::{Affine, VoxelIndex};
use prosector::models::{
    AutoResult, ComputeDevice, Estimate, ModelCard, ModelError, PromptedResult, ScanKey, Segmenter,
};
use prosector::prompt::{Click, Polarity, PromptSet};
use prosector::util::JobContext;
use prosector::volume::{
    Grid, ImageVolume, LabelMap, LabelTable, Mask, Modality, Rescale, VoxelData,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// What the toy does with a prompted job, chosen by the first click's `i`.
const DO_ANSWER: i64 = 0;
const DO_WAIT_FOR_GATE: i64 = 1;
const DO_PANIC: i64 = 2;
const DO_FAIL: i64 = 3;
const DO_REPORT_OFTEN: i64 = 4;

/// A model that does as it is told, and counts how often its caches were dropped.
struct Toy {
    card: ModelCard,
    device: ComputeDevice,
    gate: Receiver<()>,
    dropped: Arc<AtomicUsize>,
    panics_on_drop: bool,
}

impl Segmenter for Toy {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn device(&self) -> &ComputeDevice {
        &self.device
    }

    fn segment_auto(
        &mut self,
        image: &ImageVolume,
        _key: ScanKey,
        _structures: Option<&[String]>,
        ctx: &JobContext,
    ) -> Result<AutoResult, ModelError> {
        ctx.step(0.5, "looking")?;
        Ok(AutoResult {
            labels: LabelMap::empty(*image.grid()),
            table: LabelTable::default(),
            estimate: None,
            insight: None,
            warnings: Vec::new(),
        })
    }

    fn segment_prompted(
        &mut self,
        image: &ImageVolume,
        _key: ScanKey,
        prompts: &PromptSet,
        _prior: Option<&Mask>,
        ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError> {
        match prompts.clicks[0].voxel.0[0] {
            DO_WAIT_FOR_GATE => loop {
                ctx.check()?;
                if self.gate.recv_timeout(Duration::from_millis(2)).is_ok() {
                    break;
                }
            },
            DO_PANIC => panic!("the toy broke\nin two lines"),
            DO_FAIL => return Err(ModelError::Unsupported("not this scan".to_owned())),
            DO_REPORT_OFTEN => {
                for n in 0..200 {
                    ctx.step(n as f32 / 200.0, "counting")?;
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            _ => {}
        }
        let mut mask = Mask::empty(*image.grid());
        mask.voxels[0] = 1;
        Ok(PromptedResult {
            mask,
            estimate: Some(Estimate::Dice(0.5)),
            insight: None,
            warnings: Vec::new(),
        })
    }

    fn drop_caches(&mut self) {
        assert!(!self.panics_on_drop, "cannot drop");
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

fn card() -> ModelCard {
    toml::from_str(
        "id = 'toy'\ntitle = 'Toy'\nsystem = 'toy'\ndescription = 'Does as told.'\n\
         weights = ''\nsha256 = ''\nautomatic = true\nclicks = true\nboxes = true\n",
    )
    .expect("the toy's card is complete")
}

struct Bench {
    engine: Engine,
    gate: Sender<()>,
    dropped: Arc<AtomicUsize>,
    woken: Arc<AtomicUsize>,
}

impl Bench {
    fn new(panics_on_drop: bool) -> Self {
        let (gate, wait) = crossbeam_channel::bounded(10);
        let dropped = Arc::new(AtomicUsize::new(0));
        let woken = Arc::new(AtomicUsize::new(0));
        let (counter, waker) = (dropped.clone(), woken.clone());
        let opener = move || {
            let toy = Toy {
                card: card(),
                device: ComputeDevice {
                    kind: "cpu",
                    name: "toy".to_owned(),
                },
                gate: wait,
                dropped: counter,
                panics_on_drop,
            };
            Ok(Box::new(toy) as Box<dyn Segmenter>)
        };
        let engine = Engine::start(opener, move || {
            waker.fetch_add(1, Ordering::SeqCst);
        });
        Self {
            engine,
            gate,
            dropped,
            woken,
        }
    }

    fn next(&self) -> Event {
        let event = self.engine.events().recv_timeout(PATIENCE);
        event.expect("an event in time")
    }

    /// The next event that is not progress, in short.
    fn told(&self) -> String {
        loop {
            match self.next() {
                Event::Progress { .. } => {}
                Event::ModelReady { card, .. } => return format!("ready {}", card.id),
                Event::ModelFailed { message } => return format!("model failed: {message}"),
                Event::Started { id } => return format!("started {}", id.0),
                Event::FinishedAuto { id, .. } => return format!("auto {}", id.0),
                Event::FinishedPrompt { id, .. } => return format!("prompt {}", id.0),
                Event::Failed { id, message } => return format!("failed {}: {message}", id.0),
                Event::Cancelled { id } => return format!("cancelled {}", id.0),
            }
        }
    }

    fn told_many(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.told()).collect()
    }
}

fn image() -> Arc<ImageVolume> {
    let grid = Grid::new([8, 8, 8], Affine::from_spacing([1.0; 3], [0.0; 3]));
    Arc::new(ImageVolume::new(
        grid,
        VoxelData::U8(vec![0; 512]),
        Rescale::IDENTITY,
        Modality::Ct,
    ))
}

fn prompt(what: i64) -> Request {
    Request::Prompt {
        scan: ScanKey(1),
        image: image(),
        prompts: PromptSet {
            clicks: vec![Click {
                voxel: VoxelIndex([what, 0, 0]),
                polarity: Polarity::Positive,
            }],
            target_box: None,
        },
        prior: None,
    }
}

fn auto() -> Request {
    Request::Auto {
        scan: ScanKey(1),
        image: image(),
        structures: None,
    }
}

#[test]
fn jobs_run_in_order_and_every_event_wakes() {
    let bench = Bench::new(false);
    assert_eq!(bench.told(), "ready toy");
    let first = bench.engine.submit(auto());
    assert_eq!(bench.told_many(2), ["started 1", "auto 1"]);
    let second = bench.engine.submit(prompt(DO_ANSWER));
    assert_eq!(bench.told_many(2), ["started 2", "prompt 2"]);
    assert!(first < second);
    assert!(bench.woken.load(Ordering::SeqCst) >= 5);
}

#[test]
fn the_latest_prompt_wins() {
    let bench = Bench::new(false);
    bench.told();
    bench.engine.submit(prompt(DO_WAIT_FOR_GATE));
    assert_eq!(bench.told(), "started 1");
    bench.engine.submit(auto());
    bench.engine.submit(prompt(DO_ANSWER));
    bench.engine.submit(prompt(DO_ANSWER));
    let mut ends = bench.told_many(6);
    // When the superseded ones report is a matter of threads; who finishes, and in which order, is not.
    let cancelled: Vec<String> = ends
        .extract_if(.., |e| e.starts_with("cancelled"))
        .collect();
    assert_eq!(cancelled.len(), 2, "{cancelled:?}");
    assert!(cancelled.contains(&"cancelled 1".to_owned()));
    assert!(cancelled.contains(&"cancelled 3".to_owned()));
    assert_eq!(ends, ["started 4", "prompt 4", "started 2", "auto 2"]);
}

#[test]
fn cancelling_stops_waiting_and_running_jobs() {
    let bench = Bench::new(false);
    bench.told();
    let running = bench.engine.submit(prompt(DO_WAIT_FOR_GATE));
    assert_eq!(bench.told(), "started 1");
    let waiting = bench.engine.submit(auto());
    bench.engine.cancel(waiting);
    assert_eq!(bench.told(), "cancelled 2");
    bench.engine.cancel(running);
    assert_eq!(bench.told(), "cancelled 1");
    bench.engine.cancel(running);
    bench.engine.submit(auto());
    assert_eq!(bench.told_many(2), ["started 3", "auto 3"]);
}

#[test]
fn a_panic_becomes_a_message_and_the_worker_lives_on() {
    let bench = Bench::new(false);
    bench.told();
    bench.engine.submit(prompt(DO_PANIC));
    assert_eq!(bench.told(), "started 1");
    assert_eq!(
        bench.told(),
        "failed 1: the model stopped unexpectedly (the toy broke): try again"
    );
    assert_eq!(bench.dropped.load(Ordering::SeqCst), 1);
    bench.engine.submit(prompt(DO_ANSWER));
    assert_eq!(bench.told_many(2), ["started 2", "prompt 2"]);
}

#[test]
fn a_model_that_cannot_recover_says_so() {
    let bench = Bench::new(true);
    bench.told();
    bench.engine.submit(prompt(DO_PANIC));
    let told = bench.told_many(3);
    assert!(told[1].starts_with("model failed: "), "{told:?}");
    assert!(told[2].starts_with("failed 1: "), "{told:?}");
    bench.engine.submit(auto());
    assert!(bench.told().starts_with("failed 2: the model stopped"));
}

#[test]
fn a_refusal_is_passed_on() {
    let bench = Bench::new(false);
    bench.told();
    bench.engine.submit(prompt(DO_FAIL));
    assert_eq!(bench.told_many(2), ["started 1", "failed 1: not this scan"]);
}

#[test]
fn a_model_that_does_not_open_fails_every_job() {
    for panics in [false, true] {
        let opener = move || {
            assert!(!panics, "no such device");
            Err(ModelError::Unknown("nothing".to_owned()))
        };
        let engine = Engine::start(opener, || {});
        engine.submit(auto());
        let first = engine.events().recv_timeout(PATIENCE);
        assert!(matches!(first, Ok(Event::ModelFailed { .. })));
        let second = engine.events().recv_timeout(PATIENCE);
        assert!(matches!(second, Ok(Event::Failed { id: JobId(1), .. })));
    }
}

#[test]
fn progress_is_throttled() {
    let bench = Bench::new(false);
    bench.told();
    bench.engine.submit(prompt(DO_REPORT_OFTEN));
    let mut reports = 0;
    let seconds = loop {
        match bench.next() {
            Event::Progress { fraction, .. } => {
                assert!((0.0..=1.0).contains(&fraction));
                reports += 1;
            }
            Event::FinishedPrompt { seconds, .. } => break seconds,
            _ => {}
        }
    };
    assert!(reports >= 1);
    assert!(
        f64::from(reports) <= seconds / 0.5 + 1.0,
        "{reports} in {seconds} s"
    );
}

#[test]
fn dropping_the_engine_stops_a_running_job() {
    let bench = Bench::new(false);
    bench.told();
    bench.engine.submit(prompt(DO_WAIT_FOR_GATE));
    assert_eq!(bench.told(), "started 1");
    let start = std::time::Instant::now();
    drop(bench.engine);
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(bench.gate.is_empty());
}

#[test]
fn queue_rules() {
    let mut queue = Queue::default();
    assert!(queue.push(JobId(1), auto()).dropped.is_empty());
    assert!(queue.push(JobId(2), prompt(DO_ANSWER)).dropped.is_empty());
    let superseded = queue.push(JobId(3), prompt(DO_ANSWER));
    assert_eq!(superseded.dropped, [JobId(2)]);
    assert_eq!(superseded.stopping, None);

    let (id, _, cancel) = queue.take().expect("a job waits");
    assert_eq!(id, JobId(3), "prompts go first");
    let superseded = queue.push(JobId(4), prompt(DO_ANSWER));
    assert_eq!(superseded.stopping, Some(JobId(3)));
    assert!(cancel.is_cancelled());
    queue.finish();

    queue.push(JobId(5), Request::DropCaches);
    let (id, ..) = queue.take().expect("a job waits");
    assert_eq!(id, JobId(5));
    queue.finish();
    assert_eq!(queue.cancel(JobId(4)), CancelOutcome::Removed);
    let (id, _, cancel) = queue.take().expect("a job waits");
    assert_eq!(id, JobId(1));
    queue.push(JobId(6), prompt(DO_ANSWER));
    assert!(
        !cancel.is_cancelled(),
        "a prompt lets an automatic job finish"
    );
    assert_eq!(queue.cancel(JobId(1)), CancelOutcome::Stopping);
    assert!(cancel.is_cancelled());
    assert_eq!(queue.cancel(JobId(9)), CancelOutcome::Unknown);
    assert_eq!(queue.len(), 1);
    queue.clear();
    assert!(queue.is_empty());
}
