//! What kubectl reads is read, and what cannot be used says what to do.

use std::fs;

use tempfile::TempDir;
use wire::Auth;

use super::*;
use crate::{Authority, Purpose, Subject};

/// A folder with a kubeconfig `config` and beside it `ca.crt`, `client.crt`, `client.key` and `token`.
struct Folder {
    dir: TempDir,
    authority: Authority,
}

impl Folder {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let authority = Authority::new("kubernetes").unwrap();
        let issued = authority.issue(&Subject::in_group("dev", "devs"), &Purpose::Client).unwrap();
        for (file, text) in [
            ("ca.crt", authority.cert_pem()),
            ("client.crt", &issued.cert_pem),
            ("client.key", &issued.key_pem),
            ("token", "of-a-file\n"),
        ] {
            fs::write(dir.path().join(file), text).unwrap();
        }
        Self { dir, authority }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    fn load(&self, config: &str, context: Option<&str>) -> Result<ClusterAccess, Error> {
        fs::write(self.path(), config).unwrap();
        load(Some(&self.path()), context)
    }

    /// One context of one cluster and one user with these fields, in YAML flow style.
    fn load_entry(&self, cluster: &str, user: &str) -> Result<ClusterAccess, Error> {
        self.load(&entry(cluster, user), None)
    }

    /// The message, without the path it begins with.
    fn refuses(&self, result: Result<ClusterAccess, Error>) -> String {
        let text = result.expect_err("a usable kubeconfig").to_string();
        text.replace(&format!("kubeconfig {}: ", self.path().display()), "")
    }
}

const SERVER: &str = "server: 'https://127.0.0.1:6443', certificate-authority: ca.crt";

fn entry(cluster: &str, user: &str) -> String {
    format!(
        "current-context: dev@here\ncontexts: [{{name: dev@here, context: {{cluster: here, user: dev}}}}]\n\
         clusters: [{{name: here, cluster: {{{cluster}}}}}]\nusers: [{{name: dev, user: {{{user}}}}}]\n"
    )
}

#[test]
fn what_is_rendered_is_read_again() {
    let folder = Folder::new();
    let issued = folder.authority.issue(&Subject::node("n-1"), &Purpose::Client).unwrap();
    let text = render(
        "odd: \"name\"",
        "https://127.0.0.1:6443",
        folder.authority.cert_pem(),
        &issued.cert_pem,
        &issued.key_pem,
    );
    let access = folder.load(&text, None).unwrap();
    assert_eq!(access.context, "odd: \"name\"");
    assert_eq!(access.endpoint.server(), "https://127.0.0.1:6443");
    assert!(matches!(access.credential.auth, Auth::Certificate { .. }));
    assert_eq!(access.source, folder.path());
}

#[test]
fn relative_paths_are_those_of_the_kubeconfigs_folder() {
    let folder = Folder::new();
    let access = folder.load_entry(SERVER, "client-certificate: client.crt, client-key: client.key").unwrap();
    assert!(matches!(access.credential.auth, Auth::Certificate { .. }));
    let access = folder.load_entry(SERVER, "tokenFile: token").unwrap();
    assert!(matches!(access.credential.auth, Auth::Bearer(token) if &*token.get() == "of-a-file"));
}

#[test]
fn every_usable_kind_of_user_is_read() {
    let folder = Folder::new();
    let auth = |user| folder.load_entry(SERVER, user).unwrap().credential.auth;
    assert!(matches!(auth("token: t, tokenFile: token"), Auth::Bearer(token) if &*token.get() == "t"));
    let both = "token: t, client-certificate: client.crt, client-key: client.key";
    assert!(matches!(auth(both), Auth::Certificate { .. }), "the apiserver believes the certificate");
    assert!(matches!(auth(""), Auth::Anonymous));
    assert!(matches!(auth("token: ''"), Auth::Anonymous));

    let credential = folder.load_entry(SERVER, "token: t, as: jane, as-groups: [a, b]").unwrap().credential;
    let jane = credential.impersonate.unwrap();
    assert_eq!((jane.user.as_str(), jane.groups), ("jane", vec!["a".to_owned(), "b".to_owned()]));
}

#[test]
fn servers_without_proof_and_under_another_name_are_read() {
    let folder = Folder::new();
    let server =
        "server: 'https://10.0.0.1', tls-server-name: kubernetes.default, insecure-skip-tls-verify: true";
    assert_eq!(folder.load_entry(server, "token: t").unwrap().endpoint.server(), "https://10.0.0.1");
}

#[test]
fn a_missing_file_is_named() {
    let folder = Folder::new();
    let error = load(Some(&folder.path()), None).unwrap_err().to_string();
    let expected =
        format!("there is no kubeconfig at {}; name one with --kubeconfig", folder.path().display());
    assert!(error.starts_with(&expected), "{error}");
}

