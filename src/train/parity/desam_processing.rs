//! Recordings of DeSAM's preparation of volumes and selection of masks.

use burn::tensor::Device;

use crate::models::desam::{
    Candidate, SelectionConfig, UpAndDown, encoder_input, finished, passing, resize_grey,
    resize_labels, volume_to_grey, without_overlaps,
};

use super::{Check, Fixture, Kind, Limit, ParityError};

/// The kinds of this file.
pub(super) const KINDS: &[Kind] = &[
    ("desam_amg_post", mask_selection),
    ("desam_preproc", preparation),
];

const EXACT: Limit = Limit::MaxAbs(0.0);
const MEAN: [f32; 3] = [123.675, 116.28, 103.53];
const STD: [f32; 3] = [58.395, 57.12, 57.375];

/// What the selection does with a set of masks, compared step by step.
pub(super) struct SelectionRun {
    /// Side of the maps.
    pub side: usize,
    /// Side of the encoder's image.
    pub image_side: usize,
    /// Points of the prompts, x and y.
    pub points: Vec<[f32; 2]>,
    /// Thresholds.
    pub config: SelectionConfig,
    /// Pixels that are cleared along each border for scoring.
    pub border: usize,
}

impl SelectionRun {
    /// From `/orig_size`, `/img_size`, `/grid` and the thresholds of the configuration.
    pub fn of(fixture: &Fixture) -> Result<Self, ParityError> {
        let side = fixture.setting("/orig_size")?;
        let region = fixture
            .setting("/min_mask_region_area")
            .or_else(|_| fixture.setting("/min_area"))?;
        Ok(Self {
            side,
            image_side: fixture.setting("/img_size")?,
            points: grid_points(fixture.setting("/grid")?, side),
            config: SelectionConfig {
                least_iou: fixture.setting("/pred_iou_thresh")?,
                least_region: region,
                most_overlap: fixture.setting("/box_nms_thresh").unwrap_or(0.7),
                stability_offset: fixture.setting("/stability_score_offset").unwrap_or(1.0),
            },
            border: fixture.setting("/edge_set_zero")?,
        })
    }

    /// The maps at the image's resolution.
    pub fn upscaled(&self, logits: &[f32]) -> Vec<f32> {
        UpAndDown::new(self.side, self.image_side).apply(logits)
    }

    /// Compares the columns of `table`, named as in the recording, where it has them.
    pub fn compare(
        &self,
        check: &mut Check,
        fixture: &Fixture,
        records: &[Candidate],
        table: &[(&str, Column)],
        slack: Option<&Slack<'_>>,
    ) -> Result<(), ParityError> {
        let count = records.len();
        for (name, column) in table {
            if !fixture.contains(name) {
                continue;
            }
            let found: Vec<f32> = records
                .iter()
                .flat_map(|r| column.values(r, &self.points))
                .collect();
            let shape = match column {
                Column::Mask => vec![count, self.side, self.side],
                Column::Iou | Column::Stability | Column::Area => vec![count],
                Column::Bounds | Column::Box => vec![count, 4],
                Column::Point => vec![count, 2],
            };
            let most = |pixels: fn(&Slack<'_>, &Candidate) -> f64| {
                let slack = slack.map(|s| records.iter().map(|r| pixels(s, r)).fold(0.0, f64::max));
                slack.unwrap_or(0.0)
            };
            let tolerance = match column {
                Column::Mask => {
                    let expected = fixture.host(name)?;
                    let found = self.settled(&expected.data, found, records, slack);
                    check.host(name, &expected, &shape, &found, EXACT);
                    continue;
                }
                Column::Iou => 1e-5,
                Column::Stability => 1e-5 + most(|s, r| s.stability_slack(r)),
                Column::Area => most(|s, r| s.pixels(r, 0.0) as f64),
                Column::Bounds | Column::Box => most(|s, r| s.pixels(r, 0.0).min(1) as f64),
                Column::Point => 0.0,
            };
            check.values(fixture, name, &shape, &found, Limit::MaxAbs(tolerance))?;
        }
        Ok(())
    }

