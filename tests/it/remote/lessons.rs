//! Lessons that another machine gives: what goes there and comes back, what is refused, and what a lost connection leaves.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use prosector::models::{
    DeviceChoice, ModelCard, Segmenter, Taught, TeacherAnswers, Verdict, installed_models,
};
use prosector::remote::{Processor, Token, teach};
use prosector::train::TrainError;
use prosector::train::teach::{
    CaseScores, Distillation, Gain, Pictured, Resume, Score, Seen, Shape, TeachCase, TeachReport,
    TeachRequest, Watcher,
};
use prosector::util::{CancelToken, JobContext};
use prosector::volume::phantom::phantom;
use prosector::volume::{LabelMap, Mask};
use serde_json::Value;

use super::echo::{asked, image};
use super::raw::{frame, greeted, header};
use super::server::{Process, Way, local, loopback, reaches, serve_teaching};
use super::{KEY, ctx};
use crate::support::{assert_refused, program, said};
use crate::teaching::{cases, write_nothing};

/// A lesson that writes an adapter and says what it was given.
pub fn toy_lesson(request: &TeachRequest) -> Result<TeachReport, TrainError> {
    let base = installed_models().remove(0);
    let id = request.out.file_stem().unwrap().to_string_lossy();
    let card = ModelCard {
        id: id.into_owned(),
        taught: Some(Taught {
            base: base.id.clone(),
            base_sha256: base.sha256.clone(),
            method: "norm".to_owned(),
            cases: request.cases.len(),
            date: request.date.clone(),
            verdict: Verdict::Better,
            structure: None,
            teacher: None,
            measured: Vec::new(),
        }),
        ..base
    };
    write_nothing(&request.out, &card, ("decoder.norm.gamma:whole.0", 32));
    Ok(TeachReport {
        verdict: Verdict::Better,
        measured: Vec::new(),
        held_out: request.cases.iter().enumerate().map(scores).collect(),
        gain: Some(Gain {
            dice: 1.0 / 3.0,
            noise: None,
        }),
        card,
        method: request.method.clone().unwrap_or_default(),
        parameters: 32,
        bytes: Some(std::fs::metadata(&request.out).unwrap().len() as usize),
        seconds: 1.5,
    })
}

fn scores((n, case): (usize, &TeachCase)) -> CaseScores {
    let score = |dice| {
        vec![Score {
            given: "no prompt".to_owned(),
            dice,
            nsd: dice / 7.0,
            assd_mm: None,
        }]
    };
    let drawn = Mask {
        grid: *case.image.grid(),
        voxels: case.truth.voxels.iter().map(|&v| u8::from(v > 0)).collect(),
    };
    CaseScores {
        case: n,
        before: score(0.1),
        after: score(0.7),
        pictured: Pictured {
            truth: Shape::of(&drawn),
            ..Pictured::default()
        },
        again: None,
    }
}

/// A case of an echo's image, of a patient.
fn case(seed: u16, patient: Option<&str>) -> TeachCase {
    let image = Arc::new(image(u32::from(seed)));
    let mut truth = LabelMap::empty(*image.grid());
    for (place, voxel) in truth.voxels.iter_mut().enumerate() {
        *voxel = u16::from(place % 7 == 0) * seed;
    }
    TeachCase {
        image,
        truth,
        values: vec![seed, 900],
        patient: patient.map(str::to_owned),
        is_labelled: seed != 4,
    }
}

fn request(out: PathBuf, cases: Vec<TeachCase>) -> TeachRequest {
    TeachRequest {
        cases,
        base: None,
        structure: Some("nodule".to_owned()),
        distillation: None,
        out,
        method: None,
        steps: Some(7),
        folds: Some(3),
        unproven: true,
        resume: Resume::WherePossible,
        device: DeviceChoice::Auto,
        date: "2026-11-30".to_owned(),
        watcher: Watcher::default(),
    }
}

fn refusal(result: Result<TeachReport, TrainError>) -> String {
    result.expect_err("it is refused").to_string()
}

fn there(port: u16) -> Processor {
    Processor::There(loopback(port))
}

fn open_echo() -> Result<Box<dyn Segmenter>, prosector::models::ModelError> {
    Ok(Box::new(local()))
}

