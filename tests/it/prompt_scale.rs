//! Prompts on scans that are not a patient's in size, on voxels without a value, and in labels that exist.

use prosector::engine::{Engine, Event, Request};
use prosector::geometry::{Affine, VoxelBox, VoxelIndex};
use prosector::models::{DeviceChoice, PromptedResult, ScanKey, Segmenter, open_model};
use prosector::prompt::{Asked, Click, Polarity, PromptSet, TargetSize};
use prosector::util::JobContext;
use prosector::volume::metrics::Overlap;
use prosector::volume::{Grid, ImageVolume, Mask, Modality, Rescale, VoxelData};

const SIDE: usize = 64;

fn model() -> Box<dyn Segmenter> {
    open_model(None, DeviceChoice::Cpu).expect("the model in the box")
}

fn grid(spacing_mm: f64) -> Grid {
    Grid::new([SIDE; 3], Affine::from_spacing([spacing_mm; 3], [0.0; 3]))
}

/// Whether a voxel lies in a ball in the middle.
fn is_in_ball(offset: usize, radius: f64) -> bool {
    let at = grid(1.0).voxel_at(offset).0;
    let squared: f64 = at.iter().map(|&v| (v as f64 - 31.5).powi(2)).sum();
    squared <= radius.powi(2)
}

/// A ball of 20 voxels, ten times as bright as the noise is strong.
fn ball(spacing_mm: f64) -> ImageVolume {
    ball_of(20.0, spacing_mm)
}

fn ball_of(radius: f64, spacing_mm: f64) -> ImageVolume {
    let grid = grid(spacing_mm);
    let value = |v: usize| {
        let noise = (v * 7919 % 1009) as f32 / 1009.0 + (v * 104_729 % 997) as f32 / 997.0 - 1.0;
        100.0 + 25.0 * noise + if is_in_ball(v, radius) { 100.0 } else { 0.0 }
    };
    let voxels = VoxelData::F32((0..grid.len()).map(value).collect());
    ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Mr)
}

fn click(voxel: [i64; 3]) -> PromptSet {
    PromptSet {
        clicks: vec![Click {
            voxel: VoxelIndex(voxel),
            polarity: Polarity::Positive,
        }],
        ..PromptSet::default()
    }
}

fn target_box(min: [i64; 3], max: [i64; 3]) -> PromptSet {
    PromptSet {
        target_box: Some(VoxelBox { min, max }),
        ..PromptSet::default()
    }
}

fn segment(
    model: &dyn Segmenter,
    image: &ImageVolume,
    key: u64,
    prompts: &PromptSet,
    prior: Option<&Mask>,
) -> PromptedResult {
    model
        .segment_prompted(image, ScanKey(key), prompts, prior, &JobContext::silent())
        .expect("an answer")
}

fn dice(mask: &Mask) -> f64 {
    dice_with_ball(mask, 20.0)
}

fn dice_with_ball(mask: &Mask, radius: f64) -> f64 {
    let truth: Vec<u8> = (0..mask.voxels.len())
        .map(|v| u8::from(is_in_ball(v, radius)))
        .collect();
    Overlap::between(&mask.voxels, &truth).dice()
}

#[test]
fn a_click_finds_a_ball_at_any_spacing() {
    let model = model();
    // At 0.3 mm the scan is a patient's and far shorter than the first region, which sees it coarsely: 0.82.
    let cases = [
        (0.01, 0.9),
        (0.02, 0.9),
        (0.1, 0.9),
        (0.3, 0.8),
        (1.0, 0.9),
        (12.0, 0.9),
        (97.6, 0.9),
    ];
    for (key, (spacing_mm, least)) in cases.into_iter().enumerate() {
        let found = segment(
            model.as_ref(),
            &ball(spacing_mm),
            key as u64,
            &click([31; 3]),
            None,
        );
        let dice = dice(&found.mask);
        assert!(dice > least, "{spacing_mm} mm: Dice {dice:.3}");
    }
}

#[test]
fn a_box_finds_a_ball_at_any_spacing() {
    let model = model();
    for (key, spacing_mm) in [0.01, 0.1, 1.0, 97.6].into_iter().enumerate() {
        let prompts = target_box([12; 3], [51; 3]);
        let found = segment(
            model.as_ref(),
            &ball(spacing_mm),
            key as u64,
            &prompts,
            None,
        );
        let dice = dice(&found.mask);
        assert!(dice > 0.9, "{spacing_mm} mm: Dice {dice:.3}");
    }
}

