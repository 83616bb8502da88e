//! Recordings of AutoSAM's preparation and losses.

use burn::tensor::{Device, Int, Tensor};

use crate::models::autosam::{Loss, network_slice, resize_labels, volume_to_png};

use super::{Check, Fixture, Kind, Limit, ParityError};

/// The kinds of this file.
pub(super) const KINDS: &[Kind] = &[("autosam_losses", losses), ("autosam_preproc", preparation)];

const EXACT: Limit = Limit::MaxAbs(0.0);

/// Recorded labels `[b, 1, h, w]` as whole numbers `[b, h, w]`.
pub(super) fn labels(
    fixture: &Fixture,
    name: &str,
    device: &Device,
) -> Result<Tensor<3, Int>, ParityError> {
    let labels = fixture.tensor::<4>(name, device)?;
    Ok(labels.squeeze_dim::<3>(1).int())
}

fn losses(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let device = &device.clone().autodiff();
    let cases: Vec<String> = fixture
        .names("in/")
        .filter_map(|name| name.strip_prefix("in/")?.strip_suffix(".logits"))
        .map(str::to_owned)
        .collect();
    for case in cases {
        let logits = fixture.tensor::<4>(&format!("in/{case}.logits"), device)?;
        let logits = logits.require_grad();
        let truth = labels(fixture, &format!("in/{case}.label"), device)?;
        let loss = Loss::of(logits.clone(), truth);
        let name = |part: &str| format!("out/{case}.{part}");
        let entropy = loss.cross_entropy.clone().inner();
        check.tensor(fixture, &name("ce"), entropy, 1e-5)?;
        check.tensor(fixture, &name("dice"), loss.dice.clone().inner(), 1e-5)?;
        let total = loss.total();
        let gradients = total.backward();
        check.tensor(fixture, &name("total"), total.inner(), 1e-5)?;
        let gradient = logits
            .grad(&gradients)
            .ok_or_else(|| ParityError::NotUnderstood(format!("{case} gives no gradient")))?;
        check.gradient(fixture, &name("grad_logits"), gradient)?;
    }
    Ok(())
}

fn preparation(fixture: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    let side: usize = fixture.setting("/img_size")?;
    let frames: usize = fixture.setting("/frames")?;
    let (mut pngs, mut labels, mut rows, mut columns) = (vec![], vec![], 0, 0);
    for frame in 1..=frames {
        let image = fixture.host(&format!("in/frame{frame}_image"))?;
        [rows, columns] = [image.shape[1], image.shape[2]];
        pngs.extend(volume_to_png(&image.data));
        let truth = fixture.host(&format!("in/frame{frame}_label"))?;
        labels.extend(truth.data.iter().map(|&l| l as u8));
    }
    let floats = |values: &[u8]| values.iter().copied().map(f32::from).collect::<Vec<f32>>();
    let plane = rows * columns;
    let count = pngs.len() / plane;
    let shape = [count, rows, columns];
    check.values(fixture, "mid/png_u8", &shape, &floats(&pngs), EXACT)?;
    check.values(fixture, "mid/png_label", &shape, &floats(&labels), EXACT)?;
    let resized: Vec<u8> = labels
        .chunks_exact(plane)
        .flat_map(|slice| resize_labels(slice, [rows, columns], side))
        .collect();
    let shape = [count, side, side];
    check.values(fixture, "out/label_224", &shape, &floats(&resized), EXACT)?;
    for (slice, png) in pngs.chunks_exact(plane).enumerate() {
        let name = format!("out/img_channel0_{slice}");
        if fixture.contains(&name) {
            let found = network_slice(png, [rows, columns], side);
            check.values(fixture, &name, &[side; 2], &found, Limit::MaxAbs(1e-6))?;
        }
    }
    Ok(())
}
