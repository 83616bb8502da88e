//! 3DSAM-adapters that find structures without a prompt.

use burn::tensor::Tensor;

use crate::models::checkpoint::Loader;
use crate::models::taught::classes::wanted;
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
    spacing_mm: |_base, shown| shown.voxel_mm,
    role,
    rates: &[],
    method: |_cases, _finds| &HEAD,
    pupil,
};

fn pupil(setup: Setup<'_>) -> Result<Box<dyn Pupil + '_>, TrainError> {
    let settings = narrowed(setup.base, wanted(setup.structure, setup.base)?)?;
    let network = settings.network;
    let crops = (settings.volume, network.net.crop);
    volumes::pupil(setup, crops, move |loader: Loader, crop: Tensor<5>| {
        let net = ThreedsamNet::load(&loader.root(), &network);
        loader.finish("3DSAM-adapter", |_| false)?;
        let off = Trace::off();
        Ok(net.decode(&net.encode(crop, &off), &[], &off))
    })
}
