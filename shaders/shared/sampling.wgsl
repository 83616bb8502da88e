// The scan's brightness at a voxel position, of each colour where it is in colour.
//
// Input: the scan as a 3D texture of the alias `Stored` (u32 for colours of 8 bits, i32 for integers up to 16
// bits, f32 for the rest), read exactly, without the sampler's 8-bit weights. A view lies in one voxel slice, so linear
// interpolation takes four texels.

@group(0) @binding(1) var image: texture_3d<Stored>;

fn stored(voxel: vec3<i32>) -> vec3<f32> {
    let texel = texel_of(voxel, view.image_texels, FLAT_IMAGE);
    let last = vec3<i32>(textureDimensions(image)) - 1;
    let value = vec4<f32>(textureLoad(image, min(texel, last), 0));
    return select(value.xxx, value.xyz, has(IN_COLOUR));
}

fn interpolated(voxel: vec3<f32>) -> vec3<f32> {
    let base = vec3<i32>(floor(voxel));
    let part = voxel - floor(voxel);
    let across = view.axis_across.xyz;
    let down = view.axis_down.xyz;
    let u = dot(part, vec3<f32>(across));
    let v = dot(part, vec3<f32>(down));
    let top = mix(stored(base), stored(base + across), u);
    let bottom = mix(stored(base + down), stored(base + across + down), u);
    return mix(top, bottom, v);
}

fn brightness(voxel: vec3<f32>) -> vec3<f32> {
    var value: vec3<f32>;
    if has(INTERPOLATE) {
        value = interpolated(voxel);
    } else {
        value = stored(nearest(voxel));
    }
    return clamp(value * view.window_scale + view.window_offset, vec3<f32>(0.0), vec3<f32>(1.0));
}
