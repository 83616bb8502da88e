//! Every operation of the table in the real window: found in the palette, told in its form what it needs, one step of undo,
//! locks kept, and the labels that `prosector edit` gives for the same words.

use std::collections::BTreeSet;
use std::sync::Arc;

use eframe::egui::accesskit::Role;
use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use prosector::geometry::VoxelIndex;
use prosector::io;
use prosector::session::operations::{Kind, Need, OPERATIONS, Operation, Parameter};
use prosector::volume::{Grid, ImageVolume, LabelMap, LabelTable};

use super::bench::Bench;
use super::phantom;
use super::tools::press_row;
use crate::operations::bench::Bench as Session;

/// Every operation as it is typed; each changes the labels of [`labels`].
pub const TYPED: &[&str] = &[
    "threshold label=1 low=-100 high=200",
    "fill_holes label=1",
    "keep_largest label=1",
    "remove_small label=1 min_voxels=10",
    "split_islands label=1",
    "margin label=1 mm=6",
    "hollow label=1 mm=3 side=inside",
    "smooth label=1 method=opening mm=3",
    "logic label=1 op=add with=2 over=2",
    "merge labels=1,2 into=1",
    "interpolate label=1 plane=axial",
    "copy_slice label=1 plane=axial from=52 to=56",
    "mirror label=1 axis=left_right",
    "grow_from_seeds labels=1,2",
    "region_grow label=1 at=54,54,56 tolerance=60",
    "random_walker label=1 box=46,46,46,72,62,60",
    "clear label=1",
    "crop label=1 box=50,50,50,54,58,55",
];

const NAMES: [(u16, &str); 2] = [(1, "first"), (2, "second")];

/// A block with a hole, a slice of it two slices on, an island beside it, and another label between them.
fn labels(grid: Grid) -> LabelMap {
    let mut map = LabelMap::empty(grid);
    let mut fill = |value, [i, j, k]: [std::ops::RangeInclusive<i64>; 3]| {
        for k in k {
            for j in j.clone() {
                for i in i.clone() {
                    let offset = map.grid.offset_of(VoxelIndex([i, j, k])).expect("inside");
                    map.voxels[offset] = value;
                }
            }
        }
    };
    fill(1, [50..=58, 50..=58, 50..=52]);
    fill(1, [50..=58, 50..=58, 55..=55]);
    fill(0, [54..=54, 54..=54, 51..=51]);
    fill(1, [70..=71, 54..=54, 51..=51]);
    fill(2, [60..=66, 50..=58, 50..=52]);
    map
}

/// The window with these labels, the first being active.
pub fn labelled_phantom() -> (Bench, tempfile::TempDir) {
    let (mut bench, folder) = phantom();
    let path = folder.path().join("labels.nii.gz");
    let mut table = LabelTable::default();
    for (value, name) in NAMES {
        table.add(value, name);
    }
    io::save_labels(&path, &labels(*bench.case().grid()), &table).expect("saved");
    bench.will_choose(path);
    bench.choose("File", "Open labels");
    press_row(&mut bench, "first");
    (bench, folder)
}

fn operation(typed: &str) -> &'static Operation {
    let id = typed.split(' ').next().expect("an id");
    Operation::find(id).expect("it is in the table")
}

/// Asks for the operation by its title, fills its form in as is typed, and applies it.
fn do_in_window(bench: &mut Bench, typed: &str) {
    tell(bench, typed);
    if !operation(typed).needs_only_a_label() {
        bench.press("Apply");
    }
}

/// Asks for the operation by its title, and fills its form in as is typed.
pub fn tell(bench: &mut Bench, typed: &str) {
    let operation = operation(typed);
    bench.key(Modifiers::COMMAND, Key::K);
    bench.type_text(operation.title);
    bench.key(Modifiers::NONE, Key::Enter);
    if operation.needs_only_a_label() {
        return;
    }
    for word in typed.split(' ').skip(1) {
        let (name, value) = word.split_once('=').expect("a key and a value");
        let mut parameters = operation.parameters();
        let parameter = parameters.find(|p| p.name == name).expect("it takes that");
        fill_in(bench, parameter, value);
    }
}

