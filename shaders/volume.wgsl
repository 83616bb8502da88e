// A whole volume seen from outside: parallel lines of sight, either the largest value along each (MIP) or shaded by a
// transfer function, with the labels as smooth surfaces in it.
//
// Inputs: the scan, condensed (value over a constant); how much of each texel is labelled (0 to 1) and which label it is;
// the sRGB colour of every label value (256 x 256); the transfer function (256 x 1: sRGB, and how much a millimetre hides).
// Needs shared/triangle.wgsl and shared/srgb.wgsl. Mixed gamma-encoded, as the rest of the window is.

struct VolumeUniforms {
    // Where the line of sight of the upper left corner begins, in voxels.
    origin: vec4<f32>,
    // Voxel step for one pixel of the view to the right, and down.
    per_x: vec4<f32>,
    per_y: vec4<f32>,
    // Voxels for each millimetre along the line of sight; w: how far lines of sight go, in mm.
    along: vec4<f32>,
    // Rows of the matrix that makes voxel steps of steps in mm: its transpose brings gradients to the world.
    voxel_i: vec4<f32>,
    voxel_j: vec4<f32>,
    voxel_k: vec4<f32>,
    // The line of sight in the world, of length 1.
    sight: vec4<f32>,
    // Texture coordinates for each voxel; w: length of a step in mm.
    texels: vec4<f32>,
    // What is shown of the volume, in voxels.
    low: vec4<f32>,
    high: vec4<f32>,
    // Where labels are, in voxels; low.x above high.x where there are none.
    label_low: vec4<f32>,
    label_high: vec4<f32>,
    // From texel to place in the transfer function: scale and offset; z: opacity of labels; w: pixels of the view for each
    // one drawn.
    look: vec4<f32>,
}

override IS_MIP: bool = false;
override TARGET_IS_SRGB: bool = false;

@group(0) @binding(0) var<uniform> view: VolumeUniforms;
@group(0) @binding(1) var scan: texture_3d<f32>;
@group(0) @binding(2) var labelled: texture_3d<f32>;
@group(0) @binding(3) var labels: texture_3d<u32>;
@group(0) @binding(4) var colors: texture_2d<f32>;
@group(0) @binding(5) var transfer: texture_2d<f32>;
@group(0) @binding(6) var smooth_sampler: sampler;

// More than this is as good as opaque.
const OPAQUE: f32 = 0.98;
// Half a texel is labelled: the surface.
const SURFACE: f32 = 0.5;
const AMBIENT: f32 = 0.25;

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    return clip_from_viewport(corner_of_triangle(index));
}

fn texture_place(voxel: vec3<f32>) -> vec3<f32> {
    return (voxel + 0.5) * view.texels.xyz;
}

fn scan_at(voxel: vec3<f32>) -> f32 {
    let texel = textureSampleLevel(scan, smooth_sampler, texture_place(voxel), 0.0).x;
    return texel * view.look.x + view.look.y;
}

fn labelled_at(voxel: vec3<f32>) -> f32 {
    return textureSampleLevel(labelled, smooth_sampler, texture_place(voxel), 0.0).x;
}

fn label_at(voxel: vec3<f32>) -> u32 {
    let size = vec3<f32>(textureDimensions(labels));
    let texel = clamp(texture_place(voxel) * size, vec3<f32>(0.0), size - 1.0);
    return textureLoad(labels, vec3<i32>(texel), 0).x;
}

// From where to where, in mm along the line of sight, it is inside the box.
fn crossing(start: vec3<f32>, low: vec3<f32>, high: vec3<f32>) -> vec2<f32> {
    let along = select(view.along.xyz, vec3<f32>(1e-9), abs(view.along.xyz) < vec3<f32>(1e-9));
    let a = (low - start) / along;
    let b = (high - start) / along;
    let near = min(a, b);
    let far = max(a, b);
    return vec2<f32>(
        max(max(near.x, near.y), max(near.z, 0.0)),
        min(min(far.x, far.y), min(far.z, view.along.w)),
    );
}

// How far two voxels are apart between which a gradient is taken: a texel each way.
fn reach() -> vec3<f32> {
    return 1.0 / (view.texels.xyz * vec3<f32>(textureDimensions(scan)));
}

fn to_world(gradient: vec3<f32>) -> vec3<f32> {
    return gradient.x * view.voxel_i.xyz + gradient.y * view.voxel_j.xyz + gradient.z * view.voxel_k.xyz;
}

