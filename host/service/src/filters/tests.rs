//! How chains judge: order, merge, the second scan, offsets, and what failure policies make of failures.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;
use warbler_domain::{Attachment, AttachmentId, Body, HookError, InstallationId, Outcome, Receipt, Strength, Verdict};
use warbler_text::{Entry, Lexicon, LexiconSet, Mode};

use super::*;
use crate::plugin_world::{FakeFilter, message, reason};

fn link(name: &str, policy: FailPolicy, config: Value) -> Link {
    Link {
        installation: InstallationId::from_uuid(Uuid::now_v7()),
        plugin: name.into(),
        version: "1.0.0".into(),
        digest: "00".into(),
        config_digest: "11".into(),
        policy,
        deadline: Duration::from_millis(50),
        lists: ListAccess::All,
        engine: Engine::Live(FakeFilter::new(config)),
        watch: None,
        timing: metrics::Histogram::noop(),
    }
}

fn closed(name: &str, config: Value) -> Link {
    link(name, FailPolicy::Closed, config)
}

async fn judge(links: Vec<Link>, text: &str) -> Judgement {
    judge_with(links, text, LexiconSet::new()).await
}

async fn judge_with(links: Vec<Link>, text: &str, lists: LexiconSet) -> Judgement {
    let chain = Chain::new(links.into_iter().map(Arc::new).collect());
    chain.judge(&Arc::new(lists), message(text)).await
}

fn told(judgement: &Judgement) -> Vec<(&str, Strength, bool)> {
    let tell = |receipt: &'_ Receipt| (receipt.verdict, receipt.rescan);
    judgement.receipts.iter().map(|receipt| (&*receipt.plugin, tell(receipt).0, tell(receipt).1)).collect()
}

fn text(judgement: &Judgement) -> &str {
    judgement.body.text().unwrap()
}

#[tokio::test]
async fn every_filter_is_asked_in_order_though_the_first_one_rejects() {
    let links = vec![
        closed("one", json!({"do": "reject"})),
        closed("two", json!({"do": "pass"})),
        closed("three", json!({"do": "hold"})),
    ];
    let judgement = judge(links, "so bad").await;
    let expected = [("one", Strength::Reject, false), ("two", Strength::Pass, false), ("three", Strength::Hold, false)];
    assert_eq!(told(&judgement), expected);
    assert_eq!(judgement.merged.verdict, Verdict::Reject { reason: reason("word"), can_edit: true });
}

#[tokio::test]
async fn a_later_filter_sees_the_text_as_rewritten_and_all_scan_the_result_once_more() {
    let links = vec![
        closed("early", json!({"do": "hold", "word": "***"})),
        closed("mask", json!({"do": "mask", "word": "bad"})),
        closed("late", json!({"do": "warn", "word": "***"})),
    ];
    let judgement = judge(links, "so bad").await;
    let expected = [
        ("early", Strength::Pass, false),
        ("mask", Strength::Rewrite, false),
        ("late", Strength::Warn, false),
        ("early", Strength::Hold, true),
        ("mask", Strength::Pass, true),
        ("late", Strength::Warn, true),
    ];
    assert_eq!(told(&judgement), expected);
    assert_eq!(judgement.merged.verdict.strength(), Strength::Hold);
    assert_eq!(judgement.merged.caution.as_ref().unwrap().code, "word");
    assert_eq!(text(&judgement), "so ***");
    assert_eq!(judgement.original, Some(Body::Text { text: "so bad".into() }));
}

#[tokio::test]
async fn a_second_rewrite_is_applied_and_a_third_scan_never_happens() {
    // Each scan rewrites once more: `a` becomes `aa`, for ever if it were allowed to.
    let links = vec![closed("doubling", json!({"do": "mask", "word": "a", "with": "aa"}))];
    let judgement = judge(links, "a").await;
    assert_eq!(text(&judgement), "aaaa");
    assert_eq!(told(&judgement), [("doubling", Strength::Rewrite, false), ("doubling", Strength::Rewrite, true)]);
    assert_eq!(judgement.merged.verdict, Verdict::Rewrite { body: Body::Text { text: "aaaa".into() } });
}

#[tokio::test]
async fn findings_point_into_the_text_that_the_sender_wrote() {
    let links = vec![
        closed("mask", json!({"do": "mask", "word": "坏话", "with": "**"})),
        closed("late", json!({"do": "warn", "word": "evil"})),
    ];
    let original = "说坏话 and evil";
    let judgement = judge(links, original).await;
    for receipt in &judgement.receipts {
        for finding in &receipt.findings {
            let found = &original[finding.start as usize..finding.end as usize];
            assert_eq!(found, finding.rule, "{receipt:?}");
        }
    }
    let late: Vec<_> = judgement.receipts.iter().filter(|receipt| &*receipt.plugin == "late").collect();
    assert_eq!(late.len(), 2);
    assert!(late.iter().all(|receipt| receipt.findings.len() == 1));
}

fn outcome(judgement: &Judgement) -> (Strength, Outcome) {
    assert_eq!(judgement.receipts.len(), 1);
    (judgement.merged.verdict.strength(), judgement.receipts[0].outcome.clone())
}

fn failed(code: &str) -> Outcome {
    Outcome::Failed { code: code.into() }
}

