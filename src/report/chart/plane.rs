//! The plane of sizes and tokens: the runs, the compute-optimal line and the plans.

use super::axis::{Axis, Scale, Style, exponent_text, range_of, spread};
use super::layer::{At, Hit, Key, Label, Layer, Legend, Mark, Sample, Side, Stroke};
use super::palette;
use super::picture::Chart;
use super::words::{laws_title, model_words};
use crate::data::{RunRecord, RunTable};
use crate::error::Result;
use crate::law::{Ensemble, kaplan_allocation};
use crate::num::Interval;
use crate::plan::{Plan, Row, Strategy, compute_optimal};
use crate::units::{Flops, LossUnit};
use plotters::style::RGBColor;

/// Budgets at which the optimal line is computed.
const SAMPLES: usize = 40;

/// Tokens against parameters: runs, lines of equal compute, the compute-optimal line with its
/// interval, and the plans.
///
/// - `table`: the runs, if there are any.
/// - `plans`: rows of a proposal; Kaplan's line is drawn when one of them is Kaplan's.
///
/// # Errors
/// As [`compute_optimal`] for the best surface; [`LawError`](crate::error::LawError) when the
/// shipped Kaplan constants cannot be read.
pub fn plane_chart(table: Option<&RunTable>, ensemble: &Ensemble, plans: &[Row]) -> Result<Chart> {
    plane_of_laws_chart(table, &[ensemble], plans)
}

/// As [`plane_chart`], with the compute-optimal line and the plans of several laws.
///
/// Lines of equal compute count it as the first law does, 6 N D unless it says otherwise.
///
/// # Errors
/// As [`plane_chart`].
pub fn plane_of_laws_chart(
    table: Option<&RunTable>,
    laws: &[&Ensemble],
    plans: &[Row],
) -> Result<Chart> {
    let runs: Vec<At> =
        table.map(|t| t.runs.iter().map(|r| (r.n.get(), r.d.get())).collect()).unwrap_or_default();
    let planned: Vec<At> = plans.iter().map(|r| (r.plan.n.get(), r.plan.d.get())).collect();
    let seen = || runs.iter().chain(&planned);
    let x = range_of(seen().map(|p| p.0), Scale::Log, 0.15);
    let y = range_of(seen().map(|p| p.1), Scale::Log, 0.15);
    let per_nd = laws.first().map_or(6.0, |law| law.best.flops_per_nd);
    let ends = (per_nd * x.0 * y.0, per_nd * x.1 * y.1);
    let along = spread(ends.0.max(1e8), ends.1.min(1e36), SAMPLES);

    let mut seen = Seen::default();
    for c in budgets(x, y, per_nd) {
        seen.budget(c, per_nd, x, y);
    }
    let several = laws.len() > 1;
    let colors = palette::laws(laws.len());
    let runs_key = Key::new(Sample::Mark(Mark::Dot, palette::BLUE), "run");
    seen.keys.extend((!runs.is_empty()).then_some(runs_key));
    for (law, color) in laws.iter().zip(&colors) {
        let name = if several { law.best.label.as_str() } else { "compute-optimal" };
        seen.law(law, name, &along, *color)?;
    }
    if plans.iter().any(|r| r.strategy == Strategy::Kaplan) {
        seen.kaplan(&along, per_nd)?;
    }
    seen.keys.push(Key::new(Sample::Line(EQUAL), "equal C (FLOPs)"));
    let dots = Layer::marks(runs, palette::BLUE, Mark::Dot, 3.0);
    seen.hits.extend(table.iter().flat_map(|t| {
        let unit = t.loss_unit();
        t.runs.iter().map(move |run| run_hit(run, unit))
    }));
    let ink = |row: &Row| {
        let law = laws.iter().position(|law| law.best.label == row.law);
        law.filter(|_| several).map_or(palette::TEXT, |i| colors[i])
    };
    let sides = [Side::Right, Side::Left, Side::AboveRight, Side::BelowLeft];
    // Plans first: they matter more than the names of the lines.
    let names = plans.iter().zip(&planned);
    let names =
        names.map(|(row, at)| Label::new(*at, row.strategy.to_string(), ink(row), &sides).bold());
    let labels = names.chain(seen.labels).collect();
    let mut layers = seen.bands;
    layers.extend(seen.lines);
    layers.push(dots);
    if !plans.is_empty() {
        let color = if several { palette::QUIET } else { palette::TEXT };
        seen.keys.push(Key::new(Sample::Mark(Mark::Diamond, color), "plan"));
        let points = plans.iter().zip(&planned).map(|(row, at)| (*at, ink(row))).collect();
        layers.push(Layer::Marks { points, mark: Mark::Diamond, radius: 5.5 });
        seen.hits.extend(plans.iter().map(plan_hit));
    }
    let params =
        laws.first().map_or_else(|| "parameters".to_owned(), |law| law.best.params.to_string());
    Ok(Chart {
        name: "plane",
        title: "Model size and training tokens".to_owned(),
        subtitle: laws_title(laws.iter().map(|law| law.best.label.as_str())),
        caption: "Sizes and token counts of the runs, the compute-optimal line and the plans. Along a thin line the training compute is the same.".to_owned(),
        x: Axis::log(&format!("Model size N ({params})"), Style::Count, x),
        y: Axis::log("Training tokens D", Style::Count, y),
        layers,
        labels,
        legend: Legend { groups: vec![(String::new(), seen.keys)], bar: None },
        hits: seen.hits,
    })
}

