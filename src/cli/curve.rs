//! `isoloss curve`: the iso-loss compression curve as table, picture and CSV.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, ValueEnum};
use serde::Serialize;

use super::output::{Output, to_json_text, to_value};
use super::target::Target;
use crate::cost::{CostModel, Model, device, model, models};
use crate::error::{PlanError, ReportError, Result, Warning};
use crate::law::Ensemble;
use crate::num::Interval;
use crate::plan::{IsoLossCurve, iso_loss_curve, optimum_of_size, tokens_for_loss};
use crate::report::{
    Chart, CostAxis, FamilyMember, Size, compression, curve_csv, curve_sheet, family_sheet,
    iso_loss_family, render_png, render_svg, write_atomically,
};
use crate::study::{AskedLaw, ask_laws};
use crate::units::{Flops, Params};

/// Flags of `isoloss curve`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss curve --law besiroglu --quality-of 70B
  isoloss curve --law fit.json --loss 1.5 -o curve.svg -o curve.png -o curve.csv
  isoloss curve --law besiroglu --family 1B,7B,30B,70B,280B \\
    --models 'LLaMA 7B,Chinchilla 70B,Gopher' -o family.png
  isoloss curve --law besiroglu --family 7B,70B --axis usd --device 'H100 SXM' --mfu 0.4 -o usd.svg")]
pub(super) struct Args {
    /// A published law (`isoloss laws`), several with commas, `all`, a fit.json, or a family with
    /// constants of your own (`chinchilla:E=1.69;A=406.4;B=410.7;alpha=0.34;beta=0.28`).
    #[arg(long)]
    law: String,
    #[command(flatten)]
    target: Target,
    /// A family of curves instead: the losses of the compute-optimal models of these sizes.
    #[arg(long, value_delimiter = ',', value_name = "PARAMS", conflicts_with_all = ["quality_of", "loss"])]
    family: Vec<Params>,
    /// Place released models with known tokens among them: names with commas, or `all`.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    models: Vec<String>,
    /// What the cost of training is counted in.
    #[arg(long, value_enum, default_value = "flops")]
    axis: AxisArg,
    /// Device for --axis device-hours or usd.
    #[arg(long)]
    device: Option<String>,
    /// Share of its dense BF16 peak that does useful work.
    #[arg(long, default_value_t = 0.4)]
    mfu: f64,
    /// Price of a device-hour; the newest on record when absent.
    #[arg(long)]
    usd_per_hour: Option<f64>,
    /// Sizes along the curve.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(4..=5000))]
    points: u16,
    /// Write .svg, .png, .csv or .json; may be given several times.
    #[arg(short, long, value_name = "FILE")]
    out: Vec<PathBuf>,
}

/// `--axis`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AxisArg {
    Flops,
    DeviceHours,
    Usd,
}

impl Args {
    /// Name, size and training FLOPs of the models to place.
    fn placed(&self) -> Result<Vec<(String, Params, Flops)>> {
        let place = |m: &Model| {
            let (n, d) = (m.n()?, m.tokens?);
            Some((m.name.clone(), n, Flops::new(6.0 * n.get() * d.get())))
        };
        if self.models.iter().any(|m| m == "all") {
            // A law of dense models has no place for the others.
            let dense = models()?.iter().filter(|m| m.active_params.is_none());
            return Ok(dense.filter_map(place).collect());
        }
        let named = self.models.iter().map(|name| {
            let model = model(name)?;
            place(model).ok_or_else(|| PlanError::TokensUnknown { name: model.name.clone() }.into())
        });
        named.collect()
    }

    fn axis(&self) -> Result<CostAxis> {
        if self.axis == AxisArg::Flops {
            return Ok(CostAxis::flops());
        }
        let missing = PlanError::Inputs {
            problem: "device-hours or dollars without a device".to_owned(),
            mend: "give --device",
        };
        let name = self.device.as_deref().ok_or(missing)?;
        let device = device(name)?;
        let hourly = |usd| CostModel::usd_per_flop(usd, device.peak_flop_per_s()?, self.mfu);
        let (name, mfu) = (&device.name, self.mfu);
        if self.axis == AxisArg::DeviceHours {
            let title = format!("Training, device-hours of {name} at MFU {mfu}");
            return Ok(CostAxis { title, per_flop: hourly(1.0)?, counts: true });
        }
        let price = match self.usd_per_hour {
            Some(price) => price,
            None => device.latest_price()?.typical(),
        };
        let title = format!("Training, USD at {price} per hour of {name}, MFU {mfu}");
        Ok(CostAxis { title, per_flop: hourly(price)?, counts: true })
    }
}

