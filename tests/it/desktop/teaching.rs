//! Teaching in the window: nothing is learnt from that was not given, it begins only when it has a name, what it does is seen
//! as it comes, and what came of it is shown and written where that is asked for.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use eframe::egui::accesskit::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use prosector::models::{
    Compared, ModelCard, Taught, TaughtBy, Verdict, chosen_model, installed_models,
};
use prosector::train::teach::{
    CaseScores, Distillation, Gain, Pictured, Score, Seen, Shape, TeachCase, TeachReport,
    TeachRequest, TeachesBy,
};
use prosector::util::JobContext;
use prosector::volume::Mask;

use super::bench::Bench;
use super::phantom;
use crate::nnunet_folder::Place;
use crate::support::{program, said};
use crate::teaching::write_adapter;

fn is_enabled(bench: &Bench, button: &str) -> bool {
    let node = bench.harness.get_by_label(button);
    !node.accesskit_node().is_disabled()
}

#[test]
fn cases_are_given_one_by_one_and_left_out_again() {
    let (mut bench, _folder) = phantom();
    bench.choose("Edit", "Teach from cases");
    assert!(bench.shows("No case is used yet"));
    bench.press("Segment organs");
    bench.press("Accept all");
    bench.press("Use this case for teaching");
    assert!(!bench.shows("No case is used yet"));
    assert!(bench.shows("spinal_cord, larynx"), "{:?}", bench.texts());
    assert!(!is_enabled(&bench, "Teach"), "it has no name yet");
    bench.press_field("Call it");
    bench.type_text("larynx-here");
    assert!(is_enabled(&bench, "Teach"));
    bench.picture("teaching");

    // Given again it is learnt from as it is now, and not twice: it would be known while it is left out.
    bench.press("Use this case for teaching");
    let given = bench.harness.query_all_by_label("Leave out").count();
    assert_eq!(given, 1);
    bench.press("Leave out");
    assert!(bench.shows("No case is used yet"));
    assert!(!is_enabled(&bench, "Teach"));
}

#[test]
fn a_model_that_finds_the_structure_teaches_scans_without_labels_too() {
    let folder = tempfile::tempdir().unwrap();
    let asked = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&asked);
    let teach: TeachesBy = Arc::new(move |request: &TeachRequest, _: &JobContext| {
        let labelled: Vec<bool> = request.cases.iter().map(|c| c.is_labelled).collect();
        *kept.lock().unwrap() = Some((request.distillation.clone(), labelled));
        Ok(TeachReport {
            gain: None,
            measured: Vec::new(),
            held_out: Vec::new(),
            card: taught_alone(),
            ..report(&request.cases, Verdict::NotProven)
        })
    });
    let mut bench = Bench::open_with_teacher(folder.path(), Vec::new(), teach);
    give_the_phantom(&mut bench);
    assert!(!bench.shows("Teacher"), "answers to prompts have none");
    choose_in_list(&mut bench, "What to learn", "to find larynx");
    assert!(!bench.shows("Its share") && !bench.shows("Use this scan without labels"));
    choose_in_list(&mut bench, "Teacher", "prosector1");
    assert!(bench.shows("Its share"), "{:?}", bench.texts());
    bench.press("Use this scan without labels");
    assert!(bench.shows("no labels: the teacher answers"));
    bench.picture("teaching_teacher");
    bench.press("Teach");
    let expected = Distillation {
        teacher: "prosector1".to_owned(),
        structure: None,
        lambda: 0.5,
    };
    assert_eq!(
        *asked.lock().unwrap(),
        Some((Some(expected), vec![false])),
        "the scan is learnt from as it was given last"
    );
    assert!(
        bench.shows("a teacher's answers are no proof"),
        "{:?}",
        bench.texts()
    );
}

/// The card of what a teacher alone taught.
fn taught_alone() -> ModelCard {
    let base = installed_models().remove(0);
    ModelCard {
        taught: Some(Taught {
            base: base.id.clone(),
            base_sha256: base.sha256.clone(),
            method: "norm".to_owned(),
            cases: 1,
            date: "2026-11-29".to_owned(),
            verdict: Verdict::NotProven,
            structure: None,
            teacher: Some(TaughtBy {
                id: base.id.clone(),
                sha256: base.sha256.clone(),
                structure: "larynx".to_owned(),
                lambda: 0.5,
                labelled: 0,
            }),
            measured: Vec::new(),
        }),
        ..base
    }
}

/// Opens the list of this name and chooses an entry.
fn choose_in_list(bench: &mut Bench, list: &str, entry: &str) {
    let is_list = |node: &egui_kittest::Node<'_>| node.accesskit_node().role() == Role::ComboBox;
    let found = bench.harness.query_all_by_label(list).find(is_list);
    found.expect(list).click();
    bench.settle();
    bench.press(entry);
}

/// What a toy that teaches does next.
enum Next {
    See(Seen),
    End(Verdict),
}

