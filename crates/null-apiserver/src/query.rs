//! Parameters of a query string.

/// The value of a parameter, percent-decoded.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then(|| decode(value))
    })
}

/// Whether a parameter is `true` or `1`.
pub(crate) fn flag(query: &str, name: &str) -> bool {
    parameter(query, name).is_some_and(|value| matches!(value.as_str(), "true" | "1"))
}

fn decode(value: &str) -> String {
    let mut out = Vec::with_capacity(value.len());
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit =
                    |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).unwrap_or(0);
                let (high, low) = (digit(bytes.next()), digit(bytes.next()));
                u8::try_from(high << 4 | low).unwrap_or_default()
            }
            byte => byte,
        });
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let query = "fieldSelector=spec.clusterIP%21%3DNone&a=b+c&watch=true&empty=";
        assert_eq!(parameter(query, "fieldSelector").as_deref(), Some("spec.clusterIP!=None"));
        assert_eq!(parameter(query, "a").as_deref(), Some("b c"));
        assert_eq!(parameter(query, "empty").as_deref(), Some(""));
        assert_eq!(parameter(query, "missing"), None);
        assert!(flag(query, "watch") && !flag(query, "a"));
    }
}