/// Half of the ball that a box is drawn around is the target so far, with much around it.
#[test]
fn a_box_in_a_label_gives_nothing_far_from_the_box() {
    let model = model();
    let image = ball(3.0);
    let prior = |is_in: &dyn Fn([i64; 3]) -> bool| Mask {
        grid: *image.grid(),
        voxels: (0..image.grid().len())
            .map(|v| u8::from(is_in(image.grid().voxel_at(v).0)))
            .collect(),
    };
    let (min, max) = ([26, 26, 26], [37, 37, 37]);
    let labels = [
        prior(&|_| true),
        prior(&|at| at[0] < 32),
        prior(&|at| at.iter().all(|v| (8..56).contains(v))),
    ];
    for (n, label) in labels.iter().enumerate() {
        let found = segment(
            model.as_ref(),
            &image,
            1,
            &target_box(min, max),
            Some(label),
        );
        assert!(
            found.mask.count() > 100,
            "label {n}: {}",
            found.mask.count()
        );
        let bounds = found.mask.bounds().expect("a target");
        for d in 0..3 {
            assert!(
                bounds.min[d] >= min[d] - 3 && bounds.max[d] <= max[d] + 3,
                "label {n}: {bounds:?}"
            );
        }
    }
}

/// The Dice of a click into the middle of a ball, said to be of any size and of this one.
fn dice_of_any_size_and(size: TargetSize, image: &ImageVolume, radius: f64) -> [f64; 2] {
    let model = model();
    [TargetSize::Any, size].map(|size| {
        let asked = Asked {
            prompts: click([31; 3]),
            size,
            ..Asked::default()
        };
        let answer = model.segment_asked(image, ScanKey(1), &asked, &JobContext::silent());
        dice_with_ball(&answer.expect("an answer").mask, radius)
    })
}

#[test]
fn what_is_said_to_be_small_is_looked_at_from_close_by() {
    let [of_any_size, small] = dice_of_any_size_and(TargetSize::Small, &ball_of(3.0, 1.0), 3.0);
    assert!(small > 0.7 && small > of_any_size, "{small} {of_any_size}");
}

#[test]
fn what_is_said_to_be_large_is_looked_at_from_afar() {
    let [of_any_size, large] = dice_of_any_size_and(TargetSize::Large, &ball(5.0), 20.0);
    assert!(large > 0.7 && large > of_any_size, "{large} {of_any_size}");
}

/// The ball with no value outside it, as brains are cut out.
fn cut_out() -> ImageVolume {
    let image = ball(1.0);
    let VoxelData::F32(values) = image.voxels() else {
        unreachable!("the ball's voxels are f32");
    };
    let value = |(v, &x): (usize, &f32)| if is_in_ball(v, 26.0) { x } else { f32::NAN };
    let voxels = VoxelData::F32(values.iter().enumerate().map(value).collect());
    ImageVolume::new(*image.grid(), voxels, Rescale::IDENTITY, Modality::Mr)
}

/// The last event of a prompt.
fn through_engine(image: ImageVolume, prompts: PromptSet) -> Event {
    let engine = Engine::start(|| open_model(None, DeviceChoice::Cpu), || {});
    engine.submit(Request::Prompt {
        scan: ScanKey(1),
        image: image.into(),
        asked: Asked {
            prompts,
            ..Asked::default()
        },
    });
    loop {
        let event = engine.events().recv().expect("the engine lives");
        if matches!(event, Event::Failed { .. } | Event::FinishedPrompt { .. }) {
            return event;
        }
    }
}

#[test]
fn a_click_on_a_voxel_without_a_value_is_refused() {
    let Event::Failed { message, .. } = through_engine(cut_out(), click([1, 1, 1])) else {
        panic!("a click on NaN was answered");
    };
    assert!(message.contains("they count as background"), "{message}");
    assert!(message.contains("1,1,1"), "{message}");
}

#[test]
fn masks_have_no_voxels_without_a_value() {
    let image = cut_out();
    let event = through_engine(image.clone(), target_box([2; 3], [61; 3]));
    let Event::FinishedPrompt { result, .. } = event else {
        panic!("{event:?}");
    };
    let holds = |v: usize| result.mask.voxels[v] != 0;
    assert!(result.mask.count() > 10_000);
    assert!((0..image.grid().len()).all(|v| !holds(v) || image.value(v).is_finite()));
}
