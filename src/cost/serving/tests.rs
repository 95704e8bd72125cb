use super::accuracy::Times;
use super::measured::{OlderEngine, Table};
use super::*;
use crate::cost::model;
use crate::flops::Footprint;
use crate::units::Params;

fn footprint(name: &str) -> Footprint {
    Footprint::from(&model(name).expect("known").shape.expect("a shape"))
}

fn predicted(row: &Measured, efficiency: Efficiency) -> f64 {
    let of = Deployment::of(&row.device, row.devices).expect("known");
    // Their bits count the scales already.
    let of = Deployment { weight_bits: row.weight_bits, efficiency, ..of };
    1.0 / of.step_s(&footprint(&row.model), 1.0, row.prompt).0
}

fn mean_error(rows: &[&Measured], efficiency: Efficiency) -> f64 {
    let off = |r: &&Measured| (predicted(r, efficiency) / r.tokens_per_s - 1.0).abs();
    rows.iter().map(off).sum::<f64>() / rows.len() as f64
}

#[test]
fn golden_measured_decoding_is_met_within_ten_percent_on_average() {
    let rows: Vec<&Measured> = decode_measurements().expect("shipped").iter().collect();
    assert_eq!(rows.len(), 22);
    let fitted = Efficiency::fitted().expect("shipped");
    let mean = mean_error(&rows, fitted);
    assert!(mean < 0.10, "{mean}");
    // A data sheet alone is off by far more.
    assert!(mean_error(&rows, Efficiency::IDEAL) > 0.7);
    // Where it misses, by more than 15 %: said in README.
    let missed: Vec<&str> = rows
        .iter()
        .filter(|r| (predicted(r, fitted) / r.tokens_per_s - 1.0).abs() > 0.15)
        .map(|r| r.model.as_str())
        .collect();
    assert_eq!(missed, ["Llama 3 70B", "Llama 3.1 405B", "Llama 3 8B"]);
}

/// No small change of any shipped constant lowers the sum of |ln error| over the A100 rows, and
/// the Apple rows, never fitted, are met within 20 %.
#[test]
fn recovers_the_shipped_constants_from_the_measured_rows() {
    let rows = decode_measurements().expect("shipped");
    let (a100, apple): (Vec<_>, Vec<_>) = rows.iter().partition(|r| r.device.starts_with("A1"));
    let sum = |e: Efficiency| -> f64 {
        a100.iter().map(|r| (predicted(r, e) / r.tokens_per_s).ln().abs()).sum()
    };
    let best = Efficiency::fitted().expect("shipped");
    for factor in [0.97, 0.995, 1.005, 1.03] {
        for moved in [
            Efficiency { bandwidth_share: best.bandwidth_share * factor, ..best },
            Efficiency { quantised_factor: best.quantised_factor * factor, ..best },
            Efficiency { layer_s: best.layer_s * factor, ..best },
            Efficiency { hop_s: best.hop_s * factor, ..best },
        ] {
            assert!(sum(moved) > sum(best), "{moved:?}");
        }
    }
    assert_eq!(apple.len(), 2);
    for row in apple {
        let off = predicted(row, best) / row.tokens_per_s - 1.0;
        assert!(off.abs() < 0.20, "{}: {off:+.3}", row.device);
    }
}

/// Mean |error| of times between tokens under load on these terms.
fn mean_loaded_error(apart: bool) -> f64 {
    let rows = loaded_measurements().expect("shipped");
    let off = |row: &Loaded| {
        let on = Deployment {
            weight_bits: row.weight_bits,
            prefill_apart: apart,
            ..Deployment::of(&row.device, row.devices).expect("known")
        };
        let requests = Requests { prompt: row.prompt, answer: row.answer };
        let (s, _) = on.loaded_step_s(&footprint(&row.model), row.concurrency, &requests);
        (1e3 * s / row.per_token_ms - 1.0).abs()
    };
    rows.iter().map(off).sum::<f64>() / rows.len() as f64
}

