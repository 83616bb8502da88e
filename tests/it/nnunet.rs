//! Plans of nnU-Net of all versions, and what of them is refused.

use prosector::models::checkpoint::{HostTensor, WeightMap};
use prosector::models::nnunet::network::{Architecture, EncoderKind, NormKind, UNet};
use prosector::models::trace::Trace;
use serde_json::{Value, json};

/// Plans of a small network as nnU-Net has written them since 2.5.
fn plans() -> Value {
    json!({
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": {
            "n_stages": 3,
            "features_per_stage": [4, 8, 10],
            "conv_op": "torch.nn.modules.conv.Conv3d",
            "kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
            "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
            "n_conv_per_stage": [2, 2, 2],
            "n_conv_per_stage_decoder": [2, 2],
            "conv_bias": true,
            "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
            "norm_op_kwargs": {"eps": 1e-5, "affine": true},
            "dropout_op": null,
            "dropout_op_kwargs": null,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": true}
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"]
    })
}

/// The plans with an argument of the network class set.
fn with(argument: &str, value: Value) -> Value {
    let mut plans = plans();
    plans["arch_kwargs"][argument] = value;
    plans
}

#[test]
fn plans_of_the_first_release_describe_the_same_network() {
    let old = json!({
        "patch_size": [8, 16, 16],
        "UNet_class_name": "PlainConvUNet",
        "UNet_base_num_features": 4,
        "unet_max_num_features": 10,
        "n_conv_per_stage_encoder": [2, 2, 2],
        "n_conv_per_stage_decoder": [2, 2],
        "conv_kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
        "pool_op_kernel_sizes": [[1, 1, 1], [1, 2, 2], [2, 2, 2]]
    });
    let old = Architecture::of_old_plans(old.as_object().unwrap(), 2, 3).unwrap();
    let new = Architecture::of_plans(&plans(), 2, 3).unwrap();
    assert_eq!(old, new);
    assert_eq!(new.features, [4, 8, 10]);
    assert_eq!(new.multiple(), [2, 4, 4]);
    assert!(new.takes([6, 8, 12]) && !new.takes([5, 8, 12]) && !new.takes([6, 8, 10]));
}

#[test]
fn a_number_counts_for_every_stage() {
    let mut plans = with("kernel_sizes", json!(3));
    plans["arch_kwargs"]["n_conv_per_stage"] = json!(2);
    plans["arch_kwargs"]["strides"] = json!([1, 2, [2, 1, 2]]);
    let architecture = Architecture::of_plans(&plans, 1, 2).unwrap();
    assert_eq!(architecture.kernels, [[3; 3]; 3]);
    assert_eq!(architecture.strides, [[1; 3], [2; 3], [2, 1, 2]]);
    assert_eq!(architecture.depths, [2; 3]);
}

#[test]
fn a_class_is_known_by_its_last_name() {
    let mut plans = plans();
    plans["network_class_name"] =
        json!("dynamic_network_architectures.architectures.residual_unet.ResidualEncoderUNet");
    plans["arch_kwargs"]["n_blocks_per_stage"] = json!([1, 3, 4]);
    let architecture = Architecture::of_plans(&plans, 1, 2).unwrap();
    assert_eq!(architecture.encoder, EncoderKind::Residual);
    assert_eq!(architecture.depths, [1, 3, 4]);
}

