//! Prompts as the network sees them: voxels in channels, in half precision, later ones stronger than earlier ones.

use std::ops::Range;

use half::f16;

use crate::util::short_debug;

use super::ball::Ball;
use super::capabilities::{Capabilities, PromptKind};

/// Where something lies along the three axes, half-open.
pub type Bounds = [Range<usize>; 3];

/// The strongest prompt that half precision can hold, and what it becomes when the next one would be stronger.
const STRONGEST: f64 = 65504.0;
const LOWERED: f64 = 6550.4;

/// One channel. Only the box around its prompts is held: everything else is 0.
#[derive(Clone, Default)]
pub struct Channel {
    bounds: Bounds,
    values: Vec<f16>,
}

short_debug! {
    Channel: |channel| format_args!("prompts in {:?}", channel.bounds);
}

impl Channel {
    /// A channel that is given whole.
    ///
    /// # Panics
    /// When the values do not fill `dims`.
    pub fn of_whole(values: Vec<f16>, dims: [usize; 3]) -> Self {
        assert_eq!(
            values.len(),
            dims.iter().product::<usize>(),
            "a channel fills the image"
        );
        Self {
            bounds: dims.map(|length| 0..length),
            values,
        }
    }

    /// Where it may be other than 0; empty where there is no prompt.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// The values within the bounds.
    pub fn values(&self) -> &[f16] {
        &self.values
    }

    /// All values of an image of these lengths.
    pub fn whole(&self, dims: [usize; 3]) -> Vec<f16> {
        let mut whole = vec![f16::ZERO; dims.iter().product()];
        for ([plane, row], from) in self.rows(&self.bounds) {
            let at = (plane * dims[1] + row) * dims[2] + self.bounds[2].start;
            let length = self.bounds[2].len();
            whole[at..at + length].copy_from_slice(&self.values[from..from + length]);
        }
        whole
    }

    /// Changes the values of a part, row by row: `change` gets plane, row and the row's values.
    fn change(&mut self, part: &Bounds, mut change: impl FnMut(usize, usize, &mut [f16])) {
        if part.iter().any(Range::is_empty) {
            return;
        }
        self.grow(part);
        let length = part[2].len();
        for ([plane, row], at) in self.rows(part) {
            change(plane, row, &mut self.values[at..at + length]);
        }
    }

    /// Plane and row of each row of a part within the bounds, and where it begins among the values.
    fn rows(&self, part: &Bounds) -> impl Iterator<Item = ([usize; 2], usize)> + use<> {
        let (bounds, part) = (self.bounds.clone(), part.clone());
        let (rows, columns) = (bounds[1].len(), bounds[2].len());
        let starts = bounds.map(|range| range.start);
        let shift = part[2].start - starts[2];
        part[0].clone().flat_map(move |plane| {
            part[1].clone().map(move |row| {
                let at = ((plane - starts[0]) * rows + row - starts[1]) * columns + shift;
                ([plane, row], at)
            })
        })
    }

    fn grow(&mut self, part: &Bounds) {
        if self.values.is_empty() {
            self.bounds = part.clone();
            self.values = vec![f16::ZERO; part.iter().map(Range::len).product()];
            return;
        }
        let joined: Bounds = std::array::from_fn(|d| {
            self.bounds[d].start.min(part[d].start)..self.bounds[d].end.max(part[d].end)
        });
        if joined == self.bounds {
            return;
        }
        let mut grown = Self {
            values: vec![f16::ZERO; joined.iter().map(Range::len).product()],
            bounds: joined,
        };
        let length = self.bounds[2].len();
        let rows = grown.rows(&self.bounds).zip(self.values.chunks(length));
        let rows: Vec<_> = rows.collect();
        for ((_, at), row) in rows {
            grown.values[at..at + length].copy_from_slice(row);
        }
        *self = grown;
    }

    /// Sets a part to a value, whatever was there.
    pub fn fill(&mut self, part: &Bounds, value: f16) {
        self.change(part, |_, _, row| row.fill(value));
    }

