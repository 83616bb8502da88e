//! SAM and MA-SAM as models of the list: from the authors' files to masks on a scan's grid.

use std::sync::Arc;

use prosector::geometry::{Affine, VoxelBox, VoxelIndex};
use prosector::models::checkpoint::TensorFile;
use prosector::models::{
    DeviceChoice, ImportSource, Imported, Importer, ModelCard, ModelError, ScanKey, Segmenter,
    StoredModel, System, system_named,
};
use prosector::prompt::{Click, Polarity, PromptSet};
use prosector::util::{CancelToken, JobContext};
use prosector::volume::{Grid, ImageVolume, Mask, Modality, Rescale, VoxelData};

use crate::slice_systems::extract;
use crate::support::shared;

const SCAN: ScanKey = ScanKey(1);

/// A scan of these voxels with a bright ball on a slope.
pub(super) fn scan(dims: [usize; 3]) -> ImageVolume {
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

/// A file of the golden folder, opened.
fn golden(name: &str) -> Option<Arc<TensorFile>> {
    let path = shared(&format!("golden/masam/{name}"))?;
    Some(Arc::new(TensorFile::open(&path).unwrap()))
}

/// What a system makes of checkpoint files.
fn of_files(system: &System, source: &ImportSource<'_>) -> Result<Imported, String> {
    let Some(Importer::Files(import)) = system.import else {
        panic!("{} reads checkpoint files", system.name);
    };
    import(source).map_err(|e| e.to_string())
}

fn imported(system: &System, names: [&str; 2], settings: &str) -> Option<Result<Imported, String>> {
    let base = if names[1].is_empty() {
        None
    } else {
        Some(golden(names[1])?)
    };
    let source = ImportSource {
        files: &[golden(names[0])?],
        base: base.as_ref(),
        preset: None,
        overrides: &toml::from_str(settings).unwrap(),
    };
    Some(of_files(system, &source))
}

pub(super) fn opened(system: &System, imported: Imported) -> Box<dyn Segmenter> {
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
    let stored = StoredModel::new(card, imported.weights);
    (system.open)(stored, DeviceChoice::Cpu).unwrap()
}

fn sam() -> Option<Box<dyn Segmenter>> {
    sam_with("")
}

/// A SAM with these settings before those of its network.
fn sam_with(settings: &str) -> Option<Box<dyn Segmenter>> {
    let system = system_named("sam").unwrap();
    let settings = format!("{settings}[network.decoder.transformer]\nheads = 4\n");
    let imported = imported(system, ["sam_small.pth", ""], &settings)?;
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
        ..PromptSet::default()
    }
}

