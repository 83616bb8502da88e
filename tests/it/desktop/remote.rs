//! A model on another machine in the window: a lost connection changes nothing, and a lesson that it gives is kept here.

use std::sync::Arc;

use eframe::egui::{Key, Modifiers};
use prosector::models::{Segmenter, chosen_model};
use prosector::remote::{self, Processor, RemoteSegmenter, Token};
use prosector::train::teach::TeachRequest;
use prosector::util::JobContext;
use tempfile::TempDir;

use super::bench::Bench;
use super::teaching::{give_the_phantom, in_a_window_of_its_own, wait_for};
use super::toy::Toy;
use crate::remote::lessons::toy_lesson;
use crate::remote::server::{Way, loopback, serve_teaching};

/// A window with the phantom and a toy that computes and teaches behind a way.
fn window() -> (Bench, Way, TempDir) {
    let teach = Arc::new(|request: &TeachRequest, _: &JobContext| toy_lesson(request));
    let way = Way::to(serve_teaching(Token::default(), teach, Toy::open));
    let address = loopback(way.port);
    let there = Processor::There(address.clone());
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let mut bench = Bench::open_with_model_and_teacher(
        folder.path(),
        move || {
            let model = RemoteSegmenter::connect(&address, None, Token::default())?;
            Ok(Box::new(model) as Box<dyn Segmenter>)
        },
        Arc::new(move |request, ctx| remote::teach(&there, request, ctx)),
    );
    bench.choose("File", "Open sample");
    (bench, way, folder)
}

#[test]
fn a_lost_connection_is_told_and_the_next_click_connects_anew() {
    let (mut bench, way, _folder) = window();
    assert!(bench.shows("Model: toy on REMOTE"), "{:?}", bench.texts());
    bench.press("Segment organs");
    bench.press("Accept all");
    bench.press("Click");
    bench.key(Modifiers::NONE, Key::N);
    bench.left_click(bench.point("Axial", 0.4, 0.4));
    assert!(
        bench.shows("expects a Dice of 0.91"),
        "{:?}",
        bench.messages()
    );
    bench.picture("remote_click");
    bench.press("Accept");
    let labels = bench.case().labels().voxels.clone();
    let steps = bench.case().table().labels().len();

    way.close();
    bench.key(Modifiers::NONE, Key::N);
    bench.left_click(bench.point("Axial", 0.6, 0.6));
    let told = bench.messages();
    let place = format!("127.0.0.1:{}", way.port);
    assert!(told.iter().any(|m| m.contains(&place)), "{told:?}");
    assert!(bench.case().labels().voxels == labels, "nothing is lost");
    bench.picture("remote_lost");
    bench.press("Brush");
    bench.left_click(bench.point("Axial", 0.2, 0.2));
    bench.key(Modifiers::COMMAND, Key::Z);

    way.open();
    bench.press("Click");
    bench.left_click(bench.point("Axial", 0.6, 0.6));
    assert!(
        bench.shows("expects a Dice of 0.91"),
        "{:?}",
        bench.messages()
    );
    bench.press("Accept");
    assert!(bench.case().labels().voxels != labels);
    assert!(bench.case().table().labels().len() > steps);
}

#[test]
#[ignore = "another test runs it in a process whose models are its own"]
fn the_window_that_is_taught_elsewhere() {
    if std::env::var_os("PROSECTOR_MODELS").is_none() {
        return;
    }
    let (mut bench, way, folder) = window();
    give_the_phantom(&mut bench);
    assert!(
        bench.shows("these scans and labels are sent there"),
        "{:?}",
        bench.texts()
    );
    way.close();
    bench.press("Teach");
    wait_for(&mut bench, "the other end closed it");
    way.open();
    let adapter = folder.path().join("taught/larynx-here.safetensors");
    let taught = |bench: &mut Bench| {
        bench.press("Teach");
        wait_for(bench, "better than before, beyond noise");
        assert!(adapter.exists());
    };
    taught(&mut bench);
    bench.picture("remote_lesson");
    bench.press("Throw it away");
    assert!(!adapter.exists());
    taught(&mut bench);
    bench.press("Keep it on this computer");
    assert!(bench.shows("larynx-here is kept on this computer"));
    assert_eq!(chosen_model().as_deref(), Some("larynx-here"));
    assert!(bench.shows("Model: toy on REMOTE"), "{:?}", bench.texts());
}

#[test]
fn a_lesson_is_given_by_another_machine_and_kept_here() {
    let folder = tempfile::tempdir().unwrap();
    in_a_window_of_its_own("remote::the_window_that_is_taught_elsewhere", folder.path());
}
