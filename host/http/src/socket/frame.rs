//! WebSocket frames: JSON objects with an `op`. Reading and writing them, nothing of sockets.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warbler_domain::{ConversationId, MessageId, Sequence, SessionId, UserId};

use crate::json::{Object, decode};
use crate::problem::Problem;
use crate::wire::body::BodyInput;
use crate::wire::message::{CautionView, ChangeView, MessageView};

/// What a client says.
#[derive(Debug)]
pub(crate) enum ClientFrame {
    Hello(Hello),
    Send(Box<Send>),
    Read(Read),
    Typing(Typing),
    Stop(Stop),
    Activity,
}

/// The first frame: who it is, unless the request's header said so, and what it has already.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hello {
    /// `hello`.
    #[schema(value_type = String)]
    #[serde(rename = "op")]
    _op: Option<IgnoredAny>,
    /// The session's token, for clients that cannot set headers.
    pub(crate) token: Option<String>,
    /// The last place that the client has, by conversation. It gets what came after; conversations that
    /// are not named are followed from now on.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, u64>)]
    pub(crate) cursors: BTreeMap<ConversationId, Sequence>,
}

/// Sends a message.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Send {
    /// `send`.
    #[schema(value_type = String)]
    op: SendOp,
    /// The client's own name for it: sending again under the same key does nothing.
    pub(crate) key: String,
    /// Where it goes.
    #[schema(value_type = String, format = "uuid")]
    pub(crate) conversation: ConversationId,
    /// Its content.
    #[schema(value_type = BodyInput)]
    pub(crate) body: Object<BodyInput>,
    /// The message that it answers.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub(crate) reply_to: Option<MessageId>,
    /// Who is mentioned.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub(crate) mentions: Vec<UserId>,
}

/// Whether an op is `send`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SendOp {
    Send,
    #[serde(other)]
    Other,
}

/// Marks a conversation as read up to a place.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Read {
    /// `read`.
    #[schema(value_type = String)]
    #[serde(rename = "op")]
    _op: IgnoredAny,
    /// Which conversation.
    #[schema(value_type = String, format = "uuid")]
    pub(crate) conversation: ConversationId,
    /// Up to which place.
    #[schema(value_type = u64)]
    pub(crate) sequence: Sequence,
}

/// Tells the others that someone is typing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Typing {
    /// `typing`.
    #[schema(value_type = String)]
    #[serde(rename = "op")]
    _op: IgnoredAny,
    /// Where.
    #[schema(value_type = String, format = "uuid")]
    pub(crate) conversation: ConversationId,
}

/// Stops an agent's reply: what was said so far stands.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stop {
    /// `stop`.
    #[schema(value_type = String)]
    #[serde(rename = "op")]
    _op: IgnoredAny,
    /// Where.
    #[schema(value_type = String, format = "uuid")]
    pub(crate) conversation: ConversationId,
    /// Which reply.
    #[schema(value_type = String, format = "uuid")]
    pub(crate) message: MessageId,
}

/// A person did something: the idle exit counts from here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Activity {
    #[serde(rename = "op")]
    _op: IgnoredAny,
}

impl ClientFrame {
    /// Reads a frame.
    ///
    /// # Errors
    /// `malformed`, `unknown-op`, or `invalid` with the field, and the `key` of the `send` that it came from.
    pub(crate) fn read(text: &str) -> Result<Self, Box<BadFrame>> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow)]
            op: std::borrow::Cow<'a, str>,
            key: Option<serde_json::Value>,
        }
        // Nearly every frame is a send that is as it should be, and is read once. Any other is read again, to
        // say what it is or what is wrong with it.
        if let Ok(Object(send)) = serde_json::from_str::<Object<Send>>(text)
            && send.op == SendOp::Send
        {
            return Ok(Self::Send(Box::new(send)));
        }
        let bytes = text.as_bytes();
        let Envelope { op, key } = decode(bytes).map_err(|problem| BadFrame { key: None, problem })?;
        let frame = match op.as_ref() {
            "send" => decode(bytes).map(|send| Self::Send(Box::new(send))),
            "read" => decode(bytes).map(Self::Read),
            "typing" => decode(bytes).map(Self::Typing),
            "stop" => decode(bytes).map(Self::Stop),
            "activity" => decode::<Activity>(bytes).map(|_| Self::Activity),
            "hello" => decode(bytes).map(Self::Hello),
            _ => Err(Problem::invalid("op", "the host knows the ops hello, send, read, typing, stop and activity")
                .coded("unknown-op")),
        };
        let key = key.and_then(|key| key.as_str().filter(|_| op == "send").map(str::to_owned));
        frame.map_err(|problem| Box::new(BadFrame { key, problem }))
    }
}

