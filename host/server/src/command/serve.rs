//! `warbler serve`: running the host, from its configuration to its end.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::tls::Certificate;
use crate::wiring::Host;
use crate::{allocator, listener, print, telemetry};

/// Runs the host until it is told to stop.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Serve {
    /// Serves.
    ///
    /// # Errors
    /// The configuration cannot be used, the store does not open, or the address is taken.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        allocator::settle();
        let config = Config::load(&self.config)?;
        telemetry::log(&config.log)?;
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(config))
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let metrics = telemetry::metrics()?;
    let certificate = config.tls.as_ref().map(Certificate::load).transpose()?;
    let acceptor = certificate.as_ref().map(Certificate::acceptor).transpose()?;
    // Bound before anything is opened, so that a second host on the same address changes nothing.
    let listener =
        TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    let host = Host::open(&config, metrics).await?;
    let stop = CancellationToken::new();
    tokio::spawn(watch_signals(stop.clone(), certificate)?);

    let scheme = if acceptor.is_some() { "https" } else { "http" };
    print::line(&format!("listening on {scheme}://{}", listener.local_addr()?));
    let drain = Duration::from_secs(config.limits.drain_seconds);
    let closing = async {
        stop.cancelled().await;
        tracing::info!("stopping: no new connections, finishing what is under way");
        host.api().close_sockets(drain).await;
    };
    tokio::join!(listener::serve(listener, acceptor, host.router(), stop.clone(), drain), closing);
    host.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Stops on SIGTERM and Ctrl-C, and reads the certificate again on SIGHUP.
fn watch_signals(
    stop: CancellationToken,
    certificate: Option<std::sync::Arc<Certificate>>,
) -> anyhow::Result<impl Future<Output = ()> + Send> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hang_up.recv() => reload(certificate.as_deref()),
            }
        }
        stop.cancel();
    })
}

fn reload(certificate: Option<&Certificate>) {
    match certificate.map(Certificate::reload) {
        None => tracing::info!("there is no certificate to read again"),
        Some(Ok(())) => tracing::info!("the certificate was read again"),
        Some(Err(error)) => tracing::error!("the old certificate stays in use: {error:#}"),
    }
}
