//! What a plan is made for: an aim, a purse, machines, readers, and limits.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::allocation::{check_budget, check_loss, check_params, check_tokens};
use super::optimum::optimum_of_size;
use super::search::{Caps, Found, Terms, cheapest, lowest_loss};
use crate::cost::{
    Batch, Deployment, Device, Latency, Requests, TrainingMemory, Uncertain, Workload,
};
use crate::error::{PlanError, Result};
use crate::flops::{Footprint, Pattern};
use crate::law::{Factor, Surface};
use crate::num::find_root;
use crate::units::{Flops, ParamRule, Params, Setting, Tokens};

/// What is counted as cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Currency {
    /// Training FLOPs, 6 N D.
    TrainFlops,
    /// Training FLOPs plus 2 N per served token.
    LifetimeFlops,
    /// Money for training.
    TrainUsd,
    /// Money for training and serving.
    LifetimeUsd,
}

impl Currency {
    fn counts_serving(self) -> bool {
        matches!(self, Self::LifetimeFlops | Self::LifetimeUsd)
    }

    fn is_money(self) -> bool {
        matches!(self, Self::TrainUsd | Self::LifetimeUsd)
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::TrainFlops => "training FLOPs",
            Self::LifetimeFlops => "training plus serving FLOPs",
            Self::TrainUsd => "USD for training",
            Self::LifetimeUsd => "USD for training and serving",
        })
    }
}

/// What the plan has to do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aim {
    /// The lowest loss for so much of the currency.
    Budget(f64),
    /// The lowest loss for all the training the machines can do in their time.
    MachineTime,
    /// This loss, nats per token, at the least cost.
    Loss(f64),
    /// The loss of the compute-optimal dense model of this size, at the least cost.
    QualityOf(Params),
}

/// A family of shapes to consider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Design {
    /// Name in tables, e.g. `dense` or `8 experts, top 2`.
    pub name: String,
    /// Its proportions.
    pub pattern: Pattern,
}

impl Design {
    /// A dense design, or one of `experts` of which a token visits `top_k`.
    #[must_use]
    pub fn of(pattern: Pattern, experts: u32, top_k: u32) -> Self {
        let name = if experts > 1 {
            format!("{experts} experts, top {top_k}")
        } else {
            "dense".to_owned()
        };
        Self { name, pattern: pattern.with_experts(experts, top_k) }
    }

    fn experts(&self) -> f64 {
        self.pattern.experts.map_or(1.0, |e| f64::from(e.count))
    }
}

/// Where training happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// The device.
    pub device: &'static Device,
    /// How many there are, where limited.
    pub devices: Option<f64>,
    /// Calendar time, where limited, s.
    pub duration_s: Option<f64>,
    /// Useful FLOPs over the dense BF16 peak of every paid hour.
    pub utilisation: Uncertain,
    /// Price of a device-hour, USD; absent when money does not count.
    pub usd_per_hour: Option<Uncertain>,
    /// Price of energy on top, USD per kWh, for machines of one's own.
    pub usd_per_kwh: Option<Uncertain>,
    /// Energy of the site over that of its devices.
    pub energy_overhead: f64,
    /// Bytes training keeps of a parameter; the sum limits the size where devices are limited.
    pub memory: TrainingMemory,
}

/// How the model is served.
#[derive(Clone, Debug, PartialEq)]
pub enum Serving {
    /// 2 N FLOPs per token at the utilisation of each phase (Sardana et al. 2024, eq. 6).
    Utilisation {
        /// Price of a device-hour, USD.
        usd_per_hour: Uncertain,
        /// Peak at the precision of serving, FLOP/s.
        peak_flop_per_s: f64,
        /// Share of it while reading.
        prefill: f64,
        /// Share of it while writing.
        decode: f64,
    },
    /// Weights, cache, bandwidth and arithmetic of a deployment.
    Physics {
        /// Devices, precision, efficiency.
        deployment: Deployment,
        /// Sequences decoded together.
        batch: Batch,
        /// Limits on waiting.
        latency: Latency,
        /// Price of a device-hour, USD.
        usd_per_hour: Option<Uncertain>,
        /// Real speed over that of the model of serving.
        speed: Uncertain,
    },
}

