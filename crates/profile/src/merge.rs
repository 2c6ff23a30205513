//! From a chain of profiles, each of which extends the next, to one.

use std::collections::BTreeMap;

use crate::{
    Apf, Audit, Component, Cpu, Error, Flag, Gate, Kubelet, Profile, Storage, Topology, Versions, check,
    document::Document, free_form, nearest, set::SECTIONS, source::Source,
};

/// Applies a chain of profiles from its root down, so that the nearer one wins setting by setting, and checks what comes of it.
pub(crate) fn merge(chain: &[(Source, Document)]) -> Result<Profile, Error> {
    let (leaf, document) = &chain[0];
    let mut profile = Profile {
        name: leaf.name(),
        about: document.about.clone(),
        sources: document.sources.clone(),
        versions: Versions { kubernetes: String::new(), etcd: String::new(), bin_dir: None },
        topology: Topology::default(),
        audit: Audit::default(),
        storage: Storage::default(),
        cpu: Cpu::default(),
        kubelet: Kubelet::default(),
        scheduler_config: None,
        admission: BTreeMap::new(),
        apf: Apf::default(),
        manifests: Vec::new(),
        not_expressible: BTreeMap::new(),
        feature_gates: BTreeMap::new(),
        flags: BTreeMap::new(),
        env: BTreeMap::new(),
    };
    for (source, document) in chain.iter().rev() {
        versions(&mut profile.versions, source, document)?;
        not_expressible(&mut profile, source, document)?;
        tables(&mut profile, document);
        by_component(&mut profile, source, document);
        for manifest in &document.manifests {
            profile.manifests.push(manifest.get_ref().read(manifest, source)?);
        }
    }
    for (said, field, example) in
        [(&profile.versions.kubernetes, "kubernetes", "1.36.3"), (&profile.versions.etcd, "etcd", "3.6.8")]
    {
        if said.is_empty() {
            return Err(Error::NoVersion { origin: leaf.origin.clone(), field, example });
        }
    }
    check::settings(&profile).map_err(|contradiction| contradiction.placed(chain))?;
    check::names(&profile)?;
    Ok(profile)
}

fn versions(merged: &mut Versions, source: &Source, document: &Document) -> Result<(), Error> {
    let said = &document.versions;
    for (said, merged) in [(&said.kubernetes, &mut merged.kubernetes), (&said.etcd, &mut merged.etcd)] {
        if let Some(said) = said {
            check::version(said.get_ref()).map_err(|reason| source.error(said, reason))?;
            merged.clone_from(said.get_ref());
        }
    }
    if let Some(said) = &said.bin_dir {
        merged.bin_dir = Some(source.path(said));
    }
    Ok(())
}

/// What the whole control plane shares.
fn tables(profile: &mut Profile, document: &Document) {
    profile.topology.apply(&document.topology);
    profile.audit.apply(&document.audit);
    profile.storage.apply(&document.storage);
    profile.cpu.apply(document.cpu.clone());
    profile.kubelet.apply(&document.kubelet);
    profile.apf.apply(&document.apf);
    free_form::merge_named(&mut profile.admission, &document.admission);
    if let Some(said) = document.scheduler_config() {
        let merged = profile.scheduler_config.get_or_insert_with(|| free_form::json(&toml::Table::new()));
        free_form::merge(merged, free_form::json(said));
    }
}

/// What a form cannot say of the profile that is extended it cannot say of this one either.
fn not_expressible(profile: &mut Profile, source: &Source, document: &Document) -> Result<(), Error> {
    for (form, said) in &document.not_expressible {
        let merged = profile.not_expressible.entry(*form).or_default();
        for path in said {
            let section = path.get_ref().split('.').next().unwrap_or_default();
            if !SECTIONS.contains(&section) {
                let right = nearest(section, SECTIONS).map(|right| format!("; did you mean `{right}`?"));
                let message =
                    format!("there is no setting `{}`{}", path.get_ref(), right.unwrap_or_default());
                return Err(source.error(path, message));
            }
            merged.push(path.get_ref().clone());
        }
        merged.sort();
        merged.dedup();
    }
    Ok(())
}

fn by_component(profile: &mut Profile, source: &Source, document: &Document) {
    for component in Component::ALL {
        let merged = profile.flags.entry(component).or_default();
        for (name, value) in document.flags(component) {
            let flag = Flag { values: value.0.clone(), origin: source.place(name) };
            merged.insert(name.get_ref().clone(), flag);
        }
        let merged = profile.feature_gates.entry(component).or_default();
        for (name, on) in document.feature_gates(component) {
            merged.insert(name.get_ref().clone(), Gate { on: *on, origin: source.place(name) });
        }
        let variables = document.env(component).iter().map(|(name, value)| (name.clone(), value.clone()));
        profile.env.entry(component).or_default().extend(variables);
    }
}
