//! What goes out: deliveries as frames, each written once for all its receivers.

use axum::extract::ws::{Message, Utf8Bytes};
use bytes::Bytes;
use warbler_domain::{Event, Signal, UserId};
use warbler_service::{Delivery, Live};

use super::frame::HostFrame;
use crate::wire::message::{CautionView, ChangeView, MessageView};

/// The answer to a send that is in the log.
pub(super) fn sent(key: &str, event: &Event) -> Message {
    let frame = match MessageView::posted(event) {
        Some(message) => HostFrame::Sent { key: key.into(), message },
        None => HostFrame::Changed { change: ChangeView::of(event) },
    };
    Message::Text(frame.write().into())
}

/// The frame of a delivery for `receiver`; nothing if it is not for them.
pub(super) fn frame(delivery: &Delivery, receiver: UserId) -> Option<Message> {
    if let Live::Signal(Signal::Typing { user, .. } | Signal::Presence { user, .. }) = delivery.live()
        && *user == receiver
    {
        // People know that they are there and typing.
        return None;
    }
    let bytes = delivery.frame(|live| Bytes::from(write(live)));
    if bytes.is_empty() {
        return None;
    }
    // Made of a string above, and so always UTF-8.
    Utf8Bytes::try_from(bytes.clone()).ok().map(Message::Text)
}

/// The frame of what happened; empty if clients learn of it in another way.
fn write(live: &Live) -> String {
    let frame = match live {
        Live::Event(event) => match MessageView::posted(event) {
            Some(message) => HostFrame::Message { message },
            None => HostFrame::Changed { change: ChangeView::of(event) },
        },
        Live::Taken { conversation, sequence } => {
            HostFrame::Changed { change: ChangeView::taken(*conversation, *sequence) }
        }
        Live::Signal(signal) => match signal_frame(signal) {
            Some(frame) => frame,
            None => return String::new(),
        },
    };
    frame.write()
}

fn signal_frame(signal: &Signal) -> Option<HostFrame<'_>> {
    Some(match signal {
        Signal::Typing { conversation, user } => HostFrame::Typing { conversation: *conversation, user: *user },
        Signal::Reply { conversation, message, user, text, withdrawn } => HostFrame::Reply {
            conversation: *conversation,
            message: *message,
            user: *user,
            text,
            withdrawn: withdrawn.as_ref().map(CautionView::from),
        },
        Signal::Support { conversation, state, person } => {
            HostFrame::Changed { change: ChangeView::support(*conversation, state, *person) }
        }
        Signal::Presence { user, online } => HostFrame::Presence { user: *user, online: *online },
        Signal::Read { conversation, user, sequence } => {
            HostFrame::Receipt { conversation: *conversation, user: *user, sequence: *sequence }
        }
        Signal::Membership { conversation, joined, .. } => {
            HostFrame::Membership { conversation: *conversation, joined: *joined }
        }
        Signal::Decided { conversation, key, approved, reason, .. } => HostFrame::Decided {
            key: key.into(),
            conversation: *conversation,
            approved: *approved,
            reason: reason.as_deref(),
        },
        Signal::Alert { code, text } => HostFrame::Alert { code, text },
        // The end of a session closes its connections, which say so themselves.
        Signal::Ended { .. } => return None,
    })
}