/// The curves of a family, and the picture of them.
fn family(args: &Args, ensemble: &Ensemble) -> Result<Output> {
    let axis = args.axis()?;
    let law = &ensemble.best;
    let losses = if args.family.is_empty() {
        vec![args.target.loss_under(law)?]
    } else {
        let loss = |n: &Params| Ok(optimum_of_size(law, *n)?.loss_nats);
        args.family.iter().map(loss).collect::<Result<Vec<f64>>>()?
    };
    let mut curves = losses
        .iter()
        .map(|loss| banded(ensemble, *loss, usize::from(args.points)))
        .collect::<Result<Vec<BandedCurve>>>()?;
    curves.sort_by(|a, b| a.curve.optimum.n.get().total_cmp(&b.curve.optimum.n.get()));
    let placed = args.placed()?;
    let title = format!("under {}: {}", law.label, axis.title);
    let overhead = |curve: &IsoLossCurve, share: f64| {
        let n = curve.optimum.n * share;
        let d = tokens_for_loss(law, n, curve.loss_nats).ok()?;
        Some(6.0 * n.get() * d.get() / curve.optimum.train_flops.get() - 1.0)
    };
    let all = curves.iter().map(|c| &c.curve);
    let mut text = family_sheet(&title, all, &axis, overhead).to_text();
    for path in &args.out {
        let bytes = match extension(path)? {
            "csv" => curves
                .iter()
                .map(|c| curve_csv(&c.curve))
                .enumerate()
                .map(|(i, csv)| {
                    let loss = curves[i].curve.loss_nats;
                    let head = if i == 0 { 0 } else { 1 };
                    let row = |(j, line): (usize, &str)| {
                        let loss = if j == 0 { "loss".to_owned() } else { loss.to_string() };
                        format!("{loss},{line}\n")
                    };
                    csv.lines().enumerate().skip(head).map(row).collect::<String>()
                })
                .collect::<String>()
                .into_bytes(),
            "json" => to_json_text(&curves)?.into_bytes(),
            other => {
                let members: Vec<FamilyMember> = curves
                    .iter()
                    .map(|c| FamilyMember { curve: &c.curve, band: band_of(c) })
                    .collect();
                let chart = iso_loss_family(&members, &placed, &axis);
                if other == "png" {
                    render_png(&chart, Size::LARGE)?
                } else {
                    render_svg(&chart, Size::PAGE)?.into_bytes()
                }
            }
        };
        write_atomically(path, &bytes)?;
        text.push_str(&format!("wrote {}\n", path.display()));
    }
    Ok(Output {
        text,
        json: to_value(&serde_json::json!({ "curves": curves }))?,
        warnings: Vec::new(),
    })
}

/// A curve with the interval of its training FLOPs at each size, where the law has draws.
#[derive(Clone, Debug, Serialize)]
pub(super) struct BandedCurve {
    #[serde(flatten)]
    pub(super) curve: IsoLossCurve,
    /// One per point of the curve, `[lo, null]` where the upper end is past the wall of some draws;
    /// empty for a law without draws.
    pub(super) train_flops_intervals: Vec<Option<Interval>>,
    /// Sizes left of the best law's wall that some draws reach, by rising size: `[lo, null]` each.
    pub(super) left_of_wall: Vec<(Params, Interval)>,
}

pub(super) fn run(args: &Args) -> Result<Output> {
    let laws = ask_laws(&args.law)?;
    for path in &args.out {
        extension(path)?;
        if laws.len() > 1 {
            return Err(PlanError::Inputs {
                problem: "one picture cannot hold several laws' curves".to_owned(),
                mend: "give one law with -o",
            }
            .into());
        }
    }
    if !args.family.is_empty() || !args.models.is_empty() || args.axis != AxisArg::Flops {
        let [law] = laws.as_slice() else {
            return Err(PlanError::Inputs {
                problem: "a family of curves under several laws".to_owned(),
                mend: "give one law",
            }
            .into());
        };
        let output = family(args, &law.ensemble)?;
        return Ok(Output { warnings: law.warnings.clone(), ..output });
    }
    let mut curves = Vec::new();
    let mut warnings: Vec<Warning> = Vec::new();
    for AskedLaw { ensemble, warnings: doubts } in &laws {
        let loss = args.target.loss_under(&ensemble.best)?;
        curves.push(banded(ensemble, loss, usize::from(args.points))?);
        warnings.extend(doubts.iter().cloned());
    }
    let mut text = String::new();
    for banded in &curves {
        text.push_str(&describe(&banded.curve));
        text.push_str(&curve_sheet(&banded.curve).to_text());
    }
    for path in &args.out {
        write(path, &curves[0], &laws[0].ensemble)?;
        text.push_str(&format!("wrote {}\n", path.display()));
    }
    let json = match curves.as_slice() {
        [one] => to_value(one)?,
        several => to_value(&serde_json::json!({ "curves": several }))?,
    };
    Ok(Output { text, json, warnings })
}

