//! What a guest may answer, and what is refused with the limit in words.

use uuid::Uuid;
use warbler_domain::{
    Attachment, AttachmentId, ConversationId, ConversationKind, MessageId, Party, Role, Timestamp, UserId,
};

use super::*;

fn message(body: Body) -> Submission {
    Submission {
        id: MessageId::from_uuid(Uuid::now_v7()),
        conversation: ConversationId::from_uuid(Uuid::now_v7()),
        kind: ConversationKind::Direct,
        sequence: None,
        sender: Party { id: UserId::from_uuid(Uuid::now_v7()), name: "Ann".into(), role: Role::Member },
        sent_at: Timestamp::from_millis(1),
        body,
        reply_to: None,
        mentions: Vec::new(),
        edit: false,
    }
}

fn text(text: &str) -> Submission {
    message(Body::Text { text: text.into() })
}

fn found(start: u32, end: u32, score: f32) -> wit::Finding {
    wit::Finding { label: "label".into(), rule: "rule".into(), start, end, score }
}

fn refused(verdict: wit::Verdict, findings: Vec<wit::Finding>, message: &Submission) -> String {
    match read(Ok(wit::Decision { verdict, findings }), message) {
        Err(HookError::InvalidAnswer { text }) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn findings_lie_within_the_text_and_on_whole_characters() {
    let message = text("naïve");
    let good = wit::Decision { verdict: wit::Verdict::Flag, findings: vec![found(2, 4, 1.0), found(6, 6, 0.0)] };
    assert_eq!(read(Ok(good), &message).unwrap().findings.len(), 2);
    for (start, end) in [(3, 4), (2, 3), (4, 2), (0, 7), (u32::MAX, u32::MAX)] {
        let why = refused(wit::Verdict::Flag, vec![found(start, end, 0.5)], &message);
        assert!(why.contains(&format!("{start}..{end}")), "{why}");
    }
}

#[test]
fn a_score_is_from_0_to_1_and_a_number() {
    for score in [-0.1, 1.1, f32::NAN, f32::INFINITY] {
        assert!(refused(wit::Verdict::Flag, vec![found(0, 1, score)], &text("ab")).contains("score"));
    }
}

#[test]
fn there_are_at_most_a_thousand_findings_with_short_names() {
    let why = refused(wit::Verdict::Flag, vec![found(0, 1, 0.5); FINDINGS + 1], &text("ab"));
    assert!(why.contains("1001") && why.contains("1000"), "{why}");
    let long = wit::Finding { rule: "r".repeat(NAME + 1), ..found(0, 1, 0.5) };
    assert!(refused(wit::Verdict::Flag, vec![long], &text("ab")).contains("rule is 129 bytes"));
}

#[test]
fn reasons_and_rewritten_bodies_have_a_greatest_length() {
    let long = wit::Reason { code: "c".into(), text: "x".repeat(REASON + 1) };
    assert!(refused(wit::Verdict::Hold(long), Vec::new(), &text("a")).contains("1001 bytes"));
    let limit = MessageLimits::default().text.as_usize();
    let long = BodyResult::Text("x".repeat(limit + 1));
    assert!(refused(wit::Verdict::Rewrite(long), Vec::new(), &text("a")).contains("16384 are the most"));
    let no_json = crate::bindings::warbler::plugin::types::CustomBodyResult { kind: "poll".into(), json: "{".into() };
    assert!(refused(wit::Verdict::Rewrite(BodyResult::Custom(no_json)), Vec::new(), &text("a")).contains("not JSON"));
}

#[test]
fn a_file_can_be_renamed_but_not_replaced() {
    let id = AttachmentId::from_uuid(Uuid::now_v7());
    let attachment =
        Attachment { id, name: "bad name.png".into(), media_type: "image/png".into(), size: 9, sha256: "ab".into() };
    let message = message(Body::File { attachment: attachment.clone() });
    let file = |sha256: &str| AttachmentResult {
        id: id.to_string(),
        name: "name.png".into(),
        media_type: "text/html".into(),
        size: 9,
        sha256: sha256.into(),
    };
    let renamed = wit::Decision { verdict: wit::Verdict::Rewrite(BodyResult::File(file("ab"))), findings: vec![] };
    let renamed = read(Ok(renamed), &message).unwrap().verdict;
    let expected = Attachment { name: "name.png".into(), ..attachment };
    assert_eq!(renamed, Verdict::Rewrite { body: Body::File { attachment: expected } });
    let other = wit::Verdict::Rewrite(BodyResult::File(file("cd")));
    assert!(refused(other, Vec::new(), &message).contains("another file"));
    let from_nothing = wit::Verdict::Rewrite(BodyResult::File(file("ab")));
    assert!(refused(from_nothing, Vec::new(), &text("a")).contains("without a file"));
}

#[test]
fn a_refusal_keeps_its_kind_and_fits_on_a_line() {
    let refusal = read(Err(wit::Failure::Misconfigured("no\ntoken".into())), &text("a")).unwrap_err();
    assert_eq!(refusal.code(), "misconfigured");
    assert_eq!(refusal.to_string(), "the plugin is misconfigured: no token");
    let refusal = read(Err(wit::Failure::Unavailable(1500)), &text("a")).unwrap_err();
    assert!(refusal.is_transient() && refusal.to_string().contains("1.5s"));
}
