//! The right name for a mistyped one.

/// The known name that is most like `wrong`, if one is like enough to be what was meant.
///
/// Jaro-Winkler weighs a common prefix, which flags and field names share, and forgives transposed letters. Below 0.8
/// a proposal is more often noise than help.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Underscores, dashes and case are the commonest confusion, and strsim would count each as a wrong letter.
    let fold = |name: &str| name.to_ascii_lowercase().replace('_', "-");
    let wrong = fold(wrong);
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wrong, &fold(name)), name))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn proposes_only_what_is_like_it() {
        let known = ["max-requests-inflight", "max-mutating-requests-inflight", "audit-log-path"];
        assert_eq!(nearest("max-request-inflight", known), Some("max-requests-inflight"));
        assert_eq!(nearest("max_requests_inflight", known), Some("max-requests-inflight"));
        assert_eq!(nearest("Audit-Log-Path", known), Some("audit-log-path"));
        assert_eq!(nearest("zzz", known), None);
    }
}
