//! From prompts to a mask: looking at the whole of the target, then closely where that changes the mask.

use crate::models::nnunet::arrays::crop::{bounds, cut_out};
use crate::util::short_debug;

use super::border::goes_on;
use super::boxes::{clearly_different, covering_boxes};
use super::capabilities::Capabilities;
use super::channels::{Bounds, Gaze, Prompts, Shape};
use super::pool::Part;
use super::view::{Patch, View};

/// The network looks from no further away.
const FURTHEST: f64 = 4.0;
/// How much further away it looks the next time.
const FURTHER: f64 = 1.5;

/// Normalises an image in place: mean 0 and standard deviation 1 of the box around what is not 0.
///
/// # Errors
/// An image that is 0 everywhere, in words.
pub fn normalise(image: &mut [f32], dims: [usize; 3]) -> Result<(), String> {
    let there: Vec<u8> = image.iter().map(|&v| u8::from(v != 0.0)).collect();
    if there.iter().all(|&m| m == 0) {
        return Err("the scan is 0 everywhere: there is nothing to segment".to_owned());
    }
    let inner = cut_out(image, dims, &bounds(&there, dims));
    let values = || inner.iter().map(|&v| f64::from(v));
    let mean = values().sum::<f64>() / inner.len() as f64;
    let squares: f64 = values().map(|v| (v - mean).powi(2)).sum();
    let deviation = (squares / (inner.len() as f64 - 1.0).max(1.0)).sqrt();
    let (mean, deviation) = (mean as f32, (deviation as f32).max(f32::MIN_POSITIVE));
    image.iter_mut().for_each(|v| *v = (*v - mean) / deviation);
    Ok(())
}

/// What a prediction looked at.
#[derive(Debug, Clone, Default)]
pub struct Looks {
    /// From further and further away.
    pub passes: Vec<View>,
    /// Closely, one after the other.
    pub close: Vec<View>,
}

/// One target on one image.
#[derive(Clone)]
pub struct Session<'a> {
    image: &'a [f32],
    dims: [usize; 3],
    patch: [usize; 3],
    capabilities: &'a Capabilities,
    /// Whether it may look from further away than the prompts ask for.
    pub auto_zoom: bool,
    prompts: Prompts,
    mask: Patch,
}

short_debug! {
    Session<'_>: |session| format_args!("{:?}, {:?}", session.prompts, session.mask);
}

impl<'a> Session<'a> {
    /// On a normalised image.
    ///
    /// # Panics
    /// When the image does not fill `dims`.
    pub fn new(
        image: &'a [f32],
        dims: [usize; 3],
        patch: [usize; 3],
        capabilities: &'a Capabilities,
    ) -> Self {
        assert_eq!(
            image.len(),
            dims.iter().product::<usize>(),
            "an image fills its lengths"
        );
        Self {
            image,
            dims,
            patch,
            capabilities,
            auto_zoom: true,
            prompts: Prompts::new(dims, capabilities),
            mask: Patch::empty([0; 3], dims),
        }
    }

    /// The mask so far, row-major.
    pub fn mask(&self) -> &[u8] {
        &self.mask.voxels
    }

    /// The prompts so far.
    pub fn prompts(&self) -> &Prompts {
        &self.prompts
    }

    /// Replaces the mask so far.
    ///
    /// # Panics
    /// When it does not fill the image.
    pub fn set_mask(&mut self, voxels: Vec<u8>) {
        assert_eq!(voxels.len(), self.image.len(), "a mask fills the image");
        self.mask.voxels = voxels;
    }

    /// Forgets the prompts and the mask.
    pub fn reset(&mut self) {
        self.prompts = Prompts::new(self.dims, self.capabilities);
        self.mask.voxels.fill(0);
    }

    /// Adds a prompt; where it makes the network look, if anywhere.
    ///
    /// # Errors
    /// A kind that the model does not take, in words.
    pub fn add(&mut self, shape: &Shape, positive: bool) -> Result<Option<Gaze>, String> {
        self.prompts
            .add(shape, positive, self.capabilities, self.patch)
    }

    /// Where to look to see the whole mask; `None` where it is empty.
    pub fn gaze_at_mask(&self) -> Option<Gaze> {
        self.mask_bounds().map(|found| {
            Gaze::at(
                found.map(|range| [range.start as i64, range.end as i64]),
                self.patch,
            )
        })
    }

    fn mask_bounds(&self) -> Option<Bounds> {
        let there = self.mask.voxels.iter().any(|&m| m != 0);
        there.then(|| bounds(&self.mask.voxels, self.dims))
    }

