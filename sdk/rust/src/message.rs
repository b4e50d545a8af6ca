//! Reading messages.

use crate::{Body, Message};

impl Body {
    /// The text that filters read: the text itself, a file's name, or a custom body's JSON.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::File(file) => &file.name,
            Self::Custom(custom) => &custom.json,
        }
    }
}

impl Message {
    /// The text of a text message; `None` for files and custom bodies.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.body {
            Body::Text(text) => Some(text),
            Body::File(_) | Body::Custom(_) => None,
        }
    }
}
