//! Runs that continue from checkpoints, and checkpoints that are refused.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use super::Checkpoints;
use crate::flops::Shape;
use crate::sweep::{BYTES, KeepCheckpoints, RunSpec, RunStatus, Schedule, TrainConfig, Trainer};
use crate::train::fixtures::*;
use crate::train::trainer::BurnTrainer;

/// A folder of checkpoints, and a trainer that keeps one after every step there.
fn durable(keep: KeepCheckpoints) -> (tempfile::TempDir, BurnTrainer) {
    let home = tempfile::tempdir().expect("temporary folder");
    let checkpoints = Checkpoints { folder: home.path().to_owned(), every: Duration::ZERO, keep };
    let trainer = trainer(&noise(26, 3000, 1), &noise(26, 500, 2));
    (home, BurnTrainer { checkpoints: Some(checkpoints), ..trainer })
}

/// Arrays of a checkpoint, without what it says of times.
fn kept(home: &tempfile::TempDir, id: &str) -> Vec<(String, Vec<u8>)> {
    let path: PathBuf = home.path().join(format!("{id}.safetensors"));
    let bytes = std::fs::read(path).expect("a checkpoint");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let mut arrays: Vec<_> =
        file.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect();
    arrays.sort();
    arrays
}

#[test]
fn a_run_that_continues_is_the_uninterrupted_one_bit_for_bit() {
    for experts in [None, Some(experts(4, 2, 1))] {
        let shape = Shape { experts, ..Shape::swiglu(2, 32, 2, BYTES) };
        // Sixty steps of 64 tokens are more than an epoch of 3000.
        let spec = RunSpec { shape, ..spec(60, config()) };
        let (whole_home, mut whole) = durable(KeepCheckpoints::Last);
        let (steps, eval, _) = train(&mut whole, &spec, u64::MAX);
        let (home, mut broken) = durable(KeepCheckpoints::Last);
        let mut reported = Vec::new();
        for until in [1, 2, 17, 44] {
            let (part, _, status) = train(&mut broken.clone(), &spec, until);
            assert_eq!(status, RunStatus::Stopped);
            reported.extend(part);
        }
        let (rest, last_eval, status) = train(&mut broken, &spec, u64::MAX);
        reported.extend(rest);
        assert_eq!((status, last_eval), (RunStatus::Finished, eval));
        assert_eq!(reported, steps);
        assert_eq!(kept(&home, "t"), kept(&whole_home, "t"));
    }
}

#[test]
fn a_branch_is_the_run_trained_alone_bit_for_bit_and_costs_only_its_own_steps() {
    let config = TrainConfig { schedule: Schedule::Wsd, warmup_steps: Some(4), ..config() };
    let alone = |steps: u64| spec(steps, config.clone());
    let branch = |steps: u64| RunSpec {
        id: format!("t{steps}"),
        trunk: Some("trunk".to_owned()),
        ..alone(steps)
    };
    let (home, mut trainer) = durable(KeepCheckpoints::Last);
    let mut taken = 0;
    for steps in [20, 40, 80] {
        let (own, eval, _) = train(&mut trainer, &branch(steps), u64::MAX);
        taken += own.len();
        let (alone_home, mut apart) = durable(KeepCheckpoints::Last);
        let (all, alone_eval, _) = train(&mut apart, &alone(steps), u64::MAX);
        assert_eq!(eval, alone_eval);
        assert_eq!(own, all[all.len() - own.len()..]);
        assert_eq!(kept(&home, &format!("t{steps}")), kept(&alone_home, "t"));
    }
    // Decays of 4, 8 and 16 steps on a trunk of 64, in place of 140 steps.
    assert_eq!(taken, 4 + 8 + 16 + 64);
    trainer.forget("trunk").expect("removed");
    assert!(!home.path().join("trunk-trunk.safetensors").exists());
}

#[test]
fn checkpoints_of_other_runs_are_refused_with_the_file() {
    let (_home, mut trainer) = durable(KeepCheckpoints::Last);
    let spec = spec(6, config());
    train(&mut trainer, &spec, 3);
    let error = trainer.train(&RunSpec { seed: 9, ..spec }, &mut |_| ControlFlow::Continue(()));
    let error = error.expect_err("refused").to_string();
    assert!(error.contains("t.safetensors") && error.contains("remove it"), "{error}");
    assert!(error.contains("configuration"), "{error}");
}

#[test]
fn a_damaged_checkpoint_is_set_aside_and_the_one_before_is_used() {
    let (home, mut trainer) = durable(KeepCheckpoints::Last);
    let spec = spec(6, config());
    train(&mut trainer, &spec, 3);
    let (path, aside) =
        (home.path().join("t.safetensors"), home.path().join("t.safetensors.damaged"));
    let whole = std::fs::read(&path).expect("there");
    let sha256 = trainer.corpus.sha256.clone();
    let checkpoints = trainer.checkpoints.clone().expect("some");
    let load = |notes: &mut Vec<String>| {
        let kept = checkpoints.load(&spec, &sha256, notes).expect("no error").expect("a state");
        kept.position.step
    };
    assert_eq!(load(&mut Vec::new()), 3);
    let mut damaged: Vec<Vec<u8>> =
        [&whole[..whole.len() / 2], &whole[..5], b"", b"not a checkpoint at all"]
            .map(<[u8]>::to_vec)
            .into();
    // Every byte of the header, and some of the arrays.
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().expect("eight")) as usize;
    for at in (0..header).chain((header..whole.len()).step_by(997)) {
        let mut other = whole.clone();
        other[at] ^= 1 << (at % 8);
        damaged.push(other);
    }
    for bytes in damaged {
        std::fs::write(&path, bytes).expect("written");
        let mut notes = Vec::new();
        assert_eq!(load(&mut notes), 2, "the one before");
        assert!(notes.len() == 1 && notes[0].contains("t.safetensors is damaged"), "{notes:?}");
        assert!(aside.exists() && !path.exists());
    }
    // Both damaged: from the start, with the same end.
    for name in ["t.safetensors", "t.before.safetensors"] {
        std::fs::write(home.path().join(name), b"noise").expect("written");
    }
    let (steps, eval, _) = train(&mut trainer, &spec, u64::MAX);
    let (_other, mut undisturbed) = durable(KeepCheckpoints::Last);
    let (all, alone, _) = train(&mut undisturbed, &spec, u64::MAX);
    assert_eq!((steps, eval), (all, alone));
}
