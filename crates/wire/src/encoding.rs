//! The content types a Kubernetes API server reads and writes.

use http::HeaderValue;

/// The format of a body: what is sent, what is asked for, or what was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `application/json`.
    Json,
    /// `application/vnd.kubernetes.protobuf`: the `k8s\0` magic number, then a `runtime.Unknown`.
    Protobuf,
    /// `application/strategic-merge-patch+json`: what a kubelet patches a status with.
    StrategicMergePatch,
    /// `application/merge-patch+json` (RFC 7386).
    MergePatch,
    /// `application/json-patch+json` (RFC 6902).
    JsonPatch,
    /// `application/apply-patch+yaml`: server-side apply, of which JSON is a part.
    Apply,
    /// Anything else a server answers with, such as the `text/plain` of `/readyz`.
    Text,
}

impl Encoding {
    /// The value of `Content-Type` for a body in this encoding.
    pub fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/vnd.kubernetes.protobuf",
            Self::StrategicMergePatch => "application/strategic-merge-patch+json",
            Self::MergePatch => "application/merge-patch+json",
            Self::JsonPatch => "application/json-patch+json",
            Self::Apply => "application/apply-patch+yaml",
            Self::Text => "text/plain",
        })
    }

    /// The value of `Accept` of a client that would like this encoding.
    ///
    /// Protobuf clients also take JSON, because custom resources have no protobuf (kubelet `setContentTypeForClient`).
    pub fn accept(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Protobuf => "application/vnd.kubernetes.protobuf,application/json",
            Self::Text => "*/*",
            Self::Json | Self::StrategicMergePatch | Self::MergePatch | Self::JsonPatch | Self::Apply => {
                "application/json"
            }
        })
    }

    /// The encoding that a `Content-Type` names; parameters such as `;stream=watch` are ignored.
    pub fn of_content_type(value: Option<&HeaderValue>) -> Self {
        value.and_then(|value| value.to_str().ok()).map_or(Self::Text, Self::of_media_type)
    }

    /// The same of the text of the header.
    pub(crate) fn of_media_type(text: &str) -> Self {
        match text.split(';').next().unwrap_or_default().trim() {
            "application/json" => Self::Json,
            "application/vnd.kubernetes.protobuf" => Self::Protobuf,
            "application/strategic-merge-patch+json" => Self::StrategicMergePatch,
            "application/merge-patch+json" => Self::MergePatch,
            "application/json-patch+json" => Self::JsonPatch,
            "application/apply-patch+yaml" => Self::Apply,
            _ => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_read_back_with_or_without_parameters() {
        for encoding in [
            Encoding::Json,
            Encoding::Protobuf,
            Encoding::StrategicMergePatch,
            Encoding::MergePatch,
            Encoding::JsonPatch,
            Encoding::Text,
        ] {
            assert_eq!(Encoding::of_content_type(Some(&encoding.content_type())), encoding);
        }
        let watch = HeaderValue::from_static("application/vnd.kubernetes.protobuf;stream=watch");
        assert_eq!(Encoding::of_content_type(Some(&watch)), Encoding::Protobuf);
        assert_eq!(Encoding::of_content_type(None), Encoding::Text);
    }
}