/// What will be asked of the model over its life.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// Tokens of one request.
    pub request: Requests,
    /// Number of requests.
    pub requests: Uncertain,
}

impl Demand {
    fn workload(&self, requests: f64) -> Workload {
        self.request.workload(requests)
    }
}

/// The text there is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataLimit {
    /// Unique tokens U.
    pub unique: Tokens,
    /// Most times they may be shown.
    pub max_epochs: f64,
    /// R_D and R_N of Muennighoff et al. 2023 for laws that do not know repetition.
    pub repetition: (f64, f64),
}

/// What a deployed copy may take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryLimit {
    /// Bytes for weights and cache.
    pub bytes: f64,
    /// Bits a stored weight takes, scales included.
    pub stored_bits: f64,
    /// Bits per cache entry.
    pub kv_bits: f64,
    /// Tokens kept in the cache.
    pub context: f64,
}

/// Everything a plan is made for, besides the law.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// What the plan has to do.
    pub aim: Aim,
    /// What counts as cost.
    pub currency: Currency,
    /// Families of shapes to choose from, at least one.
    pub designs: Vec<Design>,
    /// Where it is trained.
    pub training: Option<Training>,
    /// How it is served.
    pub serving: Option<Serving>,
    /// How much it is asked.
    pub demand: Option<Demand>,
    /// The text there is.
    pub data: Option<DataLimit>,
    /// What a deployed copy may take.
    pub memory: Option<MemoryLimit>,
    /// Most parameters, experts included.
    pub max_params: Option<Params>,
}

/// One outcome of everything that is not certain, besides the law.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Circumstances {
    /// Share of the training peak.
    pub utilisation: f64,
    /// USD per device-hour of training.
    pub train_usd_per_hour: f64,
    /// USD per kWh.
    pub usd_per_kwh: f64,
    /// USD per device-hour of serving.
    pub serve_usd_per_hour: f64,
    /// Real speed of serving over the model's.
    pub serve_speed: f64,
    /// Requests over the model's life.
    pub requests: f64,
}

/// The largest ln N a design may have, in each convention of counting N, with the limit's name.
#[derive(Clone, Copy, Debug)]
pub(super) struct SizeCaps {
    all: (f64, Option<&'static str>),
    non_embedding: (f64, Option<&'static str>),
}

impl SizeCaps {
    pub(super) fn of(scenario: &Scenario, design: &Design) -> Self {
        Self {
            all: scenario.size_cap(design, ParamRule::All),
            non_embedding: scenario.size_cap(design, ParamRule::NonEmbedding),
        }
    }

    /// For a law that counts N by `rule`.
    pub(super) fn by(&self, rule: ParamRule) -> (f64, Option<&'static str>) {
        match rule {
            ParamRule::All | ParamRule::Active => self.all,
            ParamRule::NonEmbedding => self.non_embedding,
        }
    }
}

/// Something that is not certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// The coefficients of the law, or which law.
    Law,
    /// How much will be served.
    Demand,
    /// Utilisation of the training devices.
    Utilisation,
    /// Price of training.
    TrainPrice,
    /// Price of energy.
    EnergyPrice,
    /// Price of serving.
    ServePrice,
    /// Speed of serving.
    ServeSpeed,
}

impl Input {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 7] = [
        Self::Law,
        Self::Demand,
        Self::Utilisation,
        Self::TrainPrice,
        Self::EnergyPrice,
        Self::ServePrice,
        Self::ServeSpeed,
    ];
}

