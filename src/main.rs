//! The `isoloss` binary; everything lives in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    isoloss::cli::main()
}
