//! Plans for whole scenarios: money, data, memory, machines, experts and uncertainty.

use isoloss::cost::{
    BatchSize, Deployment, Device, Latency, Requests, TrainingMemory, Uncertain, device,
};
use isoloss::flops::Pattern;
use isoloss::law::{Ensemble, Surface, law_by_id};
use isoloss::plan::{
    Aim, Currency, DataLimit, Demand, Design, Input, MemoryLimit, Recommendation, Sampling,
    Scenario, Serving, Training, published_repetition, recommend, regret_over_laws,
};
use isoloss::units::{Flops, ParamRule, Params, Setting, Tokens};

fn law(name: &str) -> Surface {
    Surface::published(name).expect("shipped")
}

fn ask(name: &str, scenario: &Scenario) -> Recommendation {
    recommend(&Ensemble::single(law(name)), scenario, &Sampling::default()).expect("a plan")
}

fn h100() -> &'static Device {
    device("H100 SXM").expect("known")
}

fn training(device: &'static Device) -> Training {
    Training {
        device,
        devices: None,
        duration_s: None,
        utilisation: Uncertain::known(0.4),
        usd_per_hour: Some(Uncertain::known(3.0)),
        usd_per_kwh: None,
        energy_overhead: 1.2,
        memory: TrainingMemory::default(),
    }
}

fn data(unique: f64, max_epochs: f64) -> Option<DataLimit> {
    Some(DataLimit::new(Tokens::new(unique), max_epochs).expect("shipped"))
}

/// Muennighoff et al. 2023, arXiv:2305.16264: R_D and R_N of C4.
#[test]
fn golden_repetition_constants_are_those_of_the_paper() {
    assert_eq!(published_repetition(), Ok((15.387_756, 5.309_743)));
}

/// Muennighoff et al. 2023: at 9.3e21 FLOPs and 25B unique tokens about 6.8B on 9.1 epochs.
#[test]
fn golden_repeated_data_gives_the_published_plan() {
    let mut scenario = Scenario::new(Aim::TrainFlops(Flops::new(9.3e21)));
    scenario.data = data(25e9, 1e9);
    let plan = ask("muennighoff-repeat", &scenario);
    assert!((plan.plan.n.get() / 6.8e9 - 1.0).abs() < 0.02, "{}", plan.plan.n);
    let epochs = plan.epochs.expect("limited data");
    assert!((epochs / 9.1 - 1.0).abs() < 0.02, "{epochs}");
    // Its base law with borrowed repetition constants is the same law.
    let borrowed = ask("muennighoff-base", &scenario);
    assert!((borrowed.plan.n.get() / plan.plan.n.get() - 1.0).abs() < 1e-6);
    // One epoch at most: the tokens there are, the rest of the budget in size.
    scenario.data = data(25e9, 1.0);
    let once = ask("besiroglu", &scenario);
    assert!((once.plan.d.get() / 25e9 - 1.0).abs() < 1e-9);
    assert_eq!(once.limited_by.as_deref(), Some("unique tokens"));
}

