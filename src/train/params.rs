//! The parameters of a decoder by name: counted, saved, loaded, grouped.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

use super::model::Decoder;

/// What a parameter is, which decides its learning rate and decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// Embedding and output matrices.
    Embedding,
    /// Matrices of the blocks, routers among them.
    Hidden,
    /// Gains of norms, never decayed.
    Gain,
}

impl Group {
    /// By the name of a parameter and its number of dimensions.
    fn of(name: &str, dims: usize) -> Self {
        match (name, dims) {
            (_, 1) => Self::Gain,
            ("embedding" | "head", _) => Self::Embedding,
            _ => Self::Hidden,
        }
    }
}

/// One array of a saved model or optimiser.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
}

/// Names and groups of all parameters, in the order in which they are visited.
pub(super) fn groups(model: &Decoder) -> Vec<(String, Group)> {
    struct Names {
        path: Vec<String>,
        found: Vec<(String, Group)>,
    }
    impl ModuleVisitor for Names {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_owned());
        }

        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, _: &Param<Tensor<D>>) {
            let name = self.path.join(".");
            let group = Group::of(&name, D);
            self.found.push((name, group));
        }
    }
    let mut names = Names { path: Vec::new(), found: Vec::new() };
    model.visit(&mut names);
    names.found
}

/// Every parameter with its values.
pub(super) fn arrays(model: &Decoder) -> BTreeMap<String, Array> {
    struct Values(Vec<Array>);
    impl ModuleVisitor for Values {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(array(param.val()));
        }
    }
    let mut values = Values(Vec::new());
    model.visit(&mut values);
    groups(model).into_iter().map(|(name, _)| name).zip(values.0).collect()
}

pub(super) fn array<const D: usize>(tensor: Tensor<D>) -> Array {
    let shape = tensor.dims().to_vec();
    let values = tensor.into_data().try_into_vec().expect("parameters are kept in f32");
    Array { shape, values }
}

/// The model with its parameters replaced by arrays of the same names; otherwise the name of the first
/// that is missing or has another shape.
pub(super) fn with_arrays(
    model: Decoder,
    mut arrays: BTreeMap<String, Array>,
) -> Result<Decoder, String> {
    struct Replace {
        next: std::vec::IntoIter<(String, Option<Array>)>,
        wrong: Option<String>,
    }
    impl ModuleMapper for Replace {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let Some((name, found)) = self.next.next() else { return param };
            let shape = param.val().dims();
            match found {
                Some(array) if array.shape == shape => param.map(|old| {
                    let data = TensorData::new(array.values, shape);
                    Tensor::from_data(data, &old.device()).require_grad()
                }),
                _ => {
                    self.wrong.get_or_insert(name);
                    param
                }
            }
        }
    }
    let found: Vec<_> = groups(&model)
        .into_iter()
        .map(|(name, _)| {
            let array = arrays.remove(&name);
            (name, array)
        })
        .collect();
    let mut replace = Replace { next: found.into_iter(), wrong: None };
    let model = model.map(&mut replace);
    replace.wrong.map_or(Ok(model), Err)
}
