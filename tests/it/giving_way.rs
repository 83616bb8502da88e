//! An automatic run that gives way to prompts finds what it finds undisturbed, bit for bit.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use prosector::geometry::{VoxelBox, VoxelIndex};
use prosector::models::checkpoint::TensorFile;
use prosector::models::{
    AutoResult, DeviceChoice, ImportSource, Importer, ScanKey, Segmenter, open_model, system_named,
};
use prosector::prompt::{Click, Polarity, PromptSet};
use prosector::util::{CancelToken, JobContext};
use prosector::volume::ImageVolume;
use prosector::volume::phantom::phantom;

use crate::sam_models::{opened, scan};
use crate::support::shared;

const SCAN: ScanKey = ScanKey(1);

/// A click and, two voxels around it, a box: what a model takes of them.
fn prompts_at(voxel: [i64; 3], model: &dyn Segmenter) -> PromptSet {
    let card = model.card();
    let click = Click {
        voxel: VoxelIndex(voxel),
        polarity: Polarity::Positive,
    };
    PromptSet {
        clicks: Vec::from_iter(card.clicks.then_some(click)),
        target_box: card.boxes.then_some(VoxelBox {
            min: voxel.map(|v| v - 2),
            max: voxel.map(|v| v + 2),
        }),
        ..PromptSet::default()
    }
}

/// The automatic run, with another prompt answered at every `every`th place where it gives way, `most` in all; and how
/// many were.
fn disturbed(
    model: &Arc<dyn Segmenter>,
    image: &Arc<ImageVolume>,
    every: i64,
    most: i64,
) -> (AutoResult, i64) {
    let polled = Arc::new(AtomicI64::new(0));
    let (other, seen, count) = (Arc::clone(model), Arc::clone(image), Arc::clone(&polled));
    let ctx = JobContext::new(CancelToken::default(), |_, _| {}).giving_way(move || {
        let poll = count.fetch_add(1, Ordering::SeqCst);
        if poll % every != 0 || poll / every >= most {
            return;
        }
        let dims = seen.grid().dims.map(|n| n as i64);
        // Now here, now there; and what is cached goes now and then.
        let voxel = [0, 1, 2].map(|d| dims[d] / 2 + poll % 3 - 1);
        let prompts = prompts_at(voxel, &*other);
        let answer = other.segment_prompted(&seen, SCAN, &prompts, None, &JobContext::silent());
        answer.expect("an answer");
        if poll % (2 * every) == 0 {
            other.drop_caches();
        }
    });
    let found = model.segment_auto(image, SCAN, None, &ctx);
    let answered = (polled.load(Ordering::SeqCst) / every).min(most);
    (found.expect("a result"), answered)
}

fn assert_unchanged(model: Box<dyn Segmenter>, image: ImageVolume, every: i64, most: i64) {
    let (model, image) = (Arc::<dyn Segmenter>::from(model), Arc::new(image));
    let silent = JobContext::silent();
    let undisturbed = model.segment_auto(&image, SCAN, None, &silent);
    let undisturbed = undisturbed.expect("a result");
    assert!(undisturbed.labels.voxels.iter().any(|&v| v != 0));
    model.drop_caches();
    let (found, answered) = disturbed(&model, &image, every, most);
    assert!(answered >= 3, "{answered} prompts went first");
    assert_eq!(found.labels.voxels, undisturbed.labels.voxels);
    assert_eq!(found.table, undisturbed.table);
    assert_eq!(found.estimate, undisturbed.estimate);
    assert_eq!(found.warnings, undisturbed.warnings);
}

#[test]
fn the_model_in_the_box() {
    let model = open_model(None, DeviceChoice::Cpu).expect("the model in the box");
    assert_unchanged(model, phantom().image, 5, 4);
}

#[test]
fn desam() {
    let Some(file) = shared("golden/desam/desam_model_best.pth") else {
        return;
    };
    let system = system_named("desam").expect("a system");
    let settings = "mode = \"whole-box\"\n[network.decoder.prim.transformer]\nheads = 4\n";
    let source = ImportSource {
        files: &[Arc::new(TensorFile::open(&file).expect("a checkpoint"))],
        base: None,
        preset: None,
        overrides: &toml::from_str(settings).expect("TOML"),
    };
    let Some(Importer::Files(import)) = system.import else {
        panic!("it reads checkpoint files");
    };
    let imported = import(&source).expect("the authors' file");
    assert_unchanged(opened(system, imported), scan([24, 20, 6]), 2, 4);
}