fn in_box(min: [i64; 3], max: [i64; 3]) -> PromptSet {
    PromptSet {
        target_box: Some(VoxelBox { min, max }),
        ..PromptSet::default()
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
    let Some(model) = sam() else { return };
    let (image, ctx) = (scan([36, 28, 6]), JobContext::silent());
    let clicked = click([18, 14, 3], Polarity::Positive);
    let found = model
        .segment_prompted(&image, SCAN, &clicked, None, &ctx)
        .unwrap();
    assert_eq!(found.mask.grid, *image.grid());
    assert_eq!(slices(&found.mask), [3]);
    assert!(found.estimate.is_some_and(|e| e.iou().is_some()));
    let boxed = in_box([10, 8, 1], [26, 20, 4]);
    let found = model
        .segment_prompted(&image, SCAN, &boxed, None, &ctx)
        .unwrap();
    assert_eq!(
        slices(&found.mask),
        [1, 2, 3, 4],
        "every slice of its range, no other"
    );
    let again = model
        .segment_prompted(&image, SCAN, &boxed, None, &ctx)
        .unwrap();
    assert_eq!(found.mask, again.mask, "the cache changes nothing");
}

#[test]
fn a_click_in_sam_is_carried_on_to_the_neighbours_by_the_mask() {
    let carrying = |settings: &str| {
        let model = sam_with(settings)?;
        let (image, ctx) = (scan([36, 28, 9]), JobContext::silent());
        let mut two = click([18, 14, 4], Polarity::Positive);
        let found = model
            .segment_prompted(&image, SCAN, &two, None, &ctx)
            .unwrap();
        two.clicks
            .extend(click([18, 14, 6], Polarity::Positive).clicks);
        let both = model
            .segment_prompted(&image, SCAN, &two, None, &ctx)
            .unwrap();
        Some((found, both))
    };
    // Weights that were never trained believe in nothing, so belief is not asked for here.
    let far = "carry_slices = 3\ncarry_least_iou = -1e9\n";
    let (Some((alone, _)), Some((carried, both))) = (carrying(""), carrying(far)) else {
        return;
    };
    assert_eq!(slices(&alone.mask), [4], "without the setting, clicks stay");
    assert_eq!(slices(&carried.mask), [1, 2, 3, 4, 5, 6, 7]);
    let plane = 36 * 28;
    let same = |a: &Mask, b: &Mask, k: usize| {
        a.voxels[k * plane..(k + 1) * plane] == b.voxels[k * plane..(k + 1) * plane]
    };
    assert!(
        same(&alone.mask, &carried.mask, 4),
        "the click's slice is its own"
    );
    assert!(
        !same(&carried.mask, &both.mask, 6),
        "a click of its own comes first"
    );
    assert!(
        same(&carried.mask, &both.mask, 5),
        "what is between belongs to the first"
    );
    assert_eq!(slices(&both.mask), [1, 2, 3, 4, 5, 6, 7, 8]);
    let near = "carry_slices = 3\ncarry_least_iou = 1e9\n";
    let (doubted, _) = carrying(near).unwrap();
    assert_eq!(
        slices(&doubted.mask),
        [4],
        "what is not believed in is not carried on"
    );
}

/// SAM's file as MedSAM's, with this preset.
fn preset(file: &Arc<TensorFile>, preset: Option<&str>) -> Result<Imported, String> {
    let system = system_named("sam").unwrap();
    let settings = "[network.decoder.transformer]\nheads = 4\n";
    let source = ImportSource {
        files: std::slice::from_ref(file),
        base: None,
        preset,
        overrides: &toml::from_str(settings).unwrap(),
    };
    of_files(system, &source)
}

/// A slice of the network's own size in three greys of the CT window.
fn three_greys(greys: [u8; 3]) -> ImageVolume {
    let grid = Grid::new([160, 160, 1], Affine::from_spacing([1.0; 3], [0.0; 3]));
    let grey = |offset: usize| {
        let [i, j, _] = grid.voxel_at(offset).0;
        greys[((i - 80).pow(2) + (j - 70).pow(2) < 900) as usize + usize::from(j > 100)]
    };
    let voxels = VoxelData::U8((0..grid.len()).map(grey).collect());
    let slope = 400.0 / 255.0;
    let rescale = Rescale {
        slope,
        intercept: -160.0 + slope / 2.0,
    };
    ImageVolume::new(grid, voxels, rescale, Modality::Ct)
}

/// The share of voxels on which two masks agree.
fn agreement(a: &Mask, b: &Mask) -> f64 {
    let same = a.voxels.iter().zip(&b.voxels).filter(|(a, b)| a == b);
    same.count() as f64 / a.voxels.len() as f64
}

#[test]
fn med_sam_s_preset_takes_boxes_and_stretches_the_greys_of_each_slice() {
    let Some(recording) = shared("golden/masam/sam_small_pth_expected.safetensors") else {
        return;
    };
    // MedSAM's training leaves the names of a model wrapped for several cards.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("medsam.safetensors");
    extract(&recording, ["w/", "module."], &path);
    let file = Arc::new(TensorFile::open(&path).unwrap());
    let medsam = preset(&file, Some("medsam")).unwrap();
    assert!(medsam.boxes && !medsam.clicks && !medsam.automatic);
    assert!(medsam.description.contains("MedSAM"));
    let sam = preset(&file, None).unwrap();
    assert!(sam.boxes && sam.clicks);
    let unknown = preset(&file, Some("medsam2")).map(|_| ()).unwrap_err();
    assert!(unknown.contains("medsam"), "{unknown}");

    let system = system_named("sam").unwrap();
    let boxed = in_box([50, 40, 0], [110, 100, 0]);
    let answers = [medsam, sam].map(|imported| {
        let model = opened(system, imported);
        [[0, 100, 200], [0, 50, 100]].map(|greys| {
            let (image, ctx) = (three_greys(greys), JobContext::silent());
            model.drop_caches();
            let found = model.segment_prompted(&image, SCAN, &boxed, None, &ctx);
            let mask = found.unwrap().mask;
            assert!(mask.bounds().is_some());
            mask
        })
    });
    let [medsam, sam] = answers.map(|[a, b]| agreement(&a, &b));
    // Resizing rounds to 8 bits before the greys are stretched.
    assert!(medsam > 0.995, "the greys' range hardly matters: {medsam}");
    assert!(sam < 0.95, "for SAM it does: {sam}");
    let model = opened(system, preset(&file, Some("medsam")).unwrap());
    let clicked = click([80, 70, 0], Polarity::Positive);
    let (image, ctx) = (three_greys([0, 100, 200]), JobContext::silent());
    let refused = model.segment_prompted(&image, SCAN, &clicked, None, &ctx);
    assert!(refused.unwrap_err().to_string().contains("takes no clicks"));
}

#[test]
fn sam_and_ma_sam_see_colours() {
    let grey_of = |image: &ImageVolume| {
        let voxels = image.voxels().clone();
        ImageVolume::new(*image.grid(), voxels, Rescale::IDENTITY, image.modality())
    };
    let image = crate::over_time::opened(crate::over_time::film(6).path()).image;
    let image = image.with_modality(Modality::Ct);
    let (Some(sam), Some(masam)) = (sam(), film_model()) else {
        return;
    };
    let ctx = JobContext::silent();
    let clicked = click([10, 8, 1], Polarity::Positive);
    let masks = [&image, &grey_of(&image)].map(|image| {
        sam.drop_caches();
        let found = sam.segment_prompted(image, SCAN, &clicked, None, &ctx);
        found.unwrap().mask
    });
    assert_ne!(masks[0].voxels, masks[1].voxels);
    let found = [&image, &grey_of(&image)]
        .map(|image| masam.segment_auto(image, SCAN, None, &ctx).unwrap().labels);
    assert_ne!(found[0].voxels, found[1].voxels);
}

/// A MA-SAM that takes pictures as they are.
fn film_model() -> Option<Box<dyn Segmenter>> {
    masam("[intensity]\nkind = \"as_it_is\"\n")
}

#[test]
fn ma_sam_s_windows_reach_four_frames_and_no_further() {
    let Some(model) = film_model() else {
        return;
    };
    let image = crate::over_time::opened(crate::over_time::film(12).path()).image;
    let image = image.with_modality(Modality::Ct);
    let (grid, plane) = (*image.grid(), 20 * 16);
    let mut colours = image.colours().unwrap().to_vec();
    // The first frame is another, within the range of the others so that no window is scaled otherwise.
    for (n, colour) in colours[..plane].iter_mut().enumerate() {
        *colour = if n % 3 == 0 {
            [200, 0, 90]
        } else {
            [0, 57, 200]
        };
    }
    let other = ImageVolume::in_colour(grid, colours, Modality::Ct).over_time(None);
    let ctx = JobContext::silent();
    let [a, b] =
        [&image, &other].map(|image| model.segment_auto(image, SCAN, None, &ctx).unwrap().labels);
    let differs = |k: usize| a.voxels[k * plane..][..plane] != b.voxels[k * plane..][..plane];
    assert!(differs(0), "the frame itself is seen");
    assert!(
        (5..12).all(|k| !differs(k)),
        "frames further than four are not"
    );
}

#[test]
fn sam_keeps_the_mask_so_far_where_nothing_was_pointed_at() {
    let Some(model) = sam() else { return };
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
    let Some(model) = sam() else { return };
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
    let Some(model) = masam("") else { return };
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
    let Some(model) = masam("boxes = true\n") else {
        return;
    };
    let (image, ctx) = (scan([30, 24, 7]), JobContext::silent());
    let boxed = in_box([10, 8, 2], [22, 18, 4]);
    let found = model
        .segment_prompted(&image, SCAN, &boxed, None, &ctx)
        .unwrap();
    assert_eq!(slices(&found.mask), [2, 3, 4]);
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
