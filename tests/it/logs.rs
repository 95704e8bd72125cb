//! What becomes of a run's log: whether it finished, how much it saw, which loss represents it.

use std::fmt::Write as _;
use std::path::Path;

use isoloss::data::{Assumption, Format, LossChoice, ReadOptions, read};
use isoloss::units::ParamRule;

use crate::step_logs::{Curve, SIZED, assert_says, folder, options, put, refused, table};

#[test]
fn a_point_in_the_middle_of_a_cosine_is_never_a_finished_run() {
    let place = folder();
    for until in [100, 160, 240, 320, 380] {
        let path = put(&place, "a.csv", Curve { until, ..Curve::whole() }.csv());
        let said = refused(&path, &options(&SIZED));
        assert_says(&said, &["no run is left", "stops in the middle of its", "of its peak"]);
    }
    // Not even when the log says that this is all that was planned.
    let path = put(&place, "a.csv", Curve { until: 240, ..Curve::whole() }.csv());
    let said = refused(&path, &options(&[&SIZED[..], &["max_steps=240"]].concat()));
    assert_says(&said, &["stops in the middle of its cosine", "which would end near step 4"]);
    let path = put(&place, "a.csv", Curve::whole().csv());
    let found = table(&path, &options(&SIZED));
    assert_eq!(found.runs[0].d.get(), 400.0 * 8.0 * 128.0);
    let want: f64 = (361..=400).map(|s| Curve::whole().loss(s)).sum::<f64>() / 40.0;
    assert!((found.runs[0].loss_nats - want).abs() < 1e-6);
    assert_eq!(found.curves.len(), 1);
    assert!(found.curves[0].points[0].0.get() >= 20.0 * 1024.0, "the warm-up is trimmed");
}

#[test]
fn runs_that_went_wrong_are_set_apart_with_the_reason() {
    let header = "run,step,lr,train_loss,n_params,batch_size,seq_len,max_steps\n";
    let mut text = header.to_owned();
    let mut add = |run: &str, until: u32, loss: &dyn Fn(u32) -> String| {
        let curve = Curve::whole();
        for step in 1..=until {
            let _ =
                writeln!(text, "{run},{step},{:e},{},1e6,8,128,400", curve.rate(step), loss(step));
        }
    };
    let good = |step: u32| format!("{:.5}", Curve::whole().loss(step));
    add("good", 400, &good);
    add("nan", 400, &|s| if s < 250 { good(s) } else { "nan".to_owned() });
    add("blip", 400, &|s| if s == 250 { "inf".to_owned() } else { good(s) });
    add("cut", 300, &good);
    add("diverged", 400, &|s| {
        if s < 200 { good(s) } else { format!("{:.4}", 7.0 + 0.001 * f64::from(s)) }
    });
    let place = folder();
    let path = put(&place, "steps.csv", &text);
    let found = table(&path, &ReadOptions::default());
    let names: Vec<&str> = found.runs.iter().map(|r| r.run.as_str()).collect();
    assert_eq!(names, ["good", "blip"]);
    let reason = |run: &str| {
        let skipped = found.skipped.iter().find(|s| s.run.as_deref() == Some(run));
        skipped.unwrap_or_else(|| panic!("{run}: {:?}", found.skipped)).reason.clone()
    };
    assert_says(&reason("nan"), &["training loss is NaN or infinite from step 250"]);
    assert_says(&reason("cut"), &["stops at step 300 of the 400 planned"]);
    assert_says(&reason("diverged"), &["diverged", "`train_loss` rose from"]);
    assert!(found.warnings.iter().any(|w| w.code() == "rows-skipped"));
}

#[test]
fn a_restart_is_stitched_and_the_branch_given_up_is_dropped() {
    let place = folder();
    let lost = Curve { until: 250, ..Curve::whole() };
    let resumed = Curve { from: 201, seed: 2.0, ..Curve::whole() };
    // Within one file.
    let path = put(&place, "run.csv", format!("{}{}", lost.csv(), resumed.rows()));
    let found = table(&path, &options(&SIZED));
    let want: f64 = (361..=400).map(|s| resumed.loss(s)).sum::<f64>() / 40.0;
    assert!((found.runs[0].loss_nats - want).abs() < 1e-6);
    assert_says(&found.notes[0].note, &["restarted from step 201", "50 points"]);
    // Over two files of one run.
    let named = |c: &Curve| {
        let rows = c.rows().lines().fold(String::new(), |t, l| t + "one," + l + "\n");
        format!("run,step,lr,train_loss\n{rows}")
    };
    std::fs::remove_file(&path).expect("removed");
    put(&place, "part1.csv", named(&lost));
    put(&place, "part2.csv", named(&resumed));
    let found = table(place.path(), &options(&SIZED));
    assert_eq!(found.runs.len(), 1);
    assert!((found.runs[0].loss_nats - want).abs() < 1e-6);
    assert!(
        found.notes.iter().any(|n| n.note.contains("goes on from step 201")),
        "{:?}",
        found.notes
    );
}