impl std::fmt::Display for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Law => "law",
            Self::Demand => "demand",
            Self::Utilisation => "training utilisation",
            Self::TrainPrice => "training price",
            Self::EnergyPrice => "energy price",
            Self::ServePrice => "serving price",
            Self::ServeSpeed => "serving speed",
        })
    }
}

impl Scenario {
    /// A dense plan for training FLOPs alone.
    #[must_use]
    pub fn new(aim: Aim) -> Self {
        Self {
            aim,
            currency: Currency::TrainFlops,
            designs: vec![Design::of(Pattern::MODERN, 1, 1)],
            training: None,
            serving: None,
            demand: None,
            data: None,
            memory: None,
            max_params: None,
        }
    }

    /// Checks that the parts fit each other.
    ///
    /// # Errors
    /// [`PlanError::Inputs`] naming what is missing and how to give it, and those of the parts.
    pub fn validate(&self) -> Result<()> {
        let missing = |problem: &str, mend| -> Result<()> {
            Err(PlanError::Inputs { problem: problem.to_owned(), mend }.into())
        };
        match self.aim {
            Aim::Budget(c) if !self.currency.is_money() => check_budget(Flops::new(c))?,
            Aim::Budget(usd) => Uncertain::known(usd).validate("usd")?,
            Aim::Loss(loss) => {
                if !(loss.is_finite() && loss > 0.0) {
                    return missing("a loss that is no number above zero", "give --loss 2.0");
                }
            }
            Aim::QualityOf(n) => check_params(n)?,
            Aim::MachineTime => {
                let limited = |t: &Training| t.devices.is_some() && t.duration_s.is_some();
                if !self.training.as_ref().is_some_and(limited) {
                    return missing("no machines", "give --gpus, --device and --days");
                }
            }
        }
        for design in &self.designs {
            design.pattern.validate()?;
        }
        if self.designs.is_empty() {
            return missing("no design", "give --experts 1 for a dense model");
        }
        if self.currency.is_money()
            && self.training.as_ref().is_none_or(|t| t.usd_per_hour.is_none())
        {
            return missing(
                "money counts, but training has no price",
                "give --device, and --usd-per-hour where none is on record",
            );
        }
        if self.currency.counts_serving() && self.demand.is_none() {
            return missing(
                "serving counts, but nothing is served",
                "give --serve-tokens or --requests",
            );
        }
        if self.currency == Currency::LifetimeUsd && self.serving.is_none() {
            return missing("serving costs money, but has no machines", "give --serve-device");
        }
        if let Some(t) = &self.training {
            t.utilisation.validate("mfu")?;
            if t.utilisation.high > 1.0 {
                let wanted = "a share of the dense peak, at most 1 (0.4 for 40 %)";
                let found = t.utilisation.high;
                return Err(crate::error::CostError::Field { field: "mfu", found, wanted }.into());
            }
            t.device.peak_flop_per_s()?;
            for (name, price) in [("usd-per-hour", t.usd_per_hour), ("usd-per-kwh", t.usd_per_kwh)]
            {
                price.map_or(Ok(()), |p| p.validate(name))?;
            }
            for (name, x) in [("gpus", t.devices), ("days", t.duration_s)] {
                x.map_or(Ok(()), |x| Uncertain::known(x).validate(name))?;
            }
        }
        if let Some(Serving::Physics { deployment, batch, usd_per_hour, .. }) = &self.serving {
            deployment.validate()?;
            let (Batch::Fixed(most) | Batch::Largest(most)) = *batch;
            Uncertain::known(most).validate("batch")?;
            if self.currency == Currency::LifetimeUsd && usd_per_hour.is_none() {
                return missing(
                    "serving costs money, but its device has no price on record",
                    "give --serve-usd-per-hour",
                );
            }
        }
        if let Some(m) = &self.memory {
            for (name, x) in
                [("memory", m.bytes), ("weight-bits", m.stored_bits), ("kv-bits", m.kv_bits)]
            {
                Uncertain::known(x).validate(name)?;
            }
        }
        if let Some(d) = &self.demand {
            d.requests.validate("requests")?;
            Uncertain::known(d.request.prompt).validate("prompt")?;
            Uncertain::known(d.request.answer).validate("answer")?;
        }
        if let Some(d) = &self.data {
            check_tokens(d.unique)?;
            if !(d.max_epochs.is_finite() && d.max_epochs >= 1.0) {
                return missing("fewer than one epoch", "give --max-epochs 1 or more");
            }
        }
        self.max_params.map_or(Ok(()), check_params)?;
        Ok(())
    }

