//! SAM's prompt encoder: points, boxes and masks to tokens and a dense map.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

use crate::models::checkpoint::{Init, Scope};
use crate::models::layers::{ChannelNorm, Conv2d, Window};
use crate::models::ops::gelu;
use crate::models::trace::Trace;

use super::PromptConfig;

/// Where prompts lie: the frame of their coordinates and the map that the dense part covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptFrame {
    /// Height and width of the network's image in pixels.
    pub image: [usize; 2],
    /// Height and width of the map of tokens.
    pub grid: [usize; 2],
}

/// Prompts of several objects, one row each, in pixels of the network's image, x before y.
#[derive(Debug, Clone, Default)]
pub struct Prompts {
    /// Coordinates `[rows, n, 2]` and labels `[rows, n]`: 1 inside, 0 outside, -1 no point.
    pub points: Option<(Tensor<3>, Tensor<2>)>,
    /// Corners x0, y0, x1, y1: `[rows, 4]`.
    pub boxes: Option<Tensor<2>>,
    /// Logits of masks so far, four times as large as the map of tokens: `[rows, 1, 4 h, 4 w]`.
    pub masks: Option<Tensor<4>>,
}

/// Encoded prompts.
#[derive(Debug, Clone)]
pub struct PromptEmbedding {
    /// Tokens `[rows, n, width]`; none without points and boxes.
    pub sparse: Option<Tensor<3>>,
    /// `[rows, width, h, w]`.
    pub dense: Tensor<4>,
}

/// The random Fourier code of places.
#[derive(Module, Debug)]
pub struct FourierCode {
    matrix: Tensor<2>,
}

impl FourierCode {
    /// Takes the matrix `[2, width / 2]`, which is drawn at random where the checkpoint lacks it, and never trained.
    pub fn load(scope: &Scope<'_>, width: usize) -> Self {
        let name = "positional_encoding_gaussian_matrix";
        Self {
            matrix: scope.buffer(name, [2, width / 2], Init::Normal(1.0)),
        }
    }

    /// Places (x, y) in 0..=1, `[b, n, 2]`, to `[b, n, width]`.
    pub fn encode(&self, places: Tensor<3>) -> Tensor<3> {
        let angles = places
            .mul_scalar(2.0)
            .sub_scalar(1.0)
            .matmul(self.matrix.clone().unsqueeze::<3>())
            .mul_scalar(std::f64::consts::TAU);
        Tensor::cat(vec![angles.clone().sin(), angles.cos()], 2)
    }

    /// The code of the centre of each cell of a map: `[1, width, h, w]`.
    pub fn dense(&self, [height, width]: [usize; 2], device: &Device) -> Tensor<4> {
        let mut places = Vec::with_capacity(2 * height * width);
        for row in 0..height {
            for column in 0..width {
                places.push((column as f32 + 0.5) / width as f32);
                places.push((row as f32 + 0.5) / height as f32);
            }
        }
        let places = Tensor::from_data(TensorData::new(places, [1, height * width, 2]), device);
        let code = self.encode(places);
        let channels = code.dims()[2];
        code.swap_dims(1, 2).reshape([1, channels, height, width])
    }

    /// The matrix `[2, width / 2]`.
    pub fn matrix(&self) -> Tensor<2> {
        self.matrix.clone()
    }
}

/// Points, boxes and masks to tokens and a dense map.
#[derive(Module, Debug)]
pub struct PromptEncoder {
    pe_layer: FourierCode,
    point_embeddings: Vec<Param<Tensor<2>>>,
    not_a_point_embed: Param<Tensor<2>>,
    no_mask_embed: Param<Tensor<2>>,
    mask_downscaling: MaskDownscaling,
}

impl PromptEncoder {
    /// Takes the tensors at `scope`, `prompt_encoder.` in SAM's files.
    pub fn load(scope: &Scope<'_>, config: &PromptConfig) -> Self {
        let width = config.width;
        let embedding = |scope: Scope<'_>| scope.param("weight", [1, width], Init::Normal(1.0));
        let points = scope.child("point_embeddings");
        Self {
            pe_layer: FourierCode::load(&scope.child("pe_layer"), width),
            point_embeddings: (0..4).map(|n| embedding(points.child(n))).collect(),
            not_a_point_embed: embedding(scope.child("not_a_point_embed")),
            no_mask_embed: embedding(scope.child("no_mask_embed")),
            mask_downscaling: MaskDownscaling::load(&scope.child("mask_downscaling"), config),
        }
    }

