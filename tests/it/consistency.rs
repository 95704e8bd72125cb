//! Numbers that a log tells in several ways are held against each other.

use std::fmt::Write as _;

use isoloss::data::{ReadOptions, RunTable};

use crate::step_logs::{Curve, SIZED, assert_says, folder, options, put, refused, table};

/// Lines of a trainer that prints `step`, `loss` and `lr`.
fn lines(steps: u32, below: f64) -> String {
    let curve = Curve { planned: steps, until: steps, ..Curve::whole() };
    (1..=steps).fold(String::new(), |mut text, step| {
        let (loss, rate) = (curve.loss(step) - below, curve.rate(step));
        let _ = writeln!(text, "step {step}/{steps} loss: {loss:.4} lr: {rate:.6e}");
        text
    })
}

fn said(found: &RunTable) -> String {
    found.notes.iter().map(|n| format!("{}\n", n.note)).collect()
}

/// A state of Hugging Face's trainer: 400 steps with a whole batch of 128, whatever it says.
fn state(said_batch: u32, flos: bool, time: bool) -> String {
    let curve = Curve::whole();
    let history: Vec<String> = (1..=20)
        .map(|i| {
            let (step, rate) = (20 * i, curve.rate(20 * i));
            format!(
                "{{\"step\": {step}, \"loss\": {:.4}, \"learning_rate\": {rate:e}}}",
                curve.loss(step)
            )
        })
        .collect();
    let tokens = 400.0 * 128.0 * 128.0;
    let flos = if flos { 6.0 * tokens * f64::from(BODY) } else { 0.0 };
    let end = match time {
        true => format!(
            ", {{\"step\": 400, \"train_loss\": 9.9, \"train_runtime\": 100.0, \"train_samples_per_second\": {}}}",
            400 * 128 / 100
        ),
        false => String::new(),
    };
    format!(
        "{{\"global_step\": 400, \"max_steps\": 400, \"train_batch_size\": {said_batch}, \"total_flos\": {flos:e}, \"log_history\": [{}{end}]}}",
        history.join(", ")
    )
}

/// Parameters of the model beside [`state`] that are no embedding: d = 64, two blocks.
const BODY: i32 = 2 * (12 * 64 * 64 + 13 * 64) + 2 * 64;

const MODEL: &str = "{\"model_type\": \"gpt2\", \"n_embd\": 64, \"n_layer\": 2, \"n_head\": 2, \"vocab_size\": 1000, \"n_positions\": 128}";

#[test]
fn a_batch_of_one_device_is_told_from_the_whole_one() {
    for (batch, flos, time, right) in [
        (128, true, true, true),
        (128, false, true, true),
        (8, true, true, false),
        (8, true, false, false),
        (8, false, true, false),
        // Two devices are as wrong as sixteen.
        (64, true, false, false),
        (64, false, true, false),
    ] {
        let place = folder();
        let path = put(&place, "r/trainer_state.json", state(batch, flos, time));
        put(&place, "r/config.json", MODEL);
        let folder = path.parent().expect("a folder");
        let case = format!("{batch} {flos} {time}");
        if right {
            let found = table(folder, &options(&["seq_len=128"]));
            assert_eq!(found.runs[0].d.get(), 400.0 * 128.0 * 128.0, "{case}");
            continue;
        }
        let text = refused(folder, &options(&["seq_len=128"]));
        assert_says(
            &text,
            &["train_batch_size", "times as many", "one device", "global_batch_size"],
        );
        // The word of the user settles it.
        let found = table(folder, &options(&["seq_len=128", "global_batch_size=128"]));
        assert_eq!(found.runs[0].d.get(), 400.0 * 128.0 * 128.0, "{case}");
    }
    // Nothing to hold it against: read, with a word on it.
    let place = folder();
    put(&place, "r/trainer_state.json", state(8, false, false));
    put(&place, "r/config.json", MODEL);
    let found = table(place.path(), &options(&["seq_len=128"]));
    assert_says(&said(&found), &["train_batch_size is that of one device"]);
}

