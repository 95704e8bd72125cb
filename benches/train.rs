//! Training steps of the bundled trainer on one thread.

use std::ops::ControlFlow;
use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use isoloss::flops::Shape;
use isoloss::sweep::{Recipe, RunSpec, Trainer};
use isoloss::train::{BurnTrainer, Corpus, VOCAB};
use isoloss::units::Tokens;

fn main() {
    divan::main();
}

/// Ten steps of 4 x 128 tokens, one validation batch at the end; items are training tokens.
#[divan::bench(args = [(2, 32, 1), (3, 64, 2), (4, 128, 4)], sample_count = 10)]
fn ten_steps(bencher: Bencher, (layers, d_model, heads): (u32, u32, u32)) {
    let recipe = Recipe {
        context: 128,
        batch_sequences: 4,
        evaluations: 1,
        validation_tokens: 128,
        ..Recipe::default()
    };
    let tokens = 10 * recipe.tokens_per_step();
    let text: Vec<u8> =
        (0..200_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let corpus = Corpus {
        name: "noise".to_owned(),
        train: text.clone(),
        validation: text,
        sha256: String::new(),
    };
    let spec = RunSpec {
        id: "bench".to_owned(),
        shape: Shape::swiglu(layers, d_model, heads, VOCAB),
        tokens: Tokens::new(tokens as f64),
        budget: None,
        seed: 0,
        recipe,
    };
    let mut trainer = BurnTrainer { corpus: Arc::new(corpus), threads: 1 };
    bencher
        .counter(ItemsCount::new(tokens))
        .bench_local(|| trainer.train(&spec, &mut |_| ControlFlow::Continue(())).expect("trains"));
}
