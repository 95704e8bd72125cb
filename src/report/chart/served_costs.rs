//! Total cost against served tokens: which model is the least expensive for which demand.

use super::axis::{Axis, Scale, Style, count_text, range_of, spread};
use super::layer::{At, Hit, Key, Label, Layer, Legend, Mark, Sample, Side, Stroke, thinned};
use super::palette;
use super::picture::Chart;
use super::words::{amount, laws_title};
use crate::plan::Comparison;
use crate::units::{Params, Tokens};

/// Points of a line.
const SAMPLES: usize = 60;
/// Smallest and largest demand shown, over the first and the last at which the best model changes.
const AROUND: (f64, f64) = (0.05, 20.0);

/// A model with what it costs to train and to serve.
#[derive(Clone, Debug, PartialEq)]
pub struct ServedCost {
    /// What it is, for the legend.
    pub name: String,
    /// Label of its law.
    pub law: String,
    /// Its loss: only models of one loss under one law are compared.
    pub loss_nats: f64,
    /// Parameters.
    pub n: Params,
    /// Cost of training, in the unit of the picture.
    pub train: f64,
    /// Cost of serving one token, in it.
    pub per_token: f64,
}

/// What a cost is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CostUnitOfServing {
    /// FLOPs of training and serving, 6 N D + 2 N T.
    Flops,
    /// Dollars.
    Usd,
}

impl ServedCost {
    /// The optimum and the models of comparisons: 6 N D to train, 2 N to serve a token.
    #[must_use]
    pub fn of_comparisons(comparisons: &[Comparison]) -> Vec<Self> {
        let several = comparisons.len() > 1;
        let size = |n: Params| count_text(n.get());
        let of = |c: &Comparison, what: &str, n: Params, train: f64| {
            let law = if several { format!(", {}", c.law) } else { String::new() };
            let (name, law) = (format!("{what}{law}"), c.law.clone());
            Self { name, law, loss_nats: c.loss_nats, n, train, per_token: 2.0 * n.get() }
        };
        comparisons
            .iter()
            .flat_map(|c| {
                let best = &c.optimum;
                let first =
                    of(c, &format!("{} (optimum)", size(best.n)), best.n, best.train_flops.get());
                let rows = c
                    .rows
                    .iter()
                    .map(|r| of(c, &size(r.plan.n), r.plan.n, r.plan.train_flops.get()));
                std::iter::once(first).chain(rows).collect::<Vec<_>>()
            })
            .collect()
    }

    fn total(&self, served: f64) -> f64 {
        self.train + self.per_token * served
    }

    /// The demand at which it costs as much as another that is more expensive to train.
    fn meets(&self, other: &Self) -> Option<f64> {
        let served = (other.train - self.train) / (self.per_token - other.per_token);
        (served.is_finite() && served > 0.0).then_some(served)
    }
}

/// Training plus serving against the tokens served: a line for each model, and marks where another
/// becomes the least expensive of those with the same loss under the same law.
///
/// - `demand`: tokens served in the case at hand, drawn as a vertical line.
#[must_use]
pub fn served_costs_chart(
    models: &[ServedCost],
    unit: CostUnitOfServing,
    demand: Option<Tokens>,
) -> Chart {
    let changes = all_changes(models);
    let typical = models.iter().map(|m| m.train / m.per_token);
    let around = changes.iter().map(|c| c.0).chain(demand.map(Tokens::get));
    let demands: Vec<f64> = around.collect();
    let around = match demands.is_empty() {
        true => range_of(typical, Scale::Log, 0.0),
        false => range_of(demands, Scale::Log, 0.0),
    };
    let x = (AROUND.0 * around.0, AROUND.1 * around.1);
    let served = spread(x.0, x.1, SAMPLES);
    let colors = palette::series(models.len());
    let counts = unit == CostUnitOfServing::Usd;
    let (mut layers, mut keys, mut hits) = (Vec::new(), Vec::new(), Vec::new());
    let mut labels = Vec::new();
    if let Some(t) = demand {
        let line = Stroke::dashed(palette::GUIDE, 1.2);
        layers.push(Layer::line(vec![(t.get(), 1e-9), (t.get(), 1e99)], line));
        keys.push(Key::new(Sample::Line(line), format!("{t} served")));
    }
    for (i, (model, color)) in models.iter().zip(&colors).enumerate() {
        let stroke = Stroke { dashed: i / palette::HUES % 2 == 1, ..Stroke::solid(*color, 2.0) };
        let line: Vec<At> = served.iter().map(|t| (*t, model.total(*t))).collect();
        keys.push(Key::new(Sample::Line(stroke), model.name.clone()));
        hits.extend(thinned(&line, 40).map(|at| {
            let (served, cost) = (Tokens::new(at.0), amount(at.1, counts));
            let text = format!("{}: {cost} {} for {served} served tokens", model.name, unit.name());
            Hit::new(*at, &model.name, text)
        }));
        layers.push(Layer::line(line, stroke));
    }
    for (t, cost, best) in &changes {
        let (at, color) = ((*t, *cost), colors[*best]);
        layers.push(Layer::marks([at], color, Mark::Diamond, 5.5));
        let sides = [Side::BelowRight, Side::Right, Side::Below, Side::AboveLeft];
        let (name, from) = (&models[*best].name, count_text(*t));
        let said = format!("{name} is the least expensive from {from} served tokens on");
        hits.push(Hit::new(at, "change", said));
        let text = format!("{name} from {from} on");
        labels.push(Label::new(at, text, color, &sides));
    }
    let values = models.iter().flat_map(|m| [m.total(x.0), m.total(x.1)]);
    let y = range_of(values, Scale::Log, 0.04);
    Chart {
        name: "served-costs",
        title: format!("Training plus serving against tokens served ({})", unit.name()),
        subtitle: laws_title(models.iter().map(|m| m.law.as_str())),
        caption: "Total cost of each model against the tokens it serves over its life. On the left training is most of it, on the right serving; a smaller model of the same loss is the less expensive one beyond the point where the lines cross.".to_owned(),
        x: Axis::log("Tokens served T", Style::Count, x),
        y: Axis::log(unit.title(), if counts { Style::Count } else { Style::Exponent }, y),
        layers,
        labels,
        legend: Legend { groups: vec![(String::new(), keys)], bar: None },
        hits,
    }
}

