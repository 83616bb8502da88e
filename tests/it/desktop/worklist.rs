//! A worklist in the real window: cases opened one after another, saved under the reader's name, readers apart.

use std::path::Path;

use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use prosector::geometry::Affine;
use prosector::io::{save_image, save_labels};
use prosector::project::{Method, Project, State};
use prosector::session::settings::Settings;
use prosector::volume::{Grid, ImageVolume, LabelMap, LabelTable, Modality, Rescale, VoxelData};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{program, said, shared};

use super::bench::Bench;

const CASES: [&str; 3] = ["a", "b", "c"];

fn scan(shift: usize) -> ImageVolume {
    scan_from(0, shift)
}

fn scan_from(lowest: i16, shift: usize) -> ImageVolume {
    let grid = Grid::new([40, 44, 30], Affine::from_spacing([1.0; 3], [0.0; 3]));
    let value = |n: usize| ((n + shift) % 997) as i16 + lowest;
    let voxels = VoxelData::I16((0..grid.len()).map(value).collect());
    ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Ct)
}

fn worklist(folder: &Path, line: &str) -> Value {
    let words: Vec<&str> = line.split(' ').collect();
    let done = program(
        folder,
        &[&["worklist"], words.as_slice(), &["--json"]].concat(),
    );
    assert!(done.status.success(), "{line}: {}", said(&done));
    serde_json::from_slice(&done.stdout).expect("one JSON object")
}

/// A project of three cases for two readers who do not see each other, and a window's data folder in which the reader is
/// known.
fn project(reader: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let at = folder.path();
    for (n, case) in CASES.iter().enumerate() {
        save_image(&at.join(format!("{case}.nii.gz")), &scan(n)).expect("it can be written");
    }
    worklist(
        at,
        "new study.toml --label tumour --label node? --readers-per-case 2 --blinded",
    );
    worklist(at, "add study.toml .");
    known_as(at, reader);
    folder
}

/// Who sits at the window that is opened next.
fn known_as(folder: &Path, reader: &str) {
    let settings = Settings {
        notice_accepted: true,
        reader: Some(reader.to_owned()),
        ..Settings::default()
    };
    let data = folder.join("data");
    std::fs::create_dir_all(&data).expect("it can be written");
    settings
        .save(&data.join("settings.toml"))
        .expect("it can be written");
}

fn open(folder: &TempDir) -> Bench {
    let at = folder.path();
    Bench::open_on(&at.join("data"), vec![at.join("study.toml")])
}

fn state(folder: &TempDir, case: &str, reader: &str) -> (State, bool) {
    let project = Project::open(&folder.path().join("study.toml")).expect("it is a project");
    let readings = project.readings(case).expect("they can be read");
    let own = readings.iter().find(|r| r.reader == reader);
    own.map_or((State::NotStarted, false), |r| {
        (r.file.state, r.file.labels.is_some())
    })
}

fn paint(bench: &mut Bench) {
    bench.press("Brush");
    bench.left_click(bench.point("Axial", 0.5, 0.5));
    assert!(bench.session().is_dirty(), "{:?}", bench.messages());
}

fn labelled(bench: &Bench) -> usize {
    bench.case().labels().counts().iter().map(|(_, n)| n).sum()
}

fn title(bench: &Bench) -> String {
    bench.case().title()
}