    /// The uncertain inputs that can move this plan, besides the law.
    #[must_use]
    pub fn inputs(&self) -> Vec<Input> {
        let doubtful = |x: Option<Uncertain>| x.is_some_and(|x| !x.is_known());
        let t = self.training.as_ref();
        let money = self.currency.is_money();
        let serves = self.currency.counts_serving();
        let (price, speed) = match &self.serving {
            Some(Serving::Utilisation { usd_per_hour, .. }) => (Some(*usd_per_hour), None),
            Some(Serving::Physics { usd_per_hour, speed, .. }) => (*usd_per_hour, Some(*speed)),
            None => (None, None),
        };
        let limits_time = t.is_some_and(|t| t.devices.is_some() && t.duration_s.is_some());
        Input::ALL
            .into_iter()
            .filter(|input| match input {
                Input::Law => false,
                Input::Demand => serves && doubtful(self.demand.map(|d| d.requests)),
                Input::Utilisation => (money || limits_time) && doubtful(t.map(|t| t.utilisation)),
                Input::TrainPrice => money && doubtful(t.and_then(|t| t.usd_per_hour)),
                Input::EnergyPrice => money && doubtful(t.and_then(|t| t.usd_per_kwh)),
                Input::ServePrice => money && serves && doubtful(price),
                Input::ServeSpeed => money && serves && doubtful(speed),
            })
            .collect()
    }

    /// The outcome at these quantiles, one per input; the median where none is given.
    #[must_use]
    pub fn circumstances(&self, quantile: impl Fn(Input) -> f64) -> Circumstances {
        let at =
            |range: Option<Uncertain>, input| range.map_or(1.0, |r| r.quantile(quantile(input)));
        let t = self.training.as_ref();
        let (price, speed) = match &self.serving {
            Some(Serving::Utilisation { usd_per_hour, .. }) => (Some(*usd_per_hour), None),
            Some(Serving::Physics { usd_per_hour, speed, .. }) => (*usd_per_hour, Some(*speed)),
            None => (None, None),
        };
        Circumstances {
            utilisation: at(t.map(|t| t.utilisation), Input::Utilisation),
            train_usd_per_hour: at(t.and_then(|t| t.usd_per_hour), Input::TrainPrice),
            usd_per_kwh: t
                .and_then(|t| t.usd_per_kwh)
                .map_or(0.0, |r| r.quantile(quantile(Input::EnergyPrice))),
            serve_usd_per_hour: at(price, Input::ServePrice),
            serve_speed: at(speed, Input::ServeSpeed),
            requests: self.demand.map_or(0.0, |d| d.requests.quantile(quantile(Input::Demand))),
        }
    }

    /// The medians of everything.
    #[must_use]
    pub fn typical(&self) -> Circumstances {
        self.circumstances(|_| 0.5)
    }

