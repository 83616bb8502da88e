//! Files in and out: NIfTI and DICOM scans, label maps.
