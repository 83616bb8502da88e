//! The engine on a real worker thread with a toy model, and the queue's rules without threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use prosector::engine::{
    Asker, CancelOutcome, Engine, Event, JobId, Priority, Queue, Request, Task,
};
use prosector::geometry::{Affine, VoxelIndex};
use prosector::models::{
    AutoResult, ComputeDevice, Estimate, ModelCard, ModelError, PromptedResult, ScanKey, Segmenter,
};
use prosector::prompt::{Asked, Click, Polarity, PromptSet};
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

/// Pieces of an automatic job, of which each waits to be let through where the structure [`BY_PIECES`] is asked for.
const PIECES: usize = 4;
const BY_PIECES: &str = "by pieces";

/// A model that does as it is told, and counts how often its caches were dropped.
struct Toy {
    card: ModelCard,
    device: ComputeDevice,
    gate: Receiver<()>,
    pieces: Receiver<()>,
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
        &self,
        image: &ImageVolume,
        _key: ScanKey,
        structures: Option<&[String]>,
        ctx: &JobContext,
    ) -> Result<AutoResult, ModelError> {
        let mut labels = LabelMap::empty(*image.grid());
        let waits = structures.is_some_and(|s| s == [BY_PIECES]);
        for piece in 0..PIECES {
            ctx.step(piece as f32 / PIECES as f32, "looking")?;
            if waits {
                self.pieces.recv_timeout(PATIENCE).expect("let through");
            }
            // Each piece goes on from the one before.
            let before = labels.voxels[piece];
            labels.voxels[piece + 1] = 3 * before + piece as u16 + 1;
        }
        ctx.check()?;
        Ok(AutoResult {
            labels,
            table: LabelTable::default(),
            estimate: None,
            insight: None,
            nothing: None,
            warnings: Vec::new(),
        })
    }

    fn segment_prompted(
        &self,
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
            structure: None,
            warnings: Vec::new(),
        })
    }

    fn preview(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        asked: &Asked,
        ctx: &JobContext,
    ) -> Result<Mask, ModelError> {
        Ok(self.segment_asked(image, key, asked, ctx)?.mask)
    }

    fn drop_caches(&self) {
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
    pieces: Sender<()>,
    dropped: Arc<AtomicUsize>,
    woken: Arc<AtomicUsize>,
}

fn toy(kind: &'static str) -> Toy {
    let never = crossbeam_channel::never();
    Toy {
        card: card(),
        device: ComputeDevice {
            kind,
            name: "toy".to_owned(),
        },
        gate: never.clone(),
        pieces: never,
        dropped: Arc::default(),
        panics_on_drop: false,
    }
}

