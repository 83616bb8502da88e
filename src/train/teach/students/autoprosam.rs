//! AutoProSAMs.

use burn::tensor::Tensor;

use crate::models::autoprosam::{AutoProSamNet, narrowed};
use crate::models::checkpoint::Loader;
use crate::models::taught::classes::wanted;
use crate::models::trace::Trace;
use crate::train::TrainError;

use super::super::methods::HEAD;
use super::volumes::{self, role};
use super::{Pupil, Setup, Student};

pub(super) const STUDENT: Student = Student {
    system: "autoprosam",
    batch: 1,
    takes_prompts: false,
    only_adds: false,
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
        let net = AutoProSamNet::load(&loader.root(), &network);
        loader.finish("AutoProSAM", |_| false)?;
        Ok(net.forward(crop, &Trace::off()))
    })
}
