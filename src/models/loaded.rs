//! What is the same for every model that is open: its card and device, what it refuses, and what it always warns of.

use std::sync::Arc;

use burn::tensor::Device;

use crate::prompt::{Alike, Asked, OtherLabels, PromptSet, TargetSize};
use crate::util::JobContext;
use crate::volume::{ImageVolume, Mask};

use super::system::StoredModel;
use super::{
    AutoResult, ComputeDevice, DeviceChoice, ModelCard, ModelError, PromptedResult, ScanKey,
    Segmenter, Structure, compute, no_value,
};

/// The scan that a model is asked about, and by which card.
#[derive(Clone, Copy)]
pub(crate) struct Query<'a> {
    pub card: &'a ModelCard,
    pub image: &'a ImageVolume,
    /// What the card's channels want after the first, on the same grid.
    pub others: &'a [Arc<ImageVolume>],
    /// What a prompted target is not, because other labels have it; the mask is cleared of it in any case.
    pub beside: Option<&'a OtherLabels>,
    /// Earlier targets of the same kind in the scan.
    pub alike: Option<&'a Alike>,
    /// How large what is pointed at is, as far as somebody has said so.
    pub size: TargetSize,
    /// What the target is called, where somebody has said so.
    pub called: Option<&'a str>,
    /// Nothing may be kept of the answer that would change a later one.
    pub is_preview: bool,
    /// Identifies the scan for caches.
    pub scan: ScanKey,
    pub ctx: &'a JobContext,
}

/// A system's network with its way from a scan to masks.
pub(crate) trait Pipeline: Send + Sync + Sized + 'static {
    /// Loads the network onto a device.
    ///
    /// # Errors
    /// Settings of the card or tensors that do not fit.
    fn load(stored: &StoredModel, device: &Device) -> Result<Self, ModelError>;

    /// Finds structures, at least one of which the card knows in this kind of scan; each comes with its place on the
    /// card.
    fn automatic(
        &self,
        query: Query<'_>,
        _structures: &[(usize, &Structure)],
    ) -> Result<AutoResult, ModelError> {
        Err(ModelError::Unsupported(format!(
            "the model '{}' finds nothing by itself: click on the target or draw a box around it",
            query.card.id
        )))
    }

    /// Segments what the prompts point at, which are of the card's kinds, not empty and inside the scan; `prior`, on the
    /// scan's grid, is the target so far.
    fn prompted(
        &self,
        query: Query<'_>,
        _prompts: &PromptSet,
        _prior: Option<&Mask>,
    ) -> Result<PromptedResult, ModelError> {
        Err(ModelError::Unsupported(format!(
            "the model '{}' takes no prompt: use it automatically",
            query.card.id
        )))
    }

    /// Forgets what was cached of scans.
    fn drop_caches(&self) {}
}

/// An open model of any system.
struct Loaded<P> {
    card: ModelCard,
    device: ComputeDevice,
    pipeline: P,
}

/// Opens a model of a system on a device; what [`System::open`](super::System::open) is for each of them.
///
/// # Errors
/// A device that cannot be had, settings or tensors that do not fit.
pub(crate) fn open<P: Pipeline>(
    stored: StoredModel,
    choice: DeviceChoice,
) -> Result<Box<dyn Segmenter>, ModelError> {
    let (description, device) = compute::open(choice)?;
    let pipeline = P::load(&stored, &device)?;
    Ok(Box::new(Loaded {
        card: stored.card,
        device: description,
        pipeline,
    }))
}

impl<P: Pipeline> Segmenter for Loaded<P> {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn device(&self) -> &ComputeDevice {
        &self.device
    }

    fn segment_auto(
        &self,
        image: &ImageVolume,
        scan: ScanKey,
        wanted: Option<&[String]>,
        ctx: &JobContext,
    ) -> Result<AutoResult, ModelError> {
        self.segment_auto_of(image, &[], scan, wanted, ctx)
    }

    fn segment_auto_of(
        &self,
        image: &ImageVolume,
        others: &[Arc<ImageVolume>],
        scan: ScanKey,
        wanted: Option<&[String]>,
        ctx: &JobContext,
    ) -> Result<AutoResult, ModelError> {
        self.card.check_automatic()?;
        self.card.check_images(1 + others.len())?;
        let structures = self.card.structures_in(image.modality(), wanted)?;
        let mut result = if structures.is_empty() {
            AutoResult::none_known(image.grid(), wanted.is_some())
        } else {
            let query = Query {
                others,
                ..self.query(image, scan, ctx)
            };
            self.pipeline.automatic(query, &structures)?
        };
        no_value::clear_labels(image, &mut result.labels);
        result.warnings.extend(self.card.time_warning(image));
        Ok(result)
    }

    fn segment_prompted(
        &self,
        image: &ImageVolume,
        scan: ScanKey,
        prompts: &PromptSet,
        prior: Option<&Mask>,
        ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError> {
        self.prompted(self.query(image, scan, ctx), prompts, prior)
    }

    fn segment_asked(
        &self,
        image: &ImageVolume,
        scan: ScanKey,
        asked: &Asked,
        ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError> {
        self.asked(self.query(image, scan, ctx), asked)
    }

    fn preview(
        &self,
        image: &ImageVolume,
        scan: ScanKey,
        asked: &Asked,
        ctx: &JobContext,
    ) -> Result<Mask, ModelError> {
        let query = Query {
            is_preview: true,
            ..self.query(image, scan, ctx)
        };
        Ok(self.asked(query, asked)?.mask)
    }

    fn drop_caches(&self) {
        self.pipeline.drop_caches();
    }
}

impl<P: Pipeline> Loaded<P> {
    fn asked(&self, query: Query<'_>, asked: &Asked) -> Result<PromptedResult, ModelError> {
        let query = Query {
            beside: asked.others.as_ref(),
            alike: asked.alike.as_ref(),
            size: asked.size,
            called: asked.called.as_deref(),
            ..query
        };
        self.prompted(query, &asked.prompts, asked.prior.as_deref())
    }

    fn prompted(
        &self,
        query: Query<'_>,
        prompts: &PromptSet,
        prior: Option<&Mask>,
    ) -> Result<PromptedResult, ModelError> {
        let image = query.image;
        self.card.check_prompts(prompts)?;
        let prompts = prompts.on_grid(image.grid())?;
        no_value::check_clicks(image, &prompts)?;
        let mut result = self.pipeline.prompted(query, &prompts, prior)?;
        no_value::clear_mask(image, &mut result.mask);
        if let Some(others) = query.beside {
            others.clear(&mut result.mask);
        }
        result.warnings.extend(self.card.time_warning(image));
        Ok(result)
    }

    fn query<'a>(
        &'a self,
        image: &'a ImageVolume,
        scan: ScanKey,
        ctx: &'a JobContext,
    ) -> Query<'a> {
        Query {
            card: &self.card,
            image,
            others: &[],
            beside: None,
            alike: None,
            size: TargetSize::Any,
            called: None,
            is_preview: false,
            scan,
            ctx,
        }
    }
}
