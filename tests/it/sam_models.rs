//! SAM and MA-SAM as models of the list: from the authors' files to masks on a scan's grid.

use std::sync::Arc;

use prosector::geometry::{Affine, VoxelBox, VoxelIndex};
use prosector::models::checkpoint::TensorFile;
use prosector::models::{
    DeviceChoice, ImportSource, Imported, ModelCard, ModelError, ScanKey, Segmenter, System,
    system_named,
};
use prosector::prompt::{Click, Polarity, PromptSet};
use prosector::util::{CancelToken, JobContext};
use prosector::volume::{Grid, ImageVolume, Mask, Modality, Rescale, VoxelData};

use crate::support::shared;

const SCAN: ScanKey = ScanKey(1);

/// A scan of these voxels with a bright ball on a slope.
fn scan(dims: [usize; 3]) -> ImageVolume {
    let grid = Grid::new(dims, Affine::from_spacing([1.0, 1.0, 2.0], [0.0; 3]));
    let values = (0..grid.len()).map(|offset| {
        let at = grid.voxel_at(offset).0;
        let far: i64 = (0..3).map(|d| (at[d] - dims[d] as i64 / 2).pow(2)).sum();
        let ball = if far < 30 { 150 } else { 0 };
        (at[0] * 2 + at[1] + ball) as i16
    });
    let voxels = VoxelData::I16(values.collect());
    ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Ct)
}

fn imported(system: &System, names: [&str; 2], settings: &str) -> Option<Result<Imported, String>> {
    let open = |name: &str| {
        let path = shared(&format!("golden/masam/{name}"))?;
        Some(Arc::new(TensorFile::open(&path).unwrap()))
    };
    let base = if names[1].is_empty() {
        None
    } else {
        Some(open(names[1])?)
    };
    let source = ImportSource {
        files: &[open(names[0])?],
        base: base.as_ref(),
        preset: None,
        overrides: &toml::from_str(settings).unwrap(),
    };
    Some((system.import)(&source).map_err(|e| e.to_string()))
}

fn opened(system: &System, imported: Imported) -> Box<dyn Segmenter> {
    let structures: String = (1..=imported.classes)
        .map(|n| format!("[[structures]]\nvalue = {n}\nname = \"part_{n}\"\nmodality = \"ct\"\n"))
        .collect();
    let card = format!(
        "id = \"m\"\ntitle = \"M\"\nsystem = \"{}\"\ndescription = \"\"\nweights = \"\"\nsha256 = \"\"\n\
         automatic = {}\nclicks = {}\nboxes = {}\n{structures}",
        system.name, imported.automatic, imported.clicks, imported.boxes
    );
    let mut card: ModelCard = toml::from_str(&card).unwrap();
    card.config = imported.config;
    (system.open)(card, imported.weights, DeviceChoice::Cpu).unwrap()
}

fn sam() -> Option<Box<dyn Segmenter>> {
    let system = system_named("sam").unwrap();
    let settings = "[network.decoder.transformer]\nheads = 4\n";
    let imported = imported(system, ["sam_small.pth", ""], settings)?;
    Some(opened(system, imported.unwrap()))
}

fn masam(settings: &str) -> Option<Box<dyn Segmenter>> {
    let system = system_named("MA-SAM").unwrap();
    let settings = format!("image_side = 80\n{settings}[network]\nscale = 0.7\n");
    let imported = imported(system, ["masam_small.pth", "masam_base_sam.pth"], &settings)?;
    Some(opened(system, imported.unwrap()))
}

fn click(at: [i64; 3], polarity: Polarity) -> PromptSet {
    PromptSet {
        clicks: vec![Click {
            voxel: VoxelIndex(at),
            polarity,
        }],
        target_box: None,
    }
}

fn in_box(min: [i64; 3], max: [i64; 3]) -> PromptSet {
    PromptSet {
        clicks: Vec::new(),
        target_box: Some(VoxelBox { min, max }),
    }
}

/// The slices that hold voxels of a mask.
fn slices(mask: &Mask) -> Vec<usize> {
    let [ni, nj, _] = mask.grid.dims;
    let planes = mask.voxels.chunks(ni * nj).enumerate();
    planes
        .filter(|(_, p)| p.contains(&1))
        .map(|(k, _)| k)
        .collect()
}

