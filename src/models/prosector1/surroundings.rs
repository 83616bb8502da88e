//! What the automatic path sees around a prompt, at its own spacing: at the same cost however fine the scan is.

use std::sync::{Arc, OnceLock};

use crate::geometry::{VoxelBox, VoxelPoint, WorldPoint};
use crate::models::loaded::Query;
use crate::models::trust::FoundStructure;
use crate::models::{Certainty, ModelError};
use crate::volume::resample::{covered, resample_image};
use crate::volume::{Grid, ImageVolume, LabelMap, LabelTable, Mask, Rescale, VoxelData};

use super::automatic;
use super::canvas::{Canvas, Output};
use super::field_of_view;
use super::model::Prosector1;
use super::pace::Pace;
use super::prompted::clear;
use super::region::{SIDE, Span};
use super::search::STRIDE;
use super::windows;

/// Most windows that are looked at: what is longer is left to the prompted network.
const MOST_WINDOWS: usize = 4;

/// The structures around a prompt.
pub(super) struct Surroundings {
    canvas: Canvas,
    /// On the canvas's grid.
    labels: LabelMap,
    table: LabelTable,
    /// Of each structure what there is to say of it, if it is believed; judged when first asked for.
    judged: Vec<OnceLock<Option<FoundStructure>>>,
}

/// Looks at surroundings in a scan.
pub(super) struct Looker<'a> {
    model: &'a Prosector1,
    query: Query<'a>,
    /// What is looked for.
    outputs: Vec<Output<'a>>,
    part: [f32; 2],
}

impl<'a> Looker<'a> {
    /// Looks for all that is known in scans of this kind; a look is `part` of the job's progress, from and to.
    ///
    /// # Errors
    /// As [`automatic::outputs`].
    pub fn new(
        model: &'a Prosector1,
        query: Query<'a>,
        part: [f32; 2],
    ) -> Result<Self, ModelError> {
        Ok(Self {
            model,
            query,
            outputs: automatic::outputs(query)?,
            part,
        })
    }

    /// What is around a span, from what is kept where it was looked at before; `None` where nothing is known in such
    /// scans, or nothing as large.
    ///
    /// # Errors
    /// Cancelled, or the device fails.
    pub fn around(&self, span: &Span) -> Result<Option<Arc<Surroundings>>, ModelError> {
        let Query { card, image, .. } = self.query;
        let Some(spacing_mm) = card.automatic_spacing_mm(image.modality()) else {
            return Ok(None);
        };
        let dims = field_of_view::dims_of(span, spacing_mm);
        let looks = windows::covering(dims, STRIDE);
        if looks.len() > MOST_WINDOWS || self.outputs.is_empty() {
            return Ok(None);
        }
        let grid = field_of_view::grid_about(image.grid(), span, spacing_mm, dims);
        let (key, is_preview) = ((self.query.scan, grid), self.query.is_preview);
        if let Some(known) = self.model.surroundings.find(&key, is_preview) {
            return Ok(Some(known));
        }
        let seen = Arc::new(self.seen(&grid, &looks)?);
        let kept = &self.model.surroundings;
        kept.insert(key, is_preview, Arc::clone(&seen));
        Ok(Some(seen))
    }

    /// What is around a span, from wherever that was looked at before in passing.
    ///
    /// # Errors
    /// As [`Self::around`].
    pub fn about(&self, span: &Span) -> Result<Option<Arc<Surroundings>>, ModelError> {
        let (scan, is_preview) = (self.query.scan, self.query.is_preview);
        let kept = &self.model.surroundings;
        match kept.find_where(scan, is_preview, |grid| span.is_within(grid)) {
            Some(known) => Ok(Some(known)),
            None => self.around(span),
        }
    }

    fn seen(&self, grid: &Grid, looks: &[[usize; 3]]) -> Result<Surroundings, ModelError> {
        let Query {
            card, image, ctx, ..
        } = self.query;
        let pace = Pace::new(ctx, "look", self.part, looks.len());
        let refined = card.is_refined(image.modality());
        let place = (self.model, image);
        let canvas = Canvas::fill(grid, looks, refined, place, &self.outputs, &pace)?;
        let values = resample_image(image, canvas.grid(), 0.0);
        let coarse = ImageVolume::new(
            *canvas.grid(),
            VoxelData::F32(values),
            Rescale::IDENTITY,
            image.modality(),
        );
        let (_, labels, table) = automatic::labels(&coarse, &canvas, &self.outputs)
            .expect("the canvas covers its own grid");
        Ok(Surroundings {
            canvas,
            labels,
            table,
            judged: self.outputs.iter().map(|_| OnceLock::new()).collect(),
        })
    }

