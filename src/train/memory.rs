//! Whether a run fits in the memory of this machine, asked before anything of it is built.

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

use crate::error::TrainError;
use crate::sweep::{Compute, Execution, RunSpec, memory_estimate, short_bytes};

/// Where the machine does not say how much it has: more than any has.
const UNKNOWN: f64 = 1e15;

/// Bytes that a process may still take: what the machine has available, and what its control group leaves.
pub(super) fn available_bytes() -> Option<f64> {
    let mut system = System::new();
    system.refresh_memory();
    let machine = system.available_memory();
    let group = sysinfo::get_current_pid().ok().and_then(|pid| {
        let nothing = ProcessRefreshKind::nothing();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, nothing);
        let limits = system.process(pid)?.cgroup_limits()?;
        // Pages of files are given back when they are needed, so only `rss` counts as taken.
        Some(limits.total_memory.saturating_sub(limits.rss))
    });
    let least = group.map_or(machine, |group| machine.min(group));
    (machine > 0).then_some(least as f64)
}

/// Has the C library keep the memory that a step frees for the next one.
///
/// glibc gives a freed buffer back to the system at once when it is larger than a threshold, and the next
/// step has every page of it mapped and cleared again: some percent of the time of a step. The threshold
/// follows the largest such buffer that was freed, up to 32 MiB, so one of nearly that size is taken and freed.
/// Elsewhere this does nothing.
pub(super) fn keep_freed_memory() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| drop(std::hint::black_box(vec![0_u8; 33_000_000])));
}

/// Refuses a run that needs more memory than there is.
///
/// A model on another device is estimated on this machine by its parameters alone, which are drawn here.
///
/// # Errors
/// [`TrainError::TooLarge`] with what it needs, what there is, and what to reduce.
pub fn check_memory(spec: &RunSpec, execution: &Execution) -> Result<(), TrainError> {
    check_within(spec, execution, available_bytes().unwrap_or(UNKNOWN))
}

fn check_within(spec: &RunSpec, execution: &Execution, has: f64) -> Result<(), TrainError> {
    let estimate = memory_estimate(&spec.shape, &spec.recipe, execution);
    let needs = match execution.device {
        Compute::Cpu => estimate.total_bytes(),
        Compute::Cuda | Compute::Wgpu => estimate.parameters_bytes,
    };
    if needs <= has {
        return Ok(());
    }
    let held = estimate.parameters_bytes + estimate.gradients_bytes + estimate.moments_bytes;
    let work = estimate.activations_bytes + estimate.logits_bytes + estimate.attention_bytes;
    Err(TrainError::TooLarge {
        run: spec.id.clone(),
        params: crate::units::short_count(spec.shape.params().all.get()),
        needs: format!(
            "{} of memory ({} for parameters, gradients and moments; {} for activations and logits; \
             the rest while a checkpoint is written)",
            short_bytes(needs),
            short_bytes(held),
            short_bytes(work)
        ),
        has: short_bytes(has),
        reduce: estimate.reduce(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flops::Shape;
    use crate::sweep::TrainConfig;
    use crate::units::Tokens;

    #[test]
    fn this_machine_says_how_much_memory_it_has() {
        let bytes = available_bytes().expect("known on every system we test on");
        assert!((1e8..1e13).contains(&bytes), "{bytes:e}");
    }

    #[test]
    fn a_run_is_refused_exactly_when_it_needs_more_than_there_is() {
        let spec = RunSpec {
            id: "big".to_owned(),
            shape: Shape::swiglu(2, 512, 8, 256),
            tokens: Tokens::new(1e6),
            budget: None,
            seed: 0,
            recipe: TrainConfig::default(),
            trunk: None,
            part: crate::sweep::Part::Main,
        };
        let execution = Execution::default();
        let needs = memory_estimate(&spec.shape, &spec.recipe, &execution).total_bytes();
        assert_eq!(check_within(&spec, &execution, needs), Ok(()));
        let error = check_within(&spec, &execution, 0.5 * needs).expect_err("too large");
        let said = error.to_string();
        for part in ["`big`", "activations", "there is", "reduce"] {
            assert!(said.contains(part), "{said}");
        }
    }
}
