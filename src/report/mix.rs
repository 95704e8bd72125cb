//! The best mixture of domains, as people read it.

use super::number::loss;
use super::style::Style;
use super::table::Table;
use super::text::Text;
use crate::fit::{DomainTokens, MixtureAnswer, MixtureTest};
use crate::num::Interval;

/// Domains that are shown where the rest have next to nothing.
const SHOWN: usize = 12;
/// A share below which a domain may stand in the rest.
const LITTLE: f64 = 5e-3;

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn percents(interval: Option<Interval>) -> String {
    interval.map_or("-".to_owned(), |i| format!("{:.1} to {:.1}", 100.0 * i.lo, 100.0 * i.hi))
}

fn nats(gain: f64, interval: Option<Interval>) -> String {
    let interval = interval.map_or(String::new(), |i| format!(" ({:.4} to {:.4})", i.lo, i.hi));
    format!("{gain:.4}{interval}")
}

/// The mixture, what it gains, and how well its law ranks mixtures that it was not fitted to.
#[must_use]
pub fn mix_text(answer: &MixtureAnswer) -> Text {
    let mut text = Text::default();
    text.paragraph(&headline(answer), 2);
    text.push_str("\n");
    text.push(shares(answer));
    let rest = answer.shares.iter().filter(|d| !is_shown(answer, &d.domain));
    let (count, sum) = rest.fold((0, 0.0), |(n, sum), d| (n + 1, sum + d.share));
    if count > 0 {
        text.push_str(&format!("and {count} domains with {} together\n", percent(sum)));
    }
    text.push_str("\n");
    for line in evidence(answer) {
        text.paragraph(&line, 2);
    }
    if answer.fewer_runs.len() > 1 {
        text.apart(fewer(answer));
    }
    text.apart(forms(answer));
    text
}

fn headline(answer: &MixtureAnswer) -> String {
    let most: Vec<String> = answer
        .shares
        .iter()
        .take(3)
        .filter(|d| d.share > LITTLE)
        .map(|d| format!("{} {}", d.domain, percent(d.share)))
        .collect();
    let targets = match &answer.targets[..] {
        [one] => one.target.clone(),
        all => format!("{} targets", all.len()),
    };
    format!(
        "train on {}: the loss on {targets} falls by {} nats against the prior, and by {} against the best run",
        Style::Strong.mark(&most.join(", ")),
        nats(answer.gain_over_prior, answer.gain_over_prior_interval),
        nats(answer.gain_over_best_run, answer.gain_over_best_run_interval),
    )
}

fn is_shown(answer: &MixtureAnswer, domain: &str) -> bool {
    let place = answer.shares.iter().position(|d| d.domain == domain);
    let at = place.unwrap_or(0);
    let d = &answer.shares[at];
    answer.shares.len() <= SHOWN
        || at < SHOWN && (d.share > LITTLE || d.interval.is_some_and(|i| i.hi > 0.02))
}

fn shares(answer: &MixtureAnswer) -> Table {
    let level = format!("{:.0} % interval", 100.0 * answer.level);
    let with_epochs = answer.shares.iter().any(|d| d.epochs.is_some());
    let mut columns = vec!["domain", "share", &*level, "prior", "runs had"];
    columns.extend(with_epochs.then_some("epochs"));
    let mut table = Table::new("", &columns);
    for d in answer.shares.iter().filter(|d| is_shown(answer, &d.domain)) {
        let mark = if d.is_at_most() { " (at its most)" } else { "" };
        let mut row = vec![
            d.domain.clone(),
            format!("{}{mark}", percent(d.share)),
            percents(d.interval),
            percent(d.prior),
            format!("{:.1} to {:.1} %", 100.0 * d.seen.lo, 100.0 * d.seen.hi),
        ];
        row.extend(
            with_epochs.then(|| d.epochs.map_or("-".to_owned(), |epochs| format!("{epochs:.2}"))),
        );
        table.rows.push(row);
    }
    table
}

