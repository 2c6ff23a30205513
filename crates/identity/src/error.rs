//! What can go wrong with an identity, and what the reader of the message can do about it.

use std::path::PathBuf;

/// An identity could not be made, read or refreshed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Key generation or signing failed inside the cryptography library.
    #[error("cannot {action} for `{name}`")]
    Certificate {
        /// What was being made.
        action: &'static str,
        /// The common name it was for.
        name: String,
        /// What the certificate library said.
        #[source]
        source: rcgen::Error,
    },
    /// A certificate was asked for a subject that cannot be written.
    #[error(
        "cannot issue a certificate for `{name}`: it has {count} organizations and at most one can be written"
    )]
    Organizations {
        /// The common name it was for.
        name: String,
        /// How many organizations were asked for.
        count: usize,
    },
    /// The PEM text of an authority's certificate or key is not what it should be.
    #[error("cannot use this certificate authority: {what}")]
    Authority {
        /// What is wrong, and with which half of the pair.
        what: String,
    },
    /// A certificate of ours is refused by the TLS library.
    #[error("a certificate that was just issued cannot be used")]
    Unusable(#[source] wire::Error),
    /// There is no kubeconfig.
    #[error("there is no kubeconfig at {}; name one with --kubeconfig or in KUBECONFIG", list(.tried))]
    KubeconfigMissing {
        /// Where it was looked for.
        tried: Vec<PathBuf>,
    },
    /// A kubeconfig cannot be read, is not YAML of the right shape, or has no such context.
    #[error("kubeconfig {}: {problem}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong, on which line, or which contexts there are.
        problem: String,
    },
    /// One entry of a kubeconfig cannot be used.
    #[error("kubeconfig {}: {entry}: {problem}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The entry, like ``user `dev` ``.
        entry: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// The apiserver did not issue a token.
    #[error("cannot get a token for ServiceAccount {namespace}/{name}: {problem}")]
    Token {
        /// The account's namespace.
        namespace: String,
        /// The account's name.
        name: String,
        /// What the server said, or why there was no answer.
        problem: String,
    },
    /// What a cluster issued is not the certificate that was asked for.
    #[error("cannot use the certificate that was issued for `{name}`: {problem}")]
    Issued {
        /// The common name that was asked for.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Nodes cannot be allowed to renew their certificates.
    #[error(
        "cannot {action} ClusterRoleBinding {binding}, without which nobody approves the certificates that nodes ask for: \
         {problem}; do it with rights to make ClusterRoleBindings, or do without --rotate-certificates"
    )]
    Rotation {
        /// What was tried: look for, make.
        action: &'static str,
        /// The binding's name.
        binding: &'static str,
        /// What the server said, or why there was no answer.
        problem: String,
    },
    /// The account of the nodes' kube-proxies cannot be used.
    #[error(
        "cannot {action} {what} for the nodes' kube-proxies: {problem}; do it with rights to make ServiceAccounts in kube-system, \
         ClusterRoleBindings to system:node-proxier and tokens, or leave kube-proxy out (--preset kubelet-only)"
    )]
    KubeProxy {
        /// What was tried: look for, make, use.
        action: &'static str,
        /// Resource and name.
        what: String,
        /// What the server said, or why there was no answer.
        problem: String,
    },
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    shown.join(" or ")
}