/// A frame that could not be read.
#[derive(Debug)]
pub(crate) struct BadFrame {
    /// The key of the `send` that it was, if that much could be read.
    pub(crate) key: Option<String>,
    /// What is wrong with it.
    pub(crate) problem: Problem,
}

impl From<BadFrame> for HostFrame<'_> {
    fn from(BadFrame { key, problem }: BadFrame) -> Self {
        match key {
            Some(key) => Self::Refused { key: key.into(), problem },
            None => Self::Problem { problem },
        }
    }
}

/// What the host says.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub(crate) enum HostFrame<'a> {
    /// The client is signed in and followed; what it missed comes next.
    Ready {
        /// Its session.
        #[schema(value_type = String, format = "uuid")]
        session: SessionId,
        /// Who it is.
        #[schema(value_type = String, format = "uuid")]
        user: UserId,
    },
    /// A message was posted.
    Message {
        /// The message.
        message: MessageView<'a>,
    },
    /// What the client sent is committed.
    Sent {
        /// Its key.
        #[schema(value_type = String)]
        key: std::borrow::Cow<'a, str>,
        /// The message, as it stands in the log.
        message: MessageView<'a>,
    },
    /// What the client sent waits for a moderator.
    Held {
        /// Its key.
        #[schema(value_type = String)]
        key: std::borrow::Cow<'a, str>,
        /// What moderators know it by. Once it is approved, the message gets an identifier of its own.
        #[schema(value_type = String, format = "uuid")]
        held: MessageId,
    },
    /// What the client sent was not taken.
    Refused {
        /// Its key.
        #[schema(value_type = String)]
        key: std::borrow::Cow<'a, str>,
        /// Why.
        problem: Problem,
    },
    /// A frame without a key was not taken.
    Problem {
        /// Why.
        problem: Problem,
    },
    /// Something else happened in a conversation.
    Changed {
        /// What.
        change: ChangeView<'a>,
    },
    /// Someone read up to a place.
    Receipt {
        /// Where.
        #[schema(value_type = String, format = "uuid")]
        conversation: ConversationId,
        /// Who.
        #[schema(value_type = String, format = "uuid")]
        user: UserId,
        /// Up to which place.
        #[schema(value_type = u64)]
        sequence: Sequence,
    },
    /// Someone is typing.
    Typing {
        /// Where.
        #[schema(value_type = String, format = "uuid")]
        conversation: ConversationId,
        /// Who.
        #[schema(value_type = String, format = "uuid")]
        user: UserId,
    },
    /// An agent's reply as it grows.
    Reply {
        /// Where.
        #[schema(value_type = String, format = "uuid")]
        conversation: ConversationId,
        /// The identifier that its message will have; that `message` takes the place of the reply.
        #[schema(value_type = String, format = "uuid")]
        message: MessageId,
        /// Which agent.
        #[schema(value_type = String, format = "uuid")]
        user: UserId,
        /// The whole text so far.
        text: &'a str,
        /// Why the text was taken back: nothing of it may be shown any more.
        #[serde(skip_serializing_if = "Option::is_none")]
        withdrawn: Option<CautionView<'a>>,
    },
    /// Someone came or went.
    Presence {
        /// Who.
        #[schema(value_type = String, format = "uuid")]
        user: UserId,
        /// Whether any of their sessions is connected.
        online: bool,
    },
    /// The client was added to a conversation, or taken out of it.
    Membership {
        /// Which conversation.
        #[schema(value_type = String, format = "uuid")]
        conversation: ConversationId,
        /// Whether it is in it now.
        joined: bool,
    },
    /// A moderator decided about a message that was held.
    Decided {
        /// Its key.
        #[schema(value_type = String)]
        key: std::borrow::Cow<'a, str>,
        /// Where it was to go.
        #[schema(value_type = String, format = "uuid")]
        conversation: ConversationId,
        /// Whether it was let through; it then arrives as a `message`.
        approved: bool,
        /// What the moderator said.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    },
    /// Something that an admin should see.
    Alert {
        /// A stable code.
        #[schema(value_type = String)]
        code: &'a str,
        /// A sentence for people.
        text: &'a str,
    },
    /// The session is over; close code 4401 follows.
    Ended {
        /// `signed-out`, `idle`, `revoked` or `expired`.
        reason: &'a str,
    },
}