#[test]
fn one_name_for_two_runs_is_two_runs() {
    let place = folder();
    put(&place, "a/metrics.csv", Curve::whole().csv());
    put(&place, "b/a.csv", Curve { seed: 1.0, ..Curve::whole() }.csv().replace("3.", "3.1"));
    let found = table(place.path(), &options(&SIZED));
    assert_eq!(found.runs.len(), 2, "{:?}", found.skipped);
    assert_ne!(found.runs[0].run, found.runs[1].run);
}

#[test]
fn a_copy_under_another_name_is_one_run() {
    let place = folder();
    put(&place, "a.csv", Curve::whole().csv());
    put(&place, "copy of a.csv", Curve::whole().csv());
    let found = table(place.path(), &options(&SIZED));
    assert_eq!(found.runs.len(), 1);
    assert_says(&found.skipped[0].to_string(), &["copy of a", "the same run as in"]);
}

#[test]
fn counts_in_millions_say_so_in_their_name() {
    let place = folder();
    let path = put(&place, "t.csv", "Params (M),tokens_b,loss\n124,2.5,3.0\n350,7,2.8\n");
    let run = &table(&path, &ReadOptions::default()).runs[0];
    assert_eq!((run.n.get(), run.d.get()), (124e6, 2.5e9));
    let text = Curve::whole().csv().replace("step,", "Iteration,");
    let path = put(&place, "s.csv", text);
    let found = table(&path, &options(&["params_m=124", "tokens_per_step=1024"]));
    assert_eq!(found.runs[0].n.get(), 124e6);
}

#[test]
fn steps_from_zero_end_one_short_of_the_plan() {
    let place = folder();
    let rows = (0..400).fold(String::new(), |mut text, step| {
        let curve = Curve::whole();
        let _ = writeln!(text, "{step},{:e},{:.6}", curve.rate(step + 1), curve.loss(step + 1));
        text
    });
    let path = put(&place, "a.csv", format!("step,lr,train_loss\n{rows}"));
    let found = table(&path, &options(&[&SIZED[..], &["max_steps=400"]].concat()));
    assert_eq!(found.runs[0].d.get(), 400.0 * 1024.0);
    // Lightning says so by its epochs, name and neighbours.
    let rows = rows.replace('\n', ",0\n");
    std::fs::remove_file(path).expect("removed");
    put(&place, "run-7/version_0/metrics.csv", format!("step,lr,train_loss,epoch\n{rows}"));
    put(&place, "run-7/version_0/hparams.yaml", "n_params: 1000000\nbatch_size: 8\nseq_len: 128\n");
    let found = table(place.path(), &ReadOptions::default());
    assert_eq!((found.runs[0].run.as_str(), found.runs[0].d.get()), ("run-7", 400.0 * 1024.0));
    assert!(found.files.iter().any(|f| f.format == Some(Format::Lightning)));
}

#[test]
fn tokens_are_steps_times_batch_times_length_times_what_multiplies_them() {
    let place = folder();
    for (facts, want) in [
        (&["batch_size=8", "seq_len=128"][..], 400.0 * 8.0 * 128.0),
        (&["batch_size=8", "seq_len=128", "gradient_accumulation_steps=4"], 400.0 * 32.0 * 128.0),
        (
            &[
                "micro_batch_size=2",
                "gradient_accumulation_steps=4",
                "world_size=8",
                "block_size=64",
            ],
            400.0 * 64.0 * 64.0,
        ),
        (
            &[
                "global_batch_size=64",
                "gradient_accumulation_steps=4",
                "world_size=8",
                "seq_length=64",
            ],
            400.0 * 64.0 * 64.0,
        ),
        (&["tokens_per_step=4096"], 400.0 * 4096.0),
    ] {
        let path = put(&place, "a.csv", Curve::whole().csv());
        let found = table(&path, &options(&[facts, &["n_params=1e6"]].concat()));
        assert_eq!(found.runs[0].d.get(), want, "{facts:?}");
    }
    let path = put(&place, "a.csv", Curve::whole().csv());
    assert_says(&refused(&path, &options(&["n_params=1e6"])), &["batch size", "tokens_per_step"]);
    assert_says(
        &refused(&path, &options(&["n_params=1e6", "batch_size=8"])),
        &["sequence length", "give seq_len"],
    );
    assert_says(&refused(&path, &options(&SIZED[1..])), &["N is not in the log", "n_params"]);
}

#[test]
fn units_are_turned_into_nats_and_a_mixture_is_refused_with_a_way_out() {
    let place = folder();
    let row = |loss: f64| format!("1e8,2e9,{loss}\n2e8,4e9,{}\n", loss - 0.1);
    let one = |name: &str, loss: f64| {
        put(&place, "t.csv", format!("params,tokens,{name}\n{}", row(loss)))
    };
    let first = |path: &Path, given: &[&str]| table(path, &options(given)).runs[0].loss_nats;
    assert_eq!(first(&one("loss", 3.0), &[]), 3.0);
    assert!((first(&one("loss_bits", 4.0), &[]) - 4.0 * std::f64::consts::LN_2).abs() < 1e-15);
    assert!((first(&one("perplexity", 20.0), &[]) - 20_f64.ln()).abs() < 1e-15);
    let path = one("eval/bpb", 1.0);
    let per_byte = table(&path, &ReadOptions::default());
    assert!(per_byte.assumptions.contains(&Assumption::NatsPerByte));
    assert!((per_byte.runs[0].loss_nats - std::f64::consts::LN_2).abs() < 1e-15);
    let per_token = first(&path, &["bytes_per_token=4.5"]);
    assert!((per_token - 4.5 * std::f64::consts::LN_2).abs() < 1e-15);
    let other = put(&place, "u.csv", format!("params,tokens,loss\n{}", row(3.0)));
    let error = read(&[path, other], &ReadOptions::default()).expect_err("two units");
    assert_says(&error.to_string(), &["per token", "per byte", "bytes_per_token"]);
}

