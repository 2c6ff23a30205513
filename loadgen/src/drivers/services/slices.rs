//! `EndpointSlices` and what changes in them. Pure: a slice is a function of how often it was written.
//!
//! Shaped as those of the controller-manager (k8s.io/endpointslice, `utils.go` `podToEndpoint` and `newEndpointSlice`).

use std::net::Ipv4Addr;

use k8s_pb::{
    api::{
        core::v1::ObjectReference,
        discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use crate::nodes::RUN_LABEL;

/// Where the pods listen that there are not.
pub(super) const PORT: i32 = 8080;
/// Which Service a slice is of, by `discovery.k8s.io` `LabelServiceName`.
const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// Who writes it, by `LabelManagedBy`: others leave it alone.
const MANAGED_BY: (&str, &str) = ("endpointslice.kubernetes.io/managed-by", "loadgen");
/// 10.64.0.0/10: two million endpoints twice over.
const ADDRESSES: (u32, u64) = (0x0a40_0000, 1 << 22);

/// How many endpoints there are and how they lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    services: u64,
    /// Of each Service.
    endpoints: u64,
    /// Of each slice but the last of a Service.
    per_slice: u64,
}

/// A slice at one of its writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) service: u64,
    /// Of the Service, from 0.
    place: u64,
    /// How often it was written before.
    round: u64,
}

impl Shape {
    pub(super) fn new(services: u32, endpoints: u32, per_slice: u32) -> Self {
        Self {
            services: u64::from(services.max(1)),
            endpoints: u64::from(endpoints.max(1)),
            per_slice: u64::from(per_slice.max(1)),
        }
    }

    fn slices_of_a_service(&self) -> u64 {
        self.endpoints.div_ceil(self.per_slice)
    }

    /// Of all Services.
    pub(super) fn slices(&self) -> u64 {
        self.services * self.slices_of_a_service()
    }

    pub(super) fn all_endpoints(&self) -> u64 {
        self.services * self.endpoints
    }

    /// What write number `turn` is of: of one Service after the other, and of each the slices in turn.
    pub(super) fn slice(&self, turn: u64) -> Slice {
        let number = turn % self.slices();
        Slice { service: number % self.services, place: number / self.services, round: turn / self.slices() }
    }

    /// How many endpoints a slice has.
    fn endpoints_of(&self, slice: Slice) -> u64 {
        (self.endpoints - slice.place * self.per_slice).min(self.per_slice)
    }

    /// The endpoint at `position`, as a number that no other endpoint has or had for long.
    fn endpoint(&self, slice: Slice, position: u64) -> u64 {
        let count = self.endpoints_of(slice);
        // In each round the endpoint of one position after the other is replaced.
        let replaced = (slice.round + count - position) / count;
        let first = slice.service * self.endpoints + slice.place * self.per_slice + position;
        replaced * self.all_endpoints() + first
    }
}

impl Slice {
    pub(super) fn name(&self, load: &str) -> String {
        format!("{load}-{}-{}", self.service, self.place)
    }

    pub(super) fn object(&self, shape: &Shape, load: &str, namespace: &str, run: &str) -> EndpointSlice {
        let text = |text: &str| text.to_owned();
        let service = format!("{load}-{}", self.service);
        let labels = [(SERVICE_NAME, service.as_str()), MANAGED_BY, (RUN_LABEL, run)];
        let endpoint =
            |position| endpoint(shape.endpoint(*self, position), &service, namespace, run, position);
        EndpointSlice {
            metadata: Some(ObjectMeta {
                name: Some(self.name(load)),
                namespace: Some(text(namespace)),
                labels: labels.map(|(key, value)| (text(key), text(value))).into(),
                ..ObjectMeta::default()
            }),
            address_type: Some(text("IPv4")),
            endpoints: (0..shape.endpoints_of(*self)).map(endpoint).collect(),
            ports: vec![EndpointPort {
                name: Some(text("http")),
                protocol: Some(text("TCP")),
                port: Some(PORT),
                ..EndpointPort::default()
            }],
        }
    }
}

/// The endpoint of a pod that does not exist.
fn endpoint(number: u64, service: &str, namespace: &str, run: &str, position: u64) -> Endpoint {
    Endpoint {
        addresses: vec![address(number).to_string()],
        conditions: Some(EndpointConditions {
            ready: Some(true),
            serving: Some(true),
            terminating: Some(false),
        }),
        target_ref: Some(ObjectReference {
            kind: Some("Pod".to_owned()),
            namespace: Some(namespace.to_owned()),
            name: Some(format!("{service}-{number:x}")),
            uid: Some(format!("00000000-0000-4000-8000-{number:012x}")),
            ..ObjectReference::default()
        }),
        node_name: Some(format!("{run}-{position}")),
        ..Endpoint::default()
    }
}

fn address(number: u64) -> Ipv4Addr {
    let (first, many) = ADDRESSES;
    Ipv4Addr::from(first + u32::try_from(number % many).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn addresses(shape: Shape, turn: u64) -> Vec<String> {
        let slice = shape.slice(turn).object(&shape, "web", "ns", "r1");
        slice.endpoints.into_iter().flat_map(|endpoint| endpoint.addresses).collect()
    }

    #[test]
    fn endpoints_fill_one_slice_after_the_other() {
        let shape = Shape::new(2, 250, 100);
        assert_eq!((shape.slices(), shape.all_endpoints()), (6, 500));
        let sizes: Vec<usize> = (0..6).map(|turn| addresses(shape, turn).len()).collect();
        assert_eq!(sizes, [100, 100, 100, 100, 50, 50]);
        let all: BTreeSet<String> = (0..6).flat_map(|turn| addresses(shape, turn)).collect();
        assert_eq!(all.len(), 500, "each has an address of its own");
        let names: BTreeSet<String> = (0..12).map(|turn| shape.slice(turn).name("web")).collect();
        assert_eq!(names.len(), 6, "and what comes after the last is the first again");
    }

    #[test]
    fn every_write_replaces_one_endpoint_and_leaves_the_others() {
        let shape = Shape::new(1, 6, 3);
        // Slice 0 is written by each other turn.
        let mut before = addresses(shape, 0);
        for round in 1..20 {
            let now = addresses(shape, round * 2);
            let changed: Vec<usize> = (0..3).filter(|place| before[*place] != now[*place]).collect();
            assert_eq!(changed.len(), 1, "round {round}");
            assert!(!before.contains(&now[changed[0]]));
            before = now;
        }
    }

    #[test]
    fn a_slice_says_of_which_service_it_is() {
        let shape = Shape::new(3, 10, 100);
        let object = shape.slice(1).object(&shape, "web", "ns", "r1");
        let metadata = object.metadata.unwrap();
        assert_eq!(
            (metadata.labels[SERVICE_NAME].as_str(), metadata.labels[RUN_LABEL].as_str()),
            ("web-1", "r1")
        );
        assert_eq!(metadata.name.as_deref(), Some("web-1-0"));
        assert_eq!(object.address_type.as_deref(), Some("IPv4"));
    }

    #[test]
    fn addresses_stay_in_their_range() {
        assert_eq!(address(0), Ipv4Addr::new(10, 64, 0, 0));
        assert_eq!(address((1 << 22) - 1), Ipv4Addr::new(10, 127, 255, 255));
        assert_eq!(address(1 << 22), Ipv4Addr::new(10, 64, 0, 0));
    }
}
