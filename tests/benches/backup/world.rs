//! The world of the bench: a host with a tenant that has talked for half a year, and its backups in a folder.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use warbler_tests::backups::{Backups, configuration};
use warbler_tests::client::{Client, text};
use warbler_tests::host::Host;
use warbler_tests::talk;
use warbler_tests::tenant::{self, PAIR, PASSWORD, Tenant};

use crate::data::Dice;
use crate::fill::{Room, fill};
use crate::process::{Cost, Stretch};

/// Length of a conversation that has much in it, and of the others.
const LARGE: u64 = 8 << 20;
const SMALL: u64 = 1 << 20;

/// Length of a file that was sent.
const FILE: usize = 256 << 10;

/// Requests at a time while setting up.
const AT_ONCE: usize = 16;

/// The pause between two looks at something that goes on by itself.
const LOOK: Duration = Duration::from_millis(5);

/// Of so many conversations, one is talked in between the first version and the second.
const TALKED_IN: usize = 10;

/// The bytes of that, a fiftieth of all.
const CHANGED: u64 = 50;

/// Recent messages that are edited in each of them.
const EDITS: usize = 5;

/// A host, its tenant and its backups.
pub(crate) struct World {
    host: Host,
    tenant: Tenant,
    pub(crate) backups: Backups,
    sink: PathBuf,
    rooms: Vec<Room>,
}

impl World {
    /// Makes `bytes` of data: three eighths in large conversations, as much in small ones, and a quarter in files.
    pub(crate) async fn make(folder: &Path, sink: &Path, bytes: u64) -> Result<Self> {
        let (host, tenant, backups) = Backups::begin_host(folder, sink).await?;
        backups.let_passphrase().await?;
        let large = (bytes * 3 / 8 / LARGE).max(1);
        let small = (bytes * 3 / 8 / SMALL).max(2);
        let lengths = (0..large).map(|_| LARGE).chain((0..small).map(|_| SMALL));
        let (alice, bob) = (&tenant.person(0)?.client, tenant.person(1)?.id.clone());
        let begun = stream::iter(lengths.enumerate()).map(|(number, bytes)| {
            let group = json!({"kind": "group", "title": format!("Group {number}"), "members": [bob]});
            async move { anyhow::Ok(Room { id: tenant::begin(alice, group).await?, bytes }) }
        });
        let rooms: Vec<Room> = begun.buffered(AT_ONCE).try_collect().await?;
        let people: Vec<String> = tenant.people.iter().map(|person| person.id.clone()).collect();
        let id = backups.folder.file_name().context("the tenant has a folder")?.to_string_lossy().into_owned();
        host.stop()?;
        let messages = fill(folder, &id, &people, &rooms).await?;
        println!("{messages} messages in {} conversations", rooms.len());
        let mut world = Self::start(folder, sink, rooms).await?;
        world.send_files(usize::try_from(bytes / 4)? / FILE).await?;
        // As it stands after a start, nothing of it read yet.
        let Self { host, rooms, .. } = world;
        host.stop()?;
        world = Self::start(folder, sink, rooms).await?;
        Ok(world)
    }

    async fn start(folder: &Path, sink: &Path, rooms: Vec<Room>) -> Result<Self> {
        let host = Host::start(folder, &configuration(sink))?;
        let tenant = Tenant::sign_in(&host, "acme", &PAIR).await?;
        let backups = Backups::of(&host, &tenant, sink).await?;
        Ok(Self { host, tenant, backups, sink: sink.to_owned(), rooms })
    }

