//! Scribbles, lassos and diameters, other labels and previews, as the model in the box answers them.

use std::sync::Arc;

use prosector::geometry::{Affine, VoxelIndex, VoxelPoint};
use prosector::models::{DeviceChoice, ScanKey, Segmenter, open_model};
use prosector::prompt::Polarity::{Negative, Positive};
use prosector::prompt::{Asked, Click, Drawing, OtherLabels, Polarity, PromptSet, long_diameter};
use prosector::util::JobContext;
use prosector::volume::metrics::Overlap;
use prosector::volume::{Grid, ImageVolume, LabelMap, Mask, Modality, Rescale, VoxelData};

const DIMS: [usize; 3] = [72, 60, 48];
const SCAN: ScanKey = ScanKey(1);

/// Balls that touch: middle and radius in voxels of 1 mm.
const BALLS: [([f64; 3], f64); 2] = [([24.0, 30.0, 24.0], 11.0), ([46.0, 30.0, 24.0], 10.0)];

fn model() -> Box<dyn Segmenter> {
    open_model(None, DeviceChoice::Cpu).expect("the model in the box")
}

fn grid() -> Grid {
    Grid::new(DIMS, Affine::from_spacing([1.0; 3], [0.0; 3]))
}

fn is_in(ball: usize, offset: usize) -> bool {
    let (middle, radius) = BALLS[ball];
    let at = grid().voxel_at(offset).0;
    let squared: f64 = (0..3).map(|d| (at[d] as f64 - middle[d]).powi(2)).sum();
    squared <= radius.powi(2)
}

fn truth(ball: usize) -> Mask {
    let grid = grid();
    let voxels = (0..grid.len()).map(|v| u8::from(is_in(ball, v))).collect();
    Mask { grid, voxels }
}

/// Balls as bright as each other in noise.
fn image() -> ImageVolume {
    let grid = grid();
    let value = |v: usize| {
        let noise = (v * 7919 % 1009) as f32 / 1009.0 + (v * 104_729 % 997) as f32 / 997.0 - 1.0;
        let inside = (0..BALLS.len()).any(|ball| is_in(ball, v));
        100.0 + 25.0 * noise + if inside { 100.0 } else { 0.0 }
    };
    let voxels = VoxelData::F32((0..grid.len()).map(value).collect());
    ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Mr)
}

fn points(line: &[[f64; 2]], k: f64) -> Vec<VoxelPoint> {
    let points = line.iter().map(|&[x, y]| VoxelPoint([x, y, k].into()));
    points.collect()
}

fn scribble(line: &[[f64; 2]], k: f64, polarity: Polarity) -> Drawing {
    Drawing::scribble(&grid(), 2, &points(line, k), 2.0, polarity).expect("on the scan")
}

/// A lasso as round as a ball's middle slice, and a little wider.
fn lasso(ball: usize, polarity: Polarity) -> Drawing {
    let (middle, radius) = BALLS[ball];
    let corner = |n: usize| {
        let (sin, cos) = (n as f64 / 24.0 * std::f64::consts::TAU).sin_cos();
        let wide = radius + 1.5;
        [middle[0] + wide * cos, middle[1] + wide * sin]
    };
    let corners: Vec<[f64; 2]> = (0..24).map(corner).collect();
    Drawing::lasso(&grid(), 2, &points(&corners, middle[2]), polarity).expect("on the scan")
}

fn click(ball: usize) -> Click {
    Click {
        voxel: VoxelIndex(BALLS[ball].0.map(|v| v as i64)),
        polarity: Positive,
    }
}

fn drawn(drawings: Vec<Drawing>) -> Asked {
    let mut prompts = PromptSet::default();
    prompts.add(PromptSet {
        drawings,
        ..PromptSet::default()
    });
    Asked {
        prompts,
        ..Asked::default()
    }
}

fn clicked(ball: usize) -> Asked {
    Asked {
        prompts: PromptSet {
            clicks: vec![click(ball)],
            ..PromptSet::default()
        },
        ..Asked::default()
    }
}