/// The curve of one law with its band.
pub(super) fn banded(ensemble: &Ensemble, loss: f64, points: usize) -> Result<BandedCurve> {
    let curve = iso_loss_curve(&ensemble.best, loss, points)?;
    let train_flops_intervals = if ensemble.draws.is_empty() {
        Vec::new()
    } else {
        curve.points.iter().map(|p| flops_interval(ensemble, p.n, loss)).collect()
    };
    // The wall is as uncertain as the rest: where draws pass it, so does the band.
    let left_of_wall = (1..=LEFT_SIZES)
        .rev()
        .map(|i| curve.wall_params * (-LEFT_STEP * f64::from(i)).exp())
        .filter_map(|n| Some((n, flops_interval(ensemble, n, loss)?)))
        .collect();
    Ok(BandedCurve { curve, train_flops_intervals, left_of_wall })
}

/// Sizes tried left of the wall, and their distance in ln N.
const LEFT_SIZES: u32 = 40;
const LEFT_STEP: f64 = 0.02;

/// Training FLOPs of a size at a loss over the draws; draws past the wall count as infinite, so
/// that the band opens upwards where some of them cannot reach the loss at all.
fn flops_interval(ensemble: &Ensemble, n: Params, loss: f64) -> Option<Interval> {
    let draws = ensemble.map(|surface| {
        Ok(tokens_for_loss(surface, n, loss).map_or(f64::INFINITY, |d| 6.0 * n.get() * d.get()))
    });
    let mut sorted = draws.values;
    sorted.sort_by(f64::total_cmp);
    let tail = 0.5 * (1.0 - ensemble.level);
    let at = |p: f64| sorted.get((p * (sorted.len() as f64 - 1.0)).round() as usize).copied();
    let interval = Interval { lo: at(tail)?, hi: at(1.0 - tail)? };
    interval.lo.is_finite().then_some(interval)
}

fn describe(curve: &IsoLossCurve) -> String {
    format!(
        "{} at {:.4} nats per token\n  optimum {} parameters on {} tokens, {} FLOPs (horizontal tangent)\n  wall    {} parameters: no smaller model reaches this loss on any number of tokens\n\n",
        curve.law,
        curve.loss_nats,
        curve.optimum.n,
        curve.optimum.d,
        curve.optimum.train_flops,
        curve.wall_params,
    )
}

fn extension(path: &Path) -> Result<&str> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    if ["svg", "png", "csv", "json"].contains(&extension) {
        return Ok(extension);
    }
    let (path, extension) = (path.display().to_string(), extension.to_owned());
    Err(ReportError::UnknownFormat { path, extension }.into())
}

/// `svg` or `png`.
pub(super) fn picture_extension(path: &Path) -> Result<&str> {
    let extension = extension(path)?;
    if ["svg", "png"].contains(&extension) {
        return Ok(extension);
    }
    let (path, extension) = (path.display().to_string(), extension.to_owned());
    Err(ReportError::UnknownFormat { path, extension }.into())
}

fn write(path: &Path, banded: &BandedCurve, ensemble: &Ensemble) -> Result<()> {
    let bytes = match extension(path)? {
        "csv" => curve_csv(&banded.curve).into_bytes(),
        "json" => to_json_text(banded)?.into_bytes(),
        other => {
            let chart = picture(banded, ensemble);
            if other == "png" {
                render_png(&chart, Size::LARGE)?
            } else {
                render_svg(&chart, Size::PAGE)?.into_bytes()
            }
        }
    };
    write_atomically(path, &bytes)
}

/// The chart of a curve, with the released models of about its loss.
pub(super) fn picture(banded: &BandedCurve, ensemble: &Ensemble) -> Chart {
    // Dense models only: a law of dense runs says nothing about sparse ones.
    let named = models().unwrap_or_default().iter().filter_map(|m| {
        let (n, d) = (m.params?, m.tokens.filter(|_| m.active_params.is_none())?);
        let loss = ensemble.best.loss(&crate::law::Point::new(n, d));
        let near = (loss - banded.curve.loss_nats).abs() < 0.02;
        near.then(|| (m.name.clone(), n, Flops::new(6.0 * n.get() * d.get())))
    });
    compression(&banded.curve, &band_of(banded), &named.collect::<Vec<_>>())
}

/// The interval by size; far above the picture an open end is drawn like a closed one.
fn band_of(banded: &BandedCurve) -> Vec<(Params, Interval)> {
    let top = 1e6 * banded.curve.optimum.train_flops.get();
    let right = banded.curve.points.iter().zip(&banded.train_flops_intervals);
    let right = right.filter_map(|(p, interval)| Some((p.n, (*interval)?)));
    let all = banded.left_of_wall.iter().copied().chain(right);
    all.map(|(n, i)| (n, Interval { lo: i.lo, hi: i.hi.min(top) })).collect()
}
