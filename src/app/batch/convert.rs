//! `prosector convert`: a scan as NIfTI, voxels and rescale as stored.

use crate::cli::ConvertArgs;
use crate::io::{check_output, save_image};

use super::Refusal;
use super::console::Console;
use super::inputs;

pub(super) fn run(args: &ConvertArgs) -> Result<(), Refusal> {
    let console = Console::new(false);
    check_output(&args.output)?;
    let scan = inputs::open(&args.scan, args.modality.modality, &console.context())?;
    save_image(&args.output, &scan.image)?;
    console.warnings(&scan.info.warnings);
    let [ni, nj, nk] = scan.image.grid().dims;
    let dtype = scan.image.dtype();
    console.line(&format!(
        "{}: {ni} x {nj} x {nk} voxels, {dtype}",
        args.output.display()
    ));
    Ok(())
}
