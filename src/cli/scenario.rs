//! Flags that describe machines, readers, text and limits, and the scenario they make.

use clap::{Args, ValueEnum};

use crate::cost::{
    Batch, Deployment, Efficiency, Latency, Requests, TrainingMemory, Uncertain, billed_goodput,
    decode_measurements, device, usual_scale_group,
};
use crate::error::{PlanError, Result, UnitsError};
use crate::flops::Pattern;
use crate::plan::{
    Aim, Currency, DataLimit, Demand, Design, MemoryLimit, Scenario, Serving, Training,
};
use crate::units::{Params, Tokens, parse_bytes, parse_duration_s};

/// R_D and R_N of Muennighoff et al. 2023, as published.
const REPETITION: (f64, f64) = (15.387_756, 5.309_743);

/// Machines, readers, text and limits.
#[derive(Clone, Debug, Args)]
pub(super) struct ScenarioArgs {
    /// What counts as cost; by default money where serving has a device, FLOPs otherwise.
    #[arg(long, value_enum, value_name = "CURRENCY")]
    pub(super) cost: Option<CurrencyArg>,

    /// Share of the dense BF16 peak that does useful work in every paid hour: 0.4, a range
    /// 0.3..0.45, or `published`, the range of published runs over billed hours, which also stands
    /// where nothing is given.
    #[arg(long, value_parser = share, help_heading = "Training")]
    pub(super) mfu: Option<Share>,
    /// Price of a training device-hour, a number or a range; the newest on record when absent.
    #[arg(long, help_heading = "Training")]
    pub(super) usd_per_hour: Option<Uncertain>,
    /// Price of energy on top, for machines of your own.
    #[arg(long, help_heading = "Training")]
    pub(super) usd_per_kwh: Option<Uncertain>,
    /// Energy of the site over that of its devices.
    #[arg(long, default_value_t = 1.2, help_heading = "Training")]
    pub(super) pue: f64,

    /// Tokens served over the model's life, a number or a range 1T..4T.
    #[arg(long, value_name = "TOKENS", value_parser = token_range, help_heading = "Serving")]
    pub(super) serve_tokens: Option<Uncertain>,
    /// Requests served over the model's life, a number or a range; instead of --serve-tokens.
    #[arg(long, value_parser = token_range, conflicts_with = "serve_tokens", help_heading = "Serving")]
    pub(super) requests: Option<Uncertain>,
    /// Tokens read per request.
    #[arg(long, default_value_t = 1000.0, help_heading = "Serving")]
    pub(super) prompt: f64,
    /// Tokens written per request.
    #[arg(long, default_value_t = 300.0, help_heading = "Serving")]
    pub(super) answer: f64,
    /// Device it is served on; turns on memory, bandwidth and time per token.
    #[arg(long, help_heading = "Serving")]
    pub(super) serve_device: Option<String>,
    /// Devices that hold one copy (tensor parallel).
    #[arg(long, default_value_t = 1.0, help_heading = "Serving")]
    pub(super) serve_devices: f64,
    /// Price of a serving device-hour, a number or a range; the newest on record when absent.
    #[arg(long, help_heading = "Serving")]
    pub(super) serve_usd_per_hour: Option<Uncertain>,
    /// Bits per weight in serving; below 8 every 32 weights share a 16-bit scale.
    #[arg(long, default_value_t = 16.0, help_heading = "Serving")]
    pub(super) serve_bits: f64,
    /// Bits per entry of keys and values.
    #[arg(long, default_value_t = 16.0, help_heading = "Serving")]
    pub(super) kv_bits: f64,
    /// Sequences decoded together; as many as memory and waiting allow, at most 256, when absent.
    #[arg(long, help_heading = "Serving")]
    pub(super) batch: Option<f64>,
    /// Longest time to the first token, e.g. 500ms.
    #[arg(long, value_parser = seconds, help_heading = "Serving")]
    pub(super) ttft: Option<f64>,
    /// Longest time per output token, e.g. 20ms.
    #[arg(long, value_parser = seconds, help_heading = "Serving")]
    pub(super) tpot: Option<f64>,
    /// Price serving by utilisation instead: shares of the peak while reading and while writing,
    /// e.g. 0.5,0.01.
    #[arg(long, value_name = "PREFILL,DECODE", value_parser = shares, help_heading = "Serving")]
    pub(super) serve_mfu: Option<(f64, f64)>,
    /// Peak for --serve-mfu in FLOP/s; the dense BF16 peak of the serving device when absent.
    #[arg(long, requires = "serve_mfu", help_heading = "Serving")]
    pub(super) serve_peak: Option<f64>,

