//! How a command ends, and the exit code that says so.

use std::process::ExitCode;

use crate::progress::tell;

/// The end of a command.
#[derive(Debug)]
pub(crate) enum End {
    /// Done.
    Done,
    /// Stopped by Ctrl-C or SIGTERM, everything torn down.
    Interrupted,
    /// The user asked for something that does not exist or cannot be: nothing was started.
    Usage(anyhow::Error),
    /// It went wrong.
    Failed(anyhow::Error),
    /// The run is over, and the control plane did not keep to a criterion.
    Broken,
    /// The run is over, but the harness does not vouch for its numbers.
    Invalid,
}

impl End {
    /// A mistake of the user's, found before anything was started.
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        End::Usage(error.into())
    }

    /// Prints the error, if there is one, and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            End::Done => ExitCode::SUCCESS,
            End::Failed(error) => {
                tell(&format!("error: {error:#}"));
                ExitCode::from(1)
            }
            End::Usage(error) => {
                tell(&format!("error: {error:#}"));
                ExitCode::from(2)
            }
            End::Broken => ExitCode::from(3),
            End::Invalid => ExitCode::from(4),
            End::Interrupted => ExitCode::from(130),
        }
    }
}

impl From<anyhow::Error> for End {
    fn from(error: anyhow::Error) -> Self {
        if error.is::<crate::interrupt::Interrupted>() { End::Interrupted } else { End::Failed(error) }
    }
}
