//! A profile in the forms that others set clusters up from: kubeadm's and kind's.
//!
//! Pure: files go out, and what the form cannot say. The base flags are kubeadm's own, which kind uses too, so a form has only
//! what the profile says, and this room needs nothing but profiles. The local form is the other way round, base flags and
//! profile together; it stands with our base flags, in the crate control-plane (`command_lines`), which depends on this one.
//!
//! What flags point to are files of their own. On a node they are under [`FILES`].

mod cluster;
mod component;
mod etcd;
mod inexpressible;
mod kind;
mod kubeadm;
pub mod objects;
mod yaml;

use crate::{Form, Profile};

pub use self::inexpressible::{Inexpressible, inexpressible};

/// Where the folder `files` of a rendered profile is to be on each control-plane node.
pub const FILES: &str = "/etc/kubernetes/loadgen";

/// Where the folder `patches` is to be.
const PATCHES: &str = "/etc/kubernetes/loadgen-patches";

/// A profile in one form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The file to begin with, and then what it points to and what is to be applied.
    pub files: Vec<File>,
    /// What the form cannot say; the head of the first file has it too.
    pub inexpressible: Vec<Inexpressible>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Relative to the folder of all, `files/audit-policy.yaml`.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// Renders a profile.
pub fn render(profile: &Profile, form: Form) -> Rendered {
    let inexpressible = inexpressible(profile, form);
    let told = component::told(profile);
    let first = match form {
        Form::Kubeadm => kubeadm::file(profile, &told, &inexpressible),
        Form::Kind => kind::file(profile, &told, &inexpressible),
    };
    let patches = etcd::patch(profile).map(|text| File { path: format!("patches/{}", etcd::PATCH), text });
    let mut files = vec![first];
    files.extend(told.files);
    files.extend(patches);
    files.extend(objects::manifests(profile));
    Rendered { files, inexpressible }
}

/// The comment that a form's file begins with: what it is, how it is used, and what is not in it.
fn head(profile: &Profile, usage: &[&str], inexpressible: &[Inexpressible]) -> String {
    let mut lines = vec![format!("The profile {}: {}", profile.name, profile.about.trim())];
    lines.extend(usage.iter().map(|line| (*line).to_owned()));
    if !inexpressible.is_empty() {
        lines.push("Not in it:".to_owned());
        lines.extend(inexpressible.iter().map(|it| format!("- {it}")));
    }
    let comments: Vec<String> =
        lines.iter().flat_map(|line| line.lines()).map(|line| format!("# {line}\n")).collect();
    comments.concat()
}

#[cfg(test)]
mod tests;