    /// Unique tokens there are; repeating them is worth less and less (Muennighoff et al. 2023).
    #[arg(long, value_name = "TOKENS", help_heading = "Limits")]
    pub(super) unique_tokens: Option<Tokens>,
    /// Most times the unique tokens may be shown; 1 for never twice.
    #[arg(long, requires = "unique_tokens", help_heading = "Limits")]
    pub(super) max_epochs: Option<f64>,
    /// Repetition constants RD,RN for laws that have none; as published for C4 when absent.
    #[arg(long, value_name = "RD,RN", value_parser = shares, requires = "unique_tokens", help_heading = "Limits")]
    pub(super) repetition: Option<(f64, f64)>,
    /// Memory the weights (and the cache of --context tokens) must fit, e.g. 16GB.
    #[arg(long, value_parser = parse_bytes, help_heading = "Limits")]
    pub(super) memory: Option<f64>,
    /// Bits per weight in that memory; below 8 every 32 weights share a 16-bit scale.
    #[arg(long, default_value_t = 16.0, requires = "memory", help_heading = "Limits")]
    pub(super) weight_bits: f64,
    /// Tokens kept in the cache in that memory.
    #[arg(long, default_value_t = 0.0, requires = "memory", help_heading = "Limits")]
    pub(super) context: f64,
    /// Most parameters, experts included.
    #[arg(long, help_heading = "Limits")]
    pub(super) max_params: Option<Params>,

    /// Experts per layer to consider, 1 for a dense model, e.g. 1,4,8,16.
    #[arg(long, value_delimiter = ',', default_value = "1", help_heading = "Shape")]
    pub(super) experts: Vec<u32>,
    /// Experts a token visits.
    #[arg(long, default_value_t = 1, help_heading = "Shape")]
    pub(super) top_k: u32,
    #[command(flatten)]
    pub(super) shape: PatternArgs,
}

/// Proportions of a shape.
#[derive(Clone, Debug, Args)]
pub(super) struct PatternArgs {
    /// Vocabulary.
    #[arg(long, default_value_t = Pattern::MODERN.vocab, help_heading = "Shape")]
    pub(super) vocab: u32,
    /// One matrix for input and output embeddings.
    #[arg(long, help_heading = "Shape")]
    pub(super) tied: bool,
    /// Width over layers.
    #[arg(long, default_value_t = Pattern::MODERN.aspect, help_heading = "Shape")]
    pub(super) aspect: f64,
    /// Key/value heads; 0 for as many as query heads.
    #[arg(long, default_value_t = 8, help_heading = "Shape")]
    pub(super) kv_heads: u32,
    /// Inner width of the feed-forward part over the model's.
    #[arg(long, default_value_t = Pattern::MODERN.ffn_ratio, help_heading = "Shape")]
    pub(super) ffn_ratio: f64,
    /// Sliding attention window, tokens.
    #[arg(long, help_heading = "Shape")]
    pub(super) window: Option<u32>,
}

impl PatternArgs {
    pub(super) fn pattern(&self) -> Pattern {
        Pattern {
            aspect: self.aspect,
            kv_heads: (self.kv_heads > 0).then_some(self.kv_heads),
            ffn_ratio: self.ffn_ratio,
            vocab: self.vocab,
            tied_embeddings: self.tied,
            window: self.window,
            ..Pattern::MODERN
        }
    }
}

/// `--cost`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CurrencyArg {
    TrainFlops,
    LifetimeFlops,
    TrainUsd,
    LifetimeUsd,
}

impl CurrencyArg {
    fn currency(self) -> Currency {
        match self {
            Self::TrainFlops => Currency::TrainFlops,
            Self::LifetimeFlops => Currency::LifetimeFlops,
            Self::TrainUsd => Currency::TrainUsd,
            Self::LifetimeUsd => Currency::LifetimeUsd,
        }
    }
}

/// A utilisation as given.
#[derive(Clone, Copy, Debug)]
pub(super) enum Share {
    Given(Uncertain),
    Published,
}