/// Ludziejewski et al. 2025, table 2: experts of the best model whose weights and cache of 16k tokens
/// fit 24, 80 or 640 GB. The pattern is theirs: blocks and heads d / 64, SwiGLU of 3 d, untied
/// embeddings of GPT-2, top-1 routing.
#[test]
fn golden_experts_that_memory_allows_within_a_doubling() {
    let pattern = Pattern {
        aspect: 64.0,
        head_dim: 64,
        kv_heads: None,
        ffn_ratio: 3.0,
        ffn_matrices: 3,
        vocab: 50_257,
        tied_embeddings: false,
        experts: None,
        window: None,
    };
    // (C, GB, published); 32 stands for 32 or more.
    let table = [
        (1e21, 24.0, 16.0),
        (1e21, 80.0, 32.0),
        (1e21, 640.0, 32.0),
        (1e22, 24.0, 4.0),
        (1e22, 80.0, 16.0),
        (1e22, 640.0, 32.0),
        (1e23, 24.0, 1.0),
        (1e23, 80.0, 8.0),
        (1e23, 640.0, 32.0),
        (1e24, 24.0, 1.0),
        (1e24, 80.0, 1.0),
        (1e24, 640.0, 16.0),
    ];
    let mut exact = 0;
    for (c, gb, published) in table {
        let mut scenario = Scenario::new(Aim::TrainFlops(Flops::new(c)));
        scenario.designs = [1, 2, 4, 8, 16, 32].map(|e| Design::of(pattern, e, 1)).to_vec();
        scenario.memory = Some(MemoryLimit {
            bytes: gb * 1e9,
            weight_bits: 16.0,
            scale_group: None,
            kv_bits: 16.0,
            context: 16_384.0,
        });
        let plan = ask("joint-moe", &scenario);
        let experts: f64 =
            plan.design.split(' ').next().and_then(|e| e.parse().ok()).unwrap_or(1.0);
        let off = (experts / published).log2().abs();
        eprintln!("{c:e} {gb} GB: {} published {published}", plan.design);
        assert!(off <= 1.0, "{c:e} {gb} GB: {} for {published}", plan.design);
        exact += usize::from(off == 0.0);
    }
    assert!(exact >= 9, "{exact} of 12 exactly");
}

/// Sardana et al. 2024, table 3, through the scenario: the same rows that `golden_plans` checks by
/// the closed form.
#[test]
fn golden_money_plans_by_utilisation_agree_with_the_closed_form() {
    let a100 = device("A100 80GB SXM").expect("known");
    let mut scenario = Scenario::new(Aim::QualityOf(Params::new(70e9)));
    scenario.currency = Currency::LifetimeUsd;
    scenario.training = Some(Training {
        utilisation: Uncertain::known(0.5),
        usd_per_hour: Some(Uncertain::known(1.5)),
        ..training(a100)
    });
    scenario.serving = Some(Serving::Utilisation {
        usd_per_hour: Uncertain::known(1.1),
        peak_flop_per_s: 624e12,
        prefill: 0.5,
        decode: 0.01,
    });
    scenario.demand = Some(Demand {
        request: Requests { prompt: 70.0, answer: 215.0 },
        requests: Uncertain::known(35.1e9),
    });
    let plan = ask("hoffmann-a3-devries", &scenario);
    assert!((plan.plan.n.get() / 2.097_39e10 - 1.0).abs() < 1e-4, "{}", plan.plan.n);
    assert!((plan.plan.d.get() / 2.9248e13 - 1.0).abs() < 1e-4, "{}", plan.plan.d);
    let costs = plan.costs;
    let sum = costs.train_usd.expect("priced") + costs.serve_usd.expect("priced");
    assert!((sum / plan.cost - 1.0).abs() < 1e-9 && Some(sum) == costs.total_usd);
}

fn served(batch: BatchSize, latency: Latency) -> Scenario {
    let mut scenario = Scenario::new(Aim::QualityOf(Params::new(30e9)));
    scenario.currency = Currency::LifetimeUsd;
    scenario.training = Some(training(h100()));
    scenario.serving = Some(Serving::Physics {
        deployment: Deployment::of("H100 SXM", 2.0).expect("known"),
        batch,
        latency,
        usd_per_hour: Some(Uncertain::known(3.0)),
        speed: Uncertain::known(1.0),
    });
    scenario.demand = Some(Demand {
        request: Requests { prompt: 1000.0, answer: 300.0 },
        requests: Uncertain::known(5e9),
    });
    scenario
}

#[test]
fn a_plan_for_real_machines_beats_its_neighbours() {
    let scenario = served(BatchSize::Largest(256.0), Latency::default());
    let plan = ask("besiroglu", &scenario);
    let reached = |n: f64| {
        let mut other = scenario.clone();
        other.max_params = Some(Params::new(n));
        ask("besiroglu", &other)
    };
    assert!(plan.limited_by.is_none(), "{:?}", plan.limited_by);
    assert!(plan.plan.n.get() < 30e9 && plan.plan.n.get() > 5e9, "{}", plan.plan.n);
    // A tighter limit on the size can only cost more.
    let mut last = plan.cost;
    for share in [0.95, 0.8, 0.6] {
        let smaller = reached(plan.total_params.get() * share);
        assert!(smaller.cost > last, "{share}: {} {last}", smaller.cost);
        assert_eq!(smaller.limited_by.as_deref(), Some("parameters"));
        last = smaller.cost;
    }
}

