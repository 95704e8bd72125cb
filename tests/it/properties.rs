//! What must hold for any plausible law and budget.

use isoloss::cost::{CostModel, Requests, Uncertain, Workload};
use isoloss::law::{Chinchilla, Ensemble, Point, Support, Surface};
use isoloss::plan::{
    Aim, Currency, DataLimit, Demand, Sampling, Scenario, compare_sizes, compute_optimal,
    decompose, explain, implied_serve_tokens, inference_aware, iso_loss_curve, optimum_for_loss,
    recommend, smallest_params, tokens_for_loss,
};
use isoloss::units::{Flops, ParamRule, Params, Tokens, short_count};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Laws with exponents and coefficients around those ever published.
fn surfaces() -> impl Strategy<Value = Surface> {
    (0.5..2.5_f64, 1.0..9.0_f64, 1.0..9.0_f64, 0.15..0.7_f64, 0.15..0.7_f64).prop_map(
        |(e, ln_a, ln_b, alpha, beta)| {
            let theta = vec![e, ln_a.exp(), ln_b.exp(), alpha, beta];
            Surface::new(&Chinchilla, theta, "any", ParamRule::All, Support::default())
                .expect("inside the domain")
        },
    )
}

fn budgets() -> impl Strategy<Value = Flops> {
    (16.0..27.0_f64).prop_map(|exponent| Flops::new(10_f64.powf(exponent)))
}