/// Teaches nothing, but tells what it is told to.
fn toy_teacher() -> (TeachesBy, Sender<Next>) {
    let (sender, told) = channel();
    let told: Mutex<Receiver<Next>> = Mutex::new(told);
    let teach: TeachesBy = Arc::new(move |request: &TeachRequest, _: &JobContext| {
        loop {
            let next = told.lock().unwrap().recv();
            match next.expect("the test goes on") {
                Next::See(seen) => request.watcher.tell(seen),
                Next::End(verdict) => return Ok(report(&request.cases, verdict)),
            }
        }
    });
    (teach, sender)
}

fn score(dice: f64) -> Vec<Score> {
    vec![Score {
        given: "no prompt".to_owned(),
        dice,
        nsd: dice,
        assd_mm: Some(1.5),
    }]
}

/// What was drawn is found after, and nothing was found before.
fn scores(case: usize, given: &TeachCase) -> CaseScores {
    let drawn = Mask {
        grid: *given.image.grid(),
        voxels: (given.truth.voxels.iter())
            .map(|v| u8::from(given.values.contains(v)))
            .collect(),
    };
    CaseScores {
        case,
        before: score(0.25),
        after: score(0.875),
        pictured: Pictured {
            truth: Shape::of(&drawn),
            before: Shape::default(),
            after: Shape::of(&drawn),
        },
        again: None,
    }
}

fn report(cases: &[TeachCase], verdict: Verdict) -> TeachReport {
    let held_out = cases.iter().enumerate();
    TeachReport {
        verdict,
        measured: vec![Compared {
            given: "no prompt".to_owned(),
            dice_before: 0.25,
            dice_after: 0.875,
            dice_noise: Some(0.125),
            nsd_before: 0.25,
            nsd_after: 0.875,
            dice_teacher: None,
        }],
        held_out: held_out.map(|(n, case)| scores(n, case)).collect(),
        gain: Some(Gain {
            dice: 0.625,
            noise: Some(0.125),
        }),
        card: installed_models().remove(0),
        method: "norm".to_owned(),
        parameters: 1234,
        bytes: (verdict == Verdict::Better).then_some(1_500_000),
        seconds: 90.0,
    }
}

/// Gives the phantom's organs for teaching, and the lesson a name.
pub fn give_the_phantom(bench: &mut Bench) {
    bench.choose("File", "Open sample");
    bench.press("Segment organs");
    bench.press("Accept all");
    bench.choose("Edit", "Teach from cases");
    bench.press("Use this case for teaching");
    bench.press_field("Call it");
    bench.type_text("larynx-here");
}

/// A window whose lesson on the phantom has begun.
fn begun(folder: &Path) -> (Bench, Sender<Next>) {
    let (teacher, sender) = toy_teacher();
    let mut bench = Bench::open_with_teacher(folder, Vec::new(), teacher);
    give_the_phantom(&mut bench);
    bench.harness.get_by_label("Teach").click();
    (bench, sender)
}

/// Lets frames come until the window has this text.
pub fn wait_for(bench: &mut Bench, text: &str) {
    let since = Instant::now();
    while !bench.shows(text) {
        assert!(
            since.elapsed() < Duration::from_secs(30),
            "{text} is not shown: {:?}",
            bench.texts()
        );
        std::thread::sleep(Duration::from_millis(5));
        bench.harness.step();
    }
}

#[test]
fn the_curve_and_the_folds_are_seen_as_they_come() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bench, sender) = begun(folder.path());
    let see = |seen| sender.send(Next::See(seen)).unwrap();
    see(Seen::Begun {
        folds: 2,
        steps: 40,
    });
    for step in 1..=25 {
        let (run, loss) = (0, 1.0 / step as f64);
        see(Seen::Step { run, step, loss });
        if step == 1 {
            wait_for(&mut bench, "Fold 1 of 2, step 1 of 40: loss 1.000");
        }
    }
    let cases = vec![CaseScores {
        case: 0,
        before: score(0.25),
        after: score(0.875),
        pictured: Pictured::default(),
        again: None,
    }];
    see(Seen::Fold { fold: 0, cases });
    wait_for(
        &mut bench,
        "Fold 1 of 2: Dice 0.250 before, 0.875 after; cases left out: 1",
    );
    assert!(
        bench.shows("Fold 1 of 2, step 25 of 40"),
        "{:?}",
        bench.texts()
    );
    bench.picture("teaching_curve");
    // Nothing new, no frame: many who teach have no graphics card.
    let since = Instant::now();
    while bench.harness.ctx.has_requested_repaint() {
        assert!(
            since.elapsed() < Duration::from_secs(30),
            "it is drawn again and again: {:?}",
            bench.harness.ctx.repaint_causes()
        );
        std::thread::sleep(Duration::from_millis(200));
        bench.harness.step();
    }
    see(Seen::Step {
        run: 2,
        step: 1,
        loss: 0.5,
    });
    wait_for(&mut bench, "From all cases, step 1 of 40: loss 0.500");
    sender.send(Next::End(Verdict::NotProven)).unwrap();
    bench.settle();
    assert!(bench.shows("Nothing was kept"), "{:?}", bench.texts());
}