    /// Compares the record that is scored, its border cleared.
    pub fn compare_final(
        &self,
        check: &mut Check,
        fixture: &Fixture,
        records: &[Candidate],
        slack: Option<&Slack<'_>>,
    ) -> Result<(), ParityError> {
        let name = "out/final_mask";
        let expected = fixture.host(name)?;
        let first = records.first();
        let whole = first.map(|r| Column::Mask.values(r, &self.points));
        let whole = whole.unwrap_or_else(|| vec![0.0; self.side * self.side]);
        let inner = self.border..self.side - self.border;
        let cleared = whole.into_iter().enumerate().map(|(pixel, value)| {
            let (x, y) = (pixel % self.side, pixel / self.side);
            let kept = inner.contains(&x) && inner.contains(&y);
            if kept { value } else { 0.0 }
        });
        let records = &records[..records.len().min(1)];
        let found = self.settled(&expected.data, cleared.collect(), records, slack);
        check.host(name, &expected, &[self.side; 2], &found, EXACT);
        Ok(())
    }

    /// Masks with the expectation wherever a logit is too near to 0 to tell.
    fn settled(
        &self,
        expected: &[f32],
        mut found: Vec<f32>,
        records: &[Candidate],
        slack: Option<&Slack<'_>>,
    ) -> Vec<f32> {
        let plane = self.side * self.side;
        if let (Some(slack), true) = (slack, expected.len() == found.len()) {
            for (pixel, value) in found.iter_mut().enumerate() {
                let Some(record) = records.get(pixel / plane) else {
                    continue;
                };
                if slack.is_near(record, pixel % plane, 0.0) {
                    *value = expected[pixel];
                }
            }
        }
        found
    }
}

/// How far a comparison of masks forgives: where a logit is as near to a threshold as logits may be off.
pub(super) struct Slack<'a> {
    /// Maps of all prompts.
    pub logits: &'a [f32],
    /// How far they may be off.
    pub tolerance: f32,
}

impl Slack<'_> {
    fn map(&self, record: &Candidate) -> &[f32] {
        let plane = record.mask.len();
        // Copies of one prompt share its map.
        let prompt = record.prompt.min(self.logits.len() / plane - 1);
        &self.logits[prompt * plane..][..plane]
    }

    fn is_near(&self, record: &Candidate, pixel: usize, threshold: f32) -> bool {
        (self.map(record)[pixel] - threshold).abs() < self.tolerance
    }

    fn pixels(&self, record: &Candidate, threshold: f32) -> usize {
        let pixels = 0..record.mask.len();
        pixels
            .filter(|&pixel| self.is_near(record, pixel, threshold))
            .count()
    }

    fn stability_slack(&self, record: &Candidate) -> f64 {
        let near = self.pixels(record, 1.0) + self.pixels(record, -1.0);
        let wide = self.map(record).iter().filter(|&&v| v > -1.0).count();
        near as f64 / wide.max(1) as f64
    }
}

/// A quantity of a record.
#[derive(Clone, Copy)]
pub(super) enum Column {
    /// Predicted IoU.
    Iou,
    /// Stability score, -1 where there is none.
    Stability,
    /// Pixels.
    Area,
    /// Corners.
    Bounds,
    /// First corner, width, height.
    Box,
    /// The prompt's point.
    Point,
    /// All pixels.
    Mask,
}

impl Column {
    fn values(self, record: &Candidate, points: &[[f32; 2]]) -> Vec<f32> {
        let [x0, y0, x1, y1] = record.bounds;
        match self {
            Self::Iou => vec![record.predicted_iou],
            Self::Stability if record.stability.is_nan() => vec![-1.0],
            Self::Stability => vec![record.stability],
            Self::Area => vec![record.area() as f32],
            Self::Bounds => vec![x0, y0, x1, y1],
            Self::Box => vec![x0, y0, x1 - x0, y1 - y0],
            Self::Point => points[record.prompt].to_vec(),
            Self::Mask => record
                .mask
                .iter()
                .map(|&m| f32::from(u8::from(m)))
                .collect(),
        }
    }
}

