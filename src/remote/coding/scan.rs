//! A scan: its form in a message, then its voxels as they are stored, piece by piece.

use serde::{Deserialize, Serialize};

use crate::volume::{Grid, ImageVolume, Modality, Rescale, Rgb, ThirdAxis, VoxelData};
use crate::with_voxels;

use super::super::failure::Broken;
use super::{Bits64, GridForm, packed, unpacked};

/// Most bytes of a scan's voxels, unpacked; as much as a packed DICOM file may hold.
pub(in super::super) const MOST_BYTES: usize = 4 << 30;
/// Bytes of a piece; whole voxels of every type, also of colours.
const PIECE: usize = 3 << 20;

/// What a scan is, without its voxels.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in super::super) struct ScanForm {
    grid: GridForm,
    dtype: String,
    slope: Bits64,
    intercept: Bits64,
    modality: Modality,
    is_over_time: bool,
    frame_ms: Option<Bits64>,
}

/// What one voxel is called that is a colour.
const COLOUR: &str = "rgb24";

impl ScanForm {
    pub(in super::super) fn of(image: &ImageVolume) -> Self {
        let rescale = image.rescale();
        let frame_ms = match image.third_axis() {
            ThirdAxis::Space => None,
            ThirdAxis::Time { frame_ms } => frame_ms,
        };
        Self {
            grid: GridForm::of(image.grid()),
            dtype: image.dtype().to_owned(),
            slope: Bits64(rescale.slope),
            intercept: Bits64(rescale.intercept),
            modality: image.modality(),
            is_over_time: image.third_axis().is_time(),
            frame_ms: frame_ms.map(Bits64),
        }
    }
}

/// The bytes of a scan's voxels, little-endian as every machine that this runs on.
fn bytes(image: &ImageVolume) -> &[u8] {
    match image.colours() {
        Some(colours) => bytemuck::cast_slice(colours),
        None => with_voxels!(image.voxels(), v => bytemuck::cast_slice(v)),
    }
}

/// The piece of a scan that begins at a byte, packed, and where the next begins; `None` at the end.
pub(in super::super) fn piece(image: &ImageVolume, at: usize) -> Option<(Vec<u8>, usize)> {
    let bytes = bytes(image);
    let end = bytes.len().min(at + PIECE);
    (at < end).then(|| (packed(&bytes[at..end]), end))
}

/// The share of a scan that lies before a byte.
pub(in super::super) fn share(image: &ImageVolume, at: usize) -> f32 {
    at as f32 / bytes(image).len() as f32
}

/// A scan of which pieces have come.
pub(in super::super) struct Arriving {
    form: ScanForm,
    grid: Grid,
    voxels: Voxels,
}

enum Voxels {
    Numbers(VoxelData),
    Colours(Vec<Rgb>),
}

impl Arriving {
    /// A scan of which nothing has come, and for which no memory is taken yet.
    ///
    /// # Errors
    /// Larger than any that is opened, or of no known type.
    pub(in super::super) fn new(form: ScanForm) -> Result<Self, Broken> {
        let voxels = match form.dtype.as_str() {
            COLOUR => Voxels::Colours(Vec::new()),
            other => Voxels::Numbers(none_of(other)?),
        };
        let grid = form.grid.grid(MOST_BYTES / voxels.size())?;
        let is_sound = form.slope.0.is_finite() && form.slope.0 != 0.0;
        if !is_sound || !form.intercept.0.is_finite() {
            return Err(Broken::Nonsense("values that are no numbers"));
        }
        Ok(Self { form, grid, voxels })
    }

    /// Appends a piece; the scan, when that was the last one.
    ///
    /// # Errors
    /// A piece that is damaged, or of more voxels than the scan has.
    pub(in super::super) fn append(&mut self, piece: &[u8]) -> Result<Option<ImageVolume>, Broken> {
        let size = self.voxels.size();
        let missing = self.grid.len() - self.voxels.len();
        let bytes = unpacked(piece, PIECE.min(missing.saturating_mul(size)))?;
        if bytes.is_empty() || bytes.len() % size != 0 {
            return Err(Broken::Nonsense(
                "a piece of a scan that is no whole voxels",
            ));
        }
        self.voxels.extend(&bytes);
        Ok((self.voxels.len() == self.grid.len()).then(|| self.take()))
    }

    /// Bytes of voxels that have come.
    pub(in super::super) fn bytes(&self) -> usize {
        self.voxels.len() * self.voxels.size()
    }

    /// The scan, of which all has come.
    fn take(&mut self) -> ImageVolume {
        let form = &self.form;
        let rescale = Rescale {
            slope: form.slope.0,
            intercept: form.intercept.0,
        };
        let nothing = Voxels::Colours(Vec::new());
        let image = match std::mem::replace(&mut self.voxels, nothing) {
            Voxels::Numbers(v) => ImageVolume::new(self.grid, v, rescale, form.modality),
            Voxels::Colours(c) => ImageVolume::in_colour(self.grid, c, form.modality),
        };
        match form.is_over_time {
            true => image.over_time(form.frame_ms.map(|ms| ms.0)),
            false => image,
        }
    }
}

