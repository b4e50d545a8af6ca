//! Mail: letters go out by the SMTP relays that the operator named. Who may send one, and what it says, is
//! decided elsewhere.

mod connect;
mod error;
mod letter;
mod options;
mod pool;
mod relay;
mod relays;
mod reply;
mod wire;

pub use error::MailSetupError;
pub use letter::{Composed, Sender};
pub use options::{RelayOptions, Security, SignIn};
pub use relays::Relays;
