//! A model on another machine in the window: a lost connection changes nothing, and nothing is taught there.

use eframe::egui::{Key, Modifiers};
use prosector::models::Segmenter;
use prosector::remote::{RemoteSegmenter, Token};
use tempfile::TempDir;

use super::bench::Bench;
use super::toy::Toy;
use crate::remote::server::{Way, loopback, serve};

/// A window with the phantom and a toy that computes behind a way.
fn window() -> (Bench, Way, TempDir) {
    let way = Way::to(serve(Token::default(), Toy::open));
    let address = loopback(way.port);
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let mut bench = Bench::open_with_model(folder.path(), move || {
        let model = RemoteSegmenter::connect(&address, None, Token::default())?;
        Ok(Box::new(model) as Box<dyn Segmenter>)
    });
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
fn nothing_is_taught_on_another_machine() {
    let (mut bench, _way, _folder) = window();
    bench.choose("Edit", "Teach from cases");
    bench.press("Segment organs");
    bench.press("Accept all");
    bench.press("Use this case for teaching");
    bench.press_field("Call it");
    bench.type_text("larynx-here");
    bench.press("Teach");
    assert!(
        bench.shows("another machine computes: teach on that machine"),
        "{:?}",
        bench.texts()
    );
}
