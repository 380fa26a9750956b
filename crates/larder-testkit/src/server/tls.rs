//! TLS in front of a server: an authority made on the spot, and what speaks TLS for the server.
//!
//! Neither Redis nor Valkey as fetched is built with TLS, so it is done in front of them, by
//! Python, which is there anyway. The server itself listens on a Unix socket only.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, Error, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber,
    SignatureAlgorithm,
};

use super::guarded::Guarded;
use super::place;

/// What it says in its log when it accepts connections.
pub(super) const LISTENING: &str = "TLS: listening";

/// Decrypts what comes in for the server, encrypts what goes out. A connection that either side
/// ends is ended on the other; a server that is not there is a connection closed at once.
const FRONT: &str = r#"
import asyncio, ssl, sys

port, certificate, key, authority, clients, server = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
if clients == "must-show-one":
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority)

async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()

async def serve(reader, writer):
    try:
        answers, requests = await asyncio.open_unix_connection(server)
    except OSError:
        writer.close()
        return
    await asyncio.gather(pump(reader, requests), pump(answers, writer))

async def main():
    listener = await asyncio.start_server(
        serve, "127.0.0.1", int(port), ssl=context, backlog=512
    )
    print("TLS: listening", flush=True)
    await listener.serve_forever()

asyncio.run(main())
"#;

/// The certificates around a server that speaks TLS.
#[derive(Debug, Clone)]
pub struct Tls {
    authority: Pair,
    server: Pair,
    client: Pair,
    clients: Clients,
}

/// Whether clients have to show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clients {
    MayBeAnyone,
    MustShowOne,
}

/// A certificate and its key, each as PEM and as a file.
#[derive(Debug, Clone)]
struct Pair {
    certificate: (PathBuf, String),
    key: (PathBuf, String),
}

impl Tls {
    /// The certificate of the authority that signed the server's, as PEM.
    pub fn authority_pem(&self) -> &str {
        &self.authority.certificate.1
    }

    /// The same as a file.
    pub fn authority_file(&self) -> &Path {
        &self.authority.certificate.0
    }

    /// A certificate for a client, signed by the same authority, as PEM.
    pub fn client_pem(&self) -> &str {
        &self.client.certificate.1
    }

    /// The same as a file.
    pub fn client_file(&self) -> &Path {
        &self.client.certificate.0
    }

    /// The key of the client's certificate, as PEM (PKCS #8).
    pub fn client_key_pem(&self) -> &str {
        &self.client.key.1
    }

    /// The same as a file.
    pub fn client_key_file(&self) -> &Path {
        &self.client.key.0
    }

    /// Makes an authority, and certificates for a server on this machine and for a client of it.
    pub(super) fn make(dir: &Path, clients: Clients) -> Result<Self, String> {
        let made = Self::try_make(dir, clients);
        made.map_err(|error| format!("no certificates could be made: {error}"))
    }

    fn try_make(dir: &Path, clients: Clients) -> Result<Self, Box<dyn std::error::Error>> {
        let key = Key::random();
        let mut authority = params("Larder's authority for tests", &key, Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = authority.self_signed(&key)?;
        let own = Pair::written(dir, "authority", &certificate, &key)?;
        let issuer = Issuer::new(authority, key);
        let signed = |name: &str, hosts: &[&str], purpose| {
            let key = Key::random();
            let hosts = hosts.iter().map(ToString::to_string).collect();
            let mut params = params(name, &key, hosts)?;
            params.use_authority_key_identifier_extension = true;
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = vec![purpose];
            let certificate = params.signed_by(&key, &issuer)?;
            Pair::written(dir, name, &certificate, &key)
        };
        let hosts = ["localhost", "127.0.0.1"];
        Ok(Self {
            authority: own,
            server: signed("server", &hosts, ExtendedKeyUsagePurpose::ServerAuth)?,
            client: signed("client", &[], ExtendedKeyUsagePurpose::ClientAuth)?,
            clients,
        })
    }

    /// Starts what speaks TLS on `port` for the server at `socket`.
    pub(super) fn front(
        &self,
        port: u16,
        socket: &Path,
        dir: &Path,
        log: &Path,
    ) -> Result<Guarded, String> {
        let clients = match self.clients {
            Clients::MayBeAnyone => "may-be-anyone",
            Clients::MustShowOne => "must-show-one",
        };
        let port = port.to_string();
        let arguments: [&OsStr; 8] = [
            "-c".as_ref(),
            FRONT.as_ref(),
            port.as_ref(),
            self.server.certificate.0.as_ref(),
            self.server.key.0.as_ref(),
            self.authority.certificate.0.as_ref(),
            clients.as_ref(),
            socket.as_ref(),
        ];
        Guarded::start(Path::new("python3"), &arguments, dir, log)
    }
}

impl Pair {
    fn written(
        dir: &Path,
        name: &str,
        certificate: &Certificate,
        key: &Key,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let file = |ending: &str, pem: String| {
            let path = dir.join(format!("{name}.{ending}"));
            place::write(&path, &pem).map(|()| (path, pem))
        };
        Ok(Self {
            certificate: file("crt", certificate.pem())?,
            key: file("key", key.signing.to_pkcs8_pem(LineEnding::LF)?.to_string())?,
        })
    }
}

fn params(name: &str, key: &Key, hosts: Vec<String>) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from(u64::from(rand::random::<u32>())));
    // Any name of the key will do that is not another's.
    let name = key.public.get(1..21).unwrap_or_default();
    params.key_identifier_method = KeyIdMethod::PreSpecified(name.to_vec());
    Ok(params)
}

/// A key on P-256. That of `rcgen` itself would bring `ring`, whose licence .deny.toml lacks.
#[derive(Debug)]
struct Key {
    signing: SigningKey,
    public: Vec<u8>,
}

impl Key {
    fn random() -> Self {
        loop {
            // All but one in four billion numbers are a key.
            if let Ok(signing) = SigningKey::from_slice(&rand::random::<[u8; 32]>()) {
                let point = signing.verifying_key().to_sec1_point(false);
                let public = point.as_bytes().to_vec();
                return Self { signing, public };
            }
        }
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature: Signature = self.signing.sign(message);
        Ok(signature.to_der().as_bytes().to_vec())
    }
}
