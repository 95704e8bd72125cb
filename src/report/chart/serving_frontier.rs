//! Loss against the cost of serving: sizes on one training budget.

use super::axis::{Axis, Scale, Style, range_of};
use super::layer::{At, Hit, Key, Label, Layer, Legend, Mark, Sample, Side, Stroke};
use super::palette;
use super::picture::Chart;
use super::words::{amount, laws_title, model_words};
use crate::plan::{FrontierPoint, Recommendation};

/// Loss against the cost of serving the whole demand, for sizes on the training budget; the plan is
/// marked. A line for each law.
///
/// Only plans on a training budget with a demand have such a frontier
/// ([`Recommendation::frontier`]); others have no line.
#[must_use]
pub fn serving_frontier_chart(plans: &[&Recommendation]) -> Chart {
    let plans: Vec<&&Recommendation> = plans.iter().filter(|r| !r.frontier.is_empty()).collect();
    let money = plans.iter().all(|r| r.currency.is_money());
    let unit = if money { "USD" } else { "FLOPs" };
    let at = |p: &FrontierPoint| -> At { (p.serve_cost, p.plan.loss_nats) };
    let points = || plans.iter().flat_map(|r| &r.frontier);
    let x = range_of(points().map(|p| p.serve_cost), Scale::Log, 0.08);
    let y = range_of(points().map(|p| p.plan.loss_nats), Scale::Linear, 0.12);
    let (mut layers, mut keys) = (Vec::new(), Vec::new());
    let (mut labels, mut names, mut hits) = (Vec::new(), Vec::new(), Vec::new());
    for (i, (r, color)) in plans.iter().zip(palette::series(plans.len())).enumerate() {
        let stroke = Stroke { dashed: i / palette::HUES % 2 == 1, ..Stroke::solid(color, 2.0) };
        let mut line: Vec<At> = r.frontier.iter().map(at).collect();
        line.sort_by(|a, b| a.0.total_cmp(&b.0));
        layers.push(Layer::line(line.clone(), stroke));
        layers.push(Layer::marks(line, color, Mark::Dot, 3.4));
        let sides = [Side::AboveRight, Side::Right, Side::BelowLeft];
        for p in &r.frontier {
            let words = model_words(p.plan.n, p.plan.d, p.plan.loss_nats, p.plan.loss_unit);
            let (serve, worth) = (amount(p.serve_cost, money), amount(p.loss_cost.max(0.0), money));
            let text =
                format!("{words}; serving {serve} {unit}, loss given up worth {worth} {unit}");
            hits.push(Hit::new(at(p), &r.law, text));
            if p.recommended {
                layers.push(Layer::marks([at(p)], palette::TEXT, Mark::Diamond, 6.0));
                let text = format!("plan: {}", p.plan.n);
                labels.push(Label::new(at(p), text, palette::TEXT, &sides).bold());
            } else {
                let name = p.plan.n.to_string();
                names.push(Label::new(at(p), name, color, &sides).optional());
            }
        }
        keys.push(Key::new(Sample::Both(stroke, Mark::Dot), r.law.clone()));
    }
    keys.push(Key::new(Sample::Mark(Mark::Diamond, palette::TEXT), "plan"));
    labels.append(&mut names);
    let loss_unit = plans.first().map_or_else(String::new, |r| format!(" ({})", r.plan.loss_unit));
    Chart {
        name: "serving-frontier",
        title: "The same training, smaller to serve".to_owned(),
        subtitle: laws_title(plans.iter().map(|r| r.law.as_str())),
        caption: "Each point is one size on the training budget: its loss, and what serving the whole demand costs with it. To the left serving costs less and the loss is higher.".to_owned(),
        x: Axis::log(
            &format!("Serving the whole demand ({unit})"),
            if money { Style::Count } else { Style::Exponent },
            x,
        ),
        y: Axis::linear(&format!("Loss{loss_unit}"), y),
        layers,
        labels,
        legend: Legend { groups: vec![(String::new(), keys)], bar: None },
        hits,
    }
}
