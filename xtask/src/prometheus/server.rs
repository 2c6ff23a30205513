//! A Prometheus of our own, and what it answers.

use std::{collections::BTreeMap, ffi::OsString, fs, net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context, bail, ensure};
use form_urlencoded::Serializer;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{http, programs::Programs};
use crate::started::Started;

/// How long it may take to come up: it reads what is in its storage first.
const UP_WITHIN: Duration = Duration::from_secs(30);

/// One that runs.
pub(crate) struct Prometheus {
    started: Started,
    address: SocketAddr,
}

/// A series over time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) labels: BTreeMap<String, String>,
    /// Seconds since 1970, and the value.
    pub(crate) points: Vec<(f64, f64)>,
}

/// What is looked at: seconds since 1970, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) from: f64,
    pub(crate) to: f64,
}

/// From instant to instant of a query over a span, seconds.
pub(crate) const STEP: f64 = 5.0;

impl Prometheus {
    /// Starts one that is called `name`, with this configuration; its storage and its log lie in `folder`.
    pub(crate) async fn start(
        programs: &Programs,
        shim: &OsString,
        folder: &Path,
        name: &str,
        config: &str,
        flags: &[String],
    ) -> anyhow::Result<Self> {
        let file = folder.join(format!("{name}.yml"));
        fs::write(&file, config).with_context(|| format!("cannot write {}", file.display()))?;
        let address = http::free_address().await?;
        let flag = |name: &str, value: &dyn std::fmt::Display| OsString::from(format!("--{name}={value}"));
        let mut args = vec![
            flag("config.file", &file.display()),
            flag("storage.tsdb.path", &storage(folder, name).display()),
            flag("web.listen-address", &address),
            flag("log.level", &"warn"),
        ];
        args.extend(flags.iter().map(OsString::from));
        let mut started = Started::new(name.to_owned(), programs.prometheus.clone(), args, folder);
        started.start(folder, shim)?;
        let mut prometheus = Self { started, address };
        prometheus.ready().await?;
        Ok(prometheus)
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            self.started.check()?;
            if http::get(self.address, "/-/ready").await.is_ok_and(|(status, _)| status.is_success()) {
                return Ok(());
            }
            ensure!(
                begun.elapsed() < UP_WITHIN,
                "{} is not ready:\n{}",
                self.started.name,
                self.started.said()
            );
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Fails if it has ended by itself.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        self.started.check()
    }

    /// A query over a span, a point every [`STEP`].
    pub(crate) async fn range(&self, query: &str, span: Span) -> anyhow::Result<Vec<Series>> {
        let mut words = Serializer::new(String::new());
        words.append_pair("query", query).append_pair("step", &STEP.to_string());
        words.append_pair("start", &span.from.to_string()).append_pair("end", &span.to.to_string());
        let (_, text) = http::get(self.address, &format!("/api/v1/query_range?{}", words.finish())).await?;
        read(&text)
    }

    /// Ends it.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        self.started.stop().await
    }
}

/// Where one of this name keeps what it has.
pub(crate) fn storage(folder: &Path, name: &str) -> std::path::PathBuf {
    folder.join(format!("{name}-data"))
}

/// As of Prometheus' HTTP API.
#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    metric: BTreeMap<String, String>,
    values: Vec<(f64, String)>,
}

fn read(text: &str) -> anyhow::Result<Vec<Series>> {
    let answer: Answer = serde_json::from_str(text)
        .with_context(|| format!("this is no answer of Prometheus: {text:.200}"))?;
    let Some(data) = answer.data.filter(|_| answer.status == "success") else { bail!("{}", answer.error) };
    ensure!(data.kind == "matrix", "the answer is a {} and no matrix", data.kind);
    let series = data.result.into_iter().map(|Found { metric, values }| {
        let points = values.into_iter().map(|(at, value)| Ok((at, number(&value)?)));
        Ok(Series { labels: metric, points: points.collect::<anyhow::Result<_>>()? })
    });
    series.collect()
}

fn number(text: &str) -> anyhow::Result<f64> {
    match text {
        "+Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        // Also NaN.
        number => number.parse().with_context(|| format!("`{number}` is no number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_series_with_their_points() {
        let text = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"job":"etcd"},"values":[[1795461234.5,"1"],[1795461239.5,"+Inf"],[1795461244.5,"NaN"]]}]}}"#;
        let series = read(text).unwrap();
        let [Series { labels, points }] = series.as_slice() else { panic!("{series:?}") };
        assert_eq!(labels["job"], "etcd");
        assert_eq!(points[1], (1_795_461_239.5, f64::INFINITY));
        assert!(points[2].1.is_nan());
    }

    #[test]
    fn an_error_is_what_prometheus_says() {
        let text =
            r#"{"status":"error","errorType":"bad_data","error":"parse error: unexpected end of input"}"#;
        assert_eq!(read(text).unwrap_err().to_string(), "parse error: unexpected end of input");
        assert!(read("<html>").unwrap_err().to_string().contains("no answer of Prometheus"));
    }
}
