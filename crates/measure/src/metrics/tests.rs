use std::collections::BTreeSet;

use super::*;

#[test]
fn names_have_the_prefix_and_the_ending_of_their_kind() {
    for declared in ALL {
        let name = declared.name;
        assert!(name.starts_with("loadgen_"), "{name}");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        assert_eq!(name.ends_with("_total"), declared.kind == FamilyKind::Counter, "{name}");
        assert!(declared.kind != FamilyKind::Histogram || name.ends_with("_seconds"), "{name}");
        // These are of a histogram's own series.
        assert!(!["_bucket", "_sum", "_count"].iter().any(|end| name.ends_with(end)), "{name}");
        assert!(
            !["milliseconds", "minutes", "kilobytes", "percent"].iter().any(|it| name.contains(it)),
            "{name}"
        );
    }
}

#[test]
fn no_two_have_one_name() {
    let names: BTreeSet<&str> = ALL.iter().map(|declared| declared.name).collect();
    assert_eq!(names.len(), ALL.len());
}

#[test]
fn help_is_a_sentence() {
    for Declared { name, help, .. } in ALL {
        assert!(help.ends_with('.') && !help.contains('\n'), "{name}: {help}");
        assert!(
            help.starts_with(|first: char| first.is_uppercase() || first.is_ascii_digit()),
            "{name}: {help}"
        );
    }
}

#[test]
fn labels_are_known_and_every_one_that_is_known_is_used() {
    let known: Vec<&str> = LABELS.iter().map(|(name, _)| *name).collect();
    assert!(known.is_sorted(), "{known:?}");
    let used: BTreeSet<&str> = ALL.iter().flat_map(|it| it.labels).chain(EVERYWHERE).copied().collect();
    assert_eq!(used.into_iter().collect::<Vec<_>>(), known);
    for Declared { name, labels, .. } in ALL {
        assert!(!labels.iter().any(|label| EVERYWHERE.contains(label) || *label == "le"), "{name}");
        assert!(!labels.iter().any(|label| ["node", "pod", "namespace"].contains(label)), "{name}");
    }
}

#[test]
fn only_histograms_have_buckets_and_they_are_in_order() {
    for Declared { name, kind, buckets, .. } in ALL {
        assert_eq!(*kind == FamilyKind::Histogram, !buckets.is_empty(), "{name}");
        assert!(buckets.windows(2).all(|pair| pair[0] < pair[1]), "{name}");
    }
    // The service level objectives can be read off.
    assert!(
        [1.0, 5.0, 30.0]
            .iter()
            .all(|limit| REQUEST.buckets.iter().any(|it| it.to_bits() == f64::to_bits(*limit)))
    );
}

#[test]
fn units_are_in_names() {
    let units = [REQUEST, PROCESS_CPU, PROCESS_MEMORY, OFFERED].map(|declared| declared.unit());
    assert_eq!(units, ["seconds", "seconds", "bytes", ""]);
}
