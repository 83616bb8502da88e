//! Models in the window: one that takes several images asks for them, and a licence is read before an import.

use std::fs;

use eframe::egui::{Key, Modifiers};
use prosector::io;

use super::phantom;
use super::toy::Toy;
use crate::support::{copy, shared};

#[test]
fn a_model_of_several_images_asks_for_those_that_are_not_open() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let mut bench = super::Bench::open_with_model(folder.path(), Toy::of_two_images);
    bench.choose("File", "Open sample");
    let (other, small) = (
        folder.path().join("t2.nii.gz"),
        folder.path().join("small.nii.gz"),
    );
    io::save_image(&other, bench.case().image()).expect("a scan");
    let mut grid = *bench.case().grid();
    grid.dims[2] -= 1;
    let voxels = prosector::volume::VoxelData::I16(vec![0; grid.len()]);
    let rescale = prosector::volume::Rescale::IDENTITY;
    let modality = bench.case().image().modality();
    let image = prosector::volume::ImageVolume::new(grid, voxels, rescale, modality);
    io::save_image(&small, &image).expect("a scan");

    bench.press("Segment organs");
    assert!(bench.shows("The model takes several images"));
    assert!(bench.shows("the open scan"));
    bench.picture("channels");
    // The scan is the second of the two.
    bench.press("T2 is the open scan");
    bench.will_choose(&small);
    bench.press("Choose T1...");
    assert!(
        bench
            .messages()
            .iter()
            .any(|m| m.contains("small.nii.gz: it is on another grid")),
        "{:?}",
        bench.messages()
    );
    bench.press("Segment organs");
    bench.will_choose(&other);
    bench.press("Choose T1...");
    assert!(bench.shows("t2.nii.gz: choose another"));
    bench.picture("channels_chosen");
    bench.key(Modifiers::NONE, Key::Enter);
    assert!(bench.shows("Proposal: 2 structures"), "{:?}", bench.texts());
    // They are still there the next time.
    bench.press("Reject all");
    bench.press("Segment organs");
    assert!(bench.shows("t2.nii.gz: choose another"));
    bench.press("Cancel");
    assert!(!bench.shows("Proposal"));
}

#[test]
fn a_licence_that_limits_use_is_read_before_anything_is_imported() {
    let Some(golden) = shared("golden/nninteractive/models") else {
        return;
    };
    let (mut bench, folder) = phantom();
    let first = fs::read_dir(golden)
        .expect("models")
        .next()
        .expect("one")
        .expect("it");
    let model = folder.path().join("model");
    copy(&first.path(), &model);
    fs::write(model.join("LICENSE"), "CC BY-NC-SA 4.0\n").expect("a file");
    bench.will_choose(&model);
    bench.choose("File", "Import a trained model");
    assert!(bench.shows("CC BY-NC-SA 4.0"), "{:?}", bench.messages());
    bench.picture("licence");
    bench.key(Modifiers::NONE, Key::Enter);
    assert!(
        bench.shows("Import, and keep to it"),
        "Enter does not accept it"
    );
    bench.press("Do not import");
    assert!(!bench.messages().iter().any(|m| m.contains("Imported")));
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).expect("a folder");
    bench.will_choose(&empty);
    bench.choose("File", "Import a trained model");
    let told = bench.messages();
    assert!(
        told.iter().any(|m| m.contains("no trained nnU-Net model")),
        "{told:?}"
    );
}

#[test]
fn review_only_does_without_a_model_until_it_is_wanted_again() {
    let (mut bench, folder) = phantom();
    bench.choose("Edit", "Review only, without a model");
    assert!(bench.shows("No model is open"), "{:?}", bench.texts());
    bench.press("Brush");
    bench.left_click(bench.point("Axial", 0.5, 0.5));
    assert!(bench.session().is_dirty(), "drawing needs no model");
    bench.press("Segment organs");
    assert!(!bench.shows("Proposal"), "nobody is asked");
    bench.picture("review_only");
    // What is written in the background is written when the window is gone.
    drop(bench);
    let settings = fs::read_to_string(folder.path().join("settings.toml")).expect("kept");
    assert!(settings.contains("review_only = true"), "{settings}");
    let mut bench = super::Bench::open_as_left(folder.path());
    if bench.shows("Throw away") {
        bench.press("Throw away");
    }
    bench.choose("File", "Open sample");
    assert!(bench.shows("No model is open"), "as it was left");
    bench.choose("Edit", "Review only, without a model");
    bench.press("Segment organs");
    assert!(bench.shows("Proposal"), "{:?}", bench.texts());
}
