//! Backup sinks: blobs on their way in and out, and listings that are not believed.

use std::sync::Arc;

use bytes::Bytes;
use warbler_domain::{
    BackupSink, BlobEntry, ByteSize, HookError, HookKind, HookLimits, LoadedPlugin, PluginRuntime as _, Refusal,
};
use warbler_runtime::{Pool, Runtime};

use crate::guests;
use crate::harness::{Lines, options, plan, plan_of};

struct Sink {
    runtime: Arc<Runtime>,
    plugin: Arc<dyn LoadedPlugin>,
    hook: Arc<dyn BackupSink>,
    log: Arc<Lines>,
}

/// The guest `tests/guests/sink-NAME.wat`, loaded.
async fn sink(name: &str) -> Sink {
    let mut options = options();
    options.pool = Pool { instances: 10, memory: ByteSize::mib(256) };
    // The good one keeps its blobs in its memory.
    options.reuse.growth = ByteSize::mib(256);
    let runtime = Runtime::new(options).unwrap();
    let plan = plan_of(guests::plugin(&format!("sink-{name}"), "backup").unwrap());
    let plan = plan.with(|request| request.limits = HookLimits::backup_sink());
    let log = Arc::clone(&plan.log);
    let plugin = runtime.load(plan.request).await.unwrap();
    let hook = plugin.backup_sink().unwrap();
    Sink { runtime, plugin, hook, log }
}

impl Sink {
    /// Looks at what is left after a call that failed.
    async fn is_whole(&self, error: &HookError) {
        assert_eq!(self.plugin.stats().instances_idle, 0, "the instance was thrown away");
        assert_eq!(self.runtime.usage().instances, 0, "all that it took was given back");
        assert_eq!(self.runtime.usage().stacks, 0);
        assert_eq!(self.log.errors().len(), 1, "{:?}", self.log.errors());
        assert!(self.log.errors()[0].ends_with(&error.to_string()), "{:?}", self.log.errors());
        plan("pass").load(&self.runtime).await.passes().await;
    }
}

#[tokio::test]
async fn a_blob_of_32_mib_goes_in_and_comes_out_in_ranges() {
    let it = sink("echo").await;
    assert_eq!(it.plugin.hooks(), [HookKind::BackupSink]);
    let blob: Bytes = (0..32 << 20).map(|at: u32| at.to_le_bytes()[1]).collect::<Vec<u8>>().into();
    it.hook.put("a", blob.clone()).await.unwrap();
    assert!(it.hook.get("a", 0, 32 << 20).await.unwrap().unwrap() == blob, "another blob came out");
    let part = it.hook.get("a", 255, 3).await.unwrap().unwrap();
    assert_eq!(part, blob.slice(255..258));
    let end = it.hook.get("a", (32 << 20) - 1, u64::MAX).await.unwrap().unwrap();
    assert_eq!(end.len(), 1);
    assert_eq!(it.hook.list("", None).await.unwrap(), [BlobEntry { name: "a".into(), size: 32 << 20 }]);
    it.hook.delete("a").await.unwrap();
    assert_eq!((it.plugin.stats().calls, it.plugin.stats().instances_made), (6, 1));
}

#[tokio::test]
async fn what_is_longer_than_a_blob_may_be_never_reaches_the_guest() {
    let it = sink("echo").await;
    let refused = it.hook.put("a", vec![0; (32 << 20) + 1].into()).await.unwrap_err();
    assert!(
        matches!(&refused, HookError::Refused(Refusal::Unsupported { text }) if text.contains("32 MiB")),
        "{refused}"
    );
    for name in ["", &"n".repeat(1_025)] {
        it.hook.put(name, Bytes::new()).await.unwrap_err();
        it.hook.get(name, 0, 1).await.unwrap_err();
        it.hook.delete(name).await.unwrap_err();
    }
    assert_eq!((it.plugin.stats().calls, it.plugin.stats().failures), (0, 0));
}

#[tokio::test]
async fn more_bytes_than_asked_for_are_an_invalid_answer() {
    let it = sink("greedy").await;
    let error = it.hook.get("a", 0, 7).await.unwrap_err();
    assert!(matches!(&error, HookError::InvalidAnswer { text } if text.contains("8 bytes, where 7")), "{error}");
    it.is_whole(&error).await;
}

#[tokio::test]
async fn a_listing_that_is_too_long_is_an_invalid_answer() {
    let it = sink("greedy").await;
    let error = it.hook.list("", None).await.unwrap_err();
    assert!(matches!(&error, HookError::InvalidAnswer { text } if text.contains("1001 entries")), "{error}");
    it.is_whole(&error).await;
}

#[tokio::test]
async fn a_listing_out_of_order_is_an_invalid_answer() {
    let it = sink("disorder").await;
    let error = it.hook.list("", None).await.unwrap_err();
    assert!(matches!(&error, HookError::InvalidAnswer { text } if text.contains("not in order")), "{error}");
    it.is_whole(&error).await;
}

#[tokio::test]
async fn names_that_were_not_asked_for_are_an_invalid_answer() {
    let it = sink("echo").await;
    for (prefix, after) in [("b", None), ("", Some("a")), ("a", Some("b"))] {
        let error = it.hook.list(prefix, after).await.unwrap_err();
        assert!(matches!(error, HookError::InvalidAnswer { .. }), "{prefix:?} {after:?}: {error}");
    }
}

#[tokio::test]
async fn a_memory_bomb_in_put_meets_its_limit() {
    let it = sink("memory-bomb").await;
    let error = it.hook.put("a", Bytes::from_static(b"blob")).await.unwrap_err();
    assert!(matches!(error, HookError::OutOfMemory { limit } if limit == ByteSize::mib(128)), "{error}");
    it.is_whole(&error).await;
}
