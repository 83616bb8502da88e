//! One layer of a scene (scan, labels or proposal) on the graphics device.
//!
//! Where it fits, the whole volume is one 3D texture, uploaded a few megabytes per frame so that no frame
//! waits for it. Until that is done, and always for volumes beyond the device's limits, each view has the
//! slice that it shows as a texture of its own; a slice too large even for that is cut to the visible part
//! and, if need be, thinned out. So does a view of a slab, whose slices are taken together. Several label layers are always slices, one behind the other in the texture.

use std::collections::HashMap;

use crate::geometry::{SliceView, VoxelBox};

use super::context::RenderContext;
use super::slab::SlabSlices;
use super::texel::Source;

/// Upload work of one call; three views make about 24 MiB per frame.
pub(super) const UPLOAD_BYTES: usize = 8 << 20;

/// A layer's textures.
#[derive(Debug, Default)]
pub(super) struct Layer {
    whole: Option<Whole>,
    /// The device refused the whole volume: do not try again.
    is_refused: bool,
    slices: HashMap<u64, SliceTexture>,
    versions: Versions,
    /// Whether the last scene had this layer; what is hidden uploads nothing.
    is_shown: bool,
}

#[derive(Debug)]
struct Whole {
    texture: wgpu::Texture,
    view: wgpu::TextureView,
    /// Voxels not yet uploaded.
    pending: Option<VoxelBox>,
}

#[derive(Debug)]
struct SliceTexture {
    texture: wgpu::Texture,
    view: wgpu::TextureView,
    holds: Part,
    /// The slices that it was made of, where they are several.
    slab: Option<SlabSlices>,
    version: u64,
}

/// Counts changes of the voxels, for each slice along each axis, so that pictures and textures of a slice know when
/// they are stale.
#[derive(Debug, Default)]
struct Versions {
    latest: u64,
    /// Of the slices that did not change since the layer was new.
    first: u64,
    of_slices: [HashMap<i64, u64>; 3],
}

impl Versions {
    /// All voxels are others.
    fn begin_anew(&mut self) {
        self.latest += 1;
        self.first = self.latest;
        self.of_slices = Default::default();
    }

    fn changed(&mut self, of: VoxelBox) {
        self.latest += 1;
        for (axis, slices) in self.of_slices.iter_mut().enumerate() {
            slices.extend((of.min[axis]..=of.max[axis]).map(|slice| (slice, self.latest)));
        }
    }

    fn of(&self, normal: usize, slice: i64) -> u64 {
        let slices = &self.of_slices[normal];
        slices.get(&slice).copied().unwrap_or(self.first)
    }
}

/// Every voxel of a box, or every 2nd, 4th, ...
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    of: VoxelBox,
    /// A power of two.
    step: usize,
}

impl Part {
    /// Texels along the texture's axes, which are these of the volume.
    fn size(&self, axes: [usize; 3]) -> [usize; 3] {
        axes.map(|axis| self.of.size()[axis].div_ceil(self.step))
    }
}

/// The axes of a texture that holds a volume as it is.
const VOLUME_AXES: [usize; 3] = [0, 1, 2];

/// The axes of a texture that holds one slice: its normal comes last, so that the device copies long rows and not
/// single texels. In memory nothing moves, because a slice is one voxel deep.
fn flat_axes(normal: usize) -> [usize; 3] {
    match normal {
        0 => [1, 2, 0],
        1 => [0, 2, 1],
        _ => VOLUME_AXES,
    }
}

/// A texture to bind, and where it lies: the voxel of its first texel and the binary logarithm of voxels per texel.
pub(super) struct Binding {
    pub(super) view: wgpu::TextureView,
    pub(super) texels: [i32; 4],
    /// The texture is one slice, and its last axis the slice's normal.
    pub(super) is_flat: bool,
    /// Changes whenever the view's slice does.
    pub(super) version: u64,
}

impl Layer {
    /// Forgets everything: other voxels will come.
    pub(super) fn clear(&mut self) {
        let mut versions = std::mem::take(&mut self.versions);
        versions.begin_anew();
        *self = Self {
            versions,
            ..Self::default()
        };
    }

