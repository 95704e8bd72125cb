//! Whole runs: what they learn, repeat, and refuse.

use crate::flops::Shape;
use crate::sweep::{BYTES, RunSpec, RunStatus, TrainConfig, Trainer};
use crate::train::fixtures::*;
use crate::train::trainer::BurnTrainer;

#[test]
fn one_batch_is_learnt_by_heart() {
    // Exactly four windows, so every step sees the same batch of letters without a pattern.
    let text = noise(26, 4 * CONTEXT as usize + 1, 5);
    for experts in [None, Some(experts(4, 2, 0))] {
        let shape = Shape { experts, ..Shape::swiglu(2, 32, 2, BYTES) };
        let spec = RunSpec { shape, ..spec(150, config()) };
        let (losses, _, status) = losses(&mut trainer(&text, &text), &spec);
        let (first, last) = (losses[0], losses[losses.len() - 1]);
        assert!((first - 256.0_f64.ln()).abs() < 0.2, "{first}");
        assert!(last < 0.1, "26 letters have an entropy of 3.26 nats; {last} is left");
        assert_eq!((status, losses.len()), (RunStatus::Finished, 150));
    }
}

#[test]
fn two_equally_likely_letters_cost_ln_two() {
    let config = TrainConfig { validation_tokens: 16_384, ..config() };
    let mut trainer = trainer(&noise(2, 60_000, 1), &noise(2, 20_001, 2));
    let (_, loss, _) = losses(&mut trainer, &spec(300, config));
    // The entropy rate is ln 2 whatever the model does; it can only be above, and little.
    assert!((-1e-3..0.02).contains(&(loss - 2.0_f64.ln())), "{loss}");
}

#[test]
fn the_same_seed_gives_the_same_losses_on_any_number_of_threads() {
    let mut one = trainer(&noise(26, 5000, 1), &noise(26, 500, 2));
    let spec = spec(6, config());
    let first = losses(&mut one, &spec).0;
    assert_eq!(first, losses(&mut one, &spec).0);
    let mut three = BurnTrainer { threads: 3, ..one.clone() };
    assert_eq!(first, losses(&mut three, &spec).0);
    let other = RunSpec { seed: 2, ..spec };
    assert_ne!(first, losses(&mut one, &other).0);
}

#[test]
fn accumulated_gradients_are_those_of_the_whole_batch() {
    let mut trainer = trainer(&noise(26, 5000, 1), &noise(26, 500, 2));
    let whole = losses(&mut trainer, &spec(5, config())).0;
    // Parts of three and of one.
    let parts = TrainConfig { micro_sequences: Some(3), ..config() };
    let parts = losses(&mut trainer, &spec(5, parts)).0;
    assert_ne!(whole, parts, "sums in another order");
    for (a, b) in whole.iter().zip(&parts) {
        assert!((a - b).abs() < 2e-5, "{a} {b}");
    }
}

#[test]
fn a_run_that_explodes_is_diverged() {
    // Decay at this rate multiplies every matrix by 1 - 9.9 · 9 = -88 a step: past the largest
    // f32 within twenty-odd steps, whatever the gradients do.
    let config = TrainConfig {
        peak_lr: 9.9,
        lr_width_exponent: 0.0,
        warmup_fraction: Some(0.0),
        weight_decay: 9.0,
        ..config()
    };
    let mut trainer = trainer(&noise(26, 5000, 1), &noise(26, 500, 2));
    let (losses, _, status) = losses(&mut trainer, &spec(400, config));
    assert_eq!(status, RunStatus::Diverged);
    assert!(losses.len() < 100, "stopped at once, not after all steps");
}

#[test]
fn what_cannot_be_trained_is_refused_before_anything_is_done() {
    let refusal = |spec: &RunSpec, validation: &[u32]| {
        let mut trainer = trainer(&noise(26, 5000, 1), validation);
        let outcome = trainer.train(spec, &mut |_| panic!("nothing to report"));
        outcome.expect_err("refused").to_string()
    };
    let good = noise(26, 500, 2);
    let plain = spec(5, config());
    assert!(refusal(&plain, &[]).contains("validation"));
    let shape = Shape { biases: true, ..plain.shape };
    assert!(refusal(&RunSpec { shape, ..plain.clone() }, &good).contains("biases"));
    let shape = Shape { vocab: 64, ..plain.shape };
    assert!(refusal(&RunSpec { shape, ..plain.clone() }, &good).contains("vocab = 256"));
}
