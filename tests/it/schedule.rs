//! Loss curves under learning-rate schedules: derivatives, recovery, forecasts of unseen schedules
//! and how often their intervals hold.

use isoloss::data::{LoggedPoint, TrainingCurve};
use isoloss::fit::{CurveConfig, forecast};
use isoloss::law::{CurveForm, LearningRates, curve_forms};
use isoloss::num::stream;
use rand::RngExt;

const PEAK: f64 = 3e-4;

fn cosine() -> LearningRates {
    LearningRates::cosine(PEAK, 0.1 * PEAK, 500, 20_000).expect("rates")
}

fn wsd() -> LearningRates {
    LearningRates::wsd(PEAK, 0.1 * PEAK, 500, 4_000, 20_000).expect("rates")
}

fn linear() -> LearningRates {
    LearningRates::wsd(PEAK, 0.0, 500, 23_500, 24_000).expect("rates")
}

/// A curve of `law` logged every 20 steps, with losses to `known` and the rest planned.
fn curve(
    law: &dyn CurveForm,
    schedule: &LearningRates,
    known: usize,
    mut noise: impl FnMut() -> f64,
) -> TrainingCurve {
    let theta = law.example();
    let steps: Vec<usize> = (1..=schedule.steps()).filter(|s| s % 20 == 0).collect();
    let after: Vec<usize> = steps.iter().copied().filter(|s| *s > schedule.warmup()).collect();
    let features = law.features(schedule, &after);
    let points = steps
        .iter()
        .map(|&step| {
            let loss = match after.binary_search(&step) {
                Ok(i) => law.loss(theta, &features[i]) * noise().exp(),
                Err(_) => 6.0,
            };
            let rate = schedule.rates()[step - 1];
            LoggedPoint { step, rate, loss_nats: (step <= known).then_some(loss) }
        })
        .collect();
    TrainingCurve { name: law.id().to_owned(), points, ..TrainingCurve::default() }
}

fn plain() -> CurveConfig {
    CurveConfig { bootstrap: 0, ..CurveConfig::default() }
}

#[test]
fn jets_of_curves_agree_with_central_differences() {
    for law in curve_forms() {
        let theta = law.example().to_vec();
        let p = theta.len();
        for schedule in [cosine(), wsd(), linear()] {
            let features = law.features(&schedule, &[600, 5_000, 17_000, 20_000]);
            for f in &features {
                let jet = |theta: &[f64]| {
                    let (mut g, mut h) = (vec![0.0; p], vec![0.0; p * p]);
                    let loss = law.jet(theta, f, &mut g, &mut h);
                    (loss, g, h)
                };
                let (loss, gradient, hessian) = jet(&theta);
                assert!((loss - law.loss(&theta, f)).abs() < 1e-12, "{}", law.id());
                for i in 0..p {
                    let h = 1e-5 * theta[i].abs();
                    let moved = |sign: f64| {
                        let mut theta = theta.clone();
                        theta[i] += sign * h;
                        theta
                    };
                    let (up, down) = (jet(&moved(1.0)), jet(&moved(-1.0)));
                    let close = |ours: f64, want: f64, scale: f64| {
                        let what = format!("{} {i}: {ours} {want}", law.id());
                        assert!((ours - want).abs() < 1e-7 * (scale + want.abs()), "{what}");
                    };
                    close(gradient[i] * h, 0.5 * (up.0 - down.0), 1e-4);
                    for j in 0..p {
                        let want = (up.1[j] - down.1[j]) * theta[j] / (2.0 * h) * theta[i];
                        close(hessian[i * p + j] * theta[i] * theta[j], want, 1.0);
                    }
                }
            }
        }
    }
}

/// Both areas of the annealing law against its double sum, and the drops of the multi-power law
/// against its single one, step by step.
#[test]
fn features_are_the_sums_of_the_papers() {
    let schedule = LearningRates::cosine(PEAK, 0.1 * PEAK, 100, 3_000).expect("rates");
    let rates = schedule.rates();
    let step = 2_750;
    let rate = |s: usize| rates[s - 1];
    let annealing = curve_forms().iter().find(|l| l.id() == "annealing").expect("registered");
    let features = annealing.features(&schedule, &[1_000, step]);
    let mut annealed = 0.0;
    for i in 101..=step {
        for k in 101..=i {
            annealed += (rate(k - 1) - rate(k)) * 0.999_f64.powi((i - k) as i32);
        }
    }
    let area: f64 = rates[..step].iter().sum();
    assert!((features[1][1] / annealed - 1.0).abs() < 1e-9, "{} {annealed}", features[1][1]);
    assert!((features[1][0] - area.ln()).abs() < 1e-12);

    let sublinear = curve_forms().iter().find(|l| l.id() == "sublinear-power").expect("registered");
    let theta = sublinear.example();
    let features = sublinear.features(&schedule, &[101, step]);
    let (mut drops, mut since) = (0.0, 0.0);
    for k in (1..=step).rev() {
        since += rate(k).powf(0.7);
        let before = if k == 1 { 0.0 } else { rate(k - 1) };
        let x = theta[4] * since;
        drops += theta[3] * (before - rate(k)) * x / (1.0 + x);
    }
    let exact = theta[0] + theta[1] * since.powf(-theta[2]) - drops;
    let binned = sublinear.loss(theta, &features[1]);
    assert!((binned - exact).abs() < 1e-4, "{binned} {exact}: {:e}", binned - exact);

    let multi = curve_forms().iter().find(|l| l.id() == "multi-power").expect("registered");
    let theta = multi.example();
    let features = multi.features(&schedule, &[step]);
    let (b, c, beta, gamma) = (theta[3], theta[4], theta[5], theta[6]);
    let mut drops = 0.0;
    let mut since = 0.0;
    for k in (101..=step).rev() {
        since += rate(k);
        let x = since * rate(k).powf(-gamma);
        drops += b * (rate(k - 1) - rate(k)) * (1.0 - (1.0 + c * x).powf(-beta));
    }
    let exact = theta[0] + theta[1] * area.powf(-theta[2]) - drops;
    let binned = multi.loss(theta, &features[0]);
    assert!((binned - exact).abs() < 1e-4, "{binned} {exact}: {:e}", binned - exact);
    assert!(drops > 0.02, "the decay lowers the loss here: {drops}");
}

