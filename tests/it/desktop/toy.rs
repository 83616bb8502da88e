//! A model that knows nothing: balls and boxes where it is told, so that the window can be tested.

use std::sync::Arc;
use std::time::Duration;

use prosector::geometry::VoxelIndex;
use prosector::models::trust::{Evidence, Insight, Traits};
use prosector::models::{
    AutoResult, Certainty, ComputeDevice, Estimate, ModelCard, ModelError, PromptedResult, ScanKey,
    Segmenter,
};
use prosector::prompt::{Asked, Polarity, PromptSet};
use prosector::util::JobContext;
use prosector::volume::{Grid, ImageVolume, LabelMap, LabelTable, Mask};

/// Radius of what a click finds, in voxels.
const RADIUS: i64 = 6;

/// What it says of every target.
pub const WARNING: &str = "toys draw balls around the spinal_cord";

/// The first voxel of scans that it is unsure of.
pub const DOUBTED: f64 = -1000.0;

/// How long the automatic path takes, in milliseconds.
const TAKES_MS: u64 = 400;

pub struct Toy {
    card: ModelCard,
    device: ComputeDevice,
}

impl Toy {
    pub fn open() -> Result<Box<dyn Segmenter>, ModelError> {
        Self::of("")
    }

    /// A toy that wants a second image, which it does not look at.
    pub fn of_two_images() -> Result<Box<dyn Segmenter>, ModelError> {
        Self::of("channels = ['T1', 'T2']\n")
    }

    fn of(more: &str) -> Result<Box<dyn Segmenter>, ModelError> {
        let card = "id = 'toy'\ntitle = 'Toy'\nsystem = 'toy'\ndescription = 'Draws balls.'\n\
                    weights = ''\nsha256 = ''\nautomatic = true\nclicks = true\nboxes = true\n\
                    scribbles = true\nlassos = true\n\
                    [[structures]]\nvalue = 1\nname = 'spinal_cord'\nmodality = 'ct'\n\
                    [[structures]]\nvalue = 2\nname = 'larynx'\nmodality = 'ct'\n";
        Ok(Box::new(Self {
            card: toml::from_str(&format!("{more}{card}")).expect("the toy's card is complete"),
            device: ComputeDevice {
                kind: "cpu",
                name: "an abacus".to_owned(),
            },
        }))
    }
}

/// Toys are sure of what they draw, unless the first voxel is [`DOUBTED`].
fn expected_dice(image: &ImageVolume) -> f32 {
    match image.value(0) == DOUBTED {
        true => 0.4,
        false => 0.87,
    }
}

fn ball(grid: &Grid, center: VoxelIndex, mut visit: impl FnMut(usize)) {
    let range = -RADIUS..=RADIUS;
    for k in range.clone() {
        for j in range.clone() {
            for i in range.clone() {
                let [ci, cj, ck] = center.0;
                let inside = i * i + j * j + k * k <= RADIUS * RADIUS;
                let voxel = VoxelIndex([ci + i, cj + j, ck + k]);
                if let Some(offset) = grid.offset_of(voxel).filter(|_| inside) {
                    visit(offset);
                }
            }
        }
    }
}

impl Segmenter for Toy {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn device(&self) -> &ComputeDevice {
        &self.device
    }

    fn segment_auto(
        &self,
        image: &ImageVolume,
        _key: ScanKey,
        _structures: Option<&[String]>,
        ctx: &JobContext,
    ) -> Result<AutoResult, ModelError> {
        for n in 0..TAKES_MS / 5 {
            ctx.step(n as f32 / (TAKES_MS / 5) as f32, "drawing balls")?;
            std::thread::sleep(Duration::from_millis(5));
        }
        let grid = *image.grid();
        let mut labels = LabelMap::empty(grid);
        let mut table = LabelTable::default();
        for (value, name, quarter) in [(1, "spinal_cord", 2), (2, "larynx", 1)] {
            let center = VoxelIndex(grid.dims.map(|n| (n * quarter / 4) as i64));
            ball(&grid, center, |offset| labels.voxels[offset] = value);
            table.add(value, name);
        }
        Ok(AutoResult {
            labels,
            table,
            estimate: Some(Estimate::Dice(expected_dice(image))),
            insight: None,
            nothing: None,
            warnings: Vec::new(),
        })
    }

    fn segment_prompted(
        &self,
        image: &ImageVolume,
        _key: ScanKey,
        prompts: &PromptSet,
        prior: Option<&Mask>,
        _ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError> {
        let grid = *image.grid();
        let mut mask = prior.cloned().unwrap_or_else(|| Mask::empty(grid));
        if let Some(b) = prompts.target_box {
            for (offset, voxel) in mask.voxels.iter_mut().enumerate() {
                *voxel |= u8::from(b.contains(grid.voxel_at(offset)));
            }
        }
        for drawing in &prompts.drawings {
            let value = u8::from(drawing.polarity == Polarity::Positive);
            for (offset, _) in drawing.region.offsets(grid.dims) {
                mask.voxels[offset] = value;
            }
        }
        for click in &prompts.clicks {
            let value = u8::from(click.polarity == Polarity::Positive);
            ball(&grid, click.voxel, |offset| mask.voxels[offset] = value);
        }
        // Sure inside and outside, in doubt where the one becomes the other.
        let is_edge = |n: usize| {
            mask.voxels
                .get(n + 1)
                .is_some_and(|next| *next != mask.voxels[n])
        };
        let logit = |n: usize| match (is_edge(n), mask.voxels[n]) {
            (true, _) => 0.0,
            (false, 0) => -8.0,
            (false, _) => 8.0,
        };
        let logits: Vec<f32> = (0..grid.len()).map(logit).collect();
        let insight = Insight {
            certainty: Certainty::of_logits(grid, &logits),
            evidence: Evidence {
                traits: Traits::default(),
                look: Vec::new(),
            },
        };
        Ok(PromptedResult {
            mask,
            estimate: Some(Estimate::Dice(0.91)),
            insight: Some(Arc::new(insight)),
            structure: None,
            warnings: vec![WARNING.to_owned()],
        })
    }

    fn preview(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        asked: &Asked,
        ctx: &JobContext,
    ) -> Result<Mask, ModelError> {
        Ok(self.segment_asked(image, key, asked, ctx)?.mask)
    }

    fn drop_caches(&self) {}
}
