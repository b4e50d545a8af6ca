//! A message's content on the wire, in and out.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use warbler_domain::{Attachment, AttachmentId, Body};
use warbler_service::NewBody;

use crate::problem::Problem;

/// What a message carries: `text`, a file that was uploaded before (`attachment`), or a JSON document of the
/// tenant's own (`kind` and `json`).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BodyInput {
    /// Which of them it is.
    r#type: BodyType,
    /// The text, of a `text`.
    text: Option<String>,
    /// The attachment's identifier, of a `file`.
    #[schema(value_type = Option<String>, format = "uuid")]
    attachment: Option<AttachmentId>,
    /// The name of the message type, of a `custom`.
    kind: Option<String>,
    /// Any JSON, of a `custom`.
    #[schema(value_type = Option<Object>)]
    json: Option<Box<RawValue>>,
}

/// Which kind of content it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BodyType {
    Text,
    File,
    Custom,
}

impl TryFrom<BodyInput> for NewBody {
    type Error = Problem;

    fn try_from(input: BodyInput) -> Result<Self, Problem> {
        let absent = [
            ("text", BodyType::Text, input.text.is_some()),
            ("attachment", BodyType::File, input.attachment.is_some()),
            ("kind", BodyType::Custom, input.kind.is_some()),
            ("json", BodyType::Custom, input.json.is_some()),
        ];
        for (name, owner, present) in absent {
            if present != (owner == input.r#type) {
                let what = if present { "does not belong to" } else { "is missing in" };
                return Err(Problem::invalid(
                    format!("body.{name}"),
                    format!("`{name}` {what} a body of type {}", input.r#type.name()),
                ));
            }
        }
        match (input.text, input.attachment, input.kind, input.json) {
            (Some(text), ..) => Ok(Self::Text { text }),
            (_, Some(attachment), ..) => Ok(Self::File { attachment }),
            (_, _, Some(kind), Some(json)) => Ok(Self::Custom { kind, json: String::from(Box::<str>::from(json)) }),
            _ => Err(Problem::invalid("body.type", "the body is empty")),
        }
    }
}

impl BodyType {
    const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::File => "file",
            Self::Custom => "custom",
        }
    }
}

/// A message's content as it is shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum BodyView<'a> {
    /// Plain text.
    Text {
        /// The text.
        text: &'a str,
    },
    /// A file.
    File {
        /// Which; its bytes are at `/v1/attachments/{id}`.
        attachment: AttachmentView<'a>,
    },
    /// A message type of the tenant's own.
    Custom {
        /// Its name.
        kind: &'a str,
        /// Its content: any JSON.
        #[schema(value_type = Object)]
        json: Option<&'a RawValue>,
    },
}

impl<'a> From<&'a Body> for BodyView<'a> {
    fn from(body: &'a Body) -> Self {
        match body {
            Body::Text { text } => Self::Text { text },
            Body::File { attachment } => Self::File { attachment: attachment.into() },
            Body::Custom { kind, json } => Self::Custom { kind, json: serde_json::from_str(json).ok() },
        }
    }
}

/// A file that the host keeps.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttachmentView<'a> {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    id: AttachmentId,
    /// The name that its sender gave it.
    name: &'a str,
    /// Its media type, as its sender said.
    media_type: &'a str,
    /// Its length in bytes.
    size: u64,
    /// SHA-256 of its bytes, in hex.
    sha256: &'a str,
}

impl<'a> From<&'a Attachment> for AttachmentView<'a> {
    fn from(file: &'a Attachment) -> Self {
        Self { id: file.id, name: &file.name, media_type: &file.media_type, size: file.size, sha256: &file.sha256 }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn content(json: &str) -> Result<NewBody, Problem> {
        crate::json::decode::<BodyInput>(json.as_bytes())?.try_into()
    }

    #[test]
    fn a_custom_body_keeps_its_json_to_the_letter() {
        let body = Body::Custom { kind: "order".into(), json: "{\"total\": 1.10}".into() };
        let parsed = content(r#"{"type":"custom","kind":"order","json":{"total": 1.10}}"#).unwrap();
        assert_eq!(parsed, NewBody::Custom { kind: "order".into(), json: "{\"total\": 1.10}".into() });
        let shown = serde_json::to_string(&BodyView::from(&body)).unwrap();
        assert_eq!(shown, r#"{"type":"custom","kind":"order","json":{"total": 1.10}}"#);
    }

    #[test]
    fn a_body_with_a_field_of_another_type_is_refused_by_name() {
        for (json, field) in [
            (r#"{"type":"text"}"#, "body.text"),
            (r#"{"type":"text","text":"a","kind":"b"}"#, "body.kind"),
            (r#"{"type":"custom","kind":"b"}"#, "body.json"),
            (r#"{"type":"file","text":"a"}"#, "body.text"),
            (r#"{"type":"sound","text":"a"}"#, "type"),
        ] {
            let problem = serde_json::to_value(content(json).unwrap_err()).unwrap();
            assert_eq!((&problem["code"], &problem["field"]), (&"invalid".into(), &field.into()), "{json}");
        }
    }
}
