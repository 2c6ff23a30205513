//! A command line of ours and that of kubeadm's static pod, of the same profile.

use std::collections::BTreeSet;

use control_plane::CommandLine;

/// The container of a static pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Container {
    /// Without the program.
    pub(crate) arguments: Vec<String>,
    /// Names and values.
    pub(crate) variables: Vec<(String, String)>,
}

/// In what they differ, apart from the flags that ours declares to be its own.
pub(crate) fn differences(ours: &CommandLine, theirs: &Container) -> Vec<String> {
    let own: BTreeSet<&str> =
        ours.arguments.iter().filter(|it| it.ours.is_some()).map(|it| it.name.as_str()).collect();
    let here = ours.arguments.iter().map(|it| (it.name.as_str(), it.value.as_str()));
    let there = theirs.arguments.iter().map(|argument| {
        let argument = argument.trim_start_matches("--");
        argument.split_once('=').unwrap_or((argument, ""))
    });
    let here = sorted(here.filter(|(name, _)| !own.contains(name)));
    let there = sorted(there.filter(|(name, _)| !own.contains(name)));
    let flags = only(&here, &there, "ours alone has").chain(only(&there, &here, "kubeadm's alone has"));

    // kubeadm adds the proxies of its own environment.
    let variables = ours
        .variables
        .iter()
        .filter(|(name, value)| !theirs.variables.iter().any(|(its, has)| its == *name && has == *value));
    let variables = variables.map(|(name, value)| format!("ours alone has the variable {name}={value}"));
    flags.chain(variables).collect()
}

/// Repeated flags stay repeated; the order of names is no difference, and neither is that of feature gates.
fn sorted<'a>(arguments: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let mut sorted: Vec<String> = arguments
        .map(|(name, value)| match name {
            "feature-gates" => {
                let mut gates: Vec<&str> = value.split(',').collect();
                gates.sort_unstable();
                format!("--{name}={}", gates.join(","))
            }
            _ => format!("--{name}={value}"),
        })
        .collect();
    sorted.sort();
    sorted
}

/// What one has more often than the other.
fn only<'a>(one: &'a [String], other: &'a [String], said: &'a str) -> impl Iterator<Item = String> + 'a {
    let count = |all: &[String], wanted: &String| all.iter().filter(|it| *it == wanted).count();
    let distinct: BTreeSet<&String> = one.iter().collect();
    let more = distinct.into_iter().filter(move |it| count(one, it) > count(other, it));
    more.map(move |it| format!("{said} {it}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use control_plane::{Argument, CommandLine, Instance};
    use profile::Component;

    use super::{Container, differences};

    fn ours(arguments: &[(&str, &str, Option<&'static str>)]) -> CommandLine {
        let argument = |(name, value, ours): &(&str, &str, Option<&'static str>)| Argument {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
            ours: *ours,
        };
        CommandLine {
            instance: Instance::from(Component::Apiserver),
            variables: BTreeMap::from([("GOGC".to_owned(), "50".to_owned())]),
            cpus: None,
            arguments: arguments.iter().map(argument).collect(),
        }
    }

    fn theirs(arguments: &[&str], variables: &[(&str, &str)]) -> Container {
        Container {
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn order_and_what_is_declared_make_no_difference() {
        let ours = ours(&[
            ("a", "1", None),
            ("secure-port", "4711", Some("we choose it")),
            ("feature-gates", "B=false,A=true", None),
        ]);
        let theirs = theirs(
            &["--secure-port=6443", "--feature-gates=A=true,B=false", "--a=1"],
            &[("GOGC", "50"), ("NO_PROXY", "x")],
        );
        assert_eq!(differences(&ours, &theirs), [""; 0]);
    }

    #[test]
    fn a_flag_or_variable_of_one_of_them_is_a_difference() {
        let ours = ours(&[("a", "1", None), ("twice", "x", None), ("twice", "x", None)]);
        let theirs = theirs(&["--a=2", "--twice=x", "--more=y"], &[("GOGC", "100")]);
        let expected = [
            "ours alone has --a=1",
            "ours alone has --twice=x",
            "kubeadm's alone has --a=2",
            "kubeadm's alone has --more=y",
            "ours alone has the variable GOGC=50",
        ];
        assert_eq!(differences(&ours, &theirs), expected);
    }
}