fn evidence(answer: &MixtureAnswer) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(test) = &answer.held_out {
        lines.push(ranks(test));
    }
    let near = &answer.nearest_run;
    lines.push(format!(
        "the nearest run, {}, has {} of its tokens elsewhere; runs lie {} apart",
        near.run,
        percent(near.distance),
        percent(answer.between_runs)
    ));
    if !answer.alike.is_empty() {
        let pairs: Vec<String> =
            answer.alike.iter().take(4).map(|[a, b]| format!("{a} and {b}")).collect();
        let more = answer.alike.len().saturating_sub(pairs.len());
        let more = if more > 0 { format!(", and {more} more pairs") } else { String::new() };
        lines.push(format!("not told apart: {}{more}", pairs.join("; ")));
    }
    let proof = &answer.certificate;
    lines.push(format!(
        "{} of {} starts of the {} law agree; R² {}; no move of shares within the limits gains more than {:.0e} nats a share",
        proof.starts_agreeing,
        proof.starts,
        answer.form,
        range(answer.targets.iter().map(|t| t.r_squared)),
        answer.optimality_gap.max(1e-12),
    ));
    lines
}

fn range(values: impl Iterator<Item = f64>) -> String {
    let (lo, hi) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), x| (lo.min(x), hi.max(x)));
    if hi - lo < 5e-4 { format!("{lo:.3}") } else { format!("{lo:.3} to {hi:.3}") }
}

fn ranks(test: &MixtureTest) -> String {
    let of = match test.of_another_table {
        true => "held-out mixtures",
        false => "mixtures, each fifth predicted from the others",
    };
    format!(
        "ranks of {} {of}: Spearman {:.3}; the one predicted best is number {} (error {} nats)",
        test.runs,
        test.spearman,
        test.predicted_best_is,
        loss(test.error_nats)
    )
}

fn fewer(answer: &MixtureAnswer) -> Table {
    let title = "what fewer runs, drawn at random, would have chosen";
    let mut table =
        Table::new(title, &["runs", "Spearman", "its mixture loses (nats)", "same pick"]);
    for row in &answer.fewer_runs {
        table.push([
            &*row.runs.to_string(),
            &format!("{:.3}", row.spearman),
            &loss(row.regret_nats),
            if row.same_choice { "yes" } else { "no" },
        ]);
    }
    table
}

fn forms(answer: &MixtureAnswer) -> Table {
    let mut table = Table::new(
        "forms on mixtures that were not fitted",
        &["form", "Spearman", "error (nats)", "predicted best is"],
    );
    for form in &answer.forms {
        let mark = if form.form == answer.form { "* " } else { "  " };
        let name = format!("{mark}{}", form.form);
        match &form.test {
            Some(test) => table.push([
                &*name,
                &format!("{:.3}", test.spearman),
                &loss(test.error_nats),
                &format!("number {}", test.predicted_best_is),
            ]),
            None => table.push([&*name, "-", "-", "no proven minimum"]),
        }
    }
    table
}

/// What a run takes of each domain.
#[must_use]
pub fn domain_tokens_table(domains: &[DomainTokens], title: &str) -> Table {
    let mut table = Table::new(title, &["domain", "share", "tokens", "unique", "epochs"]);
    for d in domains {
        table.push([
            &*d.domain,
            &percent(d.share),
            &d.tokens.to_string(),
            &d.unique_tokens.map_or("-".to_owned(), |unique| unique.to_string()),
            &d.epochs.map_or("-".to_owned(), |epochs| format!("{epochs:.2}")),
        ]);
    }
    table
}

/// Mixtures as CSV: a name, and a column for each domain.
#[must_use]
pub fn mixtures_csv(domains: &[String], mixtures: &[Vec<f64>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = std::iter::once("run").chain(domains.iter().map(String::as_str));
    // Writing to memory does not fail.
    let _ = writer.write_record(header);
    for (k, shares) in mixtures.iter().enumerate() {
        let name = format!("mix-{}", k + 1);
        let _ = writer.write_record(
            std::iter::once(name).chain(shares.iter().map(|share| format!("{share:.6}"))),
        );
    }
    writer
        .into_inner()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}
