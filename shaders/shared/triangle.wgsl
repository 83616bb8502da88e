// One triangle that covers the viewport.

/// Corner 0, 1 or 2: (0, 0) at the viewport's upper left, (1, 1) at its lower right.
fn corner_of_triangle(index: u32) -> vec2<f32> {
    return vec2<f32>(f32((index << 1u) & 2u), f32(index & 2u));
}

fn clip_from_viewport(at: vec2<f32>) -> vec4<f32> {
    return vec4<f32>(at.x * 2.0 - 1.0, 1.0 - at.y * 2.0, 0.0, 1.0);
}
