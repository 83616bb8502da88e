// Labels and the proposal on top of the scan: fill, and an outline of constant width on the screen.
//
// Inputs: label values per voxel (0 is background) of each label layer, the same for the proposal (or a 0/1 mask), and a
// 256 x 256 table with the sRGB colour of every label value; alpha is a label's part of the opacity of fills, 0 hides it. Label values are never
// interpolated. Colours are mixed gamma-encoded, as the rest of the window is.

@group(0) @binding(2) var labels: texture_3d<u32>;
@group(0) @binding(3) var proposal: texture_3d<u32>;
@group(0) @binding(4) var colors: texture_2d<f32>;

// What is asked for its labels: a label layer by its number, from the lowest, or the proposal.
const LABELS: u32 = 0u;
const PROPOSAL: u32 = 0xffffffffu;

// Length of one dash of a proposal's outline, in pixels.
const DASH_PX: f32 = 4.0;

// Where an outline looks for other labels, in units of its width.
const RING = array<vec2<f32>, 8>(
    vec2<f32>(1.0, 0.0), vec2<f32>(-1.0, 0.0), vec2<f32>(0.0, 1.0), vec2<f32>(0.0, -1.0),
    vec2<f32>(0.7, 0.7), vec2<f32>(-0.7, 0.7), vec2<f32>(0.7, -0.7), vec2<f32>(-0.7, -0.7),
);

fn color_of(label: u32) -> vec4<f32> {
    return textureLoad(colors, vec2<u32>(label & 255u, label >> 8u), 0);
}

fn label_at(layer: u32, voxel: vec3<i32>) -> u32 {
    if layer != PROPOSAL {
        var texel = texel_of(voxel, view.label_texels, FLAT_LABELS);
        if has(HAS_LAYERS) {
            texel.z += i32(layer);
        }
        return textureLoad(labels, min(texel, vec3<i32>(textureDimensions(labels)) - 1), 0).x;
    }
    let texel = texel_of(voxel, view.proposal_texels, FLAT_PROPOSAL);
    let value = textureLoad(proposal, min(texel, vec3<i32>(textureDimensions(proposal)) - 1), 0).x;
    if view.proposal_label == 0u || value == 0u {
        return value;
    }
    return view.proposal_label;
}

// The label shown at a voxel position inside the volume: 0 where there is none or it is hidden.
fn shown_label(layer: u32, voxel: vec3<f32>) -> u32 {
    let label = label_at(layer, nearest(voxel));
    if label == 0u || color_of(label).a == 0.0 {
        return 0u;
    }
    return label;
}

// Whether the label's border is within `reach` pixels.
fn is_edge(layer: u32, label: u32, pixel: vec2<f32>, reach: f32) -> bool {
    var ring = RING;
    var edge = false;
    for (var n = 0; n < 8 && !edge; n++) {
        let voxel = voxel_from_pixel(pixel + ring[n] * reach);
        edge = !is_inside(voxel) || label_at(layer, nearest(voxel)) != label;
    }
    return edge;
}

fn is_outlined(layer: u32, label: u32, pixel: vec2<f32>) -> bool {
    let reach = view.outline_px * select(1.0, 2.0, label == view.active_label);
    return view.outline_px > 0.0 && is_edge(layer, label, pixel, reach);
}

fn outline_color(label: u32) -> vec3<f32> {
    return mix(color_of(label).rgb, vec3<f32>(1.0), select(0.0, 0.25, label == view.active_label));
}

// For one label layer.
fn with_labels(base: vec3<f32>, pixel: vec2<f32>, voxel: vec3<f32>) -> vec3<f32> {
    let label = shown_label(LABELS, voxel);
    if label == 0u {
        return base;
    }
    if is_outlined(LABELS, label, pixel) {
        return outline_color(label);
    }
    let color = color_of(label);
    return mix(base, color.rgb, view.fill_opacity * color.a);
}

// For several: the fills of all, the lowest first, then the outlines, so that no fill hides where labels overlap.
fn with_layers(base: vec3<f32>, pixel: vec2<f32>, voxel: vec3<f32>) -> vec3<f32> {
    let layers = u32(view.dims.w);
    var color = base;
    for (var layer = 0u; layer < layers; layer++) {
        let label = shown_label(layer, voxel);
        if label != 0u {
            let fill = color_of(label);
            color = mix(color, fill.rgb, view.fill_opacity * fill.a);
        }
    }
    for (var layer = 0u; layer < layers; layer++) {
        let label = shown_label(layer, voxel);
        if label != 0u && is_outlined(layer, label, pixel) {
            color = outline_color(label);
        }
    }
    return color;
}

fn with_proposal(base: vec3<f32>, pixel: vec2<f32>, voxel: vec3<f32>) -> vec3<f32> {
    let label = shown_label(PROPOSAL, voxel);
    if label == 0u {
        return base;
    }
    let color = color_of(label).rgb;
    if is_edge(PROPOSAL, label, pixel, max(view.outline_px, 1.0) * 1.5) {
        let cell = floor(pixel / DASH_PX);
        let is_dash = (i32(cell.x + cell.y) & 1) == 0;
        return select(color * 0.45, mix(color, vec3<f32>(1.0), 0.6), is_dash);
    }
    return mix(base, mix(color, vec3<f32>(1.0), 0.35), view.fill_opacity * 0.6);
}
