//! The WGSL sources, without any device.

use std::mem::offset_of;

use naga::valid::{Capabilities, ValidationFlags, Validator};
use prosector::render::{FILL_SOURCE, PICTURE_SOURCE, SliceUniforms, Stored, slice_source};

#[test]
fn shaders_validate() {
    let slices = Stored::ALL.map(slice_source);
    let sources = slices.iter().map(String::as_str);
    for source in sources.chain([PICTURE_SOURCE, FILL_SOURCE]) {
        let module = naga::front::wgsl::parse_str(source).expect("WGSL parses");
        Validator::new(ValidationFlags::all(), Capabilities::empty())
            .validate(&module)
            .expect("WGSL is valid without any optional capability");
    }
}

#[test]
fn uniforms_lie_as_the_shader_reads_them() {
    let module = naga::front::wgsl::parse_str(&slice_source(Stored::Integer)).expect("parses");
    let (_, uniforms) = module
        .types
        .iter()
        .find(|(_, t)| t.name.as_deref() == Some("SliceUniforms"))
        .expect("the shader declares SliceUniforms");
    let naga::TypeInner::Struct { members, span } = &uniforms.inner else {
        panic!("SliceUniforms is a struct");
    };
    let declared: Vec<(&str, u32)> = members
        .iter()
        .map(|m| (m.name.as_deref().unwrap_or(""), m.offset))
        .collect();
    macro_rules! fields {
        ($($field:ident)*) => { [$((stringify!($field), offset_of!(SliceUniforms, $field) as u32)),*] };
    }
    let ours = fields!(voxel_origin voxel_per_x voxel_per_y axis_across axis_down dims image_texels
        label_texels proposal_texels size window_scale window_offset fill_opacity outline_px
        active_label proposal_label);
    assert_eq!(declared, ours);
    assert_eq!(*span as usize, size_of::<SliceUniforms>());
}