#[tokio::test]
async fn a_filter_that_fails_is_replaced_by_its_policy() {
    let trap = json!({"do": "trap"});
    let seen = judge(vec![link("f", FailPolicy::Closed, trap.clone())], "bad").await;
    assert_eq!(outcome(&seen), (Strength::Hold, failed("trapped")));
    assert!(!seen.merged.delivers());
    let seen = judge(vec![link("f", FailPolicy::Open, trap.clone())], "bad").await;
    assert_eq!(outcome(&seen), (Strength::Flag, failed("trapped")));
    assert!(seen.merged.delivers());
}

#[tokio::test]
async fn under_the_policy_lexicon_the_built_in_lists_alone_decide() {
    let own = Lexicon::compile("own", [Entry { word: "bad".into(), category: "x".into(), mode: Mode::Word }]).unwrap();
    let lists = LexiconSet::new().with_list(Arc::new(own));
    let trap = || vec![link("f", FailPolicy::Lexicon, json!({"do": "trap"}))];
    let seen = judge_with(trap(), "bad", lists.clone()).await;
    assert_eq!(outcome(&seen), (Strength::Flag, failed("trapped")), "the tenant's own lists do not count");
    let seen = judge_with(trap(), "bad: 赌博网站", lists).await;
    assert_eq!(outcome(&seen), (Strength::Hold, failed("trapped")));
    assert_eq!(seen.receipts[0].findings[0].rule, "builtin-gambling");
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_never_answers_is_given_up_at_its_deadline() {
    let begun = tokio::time::Instant::now();
    let seen = judge(vec![closed("f", json!({"do": "hang"}))], "bad").await;
    assert_eq!(outcome(&seen), (Strength::Hold, failed("overrun")));
    assert_eq!(begun.elapsed(), Duration::from_millis(50));
    assert_eq!(seen.receipts[0].took_us, 50_000);
}

#[tokio::test]
async fn a_rewrite_that_is_empty_or_too_long_is_a_failure() {
    for with in [String::new(), "x".repeat(20_000)] {
        let seen = judge(vec![closed("f", json!({"do": "mask", "with": with}))], "bad").await;
        assert_eq!(outcome(&seen), (Strength::Hold, failed("invalid-answer")));
        assert_eq!(text(&seen), "bad");
    }
}

struct Swap(Body);

#[async_trait::async_trait]
impl warbler_domain::ContentFilter for Swap {
    async fn check(
        &self,
        _message: &Submission,
        _context: &warbler_domain::HookContext,
    ) -> Result<warbler_domain::Decision, HookError> {
        let verdict = Verdict::Rewrite { body: self.0.clone() };
        Ok(warbler_domain::Decision { verdict, findings: Vec::new() })
    }
}

#[tokio::test]
async fn a_filter_cannot_smuggle_in_another_file() {
    let file = |size| Attachment {
        id: AttachmentId::from_uuid(Uuid::nil()),
        name: "plan.pdf".into(),
        media_type: "application/pdf".into(),
        size,
        sha256: "ab".into(),
    };
    let chain = |size| {
        let engine = Engine::Live(Arc::new(Swap(Body::File { attachment: file(size) })));
        Chain::new(vec![Arc::new(Link { engine, ..closed("swap", json!({})) })])
    };
    let mut sent = message("");
    sent.body = Body::File { attachment: file(1) };
    let lists = Arc::new(LexiconSet::new());
    let seen = chain(2).judge(&lists, sent.clone()).await;
    assert_eq!(outcome(&seen), (Strength::Hold, failed("invalid-answer")));
    assert_eq!(chain(1).judge(&lists, sent).await.merged.verdict.strength(), Strength::Rewrite);
    let seen = chain(1).judge(&lists, message("text")).await;
    assert_eq!(outcome(&seen), (Strength::Hold, failed("invalid-answer")));
}

#[tokio::test]
async fn only_granted_word_lists_are_searched() {
    let own = |name| {
        let entry = Entry { word: "bad".into(), category: "x".into(), mode: Mode::Word };
        Arc::new(Lexicon::compile(name, [entry]).unwrap())
    };
    let lists = LexiconSet::new().with_list(own("own")).with_list(own("other"));
    let asking = |list: &str, access| {
        let link = closed("f", json!({"do": "list", "list": list}));
        vec![Link { lists: access, ..link }]
    };
    let named = || ListAccess::Named(Arc::new(["own".to_owned()].into()));
    let seen = judge_with(asking("own", named()), "bad", lists.clone()).await;
    assert_eq!(outcome(&seen), (Strength::Hold, Outcome::Decided));
    for links in [asking("other", named()), asking("own", ListAccess::None)] {
        assert_eq!(outcome(&judge_with(links, "bad", lists.clone()).await).1, failed("trapped"));
    }
}

#[tokio::test]
async fn a_tenant_without_filters_passes_everything() {
    let chains = FilterChains::new(LexiconSets::default());
    let scope = TenantScope::own_work(warbler_domain::TenantId::from_uuid(Uuid::now_v7()));
    let judgement = chains.judge(&scope, message("bad")).await;
    assert!(judgement.is_plain_pass());
    assert_eq!((judgement.receipts.capacity(), text(&judgement)), (0, "bad"));
}