impl Share {
    fn range(self) -> Result<Uncertain> {
        match self {
            Self::Given(range) => Ok(range),
            Self::Published => Ok(billed_goodput()?),
        }
    }
}

fn share(text: &str) -> std::result::Result<Share, UnitsError> {
    if text.trim().eq_ignore_ascii_case("published") {
        Ok(Share::Published)
    } else {
        text.parse().map(Share::Given)
    }
}

/// `1T`, `1T..4T` or `1T..2T..4T`.
fn token_range(text: &str) -> std::result::Result<Uncertain, UnitsError> {
    let parts = text
        .split("..")
        .map(|part| part.parse::<Tokens>().map(Tokens::get))
        .collect::<std::result::Result<Vec<f64>, _>>()?;
    let range = match parts[..] {
        [x] => Uncertain::known(x),
        [low, high] => Uncertain::between(low, high),
        [low, mid, high] => Uncertain { low, mid, high },
        _ => return Err(UnitsError::NotARange { text: text.to_owned() }),
    };
    let ordered = range.low <= range.mid && range.mid <= range.high;
    if ordered { Ok(range) } else { Err(UnitsError::NotARange { text: text.to_owned() }) }
}

/// `20ms` or any duration.
pub(super) fn seconds(text: &str) -> std::result::Result<f64, UnitsError> {
    match text.trim().strip_suffix("ms") {
        Some(ms) => parse_duration_s(&format!("{}s", ms.trim())).map(|s| s / 1e3),
        None => parse_duration_s(text),
    }
}

fn shares(text: &str) -> std::result::Result<(f64, f64), UnitsError> {
    let bad = || UnitsError::NotAPair { text: text.to_owned() };
    let (a, b) = text.split_once(',').ok_or_else(bad)?;
    let number = |t: &str| t.trim().parse::<f64>().ok().filter(|x| x.is_finite() && *x > 0.0);
    Ok((number(a).ok_or_else(bad)?, number(b).ok_or_else(bad)?))
}

/// Real decoding speeds over modelled ones: the scatter of the measured rows.
fn measured_speed() -> Result<Uncertain> {
    let mut ratios = Vec::new();
    for row in decode_measurements()? {
        let Some(shape) = crate::cost::model(&row.model)?.shape else { continue };
        let of = Deployment {
            weight_bits: row.weight_bits,
            ..Deployment::of(&row.device, row.devices)?
        };
        let modelled = 1.0 / of.step_s(&(&shape).into(), 1.0, row.prompt).0;
        ratios.push(row.tokens_per_s / modelled);
    }
    ratios.sort_by(f64::total_cmp);
    let at = |p| crate::num::quantile(&ratios, p);
    Ok(Uncertain { low: at(0.0), mid: at(0.5), high: at(1.0) })
}

impl ScenarioArgs {
    /// Whether anything is asked beyond a budget or a loss.
    pub(super) fn is_rich(&self) -> bool {
        self.cost.is_some()
            || self.serve_device.is_some()
            || self.unique_tokens.is_some()
            || self.memory.is_some()
            || self.max_params.is_some()
            || self.ttft.is_some()
            || self.tpot.is_some()
            || self.experts != [1]
            || self.mfu.is_some_and(|mfu| !matches!(mfu, Share::Given(range) if range.is_known()))
            || self.serve_tokens.or(self.requests).is_some_and(|r| !r.is_known())
    }

    /// Useful share of the training peak over paid hours.
    pub(super) fn utilisation(&self) -> Result<Uncertain> {
        self.mfu.unwrap_or(Share::Published).range()
    }

    /// Median served tokens.
    pub(super) fn served_tokens(&self) -> Option<Tokens> {
        let each = self.prompt + self.answer;
        let requests = self.requests.map(|r| r.mid * each);
        self.serve_tokens.map(|r| r.mid).or(requests).map(Tokens::new)
    }

    pub(super) fn training(
        &self,
        device_name: Option<&str>,
        devices: Option<f64>,
        duration_s: Option<f64>,
    ) -> Result<Option<Training>> {
        let Some(name) = device_name else { return Ok(None) };
        let device = device(name)?;
        let on_record = || device.latest_price().ok().map(crate::cost::Price::range);
        if !(self.pue.is_finite() && self.pue >= 1.0) {
            let wanted = "the site's energy over its devices', at least 1";
            let error = crate::error::CostError::Field { field: "pue", found: self.pue, wanted };
            return Err(error.into());
        }
        Ok(Some(Training {
            device,
            devices,
            duration_s,
            utilisation: self.utilisation()?,
            usd_per_hour: self.usd_per_hour.or_else(on_record),
            usd_per_kwh: self.usd_per_kwh,
            energy_overhead: self.pue,
            memory: TrainingMemory::default(),
        }))
    }

