// A second scan, laid onto the first by where both are in the world, with a window and colours of its own.
//
// Input: the second scan's values as 32-bit floats, read exactly; a pixel is anywhere between its voxels, so linear
// interpolation takes eight texels.

@group(0) @binding(5) var second: texture_3d<f32>;

// Colour maps, as render/scene.rs numbers them.
const INVERTED_GREY: u32 = 1u;
const HOT: u32 = 2u;
const RAINBOW: u32 = 3u;

// From this part of the window on, colours hide as much as they may: what has next to nothing does not darken the scan.
const FULL_FROM: f32 = 0.25;

fn second_texel(at: vec3<i32>) -> f32 {
    return textureLoad(second, clamp(at, vec3<i32>(0), view.second_dims.xyz - 1), 0).x;
}

fn second_value(at: vec3<f32>) -> f32 {
    let base = vec3<i32>(floor(at));
    let part = at - floor(at);
    let i = vec3<i32>(1, 0, 0);
    let j = vec3<i32>(0, 1, 0);
    let k = vec3<i32>(0, 0, 1);
    let near_top = mix(second_texel(base), second_texel(base + i), part.x);
    let near_bottom = mix(second_texel(base + j), second_texel(base + i + j), part.x);
    let far_top = mix(second_texel(base + k), second_texel(base + i + k), part.x);
    let far_bottom = mix(second_texel(base + j + k), second_texel(base + i + j + k), part.x);
    return mix(mix(near_top, near_bottom, part.y), mix(far_top, far_bottom, part.y), part.z);
}

fn mapped(value: f32) -> vec3<f32> {
    if view.second_map == INVERTED_GREY {
        return vec3<f32>(1.0 - value);
    }
    if view.second_map == HOT {
        return clamp(value * 3.0 - vec3<f32>(0.0, 1.0, 2.0), vec3<f32>(0.0), vec3<f32>(1.0));
    }
    if view.second_map == RAINBOW {
        return clamp(1.5 - abs(value * 4.0 - vec3<f32>(3.0, 2.0, 1.0)), vec3<f32>(0.0), vec3<f32>(1.0));
    }
    return vec3<f32>(value);
}

// The second scan over what is there already; where it does not reach, that stays.
fn with_second(base: vec3<f32>, voxel: vec3<f32>) -> vec3<f32> {
    let at = view.second_origin.xyz + view.second_per_i.xyz * voxel.x + view.second_per_j.xyz * voxel.y
        + view.second_per_k.xyz * voxel.z;
    let end = vec3<f32>(view.second_dims.xyz) - 0.5;
    if any(at < vec3<f32>(-0.5)) || any(at >= end) {
        return base;
    }
    let value = clamp(second_value(at) * view.second_scale + view.second_offset, 0.0, 1.0);
    var weight = view.second_opacity;
    if view.second_map >= HOT {
        weight *= min(value / FULL_FROM, 1.0);
    }
    if has(SECOND_ALONE) {
        weight = 1.0;
    }
    return mix(base, mapped(value), weight);
}