/// Each kind of measurement within the error that the output of `serving` names. Decoding alone misses the
/// rows under load by far more.
#[test]
fn golden_each_kind_of_measurement_is_met() {
    let kinds = serving_accuracy().expect("shipped");
    let most = [0.08, 0.075, 0.055, 0.15];
    let rows = [22, 8, 19, 12];
    for ((kind, most), rows) in kinds.iter().zip(most).zip(rows) {
        assert!(kind.mean_error_ratio < most && kind.rows == rows, "{kind:?}");
    }
    let (shared, apart) = (mean_loaded_error(false), mean_loaded_error(true));
    assert!((shared - kinds[1].mean_error_ratio).abs() < 1e-12, "{shared}");
    assert!(apart > 2.0 * shared, "{apart} {shared}");
}

/// No small change of a constant of arithmetic, links or the older engine, and no other overlap, lowers the
/// sum over kinds of the mean |ln error|.
#[test]
fn recovers_the_constants_of_load_batches_and_prompts() {
    let sum = |efficiency: Efficiency, kv_rereads: f64| -> f64 {
        let older = OlderEngine { kv_rereads };
        let Times { loaded, batched, first, .. } =
            Times::of(efficiency, Some(older)).expect("shipped");
        [loaded, batched, first]
            .iter()
            .map(|kind| kind.iter().map(|x| x.ln().abs()).sum::<f64>() / kind.len() as f64)
            .sum()
    };
    let best = Efficiency::fitted().expect("shipped");
    let rereads = Table::shipped().expect("shipped").older_engine.kv_rereads;
    let least = sum(best, rereads);
    for factor in [0.97, 0.995, 1.005, 1.03] {
        for (moved, rereads) in [
            (Efficiency { fp8_factor: best.fp8_factor * factor, ..best }, rereads),
            (Efficiency { link_share: best.link_share * factor, ..best }, rereads),
            (best, rereads * factor),
        ] {
            assert!(sum(moved, rereads) > least, "{moved:?} {rereads}");
        }
    }
    for overlap_power in [1.0, 2.0, f64::INFINITY] {
        assert!(sum(Efficiency { overlap_power, ..best }, rereads) > least, "{overlap_power}");
    }
    // Keys and values read once, as newer engines do, miss the older one by more than twice as much.
    let batched = |kv_rereads: f64| -> f64 {
        let times = Times::of(best, Some(OlderEngine { kv_rereads })).expect("shipped");
        times.batched.iter().map(|x| x.ln().abs()).sum()
    };
    assert!(batched(1.0) > 2.0 * batched(rereads));
}

/// A steady stream, step by step: each step decodes the batch and reads the tokens that fall to it. Its
/// device-seconds per request are those of the formula.
#[test]
fn a_request_takes_what_a_steady_stream_of_them_takes() {
    let model = footprint("Llama 2 13B");
    for (prompt, answer, batch) in
        [(1000.0, 300.0, 32.0), (4000.0, 100.0, 8.0), (50.0, 500.0, 64.0)]
    {
        let requests = Requests { prompt, answer };
        for apart in [false, true] {
            let on = Deployment {
                prefill_apart: apart,
                ..Deployment::of("H100 SXM", 2.0).expect("known")
            };
            let served = on
                .serve(&model, &requests, BatchSize::Fixed(batch), &Latency::default())
                .expect("fits");
            // Ten thousand steps finish batch / answer requests each.
            let (mut seconds, mut finished, mut prefill) = (0.0, 0.0, 0.0);
            for _ in 0..10_000 {
                seconds += served.per_token_s;
                finished += batch / answer;
                prefill += batch / answer * served.first_token_s;
            }
            let group_s = if apart { seconds + prefill } else { seconds };
            let formula = served.device_s(&requests.workload(1.0), 1.0);
            assert!((group_s / finished / formula - 1.0).abs() < 1e-9, "{prompt} {apart}");
        }
    }
}