impl Bench {
    fn new(panics_on_drop: bool) -> Self {
        let (gate, wait) = crossbeam_channel::bounded(10);
        let (pieces, wait_for_piece) = crossbeam_channel::bounded(10);
        let dropped = Arc::new(AtomicUsize::new(0));
        let woken = Arc::new(AtomicUsize::new(0));
        let (counter, waker) = (dropped.clone(), woken.clone());
        let opener = move || {
            let toy = Toy {
                gate: wait,
                pieces: wait_for_piece,
                dropped: counter,
                panics_on_drop,
                ..toy("cpu")
            };
            Ok(Box::new(toy) as Box<dyn Segmenter>)
        };
        let engine = Engine::start(opener, move || {
            waker.fetch_add(1, Ordering::SeqCst);
        });
        Self {
            engine,
            gate,
            pieces,
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
                Event::FinishedTask { id, .. } => return format!("background {}", id.0),
                Event::FinishedPreview { id, region } => {
                    let voxels = region.map_or(0, |r| r.count());
                    return format!("preview {} of {voxels}", id.0);
                }
                Event::Failed { id, message } => return format!("failed {}: {message}", id.0),
                Event::Cancelled { id } => return format!("cancelled {}", id.0),
            }
        }
    }

    /// Lets the automatic job by pieces do so many more of them.
    fn let_through(&self, pieces: usize) {
        (0..pieces).for_each(|_| self.pieces.send(()).expect("the toy is there"));
    }

    /// The labels of the next automatic job to end.
    fn labels(&self) -> Vec<u16> {
        loop {
            if let Event::FinishedAuto { result, .. } = self.next() {
                return result.labels.voxels;
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

fn asked(what: i64) -> Asked {
    let click = Click {
        voxel: VoxelIndex([what, 0, 0]),
        polarity: Polarity::Positive,
    };
    Asked {
        prompts: PromptSet {
            clicks: vec![click],
            ..PromptSet::default()
        },
        ..Asked::default()
    }
}

fn preview(what: i64) -> Request {
    Request::Preview {
        scan: ScanKey(1),
        image: image(),
        asked: asked(what),
    }
}

fn prompt(what: i64) -> Request {
    Request::Prompt {
        scan: ScanKey(1),
        image: image(),
        asked: asked(what),
    }
}

fn auto() -> Request {
    Request::Auto {
        scan: ScanKey(1),
        image: image(),
        others: Vec::new(),
        structures: None,
    }
}

/// An automatic job that waits before the end of each piece.
fn auto_by_pieces() -> Request {
    Request::Auto {
        scan: ScanKey(1),
        image: image(),
        others: Vec::new(),
        structures: Some(vec![BY_PIECES.to_owned()]),
    }
}

/// Steps that go on until `is_over` holds after one, and are told to `steps`.
fn steps_until(
    is_over: impl Fn(u32) -> bool + Send + Sync + 'static,
    steps: Sender<u32>,
) -> impl Fn(&JobContext) -> Result<(), ModelError> + Send + Sync + 'static {
    move |ctx| {
        let mut step = 0;
        while !is_over(step) {
            ctx.step(0.5, "going on")?;
            step += 1;
            // The test may not listen.
            let _ = steps.send(step);
        }
        Ok(())
    }
}

/// What is computed ahead, in small.
fn background(
    steps: Sender<u32>,
    is_over: impl Fn(u32) -> bool + Send + Sync + 'static,
) -> Request {
    let go_on = steps_until(is_over, steps);
    let task = Task::new(move |_, ctx| go_on(ctx));
    Request::Background { task }
}

/// Training, in small.
fn training(steps: Sender<u32>, is_over: impl Fn(u32) -> bool + Send + Sync + 'static) -> Request {
    let task = Task::without_model(steps_until(is_over, steps));
    Request::Training { task }
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
fn where_the_gpu_fails_the_cpu_goes_on() {
    let open = |kind| Ok(Box::new(toy(kind)) as Box<dyn Segmenter>);
    let engine = Engine::start_falling_back(move || open("gpu"), move || open("cpu"), || {});
    let next = || engine.events().recv_timeout(PATIENCE).expect("in time");
    let computes_on = |event| match event {
        Event::ModelReady { device, .. } => device.kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(computes_on(next()), "gpu");
    engine.submit(prompt(DO_PANIC));
    assert!(matches!(next(), Event::Started { .. }));
    assert_eq!(computes_on(next()), "cpu");
    let Event::Failed { message, .. } = next() else {
        panic!("the job that the GPU failed under ended otherwise");
    };
    assert!(
        message.contains("the CPU computes from now on"),
        "{message}"
    );
    engine.submit(prompt(DO_ANSWER));
    assert!(matches!(next(), Event::Started { .. }));
    assert!(matches!(next(), Event::FinishedPrompt { .. }));
    // A second failure is one of the CPU, and changes nothing.
    engine.submit(prompt(DO_PANIC));
    assert!(matches!(next(), Event::Started { .. }));
    assert!(matches!(next(), Event::Failed { .. }));
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
fn a_prompt_is_answered_in_the_middle_of_an_automatic_job() {
    let bench = Bench::new(false);
    bench.told();
    bench.engine.submit(auto());
    let undisturbed = bench.labels();
    assert_eq!(undisturbed[..=PIECES], [0, 1, 5, 18, 58]);

    bench.engine.submit(auto_by_pieces());
    assert_eq!(bench.told(), "started 2");
    for n in 0..3 {
        bench.engine.submit(prompt(DO_ANSWER));
        bench.let_through(1);
        let id = 3 + n;
        let answered = [format!("started {id}"), format!("prompt {id}")];
        assert_eq!(bench.told_many(2), answered);
    }
    bench.engine.submit(auto());
    bench.let_through(1);
    assert_eq!(bench.labels(), undisturbed);
    let next = [bench.told(), bench.told()];
    assert_eq!(
        next,
        ["started 6", "auto 6"],
        "automatic jobs keep their order"
    );
}

#[test]
fn what_is_asked_in_an_interruption_goes_by_the_same_rules() {
    let bench = Bench::new(false);
    bench.told();
    let auto_job = bench.engine.submit(auto_by_pieces());
    assert_eq!(bench.told(), "started 1");
    bench.engine.submit(prompt(DO_WAIT_FOR_GATE));
    bench.let_through(1);
    assert_eq!(bench.told(), "started 2");
    bench.engine.submit(prompt(DO_ANSWER));
    let mut told = bench.told_many(3);
    told.retain(|t| t != "cancelled 2");
    assert_eq!(told, ["started 3", "prompt 3"], "the latest prompt wins");

    let last = bench.engine.submit(prompt(DO_WAIT_FOR_GATE));
    bench.let_through(1);
    assert_eq!(bench.told(), "started 4");
    bench.engine.cancel(last);
    assert_eq!(bench.told(), "cancelled 4");

    bench.engine.submit(prompt(DO_FAIL));
    bench.let_through(1);
    assert_eq!(bench.told_many(2), ["started 5", "failed 5: not this scan"]);

    // The automatic job ends where it gives way, once the prompt is answered.
    bench.engine.submit(prompt(DO_WAIT_FOR_GATE));
    bench.let_through(1);
    assert_eq!(bench.told(), "started 6");
    bench.engine.cancel(auto_job);
    bench.gate.send(()).expect("the toy waits");
    assert_eq!(bench.told_many(2), ["prompt 6", "cancelled 1"]);
    bench.engine.submit(auto());
    assert_eq!(bench.told_many(2), ["started 7", "auto 7"]);
}

#[test]
fn a_panic_in_an_interruption_leaves_the_automatic_job_alone() {
    let bench = Bench::new(false);
    bench.told();
    bench.engine.submit(auto());
    let undisturbed = bench.labels();
    bench.engine.submit(auto_by_pieces());
    assert_eq!(bench.told(), "started 2");
    bench.engine.submit(prompt(DO_PANIC));
    bench.let_through(1);
    assert_eq!(bench.told(), "started 3");
    assert!(bench.told().starts_with("failed 3: the model stopped"));
    bench.let_through(PIECES - 1);
    assert_eq!(bench.labels(), undisturbed);
}

#[test]
fn a_model_lost_in_an_interruption_fails_the_job_that_gave_way() {
    let bench = Bench::new(true);
    bench.told();
    bench.engine.submit(auto_by_pieces());
    assert_eq!(bench.told(), "started 1");
    bench.engine.submit(prompt(DO_PANIC));
    bench.let_through(PIECES);
    let told = bench.told_many(4);
    assert_eq!(told[0], "started 2");
    let begins = [
        "model failed: ",
        "failed 2: the model stopped",
        "failed 1: the model stopped",
    ];
    for (told, begins) in told[1..].iter().zip(begins) {
        assert!(told.starts_with(begins), "{told}");
    }
}

#[test]
fn everything_goes_before_background_work() {
    let bench = Bench::new(false);
    bench.told();
    let (steps, stepped) = crossbeam_channel::unbounded();
    let over = Arc::new(AtomicUsize::new(0));
    let is_over = over.clone();
    let ahead = background(steps, move |_| is_over.load(Ordering::SeqCst) > 0);
    bench.engine.submit(ahead);
    assert_eq!(bench.told(), "started 1");
    // A prompt in an automatic job in the background work.
    bench.engine.submit(auto_by_pieces());
    assert_eq!(bench.told(), "started 2");
    let before = stepped.try_iter().last().unwrap_or(0);
    bench.engine.submit(prompt(DO_ANSWER));
    bench.let_through(1);
    assert_eq!(bench.told_many(2), ["started 3", "prompt 3"]);
    assert_eq!(stepped.try_iter().last().unwrap_or(before), before);
    bench.let_through(PIECES - 1);
    assert_eq!(bench.told(), "auto 2");
    // It goes on where it was.
    assert_eq!(stepped.recv_timeout(PATIENCE), Ok(before + 1));
    bench.engine.submit(Request::DropCaches);
    while bench.dropped.load(Ordering::SeqCst) == 0 {
        stepped.recv_timeout(PATIENCE).expect("it goes on");
    }
    over.store(1, Ordering::SeqCst);
    assert_eq!(bench.told(), "background 1");

    let (steps, _) = crossbeam_channel::unbounded();
    let endless = bench.engine.submit(background(steps, |_| false));
    assert_eq!(bench.told(), "started 5");
    bench.engine.cancel(endless);
    assert_eq!(bench.told(), "cancelled 5");
}

#[test]
fn everything_goes_before_training() {
    let bench = Bench::new(false);
    bench.told();
    let (steps, stepped) = crossbeam_channel::unbounded();
    let over = Arc::new(AtomicUsize::new(0));
    let is_over = over.clone();
    let is_over = move |_| is_over.load(Ordering::SeqCst) > 0;
    bench.engine.submit(training(steps.clone(), is_over));
    assert_eq!(bench.told(), "started 1");
    for (id, request, end) in [
        (2, background(steps, |step| step > 2), "background 2"),
        (3, auto(), "auto 3"),
        (4, prompt(DO_ANSWER), "prompt 4"),
    ] {
        bench.engine.submit(request);
        assert_eq!(
            bench.told_many(2),
            [format!("started {id}"), end.to_owned()]
        );
    }
    stepped.recv_timeout(PATIENCE).expect("it goes on");
    over.store(1, Ordering::SeqCst);
    assert_eq!(bench.told(), "background 1");
}

#[test]
fn training_needs_no_model_and_everything_else_does() {
    let engine = Engine::without_model(|| {});
    let (steps, stepped) = crossbeam_channel::unbounded();
    engine.submit(training(steps.clone(), |step| step == 2));
    engine.submit(auto());
    engine.submit(background(steps, |_| true));
    let failing = Task::without_model(|_| Err(ModelError::Unknown("nothing".to_owned())));
    engine.submit(Request::Training { task: failing });
    let breaking = Task::without_model(|_| -> Result<(), ModelError> { panic!("a bad recipe") });
    engine.submit(Request::Training { task: breaking });
    let mut ends = Vec::new();
    while ends.len() < 5 {
        match engine.events().recv_timeout(PATIENCE).expect("an event") {
            Event::FinishedTask { id, .. } => ends.push((id.0, String::new())),
            Event::Failed { id, message } => ends.push((id.0, message)),
            Event::Started { .. } | Event::Progress { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    ends.sort();
    let none = "no model is open here".to_owned();
    assert_eq!(
        ends[..3],
        [(1, String::new()), (2, none.clone()), (3, none)]
    );
    assert!(ends[3].1.starts_with("no model 'nothing' is installed"));
    assert_eq!(
        ends[4].1,
        "the job stopped unexpectedly (a bad recipe): try again"
    );
    assert_eq!(stepped.try_iter().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn models_run_on_the_engines_thread_only() {
    let bench = Bench::new(false);
    bench.told();
    let (polled, has_polled) = crossbeam_channel::bounded(0);
    let task = Task::without_model(move |ctx| {
        // To say that it has begun, and then that it has polled on another thread.
        polled.send(()).expect("the test listens");
        std::thread::scope(|scope| {
            scope.spawn(|| ctx.check());
        });
        polled.send(()).expect("the test listens");
        Ok::<_, ModelError>(())
    });
    bench.engine.submit(Request::Background { task });
    assert_eq!(bench.told(), "started 1");
    bench.engine.submit(prompt(DO_ANSWER));
    has_polled.recv_timeout(PATIENCE).expect("it begins");
    has_polled.recv_timeout(PATIENCE).expect("it polls");
    assert_eq!(
        bench.told_many(3),
        ["background 1", "started 2", "prompt 2"]
    );
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

#[test]
fn a_job_gives_way_to_what_is_more_urgent_and_to_nothing_else() {
    let (steps, _) = crossbeam_channel::unbounded();
    let train = || training(steps.clone(), |_| true);
    let by_urgency = [
        train(),
        background(steps.clone(), |_| true),
        auto(),
        prompt(DO_ANSWER),
        Request::DropCaches,
    ];
    assert!(by_urgency.iter().map(Request::priority).is_sorted());
    assert_eq!(by_urgency[0].priority(), Priority::Training);
    assert_eq!(by_urgency[1].priority(), Priority::Background);
    for (under_way, first) in by_urgency.iter().enumerate() {
        for (waiting, second) in by_urgency.iter().enumerate() {
            let mut queue = Queue::default();
            queue.push(JobId(1), first.clone());
            queue.take().expect("a job waits");
            queue.push(JobId(2), second.clone());
            let taken = queue.take().map(|(id, ..)| id);
            let goes_first = (waiting > under_way).then_some(JobId(2));
            assert_eq!(taken, goes_first, "{second:?} while {first:?}");
            queue.finish();
            if goes_first.is_some() {
                queue.finish();
            } else {
                assert_eq!(queue.take().map(|(id, ..)| id), Some(JobId(2)));
            }
        }
    }

    let mut queue = Queue::default();
    queue.push(JobId(1), train());
    let (_, _, outer) = queue.take().expect("a job waits");
    queue.push(JobId(2), auto());
    let (_, _, inner) = queue.take().expect("it goes first");
    assert_eq!(queue.cancel(JobId(1)), CancelOutcome::Stopping);
    assert!(outer.is_cancelled() && !inner.is_cancelled());
    queue.clear();
    assert!(inner.is_cancelled());
}

#[test]
fn a_preview_goes_behind_everything_and_only_the_latest_is_made() {
    let mut queue = Queue::default();
    queue.push(JobId(1), preview(DO_ANSWER));
    assert_eq!(queue.push(JobId(2), auto()).dropped, []);
    let (steps, _) = crossbeam_channel::unbounded();
    queue.push(JobId(3), training(steps, |_| true));
    assert_eq!(queue.push(JobId(4), preview(DO_ANSWER)).dropped, [JobId(1)]);
    assert_eq!(queue.take().map(|job| job.0), Some(JobId(2)));
    queue.finish();
    assert_eq!(queue.take().map(|job| job.0), Some(JobId(3)));
    queue.finish();
    let (id, _, cancel) = queue.take().expect("the preview is left");
    assert_eq!(id, JobId(4));
    // What a user does ends it, and another preview too.
    let superseded = queue.push(JobId(5), prompt(DO_ANSWER));
    assert_eq!(superseded.stopping, Some(JobId(4)));
    assert!(cancel.is_cancelled());
}

#[test]
fn a_prompt_is_answered_while_a_preview_is_made() {
    let bench = Bench::new(false);
    bench.told();
    bench.engine.submit(preview(DO_WAIT_FOR_GATE));
    assert_eq!(bench.told(), "started 1");
    bench.engine.submit(preview(DO_WAIT_FOR_GATE));
    bench.engine.submit(prompt(DO_ANSWER));
    // Whether the second began is a matter of threads; how each ends is not.
    let mut ends = vec!["cancelled 1", "cancelled 2", "prompt 3"];
    while !ends.is_empty() {
        let told = bench.told();
        ends.retain(|end| *end != told);
    }
    bench.engine.submit(preview(DO_ANSWER));
    assert_eq!(bench.told_many(2), ["started 4", "preview 4 of 1"]);
    bench.engine.submit(preview(DO_FAIL));
    assert_eq!(bench.told_many(2), ["started 5", "failed 5: not this scan"]);
}

#[test]
fn a_prompt_supersedes_only_what_the_same_one_asked() {
    let mut queue = Queue::default();
    let dropped = |queue: &mut Queue, asker, id| {
        let superseded = queue.push_of(Asker(asker), JobId(id), prompt(DO_ANSWER));
        assert_eq!(superseded.stopping, None);
        superseded.dropped
    };
    assert_eq!(dropped(&mut queue, 1, 1), []);
    assert_eq!(dropped(&mut queue, 2, 2), []);
    assert_eq!(dropped(&mut queue, 1, 3), [JobId(1)]);
    let (running, _, cancel) = queue.take().expect("one waits");
    assert_eq!(running, JobId(2), "in the order in which they came");
    assert_eq!(dropped(&mut queue, 1, 4), [JobId(3)]);
    assert!(!cancel.is_cancelled());
    let superseded = queue.push_of(Asker(2), JobId(5), prompt(DO_ANSWER));
    assert_eq!(superseded.stopping, Some(JobId(2)));
    assert!(cancel.is_cancelled());
}
