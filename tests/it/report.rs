//! Charts, tables and files of a published law and runs simulated from it.

use std::collections::BTreeMap;

use isoloss::cost::ServingLine;
use isoloss::data::{RunRecord, RunTable};
use isoloss::fit::valleys;
use isoloss::law::{Ensemble, Point, Surface};
use isoloss::num::Interval;
use isoloss::plan::{
    Aim, IsoLossCurve, Sampling, Scenario, compare_ratios, decompose, explain, iso_loss_curve,
    optimum_of_size, recommend, strategies,
};
use isoloss::report::{
    Chart, CostAxis, Detail, FamilyMember, Saved, Size, comparison_table, compression_chart,
    curve_csv, decomposition_text, design_chart, design_text, explanation_intervals_text,
    explanation_text, family_chart, family_csv, frontier_chart, plan_tables, plane_chart,
    render_svg, runs_csv, save, serving_chart, trade_off_chart, valley_table, valleys_chart,
};
use isoloss::units::{Flops, ParamRule, Params, Tokens};

fn law() -> Surface {
    Surface::published("besiroglu").expect("shipped")
}

fn ensemble() -> Ensemble {
    Ensemble { draws: vec![law()], ..Ensemble::single(law()) }
}

fn curve(size: f64) -> IsoLossCurve {
    let loss = optimum_of_size(&law(), Params::new(size)).expect("an optimum").loss_nats;
    iso_loss_curve(&law(), loss, 60).expect("a curve")
}

/// Three budgets with five sizes each, on the law.
fn runs() -> RunTable {
    let mut runs = Vec::new();
    for c in [1e19, 1e20, 1e21] {
        for ratio in [0.25, 0.5, 1.0, 2.0, 4.0_f64] {
            let n = Params::new(ratio * 1e8 * (c / 1e19_f64).sqrt());
            let d = Tokens::new(c / (6.0 * n.get()));
            let loss_nats = law().loss(&Point::new(n, d));
            let plain = RunRecord::new(format!("{c:e}-{ratio}"), n, d, loss_nats);
            let (row, c) = (runs.len(), Flops::new(c));
            runs.push(RunRecord { budget: Some(c), row, c, ..plain });
        }
    }
    RunTable::from_runs(runs, ParamRule::All)
}

fn charts() -> Vec<Chart> {
    let (table, ensemble, curves) = (runs(), ensemble(), [curve(7e9), curve(70e9)]);
    let members: Vec<FamilyMember> =
        curves.iter().map(|curve| FamilyMember { curve, band: Vec::new() }).collect();
    let line = ServingLine {
        name: "dense 7B".to_owned(),
        prefill_s_per_token: 1e-4,
        decode: vec![(1.0, 2e-2), (8.0, 3e-3), (64.0, 6e-4)],
    };
    vec![
        compression_chart(&curves[0], &[], &[]),
        design_chart(&table),
        family_chart(&members, &[], &CostAxis::flops()),
        frontier_chart(&table, &ensemble, None).expect("optima"),
        plane_chart(Some(&table), &ensemble, &[]).expect("optima"),
        serving_chart(&[line], "one device"),
        trade_off_chart(&curves[0], &[0.0, 1e12, 1e13].map(Tokens::new)),
        valleys_chart(&table, &valleys(&table), Some(&law())).expect("optima"),
    ]
}

#[test]
fn every_chart_draws_only_numbers_and_says_what_it_shows() {
    let mut names: Vec<&str> = Vec::new();
    for chart in charts() {
        let svg = render_svg(&chart, Size::PAGE).expect(chart.name);
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{}", chart.name);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", chart.name);
        assert!(chart.caption.ends_with('.') && !chart.title.ends_with('.'), "{}", chart.name);
        assert!(!names.contains(&chart.name), "{} twice", chart.name);
        names.push(chart.name);
    }
}

#[test]
fn tables_have_a_cell_for_every_column() {
    let law = law();
    let comparison = compare_ratios(&law, curve(70e9).loss_nats, &[20.0, 100.0]).expect("sizes");
    let (scenario, sampling) =
        (Scenario::new(Aim::TrainFlops(Flops::new(1e22))), Sampling::default());
    let best = recommend(&ensemble(), &scenario, &sampling).expect("a plan");
    let rows = strategies(&ensemble(), &scenario, &best, None, &sampling).expect("rows");
    let mut tables = plan_tables(&rows, Detail::Full);
    tables.push(comparison_table(&comparison));
    tables.push(valley_table(&valleys(&runs())));
    for table in tables {
        assert!(!table.rows.is_empty(), "{}", table.title);
        assert!(table.rows.iter().all(|row| row.len() == table.columns.len()), "{}", table.title);
    }
}

#[test]
fn an_explanation_has_one_aligned_line_for_each_figure() {
    let (n, d) = (Params::new(7e9), Tokens::new(1e12));
    let explanation = explanation_text(&explain(&law(), n, d).expect("explained"));
    let split = decompose(&law(), n, "Gopher 280B", Params::new(280e9), Tokens::new(300e9));
    let split = decomposition_text(&split.expect("split"));
    let column = |text: &str| -> Vec<bool> {
        text.lines().skip(1).map(|l| l.as_bytes()[29] == b' ' && l.as_bytes()[30] != b' ').collect()
    };
    assert!(
        column(&explanation).iter().chain(&column(&split)).all(|aligned| *aligned),
        "{explanation}{split}"
    );
    let intervals = BTreeMap::from([("overhead".to_owned(), Interval { lo: 0.1, hi: 0.2 })]);
    let line = explanation_intervals_text(&intervals, 0.95);
    assert_eq!(line, "  95 % interval of overhead: 0.1000 to 0.2000\n");
}

#[test]
fn a_design_without_repeats_says_how_to_measure_the_noise() {
    let text = design_text(&runs(), 0.95);
    assert!(text.contains("repeat one run with another seed"), "{text}");
    assert!(text.contains("15 runs at"), "{text}");
}

#[test]
fn csv_of_a_family_is_that_of_its_curves_with_the_loss_in_front() {
    let curves = [curve(7e9), curve(70e9)];
    let family = family_csv(curves.iter());
    let lines: Vec<&str> = family.lines().collect();
    assert_eq!(lines[0], "loss,params,tokens,train_flops,overhead");
    let rows = curves.iter().map(|c| c.points.len()).sum::<usize>();
    assert_eq!(lines.len(), 1 + rows);
    let first = curve_csv(&curves[0]);
    let row = first.lines().nth(1).expect("a row");
    assert_eq!(lines[1], format!("{},{row}", curves[0].loss_nats));
}

#[test]
fn the_extension_chooses_among_the_forms_of_a_result() {
    let folder = tempfile::tempdir().expect("a folder");
    let chart = design_chart(&runs());
    let csv = runs_csv(&runs()).expect("rows");
    let forms = [Saved::Chart(&chart), Saved::Csv(&csv), Saved::Json("{}\n")];
    let written = |name: &str| {
        let path = folder.path().join(name);
        save(&path, &forms).expect(name);
        std::fs::read(path).expect("written")
    };
    assert!(written("a.svg").starts_with(b"<svg"));
    assert!(written("a.PNG").starts_with(b"\x89PNG"));
    assert_eq!(written("deep/a.csv"), csv.as_bytes());
    assert_eq!(written("a.json"), b"{}\n");
    let error = save(folder.path().join("a.pdf"), &forms).expect_err("no such form");
    assert!(error.is_bad_input(), "{error}");
    assert!(error.to_string().contains("expected .svg, .png, .csv, .json"), "{error}");
    assert!(!folder.path().join("a.pdf").exists());
}