    /// A ball around a voxel, which may lie beyond the image; stronger voxels stay.
    pub fn put_ball(&mut self, ball: &Ball, centre: [i64; 3], dims: [usize; 3], intensity: f64) {
        let radius = ball.radius as i64;
        let part: Bounds = std::array::from_fn(|d| {
            let clip = |at: i64| at.clamp(0, dims[d] as i64) as usize;
            clip(centre[d] - radius)..clip(centre[d] + radius + 1)
        });
        let first_column = part[2].start as i64;
        self.change(&part, |plane, row, values| {
            let of_ball = |at: i64, d: usize| (at - centre[d] + radius) as usize;
            let line = ball.line(of_ball(plane as i64, 0), of_ball(row as i64, 1));
            let line = &line[of_ball(first_column, 2)..];
            for (value, share) in values.iter_mut().zip(line) {
                *value = value.max(f16::from_f64(share * intensity));
            }
        });
    }

    /// A mask (0 or not) that fills a part; stronger voxels stay.
    pub fn put_mask(&mut self, mask: &[u8], part: &Bounds, intensity: f64) {
        let strength = f16::from_f64(intensity);
        let mut rows = mask.chunks(part[2].len().max(1));
        self.change(part, |_, _, values| {
            for (value, &inside) in values.iter_mut().zip(rows.next().unwrap_or_default()) {
                if inside != 0 {
                    *value = value.max(strength);
                }
            }
        });
    }

    fn scale(&mut self, factor: f32) {
        for value in &mut self.values {
            *value = f16::from_f32(value.to_f32() * factor);
        }
    }
}

/// What is drawn.
#[derive(Clone)]
pub enum Shape {
    /// A voxel, which may lie beyond the image.
    Point([i64; 3]),
    /// First and last voxel plus one along each axis, which may lie beyond the image; one voxel thick along an axis, or
    /// not.
    Box([[i64; 2]; 3]),
    /// A stroke: a mask that fills a part of the image.
    Scribble(Bounds, Vec<u8>),
    /// A closed contour, filled: a mask that fills a part of the image.
    Lasso(Bounds, Vec<u8>),
}

short_debug! {
    Shape: |shape| format_args!("{}", match shape {
        Shape::Point(_) => "point",
        Shape::Box(_) => "box",
        Shape::Scribble(..) => "scribble",
        Shape::Lasso(..) => "lasso",
    });
}

impl Shape {
    /// Its kind.
    pub fn kind(&self, capabilities: &Capabilities) -> PromptKind {
        match self {
            Self::Point(_) => PromptKind::Point,
            Self::Scribble(..) => PromptKind::Scribble,
            Self::Lasso(..) => PromptKind::Lasso,
            Self::Box(corners) => {
                let flat = corners.iter().any(|[first, end]| end - first == 1);
                if flat && capabilities.pair(PromptKind::FlatBox).is_some() {
                    PromptKind::FlatBox
                } else {
                    PromptKind::Box
                }
            }
        }
    }
}

/// Where the network looks, and how far away from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gaze {
    /// The voxel in the middle.
    pub centre: [i64; 3],
    /// Side of the looked-at part over that of the network's patch.
    pub zoom: f64,
}

impl Gaze {
    /// To see the whole of something with some of what is around it.
    pub fn at(bounds: [[i64; 2]; 3], patch: [usize; 3]) -> Self {
        let centre =
            bounds.map(|[first, end]| ((first + end) as f64 / 2.0).round_ties_even() as i64);
        let zoom = |d: usize| {
            let size = bounds[d][1] - bounds[d][0] + (patch[d] / 3) as i64;
            size as f64 / patch[d] as f64
        };
        Self {
            centre,
            zoom: (0..3).map(zoom).fold(1.0, f64::max),
        }
    }
}