#[test]
fn a_reader_goes_through_a_worklist() {
    let folder = project("ann");
    let mut bench = open(&folder);
    assert!(bench.shows("0 of 3 finished"), "{:?}", bench.texts());
    assert!(bench.session().case().is_none(), "nothing opens by itself");
    bench.press("Next case");
    assert!(title(&bench).starts_with('a'), "{}", title(&bench));
    let names: Vec<&str> = bench
        .case()
        .table()
        .labels()
        .iter()
        .map(|l| l.name.as_str())
        .collect();
    assert_eq!(names, ["tumour", "node"]);
    assert!(
        !bench.session().is_dirty(),
        "the names are the project's, not work"
    );
    assert_eq!(state(&folder, "a", "ann"), (State::InProgress, false));

    // A label that must have voxels has none.
    bench.press("Case done, next");
    assert!(title(&bench).starts_with('a'));
    let told = bench.messages().join("\n");
    assert!(told.contains("tumour has no voxel"), "{told}");

    paint(&mut bench);
    bench.harness.get_by_label("Note of this case").focus();
    bench.settle();
    bench.type_text("rim unclear");
    bench.picture("worklist");
    bench.press("Case done, next");
    assert!(title(&bench).starts_with('b'), "{:?}", bench.messages());
    assert!(bench.shows("1 of 3 finished"));
    assert_eq!(state(&folder, "a", "ann"), (State::Done, true));
    let status = worklist(folder.path(), "status study.toml");
    assert!(status.to_string().contains("rim unclear"), "{status}");
    let project = Project::open(&folder.path().join("study.toml")).expect("it is a project");
    let readings = project.readings("a").expect("they can be read");
    let saved = readings[0].file.events.last().expect("it was saved");
    assert_eq!((saved.edits, saved.model.as_str()), (1, ""), "a stroke");

    // Save keeps the case with its state, and stays.
    paint(&mut bench);
    let drawn = labelled(&bench);
    bench.key(Modifiers::COMMAND, Key::S);
    assert!(!bench.session().is_dirty() && title(&bench).starts_with('b'));
    assert_eq!(state(&folder, "b", "ann"), (State::InProgress, true));

    bench.press("Case c, not started");
    assert!(title(&bench).starts_with('c'));
    assert_eq!(labelled(&bench), 0);
    bench.press("Flag case, next");
    assert_eq!(state(&folder, "c", "ann").0, State::Flagged);
    assert!(title(&bench).starts_with('b'), "what was begun is left");
    assert_eq!(labelled(&bench), drawn, "with what was drawn");
    bench.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::D);
    let told = bench.messages().join("\n");
    assert!(told.contains("Nothing is left for ann: 3 cases"), "{told}");
}

#[test]
fn another_reader_does_not_see_what_the_first_one_drew() {
    let folder = project("ann");
    let mut bench = open(&folder);
    bench.press("Next case");
    paint(&mut bench);
    // Another case while work is unsaved: it is asked, and saved with its case.
    bench.press("Case b, not started");
    bench.press("Save first");
    assert!(title(&bench).starts_with('b'), "{:?}", bench.messages());
    assert_eq!(state(&folder, "a", "ann"), (State::InProgress, true));

    bench.harness.get_by_label("Reader's name").focus();
    bench.settle();
    bench.key(Modifiers::COMMAND, Key::A);
    bench.type_text("ben");
    bench.key(Modifiers::NONE, Key::Enter);
    assert!(bench.session().case().is_none(), "ann's case is closed");
    assert!(bench.shows("Case a, not started"), "{:?}", bench.texts());
    bench.press("Case a, not started");
    assert_eq!(labelled(&bench), 0);
    // All places of a case are taken.
    drop(bench);
    known_as(folder.path(), "cleo");
    let bench = open(&folder);
    assert!(
        bench.shows("Case a, taken by others"),
        "{:?}",
        bench.texts()
    );
}

#[test]
fn recovered_work_goes_back_to_its_case() {
    let folder = project("ann");
    let mut bench = open(&folder);
    bench.press("Next case");
    paint(&mut bench);
    let drawn = labelled(&bench);
    // As after a crash: nothing is put away.
    drop(bench);
    let mut bench = open(&folder);
    bench.press("Recover");
    assert_eq!(labelled(&bench), drawn);
    bench.key(Modifiers::COMMAND, Key::S);
    assert!(!bench.session().is_dirty(), "{:?}", bench.messages());
    assert_eq!(state(&folder, "a", "ann"), (State::InProgress, true));
}

/// As [`project`], of two cases whose scans have no labels yet, for the toy's structures.
fn project_of_organs() -> TempDir {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let at = folder.path();
    for (n, case) in CASES.iter().enumerate().take(2) {
        // With the air that tells CT.
        let image = scan_from(-600, n);
        save_image(&at.join(format!("{case}.nii.gz")), &image).expect("it can be written");
    }
    worklist(at, "new study.toml --label spinal_cord --label tumour?");
    worklist(at, "add study.toml .");
    known_as(at, "ann");
    folder
}