/// A budget for training and serving on real machines is spent exactly, however small it is and however
/// much the group could hold.
#[test]
fn a_budget_for_training_and_serving_is_kept() {
    for (usd, requests, devices) in
        [(1e5, 1e8, 64.0), (2e6, 1e9, 2.0), (5e7, 1e10, 8.0), (1e4, 1e6, 1.0)]
    {
        let mut scenario = served(BatchSize::Largest(256.0), Latency::default());
        scenario.aim = Aim::Lifetime(usd);
        scenario.demand = Some(Demand {
            request: Requests { prompt: 1000.0, answer: 300.0 },
            requests: Uncertain::known(requests),
        });
        if let Some(Serving::Physics { deployment, .. }) = &mut scenario.serving {
            *deployment = Deployment::of("H100 SXM", devices).expect("known");
        }
        let plan = ask("hoffmann-a3-devries", &scenario);
        assert!(plan.plan.d.get().is_finite() && plan.plan.n.get() > 1e6, "{usd}: {plan:?}");
        assert!((plan.cost / usd - 1.0).abs() < 1e-6, "{usd}: {}", plan.cost);
        // The least cost of its loss is the whole budget: both searches agree.
        let mut other = scenario.clone();
        other.aim = Aim::Loss(plan.plan.loss_nats);
        let least = ask("hoffmann-a3-devries", &other);
        assert!((least.cost / usd - 1.0).abs() < 1e-6, "{usd}: {}", least.cost);
        assert!((least.plan.n.get() / plan.plan.n.get() - 1.0).abs() < 2e-3, "{usd}");
    }
}

#[test]
fn a_limit_on_the_time_per_token_makes_the_model_smaller() {
    let free = ask("besiroglu", &served(BatchSize::Largest(256.0), Latency::default()));
    let limit = Latency { per_token_s: Some(0.008), first_token_s: None };
    let quick = ask("besiroglu", &served(BatchSize::Largest(256.0), limit));
    assert!(quick.plan.n.get() < free.plan.n.get());
    assert!(quick.served.expect("served").per_token_s <= 0.008 * (1.0 + 1e-6));
    let first = Latency { per_token_s: None, first_token_s: Some(0.01) };
    let eager = ask("besiroglu", &served(BatchSize::Largest(256.0), first));
    assert_eq!(eager.limited_by.as_deref(), Some("time to first token"));
    assert!((eager.served.expect("served").first_token_s / 0.01 - 1.0).abs() < 1e-6);
}

#[test]
fn machines_and_days_are_a_budget_and_a_limit() {
    let machines =
        Training { devices: Some(256.0), duration_s: Some(10.0 * 86_400.0), ..training(h100()) };
    let mut scenario = Scenario::new(Aim::MachineTime);
    scenario.training = Some(machines.clone());
    let plan = ask("besiroglu", &scenario);
    let c = 256.0 * 864_000.0 * 989.4e12 * 0.4;
    assert!((plan.plan.train_flops.get() / c - 1.0).abs() < 1e-9);
    assert!((plan.costs.train_days.expect("days") - 10.0).abs() < 1e-9);
    let energy = 256.0 * 240.0 * 0.7 * 1.2;
    assert!((plan.costs.train_kwh.expect("power") / energy - 1.0).abs() < 1e-9);
    // The loss of an optimal 70B is out of their reach.
    let mut too_much = Scenario::new(Aim::QualityOf(Params::new(70e9)));
    too_much.training = Some(machines);
    let error = recommend(&Ensemble::single(law("besiroglu")), &too_much, &Sampling::default());
    assert!(error.expect_err("out of reach").to_string().contains("compute"));
}

