//! The same refusal is read from either encoding, and nonsense never fails.

use k8s_pb::apimachinery::pkg::apis::meta::v1 as meta;

use super::*;

#[test]
fn both_encodings_give_the_same_status() {
    let message = meta::Status {
        status: Some("Failure".into()),
        message: Some("Too large resource version: 9, current: 3".into()),
        reason: Some("Timeout".into()),
        code: Some(504),
        details: Some(meta::StatusDetails {
            causes: vec![meta::StatusCause {
                reason: Some("ResourceVersionTooLarge".into()),
                ..Default::default()
            }],
            retry_after_seconds: Some(1),
            ..Default::default()
        }),
        ..Default::default()
    };
    let protobuf = protobuf::encode("v1", "Status", &message);
    let json = Bytes::from_static(
        br#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
            "message":"Too large resource version: 9, current: 3","reason":"Timeout","code":504,
            "details":{"causes":[{"reason":"ResourceVersionTooLarge","message":"x"}],"retryAfterSeconds":1}}"#,
    );
    let expected = Status {
        code: 504,
        reason: "Timeout".into(),
        message: "Too large resource version: 9, current: 3".into(),
        causes: vec!["ResourceVersionTooLarge".into()],
        retry_after: Some(Duration::from_secs(1)),
    };
    assert_eq!(Status::parse(504, Encoding::Protobuf, &protobuf), expected);
    assert_eq!(Status::parse(504, Encoding::Json, &json), expected);
    assert!(expected.is_resource_version_too_large());
    assert!(!expected.is_expired());
}

#[test]
fn what_is_no_status_becomes_the_message() {
    let text = Bytes::from_static(b"[-]etcd failed\n");
    for encoding in [Encoding::Text, Encoding::Json, Encoding::Protobuf] {
        let status = Status::parse(500, encoding, &text);
        assert_eq!((status.code, status.message.as_str()), (500, "[-]etcd failed"), "{encoding:?}");
    }
    let other = Bytes::from_static(br#"{"error":"unauthorized"}"#);
    assert_eq!(Status::parse(401, Encoding::Json, &other).to_string(), r#"401: {"error":"unauthorized"}"#);
}

#[test]
fn expired_is_told_by_reason_or_by_a_bare_410() {
    let expired =
        |code, reason: &str| Status { code, reason: reason.into(), ..Status::default() }.is_expired();
    assert!(expired(410, "Expired"));
    assert!(expired(410, "Gone"));
    assert!(expired(410, ""));
    assert!(!expired(504, "Timeout"));
    assert!(!expired(404, ""));
}
