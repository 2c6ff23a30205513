//! The few requests of Grafana's API that are needed, and what its refusals mean.

use std::time::Duration;

use anyhow::{Context, anyhow};
use http::StatusCode;
use reqwest::{
    Client, Method, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION},
    redirect::Policy,
};
use serde_json::{Value, json};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Grafana saves a dashboard in milliseconds; one that takes this long does not.
const TIMEOUT: Duration = Duration::from_mins(1);
/// As many folders as Grafana lists at once.
const MOST_FOLDERS: u32 = 1000;

/// A Grafana that can be asked.
#[derive(Debug)]
pub(super) struct Grafana {
    client: Client,
    /// Ends with a slash.
    root: Url,
    token: HeaderValue,
}

impl Grafana {
    /// Asks nothing yet.
    pub(super) fn new(root: Url, token: HeaderValue) -> anyhow::Result<Self> {
        let mut client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // A POST that is led elsewhere becomes a GET on its way.
            .redirect(Policy::none());
        if root.scheme() == "http" {
            // Nobody's certificate is needed, and a machine without any has none to read.
            client = client.tls_certs_only([]);
        }
        if is_loopback(&root) {
            // No proxy knows what listens here.
            client = client.no_proxy();
        }
        let client = client.build().context("cannot make a client of HTTPS")?;
        Ok(Self { client, root, token })
    }

    /// The uid of the folder of this title, made where there is none.
    pub(super) async fn folder(&self, title: &str) -> anyhow::Result<String> {
        let all = self.ask(Method::GET, &format!("api/folders?limit={MOST_FOLDERS}"), None).await?;
        let folders = all.as_array().context("Grafana's list of folders is no list")?;
        let known = folders.iter().find(|folder| folder["title"] == title);
        let folder = match known {
            Some(folder) => folder.clone(),
            None => self.ask(Method::POST, "api/folders", Some(json!({ "title": title }))).await?,
        };
        folder["uid"].as_str().map(str::to_owned).context("Grafana gave the folder no uid")
    }

    /// Saves a dashboard and gives its address.
    pub(super) async fn dashboard(
        &self,
        json: &str,
        folder: Option<&str>,
        overwrite: bool,
    ) -> anyhow::Result<String> {
        let dashboard: Value = serde_json::from_str(json).context("a dashboard of ours is no JSON")?;
        let mut body = json!({
            "dashboard": dashboard,
            "message": concat!("loadgen ", env!("CARGO_PKG_VERSION")),
            "overwrite": overwrite,
        });
        if let Some(uid) = folder {
            body["folderUid"] = uid.into();
        }
        let saved = self.ask(Method::POST, "api/dashboards/db", Some(body)).await?;
        let path = saved["url"].as_str().context("Grafana did not say where it put it")?;
        Ok(self.root.join(path).map_or_else(|_| path.to_owned(), Into::into))
    }

    /// One request; what is not a success is told as what one can do about it.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let url = self.root.join(path).with_context(|| format!("{path} is no path below {}", self.root))?;
        let mut request = self
            .client
            .request(method, url)
            .header(AUTHORIZATION, self.token.clone())
            .header(ACCEPT, "application/json");
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let location = response.headers().get(LOCATION).and_then(|it| it.to_str().ok()).map(str::to_owned);
        let text = response.text().await.map_err(|error| self.unreachable(&error))?;
        let answer: Option<Value> = serde_json::from_str(&text).ok();
        if status.is_success() {
            return answer.with_context(|| format!("{} answers, but not as a Grafana does", self.root));
        }
        Err(self.refused(status, &answer.unwrap_or_default(), location.as_deref()))
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        let mut deepest: &dyn std::error::Error = error;
        while let Some(source) = deepest.source() {
            deepest = source;
        }
        anyhow!("cannot ask Grafana at {}: {deepest}", self.root)
    }

    /// What the documented answers mean.
    fn refused(&self, status: StatusCode, answer: &Value, location: Option<&str>) -> anyhow::Error {
        let root = &self.root;
        let said = answer["message"].as_str().map(|message| format!(" ({message})")).unwrap_or_default();
        match (status, answer["status"].as_str()) {
            (StatusCode::UNAUTHORIZED, _) => anyhow!(
                "Grafana at {root} does not take the token{said}: it may have expired, or be of another \
                 Grafana or organisation"
            ),
            (StatusCode::FORBIDDEN, _) => anyhow!(
                "the token may not do this{said}: its service account needs the role Editor, or the rights \
                 dashboards:create, dashboards:write, folders:read and folders:create"
            ),
            (StatusCode::NOT_FOUND, _) => anyhow!(
                "{root} knows nothing of it{said}: --url must be Grafana's own root, with the path below \
                 which it is served"
            ),
            (StatusCode::PRECONDITION_FAILED, Some("name-exists")) => anyhow!(
                "there is another dashboard of this title in that folder{said}: choose another --folder, \
                 or replace it with --force"
            ),
            (StatusCode::PRECONDITION_FAILED, Some("plugin-dashboard")) => {
                anyhow!(
                    "a plugin of Grafana's has a dashboard of this uid{said}, which only that plugin changes"
                )
            }
            (StatusCode::PRECONDITION_FAILED, _) => {
                anyhow!(
                    "it is there already, of this version or changed by somebody{said}: replace it with --force"
                )
            }
            (status, _) if status.is_redirection() => {
                let to = location.unwrap_or("elsewhere");
                anyhow!("{root} sends us to {to}: give the address as --url that a browser ends up at")
            }
            (status, _) => anyhow!("Grafana at {root} answers {status}{said}"),
        }
    }
}

/// Whether an address is this machine's own.
fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}