fn answer(model: &dyn Segmenter, image: &ImageVolume, asked: &Asked) -> Mask {
    let found = model.segment_asked(image, SCAN, asked, &JobContext::silent());
    found.expect("an answer").mask
}

fn dice(mask: &Mask, ball: usize) -> f64 {
    Overlap::between(&mask.voxels, &truth(ball).voxels).dice()
}

fn share_of(mask: &Mask, drawing: &Drawing) -> f64 {
    let inside = drawing.region.offsets(DIMS);
    let inside = inside.filter(|&(offset, _)| mask.voxels[offset] != 0);
    inside.count() as f64 / drawing.region.count() as f64
}

#[test]
fn voxels_under_a_scribble_are_in_or_out_for_certain() {
    let (model, image) = (model(), image());
    // Beyond the ball's edge, so that the network would not have it there.
    let through = scribble(&[[10.0, 30.0], [30.0, 32.0]], 24.0, Positive);
    let found = answer(model.as_ref(), &image, &drawn(vec![through.clone()]));
    assert_eq!(share_of(&found, &through), 1.0);
    let across = scribble(&[[24.0, 20.0], [24.0, 40.0]], 24.0, Negative);
    let corrected = Asked {
        prior: Some(Arc::new(found)),
        ..drawn(vec![through.clone(), across.clone()])
    };
    let corrected = answer(model.as_ref(), &image, &corrected);
    assert_eq!(share_of(&corrected, &across), 0.0, "the later one counts");
    let kept = share_of(&corrected, &through);
    assert!(kept > 0.8 && kept < 1.0, "{kept}");
}

#[test]
fn a_scribble_in_a_ball_finds_the_ball() {
    let (model, image) = (model(), image());
    let line = [[18.0, 28.0], [24.0, 31.0], [29.0, 29.0]];
    let asked = Asked {
        others: second_ball_is_taken(),
        ..drawn(vec![scribble(&line, 24.0, Positive)])
    };
    let found = answer(model.as_ref(), &image, &asked);
    let dice = dice(&found, 0);
    assert!(dice > 0.9, "{dice:.3}");
}

#[test]
fn the_long_diameter_of_a_ball_goes_through_its_middle() {
    let drawn = long_diameter(&truth(0)).expect("a ball has one");
    let (middle, radius) = BALLS[0];
    let [from, to] = drawn.ends(&grid()).map(|end| end.center().0);
    assert_eq!(from.distance(to), 2.0 * radius);
    assert_eq!(((from + to) / 2.0).to_array(), middle);
    assert_eq!(drawn.normal_axis, 2);
    assert_eq!(drawn.clicks(&grid()), [click(0)]);
    let voxel = |v: usize| u8::from(v == grid().offset(20, 20, 20));
    let lone = Mask {
        grid: grid(),
        voxels: (0..grid().len()).map(voxel).collect(),
    };
    assert_eq!(long_diameter(&lone), None, "a voxel has none");
}

#[test]
fn a_diameter_across_a_ball_finds_the_ball_and_turned_round_it_is_a_scribble() {
    let (model, image) = (model(), image());
    let asked = Asked {
        others: second_ball_is_taken(),
        ..drawn(vec![long_diameter(&truth(0)).expect("a ball has one")])
    };
    let found = answer(model.as_ref(), &image, &asked);
    let dice = dice(&found, 0);
    assert!(dice > 0.85, "{dice:.3}");
    let ends = points(&[[24.0, 20.0], [24.0, 40.0]], 24.0);
    let not_this = Drawing::diameter(&grid(), 2, [ends[0], ends[1]], Negative).expect("on it");
    let corrected = Asked {
        prior: Some(Arc::new(found)),
        ..drawn(vec![not_this.clone()])
    };
    let corrected = answer(model.as_ref(), &image, &corrected);
    assert_eq!(share_of(&corrected, &not_this), 0.0);
}