    /// Voxels in this box have changed.
    pub(super) fn changed(&mut self, of: VoxelBox) {
        self.versions.changed(of);
        if let Some(whole) = &mut self.whole {
            whole.pending = Some(whole.pending.map_or(of, |pending| pending.union(of)));
        }
    }

    /// Whether voxels that are shown still wait for their upload.
    pub(super) fn is_uploading(&self) -> bool {
        self.is_shown && self.whole.as_ref().is_some_and(|w| w.pending.is_some())
    }

    /// The scene does without this layer.
    pub(super) fn hide(&mut self) {
        self.is_shown = false;
    }

    /// Forgets the slice of a view that is gone.
    pub(super) fn forget(&mut self, view_id: u64) {
        self.slices.remove(&view_id);
    }

    /// The texture that shows this view's slice of the source, uploaded as far as needed.
    pub(super) fn bind(
        &mut self,
        context: &RenderContext,
        source: &Source<'_>,
        may_be_whole: bool,
        view_id: u64,
        view: &SliceView,
    ) -> Binding {
        let format = source.format();
        if self
            .whole
            .as_ref()
            .is_some_and(|w| w.texture.format() != format)
        {
            self.clear();
        }
        self.is_shown = true;
        if source.slabs() > 1 {
            self.whole = None;
        } else if may_be_whole && source.slab().is_none() {
            self.upload_whole(context, source, UPLOAD_BYTES);
        }
        match &self.whole {
            Some(whole) if whole.pending.is_none() && source.slab().is_none() => {
                self.slices.remove(&view_id);
                Binding {
                    view: whole.view.clone(),
                    texels: [0; 4],
                    is_flat: false,
                    version: self.versions.of(view.normal_axis(), view.slice()),
                }
            }
            _ => self.bind_slice(context, source, view_id, view),
        }
    }

    /// Uploads up to about this many bytes of what is pending.
    fn upload_whole(&mut self, context: &RenderContext, source: &Source<'_>, bytes: usize) {
        if self.whole.is_none() && !self.is_refused {
            match create_checked(context, source) {
                Some((texture, view)) => {
                    let pending = Some(VoxelBox::whole(source.dims()));
                    self.whole = Some(Whole {
                        texture,
                        view,
                        pending,
                    });
                }
                None => self.is_refused = true,
            }
        }
        let Some(whole) = &mut self.whole else { return };
        let Some(pending) = whole.pending.and_then(|b| b.clipped(source.dims())) else {
            whole.pending = None;
            return;
        };
        let [ni, nj, nk] = pending.size();
        let planes = (bytes / (ni * nj * source.bytes_per_texel())).clamp(1, nk);
        let mut slab = pending;
        slab.max[2] = slab.min[2] + planes as i64 - 1;
        write(
            context,
            &whole.texture,
            slab.min,
            source,
            Part { of: slab, step: 1 },
            VOLUME_AXES,
        );
        whole.pending = (planes < nk).then(|| VoxelBox {
            min: [pending.min[0], pending.min[1], slab.max[2] + 1],
            max: pending.max,
        });
    }

    fn bind_slice(
        &mut self,
        context: &RenderContext,
        source: &Source<'_>,
        view_id: u64,
        view: &SliceView,
    ) -> Binding {
        let part = visible_part(view, source.dims(), context.limits.side as usize);
        let axes = flat_axes(view.normal_axis());
        let size = texture_size(source, part, axes);
        let reusable = self.slices.remove(&view_id).filter(|slice| {
            let t = &slice.texture;
            t.format() == source.format()
                && [t.width(), t.height(), t.depth_or_array_layers()] == size.map(|n| n as u32)
        });
        let mut slice = reusable.unwrap_or_else(|| {
            let (texture, view) = volume_texture(&context.device, size, source.format());
            SliceTexture {
                texture,
                view,
                holds: part,
                slab: source.slab(),
                version: u64::MAX,
            }
        });
        let version = self.versions.of(view.normal_axis(), view.slice());
        let held = (slice.version, slice.holds, slice.slab);
        if held != (version, part, source.slab()) {
            write(context, &slice.texture, [0; 3], source, part, axes);
            (slice.version, slice.holds, slice.slab) = (version, part, source.slab());
        }
        let [i, j, k] = part.of.min.map(|v| v as i32);
        let binding = Binding {
            view: slice.view.clone(),
            texels: [i, j, k, part.step.ilog2() as i32],
            is_flat: true,
            version,
        };
        self.slices.insert(view_id, slice);
        binding
    }
}