/// The prompts of one target.
#[derive(Clone)]
pub struct Prompts {
    dims: [usize; 3],
    channels: Vec<Channel>,
    intensity: f64,
}

short_debug! {
    Prompts: |prompts| format_args!("prompts on {:?}", prompts.dims);
}

impl Prompts {
    /// None yet, on an image of these lengths.
    pub fn new(dims: [usize; 3], capabilities: &Capabilities) -> Self {
        Self {
            dims,
            channels: vec![Channel::default(); capabilities.channels],
            intensity: 1.0,
        }
    }

    /// Channels that are given whole, the one of the segmentation so far among them, with the newest prompt's strength.
    pub fn of_channels(dims: [usize; 3], channels: Vec<Channel>, intensity: f64) -> Self {
        Self {
            dims,
            channels,
            intensity,
        }
    }

    /// The channels; that of the segmentation so far is empty.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// Strength of the newest prompt.
    pub fn intensity(&self) -> f64 {
        self.intensity
    }

    /// A stored value as the network sees it: the newest prompt has 1.
    pub fn seen(&self, value: f16) -> f16 {
        f16::from_f32(value.to_f32() / self.intensity as f32)
    }

    /// Adds a prompt; where it makes the network look, if anywhere (an empty mask does not).
    ///
    /// # Errors
    /// A kind that the model does not take, in words.
    pub fn add(
        &mut self,
        shape: &Shape,
        positive: bool,
        capabilities: &Capabilities,
        patch: [usize; 3],
    ) -> Result<Option<Gaze>, String> {
        let kind = shape.kind(capabilities);
        let pair = capabilities
            .pair(kind)
            .ok_or_else(|| format!("the model does not take a {}", kind.title()))?;
        self.strengthen(capabilities.decay);
        let channel = &mut self.channels[pair[usize::from(!positive)]];
        Ok(match shape {
            Shape::Point(centre) => {
                let ball = Ball::new(capabilities.point_radius);
                channel.put_ball(&ball, *centre, self.dims, self.intensity);
                Some(Gaze {
                    centre: *centre,
                    zoom: 1.0,
                })
            }
            Shape::Box(corners) => {
                let part = clipped(*corners, self.dims);
                channel.fill(&part, f16::from_f64(self.intensity));
                let as_corners = part.map(|range| [range.start as i64, range.end as i64]);
                Some(Gaze::at(as_corners, patch))
            }
            Shape::Scribble(part, mask) | Shape::Lasso(part, mask) => {
                channel.put_mask(mask, part, self.intensity);
                bounds_within(mask, part).map(|bounds| Gaze::at(bounds, patch))
            }
        })
    }

    /// Before a prompt, which is stronger than all before it.
    fn strengthen(&mut self, decay: f64) {
        self.intensity /= decay;
        if self.intensity > STRONGEST {
            let factor = (LOWERED / self.intensity) as f32;
            self.channels
                .iter_mut()
                .for_each(|channel| channel.scale(factor));
            self.intensity = LOWERED;
        }
    }
}

/// A box within the image, at least one voxel thick.
fn clipped(corners: [[i64; 2]; 3], dims: [usize; 3]) -> Bounds {
    std::array::from_fn(|d| {
        let clip = |at: i64| at.clamp(0, dims[d] as i64) as usize;
        let (first, end) = (clip(corners[d][0]), clip(corners[d][1]));
        if first < end {
            first..end
        } else if end == 0 {
            0..1
        } else {
            end - 1..end
        }
    })
}

/// Where a mask that fills a part is set.
fn bounds_within(mask: &[u8], part: &Bounds) -> Option<[[i64; 2]; 3]> {
    mask.iter().any(|&m| m != 0).then(|| {
        let dims = part.clone().map(|range| range.len());
        let found = crate::models::nnunet::arrays::crop::bounds(mask, dims);
        std::array::from_fn(|d| {
            let first = part[d].start;
            [
                (first + found[d].start) as i64,
                (first + found[d].end) as i64,
            ]
        })
    })
}
