//! The bridge between egui and our shaders: the only file of the window that names raw wgpu types.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use eframe::egui_wgpu::{self, CallbackResources, CallbackTrait, RenderState};
use eframe::wgpu;
use egui::{Color32, PaintCallback, PaintCallbackInfo, Rect};

use crate::geometry::{OrbitView, VoxelBox};
use crate::render::{RenderContext, Scene, SliceRenderer, SliceStyle, VolumeRenderer, VolumeStyle};
use crate::ui::panes::PaneId;

use super::PlacedView;

/// Draws slices and large plain surfaces into egui's picture. Egui's own shader filters a texture for every pixel, which
/// takes some 70 ns a pixel where the processor draws (two cores, llvmpipe).
#[derive(Clone)]
pub struct Canvas {
    renderer: Arc<Mutex<SliceRenderer>>,
    volumes: Arc<Mutex<VolumeRenderer>>,
    adapter: String,
    is_software: bool,
    /// How often voxels changed.
    changes: Arc<AtomicU64>,
}

impl Canvas {
    /// A canvas on the window's own device.
    pub fn new(state: &RenderState) -> Self {
        let context = || RenderContext::new(&state.device, &state.queue, state.target_format);
        let info = state.adapter.get_info();
        let is_software = info.device_type == wgpu::DeviceType::Cpu;
        Self {
            renderer: Arc::new(Mutex::new(SliceRenderer::new(context()))),
            volumes: Arc::new(Mutex::new(VolumeRenderer::new(context(), is_software))),
            is_software,
            changes: Arc::default(),
            adapter: info.name,
        }
    }

    /// The adapter's name.
    pub fn adapter(&self) -> &str {
        &self.adapter
    }

    /// Whether the processor draws, so that every frame takes from the model.
    pub fn is_software(&self) -> bool {
        self.is_software
    }

    /// How many slices were drawn so far; those that were shown again do not count.
    pub fn slices_drawn(&self) -> u64 {
        lock(&self.renderer).drawn()
    }

    /// How often voxels of scan, labels, proposal or second image changed so far.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    fn count_change(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    /// Another scan is shown from now on.
    pub fn image_changed(&self) {
        self.count_change();
        lock(&self.renderer).image_changed();
        lock(&self.volumes).image_changed();
    }

    /// Labels changed in this box.
    pub fn labels_changed(&self, changed: VoxelBox) {
        self.count_change();
        lock(&self.renderer).labels_changed(changed);
        lock(&self.volumes).labels_changed(changed);
    }

    /// Another second image, or none, is shown from now on.
    pub fn second_changed(&self) {
        self.count_change();
        lock(&self.renderer).second_changed();
    }

    /// The proposal changed.
    pub fn proposal_changed(&self) {
        self.count_change();
        lock(&self.renderer).proposal_changed();
        lock(&self.volumes).proposal_changed();
    }

    /// Whether another frame brings more of the volume to the device.
    pub fn is_uploading(&self) -> bool {
        lock(&self.renderer).is_uploading() || lock(&self.volumes).is_uploading()
    }

    /// Frees what is kept for a pane that is not shown any more.
    pub fn forget(&self, pane: PaneId) {
        lock(&self.renderer).forget(pane.0);
        lock(&self.volumes).forget(pane.0);
    }

    /// Brings to the device what the view in this pane needs, and gives the shape that draws it.
    pub fn shape(
        &self,
        pane: PaneId,
        view: &PlacedView,
        scene: &Scene<'_>,
        style: &SliceStyle,
    ) -> PaintCallback {
        lock(&self.renderer).prepare(pane.0, &view.slice, scene, style);
        self.painted(view.rect, move |renderer, pass| {
            renderer.paint(pass, pane.0);
        })
    }

    /// The shape of an opaque surface.
    pub fn surface(&self, rect: Rect, color: Color32) -> PaintCallback {
        let color = [color.r(), color.g(), color.b()];
        lock(&self.renderer).prepare_fill(color);
        self.painted(rect, move |renderer, pass| {
            renderer.paint_fill(pass, color);
        })
    }

    /// The shape that draws the volume as a pane sees it; with `None` the last picture of it is shown again.
    pub fn volume_shape(
        &self,
        pane: PaneId,
        rect: Rect,
        seen: Option<(&OrbitView, &Scene<'_>, &VolumeStyle)>,
    ) -> PaintCallback {
        if let Some((view, scene, style)) = seen {
            lock(&self.volumes).prepare(pane.0, view, scene, style);
        }
        let volumes = Arc::clone(&self.volumes);
        painted(rect, volumes, move |volumes: &VolumeRenderer, pass| {
            volumes.paint(pass, pane.0);
        })
    }

    fn painted<P>(&self, rect: Rect, paint: P) -> PaintCallback
    where
        P: Fn(&SliceRenderer, &mut wgpu::RenderPass<'static>) + Send + Sync + 'static,
    {
        painted(rect, Arc::clone(&self.renderer), paint)
    }
}

fn painted<R, P>(rect: Rect, renderer: Arc<Mutex<R>>, paint: P) -> PaintCallback
where
    R: Send + 'static,
    P: Fn(&R, &mut wgpu::RenderPass<'static>) + Send + Sync + 'static,
{
    egui_wgpu::Callback::new_paint_callback(rect, Paint { renderer, paint })
}

/// A panic while drawing leaves nothing behind that the next frame does not write again.
fn lock<R>(renderer: &Mutex<R>) -> MutexGuard<'_, R> {
    renderer.lock().unwrap_or_else(|e| e.into_inner())
}

/// Something that a renderer paints from what was prepared for it.
struct Paint<R, P> {
    renderer: Arc<Mutex<R>>,
    paint: P,
}

impl<R, P> CallbackTrait for Paint<R, P>
where
    R: Send,
    P: Fn(&R, &mut wgpu::RenderPass<'static>) + Send + Sync,
{
    fn paint(
        &self,
        _info: PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        _resources: &CallbackResources,
    ) {
        (self.paint)(&lock(&self.renderer), pass);
    }
}
