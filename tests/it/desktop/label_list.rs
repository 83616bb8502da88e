//! The list of labels with hundreds of them: sought, filtered, reached by key, named from files and templates.

use eframe::egui::accesskit::Role;
use eframe::egui::{Key, Modifiers, Rect};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use prosector::session::ToolId;
use prosector::volume::{LabelMap, LabelTable};

use super::bench::Bench;
use super::phantom;
use super::tools::row;

/// Names and colours for 200 labels.
fn two_hundred(folder: &std::path::Path) -> std::path::PathBuf {
    let path = folder.join("labels.txt");
    let lines = (1..=200).map(|n| {
        format!(
            "{n} {} 200 {} 1 1 1 \"structure {n}\"\n",
            n % 256,
            255 - n % 256
        )
    });
    std::fs::write(&path, lines.collect::<String>()).expect("the folder can be written to");
    path
}

fn rows(bench: &Bench) -> Vec<(String, Rect)> {
    let nodes = bench.harness.query_all_by_label_contains("Lock structure");
    nodes
        .map(|node| {
            (
                node.accesskit_node().label().unwrap_or_default(),
                node.rect(),
            )
        })
        .collect()
}

fn seek(bench: &mut Bench, text: &str) {
    bench.press("Find a label");
    bench.type_text(text);
}

fn active(bench: &Bench) -> Option<u16> {
    bench.case().active().map(|l| l.value)
}

#[test]
fn two_hundred_labels_are_read_sought_and_reached() {
    let (mut bench, folder) = phantom();
    bench.will_choose(two_hundred(folder.path()));
    bench.choose("File", "Read names and colours");
    assert_eq!(bench.case().table().labels().len(), 200);
    assert!(bench.shows("200 labels added"), "{:?}", bench.messages());
    assert_eq!(
        bench.case().history().undo_name(),
        Some("names and colours")
    );
    bench.picture("labels_200");
    // Back from none is the last, which comes into sight.
    bench.key(Modifiers::NONE, Key::Comma);
    assert_eq!(active(&bench), Some(200));
    bench.settle();
    let (section, buttons) = (bench.rect("Find a label"), bench.rect("New label"));
    let last = rows(&bench).pop().expect("a row").1;
    assert!(
        last.top() > section.bottom() && last.bottom() <= buttons.top(),
        "{last}"
    );
    bench.picture("labels_200_last");

    seek(&mut bench, "ture 15");
    let found: Vec<String> = rows(&bench).into_iter().map(|(text, _)| text).collect();
    assert_eq!(found.len(), 11, "15 and 150 to 159: {found:?}");
    let first = rows(&bench)[0].1;
    assert!(
        first.top() >= section.top(),
        "the list begins at its top: {first}"
    );
    bench.picture("labels_200_sought");
    bench.press("All found");
    assert!(bench.shows("11 of 200 labels"));
    bench.press("Hide");
    bench.press("All found");
    bench.press("Lock");
    let table = bench.case().table();
    let (hidden, locked) = (
        table.hidden().len(),
        table.labels().iter().filter(|l| l.locked).count(),
    );
    assert_eq!((hidden, locked), (11, 11));
    assert_eq!(bench.case().history().undo_name(), Some("lock labels"));
    // The keys go through what is found.
    bench.left_click(bench.point("Axial", 0.9, 0.1));
    bench.key(Modifiers::NONE, Key::Period);
    assert_eq!(active(&bench), Some(15));
    bench.key(Modifiers::NONE, Key::Period);
    assert_eq!(active(&bench), Some(150));
    bench.key(Modifiers::COMMAND, Key::Z);
    assert!(bench.case().table().labels().iter().all(|l| !l.locked));
    seek(&mut bench, " nothing like it");
    assert!(bench.shows("No label of that name"));
    bench.key(Modifiers::NONE, Key::Escape);
    assert!(rows(&bench).len() > 11, "Esc empties the field");
}

