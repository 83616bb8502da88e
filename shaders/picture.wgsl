// A picture that was drawn before, pixel for pixel over the viewport.
//
// Drawn as one triangle. Input: the picture in the target's format. Output: the same.

@group(0) @binding(0) var picture: texture_2d<f32>;

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) pixel: vec2<f32>,
}

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> Corner {
    let corner = vec2<f32>(f32((index << 1u) & 2u), f32(index & 2u));
    var out: Corner;
    out.position = vec4<f32>(corner.x * 2.0 - 1.0, 1.0 - corner.y * 2.0, 0.0, 1.0);
    out.pixel = corner * vec2<f32>(textureDimensions(picture));
    return out;
}

@fragment
fn fragment(in: Corner) -> @location(0) vec4<f32> {
    return textureLoad(picture, vec2<i32>(in.pixel), 0);
}