#[test]
fn devices_of_a_config_multiply_the_batch_and_those_of_one_model_do_not() {
    let place = folder();
    let path = put(&place, "a.csv", Curve::whole().csv());
    for (facts, devices) in [
        (&["devices=2"][..], 2.0),
        (&["devices=2", "num_nodes=4"], 8.0),
        (&["world_size=8", "tensor_model_parallel_size=2", "pipeline_model_parallel_size=2"], 2.0),
        (&["world_size=8", "data_parallel_size=4", "tensor_model_parallel_size=2"], 4.0),
    ] {
        let found = table(&path, &options(&[&SIZED[..], facts].concat()));
        assert_eq!(found.runs[0].d.get(), 400.0 * 1024.0 * devices, "{facts:?}");
    }
}

#[test]
fn the_size_of_the_data_set_is_not_what_was_seen() {
    let sized = "n_params: 1000000\nbatch_size: 8 seq_len: 128\n";
    for line in [
        "total number of tokens: 100000000 across 1 files\n",
        "dataset: 100000000 tokens\n",
        "Number of tokens = 100000000\n",
        "train tokens: 100,000,000, val tokens: 1,000,000\n",
    ] {
        let place = folder();
        let path = put(&place, "a.log", format!("{line}{sized}{}", lines(400, 0.0)));
        let found = table(&path, &ReadOptions::default());
        assert_eq!(found.runs[0].d.get(), 400.0 * 1024.0, "{line}");
    }
    // A column that says it in every row, and one that says it once.
    for rows in ["{step},{loss},100000000\n", "{step},{loss},{once}\n"] {
        let place = folder();
        let text = (1..=400).fold("step,train_loss,tokens\n".to_owned(), |text, step| {
            let once = if step == 1 { "100000000" } else { "" };
            let row = rows
                .replace("{step}", &step.to_string())
                .replace("{loss}", &format!("{:.5}", Curve::whole().loss(step)))
                .replace("{once}", once);
            text + &row
        });
        let path = put(&place, "a.csv", text);
        let found = table(&path, &options(&SIZED));
        assert_eq!(found.runs[0].d.get(), 400.0 * 1024.0);
        // A hundred million tokens in each of 400 steps is another count than 1024.
        let word = match rows.contains("once") {
            true => "not taken for the tokens seen",
            false => "step x tokens gives",
        };
        assert_says(&said(&found), &[word]);
    }
}

#[test]
fn tokens_of_one_device_give_way_to_those_of_all() {
    let place = folder();
    let text = (1..=40).fold("step,val_loss,tokens,total_tokens\n".to_owned(), |text, i| {
        text + &format!("{},{:.4},{},{}\n", 10 * i, 4.0 - 0.01 * f64::from(i), 5120 * i, 20480 * i)
    });
    let found = table(&put(&place, "a.csv", text), &options(&["n_params=1e6"]));
    assert_eq!(found.runs[0].d.get(), 40.0 * 20480.0);
    assert_says(&said(&found), &["`total_tokens` is 4 times `tokens`"]);
}

#[test]
fn runs_one_after_another_in_one_file_are_as_many_runs() {
    let header = |n: f64| format!("model: n_params={n}\nbatch_size=8 seq_len=128\n");
    let place = folder();
    let five: String = [1e6, 2e6, 4e6, 8e6, 16e6]
        .iter()
        .zip([0.0, 0.1, 0.2, 0.3, 0.4])
        .map(|(n, below)| header(*n) + &lines(200, below))
        .collect();
    let found = table(&put(&place, "five.log", five), &ReadOptions::default());
    let sizes: Vec<f64> = found.runs.iter().map(|r| r.n.get()).collect();
    assert_eq!(sizes, [1e6, 2e6, 4e6, 8e6, 16e6]);
    assert_eq!(found.runs[4].run, "five-5");
    assert!(found.runs.iter().all(|r| r.d.get() == 200.0 * 1024.0));
    // Seeds of one model, its header printed once.
    let seeds = header(1e6) + &lines(200, 0.0) + &lines(200, 0.01) + &lines(200, 0.02);
    let found = table(&put(&place, "seeds.log", seeds), &ReadOptions::default());
    assert_eq!(found.runs.len(), 3);
    assert!(found.runs[0].loss_nats > found.runs[2].loss_nats);
    // One that was killed and begun again is one run.
    let killed: String = lines(200, 0.5).lines().take(90).map(|l| format!("{l}\n")).collect();
    let again = format!("{}{killed}{}{}", header(1e6), header(1e6), lines(200, 0.0));
    let found = table(&put(&place, "again.log", again), &ReadOptions::default());
    assert_eq!(found.runs.len(), 1);
    assert_says(&said(&found), &["an attempt that stopped at step 90 was begun again"]);
    // Resumed from a checkpoint, it goes on.
    let rest: String = lines(200, 0.0).lines().skip(80).map(|l| format!("{l}\n")).collect();
    let first: String = lines(200, 0.0).lines().take(90).map(|l| format!("{l}\n")).collect();
    let resumed = format!("{}{first}{}{rest}", header(1e6), header(1e6));
    let found = table(&put(&place, "resumed.log", resumed), &ReadOptions::default());
    assert_eq!((found.runs.len(), found.runs[0].d.get()), (1, 200.0 * 1024.0));
}

