//! Keeps backups on a `WebDAV` server (RFC 4918). A blob is uploaded under a name of its own and then moved
//! to its place, so that nothing torn is ever seen there.

mod config;
mod fault;
mod folder;
mod list;
mod multistatus;
mod server;
mod upload;

pub use config::{Authentication, Config};
pub use multistatus::{Entry, parse};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use warbler_sdk::{BackupSink, BlobInfo, Failure, Plugin, secrets};

use server::Server;

/// The plugin: where the server is.
pub struct BackupWebdav {
    config: Config,
}

impl BackupWebdav {
    /// The server, with the password as it is at this moment: an admin may change it at any time.
    fn server(&self) -> Result<Server<'_>, Failure> {
        let authorization = match self.config.authentication {
            Authentication::None => None,
            // A token is put in by the host, so that this plugin never holds it.
            Authentication::Bearer => Some("Bearer {{secret:token}}".to_owned()),
            Authentication::Basic => {
                let password = secrets::get("password").filter(|password| !password.is_empty());
                let password =
                    password.ok_or_else(|| Failure::Misconfigured("the secret `password` is not set".into()))?;
                Some(format!("Basic {}", STANDARD.encode(format!("{}:{password}", self.config.user))))
            }
        };
        Ok(Server::new(&self.config, authorization))
    }
}

impl Plugin for BackupWebdav {
    fn init(config: &str) -> Result<Self, String> {
        Ok(Self { config: Config::parse(config)? })
    }
}

impl BackupSink for BackupWebdav {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.config.check(name)?;
        self.server()?.put(name, bytes)
    }

    fn get(&self, name: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, Failure> {
        self.config.check(name)?;
        self.server()?.get(name, offset, length)
    }

    fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<BlobInfo>, Failure> {
        self.server()?.list(prefix, after)
    }

    fn delete(&self, name: &str) -> Result<(), Failure> {
        self.config.check(name)?;
        self.server()?.delete(name)
    }
}

warbler_sdk::export!(BackupWebdav: BackupSink);