#[test]
fn a_lesson_arrives_as_it_was_asked_for_and_comes_back_as_it_was_given() {
    let given: Arc<Mutex<Vec<String>>> = Arc::default();
    let folder_there: Arc<Mutex<PathBuf>> = Arc::default();
    let (heard, folder) = (Arc::clone(&given), Arc::clone(&folder_there));
    let lesson = move |request: &TeachRequest, _: &JobContext| {
        let base = installed_models().remove(0).id;
        assert_eq!(request.base.as_ref(), Some(&base), "by its name");
        assert_eq!(request.resume, Resume::Never);
        assert_eq!(request.device, DeviceChoice::Cpu, "the server's");
        let mut heard = heard.lock().unwrap();
        heard.extend(request.cases.iter().map(described));
        heard.push(format!(
            "{:?} {:?} {:?} {:?} {:?} {} {}",
            request.structure,
            request.distillation,
            request.method,
            request.steps,
            request.folds,
            request.unproven,
            request.date
        ));
        let out = &request.out;
        *folder.lock().unwrap() = out.parent().unwrap().to_owned();
        assert_eq!(out.file_name().unwrap(), "nodule.safetensors");
        for seen in news() {
            request.watcher.tell(seen);
        }
        toy_lesson(request)
    };
    let port = serve_teaching(Token::default(), Arc::new(lesson), open_echo);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("nodule.safetensors");
    let cases = || {
        vec![
            case(3, Some("Doe, Jane")),
            case(4, None),
            case(5, Some("Doe, Jane")),
        ]
    };
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let to = Arc::clone(&seen);
    let asked = TeachRequest {
        distillation: Some(Distillation {
            teacher: "my_nnunet".to_owned(),
            structure: Some("its name".to_owned()),
            lambda: 0.3,
        }),
        method: Some("head".to_owned()),
        watcher: Watcher::new(move |seen| to.lock().unwrap().push(seen)),
        ..request(out.clone(), cases())
    };
    let report = teach(&there(port), &asked, &ctx()).unwrap();

    let mut expected = cases();
    expected[0].patient = Some("0".to_owned());
    expected[2].patient = Some("0".to_owned());
    let mut expected: Vec<String> = expected.iter().map(described).collect();
    expected.push(format!(
        "{:?} {:?} {:?} Some(7) Some(3) true 2026-11-30",
        asked.structure, asked.distillation, asked.method
    ));
    assert_eq!(*given.lock().unwrap(), expected);
    let seen = seen.lock().unwrap();
    assert_eq!(format!("{seen:?}"), format!("{:?}", news()));

    // The report and the adapter are those of the lesson.
    let here = folder.path().join("here/nodule.safetensors");
    std::fs::create_dir(here.parent().unwrap()).unwrap();
    let same = TeachRequest {
        method: asked.method,
        ..request(here.clone(), cases())
    };
    let own = toy_lesson(&same).unwrap();
    assert_eq!(format!("{report:?}"), format!("{own:?}"));
    assert!(report.held_out[1].pictured == own.held_out[1].pictured);
    assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(&here).unwrap());
    is_gone(&folder_there.lock().unwrap());
}

/// What a lesson tells.
fn news() -> Vec<Seen> {
    vec![
        Seen::Answered(TeacherAnswers {
            cases: 3,
            asked: 2,
            found: 1,
        }),
        Seen::Begun { folds: 2, steps: 7 },
        Seen::Step {
            run: 0,
            step: 1,
            loss: 0.125,
        },
        Seen::Step {
            run: 0,
            step: 2,
            loss: f64::NAN,
        },
        Seen::Fold {
            fold: 0,
            cases: vec![scores((0, &case(3, None)))],
        },
    ]
}

/// A case in words, every voxel among them.
fn described(case: &TeachCase) -> String {
    let grid = case.image.grid();
    let values: Vec<u64> = (0..grid.len())
        .map(|v| case.image.value(v).to_bits())
        .collect();
    format!(
        "{grid:?} {:?} {values:?} {:?} {:?} {:?} {}",
        case.image.modality(),
        case.truth.voxels,
        case.values,
        case.patient,
        case.is_labelled
    )
}

