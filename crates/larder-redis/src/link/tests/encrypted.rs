//! Encrypted connections, to a proxy that speaks TLS before a server that does not.

use std::sync::Arc;

use larder_core::{ErrorKind, Result};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::fake::{Fake, REPLY};
use super::{ENOUGH, get, refusal};
use crate::config::RedisBuilder;
use crate::config::tests::Unused;
use crate::link::Link;

const AUTHORITY: &str = include_str!("../../config/tests/authority.pem");
const SERVER: &str = include_str!("../../config/tests/server.pem");
const SERVER_KEY: &str = include_str!("../../config/tests/server-key.pem");
const CLIENT: &str = include_str!("../../config/tests/client.pem");
const CLIENT_KEY: &str = include_str!("../../config/tests/client-key.pem");

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM")
}

/// Whether clients show a certificate.
#[derive(PartialEq)]
enum Clients {
    Anyone,
    Known,
}

/// Listens for TLS in front of `server`; answers its port.
async fn proxy(server: &Fake, clients: Clients) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("the provider has them");
    let config = match clients {
        Clients::Anyone => config.with_no_client_auth(),
        Clients::Known => {
            let mut authorities = RootCertStore::empty();
            authorities
                .add(certificate(AUTHORITY))
                .expect("an authority");
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider);
            config.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    let key = PrivateKeyDer::from_pem_slice(SERVER_KEY.as_bytes()).expect("PEM");
    let config = config
        .with_single_cert(vec![certificate(SERVER)], key)
        .expect("they belong together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let behind = server.address();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                // A client that is refused is the test's affair.
                if let Ok(mut front) = acceptor.accept(stream).await
                    && let Ok(mut back) = TcpStream::connect(behind).await
                {
                    let _ = copy_bidirectional(&mut front, &mut back).await;
                }
            });
        }
    });
    port
}

fn server() -> Fake {
    Fake::start(|_, words| (words[0] == "GET").then_some(REPLY))
}

async fn answered(builder: RedisBuilder) -> Result<()> {
    let builder = builder.codec(Unused).connect_timeout(ENOUGH);
    let link = Link::new(Arc::new(builder), "{ns}".to_owned())?;
    link.session().await?.one(ENOUGH, &get()).await.map(|_| ())
}

fn at(host: &str, port: u16) -> RedisBuilder {
    let url = format!("rediss://{host}:{port}");
    RedisBuilder::from_url(&url).expect("a URL")
}

#[tokio::test]
async fn a_server_is_trusted_by_the_authority_given_and_by_no_other() {
    let server = server();
    let port = proxy(&server, Clients::Anyone).await;
    answered(at("localhost", port).ca_certificate(AUTHORITY))
        .await
        .expect("it is trusted");
    // Not by a certificate that signed nothing.
    let message = refusal(
        answered(at("localhost", port).ca_certificate(CLIENT)).await,
        ErrorKind::InvalidConfig,
    );
    assert!(message.contains("UnknownIssuer"), "{message}");
    // Nor by a name that its certificate does not have.
    let message = refusal(
        answered(at("127.0.0.1", port).ca_certificate(AUTHORITY)).await,
        ErrorKind::InvalidConfig,
    );
    assert!(message.contains("not valid for name"), "{message}");
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_the_one_given() {
    let server = server();
    let port = proxy(&server, Clients::Known).await;
    let trusting = || at("localhost", port).ca_certificate(AUTHORITY);
    answered(trusting().client_certificate(CLIENT, CLIENT_KEY))
        .await
        .expect("it is known");
    let message = refusal(answered(trusting()).await, ErrorKind::InvalidConfig);
    assert!(message.contains("CertificateRequired"), "{message}");
    let swapped = trusting().client_certificate(CLIENT, SERVER_KEY);
    refusal(answered(swapped).await, ErrorKind::InvalidConfig);
}

#[tokio::test]
async fn one_side_that_does_not_encrypt_is_told() {
    let server = server();
    let port = proxy(&server, Clients::Anyone).await;
    let plain = RedisBuilder::from_url(&format!("redis://127.0.0.1:{port}")).expect("a URL");
    let kind = answered(plain).await.expect_err("it is encrypted").kind();
    // What comes back is a TLS alert, or the end.
    assert!(
        matches!(kind, ErrorKind::InvalidConfig | ErrorKind::Unavailable),
        "{kind}"
    );

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // What it reads is gone with the connection.
            let read = stream.read(&mut [0; 4_096]).await;
            if read.is_ok() {
                let _ = stream.write_all(b"-ERR Protocol error\r\n").await;
            }
        }
    });
    let message = refusal(
        answered(at("127.0.0.1", port).ca_certificate(AUTHORITY)).await,
        ErrorKind::InvalidConfig,
    );
    assert!(message.contains("does not speak TLS"), "{message}");
}
