// A voxel slice with window and level, label overlay and proposal; black beside the volume.
//
// Drawn as one triangle over the viewport. Needs shared/triangle.wgsl, shared/view.wgsl, shared/sampling.wgsl,
// shared/second.wgsl and shared/label.wgsl, and `alias Stored`; render/shader.rs puts them together.
// Output: gamma-encoded sRGB, opaque. CPU twin: render/reference.rs.

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) pixel: vec2<f32>,
}

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> Corner {
    let corner = corner_of_triangle(index);
    var out: Corner;
    out.position = clip_from_viewport(corner);
    out.pixel = corner * view.size;
    return out;
}

@fragment
fn fragment(in: Corner) -> @location(0) vec4<f32> {
    let voxel = voxel_from_pixel(in.pixel);
    var color = vec3<f32>(0.0);
    if is_inside(voxel) {
        if !has(SECOND_ALONE) {
            color = brightness(voxel);
        }
        if has(HAS_SECOND) {
            color = with_second(color, voxel);
        }
        if has(HAS_LAYERS) {
            color = with_layers(color, in.pixel, voxel);
        } else if has(HAS_LABELS) {
            color = with_labels(color, in.pixel, voxel);
        }
        if has(HAS_PROPOSAL) {
            color = with_proposal(color, in.pixel, voxel);
        }
    }
    if has(TARGET_IS_SRGB) {
        color = linear_from_srgb(color);
    }
    return vec4<f32>(color, 1.0);
}
