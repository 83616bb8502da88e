//! MA-SAM's augmentation (`dataset.py`, `dataset_bbox.py`): all slices of a window change alike.

use rand::seq::SliceRandom as _;
use rand::{Rng, RngExt as _};

use super::pillow::{AffineMap, Grey};

/// A window of slices with values of 0..=1 and its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Rows and columns.
    pub size: [usize; 2],
    /// Row-major images, one for each slice.
    pub images: Vec<Vec<f32>>,
    /// Their labels.
    pub labels: Vec<Vec<u8>>,
}

/// One of the ten operations of which a sample gets two; the number is the authors' `v`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operation {
    /// Columns move with the row, by this slope about the middle.
    ShearX(f64),
    /// Rows move with the column.
    ShearY(f64),
    /// Zoom about the top left corner.
    Scale(f64),
    /// Shift by a share of the width.
    TranslateX(f64),
    /// Shift by a share of the height.
    TranslateY(f64),
    /// Only the highest bits.
    Posterize(f64),
    /// About the mean.
    Contrast(f64),
    /// About black.
    Brightness(f64),
    /// About a smoothed image.
    Sharpness(f64),
    /// Nothing.
    Identity,
}

impl Operation {
    /// Changes a sample; images are rounded to 8 bits.
    pub fn apply(self, sample: &mut Sample) {
        let [rows, columns] = sample.size.map(|side| side as f64);
        match self {
            Self::ShearX(v) => sample.transform([1.0, v, -v * columns / 2.0, 0.0, 1.0, 0.0]),
            Self::ShearY(v) => sample.transform([1.0, 0.0, 0.0, v, 1.0, -v * rows / 2.0]),
            Self::Scale(v) => sample.transform([v, 0.0, 0.0, 0.0, v, 0.0]),
            Self::TranslateX(v) => sample.transform([1.0, 0.0, v * columns, 0.0, 1.0, 0.0]),
            Self::TranslateY(v) => sample.transform([1.0, 0.0, 0.0, 0.0, 1.0, v * rows]),
            Self::Posterize(v) => sample.change(|image| image.posterized(v as u32)),
            Self::Contrast(v) => sample.change(|image| image.contrasted(v)),
            Self::Brightness(v) => sample.change(|image| image.brightened(v)),
            Self::Sharpness(v) => sample.change(|image| image.sharpened(v)),
            Self::Identity => {}
        }
    }

    /// The ten, with numbers drawn from the authors' ranges; only those that leave every place where it is for `boxes`.
    fn all(rng: &mut impl Rng, boxes: bool) -> Vec<Self> {
        let mut operations = vec![
            Self::Posterize(rng.random_range(4.0..8.99)),
            Self::Contrast(rng.random_range(0.7..1.3)),
            Self::Brightness(rng.random_range(0.7..1.3)),
            Self::Sharpness(rng.random_range(0.1..1.9)),
            Self::Identity,
        ];
        if !boxes {
            operations.extend([
                Self::ShearX(rng.random_range(-0.3..0.3)),
                Self::ShearY(rng.random_range(-0.3..0.3)),
                Self::Scale(rng.random_range(0.8..1.2)),
                Self::TranslateX(rng.random_range(-0.2..0.2)),
                Self::TranslateY(rng.random_range(-0.2..0.2)),
            ]);
        }
        operations
    }
}

/// Augments a sample of the automatic path; only square ones, as the networks want them.
pub fn augment(sample: &mut Sample, rng: &mut impl Rng) {
    if rng.random_bool(0.5) {
        sample.turn_and_flip(rng.random_range(0..4), rng.random_range(0..2));
    }
    if rng.random_bool(0.5) {
        sample.rotate(f64::from(rng.random_range(-15..15)));
    }
    if rng.random_bool(0.5) {
        sample.adjust_light(rng.random_range(0.5..3.5));
    }
    if rng.random_bool(0.5) {
        sample.erase(rng);
    }
    apply_two(sample, rng, false);
}

/// Augments a sample with a box `[x0, y0, x1, y1]` on all of its slices.
pub fn augment_with_box(sample: &mut Sample, corners: [f64; 4], rng: &mut impl Rng) -> [f64; 4] {
    let mut corners = corners;
    if rng.random_bool(0.5) {
        let (turns, axis) = (rng.random_range(0..4), rng.random_range(0..2));
        corners = turned_and_flipped(corners, sample.size, turns, axis);
        sample.turn_and_flip(turns, axis);
    }
    if rng.random_bool(0.5) {
        let angle = f64::from(rng.random_range(-15..15));
        corners = rotated(corners, sample.size, angle);
        sample.rotate(angle);
    }
    if rng.random_bool(0.5) {
        sample.adjust_light(rng.random_range(0.5..3.5));
    }
    apply_two(sample, rng, true);
    corners
}

fn apply_two(sample: &mut Sample, rng: &mut impl Rng, boxes: bool) {
    let mut operations = Operation::all(rng, boxes);
    operations.shuffle(rng);
    for operation in operations.into_iter().take(2) {
        operation.apply(sample);
    }
}

impl Sample {
    fn change(&mut self, change: impl Fn(&Grey) -> Grey) {
        for image in &mut self.images {
            *image = change(&Grey::from_unit(self.size, image)).to_unit();
        }
    }

    fn transform(&mut self, map: AffineMap) {
        self.change(|image| image.transformed(map));
        for labels in &mut self.labels {
            let grey = Grey {
                size: self.size,
                pixels: std::mem::take(labels),
            };
            *labels = grey.transformed_nearest(map).pixels;
        }
    }