/// Tells the form one thing; the label that is active is there already.
pub fn fill_in(bench: &mut Bench, parameter: &Parameter, value: &str) {
    let unit = match parameter.kind {
        Kind::Number { unit, .. } | Kind::Count { unit, .. }
            if !unit.is_empty() && unit != parameter.name =>
        {
            format!(" ({unit})")
        }
        _ => String::new(),
    };
    let star = if parameter.need == Need::Required {
        " *"
    } else {
        ""
    };
    let field = format!("{}{unit}{star}", parameter.name.replace('_', " "));
    let is_label = matches!(
        parameter.kind,
        Kind::Label | Kind::NewLabel | Kind::OtherLabel
    );
    if is_label && parameter.need == Need::Required {
        return;
    }
    bench.press(&field);
    if !is_label && parameter.kind.choices().is_none() {
        bench.type_text(value);
        return;
    }
    let shown = NAMES
        .iter()
        .find(|(v, _)| is_label && v.to_string() == value);
    let shown = shown.map_or(value.replace('_', " "), |(_, name)| (*name).to_owned());
    let is_row = |node: &egui_kittest::Node<'_>| node.accesskit_node().role() == Role::Button;
    let row = {
        let mut rows = bench.harness.query_all_by_label(&shown);
        // It may be called as the label in the panel is: the list lies over everything, and comes last.
        rows.rfind(is_row)
    };
    row.unwrap_or_else(|| panic!("{field} has no {shown}"))
        .click();
    bench.settle();
}

/// The labels that the operation's words give, without a window.
pub fn expected(image: &ImageVolume, typed: &str) -> LabelMap {
    let mut session = Session::with(image.clone(), labels(*image.grid()));
    session.edit(typed);
    LabelMap::clone(session.case().labels())
}

fn undo_to(bench: &mut Bench, steps: usize) {
    while bench.case().history().undo_len() > steps {
        bench.key(Modifiers::COMMAND, Key::Z);
    }
}

#[test]
fn every_operation_is_typed_here() {
    let typed: BTreeSet<&str> = TYPED.iter().map(|t| operation(t).id).collect();
    let all: BTreeSet<&str> = OPERATIONS.iter().map(|o| o.id).collect();
    assert_eq!(typed, all);
}

#[test]
fn every_operation_is_done_in_the_window_as_its_words_say_and_undone_in_one_step() {
    let (mut bench, _folder) = labelled_phantom();
    let image = Arc::clone(bench.case().image());
    let before = bench.case().labels().voxels.clone();
    let steps = bench.case().history().undo_len();
    for typed in TYPED {
        do_in_window(&mut bench, typed);
        bench.picture(&format!("operation_{}", operation(typed).id));
        let messages = bench.messages();
        assert_ne!(
            bench.case().labels().voxels,
            before,
            "{typed}: {messages:?}"
        );
        assert!(
            bench.case().labels().voxels == expected(&image, typed).voxels,
            "{typed}"
        );
        let history = bench.case().history();
        assert_eq!(history.undo_len(), steps + 1, "{typed}");
        assert_eq!(history.undo_name(), Some(operation(typed).step));
        undo_to(&mut bench, steps);
        assert!(bench.case().labels().voxels == before, "{typed} is undone");
    }
}

#[test]
fn no_operation_of_the_window_changes_a_locked_label() {
    let (mut bench, _folder) = labelled_phantom();
    bench.press("Lock first");
    let before = bench.case().labels().mask_of(1);
    let steps = bench.case().history().undo_len();
    for typed in TYPED {
        do_in_window(&mut bench, typed);
        assert!(bench.case().labels().mask_of(1) == before, "{typed}");
        undo_to(&mut bench, steps);
    }
}
