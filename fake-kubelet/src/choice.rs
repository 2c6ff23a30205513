//! What somebody chose that a fleet sends: a preset, some classes less, some more.

use std::fmt;

use crate::classes::{Class, Classes, Preset};

/// A preset and what differs from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Where it begins.
    pub preset: Preset,
    /// What is left out.
    pub without: Vec<Class>,
    /// What is added.
    pub with: Vec<Class>,
}

/// A choice that cannot be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// A class is both wanted and not.
    #[error("{0} is both chosen and left out")]
    Both(Class),
}

impl Choice {
    /// The classes that are sent.
    ///
    /// # Errors
    /// When the choice contradicts itself.
    pub fn classes(&self) -> Result<Classes, Contradiction> {
        if let Some(both) = self.with.iter().find(|class| self.without.contains(class)) {
            return Err(Contradiction::Both(*both));
        }
        let less = self.without.iter().fold(self.preset.classes(), |classes, class| classes.without(*class));
        Ok(self.with.iter().fold(less, |classes, class| classes.with(*class)))
    }
}

impl fmt::Display for Choice {
    /// In words: `kubelet without tokens, events`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.preset)?;
        for (word, classes) in [("without", &self.without), ("with", &self.with)] {
            let names: Vec<&str> = classes.iter().map(|class| class.name()).collect();
            if !names.is_empty() {
                write!(f, " {word} {}", names.join(", "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(preset: Preset, without: &[Class], with: &[Class]) -> Choice {
        Choice { preset, without: without.into(), with: with.into() }
    }

    #[test]
    fn a_preset_can_be_cut_and_extended() {
        let classes = choice(Preset::Kubelet, &[Class::Tokens, Class::KubeProxy], &[]).classes().unwrap();
        assert_eq!(classes, Preset::KubeletOnly.classes().without(Class::Tokens));
        let classes = choice(Preset::Kwok, &[], &[Class::PodGets]).classes().unwrap();
        assert_eq!(classes, Classes::NONE.with(Class::PodGets));
    }

    #[test]
    fn a_class_cannot_be_chosen_and_left_out() {
        let both = choice(Preset::Kubelet, &[Class::Events], &[Class::Events]);
        assert_eq!(both.classes(), Err(Contradiction::Both(Class::Events)));
    }

    #[test]
    fn a_choice_is_told_in_words() {
        assert_eq!(Choice::default().to_string(), "kubelet");
        let choice = choice(Preset::KubeletOnly, &[Class::Tokens, Class::Events], &[Class::KubeProxy]);
        assert_eq!(choice.to_string(), "kubelet-only without tokens, events with kube-proxy");
    }
}
