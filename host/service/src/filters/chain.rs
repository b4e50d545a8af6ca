//! A chain: the active filters of one tenant in their order, and one message's way through them.

use std::sync::Arc;

use warbler_domain::{Body, Receipt, Submission, Verdict, merge};
use warbler_text::LexiconSet;

use super::trail::Trail;
use super::words::MessageWords;
use super::{Judgement, Link};

/// An immutable snapshot of one tenant's filters.
#[derive(Default)]
pub(crate) struct Chain {
    links: Vec<Arc<Link>>,
}

impl Chain {
    /// The filters in the order in which they are asked.
    pub(crate) const fn new(links: Vec<Arc<Link>>) -> Self {
        Self { links }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Judges `message` by every filter; see the module above for the rules.
    pub(crate) async fn judge(&self, lists: &Arc<LexiconSet>, message: Submission) -> Judgement {
        let mut run = Run::new(lists, message, self.links.len());
        run.scan(&self.links, false).await;
        if run.original.is_some() {
            run.scan(&self.links, true).await;
        }
        run.finish()
    }
}

/// One message on its way.
struct Run<'a> {
    lists: &'a Arc<LexiconSet>,
    /// With the body as rewritten so far.
    message: Submission,
    /// The body as it came, once it was rewritten.
    original: Option<Body>,
    /// The present text, which is normalised once for all filters that see it.
    text: Arc<MessageWords>,
    trail: Trail,
    verdicts: Vec<Verdict>,
    receipts: Vec<Receipt>,
}

impl<'a> Run<'a> {
    fn new(lists: &'a Arc<LexiconSet>, message: Submission, filters: usize) -> Self {
        let text = Arc::new(MessageWords::new(lists, &message.body));
        Self {
            lists,
            message,
            original: None,
            text,
            trail: Trail::default(),
            verdicts: Vec::with_capacity(filters),
            receipts: Vec::with_capacity(filters),
        }
    }

    async fn scan(&mut self, links: &[Arc<Link>], rescan: bool) {
        for link in links {
            let (verdict, mut receipt) = link.ask(&self.message, &self.text, rescan).await;
            let original = self.original.as_ref().unwrap_or(&self.message.body).text().unwrap_or_default();
            let findings = std::mem::take(&mut receipt.findings);
            receipt.findings = findings.into_iter().map(|finding| self.trail.bring_back(finding, original)).collect();
            self.receipts.push(receipt);
            if let Verdict::Rewrite { body } = &verdict {
                self.rewrite(body.clone());
            }
            self.verdicts.push(verdict);
        }
    }

    fn rewrite(&mut self, body: Body) {
        let old = std::mem::replace(&mut self.message.body, body);
        self.trail.add(old.text().unwrap_or_default(), self.message.body.text().unwrap_or_default());
        self.text = Arc::new(MessageWords::new(self.lists, &self.message.body));
        self.original.get_or_insert(old);
    }

    fn finish(self) -> Judgement {
        Judgement {
            merged: merge(self.verdicts),
            body: self.message.body,
            original: self.original,
            receipts: self.receipts,
        }
    }
}
