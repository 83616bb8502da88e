//! What the window says: messages, help, titles, names.

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use prosector::app::desktop::WheelButtons;
use prosector::session::operations::threshold;
use prosector::ui::input::Group;
use prosector::ui::key_profiles::ProfileId;
use winit::event::ElementState;

use super::bench::Bench;
use super::{asks_for_a_series, phantom};
use crate::dicom_made::{folder_of, stack_at};
use crate::support;

#[test]
fn the_model_warns_once_and_nothing_stays_for_the_next_scan() {
    let (mut bench, folder) = phantom();
    bench.press("Click");
    bench.left_click(bench.point("Axial", 0.4, 0.4));
    let said = "Toys draw balls around the spinal cord";
    assert_eq!(bench.messages(), [said]);
    bench.key(Modifiers::NONE, Key::Escape);
    bench.left_click(bench.point("Axial", 0.5, 0.4));
    assert_eq!(bench.messages(), [said], "again, but not twice");

    let target = folder.path().join("labels.nii.gz");
    bench.will_choose(&target);
    bench.press("Accept");
    bench.key(Modifiers::COMMAND, Key::S);
    assert!(bench.messages().iter().any(|m| m.starts_with("Saved")));
    bench.choose("File", "Open sample");
    assert!(bench.messages().is_empty(), "{:?}", bench.messages());
}

#[test]
fn messages_go_away_by_themselves_and_leave_the_scale_bar_free() {
    let (mut bench, folder) = phantom();
    let bad = folder.path().join("notes.txt");
    std::fs::write(&bad, "not a scan").expect("the folder can be written to");
    bench.will_choose(&bad);
    bench.key(Modifiers::COMMAND, Key::O);
    assert_eq!(bench.messages().len(), 1);
    let close = bench.rect("Close");
    let axial = bench.view("Axial").0;
    assert!(close.bottom() < axial.bottom() - 36.0, "{close} in {axial}");
    bench.picture("message");
    let now = bench.harness.ctx.input(|i| i.time);
    bench.harness.input_mut().time = Some(now + 60.0);
    bench.settle();
    assert!(bench.messages().is_empty(), "{:?}", bench.messages());
}

#[test]
fn help_lists_every_key_in_groups() {
    let (mut bench, _folder) = phantom();
    bench.key(Modifiers::NONE, Key::F1);
    bench.picture("help");
    let texts = bench.texts();
    let has = |text: &str| texts.iter().any(|t| t == text);
    for group in Group::ALL {
        assert!(has(group.title()), "{}", group.title());
    }
    let shortcuts = ProfileId::default().shortcuts().iter();
    for shortcut in shortcuts.filter(|s| !s.keys.is_empty()) {
        let keys: Vec<String> = shortcut
            .keys
            .iter()
            .map(|k| bench.harness.ctx.format_shortcut(k))
            .collect();
        assert!(has(&keys.join(", ")), "{keys:?}");
        assert!(Group::ALL.contains(&shortcut.action.group()));
        let text = shortcut.action.text().trim_end_matches("...");
        assert!(has(text), "{text}");
    }
    assert!(has("Size of the window's text"));
}

#[test]
fn the_key_of_an_operation_asks_what_it_must_be_told() {
    let (mut bench, _folder) = phantom();
    assert_eq!(threshold::OPERATION.key, Some("Ctrl+T"));
    assert!(!bench.shows(threshold::OPERATION.title));
    bench.key(Modifiers::COMMAND, Key::T);
    assert!(bench.shows(threshold::OPERATION.title));
}

#[test]
fn users_see_no_underscores() {
    let (mut bench, _folder) = phantom();
    let check = |bench: &Bench| {
        let bad: Vec<String> = bench
            .texts()
            .into_iter()
            .filter(|t| t.contains('_'))
            .collect();
        assert!(bad.is_empty(), "{bad:?}");
        let bad: Vec<String> = bench
            .messages()
            .into_iter()
            .filter(|t| t.contains('_'))
            .collect();
        assert!(bad.is_empty(), "{bad:?}");
    };
    bench.press("Segment organs");
    check(&bench);
    bench.press("Accept all");
    bench.press("Lock spinal cord");
    bench.key(Modifiers::NONE, Key::Period);
    bench.press("Brush");
    bench.left_click(bench.point("Axial", 0.5, 0.5));
    assert!(
        bench
            .messages()
            .iter()
            .any(|m| m.starts_with("Spinal cord is locked"))
    );
    check(&bench);
    bench.press("Click");
    bench.key(Modifiers::NONE, Key::N);
    bench.left_click(bench.point("Axial", 0.4, 0.4));
    check(&bench);
    bench.key(Modifiers::NONE, Key::Enter);
    bench.hover(bench.point("Axial", 0.4, 0.4));
    check(&bench);
}

