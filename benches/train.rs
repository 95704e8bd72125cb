//! Training speed of the bundled trainer beside the machine's own matrix products.
//!
//! ```sh
//! cargo bench --bench train                 # every size, one thread and two
//! cargo bench --bench train -- 1M 1         # one size, one thread
//! cargo bench --bench train --features cuda -- cuda bf16
//! ```
//!
//! The sizes, batches and the architecture are those of `benches/peers/decoder.py`, which times
//! PyTorch.

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use burn::tensor::{Device, Distribution, FloatDType, Tensor};
use isoloss::flops::{Experts, Shape};
use isoloss::sweep::{Compute, Part, Precision, RunSpec, TrainConfig, TrainEvent, Trainer};
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
    let is = |name: &str| asked.iter().any(|a| a == name);
    let compute = match (is("cuda"), is("wgpu")) {
        (true, _) => Compute::Cuda,
        (_, true) => Compute::Wgpu,
        _ => Compute::Cpu,
    };
    let precision = if is("bf16") { Precision::Bf16 } else { Precision::F32 };
    let threads: Vec<usize> = asked.iter().filter_map(|a| a.parse().ok()).collect();
    let threads = match (threads.is_empty(), compute) {
        (false, _) => threads,
        (true, Compute::Cpu) => vec![1, 2],
        (true, _) => vec![1],
    };
    let named: Vec<_> = cases().into_iter().filter(|case| is(case.0)).collect();
    let cases = if named.is_empty() { cases() } else { named };
    let mut out = std::io::stdout().lock();
    let mut line = |text: String| writeln!(out, "{text}").expect("stdout is open");
    for threads in threads {
        let peak = product_gflop_per_s(threads, compute, precision);
        line(format!(
            "\n{compute:?}, {precision:?}, {threads} thread(s); product of two squares: {peak:.0} GFLOP/s\n"
        ));
        line(
            "| Model | N | N visited | Tokens/s | per CPU second | GFLOP/s | of the product |"
                .to_owned(),
        );
        line("|---|---|---|---|---|---|---|".to_owned());
        for (name, shape, batch, context) in &cases {
            let [speed, by_cpu] =
                tokens_per_s(*shape, *batch, *context, (threads, compute, precision));
            let useful = speed * shape.train_flops_per_token(*context) / 1e9;
            let (all, active) = (shape.params().all, shape.params().active);
            let share = 100.0 * useful / peak;
            line(format!(
                "| {name} | {all} | {active} | {speed:.0} | {by_cpu:.0} | {useful:.1} | {share:.0} % |"
            ));
        }
    }
}

/// Processor time of this process so far, s; NaN where the system does not say.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the name in parentheses; user and system time are the 14th and 15th, in ticks
    // of 1/100 s on every Linux in use.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |at: usize| after.split_whitespace().nth(at).and_then(|t| t.parse::<f64>().ok());
    ticks(11).zip(ticks(12)).map_or(f64::NAN, |(user, system)| (user + system) / 100.0)
}

/// Per second of wall-clock, median over the steps of one run, and per second of processor time, mean over
/// them: on a machine that does other work as well, only the latter compares.
fn tokens_per_s(
    shape: Shape,
    batch_sequences: u32,
    context: u32,
    (threads, compute, precision): (usize, Compute, Precision),
) -> [f64; 2] {
    let config = TrainConfig {
        context,
        batch_sequences: Some(batch_sequences),
        evaluations: 1,
        validation_tokens: u64::from(context),
        ..TrainConfig::default()
    };
    let per_step = config.tokens_per_step();
    let ids: Vec<u32> =
        (0..400_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) % shape.vocab).collect();
    let corpus = Corpus::of_ids("noise", &ids, &ids, shape.vocab);
    let spec = RunSpec {
        id: "bench".to_owned(),
        shape,
        tokens: Tokens::new(((STEPS + 1) * per_step) as f64),
        budget: None,
        seed: 0,
        recipe: config,
        trunk: None,
        part: Part::Main,
    };
    let mut trainer =
        BurnTrainer { threads, compute, precision, ..BurnTrainer::new(Arc::new(corpus)) };
    let mut seconds = Vec::new();
    let mut last = Instant::now();
    let mut cpu = [f64::NAN; 2];
    let mut on_event = |event: &TrainEvent| {
        if let TrainEvent::Step(step) = event {
            if step.step > 1 {
                seconds.push(last.elapsed().as_secs_f64());
                cpu[1] = cpu_s();
            } else {
                cpu[0] = cpu_s();
            }
            last = Instant::now();
        }
        ControlFlow::Continue(())
    };
    trainer.train(&spec, &mut on_event).expect("trains");
    seconds.sort_by(f64::total_cmp);
    let cpu = (cpu[1] - cpu[0]) / seconds.len() as f64;
    [per_step as f64 / seconds[seconds.len() / 2], per_step as f64 / cpu]
}

/// What burn's product of two square matrices reaches on the device: the ceiling of everything above.
fn product_gflop_per_s(threads: usize, compute: Compute, precision: Precision) -> f64 {
    let (device, side) = match compute {
        #[cfg(feature = "cuda")]
        Compute::Cuda => (Device::cuda(0_usize), 8192),
        #[cfg(feature = "wgpu")]
        Compute::Wgpu => (Device::wgpu(burn::tensor::DeviceKind::DefaultDevice), 4096),
        _ => (Device::flex(), 1024),
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    pool.install(|| {
        let random = || {
            let values = Tensor::<2>::random([side, side], Distribution::Default, &device);
            if precision == Precision::Bf16 { values.cast(FloatDType::BF16) } else { values }
        };
        let (a, b) = (random(), random());
        let best = (0..12)
            .map(|_| {
                let began = Instant::now();
                let product = a.clone().matmul(b.clone());
                // One number read back waits for the device and moves nothing.
                let _last = product.slice([side - 1..side, side - 1..side]).into_data();
                began.elapsed().as_secs_f64()
            })
            .fold(f64::INFINITY, f64::min);
        2.0 * (side as f64).powi(3) / best / 1e9
    })
}
