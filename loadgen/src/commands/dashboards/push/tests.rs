use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

use super::*;

/// A request as the stub saw it.
#[derive(Clone, Debug)]
struct Seen {
    /// Method and path.
    line: String,
    authorization: Option<String>,
    content_type: Option<String>,
    body: Option<Value>,
}

/// What the stub answers: the status, and the body as Grafana documents it.
type Answer = (u16, Value);

/// A Grafana that answers as its HTTP API is documented, and remembers what it was asked.
struct Stub {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Stub {
    fn serve(answer: impl Fn(&Seen) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/grafana", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let request = read(&stream);
                let (status, body) = answer(&request);
                all.lock().unwrap().push(request);
                reply(stream, status, &body.to_string());
            }
        });
        Self { url, seen }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// What is said of a push, or its error.
    async fn pushed(&self, folder: Option<&str>, force: bool) -> Result<String, String> {
        wire::install_crypto_provider();
        let token = token(None, Some("glsa_secret\n".to_owned())).unwrap();
        let grafana = Grafana::new(address(&self.url).unwrap(), token).unwrap();
        let mut said = String::new();
        let pushed = push(&grafana, folder, force, |line| said += line).await;
        pushed.map(|()| said).map_err(|error| format!("{error:#}"))
    }
}

fn read(stream: &TcpStream) -> Seen {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let (mut authorization, mut content_type, mut length) = (None, None, 0);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => authorization = Some(value.to_owned()),
            "content-type" => content_type = Some(value.to_owned()),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let line = line.trim_end().strip_suffix(" HTTP/1.1").unwrap().to_owned();
    Seen { line, authorization, content_type, body: serde_json::from_slice(&body).ok() }
}

fn reply(mut stream: TcpStream, status: u16, body: &str) {
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: \
         {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).unwrap();
}

/// As the documentation's examples have it.
fn documented(request: &Seen) -> Answer {
    match request.line.as_str() {
        "GET /grafana/api/folders?limit=1000" => (
            200,
            json!([{ "id": 1, "uid": "nErXDvCkzz", "title": "Department ABC" }, { "id": 2, "uid": "k3S1cklGk", "title": "Department RND" }]),
        ),
        "POST /grafana/api/folders" => {
            let title = &request.body.as_ref().unwrap()["title"];
            (
                200,
                json!({ "id": 3, "uid": "new-uid", "title": title, "url": "/dashboards/f/new-uid/x", "version": 1 }),
            )
        }
        "POST /grafana/api/dashboards/db" => {
            let uid = request.body.as_ref().unwrap()["dashboard"]["uid"].as_str().unwrap();
            let url = format!("/grafana/d/{uid}/loadgen");
            (
                200,
                json!({ "id": 1, "uid": uid, "url": url, "status": "success", "version": 1, "slug": "loadgen" }),
            )
        }
        line => (404, json!({ "message": format!("Not found: {line}") })),
    }
}

#[tokio::test]
async fn every_dashboard_is_posted_with_the_token() {
    let stub = Stub::serve(documented);
    let said = stub.pushed(None, false).await.unwrap();
    assert_eq!(said.lines().next(), Some(&*format!("loadgen: run: {}/d/loadgen-run/loadgen", stub.url)));
    let seen = stub.seen();
    assert_eq!(seen.len(), dashboards().len());
    for (request, dashboard) in seen.iter().zip(dashboards()) {
        assert_eq!(request.line, "POST /grafana/api/dashboards/db");
        assert_eq!(request.authorization.as_deref(), Some("Bearer glsa_secret"));
        assert_eq!(request.content_type.as_deref(), Some("application/json"));
        let body = request.body.as_ref().unwrap().as_object().unwrap();
        let fields: Vec<&str> = body.keys().map(String::as_str).collect();
        assert_eq!(fields, ["dashboard", "message", "overwrite"]);
        assert_eq!(body["dashboard"], serde_json::from_str::<Value>(&dashboard.json()).unwrap());
        // A number of another Grafana's would be refused.
        assert_eq!(body["dashboard"]["id"], Value::Null);
        assert_eq!(body["overwrite"], false);
        assert!(body["message"].as_str().unwrap().starts_with("loadgen "));
    }
}

