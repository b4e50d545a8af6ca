//! For the vendors' own tests: notifications, and a provider that notes what it was asked. It exists
//! off WebAssembly only.

use std::cell::RefCell;
use std::rc::Rc;

use warbler_sdk::http::{Request, Response};
use warbler_sdk::testing::Host;
use warbler_sdk::{Endpoint, Notification, Timestamp, Urgency};

/// The time of tests: 2026-11-22, 08:00 UTC.
pub const NOW: Timestamp = 1_795_334_400_000;

/// An ordinary notification to `address`, JSON, that is good for an hour.
#[must_use]
pub fn notification(kind: &str, address: &str) -> Notification {
    Notification {
        id: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
        endpoint: Endpoint {
            id: "01890a5d-ac96-774b-bcce-b302099a8060".to_owned(),
            kind: kind.to_owned(),
            address: address.to_owned(),
            locale: "zh-CN".to_owned(),
        },
        title: "张三".to_owned(),
        body: "你好，世界 🎉".to_owned(),
        conversation: "01890a5d-ac96-774b-bcce-b302099a8058".to_owned(),
        collapse_key: Some("01890a5d-ac96-774b-bcce-b302099a8058".to_owned()),
        badge: 3,
        urgency: Urgency::Normal,
        expires_at: NOW + 3_600_000,
        secret: false,
    }
}

/// A response without headers.
#[must_use]
pub fn response(status: u16, body: &str) -> Response {
    Response { status, headers: Vec::new(), body: body.into() }
}

/// What a provider was asked.
pub type Asked = Rc<RefCell<Vec<Request>>>;

/// A host at [`NOW`] whose HTTP requests are answered by `respond`, and the list of them.
#[must_use]
pub fn host(mut respond: impl FnMut(&Request) -> Response + 'static) -> (Host, Asked) {
    let asked = Asked::default();
    let notes = Rc::clone(&asked);
    let host = Host::new().with_now(NOW).with_http(move |request| {
        notes.borrow_mut().push(request.clone());
        Ok(respond(request))
    });
    (host, asked)
}

/// The value of the header called `name`.
#[must_use]
pub fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The body of a request as JSON; `null` if it is none.
#[must_use]
pub fn json(request: &Request) -> serde_json::Value {
    serde_json::from_slice(&request.body).unwrap_or_default()
}
