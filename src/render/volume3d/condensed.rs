//! Scan and labels in textures small enough to be looked through whole: a texel is a block of voxels.
//!
//! They are filled a few million voxels a frame, so that no frame waits for them.

use std::ops::Range;

use half::f16;

use crate::geometry::VoxelBox;
use crate::volume::{ImageVolume, Modality};
use crate::with_voxels;

use crate::render::context::RenderContext;
use crate::render::scene::Scene;
use crate::render::volume_texture::{extent, volume_texture};

use super::seen::Seen;

/// Voxels read in one frame.
const VOXELS_A_FRAME: usize = 6 << 20;

/// How voxels are gathered in texels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blocks {
    /// Voxels along i, j, k.
    pub(super) dims: [usize; 3],
    /// Voxels for each texel along i, j, k.
    pub(super) voxels: [usize; 3],
}

impl Blocks {
    /// At most `side` texels along every axis.
    pub(super) fn new(dims: [usize; 3], side: usize) -> Self {
        Self {
            dims,
            voxels: dims.map(|n| n.div_ceil(side.max(1)).max(1)),
        }
    }

    /// Texels along x, y, z.
    pub(super) fn texels(&self) -> [usize; 3] {
        std::array::from_fn(|d| self.dims[d].div_ceil(self.voxels[d]))
    }

    /// The texels that voxels of this box are in.
    fn texels_of(&self, voxels: VoxelBox) -> VoxelBox {
        let texel = |v: [i64; 3]| std::array::from_fn(|d| v[d] / self.voxels[d] as i64);
        VoxelBox {
            min: texel(voxels.min),
            max: texel(voxels.max),
        }
    }

    /// The voxels of a texel along an axis.
    fn range(&self, axis: usize, texel: usize) -> Range<usize> {
        let first = texel * self.voxels[axis];
        first..(first + self.voxels[axis]).min(self.dims[axis])
    }
}

/// A texture that is being filled.
#[derive(Debug)]
struct Filled {
    texture: wgpu::Texture,
    view: wgpu::TextureView,
}

impl Filled {
    fn new(context: &RenderContext, blocks: Blocks, format: wgpu::TextureFormat) -> Self {
        let (texture, view) = volume_texture(&context.device, blocks.texels(), format);
        Self { texture, view }
    }

    /// Writes the texels of a box.
    fn write<T: bytemuck::Pod>(&self, context: &RenderContext, of: VoxelBox, texels: &[T]) {
        let [x, y, z] = of.min.map(|v| v as u32);
        let size = of.size();
        context.queue.write_texture(
            wgpu::TexelCopyTextureInfo {
                texture: &self.texture,
                mip_level: 0,
                origin: wgpu::Origin3d { x, y, z },
                aspect: wgpu::TextureAspect::All,
            },
            bytemuck::cast_slice(texels),
            wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some((size[0] * size_of::<T>()) as u32),
                rows_per_image: Some(size[1] as u32),
            },
            extent(size),
        );
    }
}

/// The next planes of what waits to be filled, as many as a frame has time for; the rest goes on waiting.
fn next(pending: &mut Option<VoxelBox>, blocks: Blocks) -> Option<VoxelBox> {
    let all = pending.take()?;
    let [width, height, depth] = all.size();
    let voxels: usize = width * height * blocks.voxels.iter().product::<usize>();
    let planes = (VOXELS_A_FRAME / voxels.max(1)).clamp(1, depth);
    let mut now = all;
    now.max[2] = now.min[2] + planes as i64 - 1;
    if planes < depth {
        let mut rest = all;
        rest.min[2] = now.max[2] + 1;
        *pending = Some(rest);
    }
    Some(now)
}

/// The scan: means of blocks, over [`Self::unit`].
#[derive(Debug)]
pub(super) struct CondensedScan {
    filled: Filled,
    blocks: Blocks,
    pending: Option<VoxelBox>,
    /// The value that the texture holds as 1.
    pub(super) unit: f64,
    pub(super) version: u64,
}

impl CondensedScan {
    /// An empty texture; `width` is that of a window that suits the scan.
    pub(super) fn new(
        context: &RenderContext,
        image: &ImageVolume,
        width: f64,
        side: usize,
    ) -> Self {
        let blocks = Blocks::new(image.grid().dims, side);
        Self {
            filled: Filled::new(context, blocks, wgpu::TextureFormat::R16Float),
            blocks,
            pending: Some(VoxelBox::whole(blocks.texels())),
            unit: match image.modality() {
                Modality::Ct => 1000.0,
                Modality::Mr | Modality::Pet => width.max(f64::MIN_POSITIVE),
            },
            version: 0,
        }
    }

    pub(super) fn view(&self) -> &wgpu::TextureView {
        &self.filled.view
    }

    pub(super) fn blocks(&self) -> Blocks {
        self.blocks
    }

    pub(super) fn is_filling(&self) -> bool {
        self.pending.is_some()
    }

