//! Hands a checkpoint's tensors to modules, by the authors' names, and keeps account.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use burn::module::{Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{CheckpointError, HostTensor, WeightMap};

/// How a tensor starts where no checkpoint gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// Uniform in ±bound. PyTorch's linear and convolution layers: bound = 1/√fan_in, weight and bias alike.
    Uniform(f32),
    /// Normal of mean 0.
    Normal(f32),
}

/// A parameter that a module received.
#[derive(Debug, Clone)]
pub struct ParamEntry {
    /// The authors' name.
    pub name: String,
    /// Burn's.
    pub id: ParamId,
    /// Whether the module holds it with its two axes swapped, as [`crate::models::layers::Linear`] does.
    pub transposed: bool,
    /// Whether it came from the checkpoint; if not it was initialised at random.
    pub loaded: bool,
}

#[derive(Default)]
struct Account {
    taken: BTreeSet<String>,
    problems: Vec<String>,
    params: Vec<ParamEntry>,
}

struct Fresh {
    allowed: Box<dyn Fn(&str) -> bool>,
    rng: RefCell<ChaCha8Rng>,
}

/// A set of weights on its way into a network.
pub struct Loader {
    weights: WeightMap,
    device: Device,
    trainable: Box<dyn Fn(&str) -> bool>,
    fresh: Option<Fresh>,
    increments: HashMap<String, Tensor<2>>,
    account: RefCell<Account>,
}

impl Loader {
    /// Loads `weights` onto `device`; a missing tensor is an error, and every parameter is trainable where the
    /// device tracks gradients.
    pub fn new(weights: WeightMap, device: &Device) -> Self {
        Self {
            weights,
            device: device.clone(),
            trainable: Box::new(|_| true),
            fresh: None,
            increments: HashMap::new(),
            account: RefCell::default(),
        }
    }

    /// Parameters whose name this refuses are frozen.
    #[must_use]
    pub fn with_trainable(mut self, trainable: impl Fn(&str) -> bool + 'static) -> Self {
        self.trainable = Box::new(trainable);
        self
    }

    /// Missing tensors whose name this allows are initialised at random from `seed`.
    #[must_use]
    pub fn with_fresh(mut self, seed: u64, allowed: impl Fn(&str) -> bool + 'static) -> Self {
        self.fresh = Some(Fresh {
            allowed: Box::new(allowed),
            rng: RefCell::new(ChaCha8Rng::seed_from_u64(seed)),
        });
        self
    }

    /// These are added to the tensors of their names, which hold as many values in the same order; what they are added to
    /// is no parameter that learns by itself.
    #[must_use]
    pub fn with_increments(mut self, increments: HashMap<String, Tensor<2>>) -> Self {
        self.increments = increments;
        self
    }

    /// Where names start.
    pub fn root(&self) -> Scope<'_> {
        Scope {
            loader: self,
            prefix: String::new(),
        }
    }

    /// The account: every parameter handed out.
    ///
    /// # Errors
    /// Tensors that were missing, misshapen or not finite; tensors of the checkpoint that no module took, unless
    /// `ignored` says that the network does not use them.
    pub fn finish(
        self,
        network: &str,
        ignored: impl Fn(&str) -> bool,
    ) -> Result<Vec<ParamEntry>, CheckpointError> {
        let Account {
            taken,
            mut problems,
            params,
        } = self.account.into_inner();
        for name in self.weights.names() {
            if !taken.contains(name) && !ignored(name) {
                problems.push(format!("{name} is unexpected"));
            }
        }
        if problems.is_empty() {
            return Ok(params);
        }
        Err(CheckpointError::Misfit {
            network: network.to_owned(),
            problems,
        })
    }

    fn problem(&self, text: String) {
        self.account.borrow_mut().problems.push(text);
    }

    /// The tensor of a name, or zeros and a problem on the account.
    fn take(&self, name: &str, shape: &[usize], init: Init) -> (HostTensor, bool) {
        self.account.borrow_mut().taken.insert(name.to_owned());
        let zeros = || HostTensor::new(shape, vec![0.0; shape.iter().product()]);
        if !self.weights.contains(name) {
            return match &self.fresh {
                Some(fresh) if (fresh.allowed)(name) => {
                    (initialised(shape, init, &mut fresh.rng.borrow_mut()), false)
                }
                _ => {
                    self.problem(format!("{name} {shape:?} is missing"));
                    (zeros(), false)
                }
            };
        }
        match self.weights.read(name) {
            Err(error) => self.problem(error.to_string()),
            Ok(tensor) if tensor.shape != shape => {
                let found = &tensor.shape;
                self.problem(format!("{name} is {found:?} instead of {shape:?}"));
            }
            Ok(tensor) if tensor.data.iter().any(|v| !v.is_finite()) => {
                self.problem(format!(
                    "{name} holds values that are not numbers (NaN or infinite)"
                ));
            }
            Ok(tensor) => return (tensor, true),
        }
        (zeros(), false)
    }
}

