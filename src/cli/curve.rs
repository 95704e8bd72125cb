//! `isoloss curve`: the iso-loss compression curve as table, picture and CSV.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde::Serialize;

use super::law_arg::{self, AskedLaw};
use super::output::{Output, to_json_text, to_value};
use super::target::Target;
use crate::cost::models;
use crate::error::{PlanError, ReportError, Result, Warning};
use crate::law::Ensemble;
use crate::num::Interval;
use crate::plan::{IsoLossCurve, iso_loss_curve, tokens_for_loss};
use crate::report::{
    Chart, Size, compression, curve_csv, curve_sheet, render_png, render_svg, write_atomically,
};
use crate::units::{Flops, Params};

/// Flags of `isoloss curve`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss curve --law besiroglu --quality-of 70B
  isoloss curve --law fit.json --loss 1.5 -o curve.svg -o curve.png -o curve.csv")]
pub(super) struct Args {
    /// A published law (`isoloss laws`), several with commas, `all`, or a fit.json.
    #[arg(long)]
    law: String,
    #[command(flatten)]
    target: Target,
    /// Sizes along the curve.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(4..=5000))]
    points: u16,
    /// Write .svg, .png, .csv or .json; may be given several times.
    #[arg(short, long, value_name = "FILE")]
    out: Vec<PathBuf>,
}

/// A curve with the interval of its training FLOPs at each size, where the law has draws.
#[derive(Clone, Debug, Serialize)]
pub(super) struct BandedCurve {
    #[serde(flatten)]
    pub(super) curve: IsoLossCurve,
    /// One per point of the curve, `[lo, null]` where the upper end is past the wall of some draws;
    /// empty for a law without draws.
    pub(super) train_flops_intervals: Vec<Option<Interval>>,
}

pub(super) fn run(args: &Args) -> Result<Output> {
    let laws = law_arg::resolve(&args.law)?;
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
    Ok(BandedCurve { curve, train_flops_intervals })
}

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
    // Far above the picture an open end is drawn like a closed one.
    let top = 1e6 * banded.curve.optimum.train_flops.get();
    let band: Vec<(Params, Interval)> = banded
        .curve
        .points
        .iter()
        .zip(&banded.train_flops_intervals)
        .filter_map(|(p, i)| i.map(|i| (p.n, Interval { lo: i.lo, hi: i.hi.min(top) })))
        .collect();
    compression(&banded.curve, &band, &named.collect::<Vec<_>>())
}