impl Voxels {
    fn len(&self) -> usize {
        match self {
            Self::Numbers(voxels) => voxels.len(),
            Self::Colours(colours) => colours.len(),
        }
    }

    /// Bytes of one.
    fn size(&self) -> usize {
        match self {
            Self::Numbers(voxels) => with_voxels!(voxels, v => size_of_one(v)),
            Self::Colours(_) => size_of::<Rgb>(),
        }
    }

    /// Appends voxels by their bytes, which need not lie as voxels do.
    fn extend(&mut self, bytes: &[u8]) {
        match self {
            Self::Numbers(voxels) => {
                with_voxels!(voxels, v => append(v, bytes));
            }
            Self::Colours(colours) => append(colours, bytes),
        }
    }
}

/// Appends values by their bytes.
fn append<T: bytemuck::Pod>(values: &mut Vec<T>, bytes: &[u8]) {
    values.extend(bytemuck::pod_collect_to_vec::<u8, T>(bytes));
}

fn size_of_one<T>(_: &[T]) -> usize {
    size_of::<T>()
}

/// No voxels, of a type by its name.
fn none_of(dtype: &str) -> Result<VoxelData, Broken> {
    let all = [
        VoxelData::U8(Vec::new()),
        VoxelData::I8(Vec::new()),
        VoxelData::U16(Vec::new()),
        VoxelData::I16(Vec::new()),
        VoxelData::U32(Vec::new()),
        VoxelData::I32(Vec::new()),
        VoxelData::U64(Vec::new()),
        VoxelData::I64(Vec::new()),
        VoxelData::F32(Vec::new()),
        VoxelData::F64(Vec::new()),
    ];
    let known = all.into_iter().find(|voxels| voxels.dtype() == dtype);
    known.ok_or(Broken::Nonsense("an unknown type of voxels"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Affine;

    fn sent(image: &ImageVolume) -> Result<Option<ImageVolume>, Broken> {
        let form = serde_json::to_string(&ScanForm::of(image)).unwrap();
        let mut arriving = Arriving::new(serde_json::from_str(&form).unwrap())?;
        let (mut at, mut whole) = (0, None);
        while let Some((bytes, next)) = piece(image, at) {
            whole = arriving.append(&bytes)?;
            at = next;
        }
        Ok(whole)
    }

    #[test]
    fn scans_arrive_to_the_last_bit() {
        // Thirds have no exact text.
        let affine = Affine::from_spacing([1.0 / 3.0, 0.7, 2.1], [-0.1, 1e-300, 7.0 / 9.0]);
        let grid = Grid::new([200, 130, 70], affine);
        let rescale = Rescale {
            slope: 1.0 / 7.0,
            intercept: -1024.0,
        };
        let values = (0..grid.len()).map(|v| (v % 4093) as i16 - 900).collect();
        let image = ImageVolume::new(grid, VoxelData::I16(values), rescale, Modality::Pet);
        assert!(bytes(&image).len() > PIECE, "more than one piece");
        assert!(sent(&image).unwrap() == Some(image));
        let nan = VoxelData::F64(vec![f64::INFINITY, 1.0 / 3.0]);
        let small = Grid::new([2, 1, 1], affine).with_sides_assumed(true);
        let floats = ImageVolume::new(small, nan, Rescale::IDENTITY, Modality::Mr);
        assert!(sent(&floats).unwrap() == Some(floats));
        let colours = vec![[1, 2, 3], [250, 0, 7]];
        let film = ImageVolume::in_colour(small, colours, Modality::Mr).over_time(Some(0.1));
        assert!(sent(&film).unwrap() == Some(film));
    }

    #[test]
    fn what_claims_too_much_is_refused_before_it_takes_memory() {
        let grid = Grid::new(
            [1 << 20, 1 << 20, 1 << 20],
            Affine::from_spacing([1.0; 3], [0.0; 3]),
        );
        let small = Grid::new([2, 2, 1], grid.affine);
        let image = ImageVolume::new(
            small,
            VoxelData::U16(vec![5; 4]),
            Rescale::IDENTITY,
            Modality::Ct,
        );
        let form = ScanForm::of(&image);
        let claims = [
            ScanForm {
                grid: GridForm::of(&grid),
                ..form.clone()
            },
            ScanForm {
                grid: GridForm {
                    dims: [0, 2, 1],
                    ..GridForm::of(&small)
                },
                ..form.clone()
            },
            ScanForm {
                dtype: "text".to_owned(),
                ..form.clone()
            },
            ScanForm {
                slope: Bits64(0.0),
                ..form.clone()
            },
        ];
        for claim in claims {
            assert!(Arriving::new(claim).is_err());
        }
        let mut arriving = Arriving::new(form).unwrap();
        assert!(
            arriving.append(&packed(&[0; 10])).is_err(),
            "more than it has"
        );
        assert!(arriving.append(&packed(&[0; 3])).is_err(), "half a voxel");
        assert!(arriving.append(b"nothing packed").is_err());
        assert!(arriving.append(&packed(&[0; 8])).unwrap().is_some());
    }
}
