//! Puts the dashboards into a Grafana, as its HTTP API documents it
//! (<https://grafana.com/docs/grafana/latest/developers/http_api/>): `GET` and `POST /api/folders` for the folder, then
//! `POST /api/dashboards/db` for each dashboard.
//!
//! The token goes into the header of the requests and nowhere else: no error and no debug output has it.

mod grafana;

use std::{env, fs, path::Path};

use anyhow::{Context, bail};
use report::dashboards::dashboards;
use reqwest::{Url, header::HeaderValue};

use self::grafana::Grafana;
use crate::{cli::PushArgs, commands::print, end::End};

const TOKEN: &str = "GRAFANA_TOKEN";

pub(super) async fn run(args: &PushArgs) -> End {
    let grafana = address(&args.url).and_then(|url| {
        let token = token(args.token_file.as_deref(), env::var(TOKEN).ok())?;
        Grafana::new(url, token)
    });
    let grafana = match grafana {
        Ok(grafana) => grafana,
        Err(error) => return End::usage(error),
    };
    match push(&grafana, args.folder.as_deref(), args.force, print).await {
        Ok(()) => End::Done,
        Err(error) => error.into(),
    }
}

/// Each dashboard that has arrived is said at once: what a later one stumbles over does not take it back.
async fn push(
    grafana: &Grafana,
    folder: Option<&str>,
    force: bool,
    mut say: impl FnMut(&str),
) -> anyhow::Result<()> {
    let folder = match folder {
        Some(title) => Some(grafana.folder(title).await.with_context(|| format!("the folder {title}"))?),
        None => None,
    };
    for dashboard in dashboards() {
        let put = grafana.dashboard(&dashboard.json(), folder.as_deref(), force).await;
        let place = put.with_context(|| format!("the dashboard {}", dashboard.title))?;
        say(&format!("{}: {place}\n", dashboard.title));
    }
    Ok(())
}

/// Grafana's root; what is asked for is below it.
fn address(text: &str) -> anyhow::Result<Url> {
    let like = "such as https://grafana.example.com or http://localhost:3000/grafana";
    let mut url = Url::parse(text).with_context(|| format!("--url {text}: an address is needed, {like}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        bail!(
            "--url has a password in it, which others on this machine can see: a token goes by --token-file or {TOKEN}"
        );
    }
    if !["http", "https"].contains(&url.scheme()) || url.query().is_some() || url.fragment().is_some() {
        bail!("--url {text}: only an address is needed, {like}");
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// The header that says who asks. It shows itself to nobody.
fn token(file: Option<&Path>, from_environment: Option<String>) -> anyhow::Result<HeaderValue> {
    let (token, place) = match (file, from_environment) {
        (Some(file), _) => {
            let text = fs::read_to_string(file)
                .with_context(|| format!("cannot read the token in {}", file.display()))?;
            (text, file.display().to_string())
        }
        (None, Some(text)) => (text, TOKEN.to_owned()),
        (None, None) => bail!(
            "there is no token: make a service account with the role Editor in Grafana (Administration, \
             Users and access), add a token to it, and give it by --token-file or {TOKEN}"
        ),
    };
    let token = token.trim();
    if token.is_empty() {
        bail!("the token in {place} is empty");
    }
    // The error of a header would not say where the token is from, and must not say what it is.
    let Ok(mut header) = HeaderValue::from_str(&format!("Bearer {token}")) else {
        bail!("the token in {place} has characters that no token has, such as the end of a line");
    };
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests;