/// The slice of a view: whole where it fits into a texture of this side length, else its visible part,
/// thinned out as far as needed.
fn visible_part(view: &SliceView, dims: [usize; 3], side: usize) -> Part {
    let normal = view.normal_axis();
    let mut of = VoxelBox::whole(dims);
    let slice = view.slice().clamp(0, of.max[normal]);
    (of.min[normal], of.max[normal]) = (slice, slice);
    let longest = |b: VoxelBox| b.size().into_iter().max().unwrap_or(1);
    if longest(of) > side {
        let [width, height] = view.size().map(f64::from);
        let corners = [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)]
            .map(|(x, y)| view.voxel_from_pixel(x, y).nearest());
        let mut seen = VoxelBox::from_corners(corners[0], corners[1])
            .union(VoxelBox::from_corners(corners[2], corners[3]));
        (seen.min[normal], seen.max[normal]) = (slice, slice);
        // Room for interpolation and for outlines that look beyond the border.
        let seen = seen.grown(4);
        let nothing_seen = VoxelBox {
            min: of.min,
            max: of.min,
        };
        of = of.intersection(seen).unwrap_or(nothing_seen);
    }
    Part {
        of,
        step: longest(of).div_ceil(side.max(1)).next_power_of_two(),
    }
}

/// Texels of a part of the source along the texture's axes.
fn texture_size(source: &Source<'_>, part: Part, axes: [usize; 3]) -> [usize; 3] {
    let [width, height, depth] = part.size(axes);
    [width, height, depth * source.slabs()]
}

/// A 3D texture to be written and sampled; `size` is texels along x, y, z.
pub(super) fn volume_texture(
    device: &wgpu::Device,
    size: [usize; 3],
    format: wgpu::TextureFormat,
) -> (wgpu::Texture, wgpu::TextureView) {
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("volume"),
        size: extent(size),
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D3,
        format,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    });
    let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
    (texture, view)
}

/// The texture for a whole volume, or `None` when the device has no room for it.
fn create_checked(
    context: &RenderContext,
    source: &Source<'_>,
) -> Option<(wgpu::Texture, wgpu::TextureView)> {
    let memory = context
        .device
        .push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let created = volume_texture(&context.device, source.dims(), source.format());
    match pollster::block_on(memory.pop()) {
        Some(error) => {
            tracing::warn!("no room for the whole volume on the graphics device: {error}");
            None
        }
        None => Some(created),
    }
}

fn write(
    context: &RenderContext,
    texture: &wgpu::Texture,
    at: [i64; 3],
    source: &Source<'_>,
    part: Part,
    axes: [usize; 3],
) {
    let size = texture_size(source, part, axes);
    let [x, y, z] = at.map(|v| v as u32);
    context.queue.write_texture(
        wgpu::TexelCopyTextureInfo {
            texture,
            mip_level: 0,
            origin: wgpu::Origin3d { x, y, z },
            aspect: wgpu::TextureAspect::All,
        },
        source.texels(part.of, part.step).bytes(),
        wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some((size[0] * source.bytes_per_texel()) as u32),
            rows_per_image: Some(size[1] as u32),
        },
        extent(size),
    );
}

pub(super) fn extent(size: [usize; 3]) -> wgpu::Extent3d {
    let [width, height, depth_or_array_layers] = size.map(|n| n as u32);
    wgpu::Extent3d {
        width,
        height,
        depth_or_array_layers,
    }
}