    /// Turns by quarters, counter-clockwise, then flips along rows (axis 0) or columns (1).
    pub fn turn_and_flip(&mut self, turns: usize, axis: usize) {
        let turned = |at: &dyn Fn(usize, usize) -> usize, target: [usize; 2]| -> Vec<usize> {
            let [rows, columns] = target;
            (0..rows * columns)
                .map(|n| at(n / columns, n % columns))
                .collect()
        };
        for _ in 0..turns % 4 {
            let [rows, columns] = self.size;
            let from = turned(&|r, c| c * columns + columns - 1 - r, [columns, rows]);
            self.gather(&from);
            self.size = [columns, rows];
        }
        let [rows, columns] = self.size;
        let from = if axis == 0 {
            turned(&|r, c| (rows - 1 - r) * columns + c, self.size)
        } else {
            turned(&|r, c| r * columns + columns - 1 - c, self.size)
        };
        self.gather(&from);
    }

    fn gather(&mut self, from: &[usize]) {
        for image in &mut self.images {
            *image = from.iter().map(|&place| image[place]).collect();
        }
        for labels in &mut self.labels {
            *labels = from.iter().map(|&place| labels[place]).collect();
        }
    }

    /// Rotates about the centre by degrees, nearest value, 0 from outside: `scipy.ndimage.rotate`.
    pub fn rotate(&mut self, degrees: f64) {
        let [rows, columns] = self.size;
        let (sine, cosine) = degrees.to_radians().sin_cos();
        let centre = [(rows as f64 - 1.0) / 2.0, (columns as f64 - 1.0) / 2.0];
        let start = [
            centre[0] - (cosine * centre[0] + sine * centre[1]),
            centre[1] - (-sine * centre[0] + cosine * centre[1]),
        ];
        let from = |row: usize, column: usize| {
            let (i, j) = (row as f64, column as f64);
            let y = start[0] + cosine * i + sine * j;
            let x = start[1] - sine * i + cosine * j;
            let inside =
                (0.0..=rows as f64 - 1.0).contains(&y) && (0.0..=columns as f64 - 1.0).contains(&x);
            inside.then(|| (y + 0.5).floor() as usize * columns + (x + 0.5).floor() as usize)
        };
        let places: Vec<Option<usize>> = (0..rows * columns)
            .map(|n| from(n / columns, n % columns))
            .collect();
        for image in &mut self.images {
            *image = places.iter().map(|p| p.map_or(0.0, |p| image[p])).collect();
        }
        for labels in &mut self.labels {
            *labels = places.iter().map(|p| p.map_or(0, |p| labels[p])).collect();
        }
    }

    /// Gamma on 8-bit values by a table, whose exponent is the inverse.
    pub fn adjust_light(&mut self, gamma: f64) {
        let table: Vec<f32> = (0..=255)
            .map(|n| ((f64::from(n) / 255.0).powf(1.0 / gamma) * 255.0) as u8)
            .map(|v| f32::from(v) / 255.0)
            .collect();
        for value in self.images.iter_mut().flatten() {
            *value = table[usize::from((*value * 255.0) as u8)];
        }
    }

    /// Fills a rectangle of 2 to 5 % of the area with noise, the same on all slices, and takes its labels away.
    pub fn erase(&mut self, rng: &mut impl Rng) {
        let [rows, columns] = self.size;
        let area = (rows * columns) as f64 * rng.random_range(0.02..0.05);
        let ratio: f64 = rng.random_range(0.3..3.3);
        let height = ((area * ratio).sqrt().round() as usize).clamp(1, rows);
        let width = ((area / ratio).sqrt().round() as usize).clamp(1, columns);
        let top = rng.random_range(0..=rows - height);
        let left = rng.random_range(0..=columns - width);
        for row in top..top + height {
            for column in left..left + width {
                let (place, noise) = (row * columns + column, rng.random::<f32>());
                for image in &mut self.images {
                    image[place] = noise;
                }
                for labels in &mut self.labels {
                    labels[place] = 0;
                }
            }
        }
    }
}

/// The box of an image of `size` (rows, columns) after [`Sample::turn_and_flip`].
pub fn turned_and_flipped(
    corners: [f64; 4],
    size: [usize; 2],
    turns: usize,
    axis: usize,
) -> [f64; 4] {
    let ([x0, y0, x1, y1], [mut rows, mut columns]) = (corners, size.map(|side| side as f64));
    let mut corners = [x0, y0, x1, y1];
    for _ in 0..turns % 4 {
        let [x0, y0, x1, y1] = corners;
        corners = [y0, columns - x1, y1, columns - x0];
        (rows, columns) = (columns, rows);
    }
    let [x0, y0, x1, y1] = corners;
    if axis == 0 {
        [x0, rows - y1, x1, rows - y0]
    } else {
        [columns - x1, y0, columns - x0, y1]
    }
}

/// The box around the four rotated corners, after [`Sample::rotate`].
pub fn rotated(corners: [f64; 4], size: [usize; 2], degrees: f64) -> [f64; 4] {
    let [x0, y0, x1, y1] = corners;
    let (sine, cosine) = (-degrees).to_radians().sin_cos();
    let centre = [size[1] as f64 / 2.0, size[0] as f64 / 2.0];
    let mut hull = [
        f64::INFINITY,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NEG_INFINITY,
    ];
    for (x, y) in [(x0, y0), (x0, y1), (x1, y0), (x1, y1)] {
        let (x, y) = (x - centre[0], y - centre[1]);
        let x_turned = centre[0] + x * cosine - y * sine;
        let y_turned = centre[1] + x * sine + y * cosine;
        hull = [
            hull[0].min(x_turned),
            hull[1].min(y_turned),
            hull[2].max(x_turned),
            hull[3].max(y_turned),
        ];
    }
    hull
}
