//! Built-in profiles, rendered for kubeadm and kind and judged by them.
//!
//! kubeadm's real code validates its form, and from a dry run come the static pods that it would start: their command lines must
//! be those of our own control planes, apart from what these declare to be theirs, and each program must take them. kind's form is
//! read as kind reads it (`kind-check`), and the patches in it by kubeadm.
//!
//! kubeadm knows no names of flags, and passes over what it does not know in a dry run; hence the validation and the programs.

mod compare;
mod kind;
mod kubeadm;
mod programs;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use control_plane::{Instance, command_lines};
use profile::{
    Component, Form, Profile, builtin_names,
    render::{Rendered, render},
};

use self::programs::Programs;
use crate::command::target;

/// Judges every built-in profile; fails with all that is wrong with any.
pub(crate) fn run() -> anyhow::Result<()> {
    let folder = fresh(&target().join("rendered"))?;
    let mut judge = Judge::new()?;
    let mut kinds = Vec::new();
    for name in builtin_names() {
        let profile = profile::load(name)?;
        let written = |form: Form| -> anyhow::Result<(PathBuf, Rendered)> {
            let rendered = render(&profile, form);
            let folder = folder.join(name).join(form.name());
            write(&folder, &rendered)?;
            Ok((folder, rendered))
        };
        let (at, rendered) = written(Form::Kubeadm)?;
        judge.kubeadm(&profile, &at, &rendered).with_context(|| format!("the profile {name} for kubeadm"))?;
        let (at, rendered) = written(Form::Kind)?;
        judge.kind(&profile, &at, &rendered).with_context(|| format!("the profile {name} for kind"))?;
        kinds.push(at.join(&rendered.files[0].path));
    }
    kind::check(&kinds)?;
    if !judge.mistakes.is_empty() {
        bail!("{}", judge.mistakes.join("\n"));
    }
    Ok(())
}

/// What was found so far.
struct Judge {
    programs: Programs,
    mistakes: Vec<String>,
    /// What was asked already: most profiles differ in a flag or two, and so their forms in one of many questions.
    asked: BTreeSet<Vec<String>>,
}

impl Judge {
    fn new() -> anyhow::Result<Self> {
        Ok(Self { programs: Programs::new()?, mistakes: Vec::new(), asked: BTreeSet::new() })
    }

    /// Whether nobody has asked this; from now on somebody has.
    fn is_new(&mut self, question: &[impl AsRef<str>]) -> bool {
        self.asked.insert(question.iter().map(|part| part.as_ref().to_owned()).collect())
    }

    fn wrong(&mut self, profile: &Profile, mistakes: impl IntoIterator<Item = String>) {
        self.mistakes.extend(mistakes.into_iter().map(|mistake| format!("{}: {mistake}", profile.name)));
    }

    /// kubeadm's form, its static pods, and the programs that these start.
    fn kubeadm(&mut self, profile: &Profile, folder: &Path, rendered: &Rendered) -> anyhow::Result<()> {
        let config = folder.join(&rendered.files[0].path);
        let kubeadm = self.programs.kubeadm(profile)?;
        if self.is_new(&["validate", &kubeadm::without_comments(&rendered.files[0].text)]) {
            kubeadm.validate(&config)?;
        }
        let pods = kubeadm.static_pods(&config, folder)?;
        let programs = self.programs.of(&profile.versions)?;
        let lines = command_lines(profile)?;
        for component in Component::ALL {
            let theirs =
                pods.get(&component).with_context(|| format!("there is no static pod of {component}"))?;
            let first = Instance::from(component);
            let ours = lines.iter().find(|line| line.instance == first);
            let ours = ours.with_context(|| format!("there is no command line of {component}"))?;
            let different = compare::differences(ours, theirs);
            self.wrong(profile, different.into_iter().map(|it| format!("{component}: {it}")));
            let program = programs.path(component);
            let mut question = vec![program.to_string_lossy().into_owned()];
            question.extend_from_slice(&theirs.arguments);
            if self.is_new(&question) {
                let refused = kubeadm::refused(&program, &theirs.arguments)?;
                self.wrong(profile, refused.map(|said| format!("{component} refuses: {said}")));
            }
        }
        Ok(())
    }

    /// The patches in kind's form; the form itself is judged with all others at the end.
    fn kind(&mut self, profile: &Profile, folder: &Path, rendered: &Rendered) -> anyhow::Result<()> {
        let kubeadm = self.programs.kubeadm(profile)?;
        for (index, text) in kind::patches(profile, &rendered.files[0].text)?.into_iter().enumerate() {
            if self.is_new(&["patch", &text]) {
                let path = folder.join(format!("patch-{index}.yaml"));
                fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
                self.wrong(profile, kubeadm.validate(&path).err().map(|error| format!("{error:#}")));
            }
        }
        Ok(())
    }
}

/// An empty folder, by its whole path.
fn fresh(folder: &Path) -> anyhow::Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::canonicalize(folder).with_context(|| format!("cannot find {}", folder.display()))
}

fn write(folder: &Path, rendered: &Rendered) -> anyhow::Result<()> {
    for file in &rendered.files {
        let path = folder.join(&file.path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        fs::write(&path, &file.text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
