//! Scans made up from label maps: every label gets a random brightness and texture, and a random scanner looks at it
//! (SynthSeg, Billot et al. 2023; AnyStar, Dey et al. 2024). The anatomy is real, the contrast is any.

use std::collections::HashMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::train::augment::acquisition::acquire;
use crate::train::augment::{log_uniform, normal};
use crate::train::cases::Cases;
use crate::train::field::{VOXELS, blur, smooth_noise};
use crate::train::user::FirstMove;
use crate::volume::resample;

use super::labelled::Selection;
use super::{Maker, Scene};

pub(super) const MAKER: Maker = Maker {
    name: "label_maps",
    scene,
};

/// Brightness of a label, and how much its texture varies it.
struct Paint {
    mean: f32,
    grain: f32,
}

fn scene(rng: &mut ChaCha8Rng, cases: &Cases, first: &FirstMove) -> Option<Scene> {
    let case = cases.any_label_map(rng)?;
    let grid = case.labels.grid;
    let selection = Selection::random(rng, &grid, &case.targets, first)?;
    let region = selection.place(&grid).region(rng, first);
    let labels = resample::resample_labels(&case.labels, &region);
    let mut values = painted(rng, &labels.voxels);
    let modality = acquire(rng, &mut values);
    Some(Scene {
        values,
        inside: resample::inside(&grid, &region),
        truth: selection.on(&case.labels, &region),
        modality,
        weight: 1.0,
    })
}

/// Every label in a colour of its own, or in one of a few.
fn painted(rng: &mut ChaCha8Rng, labels: &[u16]) -> Vec<f32> {
    let few: Option<Vec<f32>> = rng
        .random_bool(0.5)
        .then(|| (0..rng.random_range(3..9)).map(|_| rng.random()).collect());
    let mut paints: HashMap<u16, Paint> = HashMap::new();
    let coarse = smooth_noise(rng, 8);
    let fine = smooth_noise(rng, 20);
    let mut values: Vec<f32> = Vec::with_capacity(VOXELS);
    for (v, &label) in labels.iter().enumerate() {
        let paint = paints.entry(label).or_insert_with(|| {
            let mean = match &few {
                _ if label == 0 && rng.random_bool(0.5) => 0.0,
                Some(few) => few[rng.random_range(0..few.len())] + 0.03 * normal(rng) as f32,
                None => rng.random(),
            };
            Paint {
                mean,
                grain: log_uniform(rng, 0.005, 0.12) as f32,
            }
        });
        values.push(paint.mean + paint.grain * (0.5 * coarse[v] + fine[v]));
    }
    blur(&mut values, [rng.random_range(0..2); 3]);
    values
}
