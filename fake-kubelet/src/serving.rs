//! `--kubelet-endpoint`: whether the nodes serve what kubelets serve, and where.

use std::{net::IpAddr, str::FromStr};

use fake_kubelet::EndpointSpec;

/// The flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serving {
    /// On any free port, where it can be reached and callers can be told apart.
    Auto,
    Off,
    Port(u16),
}

impl FromStr for Serving {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            port => port.parse().map(Self::Port).map_err(|_| "it is `auto`, `off` or a port"),
        }
    }
}

impl Serving {
    /// What the fleet is told. `server` is the apiserver's URL; without the cluster's authority the apiserver's own certificate
    /// would prove nothing to the nodes.
    pub(crate) fn spec(self, server: &str, holds_authority: bool) -> Option<EndpointSpec> {
        match self {
            Self::Auto => (holds_authority && is_on_this_machine(server)).then(EndpointSpec::default),
            Self::Off => None,
            Self::Port(port) => Some(EndpointSpec { port, required: true, client_ca_pem: None }),
        }
    }
}

/// Whether a URL names a loopback address.
fn is_on_this_machine(server: &str) -> bool {
    let Ok(uri) = server.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_served_by_default_where_it_can_be_reached() {
        let check = |text: &str, server: &str, port: Option<u16>| {
            let serving: Serving = text.parse().unwrap();
            assert_eq!(serving.spec(server, true).map(|spec| spec.port), port, "{text} {server}");
        };
        check("auto", "https://127.0.0.1:6443", Some(0));
        check("auto", "https://localhost:6443", Some(0));
        check("auto", "https://[::1]:6443", Some(0));
        check("auto", "https://10.0.0.1:6443", None);
        check("off", "https://127.0.0.1:6443", None);
        check("10250", "https://10.0.0.1:6443", Some(10250));
        assert!(Serving::Auto.spec("https://127.0.0.1:6443", false).is_none());
        for wrong in ["", "on", "70000", "-1"] {
            assert!(wrong.parse::<Serving>().is_err(), "{wrong}");
        }
    }
}
