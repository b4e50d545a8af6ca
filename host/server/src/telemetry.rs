//! The host's own log and metrics: set up here, written everywhere.

use std::io::IsTerminal as _;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Format, Log};

/// Upper bounds of times in seconds: from the border of a warm filter (about a microsecond) to a request that
/// is given up.
const SECONDS: [f64; 16] =
    [1e-6, 5e-6, 2.5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.5, 2.5, 30.0];

/// Sends log lines to standard error.
///
/// # Errors
/// The level is none, or a log was set up before.
pub(crate) fn log(log: &Log) -> anyhow::Result<()> {
    let registry = tracing_subscriber::registry().with(log.filter()?);
    // Colours are for people at a terminal; a file or a collector gets plain text.
    let layer =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    match log.format {
        Format::Text => registry.with(layer).try_init()?,
        Format::Json => registry.with(layer.json().flatten_event(true)).try_init()?,
    }
    Ok(())
}

/// Collects metrics from now on.
///
/// # Errors
/// A collector was set up before.
pub(crate) fn metrics() -> anyhow::Result<PrometheusHandle> {
    Ok(PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .install_recorder()?)
}