#[test]
fn runs_without_names_in_one_file_are_told_apart_or_refused() {
    let place = folder();
    let config = |n: f64| {
        format!("{{\"config\": {{\"n_params\": {n}, \"batch_size\": 8, \"seq_len\": 128}}}}\n")
    };
    let steps = (1..=100).fold(String::new(), |text, step| {
        text + &format!("{{\"step\": {step}, \"loss\": {:.4}}}\n", Curve::whole().loss(step))
    });
    let two = config(1e6) + &steps + &config(4e6) + &steps;
    let path = put(&place, "two.jsonl", two);
    assert_says(&refused(&path, &ReadOptions::default()), &["two sizes, 1.00M and 4.00M", "`run`"]);
    // Resumed, a run writes its config again.
    let again = config(1e6) + &steps + &config(1e6) + &steps.replace("\"step\": ", "\"step\": 1");
    let found = table(&put(&place, "again.jsonl", again), &ReadOptions::default());
    assert_eq!(found.runs.len(), 1);
    let rows = |n: &str| -> String {
        (1..=100).map(|step| format!("{step},{n},{:.4}\n", Curve::whole().loss(step))).collect()
    };
    let text = format!("step,n_params,val_loss\n{}{}", rows("1000000"), rows("4000000"));
    let path = put(&place, "two.csv", text);
    let given = options(&["batch_size=8", "seq_len=128"]);
    assert_says(&refused(&path, &given), &["two sizes", "`run`"]);
}

#[test]
fn the_first_evaluation_of_a_step_stands_and_a_bar_repeats_the_last() {
    let sized = "n_params: 1000000\nbatch_size: 8 seq_len: 128\n";
    let evaluated = |end: &str| {
        let lines = (0..=20).fold(String::new(), |text, i| {
            text + &format!("step:{}/400 val_loss:{:.4}\n", 20 * i, 4.0 - 0.04 * f64::from(i))
        });
        let place = folder();
        let path = put(&place, "a.log", format!("{sized}{lines}{end}"));
        table(&path, &ReadOptions::default())
    };
    for end in [
        "final_int8_zlib_roundtrip val_loss:3.5123 val_bpb:1.3\n",
        "after quantization: val_loss: 3.4\n",
        "eval on other set, val loss 3.9\n",
    ] {
        let found = evaluated(end);
        assert!((found.runs[0].loss_nats - 3.2).abs() < 1e-12, "{end}");
        assert_says(&said(&found), &["printed again at one step: the first stands"]);
    }
    // A progress bar keeps the loss of step 200 in view until the end.
    let bars: String = (1..=40)
        .map(|i| {
            format!(
                "\r {}/400 [reduced_train_loss={:.2}, global_step={}, val_loss=3.55]",
                10 * i,
                4.0 - 0.01 * f64::from(i),
                10 * i - 1
            )
        })
        .collect();
    let place = folder();
    let path = put(&place, "bar.log", bars);
    let found = table(&path, &options(&SIZED));
    assert_eq!(found.runs[0].loss_source.to_string(), "evaluation at step 10");
}