impl HostFrame<'_> {
    /// The frame as text.
    pub(crate) fn write(&self) -> String {
        // Every part of a frame is made of strings, numbers and lists, which always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "0190f3a2-7c1e-7d33-8f00-1b2a3c4d5e6f";

    fn refused(text: &str) -> (Option<String>, String, serde_json::Value) {
        let bad = ClientFrame::read(text).unwrap_err();
        let problem = serde_json::to_value(&bad.problem).unwrap();
        (bad.key, bad.problem.code().to_owned(), problem["field"].clone())
    }

    #[test]
    fn a_bad_send_is_answered_under_its_key() {
        let text = format!(r#"{{"op":"send","key":"k","conversation":"{ID}","body":{{"type":"text","text":7}}}}"#);
        assert_eq!(refused(&text), (Some("k".into()), "invalid".into(), "body.text".into()));
    }

    #[test]
    fn an_unknown_op_or_field_is_named() {
        assert_eq!(refused(r#"{"op":"fly"}"#).1, "unknown-op");
        assert_eq!(refused(r#"{"op":"activity","now":true}"#), (None, "invalid".into(), "now".into()));
        assert_eq!(refused(r#"{"key":"k"}"#), (None, "invalid".into(), "op".into()));
        assert_eq!(refused("[]").1, "invalid");
        assert_eq!(refused("not json").1, "malformed");
    }

    #[test]
    fn a_client_says_hello_with_what_it_has() {
        let text = format!(r#"{{"op":"hello","cursors":{{"{ID}":7}}}}"#);
        let ClientFrame::Hello(hello) = ClientFrame::read(&text).unwrap() else { panic!("not a hello") };
        assert_eq!(hello.cursors.values().copied().collect::<Vec<_>>(), [Sequence(7)]);
        assert!(hello.token.is_none());
    }

    proptest! {
        #[test]
        fn no_text_stops_the_reader(text in ".*") {
            let _ = ClientFrame::read(&text);
        }

        #[test]
        fn no_json_object_stops_the_reader(
            op in prop_oneof!["hello|send|read|typing|stop|activity", "[a-z]{0,8}"],
            fields in proptest::collection::btree_map(
                "key|conversation|body|mentions|cursors|sequence|token|[a-z]{1,6}",
                prop_oneof![
                    Just(serde_json::json!(null)), Just(serde_json::json!([1, "a"])), Just(serde_json::json!({"type": "text"})),
                    any::<i64>().prop_map(Into::into), ".{0,12}".prop_map(Into::into),
                ],
                0..5,
            ),
        ) {
            let mut frame = serde_json::json!(fields);
            frame["op"] = op.into();
            let text = frame.to_string();
            let known = ["hello", "send", "read", "typing", "stop", "activity"];
            match ClientFrame::read(&text) {
                Ok(_) => prop_assert!(known.contains(&frame["op"].as_str().unwrap())),
                Err(bad) => prop_assert!(["invalid", "unknown-op"].contains(&bad.problem.code()), "{text}: {bad:?}"),
            }
        }

        #[test]
        fn what_was_sent_is_what_is_read(key in ".{0,40}", words in ".{0,200}") {
            let text = serde_json::json!({
                "op": "send", "key": key, "conversation": ID, "body": {"type": "text", "text": words},
            }).to_string();
            let ClientFrame::Send(send) = ClientFrame::read(&text).unwrap() else { panic!("not a send") };
            prop_assert_eq!(send.key, key);
            let body = warbler_service::NewBody::try_from(send.body.0).unwrap();
            prop_assert_eq!(body, warbler_service::NewBody::Text { text: words });
        }
    }
}