    /// Fills some more of it.
    pub(super) fn fill(&mut self, context: &RenderContext, image: &ImageVolume) {
        let Some(now) = next(&mut self.pending, self.blocks) else {
            return;
        };
        let rescale = image.rescale();
        let (scale, offset) = (rescale.slope / self.unit, rescale.intercept / self.unit);
        let texel = |mean: f64| f16::from_f64((mean * scale + offset).clamp(-6e4, 6e4)).to_bits();
        let blocks = self.blocks;
        let texels: Vec<u16> =
            with_voxels!(image.voxels(), v => means(blocks, now, |at| v[at] as f64, texel));
        self.filled.write(context, now, &texels);
        self.version += 1;
    }
}

/// The mean of every block; what is no number counts as 0.
fn means(
    blocks: Blocks,
    of: VoxelBox,
    value: impl Fn(usize) -> f64,
    texel: impl Fn(f64) -> u16,
) -> Vec<u16> {
    let [width, height, depth] = of.size();
    let mut texels = Vec::with_capacity(width * height * depth);
    let [ni, nj, _] = blocks.dims;
    let mut sums = vec![0.0; width];
    for k in of.min[2]..=of.max[2] {
        for j in of.min[1]..=of.max[1] {
            sums.fill(0.0);
            let (rows, planes) = (blocks.range(1, j as usize), blocks.range(2, k as usize));
            let count = rows.len() * planes.len();
            for (row, plane) in planes.flat_map(|k| rows.clone().map(move |j| (j, k))) {
                let start = ni * (row + nj * plane);
                for (sum, i) in sums.iter_mut().zip(of.min[0]..) {
                    for at in blocks.range(0, i as usize) {
                        let value = value(start + at);
                        *sum += if value.is_finite() { value } else { 0.0 };
                    }
                }
            }
            let means = sums.iter().zip(of.min[0]..).map(|(sum, i)| {
                let count = count * blocks.range(0, i as usize).len();
                texel(sum / count as f64)
            });
            texels.extend(means);
        }
    }
    texels
}

/// The labels that are shown: how much of each block is labelled, and as what.
#[derive(Debug)]
pub(super) struct CondensedLabels {
    labelled: Filled,
    labels: Filled,
    blocks: Blocks,
    pending: Option<VoxelBox>,
    /// Voxels around all that was ever labelled.
    around: Option<VoxelBox>,
    pub(super) version: u64,
}

impl CondensedLabels {
    pub(super) fn new(context: &RenderContext, blocks: Blocks) -> Self {
        Self {
            labelled: Filled::new(context, blocks, wgpu::TextureFormat::R8Unorm),
            labels: Filled::new(context, blocks, wgpu::TextureFormat::R16Uint),
            blocks,
            pending: Some(VoxelBox::whole(blocks.texels())),
            around: None,
            version: 0,
        }
    }

    /// The textures of shares and of label values.
    pub(super) fn views(&self) -> [&wgpu::TextureView; 2] {
        [&self.labelled.view, &self.labels.view]
    }

    /// A box of voxels outside of which there is no label.
    pub(super) fn around(&self) -> Option<VoxelBox> {
        self.around
    }

    pub(super) fn is_filling(&self) -> bool {
        self.pending.is_some()
    }

    /// Voxels in this box are labelled otherwise.
    pub(super) fn changed(&mut self, voxels: VoxelBox) {
        let texels = self.blocks.texels_of(voxels);
        self.pending = Some(self.pending.map_or(texels, |pending| pending.union(texels)));
    }

    /// Fills some more of it; `colors` says which label values are shown.
    pub(super) fn fill(&mut self, context: &RenderContext, scene: &Scene<'_>, colors: &[[u8; 4]]) {
        let Some(now) = next(&mut self.pending, self.blocks) else {
            return;
        };
        let count = now.size().iter().product();
        let mut shares: Vec<u8> = Vec::with_capacity(count);
        let mut values: Vec<u16> = Vec::with_capacity(count);
        let seen = Seen::new(scene, colors);
        for k in now.min[2]..=now.max[2] {
            for j in now.min[1]..=now.max[1] {
                for i in now.min[0]..=now.max[0] {
                    let texel = [i, j, k].map(|v| v as usize);
                    let (share, value) = labelled(&seen, self.blocks, texel);
                    if share > 0 {
                        let [i, j, k]: [Range<usize>; 3] =
                            std::array::from_fn(|d| self.blocks.range(d, texel[d]));
                        let block = VoxelBox {
                            min: [i.start, j.start, k.start].map(|v| v as i64),
                            max: [i.end - 1, j.end - 1, k.end - 1].map(|v| v as i64),
                        };
                        self.around = Some(self.around.map_or(block, |all| all.union(block)));
                    }
                    shares.push(share);
                    values.push(value);
                }
            }
        }
        self.labelled.write(context, now, &shares);
        self.labels.write(context, now, &values);
        self.version += 1;
    }
}

/// How much of a block is labelled (255 is all of it), and the label of its last such voxel.
fn labelled(seen: &Seen<'_>, blocks: Blocks, texel: [usize; 3]) -> (u8, u16) {
    let [ni, nj, _] = blocks.dims;
    let (mut labelled, mut count, mut last) = (0, 0, 0);
    for k in blocks.range(2, texel[2]) {
        for j in blocks.range(1, texel[1]) {
            for i in blocks.range(0, texel[0]) {
                count += 1;
                let label = seen.label(i + ni * (j + nj * k));
                if label != 0 {
                    labelled += 1;
                    last = label;
                }
            }
        }
    }
    ((labelled * 255 / count) as u8, last)
}
