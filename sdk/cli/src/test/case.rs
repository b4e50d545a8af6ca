//! Case files: messages, and what the plugin should make of them.

use serde::Deserialize;
use uuid::Uuid;
use warbler_domain::{
    Body, ConversationId, ConversationKind, MessageId, Party, Role, Sequence, Strength, Submission, Timestamp, UserId,
};

use super::files::Checked;
use super::harness::Setting;

/// One case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// What it shows, as a sentence.
    pub(super) name: Option<String>,
    /// How the plugin is set up.
    #[serde(default, rename = "given")]
    pub(super) setting: Setting,
    /// Short for a setting that is only a configuration.
    config: Option<serde_json::Value>,
    /// The message's text; short for a message with only that.
    text: Option<String>,
    /// The message.
    #[serde(default)]
    message: MessageFields,
    /// What should come of it.
    #[serde(default)]
    pub(super) expect: Expect,
    /// Short for `expect.verdict`, and so on: what most cases are about.
    verdict: Option<Strength>,
    code: Option<String>,
    becomes: Option<String>,
}

/// The parts of a message that matter to a case; the others are ordinary.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct MessageFields {
    body: Option<Body>,
    kind: Option<ConversationKind>,
    role: Option<Role>,
    sender_name: String,
    sent_at: Option<Timestamp>,
    mentions: usize,
    edit: bool,
}

/// What should come of a case. What is not named is not looked at.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Expect {
    /// The verdict.
    pub(super) verdict: Option<Strength>,
    /// The code of its reason.
    pub(super) code: Option<String>,
    /// A part of its reason's text.
    pub(super) reason: Option<String>,
    /// Whether a rejected message may be edited.
    pub(super) can_edit: Option<bool>,
    /// The text that a rewrite puts in the message's place.
    pub(super) becomes: Option<String>,
    /// All findings, in order.
    pub(super) findings: Option<Vec<ExpectedFinding>>,
    /// A part of the sentence with which `init` refuses the configuration.
    pub(super) init_error: Option<String>,
    /// The code of the failure, as receipts have it: `unavailable`, `misconfigured`, `unsupported`…
    pub(super) failure: Option<String>,
}

/// What should be true of a finding.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ExpectedFinding {
    pub(super) label: Option<String>,
    pub(super) rule: Option<String>,
    pub(super) start: Option<u32>,
    pub(super) end: Option<u32>,
    /// What stands between `start` and `end` in the message.
    pub(super) text: Option<String>,
    pub(super) min_score: Option<f32>,
}

impl Checked for Case {
    fn spell_out(&mut self) {
        if let Some(config) = self.config.take() {
            self.setting.config = config;
        }
        let expect = &mut self.expect;
        expect.verdict = expect.verdict.or(self.verdict);
        expect.code = expect.code.take().or(self.code.take());
        expect.becomes = expect.becomes.take().or(self.becomes.take());
    }

    fn is_empty(&self) -> bool {
        self.expect == Expect::default()
    }
}

impl Case {
    /// The message, with everything that the case does not say made ordinary.
    pub(super) fn message(&self) -> Submission {
        let fields = &self.message;
        let text = || Body::Text { text: self.text.clone().unwrap_or_default() };
        Submission {
            kind: fields.kind.unwrap_or(ConversationKind::Direct),
            sender: Party {
                id: person(3),
                name: fields.sender_name.clone(),
                role: fields.role.unwrap_or(Role::Member),
            },
            sent_at: fields.sent_at.unwrap_or(SENT_AT),
            mentions: (0..fields.mentions).map(|index| person(100 + index as u128)).collect(),
            edit: fields.edit,
            sequence: fields.edit.then_some(Sequence(1)),
            ..message(fields.body.clone().unwrap_or_else(text))
        }
    }
}

/// When messages of cases are sent: a fixed moment, so that cases give the same answer on every day.
const SENT_AT: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// An ordinary message with this body.
pub(super) fn message(body: Body) -> Submission {
    Submission {
        id: MessageId::from_uuid(identifier(1)),
        conversation: ConversationId::from_uuid(identifier(2)),
        kind: ConversationKind::Direct,
        sequence: None,
        sender: Party { id: person(3), name: String::new(), role: Role::Member },
        sent_at: SENT_AT,
        body,
        reply_to: None,
        mentions: Vec::new(),
        edit: false,
    }
}

/// The identifier of a person of cases.
pub(super) fn person(number: u128) -> UserId {
    UserId::from_uuid(identifier(number))
}

fn identifier(number: u128) -> Uuid {
    // Version 7 and the variant of RFC 9562, so that plugins see identifiers as they know them.
    Uuid::from_u128((0x019b_7645_fc00_7000_8000_u128 << 48) | number)
}
