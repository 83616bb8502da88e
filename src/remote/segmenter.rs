//! A model that is served elsewhere, as a model here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::models::{
    AutoResult, ComputeDevice, ModelCard, ModelError, PromptedResult, ScanKey, Segmenter,
};
use crate::prompt::{Asked, PromptSet};
use crate::util::JobContext;
use crate::volume::{ImageVolume, Mask};

use super::coding::answer;
use super::coding::asked::AskedForm;
use super::failure::OTHER_ANSWER;
use super::link::{Job, Link, Told};
use super::message::{Ask, Tell};
use super::processor::Address;
use super::token::Token;
use super::upload::Uploads;

/// How often a scan is sent again that who serves has forgotten.
const TRIES: usize = 3;

/// A model that is served elsewhere. Where the connection is lost, a job ends with an error, and the next one connects anew.
pub struct RemoteSegmenter {
    address: Address,
    token: Token,
    card: ModelCard,
    device: ComputeDevice,
    connection: Mutex<Arc<Connection>>,
}

/// A connection, and the scans that went over it.
struct Connection {
    link: Link,
    uploads: Uploads,
}

impl Connection {
    fn open(address: &Address, token: &Token) -> Result<Arc<Self>, ModelError> {
        Ok(Arc::new(Self {
            link: Link::connect(address, token)?,
            uploads: Uploads::default(),
        }))
    }
}

impl RemoteSegmenter {
    /// The model that is served at an address, which must be of this id if one is named.
    ///
    /// # Errors
    /// Nobody serves there, or another model, version or token.
    pub fn connect(address: &Address, id: Option<&str>, token: Token) -> Result<Self, ModelError> {
        let connection = Connection::open(address, &token)?;
        let card = connection.link.card.clone();
        let served = card.id.as_str();
        if let Some(wanted) = id.filter(|id| *id != served) {
            return Err(ModelError::Remote(format!(
                "at {address} the model '{served}' is served, and '{wanted}' is wanted: choose '{served}' here, or start `prosector serve --model {wanted}` there"
            )));
        }
        Ok(Self {
            address: address.clone(),
            token,
            device: connection.link.device.clone(),
            card,
            connection: Mutex::new(connection),
        })
    }

    /// Bytes that went there and came back over the connection that there is now.
    pub fn bytes(&self) -> [u64; 2] {
        self.lock().link.bytes()
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Connection>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that is not known to be lost.
    fn connection(&self) -> Result<Arc<Connection>, ModelError> {
        let mut held = self.lock();
        if held.link.is_lost() {
            let fresh = Connection::open(&self.address, &self.token)?;
            if fresh.link.card != self.card {
                return Err(ModelError::Remote(format!(
                    "at {} another model ('{}') is served now: choose the model again, or restart Prosector",
                    self.address, fresh.link.card.id
                )));
            }
            *held = fresh;
        }
        Ok(Arc::clone(&held))
    }

    /// Asks for a job until its scans are there.
    fn ask(
        &self,
        ctx: &JobContext,
        ask: impl Fn(&Connection, &Job<'_>) -> Result<(), ModelError>,
        key: ScanKey,
    ) -> Result<(Arc<Connection>, Told), ModelError> {
        let connection = self.connection()?;
        for _ in 0..TRIES {
            let job = connection.link.job();
            ask(&connection, &job)?;
            match job.wait(ctx)? {
                (Tell::Missing { .. }, _) => connection.uploads.is_missing(key),
                told => return Ok((connection, told)),
            }
        }
        Err(ModelError::Remote(format!(
            "{} does not keep the scan: others may be using its memory, try again",
            self.address
        )))
    }

    fn prompt(
        &self,
        (image, key): (&ImageVolume, ScanKey),
        asked: &Asked,
        is_preview: bool,
        ctx: &JobContext,
    ) -> Result<(Arc<Connection>, Told), ModelError> {
        self.card.check_prompts(&asked.prompts)?;
        // What lies beside the scan is refused before the scan is sent.
        asked.prompts.on_grid(image.grid())?;
        let (form, parts) = AskedForm::of(asked, &self.card.structures);
        self.ask(
            ctx,
            |Connection { link, uploads }, job| {
                let prompt = Ask::Prompt {
                    job: job.number,
                    scan: uploads.of_key(link, key, image, ctx)?,
                    asked: form.clone(),
                    is_preview,
                };
                link.send(&prompt, parts.clone())
            },
            key,
        )
    }
}

impl Segmenter for RemoteSegmenter {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn device(&self) -> &ComputeDevice {
        &self.device
    }

    fn segment_auto(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        structures: Option<&[String]>,
        ctx: &JobContext,
    ) -> Result<AutoResult, ModelError> {
        self.segment_auto_of(image, &[], key, structures, ctx)
    }

    fn segment_auto_of(
        &self,
        image: &ImageVolume,
        others: &[Arc<ImageVolume>],
        key: ScanKey,
        structures: Option<&[String]>,
        ctx: &JobContext,
    ) -> Result<AutoResult, ModelError> {
        self.card.check_automatic()?;
        self.card.check_images(1 + others.len())?;
        self.card.structures_in(image.modality(), structures)?;
        let (connection, told) = self.ask(
            ctx,
            |Connection { link, uploads }, job| {
                let mut scans = vec![uploads.of_key(link, key, image, ctx)?];
                let channels = uploads.of_channels(link, others, ctx)?;
                scans.extend(&channels);
                let auto = Ask::Auto {
                    job: job.number,
                    scans,
                    structures: structures.map(<[String]>::to_vec),
                };
                link.send(&auto, Vec::new())?;
                // Who serves holds them until the job has ended.
                uploads.forget(link, channels)
            },
            key,
        )?;
        let (Tell::Found { result, .. }, parts) = told else {
            return Err(connection.link.misunderstood(&OTHER_ANSWER));
        };
        let result = result.result(&parts, image.grid());
        result.map_err(|broken| connection.link.misunderstood(&broken))
    }

    fn segment_prompted(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        prompts: &PromptSet,
        prior: Option<&Mask>,
        ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError> {
        self.segment_asked(image, key, &Asked::of(prompts, prior), ctx)
    }

    fn segment_asked(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        asked: &Asked,
        ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError> {
        let (connection, told) = self.prompt((image, key), asked, false, ctx)?;
        let (Tell::Prompted { result, .. }, parts) = told else {
            return Err(connection.link.misunderstood(&OTHER_ANSWER));
        };
        let result = result.result(&parts, image.grid());
        result.map_err(|broken| connection.link.misunderstood(&broken))
    }

    fn preview(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        asked: &Asked,
        ctx: &JobContext,
    ) -> Result<Mask, ModelError> {
        let (connection, told) = self.prompt((image, key), asked, true, ctx)?;
        let (Tell::Previewed { .. }, parts) = told else {
            return Err(connection.link.misunderstood(&OTHER_ANSWER));
        };
        let mask = answer::mask(&parts, image.grid());
        mask.map_err(|broken| connection.link.misunderstood(&broken))
    }

    fn drop_caches(&self) {
        let held = Arc::clone(&self.lock());
        let Connection { link, uploads } = &*held;
        // Whoever is gone has nothing cached any more.
        let _ = link.send(&Ask::ForgetAll, Vec::new());
        uploads.clear();
    }
}