#[test]
fn a_template_names_labels_by_value_or_adds_them_and_is_one_step() {
    let (mut bench, folder) = phantom();
    bench.key(Modifiers::COMMAND, Key::K);
    bench.type_text("brain tumour");
    bench.key(Modifiers::NONE, Key::Enter);
    let names = |bench: &Bench| -> Vec<String> {
        let labels = bench.case().table().labels().iter();
        labels.map(|l| l.name.clone()).collect()
    };
    let tumour = [
        "necrotic_core",
        "edema",
        "enhancing_tumor",
        "resection_cavity",
    ];
    assert_eq!(names(&bench), tumour);
    bench.press("All found");
    bench.press("Add labels");
    bench.press("Labels of the abdomen (TG-263)");
    assert_eq!(names(&bench).len(), 4 + 19);
    assert_eq!(
        names(&bench)[..5],
        [
            "necrotic_core",
            "edema",
            "enhancing_tumor",
            "resection_cavity",
            "Liver"
        ]
    );
    let before = bench.case().table().clone();
    bench.press("All found");
    bench.press("Add labels");
    bench.press("Labels of the abdomen (TG-263)");
    assert_eq!(
        *bench.case().table(),
        before,
        "what there is already is not added again"
    );
    let path = folder.path().join("mine.ctbl");
    bench.will_choose(&path);
    bench.choose("File", "Write names and colours");
    assert!(
        bench.shows("Names and colours written"),
        "{:?}",
        bench.messages()
    );
    let written = std::fs::read_to_string(&path).expect("it was written");
    assert!(
        written.contains("\n3 enhancing_tumor 242 188 64 255\n"),
        "{written}"
    );
    bench.key(Modifiers::COMMAND, Key::Z);
    bench.key(Modifiers::COMMAND, Key::Z);
    assert!(names(&bench).is_empty());
    let bad = folder.path().join("bad.txt");
    std::fs::write(&bad, "1 2 3 4 1 1 1 \"a\"\nnonsense \"\"\n")
        .expect("the folder can be written to");
    bench.will_choose(&bad);
    bench.choose("File", "Read names and colours");
    assert!(bench.shows("line 2"), "{:?}", bench.messages());
    assert!(names(&bench).is_empty(), "nothing of it is taken");
}

#[test]
fn a_group_is_made_shown_locked_and_gone_through_by_key() {
    let (mut bench, _folder) = phantom();
    for _ in 0..4 {
        bench.press("New label");
    }
    seek(&mut bench, "label 1");
    bench.press("All found");
    bench.press("Group");
    bench.picture("group_menu");
    bench.press("New group");
    bench.type_text("nodes");
    bench.key(Modifiers::NONE, Key::Enter);
    let groups = |bench: &Bench| {
        let labels = bench.case().table().labels().iter();
        labels.map(|l| l.group.clone()).collect::<Vec<_>>()
    };
    assert_eq!(groups(&bench), ["nodes", "", "", ""]);
    assert_eq!(bench.case().history().undo_name(), Some("group labels"));
    bench.press("Find a label");
    bench.key(Modifiers::NONE, Key::Escape);
    bench.key(Modifiers::NONE, Key::Escape);
    seek(&mut bench, "3");
    bench.press("All found");
    bench.press("Group");
    bench.press("nodes");
    assert_eq!(groups(&bench), ["nodes", "", "nodes", ""]);
    bench.press("Find a label");
    bench.key(Modifiers::NONE, Key::Escape);
    bench.key(Modifiers::NONE, Key::Escape);
    bench.picture("groups");

    // Those without a group come first, then the group's: keys go through the list as it is shown.
    bench.press("Cross-hair");
    let mut seen = Vec::new();
    for _ in 0..4 {
        bench.key(Modifiers::NONE, Key::Period);
        seen.push(active(&bench).expect("a label"));
    }
    let first = seen.iter().position(|v| *v == 2).expect("label 2");
    seen.rotate_left(first);
    assert_eq!(seen, [2, 4, 1, 3]);

    let steps = bench.case().history().undo_len();
    bench.press("Lock group nodes");
    let locked = |bench: &Bench| {
        let labels = bench.case().table().labels().iter();
        labels.map(|l| l.locked).collect::<Vec<_>>()
    };
    assert_eq!(locked(&bench), [true, false, true, false]);
    assert_eq!(bench.case().history().undo_len(), steps + 1, "one step");
    bench.press("Show group nodes");
    let visible: Vec<bool> = bench
        .case()
        .table()
        .labels()
        .iter()
        .map(|l| l.visible)
        .collect();
    assert_eq!(visible, [false, true, false, true]);
    bench.press("Show group nodes");
}

