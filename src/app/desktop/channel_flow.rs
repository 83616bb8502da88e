//! The other images of a model that takes several of one grid: asked for, read, and kept while scan and model stay.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::io::{OpenOptions, open_scan};
use crate::models::{ModelCard, ScanKey};
use crate::session::AiCommand;
use crate::ui::Severity;
use crate::ui::model::Question;
use crate::ui::texts::tr;
use crate::util::JobContext;
use crate::volume::{ImageVolume, Reordering};

use super::dialogs::PathPurpose;
use super::file_flow::Purpose;
use super::files::{self, FileOutcome};
use super::window::Window;

/// What a model is shown beside the scan.
#[derive(Default)]
pub(super) struct Channels {
    /// For which scan, and which model.
    of: Option<(ScanKey, String)>,
    /// Which of the model's images the scan is.
    scan_is: usize,
    /// The others, with the names of their files; the scan's own place is empty.
    given: Vec<Option<(String, Arc<ImageVolume>)>>,
    /// The image that a file is being chosen for.
    choosing: Option<usize>,
}

impl Channels {
    /// Begins anew where scan or model is another.
    fn be_for(&mut self, scan: ScanKey, card: &ModelCard) {
        let of = Some((scan, card.id.clone()));
        if self.of != of {
            *self = Self {
                of,
                given: vec![None; card.channels.len()],
                ..Self::default()
            };
        }
    }

    /// Whether nothing is missing.
    fn are_complete(&self) -> bool {
        let mut places = self.given.iter().enumerate();
        places.all(|(place, given)| place == self.scan_is || given.is_some())
    }

    /// All images in the model's order.
    fn with_scan(&self, scan: &Arc<ImageVolume>) -> Vec<Arc<ImageVolume>> {
        let places = self.given.iter().enumerate();
        let images = places.filter_map(|(place, given)| match given {
            _ if place == self.scan_is => Some(Arc::clone(scan)),
            given => given.as_ref().map(|(_, image)| Arc::clone(image)),
        });
        images.collect()
    }
}

impl Window {
    /// Finds structures without a prompt; where the model takes other images too, they are asked for first.
    pub(super) fn segment_organs(&mut self) {
        let several = self.engine_status.card().filter(|c| c.channels.len() > 1);
        if several.is_some() {
            self.ask_channels();
        } else {
            self.apply(AiCommand::RunAuto { structures: None });
        }
    }

    /// Shows which images there are, and which are missing.
    fn ask_channels(&mut self) {
        let (Some(card), Some(case)) = (self.engine_status.card(), self.session.case()) else {
            return;
        };
        self.channels.be_for(case.key(), card);
        let place = |(place, name): (usize, &String)| {
            let given = self.channels.given[place].as_ref();
            let file = given.map(|(file, _)| file.clone());
            (name.clone(), file)
        };
        self.state.question = Some(Question::Channels {
            images: card.channels.iter().enumerate().map(place).collect(),
            scan_is: self.channels.scan_is,
        });
    }

    /// The user says which of the model's images the open scan is.
    pub(super) fn scan_is_channel(&mut self, place: usize) {
        self.channels.scan_is = place;
        self.ask_channels();
    }

    /// The user wants to choose the file of one of them.
    pub(super) fn choose_channel(&mut self, place: usize) {
        self.channels.choosing = Some(place);
        self.ask_path(PathPurpose::OpenChannel);
    }

    /// No file was chosen after all.
    pub(super) fn keep_channels(&mut self) {
        if self.channels.choosing.take().is_some() {
            self.ask_channels();
        }
    }

    /// Reads a file for the image that it was chosen for.
    pub(super) fn open_channel(&mut self, path: PathBuf) {
        let (Some(place), Some(case)) = (self.channels.choosing.take(), self.session.case()) else {
            return;
        };
        let (scan, key) = (Arc::clone(case.image()), case.key());
        self.run(
            tr!("Opening"),
            Purpose::Channel,
            true,
            move |ctx| match image_on_grid(&path, &scan, ctx) {
                Ok(image) => FileOutcome::ChannelRead {
                    scan: key,
                    place,
                    file: name_of(&path),
                    image: Arc::new(image),
                },
                Err(outcome) => outcome,
            },
        );
    }

    /// An image was read.
    pub(super) fn take_channel(
        &mut self,
        scan: ScanKey,
        place: usize,
        file: String,
        image: Arc<ImageVolume>,
    ) {
        let is_for = self.channels.of.as_ref().is_some_and(|(of, _)| *of == scan);
        if let Some(given) = self.channels.given.get_mut(place).filter(|_| is_for) {
            *given = Some((file, image));
            self.ask_channels();
        }
    }

    /// Nothing is missing any more: the model is asked.
    pub(super) fn segment_with_channels(&mut self) {
        if self.channels.are_complete() {
            self.apply(AiCommand::RunAuto { structures: None });
        } else {
            let text = tr!("Some of the model's images are not chosen yet");
            self.state.messages.push(Severity::Warning, text);
            self.ask_channels();
        }
    }

    /// The images that the model that is open takes of this scan, in its order: the scan itself where it takes one.
    pub(super) fn images_for_model(
        &self,
        key: ScanKey,
        scan: &Arc<ImageVolume>,
    ) -> Vec<Arc<ImageVolume>> {
        let card = self.engine_status.card().filter(|c| c.channels.len() > 1);
        let of = card.map(|card| (key, card.id.clone()));
        if of.is_some() && of == self.channels.of {
            self.channels.with_scan(scan)
        } else {
            vec![Arc::clone(scan)]
        }
    }
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// An image whose voxels are those of the scan; it is then said to lie exactly there.
fn image_on_grid(
    path: &Path,
    scan: &ImageVolume,
    ctx: &JobContext,
) -> Result<ImageVolume, FileOutcome> {
    let options = OpenOptions {
        modality: Some(scan.modality()),
        ..OpenOptions::default()
    };
    let image = open_scan(path, &options, ctx)
        .map_err(files::refused)?
        .image;
    let order = Reordering::between(image.grid(), scan.grid());
    if order.is_none_or(|order| !order.is_identity()) {
        return Err(FileOutcome::Refused(format!(
            "{}: it is on another grid than the scan: a model of several images needs them voxel for voxel alike",
            name_of(path)
        )));
    }
    let voxels = image.voxels().clone();
    Ok(ImageVolume::new(
        *scan.grid(),
        voxels,
        image.rescale(),
        image.modality(),
    ))
}