#[test]
fn of_several_files_the_first_to_say_something_wins_and_missing_ones_are_passed_over() {
    let folder = Folder::new();
    let [missing, first, second] = ["missing", "first", "second"].map(|name| folder.dir.path().join(name));
    fs::write(&first, "current-context: dev@here\n").unwrap();
    fs::write(&second, entry(SERVER, "token: t").replace("current-context: dev@here", "current-context: x"))
        .unwrap();
    let (source, config) = read(&[missing, first.clone(), second]).unwrap();
    assert_eq!(source, first);
    assert_eq!(access(&source, &config, None).unwrap().context, "dev@here");
}

#[test]
fn malformed_yaml_is_an_error_with_its_line_and_not_its_secrets() {
    let folder = Folder::new();
    let error =
        folder.refuses(folder.load("kind: Config\nusers:\n- user: {token: s3cret}\n  name: [a\n", None));
    assert!(error.starts_with("line 4 ") && !error.contains("s3cret"), "{error}");
    let error =
        folder.refuses(folder.load("kind: Config\ncontexts:\n- name: a\n  context: {cluster: [1]}\n", None));
    assert!(error.starts_with("line 4 "), "{error}");
}

#[test]
fn a_context_must_be_chosen_and_be_there() {
    let folder = Folder::new();
    let config = entry(SERVER, "token: t");
    let unset = config.replace("current-context: dev@here", "current-context: ''");
    let error = folder.refuses(folder.load(&unset, None));
    assert_eq!(error, "no current context is set; name one with --context: `dev@here`");
    assert!(folder.load(&unset, Some("dev@here")).is_ok());

    let error = folder.refuses(folder.load(&config, Some("dev@her")));
    assert_eq!(error, "there is no context `dev@her`; did you mean `dev@here`? (it has `dev@here`)");
    let error = folder.refuses(folder.load(&config, Some("zzz")));
    assert_eq!(error, "there is no context `zzz` (it has `dev@here`)");
    let error = folder.refuses(folder.load("", Some("zzz")));
    assert_eq!(error, "there is no context `zzz` (it has none)");
}

#[test]
fn a_context_without_its_cluster_or_user_is_refused() {
    let folder = Folder::new();
    let config = entry(SERVER, "token: t");
    let error = folder.refuses(folder.load(&config.replace("name: here", "name: there"), None));
    assert_eq!(
        error,
        "context `dev@here`: there is no cluster `here`; did you mean `there`? (it has `there`)"
    );
    let error = folder.refuses(folder.load(&config.replace("name: dev,", "name: ops,"), None));
    assert_eq!(error, "context `dev@here`: there is no user `dev` (it has `ops`)");
}

#[test]
fn unusable_clusters_say_why() {
    let folder = Folder::new();
    let pem = BASE64_STANDARD.encode("not PEM");
    for (cluster, problem) in [
        ("certificate-authority: ca.crt", "it has no server"),
        ("server: 'http://127.0.0.1:8080'", "its server is plain HTTP"),
        ("server: '127.0.0.1:6443', certificate-authority: ca.crt", "https://"),
        ("server: 'https://a', proxy-url: 'http://p'", "it has a proxy-url"),
        ("server: 'https://a'", "set certificate-authority-data"),
        (
            "server: 'https://a', certificate-authority-data: '***'",
            "certificate-authority-data is not base64",
        ),
        (
            &format!("server: 'https://a', certificate-authority-data: {pem}"),
            "the certificate authority cannot be used",
        ),
        ("server: 'https://a', certificate-authority: nowhere.crt", "nowhere.crt cannot be read"),
        ("server: 'https://a', certificate-authority: ca.crt, insecure-skip-tls-verify: true", "keep one"),
        ("server: 'https://a', certificate-authority: ca.crt, tls-server-name: 'a b'", "TLS server name"),
    ] {
        let error = folder.refuses(folder.load_entry(cluster, "token: t"));
        assert!(error.starts_with("cluster `here`: ") && error.contains(problem), "{cluster}: {error}");
    }
}

#[test]
fn unusable_users_say_what_to_do() {
    let folder = Folder::new();
    let pem = BASE64_STANDARD.encode("not PEM");
    for (user, problem) in [
        (
            "exec: {apiVersion: v1, command: aws}",
            "from the plugin `aws`, which this program does not run; make a",
        ),
        ("exec: {command: aws}", "kubectl create token"),
        ("auth-provider: {name: gcp}", "auth-provider `gcp`"),
        ("username: admin, password: x", "a user name and a password"),
        ("client-certificate: client.crt", "no client-key"),
        ("client-key: client.key", "no client-certificate"),
        ("client-certificate-data: '***', client-key: client.key", "client-certificate-data is not base64"),
        (
            &format!("client-certificate-data: {pem}, client-key: client.key"),
            "the client certificate cannot be used",
        ),
        (&format!("client-certificate: client.crt, client-key-data: {pem}"), "the client key cannot be used"),
        ("client-certificate: ca.crt, client-key: client.key", "the client certificate cannot be used"),
        ("tokenFile: nowhere", "nowhere cannot be read"),
        ("token: t, as-groups: [a]", "as-groups without as"),
        ("token: t, as: jane, as-uid: u", "as-uid"),
    ] {
        let error = folder.refuses(folder.load_entry(SERVER, user));
        assert!(error.starts_with("user `dev`: ") && error.contains(problem), "{user}: {error}");
    }
}
