//! Charts, tables and files of a published law and runs simulated from it.

use std::collections::BTreeMap;

use isoloss::cost::{ServingLine, Uncertain};
use isoloss::data::{RunCurve, RunRecord, RunTable};
use isoloss::fit::valleys;
use isoloss::law::{Ensemble, Point, Surface};
use isoloss::num::Interval;
use isoloss::plan::{
    Aim, IsoLossCurve, Recommendation, Sampling, Scenario, banded_curve, compare_ratios,
    compare_sizes, decompose, explain, iso_loss_curve, optimum_of_size, recommend, strategies,
};
use isoloss::report::{
    Chart, CostAxis, CostUnitOfServing, Detail, FamilyMember, HeldOutError, Saved, ServedCost,
    Size, comparison_chart, comparison_table, compression_chart, compression_of_laws_chart,
    curve_csv, decomposition_text, design_chart, design_text, explanation_intervals_text,
    explanation_text, family_chart, family_csv, frontier_chart, frontier_of_laws_chart,
    held_out_errors_chart, loss_curves_chart, plan_tables, plane_chart, plane_of_laws_chart,
    render_svg, runs_csv, save, served_costs_chart, serving_chart, serving_frontier_chart,
    talk_chart, trade_off_chart, valley_table, valleys_chart,
};
use isoloss::study::{PlanRequest, ScenarioRequest, ask_laws};
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
    let model = [("Chinchilla 70B".to_owned(), Params::new(70e9), Flops::new(5.88e23))];
    let comparison = compare_ratios(&law(), curves[1].loss_nats, &[20.0, 100.0]).expect("sizes");
    let banded = banded_curve(&ensemble, curves[1].loss_nats, 60).expect("a curve");
    let costs = ServedCost::of_comparisons(std::slice::from_ref(&comparison));
    let error = |distance: f64, error: f64| HeldOutError {
        name: "run".to_owned(),
        distance,
        error,
        half_width: Some(0.02),
        inside: Some(error.abs() < 0.02),
    };
    let errors = [error(1.0, 0.01), error(4.0, -0.03), error(16.0, 0.015)];
    vec![
        compression_chart(&curves[0], &[], &model),
        compression_of_laws_chart(&members, &model),
        comparison_chart(&[comparison], &[banded]),
        design_chart(&table),
        family_chart(&members, &model, &CostAxis::flops()),
        frontier_chart(&table, &ensemble, None).expect("optima"),
        held_out_errors_chart(&errors, "chinchilla fit of 15 runs", "C"),
        loss_curves_chart(&with_curves(&table)),
        plane_chart(Some(&table), &ensemble, &[]).expect("optima"),
        served_costs_chart(&costs, CostUnitOfServing::Flops, Some(Tokens::new(1e12))),
        serving_chart(&[line], "one device"),
        serving_frontier_chart(&[&served_plan()]),
        talk_chart(&members[1], "optimal", &model),
        trade_off_chart(&curves[0], &[0.0, 1e12, 1e13].map(Tokens::new)),
        valleys_chart(&table, &valleys(&table), Some(&law())).expect("optima"),
    ]
}

/// The runs with a training curve each, that of their law at their size.
fn with_curves(table: &RunTable) -> RunTable {
    let curve = |run: &RunRecord| RunCurve {
        run: run.run.clone(),
        n: run.n,
        decays: false,
        points: (1..=50)
            .map(|i| run.d * (f64::from(i) / 50.0))
            .map(|d| (d, law().loss(&Point::new(run.n, d))))
            .collect(),
    };
    RunTable { curves: table.runs.iter().map(curve).collect(), ..table.clone() }
}

/// A plan on a training budget with a demand, so that it has a frontier.
fn served_plan() -> Recommendation {
    let request = PlanRequest {
        flops: Some(Flops::new(1e24)),
        scenario: ScenarioRequest {
            serve_tokens: Some(Uncertain::known(1e13)),
            ..ScenarioRequest::default()
        },
        ..PlanRequest::default()
    };
    let laws = ask_laws("besiroglu").expect("shipped");
    let answer = request.answer_under(&laws).expect("a plan");
    answer.laws[0].recommended.clone()
}

/// The texts of the areas that say the values of points.
fn said(svg: &str) -> Vec<&str> {
    let (_, hits) = svg.split_once("<g class=\"hits\"").expect("areas");
    let titles = hits.split("<title>").skip(1);
    titles.map(|t| t.split_once("</title>").expect("closed").0).collect()
}