    fn serving(&self) -> Result<Option<Serving>> {
        let Some(name) = &self.serve_device else {
            return Ok(None);
        };
        let of = Deployment::of(name, self.serve_devices)?.quantised(self.serve_bits);
        let on_record = of.device.latest_price().ok().map(crate::cost::Price::range);
        let price = self.serve_usd_per_hour.or(on_record);
        if let Some((prefill, decode)) = self.serve_mfu {
            let peak = match self.serve_peak {
                Some(peak) => peak,
                None => of.device.peak_flop_per_s()?,
            };
            let no_price = crate::error::CostError::NoPrice { name: name.clone() };
            let usd_per_hour = price.ok_or(no_price)?;
            return Ok(Some(Serving::Utilisation {
                usd_per_hour,
                peak_flop_per_s: peak,
                prefill,
                decode,
            }));
        }
        let deployment =
            Deployment { kv_bits: self.kv_bits, efficiency: Efficiency::fitted()?, ..of };
        Ok(Some(Serving::Physics {
            deployment,
            batch: self.batch.map_or(Batch::Largest(256.0), Batch::Fixed),
            latency: Latency { first_token_s: self.ttft, per_token_s: self.tpot },
            usd_per_hour: price,
            speed: measured_speed()?,
        }))
    }

    /// The scenario of these flags.
    pub(super) fn scenario(&self, aim: Aim, training: Option<Training>) -> Result<Scenario> {
        let request = Requests { prompt: self.prompt, answer: self.answer };
        let each = self.prompt + self.answer;
        let requests = self.requests.or(self.serve_tokens.map(|t| t.map(|t| t / each)));
        let demand = requests.map(|requests| Demand { request, requests });
        let serving = self.serving()?;
        if serving.is_none() && (self.ttft.is_some() || self.tpot.is_some()) {
            return Err(PlanError::Inputs {
                problem: "a limit on waiting, but no device to serve on".to_owned(),
                mend: "give --serve-device",
            }
            .into());
        }
        if self.serve_mfu.is_some() && serving.is_none() {
            return Err(PlanError::Inputs {
                problem: "a utilisation of serving, but no device to serve on".to_owned(),
                mend: "give --serve-device",
            }
            .into());
        }
        // Latency needs requests to be about, even where their number does not count.
        let demand = demand
            .or(serving.as_ref().map(|_| Demand { request, requests: Uncertain::known(1.0) }));
        let money = matches!(aim, Aim::Budget(_)) && training.is_some();
        let currency = match self.cost {
            Some(cost) => cost.currency(),
            None if money => Currency::TrainUsd,
            None if matches!(aim, Aim::Budget(_) | Aim::MachineTime) => Currency::TrainFlops,
            None if serving.is_some() && training.is_some() && requests.is_some() => {
                Currency::LifetimeUsd
            }
            None if requests.is_some() => Currency::LifetimeFlops,
            None => Currency::TrainFlops,
        };
        let pattern = self.shape.pattern();
        let experts = &self.experts;
        if experts.contains(&0) {
            return Err(PlanError::Inputs {
                problem: "zero experts".to_owned(),
                mend: "give --experts 1 for a dense model",
            }
            .into());
        }
        let scenario = Scenario {
            aim,
            currency,
            designs: experts.iter().map(|e| Design::of(pattern, *e, self.top_k)).collect(),
            training,
            serving,
            demand,
            data: self.unique_tokens.map(|unique| DataLimit {
                unique,
                max_epochs: self.max_epochs.unwrap_or(1e6),
                repetition: self.repetition.unwrap_or(REPETITION),
            }),
            memory: self.memory.map(|bytes| MemoryLimit {
                bytes,
                weight_bits: self.weight_bits,
                scale_group: usual_scale_group(self.weight_bits),
                kv_bits: self.kv_bits,
                context: self.context,
            }),
            max_params: self.max_params,
        };
        scenario.validate()?;
        Ok(scenario)
    }
}
