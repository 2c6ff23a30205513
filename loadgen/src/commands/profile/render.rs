//! `loadgen profile render`: a profile as what others set clusters up from, as files or as one stream.

use std::{fs, path::Path};

use anyhow::{Context, bail};
use control_plane::{Objects, WORK, command_lines};
use profile::{
    Form, Profile,
    render::{File, Rendered, render},
};

use super::load_with;
use crate::{
    cli::{FormArg, RenderArgs},
    commands::print,
    end::End,
    progress::tell,
};

pub(super) fn run(args: &RenderArgs) -> End {
    let rendered = match rendered(args) {
        Ok(rendered) => rendered,
        Err(error) => return End::usage(error),
    };
    let written = if let Some(folder) = &args.out {
        write(folder, &rendered.files)
    } else {
        print(&stream(&rendered.files));
        Ok(())
    };
    for lost in &rendered.inexpressible {
        tell(&format!("not in it: {lost}"));
    }
    written.map_or_else(End::from, |()| End::Done)
}

fn rendered(args: &RenderArgs) -> anyhow::Result<Rendered> {
    if let Some(folder) = &args.out {
        empty(folder)?;
    }
    let profile = load_with(&args.profile, &args.set)?;
    Ok(match args.form {
        FormArg::Local => Rendered { files: vec![local(&profile)?], inexpressible: Vec::new() },
        FormArg::Kubeadm => checked(&profile, Form::Kubeadm)?,
        FormArg::Kind => checked(&profile, Form::Kind)?,
    })
}

/// What no control plane of ours could be started with is no profile for another one either. Whether this machine has the CPUs
/// is of no concern.
fn checked(profile: &Profile, form: Form) -> Result<Rendered, control_plane::Error> {
    command_lines(profile)?;
    Objects::of(profile)?;
    Ok(render(profile, form))
}

/// The command lines of all processes; a start puts its own folder and free ports into them.
fn local(profile: &Profile) -> Result<File, control_plane::Error> {
    let lines = command_lines(profile)?;
    let head = format!(
        "# The profile {}: {}\n# As `loadgen up --profile {}` starts it, but with its folder for {WORK} and free ports for these.\n",
        profile.name, profile.about, profile.name
    );
    let processes: Vec<String> = lines.iter().map(ToString::to_string).collect();
    Ok(File { path: "command-lines.sh".to_owned(), text: format!("{head}\n{}", processes.join("\n")) })
}

/// Whatever else is in a folder would be taken for a part of the profile.
fn empty(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() && fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none()) {
        return Ok(());
    }
    if folder.exists() {
        bail!("--out {}: it is there and is no empty folder", folder.display());
    }
    Ok(())
}

fn write(folder: &Path, files: &[File]) -> anyhow::Result<()> {
    for File { path, text } in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// All files, each under its name.
fn stream(files: &[File]) -> String {
    let [only] = files else {
        let named = files.iter().map(|File { path, text }| format!("# File: {path}\n{text}"));
        return named.collect::<Vec<_>>().join("---\n");
    };
    only.text.clone()
}

#[cfg(test)]
mod tests {
    use profile::load;

    use super::*;

    fn args(form: FormArg, set: &[&str]) -> RenderArgs {
        let set = set.iter().map(|&assignment| assignment.to_owned()).collect();
        RenderArgs { profile: "defaults".to_owned(), form, set, out: None }
    }

    #[test]
    fn a_stream_names_its_files_and_is_read_as_one() {
        let files = rendered(&args(FormArg::Kubeadm, &["audit.level=Metadata"])).unwrap().files;
        let text = stream(&files);
        assert!(text.starts_with("# File: kubeadm.yaml\n# The profile defaults: "), "{text}");
        assert!(text.contains("---\n# File: files/audit-policy.yaml\n"), "{text}");
        let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&text).unwrap();
        let kinds: Vec<&str> = documents.iter().map(|document| document["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["ClusterConfiguration", "Policy"]);
    }

    #[test]
    fn the_local_form_has_every_process() {
        let text = local(&load("defaults").unwrap()).unwrap().text;
        for process in ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
            assert!(text.contains(&format!("\n# {process}\n{process} \\\n")), "{text}");
        }
    }

    #[test]
    fn a_folder_with_something_in_it_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let mut args = args(FormArg::Kind, &[]);
        args.out = Some(folder.path().join("new"));
        assert!(rendered(&args).is_ok());
        args.out = Some(folder.path().to_owned());
        let files = rendered(&args).unwrap().files;
        write(folder.path(), &files).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("kind.yaml")).unwrap(), files[0].text);
        assert!(rendered(&args).unwrap_err().to_string().contains("no empty folder"));
    }

    #[test]
    fn what_the_harness_must_set_is_refused_in_every_form() {
        for form in [FormArg::Local, FormArg::Kubeadm, FormArg::Kind] {
            let error = rendered(&args(form, &["apiserver.flags.secure-port=1"])).unwrap_err();
            assert!(error.to_string().contains("secure-port"), "{error}");
        }
    }
}