#[test]
fn before_and_after_are_shown_and_a_report_is_written_only_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bench, sender) = begun(folder.path());
    sender.send(Next::End(Verdict::Better)).unwrap();
    bench.settle();
    assert!(bench.shows("better than before, beyond noise"));
    assert!(bench.shows("the only case: Sample"), "{:?}", bench.texts());
    assert!(bench.shows("Dice 0.250") && bench.shows("Dice 0.875"));
    bench.picture("teaching_outcome");
    let pages = |at: &Path| {
        let found = std::fs::read_dir(at).unwrap().flatten();
        let names = found.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.ends_with("html")).count()
    };
    assert_eq!(pages(folder.path()), 0);
    let path = folder.path().join("lesson.html");
    bench.will_choose(&path);
    bench.press("Save the report...");
    assert!(bench.shows("Saved and read back"), "{:?}", bench.texts());
    let page = std::fs::read_to_string(&path).unwrap();
    for told in [
        "This file holds slices of the scans",
        "not for clinical use",
        "Better than before, beyond noise",
        "changed by +0.625 (90&nbsp;% interval +0.500 to +0.750)",
        "<td>Sample</td>",
        "1.50 mm",
        "data:image/png;base64,",
    ] {
        assert!(page.contains(told), "the report does not tell '{told}'");
    }
    bench.press("Throw it away");
    assert!(bench.shows("thrown away"), "{:?}", bench.texts());
    assert!(!bench.shows("Use it from now on"));
}

/// The window of the test below: the models of its user are told to a program once.
#[test]
#[ignore = "run by the test of versions"]
fn the_window_with_versions() {
    if std::env::var_os("PROSECTOR_MODELS").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path());
    bench.choose("Edit", "Teach from cases");
    assert!(bench.shows("Versions") && bench.shows("as it came"));
    assert!(bench.shows("2026-11-29, 5 cases, better than before"));
    bench.picture("teaching_versions");
    bench.press("Use nodule");
    assert!(
        bench.shows("nodule is used from now on"),
        "{:?}",
        bench.texts()
    );
    assert_eq!(chosen_model().as_deref(), Some("nodule"));
    bench.press("Back to the model before");
    assert_eq!(chosen_model().as_deref(), Some("nodule-2"));
    bench.press("Use prosector1");
    assert_eq!(chosen_model().as_deref(), Some("prosector1"));
}

#[test]
#[ignore = "another test runs it in a process whose models are its own"]
fn the_window_with_another_model_to_teach() {
    if std::env::var_os("PROSECTOR_MODELS").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let asked = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&asked);
    let teach: TeachesBy = Arc::new(move |request: &TeachRequest, _: &JobContext| {
        *kept.lock().unwrap() = Some(request.base.clone());
        Ok(report(&request.cases, Verdict::Better))
    });
    let mut bench = Bench::open_with_teacher(folder.path(), Vec::new(), teach);
    give_the_phantom(&mut bench);
    assert!(
        !bench.shows("Model to teach"),
        "only that in the box answers prompts"
    );
    choose_in_list(&mut bench, "What to learn", "to find larynx");
    choose_in_list(&mut bench, "Model to teach", "abdomen");
    bench.picture("teaching_another_model");
    bench.press("Teach");
    assert_eq!(*asked.lock().unwrap(), Some(Some("abdomen".to_owned())));
}

#[test]
fn an_imported_nnunet_can_be_chosen_to_learn() {
    let Some(place) = Place::new() else { return };
    let model = "models/Dataset901_Ct/nnUNetTrainer__nnUNetPlans__3d_fullres";
    let imported = place.import(&place.golden.join(model), &["--as", "abdomen"]);
    assert!(imported.status.success(), "{}", said(&imported));
    in_a_window_of_its_own(
        "teaching::the_window_with_another_model_to_teach",
        place.path(),
    );
}

#[test]
fn versions_are_listed_and_each_is_used_by_one_click() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let sha256 = installed_models().remove(0).sha256;
    write_adapter(&folder.join("nodule.safetensors"), &sha256);
    for _ in 0..2 {
        let used = program(folder, &["models", "use", "nodule.safetensors"]);
        assert!(used.status.success(), "{}", said(&used));
    }
    in_a_window_of_its_own("teaching::the_window_with_versions", folder);
}

/// Runs a test of the window that is ignored otherwise, in a process whose models are those of a folder.
pub fn in_a_window_of_its_own(test: &str, folder: &Path) {
    let own = std::env::current_exe().unwrap();
    let shown = std::process::Command::new(own)
        .args(["--exact", &format!("desktop::{test}")])
        .args(["--ignored", "--nocapture"])
        .env("PROSECTOR_MODELS", folder.join("models"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.status.success(), "{told}{}", said(&shown));
    assert!(told.contains("1 passed"), "{told}");
}