/// Fitted to a cosine and a WSD run without noise, each law predicts a linear run that was held out.
#[test]
fn recovers_an_unseen_schedule_from_exact_curves() {
    for law in curve_forms() {
        let ahead = curve(*law, &linear(), 2_000, || 0.0);
        let seen = [cosine(), wsd()].map(|s| curve(*law, &s, s.steps(), || 0.0));
        let config = CurveConfig { rows: 400, ..plain() };
        let found =
            forecast(*law, &[ahead, seen[0].clone(), seen[1].clone()], &config).expect("a fit");
        assert!(found.certificate.certified, "{}: {:?}", law.id(), found.certificate);
        let want = law.loss(law.example(), &law.features(&linear(), &[24_000])[0]);
        let error = found.loss_nats / want - 1.0;
        eprintln!("{}: {} for {want}, off by {error:e}", law.id(), found.loss_nats);
        // Rows are means over windows of several steps, which changes a curve a little.
        assert!(error.abs() < 2e-4, "{}: {error:e}", law.id());
    }
}

#[test]
fn a_rate_that_never_fell_is_refused_with_a_fix() {
    let constant = LearningRates::wsd(PEAK, PEAK, 500, 0, 20_000).expect("rates");
    for law in curve_forms() {
        let run = curve(*law, &wsd(), 12_000, || 0.0);
        let error = forecast(*law, &[run], &plain()).expect_err("no decay was seen");
        assert!(error.to_string().contains("whose rate decays"), "{error}");
        assert!(error.is_bad_input());
        // A finished run under another schedule fixes it, a constant one does not.
        let run = curve(*law, &wsd(), 12_000, || 0.0);
        let other = curve(*law, &constant, 20_000, || 0.0);
        assert!(forecast(*law, &[run.clone(), other.clone()], &plain()).is_err());
        // A rate that stays constant needs no decay.
        let half = curve(*law, &constant, 12_000, || 0.0);
        let found = forecast(*law, &[half], &plain()).expect("a fit");
        let want = other.points.last().and_then(|p| p.loss_nats).expect("a loss");
        assert_eq!((found.law.as_str(), found.final_step), ("constant-rate", 20_000));
        assert!((found.loss_nats / want - 1.0).abs() < 3e-3, "{} {want}", found.loss_nats);
        let other = curve(*law, &cosine(), 20_000, || 0.0);
        forecast(*law, &[run, other], &plain()).expect("a fit");
    }
}

/// Autoregressive errors like those of smoothed training logs.
fn wobble(seed: u64, sd: f64) -> impl FnMut() -> f64 {
    let mut rng = stream(seed, 0);
    let mut last = 0.0;
    move || {
        let white: f64 = (0..12).map(|_| rng.random_range(-0.5..0.5)).sum();
        last = 0.6 * last + 0.8 * sd * white;
        last
    }
}

/// Sixty runs at 70 % of a cosine decay, each with a finished WSD run beside it: the final loss
/// lies in its 95 % interval in at least 50 of them, which a binomial of 0.95 fails once in 10^4, and
/// forecasts scatter around the truth without bias beyond four standard errors.
#[test]
fn forecasts_of_half_finished_runs_hold_in_simulation() {
    let law = *curve_forms().iter().find(|l| l.id() == "annealing").expect("registered");
    let (mut inside, mut errors) = (0, Vec::new());
    const SETS: u64 = 60;
    for set in 0..SETS {
        let run = curve(law, &cosine(), 14_000, wobble(1000 + set, 0.004));
        let other = curve(law, &wsd(), 20_000, wobble(2000 + set, 0.004));
        let config = CurveConfig { bootstrap: 100, seed: set, rows: 100, ..CurveConfig::default() };
        let found = forecast(law, &[run, other], &config).expect("a fit");
        // The final loss is the mean of a window, as the rows are.
        let width = 10;
        let mut noise = wobble(3000 + set, 0.004);
        let came: f64 = (0..width).map(|_| noise()).sum::<f64>() / f64::from(width);
        let want = law.loss(law.example(), &law.features(&cosine(), &[20_000])[0]);
        inside += u64::from(found.interval.expect("draws").contains(want * came.exp()));
        errors.push(found.loss_nats / want - 1.0);
    }
    let n = errors.len() as f64;
    let mean = errors.iter().sum::<f64>() / n;
    let sd = (errors.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    eprintln!("{inside} of {SETS} inside, bias {mean:e}, SD {sd:e}");
    assert!(inside >= 50, "{inside} of {SETS}");
    assert!(mean.abs() < 4.0 * sd / n.sqrt(), "{mean:e} {sd:e}");
}
