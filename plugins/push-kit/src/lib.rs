//! What push provider plugins share, so that a vendor is a small file on top: the way of a batch, the
//! meaning of answers, access tokens, signatures and encodings. What a vendor's requests look like and
//! what its codes mean is the plugins' own.
//!
//! A plugin implements [`Vendor`] and hands its batches to [`deliver`]:
//!
//! ```
//! use warbler_push_kit::{Answer, Vendor, deliver, request};
//! use warbler_sdk::http::{Request, Response};
//! use warbler_sdk::{Failure, Notification, Outcome, Plugin, Push};
//!
//! struct Bell;
//!
//! impl Vendor for Bell {
//!     type Access = ();
//!
//!     fn access(&self, _renew: bool) -> Result<(), Failure> {
//!         Ok(())
//!     }
//!
//!     fn request(&self, (): &(), notification: &Notification) -> Result<Request, Answer> {
//!         let body = serde_json::json!({"title": notification.title});
//!         Ok(request::json("https://bell.example.com/ring", &body))
//!     }
//!
//!     fn answer(&self, response: &Response) -> Answer {
//!         Answer::by_status(response)
//!     }
//! }
//!
//! impl Plugin for Bell {
//!     fn init(_config: &str) -> Result<Self, String> {
//!         Ok(Self)
//!     }
//! }
//!
//! impl Push for Bell {
//!     fn deliver(&self, batch: &[Notification]) -> Result<Vec<Outcome>, Failure> {
//!         deliver(self, batch)
//!     }
//! }
//!
//! warbler_sdk::export!(Bell: Push);
//! # fn main() {}
//! ```

pub mod address;
pub mod aliyun;
mod answer;
mod apart;
mod batch;
pub mod config;
pub mod date;
pub mod encode;
#[cfg(feature = "jwt")]
pub mod jwt;
pub mod oauth;
mod post;
pub mod random;
pub mod request;
pub mod secret;
pub mod sign;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod text;
mod token;

pub use answer::{Answer, retry_after, words};
pub use apart::deliver_apart;
pub use batch::{Vendor, deliver};
pub use post::post;
pub use token::{Token, Tokens};