#[test]
fn a_wait_that_no_batch_keeps_is_refused_with_what_it_takes() {
    let one = Deployment::of("H100 SXM", 1.0).expect("known");
    let mistral = footprint("Mistral 7B");
    let requests = Requests { prompt: 1000.0, answer: 300.0 };
    let free = BatchSize::Largest(256.0);
    for (latency, word) in [
        (Latency { per_token_s: Some(1e-4), first_token_s: None }, "each further token"),
        (Latency { per_token_s: None, first_token_s: Some(1e-3) }, "first token"),
    ] {
        let error = one.serve(&mistral, &requests, free, &latency).expect_err("too fast");
        assert!(error.to_string().contains(word) && error.to_string().contains("ms"), "{error}");
    }
    let fixed = Latency { per_token_s: Some(0.01), first_token_s: None };
    assert!(one.serve(&mistral, &requests, BatchSize::Fixed(1.0), &fixed).is_ok());
    assert!(one.serve(&mistral, &requests, BatchSize::Fixed(200.0), &fixed).is_err());
}

#[test]
fn quantised_bytes_include_their_scales() {
    let four = Deployment::of("Apple M1 Max", 1.0).expect("known").quantised(4.0);
    assert_eq!(four.stored_bits(), 4.5);
    let mistral = footprint("Mistral 7B");
    assert!((four.weight_bytes(&mistral) / 1e9 - 4.07).abs() < 0.01);
    // The window caps what a long context keeps: 131 kB per token, 4096 of them.
    let long = four.cache_bytes(&mistral, 1e5);
    assert_eq!(long, 4096.0 * 131_072.0);
}

#[test]
fn golden_cache_bytes_per_token() {
    for (name, bytes) in [
        ("GPT-3 175B", 4_718_592.0),
        ("Gopher 280B", 5_242_880.0),
        ("LLaMA 7B", 524_288.0),
        ("Llama 2 70B", 327_680.0),
        ("Mixtral 8x7B", 131_072.0),
        ("Llama 3.1 405B", 516_096.0),
        ("DeepSeek-V3", 70_272.0),
        ("PaLM 540B", 120_832.0),
    ] {
        assert_eq!(2.0 * footprint(name).kv_entries_per_token, bytes, "{name}");
    }
}

#[test]
fn the_largest_batch_keeps_memory_and_time() {
    let eight = Deployment::of("H100 SXM", 8.0).expect("known");
    let requests = Requests { prompt: 1000.0, answer: 500.0 };
    let big = footprint("Llama 2 70B");
    let free = BatchSize::Largest(1e9);
    let served = eight.serve(&big, &requests, free, &Latency::default()).expect("fits");
    let used = served.weight_bytes + served.cache_bytes;
    assert!((used / eight.free_bytes() - 1.0).abs() < 1e-9);
    let limit = Latency { per_token_s: Some(0.03), first_token_s: None };
    let quick = eight.serve(&big, &requests, free, &limit).expect("fits");
    assert!((quick.per_token_s / 0.03 - 1.0).abs() < 1e-6 && quick.batch < served.batch);
    let one = Deployment::of("H100 SXM", 1.0).expect("known");
    let error = one.serve(&big, &requests, free, &limit).expect_err("138 GB on 80");
    assert!(error.to_string().contains("138.4 GB"), "{error}");
}

/// The scaling book's general decode step, ideal roofline: Llama 2 13B on 8 TPU v5e, 8192 tokens.
#[test]
fn golden_ideal_roofline_steps() {
    let v5e = Deployment {
        efficiency: Efficiency::IDEAL,
        ..Deployment::of("TPU v5e", 8.0).expect("known")
    };
    let full = Footprint {
        fixed_weights: 13e9,
        total: Params::new(13e9),
        // The book leaves the arithmetic of the scores out.
        attention_width: 0.0,
        ..footprint("Llama 2 13B")
    };
    let grouped = Footprint { kv_entries_per_token: full.kv_entries_per_token / 5.0, ..full };
    for (model, batch, ms) in [
        (full, 1.0, 4.98),
        (full, 8.0, 12.13),
        (full, 16.0, 20.3),
        (full, 32.0, 36.65),
        (full, 240.0, 249.09),
        (grouped, 1.0, 4.17),
        (grouped, 64.0, 17.04),
        (grouped, 240.0, 52.99),
    ] {
        let ours = 1e3 * v5e.step_s(&model, batch, 8192.0).0;
        assert!((ours / ms - 1.0).abs() < 0.01, "batch {batch}: {ours} {ms}");
    }
}