/// A device-hour of 700 W at 1.2 of site overhead draws 0.84 kWh.
#[test]
fn energy_is_paid_where_it_has_a_price() {
    let mut scenario = Scenario::new(Aim::QualityOf(Params::new(7e9)));
    scenario.currency = Currency::TrainUsd;
    scenario.training = Some(training(h100()));
    let rented = ask("besiroglu", &scenario);
    scenario.training =
        Some(Training { usd_per_kwh: Some(Uncertain::known(0.10)), ..training(h100()) });
    let own = ask("besiroglu", &scenario);
    assert!((own.cost / rented.cost - (3.0 + 0.084) / 3.0).abs() < 1e-12);
    let v5e = device("TPU v5e").expect("known");
    scenario.training =
        Some(Training { usd_per_kwh: Some(Uncertain::known(0.10)), ..training(v5e) });
    let error = recommend(&Ensemble::single(law("besiroglu")), &scenario, &Sampling::default());
    assert!(error.expect_err("no power on record").to_string().contains("energy"));
}

#[test]
fn a_laptop_holds_what_its_bits_allow() {
    let mut scenario = Scenario::new(Aim::QualityOf(Params::new(70e9)));
    scenario.memory = Some(MemoryLimit {
        bytes: 16e9,
        weight_bits: 4.0,
        scale_group: Some(32.0),
        kv_bits: 16.0,
        context: 4096.0,
    });
    let plan = ask("besiroglu", &scenario);
    assert_eq!(plan.limited_by.as_deref(), Some("deployment memory"));
    // 16 GB at 4.5 bits are 28.4B parameters, less the cache.
    assert!((26e9..28.45e9).contains(&plan.total_params.get()), "{}", plan.total_params);
}

/// Overtrain, then quantise: under the precision law more tokens help a model served in full
/// precision and hurt one served in few bits beyond a point, and plans know it.
#[test]
fn quantised_serving_stops_overtraining_under_the_precision_law() {
    let theta = vec![1.8, 400.0, 1200.0, 0.34, 0.35, 2.6, 2.2, 0.9, 0.06, 0.5, 0.5, 0.55];
    let form = law_by_id("kumar").expect("registered");
    let surface = Surface::new(form, theta, "precision", ParamRule::All, Default::default())
        .expect("in its domain");
    let three = surface.within(Setting { served_bits: Some(3.0), ..Setting::PLAIN });
    let ln_n = 1e9_f64.ln();
    let most = three.ln_d_most_useful(ln_n);
    assert!(three.slopes_at(ln_n, most).1.abs() < 1e-9);
    assert!(three.loss_at(ln_n, most) < three.loss_at(ln_n, most + 0.1));
    let mut scenario = Scenario::new(Aim::TrainFlops(Flops::new(1e23)));
    scenario.max_params = Some(Params::new(1e9));
    let ensemble = Ensemble::single(surface);
    let full = recommend(&ensemble, &scenario, &Sampling::default()).expect("a plan");
    scenario.memory = Some(MemoryLimit {
        bytes: 1e12,
        weight_bits: 3.0,
        scale_group: Some(32.0),
        kv_bits: 16.0,
        context: 1.0,
    });
    let quantised = recommend(&ensemble, &scenario, &Sampling::default()).expect("a plan");
    assert!(quantised.plan.d < full.plan.d, "{}", quantised.plan.d);
    // Spending the whole budget would make it worse.
    let ln_n = quantised.plan.n.ln();
    assert!(three.loss_at(ln_n, full.plan.d.ln()) > quantised.plan.loss_nats);
    assert!(
        (quantised.plan.d.ln() / three.ln_d_most_useful(quantised.plan.n.ln()) - 1.0).abs() < 1e-9
    );
}

/// Repetition is put around the powers that the law has with these experts, and "the quality of a
/// dense model" stays that of a dense one.
#[test]
fn experts_and_repeated_data_go_together() {
    let mut scenario = Scenario::new(Aim::QualityOf(Params::new(3e9)));
    scenario.designs = vec![Design::of(Pattern::MODERN, 16, 1)];
    let target =
        isoloss::plan::optimum_of_size(&law("joint-moe"), Params::new(3e9)).expect("dense");
    let fresh = ask("joint-moe", &scenario);
    assert!((fresh.plan.loss_nats - target.loss_nats).abs() < 1e-9);
    // Unlimited data changes nothing; less of it costs more.
    scenario.data = data(1e20, 1e6);
    let endless = ask("joint-moe", &scenario);
    assert!((endless.plan.n.get() / fresh.plan.n.get() - 1.0).abs() < 1e-6);
    scenario.data = data(0.5 * fresh.plan.d.get(), 1e6);
    let scarce = ask("joint-moe", &scenario);
    assert!((scarce.plan.loss_nats - target.loss_nats).abs() < 1e-9);
    assert!(scarce.cost > fresh.cost, "{} {}", scarce.cost, fresh.cost);
    assert!(scarce.epochs.expect("limited") > 1.0);
}