/// Waits until a folder is no more.
fn is_gone(folder: &Path) {
    let start = std::time::Instant::now();
    while folder.exists() {
        assert!(
            start.elapsed() < super::PATIENCE,
            "the lesson leaves its folder"
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// A lesson that goes on until it is stopped, its folder, and how often it was begun and stopped.
type Endless = (u16, Arc<Mutex<PathBuf>>, Arc<AtomicUsize>, Arc<AtomicUsize>);

fn endless() -> Endless {
    let (begun, stopped) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let folder: Arc<Mutex<PathBuf>> = Arc::default();
    let (begins, stops, place) = (
        Arc::clone(&begun),
        Arc::clone(&stopped),
        Arc::clone(&folder),
    );
    let lesson = move |request: &TeachRequest, ctx: &JobContext| {
        *place.lock().unwrap() = request.out.parent().unwrap().to_owned();
        std::fs::write(&request.out, "half an adapter").unwrap();
        begins.fetch_add(1, Ordering::SeqCst);
        loop {
            std::thread::sleep(std::time::Duration::from_millis(2));
            if let Err(cancelled) = ctx.check() {
                stops.fetch_add(1, Ordering::SeqCst);
                return Err(cancelled.into());
            }
        }
    };
    let port = serve_teaching(Token::default(), Arc::new(lesson), open_echo);
    (port, folder, begun, stopped)
}

#[test]
fn a_lost_connection_ends_a_lesson_on_both_machines_and_keeps_what_there_was() {
    let (port, folder_there, begun, stopped) = endless();
    let way = Way::to(port);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("nodule.safetensors");
    std::fs::write(&out, "what was taught before").unwrap();
    let asked = request(out.clone(), vec![case(3, None)]);
    let processor = there(way.port);
    let lesson = super::in_own_thread(move || refusal(teach(&processor, &asked, &ctx())));
    reaches(&begun, 1);
    way.close();
    let said = lesson.join().unwrap();
    assert!(said.contains("was lost"), "{said}");
    reaches(&stopped, 1);
    is_gone(&folder_there.lock().unwrap());
    assert_eq!(std::fs::read(&out).unwrap(), b"what was taught before");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn clicks_of_others_go_before_a_lesson_which_its_owner_can_stop() {
    let (port, _, begun, stopped) = endless();
    let folder = tempfile::tempdir().unwrap();
    let asked_of_lesson = request(folder.path().join("a.safetensors"), vec![case(3, None)]);
    let token = CancelToken::default();
    let (processor, of_lesson) = (there(port), JobContext::new(token.clone(), |_, _| {}));
    let lesson =
        super::in_own_thread(move || refusal(teach(&processor, &asked_of_lesson, &of_lesson)));
    reaches(&begun, 1);
    let other =
        prosector::remote::RemoteSegmenter::connect(&loopback(port), None, Token::default());
    let scan = image(6);
    let answer = other.unwrap().segment_asked(&scan, KEY, &asked(8), &ctx());
    let own = local().segment_asked(&scan, KEY, &asked(8), &ctx());
    assert!(answer.unwrap().mask == own.unwrap().mask);
    assert_eq!(stopped.load(Ordering::SeqCst), 0, "the lesson goes on");
    token.cancel();
    lesson.join().unwrap();
    reaches(&stopped, 1);
}

#[test]
fn lessons_that_cannot_be_given_are_refused() {
    let port = super::server::serve(Token::default(), open_echo);
    let asks = |lesson: &str| {
        let mut stream = greeted(port);
        let ask = format!("{{\"teach\":{{\"job\":1,\"lesson\":{lesson}}}}}");
        std::io::Write::write_all(&mut stream, &frame(&ask, &[])).unwrap();
        loop {
            let told = header(&mut stream);
            if told.contains("failed") {
                return told;
            }
        }
    };
    let base = installed_models().remove(0);
    let lesson = |cases: usize, name: &str, sha256: &str| {
        format!(
            "{{\"cases\":{cases},\"base\":\"{}\",\"base_sha256\":\"{sha256}\",\"name\":\"{name}\",\"structure\":null,\"distillation\":null,\"method\":null,\"steps\":null,\"folds\":null,\"unproven\":false,\"date\":\"\"}}",
            base.id
        )
    };
    let sound = asks(&lesson(0, "a.safetensors", &base.sha256));
    assert!(sound.contains("nothing is taught in this test"), "{sound}");
    let other = asks(&lesson(0, "a.safetensors", "0000"));
    assert!(other.contains("has other weights there"), "{other}");
    let lost = asks(&lesson(1, "a.safetensors", &base.sha256));
    assert!(lost.contains("teach from fewer"), "{lost}");
    for name in ["../a", "/etc/a", "a/b", "", ".."] {
        let told = asks(&lesson(0, name, &base.sha256));
        assert!(!told.contains("nothing is taught"), "{name}: {told}");
    }
    let folder = tempfile::tempdir().unwrap();
    let asked = request(
        folder.path().join("no folder/a.safetensors"),
        vec![case(3, None)],
    );
    let unreachable = refusal(teach(&there(port), &asked, &ctx()));
    assert!(unreachable.contains("no folder"), "{unreachable}");
    let asked = request(folder.path().join("a.safetensors"), Vec::new());
    let told = refusal(teach(&there(port), &asked, &ctx()));
    assert!(told.contains("nothing is taught in this test"), "{told}");
}

#[test]
#[cfg(unix)]
fn a_server_that_ends_in_a_lesson_leaves_nothing_or_the_next_one_removes_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let temporary = Process::temporary(at);
    let left = || {
        let entries = std::fs::read_dir(&temporary).unwrap().flatten();
        let names = entries.map(|e| e.file_name().to_string_lossy().into_owned());
        names.filter(|n| n.starts_with("prosector-lesson-")).count()
    };
    let in_a_lesson = |port: u16, out: PathBuf| {
        let begun = Arc::<AtomicUsize>::default();
        let steps = Arc::clone(&begun);
        let asked = TeachRequest {
            structure: None,
            steps: Some(10_000),
            folds: Some(0),
            watcher: Watcher::new(move |seen| {
                if matches!(seen, Seen::Step { .. }) {
                    steps.fetch_add(1, Ordering::SeqCst);
                }
            }),
            ..request(out, vec![phantom_case()])
        };
        let processor = there(port);
        let lesson = super::in_own_thread(move || refusal(teach(&processor, &asked, &ctx())));
        reaches(&begun, 1);
        assert_eq!(left(), 1);
        lesson
    };
    let mut server = Process::start(at, 0, "");
    let lesson = in_a_lesson(server.port, at.join("a.safetensors"));
    server.kill();
    let told = lesson.join().unwrap();
    assert!(told.contains("was lost"), "{told}");
    assert_eq!(left(), 1, "nothing could be done");

    let mut server = Process::start(at, 0, "");
    assert_eq!(left(), 0);
    let lesson = in_a_lesson(server.port, at.join("a.safetensors"));
    let other = Process::start(at, 0, "");
    assert_eq!(left(), 1, "that of a server that runs is its own");
    drop(other);
    assert_eq!(server.interrupt(), Some(130));
    assert_eq!(left(), 0);
    lesson.join().unwrap();
    assert!(!at.join("a.safetensors").exists());
}

#[cfg(unix)]
fn phantom_case() -> TeachCase {
    let made = phantom();
    TeachCase {
        values: vec![made.lesion],
        truth: made.labels,
        image: Arc::new(made.image),
        patient: None,
        is_labelled: true,
    }
}

#[test]
fn the_command_teaches_there_what_it_teaches_here() {
    let folder = cases(&[0, 12]);
    let at = folder.path();
    let server = Process::start(at, 0, "");
    let device = format!("remote:127.0.0.1:{}", server.port);
    let taught = |out: &str, device: &str, more: &[&str]| {
        let fixed = [
            "teach",
            "--cases",
            "cases.toml",
            "--steps",
            "1",
            "--unproven",
            "--json",
            "-o",
            out,
            "--device",
            device,
        ];
        program(at, &[&fixed[..], more].concat())
    };
    let here = taught("here/nodule.safetensors", "cpu", &[]);
    assert_refused(&here, "here");
    for place in ["here", "there"] {
        std::fs::create_dir(at.join(place)).unwrap();
    }
    let [here, there] = [("here", "cpu"), ("there", device.as_str())].map(|(place, device)| {
        let report = format!("{place}/report.html");
        let out = format!("{place}/nodule.safetensors");
        let output = taught(&out, device, &["--report", &report]);
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).contains("fold 2 of 2"), "{}", said(&output));
        let mut told: Value = serde_json::from_slice(&output.stdout).unwrap();
        for own in ["seconds", "peak_memory_mb", "report"] {
            told[own].take();
        }
        let bytes = std::fs::read(at.join(&out)).unwrap();
        assert!(at.join(report).exists());
        (told, bytes)
    });
    assert_eq!(here.0, there.0);
    assert!(here.1 == there.1, "the same adapter");
    let resumed = taught("there/nodule.safetensors", &device, &["--resume"]);
    assert_eq!(resumed.status.code(), Some(2), "{}", said(&resumed));
    assert!(said(&resumed).contains("start without --resume"));
}