impl CostUnitOfServing {
    fn name(self) -> &'static str {
        match self {
            Self::Flops => "FLOPs",
            Self::Usd => "USD",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Flops => "Training + serving compute (FLOPs)",
            Self::Usd => "Training + serving cost (USD)",
        }
    }
}

/// Where the least expensive model changes as the demand grows: served tokens, cost, and which model
/// it is from there on.
type Change = (f64, f64, usize);

/// Costs of training that differ by less than this share are one budget.
const SAME_TRAINING: f64 = 1e-6;
/// Losses that differ by less than this many nats are one loss.
const SAME_LOSS: f64 = 1e-6;

/// The changes among models of one law and one loss, for each law and loss.
fn all_changes(models: &[ServedCost]) -> Vec<Change> {
    let alike = |a: &ServedCost, b: &ServedCost| {
        a.law == b.law && (a.loss_nats - b.loss_nats).abs() < SAME_LOSS
    };
    let first = |i: &usize| (0..*i).all(|j| !alike(&models[j], &models[*i]));
    (0..models.len())
        .filter(first)
        .flat_map(|i| {
            let group = (i..models.len()).filter(|j| alike(&models[i], &models[*j])).collect();
            changes(models, group)
        })
        .collect()
}

/// The changes among those of `group`.
fn changes(models: &[ServedCost], group: Vec<usize>) -> Vec<Change> {
    let least = group.iter().map(|i| models[*i].train).fold(f64::INFINITY, f64::min);
    let by_token = |a: &usize, b: &usize| models[*a].per_token.total_cmp(&models[*b].per_token);
    let first = group.iter().copied().filter(|i| models[*i].train < (1.0 + SAME_TRAINING) * least);
    let Some(mut best) = first.min_by(by_token) else { return Vec::new() };
    let mut found: Vec<Change> = Vec::new();
    loop {
        let from = found.last().map_or(0.0, |f| f.0);
        let next = group
            .iter()
            .copied()
            .filter(|i| models[*i].per_token < models[best].per_token)
            .filter_map(|i| Some((models[best].meets(&models[i]).filter(|t| *t >= from)?, i)))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        let Some((served, i)) = next else { return found };
        found.push((served, models[i].total(served), i));
        best = i;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str, n: f64, train: f64) -> ServedCost {
        let (name, law, n) = (name.to_owned(), "law".to_owned(), Params::new(n));
        ServedCost { name, law, loss_nats: 2.0, n, train, per_token: 2.0 * n.get() }
    }

    #[test]
    fn the_best_model_changes_where_totals_are_equal_and_never_back() {
        let models = [
            model("large", 70e9, 6e23),
            model("half", 35e9, 7.5e23),
            model("small", 20e9, 3e24),
            model("worse", 30e9, 4e24),
        ];
        let found = all_changes(&models);
        let other = ServedCost { loss_nats: 2.1, ..model("other loss", 1e9, 1.0) };
        let mixed: Vec<ServedCost> = models.iter().cloned().chain([other]).collect();
        assert_eq!(all_changes(&mixed), found, "models of another loss do not compete");
        let names: Vec<&str> = found.iter().map(|f| models[f.2].name.as_str()).collect();
        assert_eq!(names, ["half", "small"]);
        let (large, half, small) = (&models[0], &models[1], &models[2]);
        assert!((large.total(found[0].0) / half.total(found[0].0) - 1.0).abs() < 1e-12);
        assert!((half.total(found[1].0) / small.total(found[1].0) - 1.0).abs() < 1e-12);
        let cheapest = |t: f64| {
            let by = |a: &&ServedCost, b: &&ServedCost| a.total(t).total_cmp(&b.total(t));
            models.iter().min_by(by).expect("some").name.clone()
        };
        assert_eq!([1e9, 1e13, 1e15].map(cheapest), ["large", "half", "small"]);
    }
}
