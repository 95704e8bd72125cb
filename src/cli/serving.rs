//! `isoloss serving`: memory, speed and price of serving a model, by batch size.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde::Serialize;

use super::output::{Output, save_all};
use super::scenario::{PatternArgs, seconds};
use crate::cost::{Batch, Deployment, Efficiency, Latency, Price, Requests, Uncertain, model};
use crate::error::{PlanError, Result};
use crate::flops::Footprint;
use crate::report::{
    BatchRow, Format, Saved, ServingLine, check_extensions, serving_chart, serving_table,
    serving_title,
};
use crate::units::{ParamRule, Params, parse_bytes};

/// Flags of `isoloss serving`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss serving \"Mixtral 8x7B\" --device 'A100 80GB SXM' --devices 2
  isoloss serving \"Mixtral 8x7B\" --device 'H100 SXM' --devices 2 --twins -o moe.svg -o moe.png
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
    #[arg(long)]
    device: String,
    /// Devices that hold one copy (tensor parallel).
    #[arg(long, default_value_t = 1.0)]
    devices: f64,
    /// Bits per weight; below 8 every 32 weights share a 16-bit scale.
    #[arg(long, default_value_t = 16.0)]
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
    /// Also the largest batch whose step takes no longer than this, e.g. 20ms.
    #[arg(long, value_parser = seconds)]
    tpot: Option<f64>,
    /// Price of a device-hour, a number or a range; the newest on record when absent.
    #[arg(long)]
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

/// One model in the deployment.
#[derive(Clone, Debug, Serialize)]
struct ServedModel {
    model: String,
    params: Params,
    active_params: Params,
    kv_bytes_per_token: f64,
    rows: Vec<BatchRow>,
}

#[derive(Debug, Serialize)]
struct Answer {
    device: String,
    devices: f64,
    stored_bits: f64,
    models: Vec<ServedModel>,
}

pub(super) fn run(args: &Args) -> Result<Output> {
    check_extensions(&args.out, &[Format::Svg, Format::Png])?;
    let on = Deployment::of(&args.device, args.devices)?.quantised(args.bits);
    let efficiency = if args.ideal { Efficiency::IDEAL } else { on.efficiency };
    let on = Deployment { kv_bits: args.kv_bits, memory_bytes: args.memory, efficiency, ..on };
    on.validate()?;
    for (name, x) in [("prompt", args.prompt), ("answer", args.answer)]
        .into_iter()
        .chain(args.batch.iter().map(|b| ("batch", *b)))
    {
        Uncertain::known(x).validate(name)?;
    }
    let price = match args.usd_per_hour {
        Some(price) => Some(price),
        None => on.device.latest_price().ok().map(Price::range),
    };
    let request = Requests { prompt: args.prompt, answer: args.answer };
    let mut text = format!(
        "on {} x {}, {} bits per weight stored, requests of {} tokens in and {} out\n",
        on.devices,
        on.device.name,
        on.stored_bits(),
        args.prompt,
        args.answer
    );
    let mut answer = Answer {
        device: on.device.name.clone(),
        devices: on.devices,
        stored_bits: on.stored_bits(),
        models: Vec::new(),
    };
    for (name, footprint) in args.subjects()? {
        let served = args.by_batch(&name, &on, &footprint, &request, price.as_ref())?;
        let title = serving_title(&served.model, served.params, served.active_params);
        text.push_str(&format!("\n{}", serving_table(&title, &served.rows).to_text()));
        answer.models.push(served);
    }
    if !args.out.is_empty() {
        let lines: Vec<ServingLine> = args
            .subjects()?
            .into_iter()
            .map(|(name, footprint)| line(name, &on, &footprint, &request))
            .collect();
        let chart = serving_chart(&lines, &format!("{} x {}", on.devices, on.device.name));
        text.push_str(&save_all(&args.out, &[Saved::Chart(&chart)])?);
    }
    Output::new(text, &answer, Vec::new())
}

/// Times of one model over batch sizes from 1 to 256, whether or not the cache fits.
fn line(name: String, on: &Deployment, model: &Footprint, request: &Requests) -> ServingLine {
    let context = request.prompt + 0.5 * request.answer;
    let decode = (0..=64)
        .map(|i| {
            let batch = 2f64.powf(f64::from(i) / 8.0);
            (batch, on.step_s(model, batch, context).0 / batch)
        })
        .collect();
    let prefill_s_per_token = on.prefill_s(model, request.prompt) / request.prompt;
    ServingLine { name, prefill_s_per_token, decode }
}

impl Args {
    fn subjects(&self) -> Result<Vec<(String, Footprint)>> {
        let pattern = self.shape.pattern().with_experts(self.experts, self.top_k);
        let mut subjects = Vec::new();
        if let Some(n) = self.params {
            pattern.near(n, ParamRule::Active)?;
            subjects.push((format!("{n} active"), pattern.footprint(n, ParamRule::Active)));
        }
        for name in &self.models {
            let model = model(name)?;
            let no_shape = || PlanError::Inputs {
                problem: format!("the shape of `{}` is not on record", model.name),
                mend: "give --params and the proportions of its shape",
            };
            subjects
                .push((model.name.clone(), Footprint::from(&model.shape.ok_or_else(no_shape)?)));
        }
        if subjects.is_empty() {
            return Err(PlanError::Inputs {
                problem: "nothing to serve".to_owned(),
                mend: "name a model from `isoloss models`, or give --params",
            }
            .into());
        }
        if self.twins {
            let dense = self.shape.pattern();
            let twins: Vec<_> = subjects
                .iter()
                .filter(|(_, m)| m.experts > 1.0)
                .flat_map(|(_, m)| [("active", m.active), ("stored", m.total)])
                .map(|(which, n)| {
                    let name = format!("dense {n}, its {which} size");
                    (name, dense.footprint(n, ParamRule::All))
                })
                .collect();
            subjects.extend(twins);
        }
        Ok(subjects)
    }

    fn by_batch(
        &self,
        name: &str,
        on: &Deployment,
        model: &Footprint,
        request: &Requests,
        price: Option<&Uncertain>,
    ) -> Result<ServedModel> {
        let open = Latency::default();
        let mut rows = Vec::new();
        let mut refused = None;
        for batch in &self.batch {
            match on.serve(model, request, Batch::Fixed(*batch), &open) {
                Ok(served) => rows.push(served),
                Err(error) => refused = Some(error),
            }
        }
        if let Some(limit) = self.tpot {
            let latency = Latency { per_token_s: Some(limit), first_token_s: None };
            rows.push(on.serve(model, request, Batch::Largest(1e6), &latency)?);
        }
        // Batches beyond the memory end the table; not even one is an error.
        if let (true, Some(error)) = (rows.is_empty(), refused) {
            return Err(error.into());
        }
        let per_million = |s_per_token: f64| {
            price.map(|p| p.map(|usd| usd / 3600.0 * on.devices * s_per_token * 1e6))
        };
        let rows = rows
            .into_iter()
            .map(|served| BatchRow {
                experts_reached: model.experts_reached(served.batch),
                tokens_per_s: 1.0 / served.decode_s_per_token,
                usd_per_million_input: per_million(served.prefill_s_per_token),
                usd_per_million_output: per_million(served.decode_s_per_token),
                served,
            })
            .collect();
        Ok(ServedModel {
            model: name.to_owned(),
            params: model.total,
            active_params: model.active,
            kv_bytes_per_token: on.cache_bytes(model, 1.0),
            rows,
        })
    }
}