fn scan_gradient(at: vec3<f32>) -> vec3<f32> {
    let by = reach();
    let x = vec3<f32>(by.x, 0.0, 0.0);
    let y = vec3<f32>(0.0, by.y, 0.0);
    let z = vec3<f32>(0.0, 0.0, by.z);
    return to_world(vec3<f32>(
        scan_at(at + x) - scan_at(at - x),
        scan_at(at + y) - scan_at(at - y),
        scan_at(at + z) - scan_at(at - z),
    ) / by);
}

// Wider than for the scan, so that the steps of a drawn label do not show.
fn label_gradient(at: vec3<f32>) -> vec3<f32> {
    let by = 1.5 * reach();
    let x = vec3<f32>(by.x, 0.0, 0.0);
    let y = vec3<f32>(0.0, by.y, 0.0);
    let z = vec3<f32>(0.0, 0.0, by.z);
    return to_world(vec3<f32>(
        labelled_at(at + x) - labelled_at(at - x),
        labelled_at(at + y) - labelled_at(at - y),
        labelled_at(at + z) - labelled_at(at - z),
    ) / by);
}

// Lit from the eye; `sight` is the world's direction of the line of sight.
fn lit(color: vec3<f32>, gradient: vec3<f32>, sight: vec3<f32>) -> vec3<f32> {
    let strength = length(gradient);
    if strength < 1e-12 {
        return color;
    }
    let facing = abs(dot(gradient / strength, sight));
    let shine = 0.15 * pow(facing, 24.0);
    return min(color * (AMBIENT + (1.0 - AMBIENT) * facing) + shine, vec3<f32>(1.0));
}

// A number from 0 to 1 for each pixel, so that steps leave grain and no rings.
fn grain(pixel: vec2<f32>) -> f32 {
    return fract(52.982918 * fract(dot(pixel, vec2<f32>(0.0671106, 0.00583715))));
}

// The colour of the surface that was crossed in the last step.
fn surface_color(start: vec3<f32>, t: f32, sight: vec3<f32>) -> vec3<f32> {
    let along = view.along.xyz;
    var outside = t - view.texels.w;
    var inside = t;
    for (var n = 0; n < 5; n++) {
        let middle = 0.5 * (outside + inside);
        if labelled_at(start + along * middle) >= SURFACE {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    let at = start + along * inside;
    // The texel on the surface may itself lie outside: look a little deeper for what it is.
    var label = label_at(at);
    for (var n = 1; n < 4 && label == 0u; n++) {
        label = label_at(at + along * (f32(n) * view.texels.w));
    }
    let color = textureLoad(colors, vec2<u32>(label & 255u, label >> 8u), 0).rgb;
    return lit(color, label_gradient(at), sight);
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let pixel = position.xy * view.look.w;
    let start = view.origin.xyz + view.per_x.xyz * pixel.x + view.per_y.xyz * pixel.y;
    let shown = crossing(start, view.low.xyz, view.high.xyz);
    let with_label = crossing(start, view.label_low.xyz, view.label_high.xyz);
    let step = view.texels.w;
    let sight = view.sight.xyz;
    var color = vec3<f32>(0.0);
    var hidden = 0.0;
    var most = -1e30;
    var is_inside = false;
    var t = shown.x + step * grain(position.xy);
    while t <= shown.y && hidden < OPAQUE {
        let voxel = start + view.along.xyz * t;
        if t >= with_label.x && t <= with_label.y {
            let now_inside = labelled_at(voxel) >= SURFACE;
            if now_inside && !is_inside {
                color += (1.0 - hidden) * view.look.z * surface_color(start, t, sight);
                hidden += (1.0 - hidden) * view.look.z;
            }
            is_inside = now_inside;
        }
        let value = scan_at(voxel);
        if IS_MIP {
            most = max(most, value);
        } else {
            let seen = textureSampleLevel(transfer, smooth_sampler, vec2<f32>(value, 0.5), 0.0);
            let hides = 1.0 - pow(1.0 - seen.a, step);
            if hides > 0.002 {
                color += (1.0 - hidden) * hides * lit(seen.rgb, scan_gradient(voxel), sight);
                hidden += (1.0 - hidden) * hides;
            }
        }
        t += step;
    }
    if IS_MIP && most > -1e30 {
        color += (1.0 - hidden) * textureSampleLevel(transfer, smooth_sampler, vec2<f32>(most, 0.5), 0.0).rgb;
    }
    if TARGET_IS_SRGB {
        color = linear_from_srgb(color);
    }
    return vec4<f32>(color, 1.0);
}
