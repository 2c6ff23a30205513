//! A server that only speaks TLS 1.2, as old proxies in front of an API server do.

use std::sync::Arc;

use null_apiserver::NullApiserver;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::{Credential, Endpoint, Request};

use crate::fixture::{client, soon};

/// SETTINGS, and for the first stream `:status: 200` and the body `ok`.
const ANSWER: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x04\0\0\0\x01\x88\0\0\x02\0\x01\0\0\0\x01ok";

#[tokio::test]
async fn tls_1_2_is_spoken_too() {
    let authority = NullApiserver::start().await.unwrap();
    let (chain, key) = authority.client_certificate("server", &[]).unwrap();
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let mut config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        let mut read = Vec::new();
        while !read.windows(6).any(|part| part == b"wanted") {
            assert!(stream.read_buf(&mut read).await.unwrap() > 0);
        }
        stream.write_all(ANSWER).await.unwrap();
        stream.flush().await.unwrap();
        // Until the client goes.
        stream.read_to_end(&mut read).await.map(|_| ())
    });
    let client = client(Endpoint::insecure(&url).unwrap(), Credential::anonymous());
    let answer = soon(client.send(&Request::get("/wanted"))).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body.as_ref()), (200, b"ok".as_slice()));
    drop(client);
    soon(serving).await.unwrap().expect("the client says that it goes");
}
