//! `http`: requests to the granted hosts. How they are made and guarded is in `crate::http`.

use std::time::Duration;

use crate::bindings::warbler::plugin::http::{Error, Host, Request, Response};
use crate::http::{FetchError, Outgoing};
use crate::state::GuestState;

impl Host for GuestState {
    async fn fetch(&mut self, request: Request) -> wasmtime::Result<Result<Response, Error>> {
        self.waits();
        let Request { method, url, headers, body, timeout_ms } = request;
        let timeout = Duration::from_millis(timeout_ms.into());
        let outgoing = Outgoing { method, url, headers, body: body.into(), timeout };
        let lent = &self.lent;
        let answer = lent.fetcher.fetch(outgoing, &lent.grants, lent.secrets.as_ref()).await;
        Ok(match answer {
            Ok(incoming) => {
                Ok(Response { status: incoming.status, headers: incoming.headers, body: incoming.body.into() })
            }
            Err(error) => Err(wit_error(error)),
        })
    }
}

fn wit_error(error: FetchError) -> Error {
    match error {
        FetchError::Denied(why) => Error::Denied(why),
        FetchError::TimedOut => Error::Timeout,
        FetchError::Unreachable(why) => Error::Unreachable(why),
        FetchError::TooLarge(limit) => Error::TooLarge(limit),
    }
}
