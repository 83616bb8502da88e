//! The WGSL sources, without any device.

use std::mem::offset_of;

use naga::valid::{Capabilities, ValidationFlags, Validator};
use prosector::render::{
    FILL_SOURCE, PICTURE_SOURCE, SliceUniforms, Stored, VOLUME_SOURCE, VolumeUniforms, slice_source,
};

#[test]
fn shaders_validate() {
    let slices = Stored::ALL.map(slice_source);
    let sources = slices.iter().map(String::as_str);
    for source in sources.chain([PICTURE_SOURCE, FILL_SOURCE, VOLUME_SOURCE]) {
        let module = naga::front::wgsl::parse_str(source).expect("WGSL parses");
        Validator::new(ValidationFlags::all(), Capabilities::empty())
            .validate(&module)
            .expect("WGSL is valid without any optional capability");
    }
}

/// Fields and size of a struct as a source declares it.
fn declared(source: &str, name: &str) -> (Vec<(String, u32)>, usize) {
    let module = naga::front::wgsl::parse_str(source).expect("parses");
    let mut types = module.types.iter();
    let (_, uniforms) = types
        .find(|(_, t)| t.name.as_deref() == Some(name))
        .expect("the shader declares it");
    let naga::TypeInner::Struct { members, span } = &uniforms.inner else {
        panic!("{name} is a struct");
    };
    let field = |m: &naga::StructMember| (m.name.clone().unwrap_or_default(), m.offset);
    (members.iter().map(field).collect(), *span as usize)
}

macro_rules! fields {
    ($of:ident: $($field:ident)*) => {
        (
            vec![$((stringify!($field).to_owned(), offset_of!($of, $field) as u32)),*],
            size_of::<$of>(),
        )
    };
}

#[test]
fn uniforms_lie_as_the_shaders_read_them() {
    let ours = fields!(SliceUniforms: voxel_origin voxel_per_x voxel_per_y axis_across axis_down dims
        image_texels label_texels proposal_texels second_origin second_per_i second_per_j second_per_k second_dims size window_scale window_offset fill_opacity
        outline_px active_label proposal_label second_scale second_offset second_opacity second_map);
    assert_eq!(
        declared(&slice_source(Stored::Integer), "SliceUniforms"),
        ours
    );
    let ours = fields!(VolumeUniforms: origin per_x per_y along voxel_i voxel_j voxel_k sight texels
        low high label_low label_high look);
    assert_eq!(declared(VOLUME_SOURCE, "VolumeUniforms"), ours);
}
