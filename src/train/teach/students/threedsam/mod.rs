//! 3DSAM-adapters: those that find structures without a prompt, and those that answer clicks (`clicks.rs`).

mod clicks;

use burn::tensor::Tensor;

use crate::models::checkpoint::Loader;
use crate::models::threedsam::{ThreedsamNet, narrowed};
use crate::models::trace::Trace;
use crate::train::TrainError;

use super::super::methods::HEAD;
use super::volumes::{self, role};
use super::{Pupil, Setup, Student};

pub(super) const STUDENT: Student = Student {
    system: "3dsam",
    batch: 1,
    takes_prompts: false,
    only_adds: true,
    spacing_mm: |_base, shown| shown.voxel_mm,
    role,
    rates: &[],
    method: |_cases, _finds| &HEAD,
    pupil,
};

fn pupil(setup: Setup<'_>) -> Result<Box<dyn Pupil + '_>, TrainError> {
    if setup.structure.is_none() {
        return clicks::pupil(setup);
    }
    let settings = narrowed(setup.base, setup.structure)?;
    let network = settings.network;
    let crops = (settings.volume, network.net.crop);
    volumes::pupil(setup, crops, move |loader: Loader, crop: Tensor<5>| {
        let net = ThreedsamNet::load(&loader.root(), &network);
        loader.finish("3DSAM-adapter", |_| false)?;
        let off = Trace::off();
        Ok(net.decode(&net.encode(crop, &off), &[], &off))
    })
}