#[test]
fn a_plan_that_was_carried_out_ends_a_run_whatever_its_last_rate() {
    let place = folder();
    // Constant, then a line to 15 % of the peak, with and without a word on the plan.
    let row = |step: u32| {
        let rate =
            if step <= 320 { 1e-3 } else { 1e-3 * (1.0 - 0.85 * f64::from(step - 320) / 80.0) };
        format!("{step},{rate:e},{:.5}\n", Curve::whole().loss(step))
    };
    let rows: String = (1..=400).map(row).collect();
    let path = put(&place, "a.csv", format!("step,lr,train_loss\n{rows}"));
    assert_says(&refused(&path, &options(&SIZED)), &["15 % of its peak", "status=finished"]);
    for fact in ["max_steps=400", "status=finished", "a:status=Succeeded"] {
        let found = table(&path, &options(&[&SIZED[..], &[fact]].concat()));
        assert_eq!(found.runs.len(), 1, "{fact}");
        assert_says(&said(&found), &["15 % of its peak"]);
    }
    // Half-way down a cosine that was planned longer is no end, though all steps asked for were taken.
    let cut = Curve { planned: 400, until: 200, ..Curve::whole() };
    let path = put(&place, "b.csv", cut.csv());
    let asked = [&SIZED[..], &["max_steps=200"]].concat();
    assert_says(&refused(&path, &options(&asked)), &["in the middle of its cosine", "step 200"]);
    // A rate logged long before the end says nothing about it.
    let rare = Curve::whole();
    let text = (1..=400).fold("step,lr,train_loss\n".to_owned(), |text, step| {
        let rate = if step % 60 == 0 { format!("{:e}", rare.rate(step)) } else { String::new() };
        text + &format!("{step},{rate},{:.5}\n", rare.loss(step))
    });
    let path = put(&place, "c.csv", text);
    let found = table(&path, &options(&[&SIZED[..], &["max_steps=400"]].concat()));
    assert_eq!(found.runs.len(), 1);
}

#[test]
fn states_mean_the_same_in_tables_and_logs() {
    let place = folder();
    for (state, ends) in [
        ("succeeded", true),
        ("Finished", true),
        ("done", true),
        ("running", false),
        ("crashed", false),
    ] {
        let rows = format!(
            "run,params,tokens,loss,status\na,1e8,2e9,3.0,{state}\nb,2e8,2e9,2.9,finished\n"
        );
        let found = table(&put(&place, "t.csv", rows), &ReadOptions::default());
        assert_eq!(found.runs.len(), if ends { 2 } else { 1 }, "{state}");
        let log = Curve::whole().csv();
        let path = put(&place, "s.csv", log);
        let asked = options(&[&SIZED[..], &[format!("status={state}").as_str()]].concat());
        match ends {
            true => assert_eq!(table(&path, &asked).runs.len(), 1, "{state}"),
            false => assert_says(&refused(&path, &asked), &[state]),
        }
        for name in ["t.csv", "s.csv"] {
            std::fs::remove_file(place.path().join(name)).expect("removed");
        }
    }
    // So do names: one list for tables and logs.
    for name in ["total_tokens_seen", "tokens_trained", "consumed_train_tokens"] {
        let rows = format!("run,params,{name},loss\na,1e8,2e9,3.0\n");
        assert_eq!(
            table(&put(&place, "t.csv", rows), &ReadOptions::default()).runs[0].d.get(),
            2e9
        );
        let steps = (1..=40).fold(format!("step,val_loss,{name}\n"), |text, i| {
            text + &format!("{i},{:.3},{}\n", 4.0 - 0.01 * f64::from(i), 1000 * i)
        });
        let found = table(&put(&place, "s.csv", steps), &options(&["n_params=1e6"]));
        assert!(found.runs.iter().any(|run| run.d.get() == 40_000.0), "{name}");
        std::fs::remove_file(place.path().join("s.csv")).expect("removed");
    }
}

#[test]
fn a_counter_of_calls_is_not_a_count_of_updates() {
    let place = folder();
    let chart = |from: u32, each: u32| {
        (0..=40).fold("\"Step\",\"a - val/loss\"\n".to_owned(), |text, i| {
            text + &format!("{},{:.4}\n", from + each * i, 4.0 - 0.01 * f64::from(i))
        })
    };
    let given = ["n_params=1e6", "tokens_per_step=1024"];
    let path = put(&place, "a.csv", chart(0, 1));
    assert_says(&refused(&path, &options(&given)), &["count of calls of log", "max_steps"]);
    let found = table(&path, &options(&[&given[..], &["max_steps=10000"]].concat()));
    assert_eq!(found.runs[0].d.get(), 10_000.0 * 1024.0);
    // Steps that leave numbers out are the trainer's own.
    let path = put(&place, "a.csv", chart(0, 250));
    assert_eq!(table(&path, &options(&given)).runs[0].d.get(), 10_000.0 * 1024.0);
}