#[test]
fn organs_of_the_next_case_are_found_while_this_one_is_open() {
    let folder = project_of_organs();
    let mut bench = open(&folder);
    bench.press("Next case");
    assert!(title(&bench).starts_with('a'));
    assert!(bench.case().proposal().is_none(), "nobody asked");
    bench.press("Case b, not started");
    assert!(title(&bench).starts_with('b'), "{:?}", bench.messages());
    let proposal = bench.case().proposal().expect("found ahead");
    assert!(proposal.mask().is_none(), "of structures");
    assert_eq!(labelled(&bench), 0, "proposed, not drawn");
    bench.picture("found_ahead");
    bench.key(Modifiers::NONE, Key::Enter);
    let cord = bench.case().table().by_name("spinal_cord").expect("named");
    assert!(bench.case().voxel_count(cord.value) > 100);
}

#[test]
fn the_model_leaves_cases_alone_that_want_nothing_it_knows() {
    let folder = project("ann");
    let mut bench = open(&folder);
    bench.press("Next case");
    bench.press("Case b, not started");
    assert!(bench.case().proposal().is_none());
}

/// As [`project_of_organs`], of four cases: the model is surer of a than of b, whose labels lie elsewhere than where it finds
/// them; c is no scan of its kind, and d is no scan.
fn project_to_rank() -> TempDir {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let at = folder.path();
    for (case, lowest) in [("a", -600), ("b", -1000), ("c", 0), ("d", -600)] {
        let image = scan_from(lowest, 0);
        save_image(&at.join(format!("{case}.nii.gz")), &image).expect("it can be written");
    }
    let mut table = LabelTable::default();
    table.add(1, "spinal_cord");
    let mut map = LabelMap::empty(*scan(0).grid());
    map.voxels[..500].fill(1);
    save_labels(&at.join("b_seg.nii.gz"), &map, &table).expect("it can be written");
    worklist(at, "new study.toml --label spinal_cord --label tumour?");
    worklist(at, "add study.toml .");
    std::fs::write(at.join("d.nii.gz"), "no scan").expect("it can be written");
    known_as(at, "ann");
    folder
}

/// The cases of the list from top to bottom.
fn listed(bench: &Bench) -> Vec<char> {
    let rows = bench.harness.query_all_by_label_contains("Case ");
    let mut rows: Vec<(f32, char)> = rows
        .filter_map(|row| {
            let label = row.accesskit_node().label()?;
            // A button is called so too: "Case done, next".
            let (id, _) = label.strip_prefix("Case ")?.split_once(", ")?;
            let id = id.parse::<char>().ok()?;
            Some((row.rect().top(), id))
        })
        .collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    rows.into_iter().map(|(_, id)| id).collect()
}

#[test]
fn the_list_is_ordered_by_what_the_model_doubts_and_where_labels_differ() {
    let folder = project_to_rank();
    let mut bench = open(&folder);
    let ranks = folder.path().join("study.worklist/ranks");
    assert_eq!(listed(&bench), ['a', 'b', 'c', 'd']);
    assert!(
        !ranks.exists(),
        "nothing is found out that nobody asked for"
    );
    bench.press("Order of cases");
    bench.press("By uncertainty");
    assert_eq!(listed(&bench), ['b', 'a', 'c', 'd'], "{:?}", bench.texts());
    let says = |bench: &Bench, text: &str| assert!(bench.shows(text), "{:?}", bench.texts());
    says(
        &bench,
        "Case b, not started, uncertainty 0.60: the model expects Dice 0.40",
    );
    says(&bench, "Case a, not started, uncertainty 0.13");
    says(
        &bench,
        "Case c, not started, no uncertainty: the model finds none",
    );
    says(
        &bench,
        "Case d, not started, no uncertainty: it could not be ranked",
    );
    bench.picture("ranked");
    assert!(ranks.join("b.toml").exists() && !ranks.join("d.toml").exists());
    // The next case is the one that stands first, and what comes after it is read ahead.
    bench.press("Next case");
    assert!(title(&bench).starts_with('b'), "{:?}", bench.messages());
    bench.press("Case done, next");
    assert!(title(&bench).starts_with('a'), "{:?}", bench.messages());
    bench.press("Order of cases");
    bench.press("By disagreement");
    assert_eq!(listed(&bench)[0], 'b');
    says(
        &bench,
        "Case b, done, disagreement 1.00 of the model and the reader",
    );
    says(
        &bench,
        "Case a, in progress, no disagreement: there are neither",
    );
    bench.press("Order of cases");
    bench.press("By name");
    assert_eq!(listed(&bench), ['a', 'b', 'c', 'd']);
    bench.close();

    // What the window found out is the project's.
    let project = Project::open(&folder.path().join("study.toml")).expect("it is a project");
    let of_b = project.rank("b").uncertainty;
    let value = of_b.value.expect("a number");
    assert!(
        (value - 0.6).abs() < 1e-6 && of_b.model == "toy",
        "{of_b:?}"
    );
}

