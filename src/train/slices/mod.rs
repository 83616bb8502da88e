//! Training of the networks that look at slices: AutoSAM, DeSAM and SAM from encoder results on disk or from slices,
//! MA-SAM from stacks of slices.

mod autosam;
pub(in crate::train) mod cache;
pub(in crate::train) mod desam;
pub(in crate::train) mod drawn;
pub(in crate::train) mod masam;
mod prompted;
mod recipe;
mod sam;
mod samples;
mod variation;

use crate::util::JobContext;

use super::published::{self, StartingSam};
use super::{TrainError, TrainRequest};
use recipe::SliceRecipe;

/// What the trainers are given.
type Setup<'a> = published::Setup<'a, SliceRecipe>;

/// Trains by a recipe of one of these systems, measures the model on the validation patients, and installs it.
///
/// # Errors
/// A bad recipe, unreadable data, a cache or checkpoint that cannot be written or read, an id that is taken.
pub(super) fn train(request: &TrainRequest, ctx: &JobContext) -> Result<(), TrainError> {
    let recipe = SliceRecipe::load(&request.recipe)?;
    published::run(&recipe, request, ctx, |setup| {
        ctx.step(0.0, "reading the encoder")?;
        let start = StartingSam::of(&recipe.encoder)?;
        match (&recipe.autosam, &recipe.desam, &recipe.masam, &recipe.sam) {
            (Some(own), None, None, None) => autosam::train(setup, own, &start),
            (None, Some(own), None, None) => desam::train(setup, own, &start),
            (None, None, Some(own), None) => masam::train(setup, own, &start),
            (None, None, None, Some(own)) => sam::train(setup, own, &start),
            _ => unreachable!("the recipe has the table of its own system alone"),
        }
    })
}
