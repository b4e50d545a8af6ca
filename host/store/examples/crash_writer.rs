//! Writes to a store until it is killed, and prints what was acknowledged, one line each:
//! `e <conversation> <sequence> <text>` for an event and `s <key> <value>` for a record of state.
//! The crash tests start it, kill it, and compare.
//!
//! `crash_writer <folder> <round> [relaxed]`

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use uuid::Uuid;
use warbler_domain::{
    Append, Appended, Audience, ConversationId, Event, EventKind, Expect, Idempotency, Sequence, StateKey, StateWrite,
    StoreError, TenantId, TenantScope, Timestamp, UserId,
};
use warbler_store::{Durability, Location, MasterKey, Store, StoreOptions};

/// Tasks that write at the same time.
const WRITERS: u64 = 48;

/// Conversations that they write to.
const CONVERSATIONS: u64 = 7;

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().context("the folder is missing")?);
    let round: u64 = args.next().context("the round is missing")?.parse()?;
    let mut options = StoreOptions::new(Location::Sled(folder), MasterKey::from_bytes([42; 32]));
    if args.next().as_deref() == Some("relaxed") {
        options.durability = Durability::Relaxed;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    runtime.block_on(async {
        let store = Store::open(&options)?;
        let scope = TenantScope::own_work(TenantId::from_uuid(Uuid::from_u128(1)));
        store.create_tenant(scope.tenant()).await?;
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| tokio::spawn(write(Arc::clone(&store), scope, round, writer))).collect();
        for writer in writers {
            writer.await??;
        }
        Ok(())
    })
}

async fn write(store: Arc<Store>, scope: TenantScope, round: u64, writer: u64) -> anyhow::Result<()> {
    let log = store.log();
    for turn in 0_u64.. {
        let conversation = ConversationId::from_uuid(Uuid::from_u128((writer % CONVERSATIONS).into()));
        // Most messages are short; some are longer than a page of the database.
        let text = format!("{round}-{writer}-{turn}-{}", "x".repeat(if turn % 50 == 7 { 6000 } else { 200 }));
        let key = StateKey::new("mark", &[&writer]);
        let value = format!("{round}-{turn}-{}", "y".repeat(if turn % 40 == 3 { 9000 } else { 20 }));
        let mut digest = [0; 16];
        let (front, back) = digest.split_at_mut(8);
        front.copy_from_slice(&(round * WRITERS + writer).to_be_bytes());
        back.copy_from_slice(&turn.to_be_bytes());
        let append = Append {
            event: event(conversation, &text),
            idempotency: Some(Idempotency { key: digest, content: digest }),
            amend: None,
            writes: vec![StateWrite { key: key.clone(), value: Some(value.clone().into()), expect: Expect::Any }],
        };
        let sequence = match log.append(&scope, append).await? {
            Appended::New(committed) => committed.event.sequence,
            Appended::Repeated(_) => return Err(StoreError::KeyReused.into()),
        };
        // One write for both lines, since the process may end between two.
        let lines = format!("e {} {sequence} {text}\ns {} {value}\n", conversation.as_uuid(), key.as_str());
        std::io::stdout().lock().write_all(lines.as_bytes())?;
    }
    Ok(())
}

fn event(conversation: ConversationId, text: &str) -> Event {
    Event {
        conversation,
        sequence: Sequence(0),
        at: Timestamp::from_millis(1),
        actor: UserId::from_uuid(Uuid::from_u128(3)),
        audience: Audience::Members,
        kind: EventKind::Renamed { title: text.to_owned() },
    }
}