#[test]
fn every_chart_draws_only_numbers_and_says_what_it_shows() {
    let mut names: Vec<&str> = Vec::new();
    for chart in charts() {
        for size in [Size::PAGE, Size::PHONE] {
            let svg = render_svg(&chart, size).expect(chart.name);
            assert!(
                svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"),
                "{}",
                chart.name
            );
            assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{}", chart.name);
            assert!(svg.contains("role=\"img\"") && svg.contains("<desc"), "{}", chart.name);
            assert!(said(&svg).len() >= 3, "{} says the values of its points", chart.name);
            assert!(said(&svg).iter().all(|text| !text.contains("NaN")), "{}", chart.name);
        }
        assert!(chart.caption.ends_with('.') && !chart.title.ends_with('.'), "{}", chart.name);
        assert!(!chart.subtitle.is_empty(), "{} names its law or its runs", chart.name);
        assert!(!names.contains(&chart.name), "{} twice", chart.name);
        names.push(chart.name);
    }
}

#[test]
fn every_colour_of_every_chart_has_one_for_a_dark_ground() {
    for chart in charts() {
        let svg = render_svg(&chart, Size::PAGE).expect(chart.name);
        let (style, body) = svg.split_once("</style>").expect("a style sheet");
        assert!(style.contains("@media screen and (prefers-color-scheme:dark)"), "{}", chart.name);
        for property in ["fill", "stroke"] {
            let begin = format!(" {property}=\"#");
            for part in body.split(begin.as_str()).skip(1) {
                let color = &part[..6];
                let rule = format!("[{property}=\"#{color}\"]{{{property}:");
                let (_, to) = style.split_once(rule.as_str()).unwrap_or_else(|| {
                    panic!("{}: {property} #{color} stays as it is in the dark", chart.name)
                });
                assert!(!to.starts_with(&format!("#{color}")), "{}: #{color}", chart.name);
            }
        }
    }
}

#[test]
fn points_say_the_values_of_the_law() {
    let chart = compression_chart(&curve(70e9), &[], &[]);
    let svg = render_svg(&chart, Size::PAGE).expect("drawn");
    let best = curve(70e9).optimum;
    let words =
        format!("{} parameters, {} tokens, {} training FLOPs", best.n, best.d, best.train_flops);
    let optimum = said(&svg).into_iter().rfind(|t| t.starts_with("compute-optimal")).expect("said");
    assert_eq!(optimum, format!("compute-optimal under besiroglu: {words}"));
    assert!(svg.contains(&format!("data-x=\"{:e}\"", 7e10)), "the size itself, for scripts");
}

#[test]
fn served_costs_cross_where_a_comparison_pays_back() {
    let comparison =
        compare_sizes(&law(), curve(70e9).loss_nats, &[Params::new(35e9)]).expect("a size");
    let costs = ServedCost::of_comparisons(std::slice::from_ref(&comparison));
    let chart = served_costs_chart(&costs, CostUnitOfServing::Flops, None);
    let svg = render_svg(&chart, Size::PAGE).expect("drawn");
    let pays = comparison.rows[0].break_even_serve_tokens.expect("it pays back");
    let change =
        said(&svg).into_iter().find(|t| t.contains("is the least expensive")).expect("said");
    let served: Tokens = change
        .split(" from ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next()?.parse().ok())
        .expect("a number of tokens");
    let ratio = served.get() / pays.get();
    assert!((ratio - 1.0).abs() < 0.01, "{change}, by the comparison {pays}");
}

#[test]
fn two_laws_share_a_plane_and_a_frontier() {
    let other = Ensemble::single(Surface::published("hoffmann-a3-devries").expect("shipped"));
    let (table, first) = (runs(), ensemble());
    let laws = [&first, &other];
    for chart in [
        plane_of_laws_chart(Some(&table), &laws, &[]).expect("optima"),
        frontier_of_laws_chart(&table, &laws, None).expect("optima"),
    ] {
        let svg = render_svg(&chart, Size::PAGE).expect("drawn");
        assert_eq!(chart.subtitle, "Under 2 laws: besiroglu, hoffmann-a3-devries");
        let series = |law: &str| svg.matches(&format!("data-series=\"{law}\"")).count();
        assert!(series("besiroglu") > 10 && series("hoffmann-a3-devries") > 10, "{}", chart.name);
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
