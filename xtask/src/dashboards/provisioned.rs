//! The files for people without Prometheus and Grafana: they can be read, and what they name is there.

use std::fs;

use report::dashboards::dashboards;
use serde_json::Value;

use crate::command::root;

fn read(name: &str) -> Value {
    let text = fs::read_to_string(root().join("dashboards").join(name)).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Where a service has a file or folder of ours, by its path in the container.
fn mounted(service: &Value) -> Vec<(String, String)> {
    let volumes = service["volumes"].as_array().unwrap().iter().map(|it| it.as_str().unwrap());
    let ours = volumes.filter(|volume| volume.starts_with("./"));
    ours.map(|volume| {
        let mut parts = volume.split(':');
        let (here, there) = (parts.next().unwrap(), parts.next().unwrap());
        assert_eq!(parts.next(), Some("ro"), "{volume}: nothing of the repository is written to");
        (there.to_owned(), here.to_owned())
    })
    .collect()
}

#[test]
fn whatever_is_mounted_is_there_and_every_image_has_its_version() {
    let compose = read("compose.yml");
    let named: Vec<&String> = compose["volumes"].as_object().unwrap().keys().collect();
    for (name, service) in compose["services"].as_object().unwrap() {
        let image = service["image"].as_str().unwrap();
        let version = image.rsplit_once(':').unwrap().1;
        assert!(version.contains('.') && version != "latest", "{image}");
        for (_, here) in mounted(service) {
            assert!(root().join("dashboards").join(&here).exists(), "{name}: {here}");
        }
        for volume in service["volumes"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()) {
            let from = volume.split(':').next().unwrap();
            assert!(from.starts_with("./") || named.iter().any(|it| *it == from), "{name}: {volume}");
        }
    }
}

#[test]
fn only_this_machine_reaches_them_and_nobody_but_a_viewer() {
    let compose = read("compose.yml");
    for (name, service) in compose["services"].as_object().unwrap() {
        assert_eq!(service["network_mode"], "host", "{name} must reach loopback");
        assert!(service.get("ports").is_none(), "{name}");
    }
    let prometheus = &compose["services"]["prometheus"]["command"];
    assert!(prometheus.as_array().unwrap().contains(&"--web.listen-address=127.0.0.1:9090".into()));
    let grafana = &compose["services"]["grafana"]["environment"];
    assert_eq!(grafana["GF_SERVER_HTTP_ADDR"], "127.0.0.1");
    assert_eq!(grafana["GF_AUTH_ANONYMOUS_ORG_ROLE"], "Viewer");
}

#[test]
fn grafana_gets_every_dashboard_and_the_prometheus_that_scrapes() {
    let compose = read("compose.yml");
    let mounted = mounted(&compose["services"]["grafana"]);
    let provider = read("grafana/dashboards.yml");
    let folder = provider["providers"][0]["options"]["path"].as_str().unwrap();
    for dashboard in dashboards() {
        let there = format!("{folder}/{}", dashboard.file);
        let here = format!("./{}", dashboard.file);
        assert!(mounted.contains(&(there.clone(), here)), "{there} in {mounted:?}");
    }
    for (kind, file) in [("dashboards", "dashboards.yml"), ("datasources", "datasources.yml")] {
        let there = format!("/etc/grafana/provisioning/{kind}/loadgen.yml");
        assert!(mounted.contains(&(there, format!("./grafana/{file}"))), "{file}");
    }
    let source = &read("grafana/datasources.yml")["datasources"][0];
    assert_eq!((&source["type"], &source["url"]), (&"prometheus".into(), &"http://127.0.0.1:9090".into()));
    let scrape = &read("prometheus.yml")["scrape_configs"][0];
    // What Grafana makes of a rate's interval: four scrapes.
    assert_eq!(source["jsonData"]["timeInterval"], scrape["scrape_interval"]);
    let start =
        compose["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].as_str();
    assert_eq!(start, Some(format!("{folder}/run.json").as_str()));
}

#[test]
fn prometheus_asks_the_program_what_to_scrape() {
    let config = read("prometheus.yml");
    let scrape = &config["scrape_configs"][0];
    assert_eq!(scrape["http_sd_configs"][0]["url"], "http://127.0.0.1:9095/sd");
    assert_eq!(scrape["honor_labels"], true);
    assert_eq!(scrape["scrape_interval"], "5s");
    let mounted = mounted(&read("compose.yml")["services"]["prometheus"]);
    assert!(mounted.contains(&("/etc/prometheus/prometheus.yml".to_owned(), "./prometheus.yml".to_owned())));
}

#[test]
fn the_instructions_name_files_and_commands_that_there_are() {
    let text = fs::read_to_string(root().join("dashboards/README.md")).unwrap();
    for dashboard in dashboards() {
        assert!(text.contains(&format!("`{}`", dashboard.file)), "{}", dashboard.file);
    }
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    for link in links.filter(|link| !link.starts_with("http")) {
        assert!(root().join("dashboards").join(link).exists(), "{link}");
    }
}