/// The columns of the final records.
pub(super) const RECORDS: &[(&str, Column)] = &[
    ("out/area", Column::Area),
    ("out/areas", Column::Area),
    ("out/bbox_xywh", Column::Box),
    ("out/point_coords", Column::Point),
    ("out/predicted_iou", Column::Iou),
    ("out/stability_score", Column::Stability),
    ("out/segmentations", Column::Mask),
];

/// The centres of `n` × `n` cells of a map of `side`, x fastest.
pub(super) fn grid_points(n: usize, side: usize) -> Vec<[f32; 2]> {
    let place = |k: usize| ((k as f64 + 0.5) / n as f64 * side as f64) as f32;
    (0..n * n).map(|p| [place(p % n), place(p / n)]).collect()
}

fn mask_selection(fixture: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    let run = SelectionRun::of(fixture)?;
    let logits = run.upscaled(&fixture.host("in/low_res_logits")?.data);
    let ious = fixture.host("in/iou_preds")?.data;
    let filtered = passing(&logits, &ious, run.side, &run.config);
    let columns = [
        ("mid/iou_after_filter", Column::Iou),
        ("mid/points_after_filter", Column::Point),
    ];
    run.compare(check, fixture, &filtered, &columns, None)?;
    let apart = without_overlaps(filtered, &run.config);
    let columns = [
        ("mid/after_nms_boxes_xyxy", Column::Bounds),
        ("mid/after_nms_iou", Column::Iou),
        ("mid/after_nms_points", Column::Point),
        ("mid/after_nms_stability_score", Column::Stability),
        ("mid/after_nms_masks", Column::Mask),
    ];
    run.compare(check, fixture, &apart, &columns, None)?;
    let records = finished(apart, run.side, &run.config);
    run.compare(check, fixture, &records, RECORDS, None)?;
    run.compare_final(check, fixture, &records, None)
}

fn preparation(fixture: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    let side: usize = fixture.setting("/image_size")?;
    let image_side: usize = fixture.setting("/img_size")?;
    let label: f32 = fixture.setting("/label_id")?;
    let volume = fixture.host("in/volume_zyx")?;
    let labels = fixture.host("in/label_zyx")?;
    let [depth, rows, columns] = <[usize; 3]>::try_from(volume.shape.as_slice())
        .map_err(|e| ParityError::NotUnderstood(e.to_string()))?;
    let plane = rows * columns;
    let grey = volume_to_grey(&volume.data);
    let wanted = |z: usize| -> Vec<u8> {
        let slice = &labels.data[z * plane..][..plane];
        slice.iter().map(|&l| u8::from(l == label)).collect()
    };
    let labelled: Vec<usize> = (0..depth).filter(|&z| wanted(z).contains(&1)).collect();
    // The authors leave the last labelled slice out.
    let kept = &labelled[..labelled.len().saturating_sub(1)];
    let (mut images, mut truths, mut large, mut first) = (vec![], vec![], vec![], None);
    for &z in kept {
        let image = resize_grey(&grey[z * plane..][..plane], [rows, columns], side);
        let (input, planes) = encoder_input(&image, 1, (side, image_side), MEAN, STD);
        let plane = planes.into_iter().take(image_side * image_side);
        large.extend(plane.map(f32::from));
        truths.extend(resize_labels(&wanted(z), [rows, columns], side));
        images.extend(image);
        first.get_or_insert(input);
    }
    let floats = |v: Vec<u8>| v.into_iter().map(f32::from).collect::<Vec<f32>>();
    let (n, shape) = (kept.len(), [kept.len(), side, side]);
    check.values(fixture, "out/imgs_channel0", &shape, &floats(images), EXACT)?;
    check.values(fixture, "out/gts", &shape, &floats(truths), EXACT)?;
    let shape = [n, image_side, image_side];
    check.values(fixture, "mid/resized_u8_channel0", &shape, &large, EXACT)?;
    let shape = [1, 3, image_side, image_side];
    let limit = Limit::MaxAbs(2e-5);
    let first = first.unwrap_or_default();
    check.values(fixture, "out/input_image_first", &shape, &first, limit)
}