#[test]
fn what_cannot_be_built_is_refused_by_name() {
    let refused = |plans: &Value, reason: &str| {
        let said = Architecture::of_plans(plans, 1, 2).unwrap_err();
        assert!(said.contains(reason), "{said} does not say {reason}");
        assert_eq!(said.lines().count(), 1);
    };
    let mut primus = plans();
    primus["network_class_name"] =
        json!("dynamic_network_architectures.architectures.primus.Primus");
    refused(&primus, "'Primus'");
    refused(&with("norm_op", json!("torch.nn.LayerNorm")), "'LayerNorm'");
    refused(&with("norm_op_kwargs", json!({"eps": 1e-3})), "eps");
    refused(&with("nonlin", json!("torch.nn.GELU")), "'GELU'");
    refused(
        &with("nonlin_kwargs", json!({"negative_slope": 0.2})),
        "slope",
    );
    refused(&with("conv_op", json!("torch.nn.Conv1d")), "'Conv1d'");
    refused(&with("attention", json!(true)), "'attention'");
    refused(
        &with("kernel_sizes", json!([[3, 3, 3], [2, 3, 3], [3, 3, 3]])),
        "even",
    );
    refused(
        &with("strides", json!([[1, 1, 1], [0, 2, 2], [2, 2, 2]])),
        "stride",
    );
    refused(
        &with("strides", json!([[2, 2, 2], [1, 2, 2], [2, 2, 2]])),
        "first stage",
    );
    refused(&with("features_per_stage", json!([4, 8])), "stages");
    refused(
        &with("features_per_stage", json!([4, 8, 4_000_000_000_u64])),
        "between",
    );
    refused(&with("n_stages", json!(0)), "stages");
    let mut endless = with("n_stages", json!(1_000_000_000_000_000_u64));
    endless["arch_kwargs"]["n_conv_per_stage"] = json!(2);
    refused(&endless, "stages");
    let mut residual = with("nonlin_first", json!(true));
    residual["network_class_name"] = json!("ResidualEncoderUNet");
    residual["arch_kwargs"]["n_blocks_per_stage"] = json!(1);
    refused(&residual, "nonlin_first");
    refused(&json!({}), "network_class_name");
}

/// A network of one weight a layer, by hand: batch normalisation is no recording's.
#[test]
fn batch_normalisation_uses_the_averages_of_training() {
    let plans = json!({
        "network_class_name": "PlainConvUNet",
        "arch_kwargs": {
            "n_stages": 2, "features_per_stage": 1, "conv_op": "Conv3d", "kernel_sizes": 1, "strides": 1,
            "n_conv_per_stage": 1, "n_conv_per_stage_decoder": 1, "conv_bias": true,
            "norm_op": "torch.nn.modules.batchnorm.BatchNorm3d", "nonlin": "torch.nn.ReLU"
        }
    });
    let architecture = Architecture::of_plans(&plans, 1, 1).unwrap();
    assert_eq!(architecture.style.norm, NormKind::Batch);
    let mut weights = WeightMap::default();
    let mut put = |name: &str, shape: &[usize], value: f32| {
        let count = shape.iter().product();
        weights.insert(name, HostTensor::new(shape, vec![value; count]));
    };
    let units = [
        "encoder.stages.0.0.convs.0",
        "encoder.stages.1.0.convs.0",
        "decoder.stages.0.convs.0",
    ];
    for (unit, channels) in units.into_iter().zip([1, 1, 2]) {
        put(&format!("{unit}.conv.weight"), &[1, channels, 1, 1, 1], 2.0);
        put(&format!("{unit}.conv.bias"), &[1], 1.0);
        put(&format!("{unit}.norm.weight"), &[1], 3.0);
        put(&format!("{unit}.norm.bias"), &[1], 0.5);
        put(&format!("{unit}.norm.running_mean"), &[1], 2.0);
        put(&format!("{unit}.norm.running_var"), &[1], 4.0);
        put(&format!("{unit}.norm.num_batches_tracked"), &[], 7.0);
    }
    put("decoder.transpconvs.0.weight", &[1, 1, 1, 1, 1], 0.5);
    put("decoder.transpconvs.0.bias", &[1], 0.25);
    put("decoder.seg_layers.0.weight", &[1, 1, 1, 1, 1], 1.0);
    put("decoder.seg_layers.0.bias", &[1], -1.0);
    let device = burn::tensor::Device::flex();
    let net = UNet::from_weights(weights, &architecture, &device).unwrap();
    let x = burn::tensor::Tensor::<1>::from_data([1.5, -3.0], &device).reshape([1, 1, 1, 1, 2]);
    let found = net
        .forward(x, &Trace::off())
        .try_into_vec_as::<f32>()
        .unwrap();
    let unit = |conv: f32| ((conv + 1.0 - 2.0) / (4.0_f32 + 1e-5).sqrt() * 3.0 + 0.5).max(0.0);
    let expected = [1.5_f32, -3.0].map(|x| {
        let skip = unit(2.0 * x);
        let up = 0.5 * unit(2.0 * skip) + 0.25;
        unit(2.0 * (up + skip)) - 1.0
    });
    for (found, expected) in found.into_iter().zip(expected) {
        assert!(
            (found - expected).abs() < 1e-5,
            "{found} instead of {expected}"
        );
    }
}
