//! Connections to a relay: looked up, encrypted as the operator wishes, greeted, signed in.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::commands::{Ehlo, Starttls};
use lettre::transport::smtp::extension::{ClientId, Extension, ServerInfo};
use lettre::transport::smtp::response::Response;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use warbler_domain::MailError;

use crate::options::{RelayOptions, Security, SignIn};
use crate::reply::{Stage, away, by_code, later, meaning, misconfigured, tidy};
use crate::wire::Wire;
use crate::{MailSetupError, Sender};

/// The longest reply that is read before encryption, in bytes.
const REPLY: usize = 16 << 10;

/// Makes connections to one relay.
pub(crate) struct Connector {
    host: String,
    port: u16,
    security: Security,
    name: ServerName<'static>,
    tls: TlsConnector,
    hello: ClientId,
    sign_in: Option<SignIn>,
    limit: Duration,
}

impl Connector {
    pub(crate) fn new(options: &RelayOptions, sender: &Sender) -> Result<Self, MailSetupError> {
        let wrong = || MailSetupError::Host { host: options.host.clone() };
        let name = ServerName::try_from(options.host.clone()).map_err(|_| wrong())?;
        let config = tls(&options.extra_roots).map_err(MailSetupError::Tls)?;
        Ok(Self {
            host: options.host.clone(),
            port: options.port,
            security: options.security,
            name,
            tls: TlsConnector::from(Arc::new(config)),
            hello: ClientId::Domain(options.hello.clone().unwrap_or_else(|| sender.domain().to_owned())),
            sign_in: options.sign_in.clone(),
            limit: options.connect_timeout,
        })
    }

    /// A connection that is ready for letters.
    pub(crate) async fn connect(&self) -> Result<AsyncSmtpConnection, MailError> {
        timeout(self.limit, self.open()).await.unwrap_or_else(|_| Err(away("connecting took too long")))
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, MailError> {
        let stream = self.stream().await?;
        let greeted = AsyncSmtpConnection::connect_with_transport(stream, &self.hello).await;
        let mut connection = greeted.map_err(|error| meaning(Stage::Hello, &error))?;
        if let Some(SignIn { user, password }) = &self.sign_in {
            let credentials = Credentials::new(user.clone(), password.to_string());
            let signed_in = connection.auth(DEFAULT_MECHANISMS, &credentials).await;
            signed_in.map_err(|error| meaning(Stage::SignIn, &error))?;
        }
        Ok(connection)
    }

    async fn stream(&self) -> Result<Box<dyn AsyncTokioStream>, MailError> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|error| unreachable(&error))?;
        // Commands are short, and each waits for its answer.
        tcp.set_nodelay(true).map_err(|error| unreachable(&error))?;
        let peer = tcp.peer_addr().map_err(|error| unreachable(&error))?;
        Ok(match self.security {
            Security::Implicit => Box::new(Wire::new(self.encrypt(tcp).await?, peer)),
            Security::StartTls => {
                let (tcp, greeting) = start_tls(tcp, &self.hello).await?;
                Box::new(Wire::after(greeting, self.encrypt(tcp).await?, peer))
            }
            Security::Loopback if !peer.ip().is_loopback() => {
                return Err(misconfigured("it is on another machine, and the way to it is not encrypted".to_owned()));
            }
            Security::Loopback | Security::Clear => Box::new(Wire::new(tcp, peer)),
        })
    }

    async fn encrypt(&self, tcp: TcpStream) -> Result<TlsStream<TcpStream>, MailError> {
        self.tls.connect(self.name.clone(), tcp).await.map_err(|error| {
            let by_tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            by_tls.map_or_else(|| unreachable(&error), |why| misconfigured(format!("TLS to it fails: {why}")))
        })
    }
}

/// Public authorities, and those that the operator added.
fn tls(extra: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for root in extra {
        roots.add(root.clone())?;
    }
    Ok(ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Asks for encryption, and gives the stream as it is before the handshake, with the greeting that was read.
///
/// This is done here and not by lettre, which keeps what it read ahead: whoever is on the way could say things in
/// the clear that would count as the relay's once it is encrypted.
async fn start_tls(tcp: TcpStream, hello: &ClientId) -> Result<(TcpStream, Vec<u8>), MailError> {
    let mut reader = BufReader::new(tcp);
    let (greeting, _) = reply(&mut reader).await?;
    let (_, offer) = ask(&mut reader, &Ehlo::new(hello.clone()).to_string()).await?;
    let offers = ServerInfo::from_response(&offer).is_ok_and(|info| info.supports_feature(Extension::StartTls));
    if !offers {
        return Err(misconfigured("it does not offer STARTTLS, and gets nothing in the clear".to_owned()));
    }
    ask(&mut reader, &Starttls.to_string()).await?;
    if !reader.buffer().is_empty() {
        return Err(misconfigured("it goes on in the clear after it agreed to encrypt".to_owned()));
    }
    Ok((reader.into_inner(), greeting.into_bytes()))
}

async fn ask(reader: &mut BufReader<TcpStream>, command: &str) -> Result<(String, Response), MailError> {
    reader.get_mut().write_all(command.as_bytes()).await.map_err(|error| unreachable(&error))?;
    reply(reader).await
}

/// A reply of one or more lines (RFC 5321, section 4.2.1), as it was written and as lettre reads it.
async fn reply(reader: &mut BufReader<TcpStream>) -> Result<(String, Response), MailError> {
    let nonsense = || away("its reply makes no sense");
    let mut text = String::new();
    loop {
        let (before, room) = (text.len(), REPLY.saturating_sub(text.len()));
        let mut limited = (&mut *reader).take(u64::try_from(room).unwrap_or_default());
        limited.read_line(&mut text).await.map_err(|error| unreachable(&error))?;
        let line = text.get(before..).unwrap_or_default();
        if !line.ends_with('\n') {
            return Err(nonsense());
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            break;
        }
    }
    let parsed: Response = text.parse().map_err(|_| nonsense())?;
    if parsed.is_positive() {
        return Ok((text, parsed));
    }
    let (code, words) = (u16::from(parsed.code()), tidy(&parsed.message().collect::<Vec<_>>().join(" ")));
    Err(if code < 500 { later(format!("{code} {words}")) } else { by_code(Stage::Hello, code, &words) })
}

fn unreachable(error: &io::Error) -> MailError {
    away(&format!("it cannot be reached: {}", error.kind()))
}
