//! Content filters at work: each tenant's chain of active installations, and the judgement of one
//! message by all of them. How installations come and go is `installation`'s work; this module is what
//! every message passes.
//!
//! - Filters run in the tenant's order; each sees the text as rewritten so far; none is skipped, whatever
//!   an earlier one said. The strictest verdict wins (`warbler_domain::merge`).
//! - After any rewrite the whole chain scans the result once more. A second rewrite is applied, too, but
//!   there is no third scan.
//! - A filter that fails is replaced, for that message, by its installation's [`FailPolicy`]. It is
//!   reported loudly, and never switched off.
//! - A chain is an immutable snapshot: a message is judged by one chain from beginning to end.

mod chain;
mod health;
mod link;
mod trail;
mod words;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use warbler_domain::{Body, Merged, Outcome, Receipt, Strength, Submission, TenantId, TenantScope, Verdict};

pub(crate) use chain::Chain;
pub(crate) use health::{Alarms, Health, Watch};
pub(crate) use link::{Engine, Link, ListAccess};
pub(crate) use words::MessageWords;

use crate::lexicon::LexiconSets;

/// What happens to a message when a filter fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailPolicy {
    /// It is held until a moderator decides.
    #[default]
    Closed,
    /// It passes, flagged.
    Open,
    /// The host's built-in word lists alone decide: a hit holds it, else it passes, flagged.
    Lexicon,
}

/// What all filters together say of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The merged verdict.
    pub merged: Merged,
    /// The content as the filters leave it.
    pub body: Body,
    /// The content as it came, if a filter rewrote it.
    pub original: Option<Body>,
    /// One receipt per filter and scan, in order.
    pub receipts: Vec<Receipt>,
}

impl Judgement {
    /// The judgement of no filters at all.
    #[must_use]
    pub const fn pass(body: Body) -> Self {
        let merged = Merged { verdict: Verdict::Pass, caution: None };
        Self { merged, body, original: None, receipts: Vec::new() }
    }

    /// Whether every filter worked, and had nothing to say. Such judgements are not audited.
    #[must_use]
    pub fn is_plain_pass(&self) -> bool {
        let is_plain = |receipt: &Receipt| receipt.verdict == Strength::Pass && receipt.outcome == Outcome::Decided;
        self.merged.verdict == Verdict::Pass && self.receipts.iter().all(is_plain)
    }
}

/// The chains of all tenants.
#[derive(Clone)]
pub struct FilterChains {
    inner: Arc<Inner>,
}

struct Inner {
    chains: ArcSwap<HashMap<TenantId, Arc<Chain>>>,
    lists: LexiconSets,
}

impl fmt::Debug for FilterChains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FilterChains({} tenants)", self.inner.chains.load().len())
    }
}

impl FilterChains {
    /// No chains yet. Filters look words up in `lists`.
    #[must_use]
    pub(crate) fn new(lists: LexiconSets) -> Self {
        Self { inner: Arc::new(Inner { chains: ArcSwap::default(), lists }) }
    }

    /// Judges one message by the tenant's chain. It never fails: what goes wrong inside becomes the
    /// outcome that the installation's policy names. A tenant without filters costs one look-up.
    pub async fn judge(&self, scope: &TenantScope, message: Submission) -> Judgement {
        let chain = self.inner.chains.load().get(&scope.tenant()).map(Arc::clone);
        match chain {
            Some(chain) if !chain.is_empty() => {
                let lists = self.inner.lists.get(scope.tenant());
                chain.judge(&lists, message).await
            }
            _ => Judgement::pass(message.body),
        }
    }

    /// Whether a tenant has any filters.
    pub(crate) fn has_any(&self, tenant: TenantId) -> bool {
        self.inner.chains.load().get(&tenant).is_some_and(|chain| !chain.is_empty())
    }

    /// Puts a chain in the place of the tenant's old one. Messages that are being judged are finished
    /// by the old one.
    pub(crate) fn put(&self, tenant: TenantId, chain: Chain) {
        // Most of many tenants may have no filters: they take no place, and cost no copy of the table.
        if chain.is_empty() && !self.inner.chains.load().contains_key(&tenant) {
            return;
        }
        let chain = Arc::new(chain);
        self.inner.chains.rcu(|chains| {
            let mut chains = HashMap::clone(chains);
            if chain.is_empty() {
                chains.remove(&tenant);
            } else {
                chains.insert(tenant, Arc::clone(&chain));
            }
            chains
        });
    }

    /// The word lists that filters of `tenant` look into.
    pub(crate) fn lists(&self) -> &LexiconSets {
        &self.inner.lists
    }
}

#[cfg(test)]
mod tests;
