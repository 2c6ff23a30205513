//! What can be known of a profile before anything is started from it.

use profile::Profile;

use crate::{Error, Objects, cpus, flags};

/// Whether the harness can start what a profile describes on this machine: it may not set what the harness itself must set, nor name
/// CPUs that are not there, nor bring along what is no object.
///
/// # Errors
///
/// [`Error::OwnedFlag`], [`Error::EtcdVariable`], [`Error::NoCpu`], [`Error::Manifest`] and [`Error::Object`], with the place and the
/// reason.
pub fn check_profile(profile: &Profile) -> Result<(), Error> {
    flags::check(profile)?;
    cpus::check(&profile.cpu)?;
    Objects::of(profile).map(drop)
}