#[test]
fn experts_need_a_law_with_experts() {
    let mut scenario = Scenario::new(Aim::TrainFlops(Flops::new(1e22)));
    scenario.designs = vec![Design::of(Pattern::MODERN, 8, 1)];
    let error = recommend(&Ensemble::single(law("besiroglu")), &scenario, &Sampling::default());
    assert!(error.expect_err("dense law").to_string().contains("joint-moe"));
}

/// With multiplicative inputs, shares are the shares of the variance of the logarithms.
#[test]
fn recovers_the_shares_of_independent_factors() {
    let mut scenario = Scenario::new(Aim::QualityOf(Params::new(7e9)));
    scenario.currency = Currency::TrainUsd;
    scenario.training = Some(Training {
        utilisation: Uncertain::between(0.2, 0.4),
        usd_per_hour: Some(Uncertain::between(1.0, 4.0)),
        ..training(h100())
    });
    let sampling = Sampling { draws: 4000, share_draws: 4000, seed: 1 };
    let plan =
        recommend(&Ensemble::single(law("besiroglu")), &scenario, &sampling).expect("a plan");
    let cost = plan.spread.iter().find(|s| s.quantity == "cost").expect("uncertain");
    // Uniform over ln 2 and ln 4: variances in the ratio 1 to 4.
    for share in &cost.shares {
        let want = if share.input == Input::TrainPrice { 0.8 } else { 0.2 };
        assert!((share.alone - want).abs() < 0.05, "{share:?}");
        assert!((share.in_all - want).abs() < 0.05, "{share:?}");
    }
    let sd = (2f64.ln().powi(2) / 12.0 + 4f64.ln().powi(2) / 12.0).sqrt();
    assert!((cost.sd / sd - 1.0).abs() < 0.03, "{} {sd}", cost.sd);
    // The size is certain: neither price changes it.
    assert!(plan.spread.iter().all(|s| s.quantity == "cost"), "{:?}", plan.spread);
    let interval = plan.intervals["cost"];
    assert!(interval.contains(plan.cost) && interval.hi / interval.lo > 3.0);
}

#[test]
fn the_least_regret_size_loses_less_in_the_worst_case_than_any_law_s_own() {
    let names = ["besiroglu", "hoffmann-a3-devries", "muennighoff-base"];
    let surfaces: Vec<Surface> = names.iter().map(|n| law(n)).collect();
    let refs: Vec<&Surface> = surfaces.iter().collect();
    let mut scenario = Scenario::new(Aim::QualityOf(Params::new(70e9)));
    scenario.currency = Currency::LifetimeFlops;
    scenario.demand = Some(Demand {
        request: Requests { prompt: 1.0, answer: 1.0 },
        requests: Uncertain::known(5e12),
    });
    let regret = regret_over_laws(&refs, &scenario).expect("plans");
    assert_eq!(regret.choices.len(), 3);
    for own in &regret.choices {
        assert!(regret.least.worst <= own.worst + 1e-12, "{own:?} {:?}", regret.least);
    }
    for aim in [Aim::TrainFlops(Flops::new(5.76e23)), Aim::MachineTime] {
        let mut budget = Scenario::new(aim);
        budget.training = Some(Training {
            devices: Some(1024.0),
            duration_s: Some(30.0 * 86_400.0),
            ..training(h100())
        });
        let regret = regret_over_laws(&refs, &budget).expect("plans");
        assert!(regret.least.worst < 0.2 && regret.least.worst >= 0.0, "{regret:?}");
    }
}
