//! What Huawei's answers mean; HMS and `HarmonyOS` share the codes. Source: Huawei, "Push Kit: REST API,
//! response codes".

use serde::Deserialize;
use serde_json::Value;
use warbler_push_kit::{Answer, request, retry_after, words};
use warbler_sdk::http::Response;

#[derive(Deserialize)]
struct Reply {
    code: String,
    /// A text; where tokens were refused, a text that is JSON.
    #[serde(default)]
    msg: String,
    #[serde(rename = "requestId")]
    request_id: Option<String>,
}

/// What `response` means for the one token that the request was about.
pub(crate) fn answer(response: &Response) -> Answer {
    let reply: Option<Reply> = request::read(response);
    let Some(reply) = reply else {
        return if response.status == 200 { Answer::malformed(response) } else { Answer::by_status(response) };
    };
    match reply.code.as_str() {
        "80000000" => Answer::Accepted(reply.request_id),
        "80300007" => Answer::Gone,
        "80100000" => partial(&reply),
        "80200001" | "80200003" | "80200005" => Answer::AuthExpired(words(response)),
        _ if response.status == 429 => Answer::RateLimited(retry_after(response)),
        _ if response.status >= 500 => Answer::Retry(retry_after(response)),
        "81000001" => Answer::Retry(None),
        code => Answer::Rejected(format!("{code}: {}", reply.msg)),
    }
}

/// Some tokens were refused; with one token per request, this one was. `HarmonyOS` says for which reason:
/// a missing right is not the token's fault.
fn partial(reply: &Reply) -> Answer {
    let told: Value = serde_json::from_str(&reply.msg).unwrap_or_default();
    let no_right = told.pointer("/illegalTokens/noRight").and_then(Value::as_array);
    if no_right.is_some_and(|tokens| !tokens.is_empty()) {
        return Answer::Rejected(format!("{}: no right to send to this token", reply.code));
    }
    Answer::Gone
}