#[test]
fn a_lasso_around_a_ball_finds_the_ball_and_keeps_its_slice() {
    let (model, image) = (model(), image());
    let around = lasso(0, Positive);
    let found = answer(model.as_ref(), &image, &drawn(vec![around.clone()]));
    let dice = dice(&found, 0);
    assert!(dice > 0.85, "{dice:.3}");
    let plane = 24 * DIMS[0] * DIMS[1]..25 * DIMS[0] * DIMS[1];
    let beyond = plane.filter(|&offset| {
        found.voxels[offset] != 0 && !around.region.holds(grid().voxel_at(offset))
    });
    assert_eq!(beyond.count(), 0);
    // What is inside a lasso that says "not this" is out.
    let without = lasso(1, Negative);
    let mut asked = clicked(0);
    asked.prompts.add(drawn(vec![without.clone()]).prompts);
    let found = answer(model.as_ref(), &image, &asked);
    assert_eq!(share_of(&found, &without), 0.0);
    assert!(found.count() > 1000);
}

/// The second ball as a label of its own.
fn second_ball_is_taken() -> Option<OtherLabels> {
    let voxels = truth(1).voxels.into_iter().map(u16::from).collect();
    let labels = LabelMap {
        grid: grid(),
        voxels,
    };
    OtherLabels::new(Arc::new(labels), &[1])
}

#[test]
fn what_another_label_has_is_not_of_the_target() {
    let (model, image) = (model(), image());
    let alone = answer(model.as_ref(), &image, &clicked(0));
    model.drop_caches();
    let beside = Asked {
        others: second_ball_is_taken(),
        ..clicked(0)
    };
    let found = answer(model.as_ref(), &image, &beside);
    let taken = truth(1);
    let in_both = |mask: &Mask| {
        let pairs = mask.voxels.iter().zip(&taken.voxels);
        pairs.filter(|(a, b)| **a != 0 && **b != 0).count()
    };
    assert_eq!(in_both(&found), 0);
    let (before, after) = (dice(&alone, 0), dice(&found, 0));
    assert!(
        after > 0.9 && after >= before,
        "{before:.3}, then {after:.3}"
    );
}

#[test]
fn a_preview_is_what_the_click_gives_and_changes_no_later_answer() {
    let image = image();
    let silent = JobContext::silent();
    let ask = |model: &dyn Segmenter, previews: bool| {
        let mut masks = Vec::new();
        let mut prior = None;
        for ball in [0, 1, 0] {
            if previews {
                // Elsewhere, wider, and there: regions that a later click must not find.
                for of in [1 - ball, ball] {
                    let asked = Asked {
                        prior: prior.clone(),
                        ..clicked(of)
                    };
                    let would = model.preview(&image, SCAN, &asked, &silent);
                    masks.extend(would.ok().filter(|_| of == ball).map(|m| m.voxels));
                }
            }
            let asked = Asked {
                prior: prior.clone(),
                ..clicked(ball)
            };
            let found = answer(model, &image, &asked);
            masks.push(found.voxels.clone());
            prior = Some(Arc::new(found));
        }
        masks
    };
    let without = ask(model().as_ref(), false);
    let with = ask(model().as_ref(), true);
    assert_eq!((without.len(), with.len()), (3, 6));
    for (n, found) in without.iter().enumerate() {
        assert!(with[2 * n + 1] == *found, "answer {n} is another");
        assert!(
            with[2 * n] == *found,
            "preview {n} is not what the click gave"
        );
    }
}

#[test]
fn a_cancelled_preview_leaves_the_model_as_it_was() {
    let image = image();
    let model = model();
    let cancel = prosector::util::CancelToken::default();
    cancel.cancel();
    let stopped = JobContext::new(cancel, |_, _| {});
    assert!(model.preview(&image, SCAN, &clicked(1), &stopped).is_err());
    let found = answer(model.as_ref(), &image, &clicked(0));
    let fresh = self::model();
    let expected = answer(fresh.as_ref(), &image, &clicked(0));
    assert!(found == expected);
}
