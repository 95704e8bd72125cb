//! Two recipes compared, as people read it.

use super::number::loss;
use super::table::Table;
use super::text::Text;
use crate::fit::{FrontierKind, Gain, Method, Multiplier, Way};
use crate::num::Interval;
use crate::units::times;

fn between(interval: Option<Interval>) -> String {
    interval.map_or("-".to_owned(), |i| format!("{} to {}", times(i.lo), times(i.hi)))
}

/// What the way to believe says at each budget.
#[must_use]
pub fn gain_text(gain: &Gain) -> Text {
    let mut text = Text::default();
    if let Some(method) = gain.believed() {
        text.push(course(gain, method));
        text.push_str("\n");
    }
    text.push(ways(gain));
    text
}

/// The multipliers of one way.
fn course(gain: &Gain, method: &Method) -> Table {
    let level = format!("{:.0} % interval", 100.0 * gain.level);
    let (of_b, of_a) = (format!("C of {}", gain.b), format!("C of {}", gain.a));
    let mut table = Table::new("", &[&of_b, &of_a, "loss", "saves", &level]);
    for row in apart(&method.budgets) {
        let Multiplier { flops, a_flops, loss_nats, multiplier, interval } = row;
        let cells = [
            &*flops.to_string(),
            &a_flops.to_string(),
            &loss_nats.map_or("-".to_owned(), loss),
            &format!("{}x", times(*multiplier)),
            &between(*interval),
        ];
        table.push(cells);
    }
    table
}

/// Rows of nearly the same compute once; the last one stays.
fn apart(rows: &[Multiplier]) -> Vec<&Multiplier> {
    const SAME: f64 = 1.15;
    let mut kept: Vec<&Multiplier> = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let last = i + 1 == rows.len();
        let near = kept.last().is_some_and(|k| row.flops.get() < SAME * k.flops.get());
        if near && last {
            kept.pop();
        }
        if !near || last {
            kept.push(row);
        }
    }
    kept
}

/// Every way with its error on held-out budgets and how far it holds.
fn ways(gain: &Gain) -> Text {
    let tested = gain.methods.iter().any(|m| !m.held_out.is_empty());
    let title = match tested {
        true => "the ways, each asked for budgets that it was not given",
        false => "the ways; too few budgets to hold any out",
    };
    let mut table = Table::new(title, &["way", "held-out error", "holds up to", "says there"]);
    let mut taken: Vec<&Method> = gain.methods.iter().filter(|m| m.refused.is_none()).collect();
    let error = |m: &Method| m.held_out_error.unwrap_or(f64::INFINITY);
    taken.sort_by(|x, y| error(x).total_cmp(&error(y)));
    for method in taken {
        let mark = if Some(&method.name) == gain.chosen.as_ref() { "*" } else { " " };
        let says = match (method.budgets.last(), &method.parts_at) {
            (Some(most), _) => format!("{}x ({})", times(most.multiplier), between(most.interval)),
            (None, Some(parting)) => {
                let says = parting.says.map_or("infinite".to_owned(), |m| format!("{}x", times(m)));
                format!("{says}, measured {}x at {}", times(parting.measured), parting.flops)
            }
            (None, None) => "-".to_owned(),
        };
        let holds = method.holds_to_flops.map_or("nowhere".to_owned(), |c| c.to_string());
        let error = method.held_out_error.map_or("-".to_owned(), factor_error);
        table.push([&*format!("{mark} {}", method.name), &error, &holds, &says]);
    }
    let mut text = Text::from(table);
    text.push(details(gain));
    text
}

/// A mean of |ln| as a percentage, or a factor where that is larger.
fn factor_error(ln: f64) -> String {
    let off = ln.exp() - 1.0;
    if off < 1.0 { format!("{:.0} %", 100.0 * off) } else { format!("{:.1}x", ln.exp()) }
}

/// What the ways add, line by line.
fn details(gain: &Gain) -> Text {
    let mut lines = Text::default();
    let mut add = |line: String| lines.paragraph(&format!("  {line}"), 4);
    for method in &gain.methods {
        if let Some(worth) = &method.worth {
            let tokens = worth.tokens.map_or(String::new(), |t| {
                format!(", a token {} ({})", times(t), between(worth.tokens_interval))
            });
            let what = if worth.tokens.is_some() { "a parameter" } else { "a FLOP" };
            add(format!(
                "{}: {what} of {} is worth {} ({}){tokens} of {}",
                method.name,
                gain.b,
                times(worth.params),
                between(worth.params_interval),
                gain.a
            ));
        }
        if let Some(noise) = &method.paired_noise {
            let shared = 1.0 - (noise.difference / noise.apart).powi(2);
            let kept = match shared > 0.05 {
                true => format!("they share {:.0} % of its variance", 100.0 * shared),
                false => "they share none of it".to_owned(),
            };
            add(format!(
                "{}: {} pairs differ by noise of {:.2} % of the loss; {kept}",
                method.name,
                noise.pairs,
                100.0 * noise.difference
            ));
        }
    }
    let in_sample: Vec<String> = gain
        .methods
        .iter()
        .filter_map(|m| Some(format!("{} {:.2e}", m.name, m.objective_value?)))
        .collect();
    if !in_sample.is_empty() {
        add(format!("sum of Huber in the sample: {}", in_sample.join(", ")));
    }
    if let Some(s) = &gain.floor_sensitivity {
        let both = |ends: &[Option<f64>; 2]| {
            let [lo, hi] =
                ends.map(|m| m.map_or("infinite".to_owned(), |m| format!("{}x", times(m))));
            format!("{lo} to {hi}")
        };
        add(format!(
            "E from {} to {} moves shared exponents from {}, a law of {} from {} at {}",
            loss(s.floor.lo),
            loss(s.floor.hi),
            both(&s.shared_exponents),
            gain.a,
            both(&s.law_of_a),
            s.flops
        ));
    }
    if let Some(ratio) = gain.counts_differ {
        add(format!(
            "{} counts {ratio:.3} times the FLOPs per parameter and token that {} does: where that is counting and not work, so much of every multiplier is",
            gain.a, gain.b
        ));
    }
    for method in gain.methods.iter().filter(|m| m.way != Way::Measured || gain.frontier.is_some())
    {
        if let Some(reason) = &method.refused {
            add(format!("{}: not taken: {reason}", method.name));
        }
    }
    if let Some((first, more)) = gain.left_out.split_first() {
        let more = match more.len() {
            0 => String::new(),
            n => format!(", and {n} more"),
        };
        add(format!("budgets without a lowest loss: {first}{more}"));
    }
    if gain.frontier == Some(FrontierKind::Ladder) {
        add("losses are those of the runs, one size per budget: no budget shows its best size"
            .to_owned());
    }
    lines
}
