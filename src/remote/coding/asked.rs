//! What is asked about a target.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::geometry::VoxelBox;
use crate::models::Structure;
use crate::prompt::{
    Alike, Asked, Click, Drawing, DrawingKind, OtherLabels, Polarity, PromptSet, TargetSize,
};
use crate::volume::morphology::Crop;
use crate::volume::{Grid, LabelMap, Mask};

use super::super::failure::{Broken, MISSING_PART};
use super::{BoxForm, box_form, box_of, runs, voxel_of};

/// What is asked. Its parts, all coded as runs: the voxels of each drawing's box, then the target so far, what other labels
/// have, and earlier targets, as far as there are any.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in super::super) struct AskedForm {
    /// Voxel, and whether it is of the target.
    clicks: Vec<([i64; 3], bool)>,
    target_box: Option<BoxForm>,
    drawings: Vec<DrawingForm>,
    has_prior: bool,
    has_others: bool,
    /// The values of earlier targets of the same kind.
    alike: Vec<u16>,
    size: TargetSize,
    /// The name of one of the model's structures, which is what the target is called.
    called: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct DrawingForm {
    kind: DrawingKind,
    is_positive: bool,
    normal_axis: usize,
    bounds: BoxForm,
    clicks_before: usize,
}

/// The value of voxels that other labels have.
const HELD: u16 = 1;

impl AskedForm {
    /// The form, and the parts, for a model that knows these structures. What a target is called stays here unless one of them
    /// is called so: names may be of anything.
    pub(in super::super) fn of(asked: &Asked, known: &[Structure]) -> (Self, Vec<Vec<u8>>) {
        let prompts = &asked.prompts;
        let drawings = prompts.drawings.iter();
        let mut parts: Vec<Vec<u8>> = drawings.map(|d| runs::coded(&d.region.voxels)).collect();
        parts.extend(asked.prior.as_ref().map(|m| runs::coded(&m.voxels)));
        parts.extend(asked.others.as_ref().map(|o| runs::coded(&o.mask().voxels)));
        parts.extend(asked.alike.as_ref().map(|a| runs::coded(&a.alone().voxels)));
        let clicks = prompts.clicks.iter();
        let form = Self {
            clicks: clicks
                .map(|c| (c.voxel.0, c.polarity == Polarity::Positive))
                .collect(),
            target_box: prompts.target_box.map(box_form),
            drawings: prompts.drawings.iter().map(DrawingForm::of).collect(),
            has_prior: asked.prior.is_some(),
            has_others: asked.others.is_some(),
            alike: asked
                .alike
                .as_ref()
                .map_or_else(Vec::new, |a| a.values().to_vec()),
            size: asked.size,
            called: asked.called.as_ref().and_then(|called| {
                let known = known.iter().find(|s| s.is_called(called))?;
                Some(known.name.clone())
            }),
        };
        (form, parts)
    }

    /// What is asked of a scan on this grid.
    ///
    /// # Errors
    /// Parts that are missing or damaged, what is no prompt.
    pub(in super::super) fn asked(
        &self,
        parts: Vec<Vec<u8>>,
        grid: &Grid,
    ) -> Result<Asked, Broken> {
        let mut parts = parts.into_iter();
        let mut next = || parts.next().ok_or(MISSING_PART);
        let mut drawings = Vec::new();
        for form in &self.drawings {
            drawings.push(form.drawing(&next()?, grid)?);
        }
        let prompts = PromptSet {
            clicks: self.clicks()?,
            target_box: self.target_box.map(box_of).transpose()?,
            drawings,
        };
        let mut asked = Asked {
            prompts,
            size: self.size,
            called: self.called.clone(),
            ..Asked::default()
        };
        if self.has_prior {
            let voxels = runs::decoded(&next()?, grid.len())?;
            asked.prior = Some(Arc::new(Mask {
                grid: *grid,
                voxels,
            }));
        }
        let labels = |part: &[u8]| -> Result<Arc<LabelMap>, Broken> {
            let voxels = runs::decoded(part, grid.len())?;
            Ok(Arc::new(LabelMap {
                grid: *grid,
                voxels,
            }))
        };
        if self.has_others {
            asked.others = OtherLabels::new(labels(&next()?)?, &[HELD]);
        }
        if !self.alike.is_empty() {
            asked.alike = Alike::new(labels(&next()?)?, self.alike.clone());
        }
        Ok(asked)
    }

    fn clicks(&self) -> Result<Vec<Click>, Broken> {
        let click = |&(at, is_positive): &([i64; 3], bool)| {
            Ok(Click {
                voxel: voxel_of(at)?,
                polarity: Polarity::Positive.turned(!is_positive),
            })
        };
        self.clicks.iter().map(click).collect()
    }
}

impl DrawingForm {
    fn of(drawing: &Drawing) -> Self {
        Self {
            kind: drawing.kind,
            is_positive: drawing.polarity == Polarity::Positive,
            normal_axis: drawing.normal_axis,
            bounds: box_form(drawing.region.bounds),
            clicks_before: drawing.clicks_before,
        }
    }

    fn drawing(&self, part: &[u8], grid: &Grid) -> Result<Drawing, Broken> {
        let bounds: VoxelBox = box_of(self.bounds)?;
        if self.normal_axis >= 3 || bounds.clipped(grid.dims) != Some(bounds) {
            return Err(Broken::Nonsense("a drawing beside the scan"));
        }
        let voxels = runs::decoded(part, bounds.size().iter().product())?;
        Ok(Drawing {
            kind: self.kind,
            polarity: Polarity::Positive.turned(!self.is_positive),
            normal_axis: self.normal_axis,
            region: Arc::new(Crop { bounds, voxels }),
            clicks_before: self.clicks_before,
        })
    }
}
