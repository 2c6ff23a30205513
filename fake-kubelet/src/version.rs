//! Which Kubernetes an apiserver is: also the cheapest proof that it can be reached.

use wire::{Client, Encoding, Request};

/// The answer of `GET /version`.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct ServerVersion {
    /// Such as `v1.36.3`.
    #[serde(rename = "gitVersion")]
    pub git_version: String,
}

impl ServerVersion {
    /// Asks the server.
    ///
    /// # Errors
    /// When it cannot be reached, or refuses the credential.
    pub async fn ask(client: &Client) -> Result<Self, wire::Error> {
        let request =
            Request::get("/version").accept(Encoding::Json).timeout(std::time::Duration::from_secs(10));
        let response = client.send(&request).await?;
        if response.is_success() {
            response.json()
        } else {
            Err(wire::Error::Status(response.status_error()))
        }
    }
}