/// Greys of the small picture in a line of the list; none where no adapter draws.
fn greys(bench: &mut Bench, line: &str) -> Option<usize> {
    let row = bench.rect(line);
    let picture = bench.harness.render().ok()?;
    let (left, top) = (row.left() as u32 + 22, row.center().y as u32 - 14);
    let pixels = (0..30).flat_map(|x| (0..28).map(move |y| (left + x, top + y)));
    let seen: std::collections::BTreeSet<[u8; 3]> = pixels
        .map(|(x, y)| picture.get_pixel(x, y).0)
        .map(|[r, g, b, _]| [r, g, b])
        .collect();
    Some(seen.iter().filter(|[r, g, b]| r == g && g == b).count())
}

#[test]
fn cases_have_small_pictures_and_are_found_by_note_and_order() {
    let folder = project("ann");
    let at = folder.path();
    worklist(
        at,
        "save study.toml b --reader ann --state flagged --note motion --seconds 90",
    );
    let mut bench = open(&folder);
    bench.picture("thumbnails");
    if let Some(greys) = greys(&mut bench, "Case c, not started") {
        assert!(greys > 10, "{greys}");
    }
    let below = |bench: &Bench, a: &str, b: &str| bench.rect(a).top() < bench.rect(b).top();
    assert!(below(&bench, "Case a, not started", "Case b, flagged"));
    bench.press("Order of cases");
    bench.press("By time spent");
    assert!(below(&bench, "Case b, flagged", "Case a, not started"));
    bench.press_field("Find a case");
    bench.type_text("MOTION");
    assert!(bench.shows("Case b, flagged") && !bench.shows("Case a,"));
}

#[test]
fn a_third_reader_decides_where_two_differ() {
    let folder = project("ann");
    let at = folder.path();
    for (reader, offsets) in [("ann", 20_000..20_030), ("bob", 20_010..20_020)] {
        let mut map = LabelMap::empty(*scan(0).grid());
        map.voxels[offsets].fill(1);
        let mut table = LabelTable::default();
        table.add(1, "tumour");
        let file = at.join("data").join(format!("{reader}.seg.nrrd"));
        save_labels(&file, &map, &table).expect("it can be written");
        if reader == "bob" {
            // Blinded: bob sees nothing of ann's before his own is done.
            known_as(at, reader);
            let mut bench = open(&folder);
            bench.press("Case a, not started");
            bench.press("Compare readers");
            let told = bench.messages().join("\n");
            assert!(told.contains("blinded"), "{told}");
            assert!(bench.case().comparison().is_none());
            bench.close();
        }
        let file = format!("data/{reader}.seg.nrrd");
        let save = format!("save study.toml a --reader {reader} --labels {file}");
        worklist(at, &save);
    }
    known_as(at, "dan");
    let mut bench = open(&folder);
    bench.press("Case a, to adjudicate");
    let comparison = bench.case().comparison().expect("shown at once");
    assert_eq!(comparison.readings().len(), 2);
    let dice = comparison.measured()[0].agreement.dice;
    assert!((dice - 0.5).abs() < 1e-12, "{dice}");
    assert_eq!(labelled(&bench), 10, "what both have");
    bench.key(Modifiers::SHIFT, Key::N);
    assert!(bench.shows("Disagreement 1 of 2"), "{:?}", bench.texts());
    bench.picture("adjudication");
    bench.press("Take ann here");
    assert_eq!(labelled(&bench), 20);
    bench.press("Case done, next");
    let project = Project::open(&at.join("study.toml")).expect("it is a project");
    let decided = project.adjudication("a").expect("it can be read");
    let decided = decided.expect("it is kept");
    assert_eq!(
        (decided.reader.as_str(), decided.file.state),
        ("dan", State::Done)
    );
    assert_eq!(project.readings("a").expect("they can be read").len(), 2);
    assert!(bench.shows("Case a, adjudicated"), "{:?}", bench.texts());
}