    /// Encodes prompts; without any, one row with the dense map of "no mask".
    pub fn forward(
        &self,
        prompts: Prompts,
        frame: PromptFrame,
        trace: &Trace<'_>,
    ) -> PromptEmbedding {
        let lone = prompts.boxes.is_none();
        let points = prompts
            .points
            .map(|(places, labels)| self.encode_points(places, labels, lone, frame));
        let boxes = prompts.boxes.map(|boxes| self.encode_boxes(boxes, frame));
        let sparse = match (points, boxes) {
            (Some(points), Some(boxes)) => Some(Tensor::cat(vec![points, boxes], 1)),
            (points, boxes) => points.or(boxes),
        };
        let rows = sparse.as_ref().map_or(1, |tokens| tokens.dims()[0]);
        let dense = match prompts.masks {
            Some(masks) => self
                .mask_downscaling
                .forward(masks, &trace.child("mask_downscaling")),
            None => self.no_mask(rows, frame.grid),
        };
        PromptEmbedding { sparse, dense }
    }

    /// The dense map of "no mask", `[rows, width, h, w]`.
    pub fn no_mask(&self, rows: usize, [height, width]: [usize; 2]) -> Tensor<4> {
        let channels = self.no_mask_embed.dims()[1];
        let embed: Tensor<4> = self.no_mask_embed.val().reshape([1, channels, 1, 1]);
        embed.expand([rows, channels, height, width])
    }

    /// The positions of the tokens of a map, `[1, width, h, w]`.
    pub fn dense_positions(&self, grid: [usize; 2]) -> Tensor<4> {
        self.pe_layer
            .dense(grid, &self.no_mask_embed.val().device())
    }

    /// The Fourier code of places.
    pub fn code(&self) -> &FourierCode {
        &self.pe_layer
    }

    fn encode_points(
        &self,
        places: Tensor<3>,
        labels: Tensor<2>,
        padded: bool,
        frame: PromptFrame,
    ) -> Tensor<3> {
        let [rows, count, _] = places.dims();
        let device = places.device();
        let (places, labels) = if padded {
            let place = Tensor::zeros([rows, 1, 2], &device).sub_scalar(0.5);
            let label = Tensor::ones([rows, 1], &device).neg();
            (
                Tensor::cat(vec![places, place], 1),
                Tensor::cat(vec![labels, label], 1),
            )
        } else {
            (places, labels)
        };
        let count = count + usize::from(padded);
        let labels: Tensor<3> = labels.reshape([rows, count, 1]);
        let is = |label: f64| labels.clone().equal_elem(label).float();
        let code = self.code_of_pixels(places, frame);
        let absent = is(-1.0);
        code * absent.clone().neg().add_scalar(1.0)
            + absent * self.not_a_point_embed.val().unsqueeze::<3>()
            + is(0.0) * self.point_embeddings[0].val().unsqueeze::<3>()
            + is(1.0) * self.point_embeddings[1].val().unsqueeze::<3>()
    }

    fn encode_boxes(&self, boxes: Tensor<2>, frame: PromptFrame) -> Tensor<3> {
        let rows = boxes.dims()[0];
        let code = self.code_of_pixels(boxes.reshape([rows, 2, 2]), frame);
        let corners = vec![
            self.point_embeddings[2].val().unsqueeze::<3>(),
            self.point_embeddings[3].val().unsqueeze::<3>(),
        ];
        code + Tensor::cat(corners, 1)
    }

    /// The code of pixels' centres.
    fn code_of_pixels(&self, places: Tensor<3>, frame: PromptFrame) -> Tensor<3> {
        let [height, width] = frame.image;
        let scale = TensorData::new(vec![width as f32, height as f32], [1, 1, 2]);
        let scale = Tensor::<3>::from_data(scale, &places.device());
        self.pe_layer.encode(places.add_scalar(0.5) / scale)
    }
}

/// A mask prompt to a dense map, four times as small.
#[derive(Module, Debug)]
struct MaskDownscaling {
    conv1: Conv2d,
    norm1: ChannelNorm,
    conv2: Conv2d,
    norm2: ChannelNorm,
    conv3: Conv2d,
}

impl MaskDownscaling {
    fn load(scope: &Scope<'_>, config: &PromptConfig) -> Self {
        let (inner, half) = (config.mask_channels, config.mask_channels / 4);
        let halving =
            |name, shape| Conv2d::load(&scope.child(name), shape, true, Window::patches(2));
        Self {
            conv1: halving(0, [half, 1, 2, 2]),
            norm1: ChannelNorm::load(&scope.child(1), half),
            conv2: halving(3, [inner, half, 2, 2]),
            norm2: ChannelNorm::load(&scope.child(4), inner),
            conv3: Conv2d::load(
                &scope.child(6),
                [config.width, inner, 1, 1],
                true,
                Window::same(1),
            ),
        }
    }

    fn forward(&self, x: Tensor<4>, trace: &Trace<'_>) -> Tensor<4> {
        let keep = |name: &str, x: Tensor<4>| {
            trace.keep(name, &x);
            x
        };
        let x = keep("0", self.conv1.forward(x));
        let x = keep("1", self.norm1.forward(x));
        let x = keep("2", gelu(x));
        let x = keep("3", self.conv2.forward(x));
        let x = keep("4", self.norm2.forward(x));
        let x = keep("5", gelu(x));
        keep("6", self.conv3.forward(x))
    }
}
