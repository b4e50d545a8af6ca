//! Mail: the SMTP relays that plugins may hand letters to, by the names that tenants know them by.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use warbler_domain::TenantId;
use warbler_mail::{RelayOptions, Security, SignIn};

use super::error::{ConfigError, range};
use super::secret::{read_env, read_file};

/// How letters leave the host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Mail {
    /// Relays (SMTP servers) that plugins may hand letters to, if a tenant grants it, by the names that tenants know
    /// them by: 1 to 64 characters of a-z, 0-9 and `-`. Neither the password nor the address of one is ever told.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) relays: BTreeMap<String, Relay>,
}

/// One relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Relay {
    /// Its name or address, which its certificate has to bear.
    pub(crate) host: String,
    /// Its port: 587 unless set, or 465 where tls is "implicit".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u16>,
    /// "starttls-required": nothing is said before the connection is encrypted. "implicit": it is encrypted from the
    /// first byte. "none": for a relay on this machine. "insecure": in the clear over the network, where others
    /// may read the password and every letter.
    pub(crate) tls: MailTls,
    /// Certificate authorities that are trusted beside the public ones: a file of PEM certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trust_file: Option<PathBuf>,
    /// The user that the host signs in as; nobody unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    /// The file that holds the user's password. Nobody but its owner may be able to read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password_file: Option<PathBuf>,
    /// The environment variable that holds the user's password, instead of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password_env: Option<String>,
    /// Whom letters come from: an address, with or without a name before it.
    pub(crate) from: String,
    /// What the host calls itself when it greets the relay; the domain of `from` unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hello: Option<String>,
    /// Tenants that may use it, by the ids that `warbler tenant list` shows; every tenant if there is none.
    pub(crate) tenants: BTreeSet<String>,
    /// Letters in a minute, of all tenants together.
    pub(crate) letters_per_minute: u32,
    /// Letters in a minute, of any one tenant.
    pub(crate) tenant_letters_per_minute: u32,
    /// Connections at a time.
    pub(crate) connections: u32,
    /// The longest that connecting may take, in seconds, encryption and sign-in included.
    pub(crate) connect_seconds: u64,
    /// The longest that any one answer may take, in seconds.
    pub(crate) answer_seconds: u64,
}

/// How the way to a relay is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MailTls {
    /// Encrypted before anything is said.
    #[default]
    StarttlsRequired,
    /// Encrypted from the first byte.
    Implicit,
    /// Not encrypted, and on this machine.
    None,
    /// Not encrypted, over the network.
    Insecure,
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: None,
            tls: MailTls::default(),
            trust_file: None,
            user: None,
            password_file: None,
            password_env: None,
            from: String::new(),
            hello: None,
            tenants: BTreeSet::new(),
            letters_per_minute: 600,
            tenant_letters_per_minute: 300,
            connections: 4,
            connect_seconds: 5,
            answer_seconds: 20,
        }
    }
}

impl Mail {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.relays.iter().try_for_each(|(name, relay)| {
            if !super::plugins::is_name(name) {
                let text = format!("the name {name:?} must be 1 to 64 characters of a-z, 0-9 and `-`");
                return Err(ConfigError::Value { key: "mail.relays", text });
            }
            relay.check(name)
        })
    }

    /// The paths in it.
    pub(super) fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.relays.values_mut().flat_map(|relay| relay.trust_file.iter_mut().chain(relay.password_file.iter_mut()))
    }
}

impl Relay {
    fn check(&self, name: &str) -> Result<(), ConfigError> {
        let wrong = |text: &str| Err(ConfigError::Value { key: "mail.relays", text: format!("{name}: {text}") });
        if self.host.is_empty() || self.from.is_empty() {
            return wrong("host and from have to be set");
        }
        if self.tls == MailTls::None && !self.is_here() {
            return wrong(
                "tls = \"none\" is for a relay on this machine; \"insecure\" says that the password and every letter \
                 may be read on the way",
            );
        }
        if self.user.is_some() != (self.password_file.is_some() || self.password_env.is_some()) {
            return wrong("user and password_file or password_env belong together");
        }
        if let Some(tenant) = self.tenants.iter().find(|tenant| tenant.parse::<TenantId>().is_err()) {
            return wrong(&format!("the tenant {tenant:?} is no id as `warbler tenant list` shows them"));
        }
        range("mail.relays.letters_per_minute", self.letters_per_minute.into(), 1, 1_000_000)?;
        range("mail.relays.tenant_letters_per_minute", self.tenant_letters_per_minute.into(), 1, 1_000_000)?;
        range("mail.relays.connections", self.connections.into(), 1, 100)?;
        range("mail.relays.connect_seconds", self.connect_seconds, 1, 60)?;
        range("mail.relays.answer_seconds", self.answer_seconds, 1, 600)
    }

