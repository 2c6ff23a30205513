use super::{super::no_senders, *};

fn provisioner() -> Provisioner {
    Provisioner::new("r1".to_owned(), FleetHandle::to_nothing(4), no_senders(), Arc::default())
}

fn claim(phase: &str, volume: Option<&str>) -> Value {
    json!({
        "metadata": { "name": "c", "namespace": "n", "uid": "u" },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "1Gi" } },
            "volumeName": volume,
        },
        "status": { "phase": phase },
    })
}

const DONE: Ended = Ended { at: Nanos(10), error: None };

/// What it would send now.
fn sends(provisioner: &Provisioner) -> Vec<String> {
    let steps = provisioner.claims.get("n/c").map(|claim| provisioner.steps(claim)).unwrap_or_default();
    steps.into_iter().map(|(kind, _)| kind.to_string()).collect()
}

#[test]
fn a_claim_gets_a_volume_is_bound_attached_and_cleared_away() {
    let mut provisioner = provisioner();
    assert!(provisioner.see("n/c", claim("Pending", None), Nanos(1)));
    assert_eq!(sends(&provisioner), ["create persistentvolumes", "patch persistentvolumeclaims"]);
    assert!(provisioner.work("n/c").is_some());
    assert!(!provisioner.over("n/c", DONE));
    assert!(
        !provisioner.see("n/c", claim("Pending", Some("pvc-u")), Nanos(11)),
        "it is for somebody else to bind it"
    );
    assert!(provisioner.work("n/c").is_none());
    assert!(provisioner.see("n/c", claim("Bound", Some("pvc-u")), Nanos(12)));
    assert!(provisioner.work("n/c").is_some());
    assert!(!provisioner.over("n/c", DONE));
    assert_eq!(sends(&provisioner), [""; 0]);
    assert!(provisioner.gone("n/c", Nanos(20)));
    assert_eq!(sends(&provisioner), ["delete storage.k8s.io/volumeattachments", "delete persistentvolumes"]);
    assert!(provisioner.work("n/c").is_some());
    assert!(!provisioner.over("n/c", DONE));
    assert!(provisioner.claims.is_empty());
    let accounting = provisioner.tally.accounting();
    assert_eq!((accounting.offered, accounting.there, accounting.gone), (1, 1, 0));
}

#[test]
fn a_claim_that_is_bound_before_the_volume_is_acknowledged_is_attached_all_the_same() {
    let mut provisioner = provisioner();
    provisioner.see("n/c", claim("Pending", None), Nanos(1));
    assert!(provisioner.work("n/c").is_some());
    assert!(provisioner.see("n/c", claim("Bound", Some("pvc-u")), Nanos(5)));
    assert!(!provisioner.over("n/c", DONE));
    assert_eq!(sends(&provisioner)[0], "create storage.k8s.io/volumeattachments");
}

#[test]
fn what_fails_is_tried_again_and_a_claim_that_goes_meanwhile_is_over() {
    let mut provisioner = provisioner();
    provisioner.see("n/c", claim("Pending", None), Nanos(1));
    assert!(provisioner.work("n/c").is_some());
    assert!(provisioner.over("n/c", Ended { at: Nanos(2), error: Some(ErrorClass::Server) }));
    assert!(provisioner.gone("n/c", Nanos(3)));
    let accounting = provisioner.tally.accounting();
    assert_eq!((accounting.offered, accounting.there, accounting.gone), (1, 0, 1));
}

#[test]
fn claims_that_are_bound_already_are_no_operations() {
    let mut provisioner = provisioner();
    assert!(!provisioner.see("n/c", claim("Bound", Some("pvc-u")), Nanos(1)));
    assert_eq!(provisioner.tally.accounting().offered, 0);
    assert!(provisioner.gone("n/c", Nanos(2)), "and still have something to clear away");
}

#[test]
fn a_volume_is_the_claims_from_the_beginning() {
    let mut provisioner = provisioner();
    provisioner.see("n/c", claim("Pending", None), Nanos(1));
    let volume = provisioner.volume(&provisioner.claims["n/c"]);
    assert_eq!(volume["spec"]["claimRef"]["uid"], "u");
    assert_eq!(volume["spec"]["capacity"]["storage"], "1Gi");
    assert_eq!(volume["metadata"]["name"], "pvc-u");
    assert!(
        is_as_wanted(CREATE_VOLUME, ErrorClass::Conflict) && !is_as_wanted(PATCH_CLAIM, ErrorClass::Conflict)
    );
}
