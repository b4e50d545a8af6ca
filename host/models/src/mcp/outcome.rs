//! What a tool answered, as one JSON text.

use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::Value;
use warbler_domain::{ToolError, ToolServer};

use crate::mcp::failure;

/// What stands for content that this revision of the protocol does not know.
const UNKNOWN: &str = "[content of an unknown kind]";

/// The result of a call as JSON text: its structured content, or else its texts, joined.
///
/// # Errors
/// `Refused` with the tool's words if it says that it failed, `TooLong` past `limit` bytes.
pub(crate) fn json(result: &CallToolResult, limit: usize, server: &ToolServer) -> Result<String, ToolError> {
    if result.is_error == Some(true) {
        let said = failure::tidy(&joined(&result.content), server);
        let text = if said.is_empty() { "the tool failed, and does not say why".to_owned() } else { said };
        return Err(ToolError::Refused { text });
    }
    let json = match &result.structured_content {
        Some(value) => value.to_string(),
        None => as_json(joined(&result.content)),
    };
    if json.len() > limit { Err(ToolError::TooLong { limit }) } else { Ok(json) }
}

/// Text that is an object or a list in JSON stays as it is; all else becomes a JSON string.
fn as_json(text: String) -> String {
    let is_json = text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<Value>(&text).is_ok();
    if is_json { text } else { Value::String(text).to_string() }
}

fn joined(content: &[ContentBlock]) -> String {
    let blocks: Vec<String> = content.iter().map(block).collect();
    blocks.join("\n")
}

fn block(block: &ContentBlock) -> String {
    match block {
        ContentBlock::Text(text) => text.text.clone(),
        ContentBlock::Resource(embedded) => match &embedded.resource {
            ResourceContents::TextResourceContents { text, .. } => text.clone(),
            ResourceContents::BlobResourceContents { uri, .. } => format!("[file {uri}]"),
            _ => UNKNOWN.to_owned(),
        },
        ContentBlock::ResourceLink(link) => format!("[{}: {}]", link.name, link.uri),
        // A chat model of words has no use for the bytes.
        ContentBlock::Image(image) => format!("[image {}]", image.mime_type),
        ContentBlock::Audio(audio) => format!("[audio {}]", audio.mime_type),
        _ => UNKNOWN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use serde_json::json;
    use warbler_domain::ToolTransport;

    use super::*;

    fn server() -> ToolServer {
        let environment = BTreeMap::from([("TOKEN".to_owned(), "s3cret-value".to_owned())]);
        let transport = ToolTransport::Stdio { command: "tool".into(), arguments: Vec::new(), environment };
        ToolServer { transport, token: None, timeout: Duration::from_secs(1), max_answer: 100 }
    }

    fn of(value: Value) -> Result<String, ToolError> {
        json(&serde_json::from_value(value).unwrap(), 100, &server())
    }

    #[test]
    fn structured_content_comes_before_the_text_that_repeats_it() {
        let both = json!({"content": [{"type": "text", "text": "{\"a\": 1}"}], "structuredContent": {"a": 1}});
        assert_eq!(of(both), Ok("{\"a\":1}".into()));
    }

    #[test]
    fn texts_are_joined_into_one_json_text() {
        let two = json!({"content": [
            {"type": "text", "text": "one"},
            {"type": "image", "data": "AAAA", "mimeType": "image/png"},
            {"type": "resource", "resource": {"uri": "a:b", "text": "two"}}
        ]});
        assert_eq!(of(two), Ok("\"one\\n[image image/png]\\ntwo\"".into()));
        assert_eq!(of(json!({"content": [{"type": "text", "text": "[1, 2]"}]})), Ok("[1, 2]".into()));
        assert_eq!(of(json!({"content": [{"type": "text", "text": "12"}]})), Ok("\"12\"".into()));
    }

    #[test]
    fn a_failure_is_told_in_the_tools_words_without_what_was_confided_to_it() {
        let failed = json!({"content": [{"type": "text", "text": "login with s3cret-value failed"}], "isError": true});
        assert_eq!(of(failed), Err(ToolError::Refused { text: "login with [hidden] failed".into() }));
    }

    #[test]
    fn an_answer_past_the_limit_is_refused_with_the_limit() {
        let long = json!({"content": [{"type": "text", "text": "x".repeat(101)}]});
        assert_eq!(of(long), Err(ToolError::TooLong { limit: 100 }));
    }
}
