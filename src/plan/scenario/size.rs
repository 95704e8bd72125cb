//! The largest model a scenario's limits allow.

use serde::Serialize;

use super::design::Design;
use super::machines::Serving;
use super::question::Scenario;
use crate::cost::{BatchSize, Requests};
use crate::flops::Footprint;
use crate::num::find_root;
use crate::units::{ParamRule, Params};

/// The largest model some limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SizeLimit {
    /// Its parameters.
    pub params: Params,
    /// The limit: `serving memory`, `time per token`, …
    pub limit: &'static str,
}

/// The largest ln N a design may have, in each convention of counting N, with the limit's name.
#[derive(Clone, Copy, Debug)]
pub(in crate::plan) struct SizeCaps {
    all: (f64, Option<&'static str>),
    non_embedding: (f64, Option<&'static str>),
}

impl SizeCaps {
    pub(in crate::plan) fn of(scenario: &Scenario, design: &Design) -> Self {
        Self {
            all: scenario.size_cap(design, ParamRule::All),
            non_embedding: scenario.size_cap(design, ParamRule::NonEmbedding),
        }
    }

    /// For a law that counts N by `rule`.
    pub(in crate::plan) fn by(&self, rule: ParamRule) -> (f64, Option<&'static str>) {
        match rule {
            ParamRule::All | ParamRule::Active => self.all,
            ParamRule::NonEmbedding => self.non_embedding,
        }
    }
}

impl Scenario {
    /// The largest size, counted by `rule`, that keeps the limits on size; `None` without any.
    #[must_use]
    pub fn largest_size(&self, design: &Design, rule: ParamRule) -> Option<SizeLimit> {
        let (ln_n, limit) = self.size_cap(design, rule);
        Some(SizeLimit { params: Params::new(ln_n.exp()), limit: limit? })
    }

    /// The largest ln N, counted by `rule`, that keeps the limits on size, and the name of the limit.
    fn size_cap(&self, design: &Design, rule: ParamRule) -> (f64, Option<&'static str>) {
        let outline = |ln_n: f64| design.pattern.footprint(Params::new(ln_n.exp()), rule);
        let mut cap = (f64::INFINITY, None);
        let mut limit = |name: &'static str, excess: &dyn Fn(&Footprint) -> f64| {
            let f = |ln_n: f64| excess(&outline(ln_n));
            let (lo, hi) = (0.0, 18.0 * std::f64::consts::LN_10);
            let ln_n = if f(hi) <= 0.0 {
                f64::INFINITY
            } else if f(lo) >= 0.0 {
                f64::NEG_INFINITY
            } else {
                find_root("size limit", f, lo, hi).unwrap_or(f64::NEG_INFINITY)
            };
            // Slightly below the edge, where rounding cannot cross it.
            if ln_n - 1e-10 < cap.0 {
                cap = (ln_n - 1e-10, Some(name));
            }
        };
        if let Some(most) = self.max_params {
            limit("parameters", &|m| (m.total.get() / most.get()).ln());
        }
        if let Some(m) = self.memory {
            limit("deployment memory", &|model| {
                let cache = model.cache_bytes(m.context, m.kv_bits);
                ((model.total.get() * m.stored_bits() / 8.0 + cache) / m.bytes).ln()
            });
        }
        if let Some((t, devices)) = self.training.as_ref().and_then(|t| Some((t, t.devices?))) {
            let free = devices * t.device.memory_bytes() * t.memory.memory_share;
            // Weights and gradients are held at least once; the optimiser's state is sharded.
            let each = t.memory.per_copy_bytes + t.memory.shared_bytes;
            limit("training memory", &|m| (m.total.get() * each / free).ln());
        }
        if let (Some(Serving::Physics { deployment, latency, batch, .. }), Some(demand)) =
            (&self.serving, &self.demand)
        {
            let Requests { prompt, answer } = demand.request;
            let together = match batch {
                BatchSize::Fixed(batch) => *batch,
                BatchSize::Largest(_) => 1.0,
            };
            limit("serving memory", &|m| {
                let cache = together * deployment.cache_bytes(m, prompt + answer);
                let needed = deployment.weight_bytes(m) + cache;
                (needed / deployment.free_bytes()).ln()
            });
            if let Some(s) = latency.per_token_s {
                limit("time per token", &|m| {
                    (deployment.loaded_step_s(m, together, &demand.request).0 / s).ln()
                });
            }
            if let Some(s) = latency.first_token_s {
                limit("time to first token", &|m| (deployment.prefill_s(m, prompt) / s).ln());
            }
        }
        cap
    }
}
