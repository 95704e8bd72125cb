#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| isoloss_fuzz::run("run_table", data));