#[test]
fn a_perplexity_beside_a_loss_tells_bits_from_nats() {
    let place = folder();
    let text = |base: f64| {
        (1..=40).fold("step,val_loss,val_ppl\n".to_owned(), |text, i| {
            let loss = 6.0 - 0.02 * f64::from(i);
            text + &format!("{},{loss:.4},{:.4}\n", 10 * i, base.powf(loss))
        })
    };
    let path = put(&place, "a.csv", text(std::f64::consts::E));
    assert!((table(&path, &options(&SIZED)).runs[0].loss_nats - 5.2).abs() < 1e-9);
    let path = put(&place, "a.csv", text(2.0));
    assert_says(&refused(&path, &options(&SIZED)), &["`val_loss`", "`val_ppl`", "in bits"]);
    let map = "loss=val_loss*0.693147".parse().expect("a map");
    let found = table(&path, &ReadOptions { map, ..options(&SIZED) });
    let nats = 5.2 * std::f64::consts::LN_2;
    assert!((found.runs[0].loss_nats - nats).abs() < 5e-6);
}

#[test]
fn epochs_from_zero_are_one_more() {
    let place = folder();
    let text = (0..12).fold("epoch,loss,val_loss\n".to_owned(), |text, i| {
        let loss = 7.0 - 0.1 * f64::from(i);
        text + &format!("{i},{:.3},{loss:.3}\n", loss + 0.1)
    });
    let path = put(&place, "a.csv", &text);
    // Positions are epochs, of which the tokens are known.
    let found = table(&path, &options(&["n_params=1e6", "tokens_per_epoch=5e6"]));
    assert_eq!(found.runs[0].d.get(), 12.0 * 5e6);
    let map = "step=epoch".parse().expect("a map");
    let mapped = ReadOptions { map, ..options(&["n_params=1e6", "tokens_per_step=5e6"]) };
    let found = table(&path, &mapped);
    assert_eq!(found.runs[0].d.get(), 12.0 * 5e6);
    assert_says(&said(&found), &["epochs are counted from 0"]);
    let from_one = text.lines().enumerate().fold(String::new(), |out, (i, line)| {
        let rest = line.split_once(',').map_or("", |(_, rest)| rest);
        out + &if i == 0 { format!("{line}\n") } else { format!("{i},{rest}\n") }
    });
    let found = table(&put(&place, "a.csv", from_one), &mapped);
    assert_eq!(found.runs[0].d.get(), 12.0 * 5e6);
}

#[test]
fn a_trackers_table_tells_tokens_by_steps_and_leaves_out_what_stopped() {
    let place = folder();
    let text = "Name,State,batch_size,block_size,max_iters,model.n_params,final_val_loss,iter,train/loss\n\
        a,finished,128,512,5000,8948160,4.57,5000,4.61\n\
        b,finished,128,512,5000,26745216,3.98,4990,4.03\n\
        c,finished,128,512,5000,70546560,3.42,3500,3.47\n";
    let found = table(&put(&place, "runs.csv", text), &ReadOptions::default());
    let d: Vec<f64> = found.runs.iter().map(|r| r.d.get()).collect();
    assert_eq!(d, [5000.0 * 65536.0; 2]);
    assert_eq!(found.runs[0].loss_nats, 4.57);
    assert_says(&found.skipped[0].reason, &["stops at step 3500 of the 5000 planned"]);
    // A column of tokens stands; what the steps say otherwise is told.
    let text = "run,params,tokens,val_loss,steps,batch_size,seq_len\n\
        a,1e6,2e7,4.0,1000,8,512\nb,2e6,4096000,3.9,1000,8,512\n";
    let found = table(&put(&place, "runs.csv", text), &ReadOptions::default());
    assert_eq!(found.runs[0].d.get(), 2e7);
    assert_says(&said(&found), &["steps x batch_size x seq_len", "1 of 2 rows differ"]);
}