    async fn send_files(&self, count: usize) -> Result<()> {
        let bob = &self.tenant.person(1)?.client;
        stream::iter((0..count).zip(self.rooms.iter().cycle()))
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE / 2, |(number, room)| async move {
                let noise = Dice::new(1 << 32 | number as u64).noise(FILE);
                talk::send_file(bob, &room.id, &format!("{number}.bin"), &noise).await.map(drop)
            })
            .await
    }

    /// A large conversation, and one like most.
    pub(crate) fn conversations(&self) -> Result<[&str; 2]> {
        let first = self.rooms.first().context("no conversation")?;
        let other = self.rooms.iter().rfind(|room| room.bytes == SMALL).context("no small conversation")?;
        Ok([&first.id, &other.id])
    }

    /// New messages, and edits of some of the last ones, in some of the conversations.
    pub(crate) async fn talk_on(&self, bytes: u64) -> Result<()> {
        let rooms: Vec<&Room> = self.rooms.iter().step_by(TALKED_IN).collect();
        let each = bytes / CHANGED / rooms.len().max(1) as u64;
        let (alice, bob) = (&self.tenant.person(0)?.client, &self.tenant.person(1)?.client);
        for (number, room) in rooms.into_iter().enumerate() {
            let mut dice = Dice::new(1 << 40 | number as u64);
            // As long as a line is on average.
            let texts: Vec<String> = (0..each / 420).map(|_| dice.text()).collect();
            let said = stream::iter(texts.iter().enumerate().zip([alice, bob].into_iter().cycle()))
                .map(|((number, text), client)| async move {
                    let sent = client.send(&room.id, &format!("on-{number}"), text).await?.with(201)?;
                    anyhow::Ok((client, sent))
                })
                .buffered(AT_ONCE)
                .try_collect::<Vec<(&Client, Value)>>()
                .await?;
            for (client, sent) in said.iter().rev().take(EDITS) {
                let message = text(sent.get("message").context("no message")?, "id")?;
                let body = json!({"key": message, "body": {"type": "text", "text": dice.text()}});
                client.patch(&format!("/v1/conversations/{}/messages/{message}", room.id), body).await?.with(200)?;
            }
        }
        Ok(())
    }

    /// Makes a version.
    pub(crate) async fn back_up(&self) -> Result<Cost> {
        let owner = &self.tenant.owner;
        let newest = owner.get("/v1/admin/audit?limit=1").await?.with(200)?;
        let number = newest.pointer("/entries/0/number").and_then(Value::as_u64).context("no entries")?;
        let stretch = Stretch::begin(self.host.process())?;
        self.backups.begin().await?.with(202)?;
        loop {
            let entries = owner.get(&format!("/v1/admin/audit?after={number}&limit=9")).await?.with(200)?;
            let has = |action: &str| {
                let entries = entries.get("entries").and_then(Value::as_array).into_iter().flatten();
                entries.into_iter().any(|entry| entry.get("action").is_some_and(|found| found == action))
            };
            if has("backup.run") {
                break;
            }
            ensure!(!has("backup.failed"), "the backup failed: {entries}");
            tokio::time::sleep(LOOK).await;
        }
        let cost = stretch.end()?;
        self.backups.at_rest().await?;
        Ok(cost)
    }

    /// Loses a conversation, and has a member bring it back.
    pub(crate) async fn restore(&self, conversation: &str) -> Result<(Cost, u64)> {
        let (alice, bob) = (&self.tenant.person(0)?.client, &self.tenant.person(1)?.client);
        let version = self.newest().await?;
        let lost = alice.delete(&format!("/v1/conversations/{conversation}/messages")).await?.with(200)?;
        let body = json!({"version": version, "conversation": conversation, "password": PASSWORD});
        let stretch = Stretch::begin(self.host.process())?;
        let done = bob.post("/v1/restores", body).await?.with(200)?;
        let cost = stretch.end()?;
        let messages = done.get("messages").and_then(Value::as_u64).context("no count")?;
        ensure!(lost.get("removed").and_then(Value::as_u64) == Some(messages), "{done} of {lost}");
        Ok((cost, messages))
    }

    async fn newest(&self) -> Result<String> {
        self.backups.versions().await?.into_iter().next().context("there is no version")
    }

    /// Loses the host, and brings the tenant back into an empty one.
    pub(crate) async fn restore_all(self, folder: &Path) -> Result<Cost> {
        let version = self.newest().await?;
        let (lost, sink, rooms) = (self.backups.folder.clone(), self.sink, self.rooms.len());
        self.host.stop()?;
        let host = Host::start(folder, &configuration(&sink))?;
        tenant::trust(&host).await?;
        let tenant = Tenant::make(&host, "again", "Acme", &[]).await?;
        let backups = Backups::set_up(&host, &tenant, &sink).await?;
        // The operator gives the new tenant the folder of the lost one.
        symlink(&lost, &backups.folder)?;
        backups.adopt().await?;
        let body = json!({"version": version, "password": PASSWORD});
        let stretch = Stretch::begin(host.process())?;
        let begun = tenant.owner.post("/v1/admin/backups/restore-tenant", body).await?.with(202)?;
        let path = format!("/v1/admin/backups/restore-tenant/{}", text(&begun, "id")?);
        let done = loop {
            let job = tenant.owner.get(&path).await?.with(200)?;
            match text(&job, "state")? {
                "running" => tokio::time::sleep(LOOK).await,
                "done" => break job,
                _ => bail!("the restore failed: {job}"),
            }
        };
        let cost = stretch.end()?;
        ensure!(done.get("conversations").and_then(Value::as_u64) == Some(rooms as u64), "{done}");
        host.stop()?;
        Ok(cost)
    }
}
