// A picture that was drawn before, pixel for pixel over the viewport.
//
// Drawn as one triangle; needs shared/triangle.wgsl. Input: the picture in the target's format. Output: the same.

@group(0) @binding(0) var picture: texture_2d<f32>;

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) pixel: vec2<f32>,
}

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> Corner {
    let corner = corner_of_triangle(index);
    var out: Corner;
    out.position = clip_from_viewport(corner);
    out.pixel = corner * vec2<f32>(textureDimensions(picture));
    return out;
}

@fragment
fn fragment(in: Corner) -> @location(0) vec4<f32> {
    return textureLoad(picture, vec2<i32>(in.pixel), 0);
}
