//! Measures durable appends: `append_rate [folder] [writers] [messages] [plain|keyed|relaxed]`.
//! Prints messages per second, and syncs per message, which do not depend on the disk's mood.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use uuid::Uuid;
use warbler_domain::{
    Append, Audience, Body, ConversationId, Event, EventKind, Idempotency, Message, MessageId, Sequence, TenantId,
    TenantScope, Timestamp, UserId,
};
use warbler_store::{Durability, Location, MasterKey, Store, StoreOptions};

/// What the numbers of other stores were measured with.
const TEXT: usize = 300;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let arg = |at: usize, default: &str| args.get(at).cloned().unwrap_or_else(|| default.to_owned());
    let folder = tempfile::tempdir()?;
    let place = args.first().map_or_else(|| folder.path().to_owned(), PathBuf::from);
    let (writers, messages): (u64, u64) = (arg(1, "256").parse()?, arg(2, "200000").parse()?);
    let mode = arg(3, "plain");
    let mut options = StoreOptions::new(Location::Sled(place), MasterKey::from_bytes([1; 32]));
    if mode == "relaxed" {
        options.durability = Durability::Relaxed;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    runtime.block_on(async {
        let store = Store::open(&options)?;
        let scope = TenantScope::own_work(TenantId::from_uuid(Uuid::from_u128(1)));
        store.create_tenant(scope.tenant()).await?;
        let next = Arc::new(AtomicU64::new(0));
        let start = Instant::now();
        let tasks: Vec<_> = (0..writers)
            .map(|writer| {
                let (log, next, keyed) = (store.log(), Arc::clone(&next), mode == "keyed");
                tokio::spawn(async move {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= messages {
                            return anyhow::Ok(());
                        }
                        log.append(&scope, message(writer, number, keyed)).await?;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        let (took, stats) = (start.elapsed().as_secs_f64(), store.stats());
        #[allow(clippy::cast_precision_loss, reason = "numbers for people")]
        let (rate, per_message) = (messages as f64 / took, stats.syncs as f64 / messages as f64);
        println!("{mode}: {rate:.0} messages/s, {per_message:.4} syncs per message, {stats:?}");
        store.close().await;
        anyhow::Ok(())
    })
}

fn message(writer: u64, number: u64, keyed: bool) -> Append {
    let id = Uuid::from_u64_pair(number, writer);
    let sender = UserId::from_uuid(Uuid::from_u128(writer.into()));
    let message = Message {
        id: MessageId::from_uuid(id),
        sender,
        sent_at: Timestamp::from_millis(number),
        edited_at: None,
        body: Some(Body::Text { text: "m".repeat(TEXT) }),
        reply_to: None,
        mentions: Vec::new(),
        caution: None,
        receipts: Vec::new(),
        removed_at: None,
        restored_at: None,
    };
    let event = Event {
        conversation: ConversationId::from_uuid(Uuid::from_u128((writer % 40).into())),
        sequence: Sequence(0),
        at: Timestamp::from_millis(number),
        actor: sender,
        audience: Audience::Members,
        kind: EventKind::Posted { message },
    };
    let idempotency = keyed.then(|| Idempotency { key: *id.as_bytes(), content: *id.as_bytes() });
    Append { idempotency, ..Append::event(event) }
}
