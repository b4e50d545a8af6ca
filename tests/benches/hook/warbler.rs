//! Our own contestants: the production runtime with the production configuration.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use serde_json::json;
use tokio::runtime::Runtime as Threads;
use uuid::Uuid;
use warbler_bench_words::{messages, words};
use warbler_benches::ports;
use warbler_domain::{
    ContentFilter, Grants, HookContext, HookLimits, InstallationId, Instances, LexiconHit, Lexicons, LoadRequest,
    NoLexicons, PluginRuntime, Submission, TenantId,
};
use warbler_package::Digest;
use warbler_runtime::{Runtime, RuntimeKey, RuntimeOptions};
use warbler_text::{LexiconSet, MessageLexicons};

use crate::contestant::Contestant;
use crate::guest::Guests;
use crate::native;

/// Which call is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// The bench's words in a warm instance.
    Warm,
    /// The same, in a fresh instance for every call.
    Fresh,
    /// The whole message record over the border and back, and nothing else.
    Border,
    /// The bundled keyword filter, which has the host match the words.
    KeywordFilter,
    /// The same as it comes: with the built-in lists.
    Everyday,
    /// The bundled filter against fraud as it comes.
    AntiFraud,
}

/// The runtime with its installations.
pub(crate) struct Warbler {
    _runtime: Arc<Runtime>,
    warm: Arc<dyn ContentFilter>,
    fresh: Arc<dyn ContentFilter>,
    border: Arc<dyn ContentFilter>,
    keyword_filter: Arc<dyn ContentFilter>,
    everyday: Arc<dyn ContentFilter>,
    anti_fraud: Arc<dyn ContentFilter>,
    lists: Arc<LexiconSet>,
}

impl Warbler {
    pub(crate) fn start(threads: &Threads, guests: &Guests, folder: &Path) -> Result<Self> {
        let mut options = RuntimeOptions::new(RuntimeKey::new([7; 32]));
        options.cache = Some(folder.join("cache"));
        let runtime = threads.block_on(async { Runtime::new(options) })?;
        let listed = json!({ "words": words() }).to_string();
        let load = |path: &Path, config: &str, instances| -> Result<Arc<dyn ContentFilter>> {
            let request = request(path, config, instances)?;
            let plugin = threads.block_on(runtime.load(request))?;
            plugin.content_filter().context("no content filter")
        };
        let keyword_config = json!({"lists": [{"name": native::LIST, "action": "flag"}]}).to_string();
        Ok(Self {
            warm: load(&guests.words, &listed, Instances::Warm)?,
            fresh: load(&guests.words, &listed, Instances::Fresh)?,
            border: load(&guests.words, "{}", Instances::Warm)?,
            keyword_filter: load(&guests.keyword_filter, &keyword_config, Instances::Warm)?,
            everyday: load(&guests.keyword_filter, "{}", Instances::Warm)?,
            anti_fraud: load(&guests.anti_fraud, "{}", Instances::Warm)?,
            lists: Arc::new(native::lists()?),
            _runtime: runtime,
        })
    }

    pub(crate) fn contestant(&self, over: Over) -> One {
        let filter = match over {
            Over::Warm => &self.warm,
            Over::Fresh => &self.fresh,
            Over::Border => &self.border,
            Over::KeywordFilter => &self.keyword_filter,
            Over::Everyday => &self.everyday,
            Over::AntiFraud => &self.anti_fraud,
        };
        let asks = matches!(over, Over::KeywordFilter | Over::Everyday);
        let lists = asks.then(|| Arc::clone(&self.lists));
        One { over, filter: Arc::clone(filter), lists, messages: messages().into_iter().map(ports::message).collect() }
    }
}

/// One contestant.
pub(crate) struct One {
    over: Over,
    filter: Arc<dyn ContentFilter>,
    lists: Option<Arc<LexiconSet>>,
    messages: Vec<Submission>,
}

impl Contestant for One {
    fn name(&self) -> &'static str {
        match self.over {
            Over::Warm => "warm",
            Over::Fresh => "fresh",
            Over::Border => "border",
            Over::KeywordFilter => "keyword-filter",
            Over::Everyday => "keyword-filter-everyday",
            Over::AntiFraud => "anti-fraud",
        }
    }

    fn measure(&mut self, threads: &Threads) -> Result<f64> {
        let calls = if self.over == Over::Fresh { 4_000 } else { 20_000 };
        let none: Arc<dyn Lexicons> = Arc::new(NoLexicons);
        threads.block_on(async {
            let began = Instant::now();
            for message in self.messages.iter().cycle().take(calls) {
                let lexicons = match &self.lists {
                    Some(lists) => {
                        let text = message.body.text().unwrap_or_default();
                        Arc::new(Lent(MessageLexicons::new(Arc::clone(lists), text)))
                    }
                    None => Arc::clone(&none),
                };
                self.filter.check(message, &HookContext { lexicons }).await?;
            }
            Ok(began.elapsed().as_nanos() as f64 / calls as f64)
        })
    }
}

/// Word lists as the service lends them.
struct Lent(MessageLexicons);

impl Lexicons for Lent {
    fn find(&self, lists: &[String], text: &str) -> Result<Vec<LexiconHit>, String> {
        let hits = self.0.find(lists, text).map_err(|error| error.to_string())?;
        let lend = |hit: warbler_text::Hit| LexiconHit {
            word: hit.word.to_string(),
            category: hit.category.to_string(),
            start: hit.start,
            end: hit.end,
        };
        Ok(hits.into_iter().map(lend).collect())
    }
}

fn request(path: &Path, config: &str, instances: Instances) -> Result<LoadRequest> {
    let component = Bytes::from(fs::read(path)?);
    let digest = Digest::of(&component);
    // Words are matched at once in a fresh instance; building 10,000 of them in `init` takes memory.
    let limits = HookLimits { deadline: Duration::from_secs(5), ..HookLimits::content_filter() };
    Ok(LoadRequest {
        tenant: TenantId::from_uuid(Uuid::from_u128(1)),
        installation: InstallationId::from_uuid(Uuid::now_v7()),
        digest: *digest.as_bytes(),
        component,
        config: config.to_owned(),
        grants: Grants { lexicons: true, ..Grants::default() },
        limits,
        instances,
        ports: ports::nothing(),
    })
}