const EQUAL: Stroke = Stroke::solid(palette::GUIDE, 0.7);

/// What is collected for a plane, lines above bands.
#[derive(Default)]
struct Seen {
    bands: Vec<Layer>,
    lines: Vec<Layer>,
    labels: Vec<Label>,
    keys: Vec<Key>,
    hits: Vec<Hit>,
}

impl Seen {
    /// The line of one training budget with its value.
    fn budget(&mut self, c: f64, per_nd: f64, x: (f64, f64), y: (f64, f64)) {
        let points = spread(x.0, x.1, 24).into_iter().map(|n| (n, c / (per_nd * n))).collect();
        self.lines.push(Layer::line(points, EQUAL));
        // Near the ends of the line first, where the plot is emptiest.
        let anchors = [0.93, 0.88, 0.82, 0.06, 0.11, 0.17, 0.76, 0.70, 0.24]
            .map(|share| on_line(c / per_nd, x, y, share));
        let (anchors, above) = (anchors.to_vec(), [Side::AboveRight]);
        let label = Label::along(anchors, exponent_text(c), palette::QUIET, &above);
        self.labels.push(label.optional());
    }

    /// The compute-optimal line of a law at the budgets `along`, with its interval.
    fn law(&mut self, law: &Ensemble, name: &str, along: &[f64], color: RGBColor) -> Result<()> {
        let plans = along
            .iter()
            .map(|c| compute_optimal(&law.best, Flops::new(*c)))
            .collect::<Result<Vec<Plan>>>()?;
        let best: Vec<At> = plans.iter().map(|p| (p.n.get(), p.d.get())).collect();
        let rows = optimal_band(law, &best);
        let stroke = Stroke::solid(color, 2.0);
        self.keys.push(Key::new(Sample::Line(stroke), name));
        if !law.draws.is_empty() {
            let text = format!("{:.0} % interval", 100.0 * law.level);
            self.keys.push(Key::new(Sample::Band(color), text));
        }
        self.bands.push(Layer::Band { rows, color });
        self.lines.push(Layer::line(best, stroke));
        self.hits.extend(plans.iter().map(|p| {
            let words = model_words(p.n, p.d, p.loss_nats, p.loss_unit);
            let text = format!("compute-optimal at {} FLOPs: {words}", p.train_flops);
            Hit::new((p.n.get(), p.d.get()), name, text)
        }));
        Ok(())
    }

    fn kaplan(&mut self, along: &[f64], per_nd: f64) -> Result<()> {
        let allocation = kaplan_allocation()?;
        let stroke = Stroke::dashed(palette::PURPLE, 1.6);
        let at = |c: &f64| {
            let n = allocation.params_for(Flops::new(*c)).get();
            (n, c / (per_nd * n))
        };
        self.lines.push(Layer::line(along.iter().map(at).collect(), stroke));
        self.keys.push(Key::new(Sample::Line(stroke), "Kaplan et al."));
        Ok(())
    }
}

/// A run in the plane, with its values.
pub(super) fn run_hit(run: &RunRecord, unit: LossUnit) -> Hit {
    let words = model_words(run.n, run.d, run.loss_nats, unit);
    Hit::new((run.n.get(), run.d.get()), "run", format!("{}: {words}", run.run))
}

fn plan_hit(row: &Row) -> Hit {
    let plan = &row.plan;
    let words = model_words(plan.n, plan.d, plan.loss_nats, plan.loss_unit);
    let text = format!("{} under {}: {words}, {} FLOPs", row.strategy, row.law, plan.train_flops);
    Hit::new((plan.n.get(), plan.d.get()), "plan", text)
}

/// Powers of ten, or of a thousand on a wide plot, whose lines C = `per_nd` N D cross it.
pub(super) fn budgets(x: (f64, f64), y: (f64, f64), per_nd: f64) -> Vec<f64> {
    let first = (per_nd * x.0 * y.0).log10().ceil() as i32;
    let last = (per_nd * x.1 * y.1).log10().floor() as i32;
    let stride = ((last - first) / 8 + 1).unsigned_abs() as usize;
    (first..=last).step_by(stride).map(|e| 10_f64.powi(e)).collect()
}

/// A point on the visible part of N D = `nd`, `share` of the way from its left end.
pub(super) fn on_line(nd: f64, x: (f64, f64), y: (f64, f64), share: f64) -> At {
    let left = x.0.max(nd / y.1);
    let right = x.1.min(nd / y.0);
    let n = left * (right / left).powf(share);
    (n, nd / n)
}

/// Interval of D* at the sizes of the best line: each draw's D* there, between its own optima.
fn optimal_band(ensemble: &Ensemble, best: &[At]) -> Vec<(f64, f64, f64)> {
    let draws = ensemble.map(|surface| {
        best.iter()
            .map(|(n, _)| {
                crate::plan::optimum_of_size(surface, crate::units::Params::new(*n))
                    .map(|p| p.d.get())
            })
            .collect::<Result<Vec<f64>>>()
    });
    best.iter()
        .enumerate()
        .filter_map(|(i, (n, _))| {
            let Interval { lo, hi } = draws.interval(|d| d[i])?;
            Some((*n, lo, hi))
        })
        .collect()
}
