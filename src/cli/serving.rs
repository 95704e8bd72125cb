//! `isoloss serving`: memory, speed and price of serving a model, by batch size.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::output::{Output, check_formats, save_all};
use super::scenario::PatternArgs;
use crate::cost::{Latency, Requests, Uncertain};
use crate::error::Result;
use crate::report::{Format, Saved, serving_chart};
use crate::study::ServingRequest;
use crate::units::{Params, parse_bytes, parse_duration_s};

/// Flags of `isoloss serving`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss serving \"Mixtral 8x7B\" --device 'A100 80GB SXM' --gpus 2
  isoloss serving \"Mixtral 8x7B\" --device 'H100 SXM' --gpus 2 --twins -o moe.svg -o moe.png
  isoloss serving \"Mistral 7B\" --device 'Apple M1 Max' --bits 4 --batch 1
  isoloss serving --params 13B --device 'H100 SXM' --prompt 2000 --answer 500 --tpot 20ms")]
pub(super) struct Args {
    /// Released models with a known shape (`isoloss models`).
    models: Vec<String>,
    /// A size instead: active parameters of a shape with the proportions below.
    #[arg(long, conflicts_with = "models")]
    params: Option<Params>,
    /// Experts per layer of that shape.
    #[arg(long, default_value_t = 1, requires = "params")]
    experts: u32,
    /// Experts a token visits.
    #[arg(long, default_value_t = 2, requires = "params")]
    top_k: u32,
    /// Device (`isoloss devices`).
    #[arg(long, alias = "serve-device")]
    device: String,
    /// Devices that hold one copy (tensor parallel).
    #[arg(long, aliases = ["devices", "serve-gpus", "serve-devices"], value_name = "K", default_value_t = 1.0)]
    gpus: f64,
    /// Bits per weight; below 8 every 32 weights share a 16-bit scale.
    #[arg(long, aliases = ["serve-bits", "weight-bits"], default_value_t = 16.0)]
    bits: f64,
    /// Bits per entry of keys and values.
    #[arg(long, default_value_t = 16.0)]
    kv_bits: f64,
    /// Memory of the group for weights and cache, instead of 90 % of the devices' own.
    #[arg(long, value_parser = parse_bytes)]
    memory: Option<f64>,
    /// Tokens read per request.
    #[arg(long, default_value_t = 1000.0)]
    prompt: f64,
    /// Tokens written per request.
    #[arg(long, default_value_t = 300.0)]
    answer: f64,
    /// Sequences decoded together.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8,16,32,64,128,256")]
    batch: Vec<f64>,
    /// Longest time per output token, e.g. 20ms: also the largest batch that keeps it.
    #[arg(long, value_parser = parse_duration_s)]
    tpot: Option<f64>,
    /// Longest time to the first token, e.g. 500ms.
    #[arg(long, value_parser = parse_duration_s)]
    ttft: Option<f64>,
    /// Read prompts on devices of their own, so that answers do not wait for them.
    #[arg(long)]
    prefill_apart: bool,
    /// Price of a device-hour, a number or a range; the newest on record when absent.
    #[arg(long, alias = "serve-usd-per-hour")]
    usd_per_hour: Option<Uncertain>,
    /// The data sheet itself: full bandwidth and peak, no overheads.
    #[arg(long)]
    ideal: bool,
    /// Beside a sparse model, dense ones of its active and of its stored size.
    #[arg(long)]
    twins: bool,
    /// Write the picture to .svg or .png; may be given several times.
    #[arg(short, long, value_name = "FILE")]
    out: Vec<PathBuf>,
    #[command(flatten)]
    shape: PatternArgs,
}

pub(super) fn run(args: &Args) -> Result<Output> {
    check_formats(&args.out, &[Format::Svg, Format::Png])?;
    let request = args.request();
    let report = request.answer()?;
    let mut text = report.text(&request);
    if !args.out.is_empty() {
        let chart =
            serving_chart(&request.lines()?, &format!("{} x {}", report.devices, report.device));
        text.push_str(&save_all(&args.out, &[Saved::Chart(&chart)])?);
    }
    Output::new(text, &report, Vec::new())
}

impl Args {
    fn request(&self) -> ServingRequest {
        ServingRequest {
            models: self.models.clone(),
            params: self.params,
            pattern: self.shape.pattern().with_experts(self.experts, self.top_k),
            device: self.device.clone(),
            devices: self.gpus,
            weight_bits: self.bits,
            kv_bits: self.kv_bits,
            memory_bytes: self.memory,
            request: Requests { prompt: self.prompt, answer: self.answer },
            batches: self.batch.clone(),
            latency: Latency { first_token_s: self.ttft, per_token_s: self.tpot },
            prefill_apart: self.prefill_apart,
            usd_per_hour: self.usd_per_hour,
            ideal: self.ideal,
            twins: self.twins,
        }
    }
}
