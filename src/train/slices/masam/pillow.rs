//! The 8-bit image operations of the Pillow library that MA-SAM's augmentation uses, equal to the last bit.

/// An 8-bit grey image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grey {
    /// Rows and columns.
    pub size: [usize; 2],
    /// Row-major values.
    pub pixels: Vec<u8>,
}

/// The place (x, y) of the source that a place of the target shows: x' = a x + b y + c, y' = d x + e y + f.
pub type AffineMap = [f64; 6];

impl Grey {
    /// 0..=1 as 0..=255, cut off below.
    pub fn from_unit(size: [usize; 2], values: &[f32]) -> Self {
        let pixel = |v: &f32| (v.clamp(0.0, 1.0) * 255.0) as u8;
        Self {
            size,
            pixels: values.iter().map(pixel).collect(),
        }
    }

    /// 0..=255 as 0..=1.
    pub fn to_unit(&self) -> Vec<f32> {
        self.pixels.iter().map(|&v| f32::from(v) / 255.0).collect()
    }

    /// Bilinear; 0 where the source has nothing.
    #[must_use]
    pub fn transformed(&self, map: AffineMap) -> Self {
        let [rows, columns] = self.size;
        let mut pixels = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            for column in 0..columns {
                let (x, y) = (column as f64 + 0.5, row as f64 + 0.5);
                let from_x = map[0] * x + map[1] * y + map[2];
                let from_y = map[3] * x + map[4] * y + map[5];
                pixels.push(self.blended_at(from_x, from_y));
            }
        }
        Self { pixels, ..*self }
    }

    fn blended_at(&self, x: f64, y: f64) -> u8 {
        let [rows, columns] = self.size;
        if !(0.0..columns as f64).contains(&x) || !(0.0..rows as f64).contains(&y) {
            return 0;
        }
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, above) = (x.floor(), y.floor());
        let column = |n: isize| (left as isize + n).clamp(0, columns as isize - 1) as usize;
        let line = |row: usize| {
            let row = &self.pixels[row * columns..][..columns];
            let (a, b) = (f64::from(row[column(0)]), f64::from(row[column(1)]));
            a + (b - a) * (x - left)
        };
        let top = line((above as isize).clamp(0, rows as isize - 1) as usize);
        let below = above as isize + 1;
        let bottom = if (0..rows as isize).contains(&below) {
            line(below as usize)
        } else {
            top
        };
        (top + (bottom - top) * (y - above)) as u8
    }

    /// Nearest value; 0 where the source has nothing. Pillow steps through a scaled image in floating point, through any
    /// other in 16 bits after the point.
    #[must_use]
    pub fn transformed_nearest(&self, map: AffineMap) -> Self {
        let [rows, columns] = self.size;
        let mut pixels = vec![0; rows * columns];
        let straight = map[1] == 0.0 && map[3] == 0.0;
        let across = steps(map[2] + map[0] * 0.5, map[0], columns);
        let down = steps(map[5] + map[4] * 0.5, map[4], rows);
        let fixed = FixedMap::new(map);
        for (row, line) in pixels.chunks_exact_mut(columns.max(1)).enumerate() {
            for (column, pixel) in line.iter_mut().enumerate() {
                let (x, y) = if straight {
                    (across[column], down[row])
                } else {
                    fixed.at(column as i64, row as i64)
                };
                if (0..columns as i64).contains(&x) && (0..rows as i64).contains(&y) {
                    *pixel = self.pixels[y as usize * columns + x as usize];
                }
            }
        }
        Self { pixels, ..*self }
    }

    /// Keeps the highest `bits`.
    #[must_use]
    pub fn posterized(&self, bits: u32) -> Self {
        let mask = (256_u32 - (1 << (8 - bits.clamp(1, 8)))) as u8;
        self.mapped(|v| v & mask)
    }

    /// Between black (0) and itself (1), and beyond.
    #[must_use]
    pub fn brightened(&self, factor: f64) -> Self {
        self.mapped(|v| mixed(0, v, factor))
    }

    /// Between its mean (0) and itself (1), and beyond.
    #[must_use]
    pub fn contrasted(&self, factor: f64) -> Self {
        let sum: u64 = self.pixels.iter().map(|&v| u64::from(v)).sum();
        let mean = (sum as f64 / self.pixels.len().max(1) as f64 + 0.5) as u8;
        self.mapped(|v| mixed(mean, v, factor))
    }

    /// Between a smoothed image (0) and itself (1), and beyond.
    #[must_use]
    pub fn sharpened(&self, factor: f64) -> Self {
        let smooth = self.smoothed();
        let pairs = smooth.pixels.iter().zip(&self.pixels);
        Self {
            pixels: pairs.map(|(&s, &v)| mixed(s, v, factor)).collect(),
            ..*self
        }
    }

    fn mapped(&self, change: impl Fn(u8) -> u8) -> Self {
        Self {
            pixels: self.pixels.iter().map(|&v| change(v)).collect(),
            ..*self
        }
    }

    /// Pillow's `SMOOTH`: eight neighbours once, the pixel five times; the outermost pixels stay.
    fn smoothed(&self) -> Self {
        const NEAR: f32 = 1.0 / 13.0;
        const SELF: f32 = 5.0 / 13.0;
        let [rows, columns] = self.size;
        let at = |row: usize, column: usize| f32::from(self.pixels[row * columns + column]);
        let mut pixels = self.pixels.clone();
        for row in 1..rows.saturating_sub(1) {
            for column in 1..columns.saturating_sub(1) {
                let line = |row: usize, middle: f32| {
                    at(row, column - 1) * NEAR
                        + at(row, column) * middle
                        + at(row, column + 1) * NEAR
                };
                let sum = 0.5 + line(row + 1, NEAR) + line(row, SELF) + line(row - 1, NEAR);
                pixels[row * columns + column] = sum.clamp(0.0, 255.0) as u8;
            }
        }
        Self { pixels, ..*self }
    }
}

/// Pillow's blend, in f32 and cut off below.
fn mixed(from: u8, to: u8, factor: f64) -> u8 {
    let (from, to) = (f32::from(from), f32::from(to));
    (from + factor as f32 * (to - from)).clamp(0.0, 255.0) as u8
}

/// Sources of the places of one axis, added up step by step as Pillow does.
fn steps(start: f64, step: f64, count: usize) -> Vec<i64> {
    let mut place = start;
    (0..count)
        .map(|_| {
            let source = if place < 0.0 { -1 } else { place as i64 };
            place += step;
            source
        })
        .collect()
}

/// An affine map in 16 bits after the point.
struct FixedMap([i64; 6]);

impl FixedMap {
    fn new(map: AffineMap) -> Self {
        let fixed = |v: f64| (v * 65536.0 + 0.5).floor() as i64;
        Self([
            fixed(map[0]),
            fixed(map[1]),
            fixed(map[2] + map[0] * 0.5 + map[1] * 0.5),
            fixed(map[3]),
            fixed(map[4]),
            fixed(map[5] + map[3] * 0.5 + map[4] * 0.5),
        ])
    }

    fn at(&self, x: i64, y: i64) -> (i64, i64) {
        let [a, b, c, d, e, f] = self.0;
        ((a * x + b * y + c) >> 16, (d * x + e * y + f) >> 16)
    }
}