    /// Makes the mask follow the prompts. `network` makes a mask of the patch from its input, channel after channel. With
    /// `all_of_mask` everything that is in the mask is looked at closely, not only what changes.
    ///
    /// # Errors
    /// What the network answers.
    pub fn predict<E>(
        &mut self,
        gaze: Gaze,
        all_of_mask: bool,
        mut network: impl FnMut(Vec<f32>) -> Result<Vec<u8>, E>,
    ) -> Result<Looks, E> {
        let mut looks = Looks::default();
        let mut zoom = gaze.zoom.min(FURTHEST);
        let (view, found) = loop {
            let view = View::of(Gaze { zoom, ..gaze }, self.patch);
            looks.passes.push(view);
            let found = network(self.input(&view, &self.mask))?;
            let more = || goes_on(&found, &view.nearest(&self.mask), self.patch);
            if !self.auto_zoom || zoom >= FURTHEST || !more() {
                break (view, found);
            }
            zoom = (zoom * FURTHER).min(FURTHEST);
        };
        if zoom <= 1.0 {
            self.mask.paste_all(&Patch {
                start: view.start,
                dims: self.patch,
                voxels: found,
            });
            return Ok(looks);
        }
        let coarse = view.at_full_resolution(&found, self.dims);
        let starts = self.close_looks(&coarse, gaze, all_of_mask);
        looks.close = starts
            .into_iter()
            .map(|start| View::patch_at(start, self.patch))
            .collect();
        self.refine(&coarse, &looks.close, network)?;
        Ok(looks)
    }

    fn input(&self, view: &View, mask: &Patch) -> Vec<f32> {
        let image = (self.image, self.dims);
        view.input(image, &self.prompts, mask, self.capabilities)
    }

    /// First voxels of the patches in which the coarse mask is refined.
    fn close_looks(&self, coarse: &Patch, gaze: Gaze, all_of_mask: bool) -> Vec<[i64; 3]> {
        let mut own = Patch::empty(coarse.start, coarse.dims);
        own.paste_all(&self.mask);
        let part = |of| Part {
            start: coarse.start,
            dims: coarse.dims,
            values: of,
        };
        let mut map = Patch {
            voxels: clearly_different(&part(&own.voxels), &part(&coarse.voxels)),
            ..own
        };
        if let Some(found) = self.mask_bounds().filter(|_| all_of_mask) {
            map = self.with_mask(&map, &found);
        }
        let mut starts = covering_boxes(&map.voxels, map.dims, self.patch);
        for start in &mut starts {
            (0..3).for_each(|d| start[d] += map.start[d]);
        }
        if starts.is_empty() {
            starts.push(std::array::from_fn(|d| {
                gaze.centre[d] - (self.patch[d] / 2) as i64
            }));
        }
        starts
    }

    /// A map that also has the mask.
    fn with_mask(&self, map: &Patch, mask: &Bounds) -> Patch {
        let start: [i64; 3] = std::array::from_fn(|d| map.start[d].min(mask[d].start as i64));
        let end = |d: usize| (map.start[d] + map.dims[d] as i64).max(mask[d].end as i64);
        let mut joined = Patch::empty(start, std::array::from_fn(|d| (end(d) - start[d]) as usize));
        joined.paste_all(&self.mask);
        let mut own = Patch::empty(map.start, map.dims);
        own.paste_all(&self.mask);
        let both = own.voxels.iter_mut().zip(&map.voxels);
        both.for_each(|(own, &of_map)| *own |= of_map);
        joined.paste_all(&own);
        joined
    }

    /// Looks closely, each time with what was found before, and takes over what was looked at.
    fn refine<E>(
        &mut self,
        coarse: &Patch,
        close: &[View],
        mut network: impl FnMut(Vec<f32>) -> Result<Vec<u8>, E>,
    ) -> Result<(), E> {
        let start: [i64; 3] = std::array::from_fn(|d| {
            let starts = close.iter().map(|view| view.start[d]);
            starts.min().unwrap_or(0)
        });
        let dims: [usize; 3] = std::array::from_fn(|d| {
            let ends = close.iter().map(|view| view.corners()[d][1]);
            ends.max().map_or(0, |end| (end - start[d]) as usize)
        });
        let mut work = Patch::empty(start, dims);
        work.paste_all(&self.mask);
        work.paste_all(coarse);
        for view in close {
            let voxels = network(self.input(view, &work))?;
            work.paste_all(&Patch {
                start: view.start,
                dims: self.patch,
                voxels,
            });
        }
        for view in close {
            let corners = view.corners();
            self.mask.paste(
                &work,
                [0, 1].map(|end: usize| corners.map(|along| along[end])),
            );
        }
        Ok(())
    }
}