proptest! {
    // Fixed, so that a run today is a run tomorrow.
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(20_261_123),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_neighbour_on_the_isoflop_line_beats_the_optimum(surface in surfaces(), c in budgets()) {
        let best = compute_optimal(&surface, c);
        // A law without an optimum between one parameter and one token says so.
        prop_assume!(best.is_ok());
        let best = best.expect("assumed");
        for factor in [0.5, 0.99, 1.01, 2.0] {
            let n = best.n * factor;
            let d = Tokens::new(c.get() / (6.0 * n.get()));
            prop_assert!(surface.loss(&Point::new(n, d)) >= best.loss_nats);
        }
    }

    #[test]
    fn a_smaller_model_of_the_same_loss_costs_more_and_pays_back(
        surface in surfaces(),
        c in budgets(),
        share in 0.3..0.95_f64,
    ) {
        let best = compute_optimal(&surface, c);
        prop_assume!(best.is_ok());
        let best = best.expect("assumed");
        let wall = smallest_params(&surface, best.loss_nats).expect("above the floor");
        let n = best.n * share;
        // Right at the wall the tokens leave what f64 can hold apart.
        prop_assume!(n.get() > 1.05 * wall.get() && n.get() > 1.0);
        let d = tokens_for_loss(&surface, n, best.loss_nats).expect("past the wall");
        prop_assert!((surface.loss(&Point::new(n, d)) - best.loss_nats).abs() < 1e-9);
        let table = compare_sizes(&surface, best.loss_nats, &[n]).expect("reachable");
        let row = table.rows[0];
        prop_assert!(row.overhead > 0.0);
        let pays = row.break_even_serve_tokens.expect("smaller and dearer").get();
        let life = |n: Params, train: Flops| train.get() + 2.0 * n.get() * pays;
        let (small, big) =
            (life(n, row.plan.train_flops), life(table.optimum.n, table.optimum.train_flops));
        prop_assert!((small / big - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_inference_aware_plan_implies_its_own_demand(
        surface in surfaces(),
        c in budgets(),
        times in 0.01..100.0_f64,
    ) {
        let best = compute_optimal(&surface, c);
        prop_assume!(best.is_ok());
        let best = best.expect("assumed");
        let served = best.d * times;
        let plan =
            inference_aware(&surface, best.loss_nats, &Workload::output(served), &CostModel::FLOPS);
        let plan = plan.expect("a plan");
        prop_assert!(plan.n.get() < best.n.get());
        let implied = implied_serve_tokens(&surface, plan.n, plan.d).get();
        prop_assert!((implied / served.get() - 1.0).abs() < 1e-5, "{} {}", implied, served.get());
    }

    #[test]
    fn explaining_an_optimum_finds_nothing_to_improve(surface in surfaces(), c in budgets()) {
        let best = compute_optimal(&surface, c);
        prop_assume!(best.is_ok());
        let best = best.expect("assumed");
        prop_assume!(optimum_for_loss(&surface, best.loss_nats).is_ok());
        prop_assume!(best.n.get() < 1e19 && best.d.get() < 1e24);
        let e = explain(&surface, best.n, best.d).expect("explained");
        prop_assert!(e.overhead.abs() < 1e-6);
        prop_assert!((e.overtraining_ratio - 1.0).abs() < 1e-9);
    }

    #[test]
    fn iso_loss_curves_are_convex_and_flat_at_their_optimum(surface in surfaces(), c in budgets()) {
        let best = compute_optimal(&surface, c);
        prop_assume!(best.is_ok());
        let best = best.expect("assumed");
        prop_assume!(optimum_for_loss(&surface, best.loss_nats).is_ok());
        prop_assume!(best.n.get() > 1e3 && best.n.get() < 1e17);
        let curve = iso_loss_curve(&surface, best.loss_nats, 60).expect("a curve");
        let slopes: Vec<f64> = curve
            .points
            .windows(2)
            .map(|w| (w[1].train_flops / w[0].train_flops).ln() / (w[1].n.get() / w[0].n.get()).ln())
            .collect();
        // Next to the wall tokens leave what f64 can hold apart.
        let start = curve.points.iter().position(|p| p.n.get() > 1.02 * curve.wall_params.get());
        let slopes = &slopes[start.expect("sizes right of the wall")..];
        prop_assert!(slopes.windows(2).all(|w| w[1] > w[0] - 1e-9), "{:?}", slopes);
        let ln_c = |factor: f64| {
            let n = best.n * factor;
            (n.get() * tokens_for_loss(&surface, n, best.loss_nats).expect("reachable").get()).ln()
        };
        let step = 1e-4_f64;
        let slope = (ln_c(step.exp()) - ln_c((-step).exp())) / (2.0 * step);
        prop_assert!(slope.abs() < 1e-5, "{}", slope);
    }

    #[test]
    fn the_split_of_a_size_ratio_multiplies_back(
        surface in surfaces(),
        c in budgets(),
        over in 1.0..20.0_f64,
        smaller in 1.5..100.0_f64,
    ) {
        let best = compute_optimal(&surface, c);
        prop_assume!(best.is_ok());
        let best = best.expect("assumed");
        // A reference larger than its optimum, as Gopher was.
        let reference = best.n * over;
        let loss = surface.loss(&Point::new(reference, best.d));
        prop_assume!(optimum_for_loss(&surface, loss).is_ok());
        prop_assume!(best.n.get() > 1e4 && reference.get() < 1e17 && best.d.get() < 1e24);
        let model = reference * (1.0 / smaller);
        prop_assume!(model.get() > 1.0);
        let split = decompose(&surface, model, "reference", reference, best.d).expect("a split");
        prop_assert!(split.allocation > 1.0 - 1e-9 && split.compression > 1.0 - 1e-9);
        prop_assert!(split.allocation_compute <= 1.0 + 1e-9);
        // A model larger than the optimum needs no compression, and its residual is below one.
        let product = split.allocation * split.compression * split.residual;
        prop_assert!((product / smaller - 1.0).abs() < 1e-9);
        prop_assert!(split.compute_over_reference <= 1.0 + 1e-6);
    }

    #[test]
    fn a_plan_keeps_every_limit_and_the_budget(
        surface in surfaces(),
        c in budgets(),
        served in 0.0..10.0_f64,
        size in 0.05..2.0_f64,
        epochs in 1.0..8.0_f64,
    ) {
        let best = compute_optimal(&surface, c);
        prop_assume!(best.is_ok());
        let best = best.expect("assumed");
        prop_assume!(best.n.get() > 1e7 && best.d.get() > 1e7 && best.d.get() < 1e23);
        let mut scenario = Scenario::new(Aim::Lifetime(c.get()));
        scenario.currency = Currency::LifetimeFlops;
        let tokens = best.d.get() * (0.01 + served);
        scenario.demand = Some(Demand {
            request: Requests { prompt: 1.0, answer: 1.0 },
            requests: Uncertain::known(0.5 * tokens),
        });
        scenario.max_params = Some(best.n * size);
        let unique = best.d * 0.2;
        scenario.data = Some(DataLimit {
            unique,
            max_epochs: epochs,
            repetition: (15.4, 5.3),
            rival: None,
        });
        let plan = recommend(&Ensemble::single(surface), &scenario, &Sampling::default());
        prop_assume!(plan.is_ok());
        let plan = plan.expect("assumed");
        prop_assert!(plan.total_params.get() <= best.n.get() * size * (1.0 + 1e-6));
        prop_assert!(plan.epochs.expect("limited") <= epochs * (1.0 + 1e-9));
        prop_assert!(plan.cost <= c.get() * (1.0 + 1e-9));
    }

    #[test]
    fn counts_survive_being_printed_and_read(exponent in 0.0..14.9_f64) {
        let count = 10_f64.powf(exponent);
        let back: Params = short_count(count).parse().expect("what we print we read");
        prop_assert!((back.get() / count - 1.0).abs() < 5.1e-3);
    }
}