#[tokio::test]
async fn a_folder_is_found_by_its_title_or_made() {
    let stub = Stub::serve(documented);
    stub.pushed(Some("Department RND"), true).await.unwrap();
    let seen = stub.seen();
    assert_eq!(seen[0].line, "GET /grafana/api/folders?limit=1000");
    assert_eq!(seen[0].authorization.as_deref(), Some("Bearer glsa_secret"));
    assert_eq!(seen[1].body.as_ref().unwrap()["folderUid"], "k3S1cklGk");
    assert_eq!(seen[1].body.as_ref().unwrap()["overwrite"], true);

    let stub = Stub::serve(documented);
    stub.pushed(Some("Load tests"), false).await.unwrap();
    let seen = stub.seen();
    assert_eq!(seen[1].line, "POST /grafana/api/folders");
    assert_eq!(seen[1].body, Some(json!({ "title": "Load tests" })));
    assert!(seen[2..].iter().all(|request| request.body.as_ref().unwrap()["folderUid"] == "new-uid"));
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    let refusals = [
        (401, json!({ "message": "Invalid API key" }), "does not take the token (Invalid API key)"),
        (403, json!({ "message": "You'll need additional permissions" }), "dashboards:write"),
        (404, json!({ "message": "Not found" }), "--url must be Grafana's own root"),
        (
            412,
            json!({ "status": "version-mismatch", "message": "The dashboard has been changed by someone else" }),
            "changed by someone else): replace it with --force",
        ),
        (
            412,
            json!({ "status": "name-exists", "message": "A dashboard with the same name in the folder already exists" }),
            "another --folder",
        ),
        (
            412,
            json!({ "status": "plugin-dashboard", "message": "The dashboard belongs to plugin x" }),
            "only that plugin",
        ),
        (400, json!({ "message": "bad request data" }), "answers 400 Bad Request (bad request data)"),
        (502, Value::Null, "answers 502 Bad Gateway"),
    ];
    for (status, body, expected) in refusals {
        let stub = Stub::serve(move |_| (status, body.clone()));
        let error = stub.pushed(None, false).await.unwrap_err();
        assert!(error.starts_with("the dashboard loadgen: run: "), "{error}");
        assert!(error.contains(expected), "{status}: no `{expected}` in {error}");
        assert!(!error.contains("glsa_secret"), "{error}");
        assert_eq!(stub.seen().len(), 1, "nothing follows a refusal");
    }
}

#[tokio::test]
async fn what_is_no_grafana_is_said() {
    let stub = Stub::serve(|_| (301, Value::Null));
    assert!(stub.pushed(None, false).await.unwrap_err().contains("a browser ends up at"));
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let stub = Stub { url: closed, seen: Arc::default() };
    let error = stub.pushed(Some("any"), false).await.unwrap_err();
    assert!(error.starts_with("the folder any: cannot ask Grafana at http://127.0.0.1:"), "{error}");
}

#[test]
fn a_token_is_from_the_file_or_the_environment_and_shows_itself_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, " glsa_of_the_file \n").unwrap();
    let from_file = token(Some(&file), Some("other".to_owned())).unwrap();
    assert_eq!(from_file.as_bytes(), b"Bearer glsa_of_the_file");
    assert!(!format!("{from_file:?}").contains("glsa"), "{from_file:?}");
    let grafana = Grafana::new(address("http://localhost:3000").unwrap(), from_file).unwrap();
    assert!(!format!("{grafana:?}").contains("glsa"), "{grafana:?}");

    let error = |file: Option<&Path>, text: Option<&str>| {
        format!("{:#}", token(file, text.map(str::to_owned)).unwrap_err())
    };
    assert!(error(None, None).contains("--token-file or GRAFANA_TOKEN"));
    assert!(error(None, Some(" ")).contains("the token in GRAFANA_TOKEN is empty"));
    let two_lines = error(None, Some("glsa_one\nglsa_two"));
    assert!(
        two_lines.contains("GRAFANA_TOKEN has characters") && !two_lines.contains("glsa_"),
        "{two_lines}"
    );
    assert!(error(Some(&folder.path().join("none")), None).contains("cannot read the token in"));
}

#[test]
fn an_address_is_a_root_without_a_password() {
    let root = |text: &str| address(text).unwrap().to_string();
    assert_eq!(root("http://localhost:3000"), "http://localhost:3000/");
    assert_eq!(root("https://example.com/grafana"), "https://example.com/grafana/");
    let wrong = |text: &str| format!("{:#}", address(text).unwrap_err());
    assert!(wrong("localhost:3000").contains("such as https://"));
    assert!(wrong("https://example.com/d/x?orgId=1").contains("only an address"));
    let secret = wrong("https://admin:hunter2@example.com");
    assert!(secret.contains("has a password") && !secret.contains("hunter2"), "{secret}");
}
