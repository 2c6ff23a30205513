//! `supervised PARENT_PID [--cgroup FOLDER] [--cpus LIST] PROGRAM [ARGUMENT...]`: see `control_plane::shim`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let error = control_plane::shim::run(std::env::args_os().skip(1));
    #[expect(clippy::print_stderr, reason = "a program says on stderr why it failed")]
    {
        eprintln!("supervised: {error}");
    }
    ExitCode::from(127)
}
