// One view of one voxel slice: uniforms and the map from pixels to voxels.
//
// Spaces: pixels (continuous, x right, y down, centre of the first pixel at 0.5, 0.5) and voxels
// (continuous, centres at integers; the component along the slice's normal is the slice index, exactly).
// Layout checked against render/gpu_types.rs::SliceUniforms by a test.

struct SliceUniforms {
    // Voxel position of pixel corner (0, 0), and the voxel steps for one pixel right and one down.
    voxel_origin: vec4<f32>,
    voxel_per_x: vec4<f32>,
    voxel_per_y: vec4<f32>,
    // Unit vectors of the two voxel axes in the slice.
    axis_across: vec4<i32>,
    axis_down: vec4<i32>,
    // Voxels along i, j, k; w the number of label layers.
    dims: vec4<i32>,
    // Where each texture lies in the volume: xyz the voxel of its first texel; it holds every 2^w-th voxel.
    image_texels: vec4<i32>,
    label_texels: vec4<i32>,
    proposal_texels: vec4<i32>,
    // The second scan's texel position of voxel (0, 0, 0), and the steps for one voxel along i, j, k; its texels along each
    // axis.
    second_origin: vec4<f32>,
    second_per_i: vec4<f32>,
    second_per_j: vec4<f32>,
    second_per_k: vec4<f32>,
    second_dims: vec4<i32>,
    // Size of the view in pixels.
    size: vec2<f32>,
    // Brightness 0..1 of a texel: texel * scale + offset.
    window_scale: f32,
    window_offset: f32,
    fill_opacity: f32,
    outline_px: f32,
    active_label: u32,
    // The label that a proposed mask stands for; 0: the proposal's texels are labels themselves.
    proposal_label: u32,
    // Of the second scan: part of its window of a value: value * scale + offset; how much it hides, 0 to 1; its colour map.
    second_scale: f32,
    second_offset: f32,
    second_opacity: f32,
    second_map: u32,
}

// What the shader is compiled for. A software rasteriser executes both sides of a branch for every pixel, so what a
// view does without must not be there at all.
//
// Bit 0: interpolate the image; bit 1: there are labels; bit 2: there is a proposal; bits 3 to 5: the texture of
// image, labels, proposal holds only this slice, laid flat; bit 6: the image is in colour; bit 7: the target turns
// what is written into sRGB itself; bit 8: there are several label layers, whose slices lie one behind the other;
// bit 9: there is a second scan; bit 10: it is shown alone.
override FLAGS: u32 = 0u;

const INTERPOLATE: u32 = 1u;
const HAS_LABELS: u32 = 2u;
const HAS_PROPOSAL: u32 = 4u;
const FLAT_IMAGE: u32 = 8u;
const FLAT_LABELS: u32 = 16u;
const FLAT_PROPOSAL: u32 = 32u;
const IN_COLOUR: u32 = 64u;
const TARGET_IS_SRGB: u32 = 128u;
const HAS_LAYERS: u32 = 256u;
const HAS_SECOND: u32 = 512u;
const SECOND_ALONE: u32 = 1024u;

@group(0) @binding(0) var<uniform> view: SliceUniforms;

fn has(flag: u32) -> bool {
    return (FLAGS & flag) != 0u;
}

fn voxel_from_pixel(pixel: vec2<f32>) -> vec3<f32> {
    return view.voxel_origin.xyz + view.voxel_per_x.xyz * pixel.x + view.voxel_per_y.xyz * pixel.y;
}

fn is_inside(voxel: vec3<f32>) -> bool {
    return all(voxel >= vec3<f32>(-0.5)) && all(voxel < vec3<f32>(view.dims.xyz) - 0.5);
}

fn nearest(voxel: vec3<f32>) -> vec3<i32> {
    return vec3<i32>(floor(voxel + 0.5));
}

// The texel that holds a voxel, for a texture that starts at `texels.xyz` with every 2^`texels.w`-th voxel. Where
// `flat_flag` is set, the texture's last axis is the slice's normal, and the other two follow in the volume's order.
fn texel_of(voxel: vec3<i32>, texels: vec4<i32>, flat_flag: u32) -> vec3<i32> {
    let clamped = clamp(voxel, vec3<i32>(0), view.dims.xyz - 1);
    let texel = max((clamped - texels.xyz) >> vec3<u32>(u32(texels.w)), vec3<i32>(0));
    let normal = 1 - view.axis_across.xyz - view.axis_down.xyz;
    if !has(flat_flag) || normal.z == 1 {
        return texel;
    }
    return select(texel.xzy, texel.yzx, normal.x == 1);
}