    fn is_here(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// What the host is told of it. The certificates of `trust_file` are not in it yet.
    ///
    /// # Errors
    /// The password cannot be read.
    pub(crate) fn options(&self) -> Result<RelayOptions, ConfigError> {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let security = match self.tls {
            MailTls::StarttlsRequired => Security::StartTls,
            MailTls::Implicit => Security::Implicit,
            MailTls::None => Security::Loopback,
            MailTls::Insecure => Security::Clear,
        };
        Ok(RelayOptions {
            port: self.port.unwrap_or(if self.tls == MailTls::Implicit { 465 } else { 587 }),
            security,
            sign_in: self.sign_in()?,
            hello: self.hello.clone(),
            tenants: self.tenants.iter().filter_map(|tenant| tenant.parse().ok()).collect(),
            letters_per_minute: number(self.letters_per_minute),
            tenant_letters_per_minute: number(self.tenant_letters_per_minute),
            connections: usize::try_from(self.connections).unwrap_or(usize::MAX),
            connect_timeout: Duration::from_secs(self.connect_seconds),
            answer_timeout: Duration::from_secs(self.answer_seconds),
            ..RelayOptions::new(&self.host, &self.from)
        })
    }

    /// Who the host is to the relay. The environment wins over the file.
    fn sign_in(&self) -> Result<Option<SignIn>, ConfigError> {
        let Some(user) = self.user.clone() else { return Ok(None) };
        let password = match (&self.password_env, &self.password_file) {
            (Some(name), _) => read_env("mail.relays.password_env", name)?,
            (None, Some(path)) => read_file("mail.relays.password_file", path)?,
            (None, None) => return Ok(None),
        };
        Ok(Some(SignIn { user, password }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::config::Config;

    use super::*;

    const RELAY: &str = "[mail.relays.office]\nhost = \"mail.example.com\"\nfrom = \"no-reply@example.com\"\n";

    fn refused(extra: &str) -> String {
        Config::parse(&format!("{RELAY}{extra}"), "warbler.toml").unwrap_err().to_string()
    }

    #[test]
    fn a_relay_is_encrypted_unless_it_is_on_this_machine_or_the_operator_says_otherwise() {
        let config = Config::parse(RELAY, "warbler.toml").unwrap();
        assert_eq!(config.mail.relays["office"].options().unwrap().security, Security::StartTls);
        assert!(refused("tls = \"none\"\n").contains("insecure"));
        for fine in ["tls = \"insecure\"\n", "tls = \"implicit\"\n"] {
            Config::parse(&format!("{RELAY}{fine}"), "warbler.toml").unwrap();
        }
        let here = RELAY.replace("mail.example.com", "127.0.0.1");
        Config::parse(&format!("{here}tls = \"none\"\n"), "warbler.toml").unwrap();
    }

    #[test]
    fn a_relay_that_cannot_be_used_is_refused_by_its_name() {
        assert!(refused("user = \"warbler\"\n").contains("office: user and password_file"));
        assert!(refused("tenants = [\"acme\"]\n").contains("\"acme\""));
        assert!(refused("letters_per_minute = 0\n").contains("letters_per_minute"));
        assert!(refused("[mail.relays.Office]\nhost = \"a\"\nfrom = \"b@c.dd\"\n").contains("Office"));
        let nowhere = Config::parse("[mail.relays.office]\nhost = \"a\"\n", "warbler.toml").unwrap_err().to_string();
        assert!(nowhere.contains("host and from"), "{nowhere}");
    }

    #[test]
    fn the_password_is_read_from_a_file_and_shown_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        super::super::write_secret(&folder.path().join("relay.password"), "do-not-show").unwrap();
        let text = format!("{RELAY}user = \"warbler\"\npassword_file = \"relay.password\"\n");
        std::fs::write(folder.path().join("warbler.toml"), text).unwrap();
        let config = Config::load(&folder.path().join("warbler.toml")).unwrap();
        let options = config.mail.relays["office"].options().unwrap();
        assert_eq!(options.sign_in.as_ref().unwrap().password.as_str(), "do-not-show");
        assert!(!format!("{options:?} {config:?}").contains("do-not-show"));
    }
}
