//! A model whose answers depend on all that it is given, and that waits where it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::Receiver;
use prosector::geometry::{Affine, VoxelBox, VoxelIndex};
use prosector::models::trust::{AutoInsight, Evidence, FoundStructure, Insight, Traits};
use prosector::models::{
    AutoResult, Certainty, ComputeDevice, Estimate, ModelCard, ModelError, Nothing, PromptedResult,
    ScanKey, Segmenter,
};
use prosector::prompt::{
    Alike, Asked, Click, Drawing, OtherLabels, Polarity, PromptSet, TargetSize,
};
use prosector::util::JobContext;
use prosector::volume::{
    Grid, ImageVolume, LabelMap, LabelTable, Mask, Modality, Rescale, VoxelData,
};

/// A click at this `i` is answered when the gate opens.
pub const WAITS: i64 = 1;
/// A click at this `i` fails.
pub const FAILS: i64 = 2;
/// Looking for this structure waits for the gate.
pub const SLOW: &str = "slow";

pub struct Echo {
    card: ModelCard,
    device: ComputeDevice,
    gate: Receiver<()>,
    /// Jobs that were told to stop while they waited.
    pub stopped: Arc<AtomicUsize>,
    /// Times that caches were dropped.
    pub dropped: Arc<AtomicUsize>,
}

impl Echo {
    pub fn new(gate: Receiver<()>) -> Self {
        let card = "id = 'echo'\ntitle = 'Echo'\nsystem = 'echo'\ndescription = 'Says what it heard.'\n\
                    weights = ''\nsha256 = ''\nautomatic = true\nclicks = true\nboxes = true\n\
                    scribbles = true\nlassos = true\n[[structures]]\nvalue = 7\nname = 'heard'\n\
                    color = [1, 2, 3]\n[[structures]]\nvalue = 9\nname = 'slow'\n\
                    [config]\nthird = 0.3333333333333333\nname = 'x'\n";
        Self {
            card: toml::from_str(card).expect("the card is complete"),
            device: ComputeDevice {
                kind: "cpu",
                name: "an echo".to_owned(),
            },
            gate,
            stopped: Arc::default(),
            dropped: Arc::default(),
        }
    }

    fn wait(&self, ctx: &JobContext) -> Result<(), ModelError> {
        loop {
            if let Err(stop) = ctx.step(0.5, "waiting") {
                self.stopped.fetch_add(1, Ordering::SeqCst);
                return Err(stop.into());
            }
            if self.gate.recv_timeout(Duration::from_millis(2)).is_ok() {
                return Ok(());
            }
        }
    }

    fn mask(&self, image: &ImageVolume, asked: &Asked) -> Mask {
        let grid = *image.grid();
        let mut mask = match &asked.prior {
            Some(prior) => prior.as_ref().clone(),
            None => Mask::empty(grid),
        };
        let mut draw = |offset: usize, polarity| {
            mask.voxels[offset] = u8::from(polarity == Polarity::Positive);
        };
        for drawing in &asked.prompts.drawings {
            for voxel in drawing.voxels(&grid) {
                draw(
                    grid.offset_of(voxel).expect("on the scan"),
                    drawing.polarity,
                );
            }
        }
        for click in &asked.prompts.clicks {
            // As far as the values go: a voxel that came wrong would show.
            let from = grid.offset_of(click.voxel).expect("on the scan");
            let near =
                (0..grid.len()).filter(|&n| (image.value(n) - image.value(from)).abs() < 1.0);
            near.for_each(|offset| draw(offset, click.polarity));
        }
        if let Some(alike) = &asked.alike {
            for crop in alike.latest(5) {
                crop.offsets(grid.dims)
                    .for_each(|(offset, _)| mask.voxels[offset] = 1);
            }
        }
        if let Some(others) = &asked.others {
            others.clear(&mut mask);
        }
        mask.voxels[0] ^= u8::from(asked.size != TargetSize::Any);
        mask
    }
}

fn sentence(image: &ImageVolume, more: &dyn std::fmt::Debug) -> String {
    let values = (0..image.grid().len()).map(|n| image.value(n).to_bits());
    let sum = values.fold(0u64, |sum, bits| sum.rotate_left(1) ^ bits);
    let (rows, third) = (image.grid().affine.to_rows(), image.third_axis());
    format!("{sum:x} {rows:?} {third:?} {} {more:?}", image.dtype())
}

fn evidence(share: f64) -> Evidence {
    let mut traits = Traits::default();
    traits.add("contrast", share / 3.0);
    traits.add("evenness", 1e-200 * share);
    Evidence {
        traits,
        look: vec![share as f32 / 7.0, f32::MIN_POSITIVE],
    }
}

fn certainty(image: &ImageVolume) -> Certainty {
    let grid = image.grid().sub_grid(VoxelBox {
        min: [1, 1, 1],
        max: [4, 3, 2],
    });
    let logits: Vec<f32> = (0..grid.len()).map(|n| n as f32 / 3.0 - 4.0).collect();
    Certainty::of_logits(grid, &logits)
}

