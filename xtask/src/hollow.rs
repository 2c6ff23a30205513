//! kubemark's hollow nodes: a kubelet's own code, a process each.

use std::{fs, path::Path};

use anyhow::Context;
use control_plane::ControlPlane;
use identity::{Authority, Purpose, Subject, kubeconfig};

use crate::started::Started;

/// The hollow node `hollow-<index>`, not yet started, with its files in `folder`.
pub(crate) fn node(
    plane: &ControlPlane,
    kubemark: &Path,
    index: u32,
    folder: &Path,
) -> anyhow::Result<Started> {
    let read =
        |path: &Path| fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    let authority = Authority::from_pem(&read(plane.ca_cert())?, &read(plane.ca_key())?)?;
    let name = format!("hollow-{index}");
    let issued = authority.issue(&Subject::node(&name), &Purpose::Client)?;
    let (certificate, key) = (&issued.cert_pem, &issued.key_pem);
    let access = kubeconfig::render(&name, plane.server(), authority.cert_pem(), certificate, key);
    let file = folder.join(format!("{name}.kubeconfig"));
    fs::write(&file, access).with_context(|| format!("cannot write {}", file.display()))?;
    let args = vec!["--name".into(), name.clone().into(), "--kubeconfig".into(), file.into()];
    Ok(Started::new(name, kubemark.to_owned(), args, folder))
}