/// A window with three labels, the first and the last in the group `nodes`.
fn grouped() -> (Bench, tempfile::TempDir) {
    let (mut bench, folder) = phantom();
    let path = folder.path().join("labels.nii.gz");
    let mut table = LabelTable::default();
    for (value, name, group) in [
        (1, "left", "nodes"),
        (2, "liver", ""),
        (3, "right", "nodes"),
    ] {
        table.add(value, name);
        table.get_mut(value).expect("just added").group = group.to_owned();
    }
    let map = LabelMap::empty(*bench.case().grid());
    prosector::io::save_labels(&path, &map, &table).expect("saved");
    bench.will_choose(path);
    bench.choose("File", "Open labels");
    (bench, folder)
}

/// Presses a group's heading; how many labels it has stands in it too.
fn press_group(bench: &mut Bench, text: &str) {
    bench.harness.get_by_label_contains(text).click();
    bench.settle();
}

#[test]
fn a_group_is_folded_and_unfolded() {
    let (mut bench, _folder) = grouped();
    assert!(bench.shows("Lock left") && bench.shows("Lock liver"));
    press_group(&mut bench, "- nodes");
    assert!(!bench.shows("Lock left") && !bench.shows("Lock right"));
    assert!(bench.shows("Lock liver"), "what is in no group stays");
    bench.picture("group_folded");
    press_group(&mut bench, "+ nodes");
    assert!(bench.shows("Lock left") && bench.shows("Lock right"));
}

#[test]
fn a_group_is_renamed_with_all_its_labels_in_one_step() {
    let (mut bench, _folder) = grouped();
    let groups = |bench: &Bench| {
        let labels = bench.case().table().labels().iter();
        labels.map(|l| l.group.clone()).collect::<Vec<_>>()
    };
    bench
        .harness
        .get_by_label_contains("- nodes")
        .click_secondary();
    bench.settle();
    bench.press("Rename");
    bench.key(Modifiers::COMMAND, Key::A);
    bench.type_text("lymph nodes");
    bench.key(Modifiers::NONE, Key::Enter);
    assert_eq!(groups(&bench), ["lymph nodes", "", "lymph nodes"]);
    assert_eq!(bench.case().history().undo_name(), Some("group labels"));
    bench.key(Modifiers::COMMAND, Key::Z);
    assert_eq!(groups(&bench), ["nodes", "", "nodes"], "keys work at once");
}

#[test]
fn after_a_name_was_edited_or_given_up_the_keys_work_again() {
    let (mut bench, _folder) = grouped();
    let name = |bench: &Bench| bench.case().table().get(2).expect("there").name.clone();
    for (end, renamed) in [(Key::Enter, "spleen"), (Key::Escape, "liver")] {
        row(&bench, "liver").click_secondary();
        bench.settle();
        bench.press("Rename");
        bench.key(Modifiers::COMMAND, Key::A);
        bench.type_text("spleen");
        bench.key(Modifiers::NONE, end);
        assert_eq!(name(&bench), renamed);
        bench.key(Modifiers::NONE, Key::Num4);
        assert_eq!(bench.session().tools().tool, ToolId("brush"), "{end:?}");
        bench.key(Modifiers::NONE, Key::Num1);
        if renamed != "liver" {
            bench.key(Modifiers::COMMAND, Key::Z);
            assert_eq!(name(&bench), "liver");
        }
    }
}

#[test]
fn the_opacity_of_a_label_is_set_by_its_slider_in_one_step() {
    let (mut bench, _folder) = grouped();
    let opacity = |bench: &Bench| {
        let label = bench.case().table().get(2).expect("it is there");
        label.opacity_percent
    };
    assert_eq!(opacity(&bench), 100);
    let steps = bench.case().history().undo_len();
    bench.press("Colour of liver");
    bench.picture("label_opacity");
    let slider = bench.harness.get_by_role_and_label(Role::Slider, "Opacity");
    slider.focus();
    bench.settle();
    for _ in 0..5 {
        bench.key(Modifiers::NONE, Key::ArrowLeft);
    }
    assert_eq!(opacity(&bench), 95);
    assert_eq!(bench.case().history().undo_len(), steps + 1, "one step");
    bench.key(Modifiers::NONE, Key::Escape);
    bench.key(Modifiers::COMMAND, Key::Z);
    assert_eq!(opacity(&bench), 100);
}
