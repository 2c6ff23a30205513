//! Who asks: certificate authorities and certificates, kubeconfigs, and ServiceAccount tokens, as credentials for `wire`.

mod authority;
mod cluster_pki;
mod ensure;
mod error;
mod kube_proxy;
pub mod kubeconfig;
mod private_key;
mod rotation;
pub mod service_account;
mod signing_request;

pub use authority::{Authority, Issued, Purpose, Subject};
pub use cluster_pki::ClusterPki;
pub use error::Error;
pub use kube_proxy::proxy_account;
pub use rotation::allow_rotation;
pub use signing_request::SigningRequest;
