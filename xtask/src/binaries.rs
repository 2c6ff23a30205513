//! The control-plane binaries that tests and generators use.

use std::{ffi::OsString, sync::Arc};

use control_plane::{
    ProgressSink,
    binaries::{self, Binaries, Places},
};

use crate::command::build;

/// Finds the binaries of the profile `defaults`, or builds them, which takes minutes the first time.
pub(crate) fn find() -> anyhow::Result<Binaries> {
    wire::install_crypto_provider();
    let profile = profile::load("defaults")?;
    let shim = [shim()?];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let progress: ProgressSink = Arc::new(|step| say(&step.to_string()));
    let places = Places::from_env(None);
    let versions = &profile.versions;
    Ok(runtime.block_on(binaries::find(&versions.kubernetes, &versions.etcd, &places, &shim, &progress))?)
}

/// The program through which children are started: one of the control-plane crate.
pub(crate) fn shim() -> anyhow::Result<OsString> {
    Ok(build("supervised", true)?.into_os_string())
}

#[expect(clippy::print_stdout, reason = "the log of CI")]
fn say(text: &str) {
    println!("{text}");
}
