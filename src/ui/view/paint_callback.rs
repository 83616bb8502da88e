//! The bridge between egui and our shaders: the only file of the window that names raw wgpu types.

use std::sync::{Arc, Mutex, MutexGuard};

use eframe::egui_wgpu::{self, CallbackResources, CallbackTrait, RenderState};
use eframe::wgpu;
use egui::{Color32, PaintCallback, PaintCallbackInfo, Rect};

use crate::geometry::VoxelBox;
use crate::render::{RenderContext, Scene, SliceRenderer, SliceStyle};
use crate::ui::panes::PaneId;

use super::PlacedView;

/// Draws slices and large plain surfaces into egui's picture. Egui's own shader filters a texture for every pixel, which
/// takes some 70 ns a pixel where the processor draws (two cores, llvmpipe).
#[derive(Clone)]
pub struct Canvas {
    renderer: Arc<Mutex<SliceRenderer>>,
    adapter: String,
    is_software: bool,
}

impl Canvas {
    /// A canvas on the window's own device.
    pub fn new(state: &RenderState) -> Self {
        let context = RenderContext::new(&state.device, &state.queue, state.target_format);
        let info = state.adapter.get_info();
        Self {
            renderer: Arc::new(Mutex::new(SliceRenderer::new(context))),
            is_software: info.device_type == wgpu::DeviceType::Cpu,
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
        self.lock().drawn()
    }

    /// Another scan is shown from now on.
    pub fn image_changed(&self) {
        self.lock().image_changed();
    }

    /// Labels changed in this box.
    pub fn labels_changed(&self, changed: VoxelBox) {
        self.lock().labels_changed(changed);
    }

    /// The proposal changed.
    pub fn proposal_changed(&self) {
        self.lock().proposal_changed();
    }

    /// Whether another frame brings more of the volume to the device.
    pub fn is_uploading(&self) -> bool {
        self.lock().is_uploading()
    }

    /// Frees what is kept for a pane that is not shown any more.
    pub fn forget(&self, pane: PaneId) {
        self.lock().forget(pane.0);
    }

    /// Brings to the device what the view in this pane needs, and gives the shape that draws it.
    pub fn shape(
        &self,
        pane: PaneId,
        view: &PlacedView,
        scene: &Scene<'_>,
        style: &SliceStyle,
    ) -> PaintCallback {
        self.lock().prepare(pane.0, &view.slice, scene, style);
        self.painted(view.rect, move |renderer, pass| {
            renderer.paint(pass, pane.0);
        })
    }

    /// The shape of an opaque surface.
    pub fn surface(&self, rect: Rect, color: Color32) -> PaintCallback {
        let color = [color.r(), color.g(), color.b()];
        self.lock().prepare_fill(color);
        self.painted(rect, move |renderer, pass| {
            renderer.paint_fill(pass, color);
        })
    }

    fn painted<P>(&self, rect: Rect, paint: P) -> PaintCallback
    where
        P: Fn(&SliceRenderer, &mut wgpu::RenderPass<'static>) + Send + Sync + 'static,
    {
        let renderer = Arc::clone(&self.renderer);
        egui_wgpu::Callback::new_paint_callback(rect, Paint { renderer, paint })
    }

    fn lock(&self) -> MutexGuard<'_, SliceRenderer> {
        // A panic while drawing leaves nothing behind that the next frame does not write again.
        self.renderer.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// Something that the renderer paints from what was prepared for it.
struct Paint<P> {
    renderer: Arc<Mutex<SliceRenderer>>,
    paint: P,
}

impl<P> CallbackTrait for Paint<P>
where
    P: Fn(&SliceRenderer, &mut wgpu::RenderPass<'static>) + Send + Sync,
{
    fn paint(
        &self,
        _info: PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        _resources: &CallbackResources,
    ) {
        let renderer = self.renderer.lock().unwrap_or_else(|e| e.into_inner());
        (self.paint)(&renderer, pass);
    }
}