impl Segmenter for Echo {
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
        structures: Option<&[String]>,
        ctx: &JobContext,
    ) -> Result<AutoResult, ModelError> {
        if structures.is_some_and(|s| s == [SLOW]) {
            self.wait(ctx)?;
        }
        let mut labels = LabelMap::empty(*image.grid());
        for (offset, voxel) in labels.voxels.iter_mut().enumerate() {
            *voxel = if image.value(offset) > 0.0 { 7 } else { 0 };
        }
        let mut table = LabelTable::default();
        table.add(7, "heard");
        table.get_mut(7).expect("added").color = [1, 2, 3];
        let found = FoundStructure {
            name: "heard".to_owned(),
            volume_ml: 1.0 / 3.0,
            expected_dice: 0.1,
            evidence: evidence(2.0),
        };
        Ok(AutoResult {
            labels,
            table,
            estimate: Some(Estimate::Iou(1.0 / 3.0)),
            insight: Some(Arc::new(AutoInsight {
                certainty: certainty(image),
                structures: vec![found],
            })),
            nothing: Some(Nothing::NothingAround),
            warnings: vec![sentence(image, &structures)],
        })
    }

    fn segment_prompted(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        prompts: &PromptSet,
        prior: Option<&Mask>,
        ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError> {
        self.segment_asked(image, key, &Asked::of(prompts, prior), ctx)
    }

    fn segment_asked(
        &self,
        image: &ImageVolume,
        _key: ScanKey,
        asked: &Asked,
        ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError> {
        match asked.prompts.clicks.first().map(|c| c.voxel.0[0]) {
            Some(WAITS) => self.wait(ctx)?,
            Some(FAILS) => return Err(ModelError::Unsupported("not this scan".to_owned())),
            _ => {}
        }
        let insight = Insight {
            certainty: certainty(image),
            evidence: evidence(asked.prompts.clicks.len() as f64),
        };
        Ok(PromptedResult {
            mask: self.mask(image, asked),
            estimate: Some(Estimate::Dice(0.7)),
            insight: Some(Arc::new(insight)),
            structure: asked.called.clone(),
            warnings: vec![sentence(image, &asked.prompts)],
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

    fn drop_caches(&self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// A scan of values that no text has exactly; other seeds give others.
pub fn image(seed: u32) -> ImageVolume {
    let affine = Affine::from_spacing([1.0 / 3.0, 0.7, 2.1], [-0.1, 1e-30, 7.0 / 9.0]);
    let grid = Grid::new([24, 20, 12], affine);
    let value = |n: usize| {
        ((n as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 24) as f32 / 7.0 - 12.0
    };
    let voxels = VoxelData::F32((0..grid.len()).map(value).collect());
    let rescale = Rescale {
        slope: 1.0 / 3.0,
        intercept: -0.1,
    };
    ImageVolume::new(grid, voxels, rescale, Modality::Ct)
}

pub fn click(at: [i64; 3]) -> Click {
    Click {
        voxel: VoxelIndex(at),
        polarity: Polarity::Positive,
    }
}

/// A click at this `i`.
pub fn asked(i: i64) -> Asked {
    let prompts = PromptSet {
        clicks: vec![click([i, 3, 2])],
        ..PromptSet::default()
    };
    Asked {
        prompts,
        ..Asked::default()
    }
}

/// All that can be asked at once.
pub fn everything(image: &ImageVolume) -> Asked {
    let grid = *image.grid();
    let corner = |i: f64, j: f64| prosector::geometry::VoxelPoint([i, j, 5.0].into());
    let lasso = [corner(4.0, 4.0), corner(15.0, 5.0), corner(9.0, 14.0)];
    let scribble = [corner(20.0, 2.0), corner(18.0, 17.0)];
    let ends = [corner(2.0, 3.0), corner(12.0, 9.0)];
    let drawings = vec![
        Drawing::diameter(&grid, 2, ends, Polarity::Positive).expect("on the scan"),
        Drawing::lasso(&grid, 2, &lasso, Polarity::Positive).expect("on the scan"),
        Drawing {
            clicks_before: 1,
            ..Drawing::scribble(&grid, 2, &scribble, 1.0, Polarity::Negative).expect("on the scan")
        },
    ];
    let mut labels = LabelMap::empty(grid);
    labels.voxels[700..900].fill(3);
    labels.voxels[1500..1600].fill(400);
    labels.voxels[1700..1701].fill(5);
    let mut prior = Mask::empty(grid);
    prior.voxels[650..1000].fill(1);
    prior.voxels[4000..4002].fill(1);
    let negative = Click {
        polarity: Polarity::Negative,
        ..click([11, 12, 7])
    };
    let labels = Arc::new(labels);
    Asked {
        prompts: PromptSet {
            clicks: vec![click([5, 6, 4]), negative],
            target_box: Some(VoxelBox {
                min: [-3, 2, 1],
                max: [40, 12, 9],
            }),
            drawings,
        },
        prior: Some(Arc::new(prior)),
        others: OtherLabels::new(Arc::clone(&labels), &[3]),
        alike: Alike::new(labels, vec![5, 400]),
        size: TargetSize::Large,
        called: Some("heard".to_owned()),
    }
}
