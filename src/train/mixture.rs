//! A mixture of experts: every token visits a few of many feed-forward parts.
//!
//! No token is dropped and no expert has a capacity: a step computes each expert on the tokens that
//! chose it.

use burn::module::{Module, Param};
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Int, Tensor, TensorData};

use super::layers::{FeedForward, Init, fan};
use super::run_setup::RunSetup;
use crate::flops::{Experts, Shape};

/// Routed experts, their router, and the experts every token visits.
///
/// The router's softmax is over all experts; the weights of the chosen ones are scaled to sum to one
/// when a token visits several (Mixtral, arXiv:2401.04088, sec. 2.2) and are the probability itself
/// when it visits one (Switch Transformer, arXiv:2101.03961, eq. 2), so that the router learns.
#[derive(Module, Debug)]
pub(super) struct Mixture {
    /// [d_model, experts].
    router: Param<Tensor<2>>,
    experts: Vec<FeedForward>,
    /// All shared experts side by side, which is the same function.
    shared: Option<FeedForward>,
    top_k: usize,
}

/// Losses that keep a router balanced, one element each, and how uneven it is.
#[derive(Debug)]
pub struct RouterLosses {
    /// E · Σ f p, 1 when all experts are visited alike (arXiv:2101.03961, eq. 4).
    pub balance: Tensor<1>,
    /// Mean squared log of the sum of exponentials of the router's logits (arXiv:2202.08906, eq. 5).
    pub z: Tensor<1>,
    /// Visits of the busiest expert over the mean.
    pub busiest_ratio: f64,
}

impl RouterLosses {
    /// The mean over layers; `None` of none.
    pub(super) fn mean(layers: Vec<Self>) -> Option<Self> {
        let count = layers.len() as f64;
        let sum = layers.into_iter().reduce(|a, b| Self {
            balance: a.balance + b.balance,
            z: a.z + b.z,
            busiest_ratio: a.busiest_ratio + b.busiest_ratio,
        })?;
        Some(Self {
            balance: sum.balance / count,
            z: sum.z / count,
            busiest_ratio: sum.busiest_ratio / count,
        })
    }
}

/// Which rows each expert works on.
struct Routes {
    /// Visits of each expert, as rows · top_k + rank.
    visits: Vec<Vec<usize>>,
    /// Chosen experts, rows x top_k.
    chosen: Vec<i32>,
}

impl Mixture {
    pub(super) fn new(shape: &Shape, experts: Experts, init: &mut Init) -> Self {
        let (d, ffn) = (shape.d_model as usize, shape.ffn as usize);
        let router = init.matrix(d, experts.count as usize, fan(d));
        let routed = (0..experts.count).map(|_| FeedForward::new(shape, ffn, init)).collect();
        let width = ffn * experts.shared as usize;
        let shared = (width > 0).then(|| FeedForward::new(shape, width, init));
        Self { router, experts: routed, shared, top_k: experts.top_k as usize }
    }

    /// With the first routed expert replaced.
    #[cfg(test)]
    pub(super) fn with_first(mut self, expert: FeedForward) -> Self {
        self.experts[0] = expert;
        self
    }

    /// - `h`: [rows, d_model]; returns as much.
    pub(super) fn forward(&self, h: Tensor<2>, setup: &RunSetup) -> (Tensor<2>, RouterLosses) {
        let [rows, d] = h.dims();
        let (count, k) = (self.experts.len(), self.top_k);
        let device = h.device();
        let ints = |values: Vec<i32>| {
            let length = values.len();
            Tensor::<1, Int>::from_data(TensorData::new(values, [length]), &device)
        };
        // Routing stays in f32 whatever the precision: near ties must not flip.
        let logits = h.clone().matmul(self.router.val());
        let probabilities = softmax(logits.clone(), 1);
        let routes = route(&probabilities, k);
        let chosen = ints(routes.chosen).reshape([rows, k]);
        let weights = probabilities.clone().gather(1, chosen);
        let weights = if k == 1 { weights } else { weights.clone() / weights.sum_dim(1) };
        let mut place = vec![0_i32; rows * k];
        let mut at = 0;
        let mut outputs = Vec::with_capacity(count);
        for (expert, visits) in self.experts.iter().zip(&routes.visits) {
            if visits.is_empty() {
                continue;
            }
            for visit in visits {
                place[*visit] = at;
                at += 1;
            }
            let tokens = ints(visits.iter().map(|visit| (visit / k) as i32).collect());
            outputs.push(expert.forward(h.clone().select(0, tokens), setup));
        }
        let visited = Tensor::cat(outputs, 0).select(0, ints(place));
        let weighted = visited * weights.reshape([rows * k, 1]);
        let mut y = weighted.reshape([rows, k, d]).sum_dim(1).reshape([rows, d]);
        if let Some(shared) = &self.shared {
            y = y + shared.forward(h, setup);
        }
        let loads: Vec<f32> =
            routes.visits.iter().map(|v| v.len() as f32 / (rows * k) as f32).collect();
        let busiest = loads.iter().copied().fold(0.0, f32::max);
        let loads = Tensor::<1>::from_data(TensorData::new(loads, [count]), &device);
        let share = probabilities.mean_dim(0).reshape([count]);
        let balance = (share * loads).sum() * count as f64;
        let log_sum = (logits.clone() - log_softmax(logits, 1)).mean_dim(1);
        let z = log_sum.square().mean();
        let busiest_ratio = f64::from(busiest) * count as f64;
        (y, RouterLosses { balance, z, busiest_ratio })
    }
}

/// The `k` most likely experts of each row; ties go to the lower index, on every device alike.
fn route(probabilities: &Tensor<2>, k: usize) -> Routes {
    let [rows, count] = probabilities.dims();
    let data = probabilities.clone().into_data().convert::<f32>();
    let values: Vec<f32> = data.try_to_vec().expect("converted to f32 above");
    let mut visits = vec![Vec::new(); count];
    let mut chosen = Vec::with_capacity(rows * k);
    let mut order: Vec<usize> = Vec::with_capacity(count);
    for (row, values) in values.chunks_exact(count).enumerate() {
        order.clear();
        order.extend(0..count);
        order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
        for (rank, expert) in order.iter().take(k).enumerate() {
            visits[*expert].push(row * k + rank);
            chosen.push(*expert as i32);
        }
    }
    Routes { visits, chosen }
}