    /// A law asked in the setting of a design: its experts, the text there is, the bits it is served
    /// in, each where the law knows of it.
    ///
    /// # Errors
    /// [`PlanError::Inputs`] for experts under a law of dense models.
    pub fn ask<'a>(&self, surface: &'a Surface, design: &Design) -> Result<Cow<'a, Surface>> {
        let knows = |factor| surface.law().factors().contains(&factor);
        let mut setting = surface.setting;
        let mut asked = Cow::Borrowed(surface);
        if design.experts() > 1.0 {
            if !knows(Factor::Experts) {
                return Err(PlanError::Inputs {
                    problem: format!(
                        "`{}` is a law of dense models and says nothing of experts",
                        surface.label
                    ),
                    mend: "plan experts with --law joint-moe or a fit of that family",
                }
                .into());
            }
            setting.experts = design.experts();
        }
        let repeating =
            self.data.and_then(|d| surface.with_repetition(d.repetition.0, d.repetition.1));
        if let (Some(data), Some(repeating)) = (self.data, repeating) {
            asked = Cow::Owned(repeating);
            setting.unique = Some(data.unique);
        }
        if let (true, Some(bits)) = (knows(Factor::Precision), self.served_bits()) {
            setting.served_bits = Some(bits);
        }
        if setting != surface.setting || matches!(asked, Cow::Owned(_)) {
            asked = Cow::Owned(asked.within(setting));
        }
        Ok(asked)
    }

    /// Bits per weight in serving, where fewer than training's.
    fn served_bits(&self) -> Option<f64> {
        let deployed = match &self.serving {
            Some(Serving::Physics { deployment, .. }) => Some(deployment.weight_bits),
            _ => None,
        };
        // Scales are no precision: 4.5 stored bits are 4 of weight.
        deployed.or(self.memory.map(|m| m.stored_bits.floor())).filter(|bits| *bits < 16.0)
    }

    /// The largest ln N, counted by `rule`, that keeps the limits on size, and their names.
    pub(super) fn size_cap(&self, design: &Design, rule: ParamRule) -> (f64, Option<&'static str>) {
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
            // A hair below the edge, where rounding cannot cross it.
            if ln_n - 1e-10 < cap.0 {
                cap = (ln_n - 1e-10, Some(name));
            }
        };
        if let Some(most) = self.max_params {
            limit("parameters", &|m| (m.total.get() / most.get()).ln());
        }
        if let Some(m) = self.memory {
            limit("deployment memory", &|model| {
                let cache = model.kv_entries_per_token * m.context.min(model.window) * m.kv_bits;
                ((model.total.get() * m.stored_bits + cache) / 8.0 / m.bytes).ln()
            });
        }
        if let Some((t, devices)) = self.training.as_ref().and_then(|t| Some((t, t.devices?))) {
            let free = devices * t.device.memory_bytes() * t.memory.memory_share;
            // Weights and gradients are held once at least, the optimiser's state is shared out.
            let each = t.memory.per_copy_bytes + t.memory.shared_bytes;
            limit("training memory", &|m| (m.total.get() * each / free).ln());
        }
        if let (Some(Serving::Physics { deployment, latency, batch, .. }), Some(demand)) =
            (&self.serving, &self.demand)
        {
            let Requests { prompt, answer } = demand.request;
            let together = match batch {
                Batch::Fixed(batch) => *batch,
                Batch::Largest(_) => 1.0,
            };
            limit("serving memory", &|m| {
                let cache = together * deployment.cache_bytes(m, prompt + answer);
                let needed = deployment.weight_bytes(m) + cache;
                (needed / deployment.free_bytes()).ln()
            });
            if let Some(s) = latency.per_token_s {
                limit("time per token", &|m| {
                    (deployment.step_s(m, together, prompt + 0.5 * answer).0 / s).ln()
                });
            }
            if let Some(s) = latency.first_token_s {
                limit("time to first token", &|m| (deployment.prefill_s(m, prompt) / s).ln());
            }
        }
        cap
    }

    /// Cost of one training FLOP in the currency.
    pub(super) fn train_per_flop(&self, now: &Circumstances) -> f64 {
        match (&self.training, self.currency.is_money()) {
            (Some(t), true) => t.usd_per_flop(now),
            _ => 1.0,
        }
    }

    /// Cost of serving the whole demand from a model of ln N, in the currency.
    fn serve_cost(&self, design: &Design, rule: ParamRule, now: &Circumstances, ln_n: f64) -> f64 {
        let Some(demand) = &self.demand else { return 0.0 };
        let workload = demand.workload(now.requests);
        let active = |n: f64| 2.0 * n * workload.total().get();
        match self.currency {
            Currency::TrainFlops | Currency::TrainUsd => 0.0,
            Currency::LifetimeFlops => active(ln_n.exp()),
            Currency::LifetimeUsd => {
                self.serve_usd(design, rule, now, ln_n).unwrap_or(f64::INFINITY)
            }
        }
    }

    /// USD for serving the whole demand; absent when no serving is described.
    pub(super) fn serve_usd(
        &self,
        design: &Design,
        rule: ParamRule,
        now: &Circumstances,
        ln_n: f64,
    ) -> Option<f64> {
        let demand = self.demand.as_ref()?;
        let workload = demand.workload(now.requests);
        match self.serving.as_ref()? {
            Serving::Utilisation { peak_flop_per_s, prefill, decode, .. } => {
                let per_s = now.serve_usd_per_hour / 3600.0 / peak_flop_per_s;
                let each = workload.input.get() / prefill + workload.output.get() / decode;
                Some(2.0 * ln_n.exp() * per_s * each)
            }
            Serving::Physics { deployment, batch, latency, usd_per_hour, .. } => {
                usd_per_hour.as_ref()?;
                let model = design.pattern.footprint(Params::new(ln_n.exp()), rule);
                let served = deployment.serve(&model, &demand.request, *batch, latency).ok()?;
                let device_s = served.device_s(&workload, deployment.devices) / now.serve_speed;
                Some(device_s * now.serve_usd_per_hour / 3600.0)
            }
        }
    }

    /// The best plan of one design under one law and one outcome.
    ///
    /// # Errors
    /// When the law has no such plan, or the limits exclude every one.
    pub(super) fn solve(
        &self,
        surface: &Surface,
        design: &Design,
        caps: &SizeCaps,
        now: &Circumstances,
    ) -> Result<Found> {
        let rule = surface.params;
        let train_per_flop = self.train_per_flop(now);
        let linear = match &self.serving {
            Some(Serving::Physics { .. }) => self.currency != Currency::LifetimeUsd,
            _ => true,
        };
        let at_one = if linear { self.serve_cost(design, rule, now, 0.0) } else { 0.0 };
        let serve = |ln_n: f64| {
            if linear {
                let cost = at_one * ln_n.exp();
                return (cost, cost);
            }
            let step = 1e-4;
            let at = |x: f64| self.serve_cost(design, rule, now, x);
            let (below, here, above) = (at(ln_n - step), at(ln_n), at(ln_n + step));
            // At the largest size that fits there is nothing above.
            let slope = if above.is_finite() {
                (above - below) / (2.0 * step)
            } else {
                (here - below) / step
            };
            (here, slope)
        };
        let machine_time = self.machine_flops(now);
        let ln_c = machine_time.map_or(f64::INFINITY, f64::ln);
        let ln_d = self.data.map_or(f64::INFINITY, |d| {
            let knows = surface.setting.unique.is_some();
            d.unique.ln() + if knows { d.max_epochs.ln() } else { 0.0 }
        });
        let caps = Caps { ln_n: caps.by(rule).0, ln_d, ln_c };
        let terms = Terms { train_per_flop, serve: &serve, caps };
        match self.aim {
            Aim::Loss(loss) => {
                check_loss(surface, loss)?;
                cheapest(surface, loss, &terms)
            }
            Aim::QualityOf(n) => {
                let loss = self.quality(surface, n)?;
                cheapest(surface, loss, &terms)
            }
            Aim::Budget(purse) => lowest_loss(surface, purse, &terms),
            Aim::MachineTime => {
                let purse = machine_time.unwrap_or(f64::NAN);
                let free = |_: f64| (0.0, 0.0);
                let open = Caps { ln_c: f64::INFINITY, ..caps };
                let terms = Terms { train_per_flop: 1.0, serve: &free, caps: open };
                lowest_loss(surface, purse, &terms)
            }
        }
    }

    /// Training FLOPs the machines can do in their time, where both are limited.
    pub(super) fn machine_flops(&self, now: &Circumstances) -> Option<f64> {
        let t = self.training.as_ref()?;
        let peak = t.device.bf16_dense_tflop_per_s? * 1e12;
        Some(t.devices? * t.duration_s? * peak * now.utilisation)
    }

    /// ln D of a plan of exactly this size for the aim: what reaches the loss, or what the purse has
    /// left. `None` past the wall, beyond a limit, or with an empty purse.
    pub(super) fn ln_d_at_size(
        &self,
        surface: &Surface,
        design: &Design,
        now: &Circumstances,
        ln_n: f64,
    ) -> Option<f64> {
        let rule = surface.params;
        let ln_c = self.machine_flops(now).map_or(f64::INFINITY, f64::ln);
        let most = self.data.map_or(f64::INFINITY, |d| {
            let knows = surface.setting.unique.is_some();
            d.unique.ln() + if knows { d.max_epochs.ln() } else { 0.0 }
        });
        let allowed = most.min(ln_c - 6.0_f64.ln() - ln_n);
        let exact = |loss: f64| {
            let ln_d = super::isoloss::ln_d_for_loss(surface, ln_n, loss);
            (ln_d <= allowed + 1e-9).then_some(ln_d)
        };
        match self.aim {
            Aim::Loss(loss) => exact(loss),
            Aim::QualityOf(n) => exact(self.quality(surface, n).ok()?),
            Aim::Budget(purse) => {
                let left = purse - self.serve_cost(design, rule, now, ln_n);
                let bought = (left / (6.0 * self.train_per_flop(now))).ln() - ln_n;
                let ln_d = bought.min(allowed).min(surface.ln_d_most_useful(ln_n));
                (ln_d > 0.0).then_some(ln_d)
            }
            Aim::MachineTime => {
                let ln_d = allowed.min(surface.ln_d_most_useful(ln_n));
                (ln_d > 0.0).then_some(ln_d)
            }
        }
    }

    /// The loss of the compute-optimal dense model of this size on text seen once, whatever the
    /// design and the text of the plan are.
    fn quality(&self, surface: &Surface, n: Params) -> Result<f64> {
        let setting = Setting { experts: 1.0, unique: None, served_bits: None, ..surface.setting };
        Ok(optimum_of_size(&surface.within(setting), n)?.loss_nats)
    }

    /// What a plan costs in the currency.
    pub(super) fn cost(
        &self,
        design: &Design,
        rule: ParamRule,
        now: &Circumstances,
        ln_n: f64,
        ln_d: f64,
    ) -> f64 {
        6.0 * (ln_n + ln_d).exp() * self.train_per_flop(now)
            + self.serve_cost(design, rule, now, ln_n)
    }
}

impl Training {
    /// USD of one useful training FLOP: device-hours and, where it is paid for, energy.
    #[must_use]
    pub fn usd_per_flop(&self, now: &Circumstances) -> f64 {
        let peak = self.device.bf16_dense_tflop_per_s.map_or(f64::NAN, |t| t * 1e12);
        let hour = self.usd_per_hour.map_or(0.0, |_| now.train_usd_per_hour)
            + self.kilowatt().unwrap_or(0.0) * now.usd_per_kwh;
        hour / (3600.0 * peak * now.utilisation)
    }

    /// Draw of one device with its part of the site, kW, at its design power.
    #[must_use]
    pub fn kilowatt(&self) -> Option<f64> {
        self.device.power_w.map(|w| w / 1e3 * self.energy_overhead)
    }
}