    /// What there is to say of a structure of surroundings, if it is believed.
    ///
    /// # Errors
    /// As [`Self::around`].
    pub fn believed(
        &self,
        seen: &Surroundings,
        n: usize,
    ) -> Result<Option<FoundStructure>, ModelError> {
        if let Some(judged) = seen.judged[n].get() {
            return Ok(judged.clone());
        }
        let own = std::iter::once((&self.outputs[n], &seen.canvas.logits[n]));
        let labels = (&seen.labels, &seen.table);
        let found = automatic::found_structures(self.model, self.query, labels, own)?;
        let believed = |f: &FoundStructure| !automatic::is_doubted(self.model, f);
        let believed = found.into_iter().find(believed);
        Ok(seen.judged[n].get_or_init(|| believed).clone())
    }

    /// The number of the structure at a point, if there is one.
    pub fn at(&self, seen: &Surroundings, point: WorldPoint) -> Option<usize> {
        let grid = &seen.labels.grid;
        let offset = grid.offset_of(grid.voxel_from_world(point).nearest())?;
        let value = seen.labels.voxels[offset];
        self.outputs.iter().position(|o| o.structure.value == value)
    }

    /// Whether the target is called after a structure.
    pub fn is_asked_for(&self, n: usize) -> bool {
        let called = self.query.called;
        called.is_some_and(|name| self.outputs[n].structure.is_called(name))
    }

    /// A structure with what lies beyond the ends at which it is cut off, though the scan goes on there; `None` where it is
    /// not.
    pub fn wider(&self, seen: &Surroundings, n: usize) -> Option<Span> {
        let (grid, scan) = (&seen.labels.grid, self.query.image.grid());
        let mask = seen.labels.mask_of(self.outputs[n].structure.value);
        let bounds = mask.bounds()?;
        let middle: [f64; 3] =
            std::array::from_fn(|d| (bounds.min[d] + bounds.max[d]) as f64 / 2.0);
        let mut wider = bounds;
        for d in 0..3 {
            let last = grid.dims[d] as i64 - 1;
            let goes_on = |at: i64| {
                let mut beyond = middle;
                beyond[d] = at as f64;
                let voxel = scan.voxel_from_world(grid.world_from_voxel(VoxelPoint(beyond.into())));
                scan.offset_of(voxel.nearest()).is_some()
            };
            if bounds.min[d] == 0 && goes_on(-1) {
                wider.min[d] -= SIDE as i64 / 2;
            }
            if bounds.max[d] == last && goes_on(last + 1) {
                wider.max[d] += SIDE as i64 / 2;
            }
        }
        (wider != bounds).then(|| Span::of_voxels(grid, wider))
    }

    /// The numbers of the structures there are, each with its mask on the part of the scan where it is, beside other labels.
    pub fn masks(&self, seen: &Surroundings) -> impl Iterator<Item = (usize, VoxelBox, Mask)> {
        (0..self.outputs.len()).filter_map(|n| {
            let (part, mask) = self.mask(seen, n)?;
            Some((n, part, mask))
        })
    }

    /// A structure on the part of the scan where it is, which comes first, beside other labels.
    pub fn mask(&self, seen: &Surroundings, n: usize) -> Option<(VoxelBox, Mask)> {
        let value = self.outputs[n].structure.value;
        seen.table.get(value)?;
        let (grid, scan) = (seen.canvas.grid(), self.query.image.grid());
        let bounds = seen.labels.mask_of(value).bounds()?;
        let part = covered(&grid.sub_grid(bounds.grown(1).clamped(grid.dims)), scan)?;
        let values: Vec<u16> = self.outputs.iter().map(|o| o.structure.value).collect();
        let mut labels = seen.canvas.read_in(scan, part, &values);
        if !automatic::remove_specks(&mut labels, value) {
            return None;
        }
        let mut mask = labels.mask_of(value);
        clear(&mut mask, self.query.beside, scan, part);
        Some((part, mask))
    }
}

impl Surroundings {
    /// How sure the model is of each voxel of a structure.
    pub fn certainty(&self, n: usize) -> Certainty {
        self.canvas.certainty(|o| o == n)
    }
}
