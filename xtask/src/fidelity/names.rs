//! What is called differently in every run, and the word for it here.

/// A pod, as the comparison knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodName {
    /// Its name.
    pub(crate) instance: String,
    /// Which pods are alike: `simple`, `j-*`, `d-1-*` for the first template of Deployment `d`.
    pub(crate) group: String,
}

/// The names of one recording.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) node: String,
    pub(crate) namespace: String,
    templates: Vec<String>,
}

impl Names {
    pub(crate) fn new(node: &str, namespace: &str) -> Self {
        Self { node: node.to_owned(), namespace: namespace.to_owned(), templates: Vec::new() }
    }

    /// Templates are numbered as they turn up, so this must see the pods in order.
    pub(crate) fn pod(&mut self, instance: &str) -> PodName {
        let group = self.group(instance).unwrap_or_else(|| instance.to_owned());
        PodName { instance: instance.to_owned(), group }
    }

    /// A Deployment's pod is `<name>-<template>-<random>`, a Job's `<name>-<random>`.
    fn group(&mut self, instance: &str) -> Option<String> {
        let (rest, random) = instance.rsplit_once('-')?;
        if random.len() != 5 || !is_random(random) {
            return None;
        }
        let template = rest.rsplit_once('-').filter(|(_, hash)| hash.len() >= 8 && is_random(hash));
        let Some((name, _)) = template else { return Some(format!("{rest}-*")) };
        let number = self.templates.iter().position(|known| known == rest).unwrap_or_else(|| {
            self.templates.push(rest.to_owned());
            self.templates.len() - 1
        });
        Some(format!("{name}-{}-*", number + 1))
    }
}

/// The alphabet of apimachinery's `rand.String` and `SafeEncodeString`: no vowels, so that no word comes of it.
fn is_random(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| b"bcdfghjklmnpqrstvwxz2456789".contains(&byte))
}

/// Replaces a word where it stands for itself.
pub(crate) fn replace_word(text: &str, word: &str, by: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(word).filter(|_| !word.is_empty()) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let joins = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let joined =
            joins(before.chars().next_back().or(out.chars().next_back())) || joins(after.chars().next());
        out += before;
        out += if joined { word } else { by };
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_of_one_template_are_alike() {
        let mut names = Names::new("n", "ns");
        let mut group = |name: &str| names.pod(name).group;
        assert_eq!(group("simple"), "simple");
        assert_eq!(group("d-57f6dc8459-vjfnk"), "d-1-*");
        assert_eq!(group("d-6466757965-42vtj"), "d-2-*");
        assert_eq!(group("d-57f6dc8459-g8ng6"), "d-1-*");
        assert_eq!(group("j-ch6b2"), "j-*");
        assert_eq!(group("two-words"), "two-words");
    }

    #[test]
    fn a_short_name_is_replaced_as_a_word_only() {
        assert_eq!(replace_word("Node vm status, kvm, vm", "vm", "NODE"), "Node NODE status, kvm, NODE");
        assert_eq!(replace_word("vm.18ea", "vm", "NODE"), "NODE.18ea");
        assert_eq!(replace_word("same", "", "NODE"), "same");
    }
}
