// One opaque colour over the viewport, known when the shader is compiled: the cheapest surface that there is.
//
// Drawn as one triangle; needs shared/triangle.wgsl. RED, GREEN and BLUE are in the target's own encoding.

override RED: f32 = 0.0;
override GREEN: f32 = 0.0;
override BLUE: f32 = 0.0;

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    return clip_from_viewport(corner_of_triangle(index));
}

@fragment
fn fragment() -> @location(0) vec4<f32> {
    return vec4<f32>(RED, GREEN, BLUE, 1.0);
}
