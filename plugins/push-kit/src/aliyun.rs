//! Requests to Alibaba Cloud's interfaces, signed with ACS3-HMAC-SHA256. Source: "V3 版本请求体&签名机制",
//! help.aliyun.com. What an interface does is the plugins' part.

use serde::Deserialize;
use warbler_sdk::http::{Request, Response};
use warbler_sdk::{Failure, Timestamp, system};

use crate::{Answer, config, date, encode, request, retry_after, secret, sign, words};

/// One call of an interface.
pub struct Call<'a> {
    /// Where it goes, such as `https://dysmsapi.aliyuncs.com`.
    pub base_url: &'a str,
    /// What is called.
    pub action: &'a str,
    /// The interface's version, a date.
    pub version: &'a str,
    /// Its arguments.
    pub arguments: &'a [(&'a str, &'a str)],
    /// Whether they go into the body, as a form, because they are long; else into the URL.
    pub in_body: bool,
}

/// Who calls.
pub struct Key {
    /// The identifier of the access key.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

impl Key {
    /// The key `id`, with the secret that an admin stored as `access_key_secret`.
    ///
    /// # Errors
    /// It is not set.
    pub fn stored(id: &str) -> Result<Self, Failure> {
        let secret = secret::required("access_key_secret")?.trim().to_owned();
        Ok(Self { id: id.to_owned(), secret })
    }
}

impl Call<'_> {
    /// The signed request. The nonce keeps others from sending it again.
    #[must_use]
    pub fn request(&self, key: &Key) -> Request {
        self.signed(key, system::now(), &encode::hex(system::random(16)))
    }

    fn signed(&self, key: &Key, now: Timestamp, nonce: &str) -> Request {
        let mut arguments: Vec<(&str, &str)> = self.arguments.to_vec();
        arguments.sort_unstable();
        let form = encode::form(arguments);
        let (query, body) = if self.in_body { (String::new(), form) } else { (form, String::new()) };
        let digest = encode::hex(sign::sha256(body.as_bytes()));
        let host = config::origin(self.base_url).and_then(|origin| origin.split("://").nth(1)).unwrap_or_default();
        let date = date::Civil::from_timestamp(now).rfc3339();
        // In the order of their names, as the signature wants them.
        let mut headers = vec![
            ("host", host),
            ("x-acs-action", self.action),
            ("x-acs-content-sha256", &digest),
            ("x-acs-date", &date),
            ("x-acs-signature-nonce", nonce),
            ("x-acs-version", self.version),
        ];
        if self.in_body {
            headers.insert(0, ("content-type", "application/x-www-form-urlencoded"));
        }
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let lines = lines.concat();
        let canonical = format!("POST\n/\n{query}\n{lines}\n{names}\n{digest}");
        let signed = format!("ACS3-HMAC-SHA256\n{}", encode::hex(sign::sha256(canonical.as_bytes())));
        let signature = encode::hex(sign::hmac_sha256(key.secret.as_bytes(), signed.as_bytes()));
        let credential = &key.id;
        let authorization =
            format!("ACS3-HMAC-SHA256 Credential={credential},SignedHeaders={names},Signature={signature}");
        let url = if query.is_empty() { format!("{}/", self.base_url) } else { format!("{}/?{query}", self.base_url) };
        let request = Request::new("POST", url).header("authorization", authorization).body(body);
        // The connection's own headers are the host's to set; it sets the same.
        let headers = headers.iter().filter(|(name, _)| *name != "host");
        headers.fold(request, |request, (name, value)| request.header(*name, *value))
    }
}

/// What every interface answers with when it refuses.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Reply {
    /// `OK`, or which error.
    pub code: String,
    /// The error in words.
    pub message: String,
}

/// What a refusal means whatever the interface; `None` if the code is of the interface's own.
#[must_use]
pub fn refusal(response: &Response, reply: &Reply) -> Option<Answer> {
    let code = reply.code.as_str();
    let is_auth =
        ["InvalidAccessKeyId", "SignatureDoesNotMatch", "Forbidden", "IncompleteSignature", "MissingSecurityToken"]
            .iter()
            .any(|auth| code.starts_with(auth));
    Some(match response.status {
        _ if is_auth => Answer::AuthExpired(words(response)),
        429 => Answer::RateLimited(retry_after(response)),
        _ if code.starts_with("Throttling") => Answer::RateLimited(retry_after(response)),
        500..=599 => Answer::Retry(retry_after(response)),
        _ if code.starts_with("ServiceUnavailable") || code.starts_with("InternalError") => Answer::Retry(None),
        _ if code.is_empty() && response.status == 200 => return None,
        _ if code.is_empty() => Answer::by_status(response),
        _ => return None,
    })
}

/// The reply in a response.
#[must_use]
pub fn reply(response: &Response) -> Reply {
    request::read(response).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::testing::header;

    /// The example of Alibaba Cloud's page about the signature.
    #[test]
    fn it_is_the_signature_of_the_vendors_example() {
        let call = Call {
            base_url: "https://ecs.cn-shanghai.aliyuncs.com",
            action: "RunInstances",
            version: "2014-05-26",
            arguments: &[
                ("ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"),
                ("RegionId", "cn-shanghai"),
            ],
            in_body: false,
        };
        let key = Key { id: "YourAccessKeyId".to_owned(), secret: "YourAccessKeySecret".to_owned() };
        let now = date::parse_http("Thu, 26 Oct 2023 10:22:32 GMT").unwrap();
        let request = call.signed(&key, now, "3156853299f313e23d1673dc12e1703d");
        let expected = "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;\
                        x-acs-date;x-acs-signature-nonce;x-acs-version,\
                        Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0";
        assert_eq!(header(&request, "authorization"), Some(expected));
    }
}
