//! What is trusted on an encrypted connection.

use std::sync::Arc;

use larder_core::{ErrorKind, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::config::Certificates;
use crate::error;

/// Whether the PEM texts are such.
///
/// # Errors
/// `InvalidConfig`, naming the one that is not.
pub(crate) fn check(certificates: &Certificates) -> Result<()> {
    // The system's authorities are looked at when connecting, off the caller's thread.
    let authorities = match &certificates.authorities {
        Some(pem) => given(pem)?,
        None => RootCertStore::empty(),
    };
    build(authorities, certificates).map(|_| ())
}

/// The configuration of encrypted connections. Reads files if the system's authorities are to
/// be trusted.
pub(super) fn config(certificates: &Certificates) -> Result<Arc<ClientConfig>> {
    let authorities = match &certificates.authorities {
        Some(pem) => given(pem)?,
        None => of_the_system()?,
    };
    build(authorities, certificates).map(Arc::new)
}

/// The provider is named rather than the process's default, which the program may not have
/// chosen, and which is not ours to choose.
fn build(authorities: RootCertStore, certificates: &Certificates) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| refused(format!("TLS cannot be set up: {cause}")))?
        .with_root_certificates(authorities);
    let Some((certificate, key)) = &certificates.client else {
        return Ok(config.with_no_client_auth());
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| refused("the client's certificate is no PEM"))?;
    if chain.is_empty() {
        return Err(refused("the client's certificate is no PEM"));
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| refused("the key of the client's certificate is no PEM"))?;
    config
        .with_client_auth_cert(chain, key)
        .map_err(|cause| refused(format!("the client's certificate or key: {cause}")))
}

fn given(pem: &[u8]) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate =
            certificate.map_err(|_| refused("the authority's certificate is no PEM"))?;
        store
            .add(certificate)
            .map_err(|cause| refused(format!("the authority's certificate: {cause}")))?;
    }
    if store.is_empty() {
        return Err(refused("the authority's certificate is no PEM"));
    }
    Ok(store)
}

fn of_the_system() -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    // One that cannot be read does not keep the others from being trusted.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        return Err(refused(
            "this system trusts no authority; give the one that signed the server's certificate",
        ));
    }
    Ok(store)
}

fn refused(message: impl Into<String>) -> larder_core::Error {
    error::new(ErrorKind::InvalidConfig, message)
}