/// Thirty cases of shared data, whose labels are known, by two readers, to the audit table and the consensus. The window
/// is gone in the middle, as after a crash.
#[test]
fn two_readers_carry_thirty_cases_to_the_end() {
    let Some(data) = shared("data/train/hippocampus") else {
        return;
    };
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let at = folder.path();
    let mut list = String::from("id,image,labels\n");
    let mut ids: Vec<String> = std::fs::read_dir(data.join("images"))
        .expect("it is there")
        .flatten()
        .filter_map(|e| Some(e.file_name().to_str()?.strip_suffix(".nii.gz")?.to_owned()))
        .filter(|id| !id.starts_with('.'))
        .collect();
    ids.sort();
    ids.truncate(30);
    for id in &ids {
        let (image, labels) = (data.join("images"), data.join("labels"));
        let line = format!(
            "{id},{},{}\n",
            image.join(format!("{id}.nii.gz")).display(),
            labels.join(format!("{id}.nii.gz")).display()
        );
        list.push_str(&line);
    }
    std::fs::write(at.join("cases.csv"), list).expect("it can be written");
    worklist(
        at,
        "new study.toml --label label_1 --label label_2 --readers-per-case 2",
    );
    assert_eq!(worklist(at, "add study.toml cases.csv")["added"], 30);
    for reader in ["ann", "ben"] {
        known_as(at, reader);
        let mut bench = open(&folder);
        bench.press("Next case");
        for n in 0..30 {
            if reader == "ben" {
                paint(&mut bench);
            }
            if n == 12 {
                drop(bench);
                bench = open(&folder);
                if reader == "ben" {
                    bench.press("Recover");
                } else {
                    bench.press("Next case");
                }
            }
            bench.press("Case done, next");
            let finished = format!("{} of 30 finished", n + 1);
            assert!(bench.shows(&finished), "{finished}: {:?}", bench.messages());
        }
        assert!(bench.messages().join("\n").contains("Nothing is left"));
    }
    let status = worklist(at, "status study.toml");
    let done = status.to_string().matches("\"done\"").count();
    assert!(done >= 30, "{status}");
    let compared = worklist(at, "compare study.toml").to_string();
    assert!(compared.contains("label_1"), "{compared}");
    worklist(at, "consensus study.toml --method majority");
    let project = Project::open(&at.join("study.toml")).expect("it is a project");
    for id in &ids {
        let readings = project.readings(id).expect("they can be read");
        assert_eq!(readings.len(), 2);
        assert!(readings.iter().all(|r| r.file.state == State::Done));
        assert!(
            project.consensus_path(id, Method::Majority).exists(),
            "{id}"
        );
    }
}

#[test]
fn the_finished_cases_of_the_reader_are_given_for_teaching_at_once() {
    let folder = project("ann");
    let mut bench = open(&folder);
    bench.choose("Edit", "Teach from cases");
    let button = "Use my finished cases of the worklist";
    let is_disabled = |bench: &Bench| {
        let node = bench.harness.get_by_label(button);
        node.accesskit_node().is_disabled()
    };
    assert!(is_disabled(&bench), "none is finished yet");
    drop(bench);
    let at = folder.path();
    let mut labels = LabelMap::empty(*scan(0).grid());
    labels.voxels[1234] = 1;
    let mut table = LabelTable::default();
    table.add(1, "tumour");
    save_labels(&at.join("own.nii.gz"), &labels, &table).expect("it can be written");
    worklist(at, "save study.toml a --reader ann --labels own.nii.gz");
    worklist(at, "save study.toml b --reader ann --labels own.nii.gz");
    worklist(at, "save study.toml c --reader bob --labels own.nii.gz");

    let mut bench = open(&folder);
    bench.choose("Edit", "Teach from cases");
    for _ in 0..2 {
        bench.press(button);
        assert!(
            bench.shows("2 finished cases of the worklist are used"),
            "{:?} {:?}",
            bench.messages(),
            bench.texts()
        );
        let given = bench.harness.query_all_by_label("Leave out").count();
        assert_eq!(given, 2, "given again they are not there twice");
    }
}
