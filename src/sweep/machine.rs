//! This process and its machine, for locks and states that other processes read.

use std::time::{SystemTime, UNIX_EPOCH};

/// Name of this machine.
pub(super) fn host() -> String {
    #[cfg(unix)]
    return rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    return "this machine".to_owned();
}

/// Seconds since 1970.
pub(super) fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Asks a process to save and end.
pub(super) fn end_process(pid: u32) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process};
        if let Some(pid) = i32::try_from(pid).ok().filter(|p| *p > 1).and_then(Pid::from_raw) {
            // Whoever is gone already needs no signal.
            let _ = kill_process(pid, Signal::TERM);
        }
    }
    #[cfg(not(unix))]
    let _ = pid;
}

/// Asks a process and all it started to end, or ends them.
pub(super) fn end_group(leader: u32, at_once: bool) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};
        let signal = if at_once { Signal::KILL } else { Signal::TERM };
        // A group of 0 or 1 would be our own, or everything.
        if let Some(pid) = i32::try_from(leader).ok().filter(|p| *p > 1).and_then(Pid::from_raw) {
            // Whoever is gone already needs no signal.
            let _ = kill_process_group(pid, signal);
        }
    }
    #[cfg(not(unix))]
    let _ = (leader, at_once);
}

/// Processes that the system has killed for lack of memory since it started, where it counts them.
pub(super) fn killed_for_memory() -> Option<u64> {
    let count = |text: String| {
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse::<u64>().ok())
    };
    ["/proc/vmstat", "/sys/fs/cgroup/memory.events"]
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok().and_then(count))
        .reduce(|a, b| a + b)
}
