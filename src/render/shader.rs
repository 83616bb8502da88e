//! The shader sources, put together from the files in `shaders/`.

const PARTS: [&str; 7] = [
    include_str!("../../shaders/shared/triangle.wgsl"),
    include_str!("../../shaders/shared/srgb.wgsl"),
    include_str!("../../shaders/shared/view.wgsl"),
    include_str!("../../shaders/shared/sampling.wgsl"),
    include_str!("../../shaders/shared/second.wgsl"),
    include_str!("../../shaders/shared/label.wgsl"),
    include_str!("../../shaders/slice.wgsl"),
];

/// The source that shows a finished picture.
pub const PICTURE_SOURCE: &str = concat!(
    include_str!("../../shaders/shared/triangle.wgsl"),
    include_str!("../../shaders/picture.wgsl")
);

/// The source that fills a surface.
pub const FILL_SOURCE: &str = concat!(
    include_str!("../../shaders/shared/triangle.wgsl"),
    include_str!("../../shaders/fill.wgsl")
);

/// The source that shows a whole volume.
pub const VOLUME_SOURCE: &str = concat!(
    include_str!("../../shaders/shared/triangle.wgsl"),
    include_str!("../../shaders/shared/srgb.wgsl"),
    include_str!("../../shaders/volume.wgsl")
);

/// What the texture of the scan holds; decides the source of the slice shader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stored {
    /// Signed 16-bit integers.
    Integer,
    /// 32-bit floats.
    Float,
    /// Red, green, blue as unsigned 8-bit integers.
    Colour,
}

impl Stored {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Integer, Self::Float, Self::Colour];

    /// What a texture of this format holds.
    pub(super) fn of(format: wgpu::TextureFormat) -> Self {
        match format {
            wgpu::TextureFormat::R32Float => Self::Float,
            wgpu::TextureFormat::Rgba8Uint => Self::Colour,
            _ => Self::Integer,
        }
    }
}

/// The complete WGSL source of the slice shader.
pub fn slice_source(stored: Stored) -> String {
    let alias = match stored {
        Stored::Integer => "alias Stored = i32;\n",
        Stored::Float => "alias Stored = f32;\n",
        Stored::Colour => "alias Stored = u32;\n",
    };
    std::iter::once(alias).chain(PARTS).collect()
}