#[test]
fn the_series_gives_the_title_and_the_list_can_be_opened_again() {
    let Some((mut bench, _data)) = asks_for_a_series() else {
        return;
    };
    let open_first = |bench: &mut Bench, skip: usize| {
        let series = bench.harness.get_all_by_label_contains("images,").nth(skip);
        series.expect("a series").click();
        bench.settle();
        bench.case().title()
    };
    let first = open_first(&mut bench, 0);
    let info = bench.case().info().clone();
    assert_eq!(first, info.series[0].description.trim());
    assert!(bench.shows(&first), "the menu bar has it");
    bench.choose("File", "Another series");
    assert!(bench.shows("Choose a series"));
    let second = open_first(&mut bench, 1);
    assert_eq!(second, info.series[1].description.trim());
}

#[test]
fn warnings_are_said_without_words_of_the_command_line() {
    let Some(file) = support::shared("data/nifti/nibabel/functional.nii") else {
        return;
    };
    let data = tempfile::tempdir().expect("there is a temporary folder");
    let mut bench = Bench::open(data.path());
    bench.will_choose(file);
    bench.key(Modifiers::COMMAND, Key::O);
    let messages = bench.messages();
    assert!(messages.iter().all(|m| !m.contains("--")), "{messages:?}");
    let frames = "The scan has 20 frames; the first is shown: choose another under Display, Frame";
    assert!(messages.iter().any(|m| m == frames), "{messages:?}");
}

#[test]
fn what_tells_frames_apart_is_said_and_shown_beside_the_slider() {
    let mut objects = Vec::new();
    for b_value in [0.0, 500.0] {
        for mut object in stack_at(&[0.0, 5.0, 10.0]) {
            object.put(DataElement::new(
                tags::DIFFUSION_B_VALUE,
                VR::FD,
                PrimitiveValue::from(b_value),
            ));
            objects.push(object);
        }
    }
    let folder = folder_of(objects);
    let data = tempfile::tempdir().expect("there is a temporary folder");
    let mut bench = Bench::open(data.path());
    bench.will_choose(folder.path());
    bench.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::O);
    let said = "The series has 2 images at every slice position, told apart by b-value (0, 500); \
        the first is shown: choose another under Display, Frame";
    let messages = bench.messages();
    assert!(messages.iter().any(|m| m == said), "{messages:?}");
    assert!(bench.shows("b-value 0"));
}

#[test]
fn a_notch_that_comes_as_a_button_counts_once() {
    let mut wheel = WheelButtons::default();
    let mut notches = 0;
    for button in [4, 5, 5, 7] {
        for state in [ElementState::Pressed, ElementState::Released] {
            wheel.heed(button, state);
            notches += u32::from(!wheel.is_release());
        }
    }
    assert_eq!(notches, 4, "of remote desktops");
    // A real wheel comes without buttons; others do not matter.
    wheel.heed(1, ElementState::Released);
    assert!((0..3).all(|_| !wheel.is_release()));
    // A notch beside the window does not take the next one over it away.
    wheel.heed(4, ElementState::Pressed);
    wheel.heed(4, ElementState::Released);
    wheel.heed(4, ElementState::Pressed);
    assert!(!wheel.is_release());
}

#[test]
fn the_keys_of_another_program_are_chosen_shown_heeded_and_remembered() {
    let (mut bench, folder) = phantom();
    let tool = |bench: &Bench| bench.session().tools().tool.0;
    bench.key(Modifiers::NONE, Key::Num2);
    assert_eq!(tool(&bench), "click");
    bench.press("View");
    bench.press("Keys as in");
    bench.picture("key_profiles");
    bench.press("3D Slicer");
    bench.key(Modifiers::NONE, Key::Num2);
    assert_eq!(tool(&bench), "brush");
    bench.key(Modifiers::NONE, Key::Num4);
    assert_eq!(tool(&bench), "eraser");
    let slice = bench.view("Axial").1;
    bench.hover(bench.point("Axial", 0.5, 0.5));
    bench.key(Modifiers::NONE, Key::F);
    assert_ne!(bench.view("Axial").1, slice, "F is the next slice");
    bench.key(Modifiers::SHIFT, Key::B);
    assert_eq!(tool(&bench), "box", "and B for itself is the slice before");
    bench.key(Modifiers::NONE, Key::B);
    assert_eq!(bench.view("Axial").1, slice);
    bench.key(Modifiers::NONE, Key::F1);
    assert!(bench.shows("Shift+B"), "{:?}", bench.texts());
    bench.key(Modifiers::NONE, Key::F1);
    bench.close();

    let mut bench = Bench::open_as_left(folder.path());
    bench.choose("File", "Open sample");
    bench.key(Modifiers::NONE, Key::Num2);
    assert_eq!(tool(&bench), "brush", "remembered");
    bench.press("View");
    bench.press("Keys as in");
    bench.press("PACS workstation");
    let window = bench.case().window();
    bench.key(Modifiers::NONE, Key::Num3);
    assert_ne!(bench.case().window(), window, "a preset");
    bench.key(Modifiers::NONE, Key::D);
    assert_eq!(tool(&bench), "distance");
}
