//! Asking before somebody's cluster is touched.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context, bail};

/// Asks a question to be answered with `yes`. Fails when the answer is another, or when there is nobody to ask.
#[expect(clippy::print_stderr, reason = "the question is for the person at the terminal")]
pub(crate) fn ask(question: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        bail!("{question} There is nobody to ask; --yes answers");
    }
    eprint!("{question} [yes/no] ");
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).context("cannot read the answer")?;
    if answer.trim() == "yes" { Ok(()) } else { bail!("not done") }
}
