//! Flags that describe machines, demand, data and limits.

use clap::Args;

use crate::cost::{Goodput, Uncertain, parse_token_range};
use crate::flops::Pattern;
use crate::plan::Currency;
use crate::study::ScenarioRequest;
use crate::units::{Params, Tokens, parse_bytes, parse_duration_s, parse_pair};

/// Machines, readers, text and limits.
#[derive(Clone, Debug, Args)]
pub(super) struct ScenarioArgs {
    /// What counts as cost; by default money where serving has a device, FLOPs otherwise.
    #[arg(long, value_enum, value_name = "CURRENCY")]
    pub(super) cost: Option<Currency>,

    /// Share of the dense BF16 peak that does useful work in every paid hour: 0.4, a range
    /// 0.3..0.45, or `published`, the range of published runs over billed hours, which is also used
    /// where nothing is given.
    #[arg(long, help_heading = "Training")]
    pub(super) mfu: Option<Goodput>,
    /// Train in FP8: 1.25 to 1.51 times as fast as --mfu says of BF16.
    #[arg(long, help_heading = "Training")]
    pub(super) fp8_training: bool,
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
    #[arg(long, value_name = "TOKENS", value_parser = parse_token_range, help_heading = "Serving")]
    pub(super) serve_tokens: Option<Uncertain>,
    /// Requests served over the model's life, a number or a range; instead of --serve-tokens.
    #[arg(long, value_parser = parse_token_range, conflicts_with = "serve_tokens", help_heading = "Serving")]
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
    #[arg(
        long,
        alias = "serve-devices",
        value_name = "K",
        default_value_t = 1.0,
        help_heading = "Serving"
    )]
    pub(super) serve_gpus: f64,
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
    #[arg(long, value_parser = parse_duration_s, help_heading = "Serving")]
    pub(super) ttft: Option<f64>,
    /// Longest time per output token, e.g. 20ms.
    #[arg(long, value_parser = parse_duration_s, help_heading = "Serving")]
    pub(super) tpot: Option<f64>,
    /// Read prompts on devices of their own, so that answers do not wait for them.
    #[arg(long, help_heading = "Serving")]
    pub(super) prefill_apart: bool,
    /// Price serving by utilisation instead: shares of the peak while reading and while writing,
    /// e.g. 0.5,0.01.
    #[arg(long, value_name = "PREFILL,DECODE", value_parser = parse_pair, help_heading = "Serving")]
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
    #[arg(long, value_name = "RD,RN", value_parser = parse_pair, requires = "unique_tokens", help_heading = "Limits")]
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
    /// Small experts that replace one of full size, under a law of fine-grained experts.
    #[arg(long, default_value_t = 1.0, help_heading = "Shape")]
    pub(super) granularity: f64,
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

impl ScenarioArgs {
    /// What these flags ask.
    pub(super) fn request(&self) -> ScenarioRequest {
        ScenarioRequest {
            cost: self.cost,
            mfu: self.mfu,
            fp8_training: self.fp8_training,
            usd_per_hour: self.usd_per_hour,
            usd_per_kwh: self.usd_per_kwh,
            pue: self.pue,
            serve_tokens: self.serve_tokens,
            requests: self.requests,
            prompt: self.prompt,
            answer: self.answer,
            serve_device: self.serve_device.clone(),
            serve_gpus: self.serve_gpus,
            serve_usd_per_hour: self.serve_usd_per_hour,
            serve_bits: self.serve_bits,
            kv_bits: self.kv_bits,
            batch: self.batch,
            ttft_s: self.ttft,
            tpot_s: self.tpot,
            prefill_apart: self.prefill_apart,
            serve_mfu: self.serve_mfu,
            serve_peak_flop_per_s: self.serve_peak,
            unique_tokens: self.unique_tokens,
            max_epochs: self.max_epochs,
            repetition: self.repetition,
            memory_bytes: self.memory,
            weight_bits: self.weight_bits,
            context: self.context,
            max_params: self.max_params,
            experts: self.experts.clone(),
            top_k: self.top_k,
            granularity: self.granularity,
            pattern: self.shape.pattern(),
        }
    }
}
