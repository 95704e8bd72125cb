//! Training speed of the bundled trainer beside the machine's own matrix products.
//!
//! ```sh
//! cargo bench --bench train                 # every size, one thread and two
//! cargo bench --bench train -- 1M 1         # one size, one thread
//! ```
//!
//! The sizes, batches and the architecture are those of `benches/peers/decoder.py`, which times
//! PyTorch.

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use isoloss::flops::{Experts, Shape};
use isoloss::sweep::{Recipe, RunSpec, TrainEvent, Trainer};
use isoloss::train::{BurnTrainer, Corpus};
use isoloss::units::Tokens;

/// Steps timed, after one that is not.
const STEPS: u64 = 8;

/// What is trained: name, shape, sequences a step, tokens a sequence.
fn cases() -> Vec<(&'static str, Shape, u32, u32)> {
    let bytes = 256;
    let experts = Experts { count: 8, top_k: 2, shared: 0, dense_layers: 0, dense_ffn: 0 };
    let sparse = Shape { ffn: 176, experts: Some(experts), ..Shape::swiglu(4, 128, 4, bytes) };
    vec![
        ("0.1M", Shape::swiglu(2, 64, 2, bytes), 16, 128),
        ("1M", Shape::swiglu(4, 128, 4, bytes), 16, 128),
        ("1M-ctx256", Shape::swiglu(4, 128, 4, bytes), 8, 256),
        ("5M", Shape::swiglu(6, 256, 4, bytes), 8, 128),
        (
            "5M-gelu",
            Shape { ffn: 1024, ffn_matrices: 2, ..Shape::swiglu(6, 256, 4, bytes) },
            8,
            128,
        ),
        ("6M-vocab4096", Shape::swiglu(6, 256, 4, 4096), 8, 128),
        ("20M", Shape::swiglu(6, 512, 8, bytes), 8, 128),
        ("2M-8-experts", sparse, 16, 128),
    ]
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let (names, threads): (Vec<&String>, Vec<&String>) =
        asked.iter().partition(|a| a.parse::<usize>().is_err());
    let threads: Vec<usize> = match threads.as_slice() {
        [] => vec![1, 2],
        given => given.iter().filter_map(|t| t.parse().ok()).collect(),
    };
    let mut out = std::io::stdout().lock();
    let mut line = |text: String| writeln!(out, "{text}").expect("stdout is open");
    for threads in threads {
        let peak = product_gflop_per_s(threads);
        line(format!("\n{threads} thread(s); f32 product of 1024 x 1024: {peak:.0} GFLOP/s\n"));
        line("| Model | N | N visited | Tokens/s | GFLOP/s | of the product |".to_owned());
        line("|---|---|---|---|---|---|".to_owned());
        for (name, shape, batch, context) in cases() {
            if !names.is_empty() && !names.iter().any(|n| *n == name) {
                continue;
            }
            let speed = tokens_per_s(shape, batch, context, threads);
            let useful = speed * shape.train_flops_per_token(context) / 1e9;
            let (all, active) = (shape.params().all, shape.params().active);
            let share = 100.0 * useful / peak;
            line(format!(
                "| {name} | {all} | {active} | {speed:.0} | {useful:.1} | {share:.0} % |"
            ));
        }
    }
}

/// Median over the steps of one run.
fn tokens_per_s(shape: Shape, batch_sequences: u32, context: u32, threads: usize) -> f64 {
    let recipe = Recipe {
        context,
        batch_sequences,
        evaluations: 1,
        validation_tokens: u64::from(context),
        ..Recipe::default()
    };
    let per_step = recipe.tokens_per_step();
    let ids: Vec<u32> =
        (0..400_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) % shape.vocab).collect();
    let corpus = Corpus::of_ids("noise", &ids, &ids, shape.vocab);
    let spec = RunSpec {
        id: "bench".to_owned(),
        shape,
        tokens: Tokens::new(((STEPS + 1) * per_step) as f64),
        budget: None,
        seed: 0,
        recipe,
        trunk: None,
    };
    let mut trainer = BurnTrainer { threads, ..BurnTrainer::new(Arc::new(corpus)) };
    let mut seconds = Vec::new();
    let mut last = Instant::now();
    let mut on_event = |event: &TrainEvent| {
        if let TrainEvent::Step(step) = event {
            if step.step > 1 {
                seconds.push(last.elapsed().as_secs_f64());
            }
            last = Instant::now();
        }
        ControlFlow::Continue(())
    };
    trainer.train(&spec, &mut on_event).expect("trains");
    seconds.sort_by(f64::total_cmp);
    per_step as f64 / seconds[seconds.len() / 2]
}

/// What burn's product of two square matrices reaches: the ceiling of everything above.
fn product_gflop_per_s(threads: usize) -> f64 {
    const SIDE: usize = 1024;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    pool.install(|| {
        let device = Device::flex();
        let random = || Tensor::<2>::random([SIDE, SIDE], Distribution::Default, &device);
        let (a, b) = (random(), random());
        let best = (0..12)
            .map(|_| {
                let began = Instant::now();
                let _c = a.clone().matmul(b.clone()).into_data();
                began.elapsed().as_secs_f64()
            })
            .fold(f64::INFINITY, f64::min);
        2.0 * (SIDE as f64).powi(3) / best / 1e9
    })
}
