//! Where voxels are in the patient.
//!
//! Conventions, stated once:
//! - World coordinates are millimetres in **RAS**: +x is the patient's Right, +y Anterior, +z Superior.
//!   DICOM's LPS is converted at the door.
//! - Voxel coordinates `(i, j, k)` are continuous and zero-based; a voxel's **centre** has integer
//!   coordinates, so a volume spans `-0.5 .. dim - 0.5` on each axis.
//! - Arrays are stored with `i` fastest: `offset = i + ni * (j + nj * k)`, as NIfTI does.
//! - A transform is named `a_from_b`: it maps coordinates of space `b` to space `a`.

mod affine;
mod grid;
mod orbit;
mod orientation;
mod plane;
mod rigid;
mod slice_plane;
mod space;
mod tilt;

pub use affine::{Affine, SingularAffine};
pub use grid::Grid;
pub use orbit::{Orbit, OrbitView};
pub use orientation::{Axis, Orientation};
pub use plane::{Convention, Plane};
pub use rigid::RigidTransform;
pub use slice_plane::SliceView;
pub use space::{VoxelBox, VoxelIndex, VoxelPoint, WorldPoint};
pub use tilt::Tilt;