#[test]
fn sam_answers_a_click_on_its_slice_and_a_box_on_every_slice_of_its_range() {
    let Some(mut model) = sam() else { return };
    let (image, ctx) = (scan([36, 28, 6]), JobContext::silent());
    let clicked = click([18, 14, 3], Polarity::Positive);
    let found = model
        .segment_prompted(&image, SCAN, &clicked, None, &ctx)
        .unwrap();
    assert_eq!(found.mask.grid, *image.grid());
    assert!(slices(&found.mask).iter().all(|&k| k == 3));
    assert!(found.predicted_dice.is_some());
    let boxed = in_box([10, 8, 1], [26, 20, 4]);
    let found = model
        .segment_prompted(&image, SCAN, &boxed, None, &ctx)
        .unwrap();
    assert!(slices(&found.mask).iter().all(|k| (1..=4).contains(k)));
    let again = model
        .segment_prompted(&image, SCAN, &boxed, None, &ctx)
        .unwrap();
    assert_eq!(found.mask, again.mask, "the cache changes nothing");
}

#[test]
fn sam_keeps_the_mask_so_far_where_nothing_was_pointed_at() {
    let Some(mut model) = sam() else { return };
    let (image, ctx) = (scan([36, 28, 6]), JobContext::silent());
    let mut prior = Mask::empty(*image.grid());
    prior.voxels[..5].fill(1);
    let clicked = click([18, 14, 3], Polarity::Positive);
    let found = model
        .segment_prompted(&image, SCAN, &clicked, Some(&prior), &ctx)
        .unwrap();
    assert_eq!(found.mask.voxels[..36 * 28], prior.voxels[..36 * 28]);
}

#[test]
fn sam_refuses_what_it_cannot_answer() {
    let Some(mut model) = sam() else { return };
    let (image, ctx) = (scan([36, 28, 6]), JobContext::silent());
    let negative = click([18, 14, 3], Polarity::Negative);
    let refused = model.segment_prompted(&image, SCAN, &negative, None, &ctx);
    assert!(matches!(refused, Err(ModelError::Unsupported(_))));
    let refused = model.segment_auto(&image, SCAN, None, &ctx);
    assert!(matches!(refused, Err(ModelError::Unsupported(_))));
    let cancel = CancelToken::default();
    cancel.cancel();
    let ctx = JobContext::new(cancel, |_, _| {});
    let boxed = in_box([10, 8, 1], [26, 20, 4]);
    let stopped = model.segment_prompted(&image, SCAN, &boxed, None, &ctx);
    assert!(matches!(stopped, Err(ModelError::Cancelled(_))));
}

#[test]
fn ma_sam_labels_a_scan_of_any_size_on_its_own_grid() {
    let Some(mut model) = masam("") else { return };
    let (image, ctx) = (scan([30, 24, 7]), JobContext::silent());
    let found = model.segment_auto(&image, SCAN, None, &ctx).unwrap();
    assert_eq!(found.labels.grid, *image.grid());
    assert!(found.labels.voxels.iter().all(|&v| v <= 3));
    for (value, _) in found.labels.counts() {
        assert_eq!(
            found.table.get(value).unwrap().name,
            format!("part_{value}")
        );
    }
    let one = ["part_2".to_owned()];
    let only = model.segment_auto(&image, SCAN, Some(&one), &ctx).unwrap();
    assert_eq!(only.labels.mask_of(2), found.labels.mask_of(2));
    assert!(only.labels.voxels.iter().all(|&v| v == 0 || v == 2));
    let boxed = in_box([10, 8, 1], [26, 20, 4]);
    assert!(
        model
            .segment_prompted(&image, SCAN, &boxed, None, &ctx)
            .is_err()
    );
}

#[test]
fn ma_sam_trained_with_boxes_answers_in_the_box_s_slices() {
    let Some(mut model) = masam("boxes = true\n") else {
        return;
    };
    let (image, ctx) = (scan([30, 24, 7]), JobContext::silent());
    let boxed = in_box([10, 8, 2], [22, 18, 4]);
    let found = model
        .segment_prompted(&image, SCAN, &boxed, None, &ctx)
        .unwrap();
    assert!(slices(&found.mask).iter().all(|k| (2..=4).contains(k)));
    assert!(model.segment_auto(&image, SCAN, None, &ctx).is_err());
}

#[test]
fn files_that_do_not_belong_together_are_refused_in_one_line() {
    let refusal = |system: &str, names: [&str; 2], settings: &str| {
        let system = system_named(system).unwrap();
        let refused = imported(system, names, settings)?.map(|_| ()).unwrap_err();
        assert!(!refused.contains('\n'), "{refused}");
        Some(refused)
    };
    let Some(text) = refusal("masam", ["masam_small.pth", ""], "") else {
        return;
    };
    assert!(text.contains("--base"), "{text}");
    refusal("sam", ["masam_small.pth", ""], "").unwrap();
    refusal("sam", ["sam_small.pth", ""], "colour = 3").unwrap();
    let text = refusal("sam", ["sam_small.pth", ""], "[network.encoder]\nheads = 0").unwrap();
    assert!(text.contains("heads"), "{text}");
}
