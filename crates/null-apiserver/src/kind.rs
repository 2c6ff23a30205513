//! The typed objects a test can put into the server and take out of it.

use k8s_pb::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_pb::{Metadata, Resource as Typed};
use prost::Message;

use crate::resource::Resource;

/// A generated type of a kind that the server knows: Pod, Node, Lease, Service, ...
pub trait Kind: Message + Default + Clone + Typed + Metadata<Ty = ObjectMeta> {
    /// Where its collection is.
    ///
    /// # Panics
    /// If the server does not know the kind.
    fn resource() -> &'static Resource {
        Resource::of_kind(Self::API_VERSION, Self::KIND)
            .unwrap_or_else(|| panic!("null-apiserver knows no {} {}", Self::API_VERSION, Self::KIND))
    }
}

impl<K: Message + Default + Clone + Typed + Metadata<Ty = ObjectMeta>> Kind for K {}
