//! TLS by rustls: loading the certificate, and loading it again while the host runs.

use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::Tls;

/// The certificate in use, which can be changed while connections live.
#[derive(Debug)]
pub(crate) struct Certificate {
    files: Tls,
    current: ArcSwap<CertifiedKey>,
}

impl Certificate {
    /// Reads the certificate and its key.
    ///
    /// # Errors
    /// A file cannot be read, is not PEM, or the two do not belong together.
    pub(crate) fn load(tls: &Tls) -> anyhow::Result<Arc<Self>> {
        let current = ArcSwap::from_pointee(read(tls)?);
        Ok(Arc::new(Self { files: tls.clone(), current }))
    }

    /// Reads both files again. New connections get the new certificate; on an error the old one stays.
    ///
    /// # Errors
    /// As in [`Certificate::load`].
    pub(crate) fn reload(&self) -> anyhow::Result<()> {
        self.current.store(Arc::new(read(&self.files)?));
        Ok(())
    }

    /// What accepts TLS connections with the certificate in use.
    ///
    /// # Errors
    /// Never in practice: the provider supports the default versions.
    pub(crate) fn acceptor(self: &Arc<Self>) -> anyhow::Result<TlsAcceptor> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn read(tls: &Tls) -> anyhow::Result<CertifiedKey> {
    let certificate = &tls.certificate;
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read the certificate {}", certificate.display()))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key)
        .with_context(|| format!("cannot read the private key {}", tls.key.display()))?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .with_context(|| format!("{} and {} do not fit together", certificate.display(), tls.key.display()))
}
