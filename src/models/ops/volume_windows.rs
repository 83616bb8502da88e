//! Attention windows of 3D token grids, moved with one row copy each way.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// Where zeros go when the windows do not tile the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowPadding {
    /// The grid is padded, then shifted: Swin.
    BeforeShift,
    /// The grid is shifted, then padded: 3DSAM-adapter.
    AfterShift,
}

/// A tiling of a token grid by windows, cyclically shifted.
///
/// Windows are in row-major order of their place, tokens inside in row-major order.
#[derive(Debug, Clone)]
pub struct VolumeWindows {
    grid: [usize; 3],
    window: [usize; 3],
    /// For each token of each window where it comes from; `None` is padding.
    sources: Vec<Option<usize>>,
    /// For each token of each window which part of the shifted grid it belongs to; parts do not see each other.
    regions: Vec<usize>,
}

impl VolumeWindows {
    /// Tiles `grid`, rolled by `-shift` along each axis.
    pub fn new(
        grid: [usize; 3],
        window: [usize; 3],
        shift: [usize; 3],
        padding: WindowPadding,
    ) -> Self {
        let axes: [Axis; 3] =
            std::array::from_fn(|d| Axis::new(grid[d], window[d], shift[d], padding));
        let tiles: [usize; 3] = std::array::from_fn(|d| axes[d].sources.len() / window[d]);
        let mut sources = Vec::new();
        let mut regions = Vec::new();
        for tile in places(tiles) {
            for inner in places(window) {
                let at: [usize; 3] = std::array::from_fn(|d| tile[d] * window[d] + inner[d]);
                let from: [Option<usize>; 3] = std::array::from_fn(|d| axes[d].sources[at[d]]);
                let source = match from {
                    [Some(a), Some(b), Some(c)] => Some((a * grid[1] + b) * grid[2] + c),
                    _ => None,
                };
                let [a, b, c] = std::array::from_fn(|d| axes[d].regions[at[d]]);
                let padded_apart = source.is_none() && padding == WindowPadding::AfterShift;
                regions.push(if padded_apart { 0 } else { (a * 3 + b) * 3 + c });
                sources.push(source);
            }
        }
        Self {
            grid,
            window,
            sources,
            regions,
        }
    }

    /// Number of windows.
    pub fn count(&self) -> usize {
        self.sources.len() / self.tokens()
    }

    /// Tokens of one window.
    pub fn tokens(&self) -> usize {
        self.window.iter().product()
    }

    /// Side lengths of one window.
    pub fn window(&self) -> [usize; 3] {
        self.window
    }

    /// Tokens of the grid.
    pub fn grid_tokens(&self) -> usize {
        self.grid.iter().product()
    }

    /// Region of each token, window after window.
    pub fn regions(&self) -> &[usize] {
        &self.regions
    }

    /// The tokens `[grid tokens, c]` of windows `first..first + count` as `[count, window tokens, c]`.
    pub fn partition(&self, x: &Tensor<2>, first: usize, count: usize) -> Tensor<3> {
        let width = x.dims()[1];
        let range = first * self.tokens()..(first + count) * self.tokens();
        let sources = &self.sources[range];
        let device = x.device();
        let zero_row = self.grid_tokens();
        let index = |s: &Option<usize>| s.unwrap_or(zero_row) as i64;
        let rows = if sources.iter().any(Option::is_none) {
            let zeros = Tensor::zeros([1, width], &device);
            Tensor::cat(vec![x.clone(), zeros], 0)
        } else {
            x.clone()
        };
        let rows = rows.select(0, indices(sources.iter().map(index), &device));
        rows.reshape([count, self.tokens(), width])
    }

    /// The inverse of [`Self::partition`] of all windows: `[windows, window tokens, c]` → `[grid tokens, c]`.
    pub fn merge(&self, x: Tensor<3>) -> Tensor<2> {
        let [count, tokens, width] = x.dims();
        let device = x.device();
        let mut places = vec![0i64; self.grid_tokens()];
        for (place, source) in self.sources.iter().enumerate() {
            if let Some(source) = source {
                places[*source] = place as i64;
            }
        }
        let index = indices(places.into_iter(), &device);
        x.reshape([count * tokens, width]).select(0, index)
    }

    /// The largest number of regions that meet in one window.
    pub fn regions_per_window(&self) -> usize {
        let windows = self.regions.chunks(self.tokens());
        windows
            .map(|w| local_regions(w).1)
            .max()
            .unwrap_or_default()
    }

    /// Which of its window's regions each token belongs to, as 0 and 1: `[windows, window tokens, regions]`.
    pub fn region_channels(&self, device: &Device) -> Tensor<3> {
        let regions = self.regions_per_window();
        let mut channels = vec![0.0f32; self.regions.len() * regions];
        for (window, ids) in self.regions.chunks(self.tokens()).enumerate() {
            for (token, local) in local_regions(ids).0.into_iter().enumerate() {
                channels[(window * self.tokens() + token) * regions + local] = 1.0;
            }
        }
        let shape = [self.count(), self.tokens(), regions];
        Tensor::from_data(TensorData::new(channels, shape), device)
    }
}

/// One axis: source and region (0..3) of each place of the padded, shifted axis.
struct Axis {
    sources: Vec<Option<usize>>,
    regions: Vec<usize>,
}

impl Axis {
    fn new(length: usize, window: usize, shift: usize, padding: WindowPadding) -> Self {
        let padded = length.div_ceil(window) * window;
        let masked = match padding {
            WindowPadding::BeforeShift => padded,
            WindowPadding::AfterShift => length,
        };
        let sources = (0..padded).map(|place| {
            let inside = padding == WindowPadding::BeforeShift || place < length;
            let source = (place + shift) % masked;
            (inside && source < length).then_some(source)
        });
        let regions = (0..padded).map(|place| match shift {
            0 => 0,
            _ => usize::from(place + window >= masked) + usize::from(place + shift >= masked),
        });
        Self {
            sources: sources.collect(),
            regions: regions.collect(),
        }
    }
}

/// Regions of a window numbered from 0, and how many there are.
fn local_regions(ids: &[usize]) -> (Vec<usize>, usize) {
    let mut seen: Vec<usize> = Vec::new();
    let local = ids
        .iter()
        .map(|id| {
            seen.iter().position(|s| s == id).unwrap_or_else(|| {
                seen.push(*id);
                seen.len() - 1
            })
        })
        .collect();
    (local, seen.len())
}

fn places([a, b, c]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (0..a).flat_map(move |i| (0..b).flat_map(move |j| (0..c).map(move |k| [i, j, k])))
}

fn indices(values: impl Iterator<Item = i64>, device: &Device) -> Tensor<1, Int> {
    let values: Vec<i64> = values.collect();
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}
