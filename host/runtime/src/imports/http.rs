//! `http`: requests to the granted hosts. How they are made and guarded is in `crate::http`.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use wasmtime::format_err;

use crate::bindings::warbler::plugin::http::{Error, Host, Request, Response};
use crate::http::{Answer, FetchError, Outgoing};
use crate::state::GuestState;

/// Most requests of one call: as many as a push provider has notifications in a batch.
const REQUESTS: usize = 100;
/// How many of them are under way at a time: the concurrent streams that a vendor's HTTP/2 server lets
/// one connection have are seldom fewer.
const AT_A_TIME: usize = 32;

impl Host for GuestState {
    async fn fetch(&mut self, request: Request) -> wasmtime::Result<Result<Response, Error>> {
        self.waits();
        let lent = &self.lent;
        let answer = lent.fetcher.fetch(outgoing(request), &lent.grants, lent.secrets.as_ref()).await;
        Ok(wit_answer(answer))
    }

    async fn fetch_all(&mut self, requests: Vec<Request>) -> wasmtime::Result<Vec<Result<Response, Error>>> {
        if requests.len() > REQUESTS {
            return Err(format_err!("fetch-all takes at most {REQUESTS} requests, not {}", requests.len()));
        }
        self.waits();
        let lent = &self.lent;
        let fetcher = lent.fetcher.shared_by(requests.len());
        let mut requests = requests.into_iter().map(|request| {
            let (fetcher, secrets) = (&fetcher, lent.secrets.as_ref());
            async move { wit_answer(fetcher.fetch(outgoing(request), &lent.grants, secrets).await) }
        });
        let mut answers = Vec::with_capacity(requests.len());
        // The first goes ahead, so that the others find its connection instead of each making one.
        if let Some(first) = requests.next() {
            answers.push(first.await);
        }
        let mut rest = stream::iter(requests).buffered(AT_A_TIME);
        while let Some(answer) = rest.next().await {
            answers.push(answer);
        }
        Ok(answers)
    }
}

fn outgoing(request: Request) -> Outgoing {
    let Request { method, url, headers, body, timeout_ms } = request;
    Outgoing { method, url, headers, body: body.into(), timeout: Duration::from_millis(timeout_ms.into()) }
}

fn wit_answer(answer: Result<Answer, FetchError>) -> Result<Response, Error> {
    let Answer { status, headers, body } = answer.map_err(wit_error)?;
    Ok(Response { status, headers, body: body.into() })
}

fn wit_error(error: FetchError) -> Error {
    match error {
        FetchError::Denied(why) => Error::Denied(why),
        FetchError::TimedOut => Error::Timeout,
        FetchError::Unreachable(why) => Error::Unreachable(why),
        FetchError::TooLarge(limit) => Error::TooLarge(limit),
    }
}
