//! The self-test proves the policy, and fails where a chain does not hold it.

#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::filters::ListAccess;
use crate::plugin_world::{FakeFilter, message};

fn link(policy: FailPolicy) -> Link {
    Link {
        installation: InstallationId::from_uuid(Uuid::now_v7()),
        plugin: "f".into(),
        version: "1.0.0".into(),
        digest: "".into(),
        config_digest: "".into(),
        policy,
        deadline: Duration::from_millis(50),
        lists: ListAccess::None,
        engine: Engine::Live(FakeFilter::new(json!({}))),
        watch: None,
        timing: metrics::Histogram::noop(),
    }
}

/// A chain that is right, but for one thing.
enum Wrong {
    /// Nothing at all.
    Nothing,
    /// It applies another policy.
    Policy(FailPolicy),
    /// It skips filters that fail.
    Skips,
    /// It does not record the failure.
    Forgets,
    /// It writes down a hold and delivers all the same.
    Delivers,
}

#[async_trait]
impl Bench for Wrong {
    async fn judge(&self, link: Link, text: &str) -> Judgement {
        let policy = if let Self::Policy(policy) = self { *policy } else { link.policy };
        let chain = Chain::new(vec![Arc::new(Link { policy, ..link })]);
        let mut judgement = chain.judge(&Arc::default(), message(text)).await;
        match self {
            Self::Skips => return Judgement::pass(judgement.body),
            Self::Forgets => judgement.receipts.iter_mut().for_each(|receipt| receipt.outcome = Outcome::Decided),
            Self::Delivers => judgement.merged.verdict = warbler_domain::Verdict::Flag,
            Self::Nothing | Self::Policy(_) => {}
        }
        judgement
    }
}

async fn failures(bench: Wrong, policy: FailPolicy) -> usize {
    let steps = prove(&bench, &link(policy)).await;
    assert!(steps.len() >= Break::ALL.len());
    steps.iter().filter(|step| !step.held).count()
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_holds_the_policy_passes_in_every_case() {
    for policy in [FailPolicy::Closed, FailPolicy::Open, FailPolicy::Lexicon] {
        assert_eq!(failures(Wrong::Nothing, policy).await, 0, "{policy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_does_not_hold_the_policy_is_found_out() {
    let ways = Break::ALL.len();
    assert_eq!(failures(Wrong::Policy(FailPolicy::Open), FailPolicy::Closed).await, ways);
    assert_eq!(failures(Wrong::Policy(FailPolicy::Closed), FailPolicy::Open).await, ways);
    assert_eq!(failures(Wrong::Policy(FailPolicy::Open), FailPolicy::Lexicon).await, ways);
    assert_eq!(failures(Wrong::Policy(FailPolicy::Closed), FailPolicy::Lexicon).await, ways);
    for policy in [FailPolicy::Closed, FailPolicy::Open] {
        assert_eq!(failures(Wrong::Skips, policy).await, ways);
        assert_eq!(failures(Wrong::Forgets, policy).await, ways);
    }
    assert_eq!(failures(Wrong::Delivers, FailPolicy::Closed).await, ways);
}

#[test]
fn the_words_of_the_sample_are_listed_and_those_of_the_harmless_one_are_not() {
    let lists = LexiconSet::new();
    let names: Vec<&str> = lists.names().collect();
    assert!(!lists.find(&names, &normalise(LISTED)).unwrap().is_empty());
    assert!(lists.find(&names, &normalise(HARMLESS)).unwrap().is_empty());
}
