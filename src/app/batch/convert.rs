//! `prosector convert`: a scan as NIfTI, voxels and rescale as stored.

use std::sync::Arc;

use crate::cli::ConvertArgs;
use crate::io::save_image;
use crate::volume::ImageVolume;
use crate::volume::resample::at_right_angles;

use super::Refusal;
use super::console::Console;
use super::inputs;
use super::outputs::{check_results, export_doubts};

pub(super) fn run(args: &ConvertArgs) -> Result<(), Refusal> {
    let console = Console::new(false);
    check_results(&[&args.output], &[&args.scan.path])?;
    let scan = inputs::open(&args.scan, args.modality.modality, &console.context())?;
    let mut warnings = scan.warnings;
    let image = if args.right_angles && scan.image.grid().is_sheared() {
        resampled(&scan.image, &mut warnings)?
    } else {
        scan.image
    };
    save_image(&args.output, &image)?;
    warnings.extend(export_doubts(image.grid()));
    console.warnings(&warnings);
    let [ni, nj, nk] = image.grid().dims;
    let dtype = image.dtype();
    console.line(&format!(
        "{}: {ni} x {nj} x {nk} voxels, {dtype}",
        args.output.display()
    ));
    Ok(())
}

/// The scan on a grid at right angles.
fn resampled(image: &ImageVolume, warnings: &mut Vec<String>) -> Result<Arc<ImageVolume>, Refusal> {
    let resampled = at_right_angles(image).ok_or_else(|| {
        Refusal::Other(
            "--right-angles takes scans in space and in grey only, whose axes do not nearly coincide: leave it out for others"
                .to_owned(),
        )
    })?;
    warnings.push(
        "resampled onto a grid at right angles: values are interpolated, and what lay outside the scan has its lowest"
            .to_owned(),
    );
    Ok(Arc::new(resampled))
}
