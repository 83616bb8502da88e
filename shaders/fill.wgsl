// One opaque colour over the viewport, known when the shader is compiled: the cheapest surface that there is.
//
// Drawn as one triangle. RED, GREEN and BLUE are in the target's own encoding.

override RED: f32 = 0.0;
override GREEN: f32 = 0.0;
override BLUE: f32 = 0.0;

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    let corner = vec2<f32>(f32((index << 1u) & 2u), f32(index & 2u));
    return vec4<f32>(corner.x * 2.0 - 1.0, 1.0 - corner.y * 2.0, 0.0, 1.0);
}

@fragment
fn fragment() -> @location(0) vec4<f32> {
    return vec4<f32>(RED, GREEN, BLUE, 1.0);
}
