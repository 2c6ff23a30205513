//! Who asks: certificate authorities and certificates, kubeconfigs, and ServiceAccount tokens, as credentials for `wire`.

mod authority;
mod cluster_pki;
mod error;
mod kube_proxy;
pub mod kubeconfig;
mod private_key;
pub mod service_account;

pub use authority::{Authority, Issued, Purpose, Subject};
pub use cluster_pki::ClusterPki;
pub use error::Error;
pub use kube_proxy::proxy_account;