fn initialised(shape: &[usize], init: Init, rng: &mut ChaCha8Rng) -> HostTensor {
    let count = shape.iter().product();
    let data = match init {
        Init::Zeros => vec![0.0; count],
        Init::Ones => vec![1.0; count],
        Init::Uniform(bound) => (0..count)
            .map(|_| rng.random_range(-bound..=bound))
            .collect(),
        Init::Normal(std) => (0..count).map(|_| std * normal(rng)).collect(),
    };
    HostTensor::new(shape, data)
}

/// A number of the standard normal distribution, by Box and Muller's transform of two uniform ones.
pub(crate) fn normal(rng: &mut impl Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
}

/// A place in the checkpoint's names, such as `image_encoder.blocks.3.`.
#[derive(Clone)]
pub struct Scope<'a> {
    loader: &'a Loader,
    prefix: String,
}

impl<'a> Scope<'a> {
    /// The place below: `scope.child("blocks").child(3)`.
    #[must_use]
    pub fn child(&self, name: impl std::fmt::Display) -> Self {
        Scope {
            loader: self.loader,
            prefix: format!("{}{name}.", self.prefix),
        }
    }

    /// Where the modules live.
    pub fn device(&self) -> &'a Device {
        &self.loader.device
    }

    /// Whether the checkpoint holds this tensor.
    pub fn contains(&self, name: &str) -> bool {
        self.loader
            .weights
            .contains(&format!("{}{name}", self.prefix))
    }

    /// The shape of a tensor of the checkpoint.
    pub fn shape(&self, name: &str) -> Option<&'a [usize]> {
        self.loader.weights.shape(&format!("{}{name}", self.prefix))
    }

    /// A parameter as it is stored.
    pub fn param<const D: usize>(
        &self,
        name: &str,
        shape: [usize; D],
        init: Init,
    ) -> Param<Tensor<D>> {
        let (tensor, loaded) = self.take(name, &shape, init);
        let tensor = Tensor::from_data(TensorData::new(tensor.data, shape), self.device());
        let more = self.increment(name);
        let more = more.map(|more| more.reshape(shape));
        self.register(name, (tensor, more), false, loaded)
    }

    /// A single number, stored without axes or with one.
    pub fn scalar(&self, name: &str, init: Init) -> Param<Tensor<1>> {
        let shape: &[usize] = match self.shape(name) {
            Some([1]) => &[1],
            _ => &[],
        };
        let (tensor, loaded) = self.take(name, shape, init);
        let tensor = Tensor::from_data(TensorData::new(tensor.data, [1]), self.device());
        let more = self.increment(name);
        let more = more.map(|more| more.reshape([1]));
        self.register(name, (tensor, more), false, loaded)
    }

    /// A matrix `[out, in]` of the checkpoint as the `[in, out]` that our linear layers hold.
    pub fn param_transposed(&self, name: &str, shape: [usize; 2], init: Init) -> Param<Tensor<2>> {
        let (tensor, loaded) = self.take(name, &shape, init);
        let [rows, columns] = shape;
        let mut data = Vec::with_capacity(tensor.data.len());
        for column in 0..columns {
            data.extend((0..rows).map(|row| tensor.data[row * columns + column]));
        }
        let tensor = Tensor::from_data(TensorData::new(data, [columns, rows]), self.device());
        let more = self.increment(name);
        let more = more.map(|more| more.reshape(shape).transpose());
        self.register(name, (tensor, more), true, loaded)
    }

    /// A tensor that is never trained itself; it is not tracked, and not part of the module's record.
    pub fn buffer<const D: usize>(&self, name: &str, shape: [usize; D], init: Init) -> Tensor<D> {
        let (tensor, _) = self.take(name, &shape, init);
        let tensor = Tensor::from_data(TensorData::new(tensor.data, shape), self.device());
        match self.increment(name) {
            Some(increment) => tensor + increment.reshape(shape),
            None => tensor,
        }
    }

    fn increment(&self, name: &str) -> Option<Tensor<2>> {
        let name = format!("{}{name}", self.prefix);
        self.loader.increments.get(&name).cloned()
    }

    /// Notes that a tensor of the checkpoint is known and not used.
    pub fn ignore(&self, name: &str) {
        let name = format!("{}{name}", self.prefix);
        self.loader.account.borrow_mut().taken.insert(name);
    }

    /// Notes that something about the checkpoint is wrong; [`Loader::finish`] will say it.
    pub fn problem(&self, text: impl Into<String>) {
        self.loader.problem(text.into());
    }

    fn take(&self, name: &str, shape: &[usize], init: Init) -> (HostTensor, bool) {
        self.loader
            .take(&format!("{}{name}", self.prefix), shape, init)
    }

    fn register<const D: usize>(
        &self,
        name: &str,
        (tensor, increment): (Tensor<D>, Option<Tensor<D>>),
        transposed: bool,
        loaded: bool,
    ) -> Param<Tensor<D>> {
        let name = format!("{}{name}", self.prefix);
        let trainable = (self.loader.trainable)(&name);
        let param = match increment {
            Some(increment) => Param::initialized(ParamId::new(), tensor + increment),
            None => Param::from_tensor(tensor).set_require_grad(trainable),
        };
        self.loader.account.borrow_mut().params.push(ParamEntry {
            name,
            id: param.id,
            transposed,
            loaded,
        });
        param
    }
}
