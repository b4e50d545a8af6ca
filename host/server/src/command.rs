//! The command line: what `warbler` can be asked to do. One command (family), one file.

mod audit;
mod backup;
mod config;
mod init;
mod keys;
mod plugin;
mod publisher;
mod read_pdf;
mod serve;
mod sign_in;
mod tenant;
mod user;

use std::future::Future;

use clap::{Parser, Subcommand};

/// Warbler, a messaging host for enterprises.
#[derive(Debug, Parser)]
#[command(name = "warbler", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the host.
    Serve(serve::Serve),
    /// Prepare a folder for a new host: configuration, keys and tokens.
    Init(init::Init),
    /// Sign in as a member of a tenant, for the commands that take their token.
    SignIn(sign_in::SignIn),
    /// Tenants: add, list, remove (operator).
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    /// Accounts of the caller's tenant: add, reset (admin).
    #[command(subcommand)]
    User(user::User),
    /// Publishers of plugins: trust, revoke, list (operator).
    #[command(subcommand)]
    Publisher(publisher::Publisher),
    /// Plugins of the caller's tenant (admin).
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    /// Backups of the caller's tenant: run, list, check, restore (admin).
    #[command(subcommand)]
    Backup(backup::Backup),
    /// Verify the audit log of the caller's tenant, entry by entry.
    Audit(audit::Audit),
    /// The master key.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// The configuration: check a file, print the schema or the documented example.
    #[command(subcommand)]
    Config(config::Config),
    /// Read one PDF for a running host.
    #[command(hide = true)]
    ReadPdf(read_pdf::ReadPdf),
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// Whatever stood in the way, for people.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Serve(command) => command.run(),
            Command::Init(command) => command.run(),
            Command::Config(command) => command.run(),
            Command::Keys(command) => command.run(),
            Command::ReadPdf(command) => command.run(),
            Command::SignIn(command) => wait_for(command.run()),
            Command::Tenant(command) => wait_for(command.run()),
            Command::User(command) => wait_for(command.run()),
            Command::Publisher(command) => wait_for(command.run()),
            Command::Plugin(command) => wait_for(command.run()),
            Command::Backup(command) => wait_for(command.run()),
            Command::Audit(command) => wait_for(command.run()),
        }
    }
}

/// Runs a command that talks to a host; one thread is enough for that.
fn wait_for(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
