//! What SUV the values of a scan stand for, or why that cannot be said.

use crate::io::ScanInfo;
use crate::volume::statistics::SuvAsked;
use crate::volume::{ImageVolume, Modality};

/// How uptake is measured; `None` unless the scan is PET, and the reason where it is one without SUV.
pub fn suv_asked(
    image: &ImageVolume,
    info: &ScanInfo,
    threshold: Option<f64>,
) -> Result<Option<SuvAsked>, String> {
    if image.modality() != Modality::Pet {
        return match threshold {
            Some(_) => Err("there is no SUV: the scan is no PET".to_owned()),
            None => Ok(None),
        };
    }
    match &info.suv {
        Some(Ok(scale)) => Ok(Some(SuvAsked {
            scale: *scale,
            threshold,
        })),
        Some(Err(reason)) => Err(format!("there is no SUV: the DICOM series cannot give it, {reason}")),
        None => Err(
            "there is no SUV: the file does not tell dose and weight; give the PET as a DICOM series"
                .to_owned(),
        ),
    }
}
