//! Drawing slices: the shaders' layout, the graphics device against the CPU twin, the anatomy; volumes from outside.

mod cases;
mod device;
mod pictures;
mod shaders;
mod volume;
