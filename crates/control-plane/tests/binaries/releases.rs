//! A server of releases, as dl.k8s.io and GitHub lay them out. It can announce more than it sends, which a proper HTTP
//! server would not.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use sha2::{Digest, Sha256};

#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// The length that the head says the body has.
    pub(super) announced: usize,
}

#[derive(Default)]
struct Shared {
    answers: HashMap<String, Answer>,
    requests: usize,
}

pub(super) struct Releases {
    address: String,
    shared: Arc<Mutex<Shared>>,
}

impl Releases {
    pub(super) fn serve(kubernetes: &str, etcd: &str) -> Self {
        Self::serve_as(kubernetes, etcd, kubernetes, etcd)
    }

    /// Under the first two versions, programs that say they are of the last two.
    pub(super) fn serve_as(kubernetes: &str, etcd: &str, says_kube: &str, says_etc: &str) -> Self {
        let mut shared = Shared::default();
        let mut put = |path: String, body: Vec<u8>| {
            let announced = body.len();
            shared.answers.insert(path, Answer { status: 200, body, announced });
        };
        for name in ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"] {
            let body = says_kubernetes(says_kube).into_bytes();
            let path = format!("/release/v{kubernetes}/bin/{}/{name}", platform('/'));
            put(format!("{path}.sha256"), sha256(&body).into_bytes());
            put(path, body);
        }
        let archive = format!("etcd-v{etcd}-{}.tar.gz", platform('-'));
        let body = tarball(&archive.replace(".tar.gz", ""), &says_etcd(says_etc));
        let sums = format!("00  etcd-other.zip\n{}  {archive}\n", sha256(&body));
        put(format!("/etcd/v{etcd}/SHA256SUMS"), sums.into_bytes());
        put(format!("/etcd/v{etcd}/{archive}"), body);

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Mutex::new(shared));
        let served = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &served);
            }
        });
        Self { address, shared }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn requests(&self) -> usize {
        self.shared.lock().unwrap().requests
    }

    /// Changes what a path answers. `{platform}` is `linux/amd64`, `{-platform}` is `linux-amd64`.
    pub(super) fn change(&self, path: &str, change: impl FnOnce(&Answer) -> Answer) {
        let path = path.replace("{platform}", &platform('/')).replace("{-platform}", &platform('-'));
        let mut shared = self.shared.lock().unwrap();
        let answer = shared.answers.get_mut(&path).unwrap();
        *answer = change(answer);
    }
}

fn answer(mut stream: TcpStream, shared: &Mutex<Shared>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    let path = request.split(' ').nth(1).unwrap().to_owned();
    while lines.next().is_some_and(|line| !line.is_empty()) {}
    let answer = {
        let mut shared = shared.lock().unwrap();
        shared.requests += 1;
        shared.answers.get(&path).cloned().unwrap_or(Answer { status: 404, body: Vec::new(), announced: 0 })
    };
    let Answer { status, body, announced } = answer;
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {announced}\r\nConnection: close\r\n\r\n");
    // A client that has seen enough hangs up.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

pub(super) fn says_kubernetes(version: &str) -> String {
    format!("#!/bin/sh\necho Kubernetes v{version}\n")
}

pub(super) fn says_etcd(version: &str) -> String {
    format!("#!/bin/sh\necho etcd Version: {version}\necho Git SHA: none\n")
}

pub(super) fn platform(separator: char) -> String {
    let arch = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
    format!("linux{separator}{arch}")
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn tarball(folder: &str, etcd: &str) -> Vec<u8> {
    let packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(packed);
    for (name, text) in [("README.md", "etcd"), ("etcd", etcd), ("etcdutl", "etcdutl")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("{folder}/{name}"), text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}