#[test]
fn evaluation_and_training_loss_do_not_mix() {
    let place = folder();
    put(&place, "a.csv", Curve::whole().csv());
    put(&place, "b.csv", Curve::whole().csv().replace("train_loss", "val_loss"));
    let said = refused(place.path(), &options(&SIZED));
    assert_says(
        &said,
        &[
            "mixing evaluation loss (1 runs, for example b)",
            "training loss (1 runs",
            "split the files",
        ],
    );
    let evaluated = ReadOptions { loss: LossChoice::Evaluation, ..options(&SIZED) };
    let found = table(place.path(), &evaluated);
    assert_eq!(found.runs.len(), 1);
    assert_says(&found.skipped[0].reason, &["no evaluation loss"]);
}

#[test]
fn flops_that_follow_two_rules_are_flagged() {
    let place = folder();
    let rows: String = [(1e8, 2e9, 6.0), (2e8, 4e9, 6.0), (4e8, 8e9, 2.0)]
        .iter()
        .map(|(n, d, k)| format!("{n},{d},{},3.0\n", k * n * d))
        .collect();
    let path = put(&place, "t.csv", format!("params,tokens,flops,loss\n{rows}"));
    let found = table(&path, &ReadOptions::default());
    let warning = found.warnings.iter().find(|w| w.code() == "mixed-flops").expect("a warning");
    assert_says(&warning.to_string(), &["1 runs", "2 N D"]);
}

#[test]
fn epochs_tell_unique_tokens_and_the_other_way_round() {
    let place = folder();
    let path = put(&place, "t.csv", "params,unique_tokens,epochs,loss\n1e8,2e9,4,3.0\n");
    let run = &table(&path, &ReadOptions::default()).runs[0];
    assert_eq!((run.d.get(), run.setting.unique.map(|u| u.get())), (8e9, Some(2e9)));
    let rows =
        Curve::whole().rows().lines().enumerate().fold(String::new(), |mut text, (i, row)| {
            let _ = writeln!(text, "{row},{}", (i + 1) as f64 / 100.0);
            text
        });
    let path = put(&place, "s.csv", format!("step,lr,train_loss,epoch\n{rows}"));
    let run = &table(&path, &options(&SIZED)).runs[0];
    assert_eq!(run.setting.unique.map(|u| u.get()), Some(run.d.get() / 4.0));
}

#[test]
fn a_sparse_run_spends_six_flops_on_each_parameter_a_token_visits() {
    let place = folder();
    let text = "{\"run\": \"m\", \"config\": {\"n_params\": 4e6, \"n_params_active\": 1e6, \
                \"batch_size\": 8, \"seq_len\": 128}}\n"
        .to_owned()
        + &(1..=400)
            .map(|s| format!("{{\"step\": {s}, \"loss\": {:.5}}}\n", Curve::whole().loss(s)))
            .collect::<String>();
    let logs = put(&place, "m.jsonl", &text);
    let found = table(&logs, &ReadOptions::default());
    let run = &found.runs[0];
    assert_eq!((run.n.get(), run.c.get()), (4e6, 6.0 * 1e6 * 400.0 * 1024.0));
    assert!(!found.assumptions.contains(&Assumption::FlopsFromSixNd), "{:?}", found.assumptions);
    let active = ReadOptions { params: ParamRule::Active, ..ReadOptions::default() };
    assert_eq!(table(&logs, &active).runs[0].n.get(), 1e6);
    let rows = "run,n_params,n_params_active,tokens,loss\na,4e6,1e6,1e9,3.1\n";
    assert_eq!(table(&put(&place, "rows.csv", rows), &active).runs[0].n.get(), 1e6);
}

#[test]
fn a_constant_rate_beside_a_decay_is_a_warning() {
    let place = folder();
    put(&place, "decayed.csv", Curve::whole().csv());
    let flat = (1..=400).fold("step,lr,train_loss\n".to_owned(), |mut t, s| {
        let rate = 3e-4 * (f64::from(s) / 20.0).min(1.0);
        let _ = writeln!(t, "{s},{rate:e},{:.5}", Curve::whole().loss(s));
        t
    });
    put(&place, "flat.csv", flat);
    let found = table(place.path(), &options(&SIZED));
    assert_eq!(found.runs.len(), 2);
    assert!(found.warnings.iter().any(|w| w.code() == "mixed-schedules"), "{:?}", found.warnings);
}
