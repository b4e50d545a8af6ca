//! The dispatcher: takes every event and signal to the mailboxes of those who are to get it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::{mpsc, oneshot};
use warbler_domain::{Committed, ConversationId, EventKind, Right, SessionId, Signal, TenantId, UserId};

use super::delivery::{Copies, Delivery, Live};
use super::hub::{Command, Inbox};
use super::mailbox::Mailbox;
use super::presence::Presence;
use super::replies::Replies;
use crate::EndReason;

/// Takes events and signals to mailboxes.
pub(crate) struct Dispatcher {
    /// Who follows which conversation.
    followers: HashMap<(TenantId, ConversationId), Vec<Arc<Mailbox>>>,
    people: HashMap<(TenantId, UserId), Vec<Entry>>,
    sessions: HashMap<SessionId, Vec<Arc<Mailbox>>>,
    /// Mailboxes that were filled and whose connections are still to be woken: once per batch, not once
    /// per event.
    filled: Vec<Arc<Mailbox>>,
    replies: Replies,
    /// Counts fan-outs that go by several conversations.
    fans: u64,
    presence: mpsc::UnboundedSender<Presence>,
}

/// A mailbox, and what it follows.
struct Entry {
    mailbox: Arc<Mailbox>,
    conversations: HashSet<ConversationId>,
    /// Left since it was registered, until it says what it follows: what it read may be older.
    left: Option<HashSet<ConversationId>>,
}

impl Dispatcher {
    pub(crate) fn new(presence: mpsc::UnboundedSender<Presence>) -> Self {
        Self {
            followers: HashMap::new(),
            people: HashMap::new(),
            sessions: HashMap::new(),
            filled: Vec::new(),
            replies: Replies::default(),
            fans: 0,
            presence,
        }
    }

    /// Works until the log or the hub is closed.
    pub(crate) async fn run(
        mut self,
        mut inbox: Inbox,
        mut log: BoxStream<'static, Arc<[Committed]>>,
        mut signals: BoxStream<'static, (TenantId, Signal)>,
    ) {
        let mut has_signals = true;
        loop {
            tokio::select! {
                batch = log.next() => match batch {
                    Some(batch) => batch.iter().for_each(|committed| self.event(committed)),
                    None => break,
                },
                command = inbox.commands.recv() => match command {
                    Some(Command::Settle(done)) => {
                        while let Some(Some((tenant, signal))) = signals.next().now_or_never() {
                            self.signal(tenant, signal, &inbox);
                        }
                        let _ = done.send(());
                    }
                    Some(command) => self.command(command, &inbox),
                    None => break,
                },
                signal = signals.next(), if has_signals => match signal {
                    Some((tenant, signal)) => {
                        // Who was taken out before a signal was given must not get it, so that the log,
                        // which says who was, goes first.
                        while let Some(Some(batch)) = log.next().now_or_never() {
                            batch.iter().for_each(|committed| self.event(committed));
                        }
                        self.signal(tenant, signal, &inbox);
                    }
                    None => has_signals = false,
                },
            }
            self.wake();
        }
    }

    fn wake(&mut self) {
        self.filled.drain(..).for_each(|mailbox| mailbox.wake());
    }

    /// Brings an event to all who follow its conversation. Who joins with it gets it, and who leaves
    /// with it gets it as the last one.
    fn event(&mut self, committed: &Committed) {
        let (tenant, event) = (committed.tenant, &committed.event);
        match &event.kind {
            EventKind::Created { members, .. } => {
                for user in members {
                    self.join(tenant, *user, event.conversation);
                }
            }
            EventKind::Joined { user } => self.join(tenant, *user, event.conversation),
            EventKind::Posted { message } => self.replies.posted(message.id),
            _ => {}
        }
        if let Some(followers) = self.followers.get(&(tenant, event.conversation)) {
            let copies = Copies::of(event);
            for mailbox in followers {
                if mailbox.put(copies.for_user(mailbox.user)) {
                    self.filled.push(Arc::clone(mailbox));
                }
            }
        }
        if let EventKind::Left { user } = &event.kind {
            self.leave(tenant, *user, event.conversation);
        }
    }

    fn join(&mut self, tenant: TenantId, user: UserId, conversation: ConversationId) {
        let Some(entries) = self.people.get_mut(&(tenant, user)) else { return };
        for entry in entries {
            if let Some(left) = &mut entry.left {
                left.remove(&conversation);
            }
            if entry.conversations.insert(conversation) {
                let followers = self.followers.entry((tenant, conversation)).or_default();
                followers.push(Arc::clone(&entry.mailbox));
            }
        }
    }

    fn leave(&mut self, tenant: TenantId, user: UserId, conversation: ConversationId) {
        let Some(entries) = self.people.get_mut(&(tenant, user)) else { return };
        for entry in entries {
            if let Some(left) = &mut entry.left {
                left.insert(conversation);
            }
            entry.conversations.remove(&conversation);
        }
        self.unfollow(tenant, conversation, |mailbox| mailbox.user == user);
    }

    fn unfollow(&mut self, tenant: TenantId, conversation: ConversationId, which: impl Fn(&Mailbox) -> bool) {
        let key = (tenant, conversation);
        if let Some(followers) = self.followers.get_mut(&key) {
            followers.retain(|mailbox| !which(mailbox));
            if followers.is_empty() {
                self.followers.remove(&key);
            }
        }
    }

    fn command(&mut self, command: Command, inbox: &Inbox) {
        match command {
            Command::Register(mailbox, done) => {
                inbox.online.came(mailbox.tenant, mailbox.user, &mailbox.session);
                self.register(mailbox, done);
            }
            Command::Follow(mailbox, conversations, done) => self.follow(&mailbox, conversations, done),
            Command::Unregister(mailbox) => {
                inbox.online.went(mailbox.tenant, mailbox.user, &mailbox.session);
                self.unregister(&mailbox);
            }
            Command::End(session, reason) => self.end(session, reason),
            Command::Settle(done) => drop(done.send(())),
            Command::Fan(tenant, conversations, delivery) => self.fan(tenant, &conversations, &delivery),
        }
    }

    fn register(&mut self, mailbox: Arc<Mailbox>, done: oneshot::Sender<()>) {
        // A session that ended while its connection was being opened has no command left to come.
        if let Some(reason) = mailbox.session.ended() {
            mailbox.end(reason);
        }
        let key = (mailbox.tenant, mailbox.user);
        self.sessions.entry(mailbox.session_id()).or_default().push(Arc::clone(&mailbox));
        let entries = self.people.entry(key).or_default();
        entries.push(Entry { mailbox, conversations: HashSet::new(), left: Some(HashSet::new()) });
        if entries.len() == 1 {
            self.tell_presence(key.0, key.1, true);
        }
        // The one who asked may have gone.
        let _ = done.send(());
    }

    fn follow(&mut self, mailbox: &Arc<Mailbox>, conversations: Vec<ConversationId>, done: oneshot::Sender<()>) {
        let key = (mailbox.tenant, mailbox.user);
        let entries = self.people.get_mut(&key).into_iter().flatten();
        if let Some(entry) = entries.into_iter().find(|entry| Arc::ptr_eq(&entry.mailbox, mailbox)) {
            let left = entry.left.take().unwrap_or_default();
            for conversation in conversations {
                if !left.contains(&conversation) && entry.conversations.insert(conversation) {
                    let followers = self.followers.entry((key.0, conversation)).or_default();
                    followers.push(Arc::clone(mailbox));
                }
            }
        }
        let _ = done.send(());
    }

    fn unregister(&mut self, mailbox: &Arc<Mailbox>) {
        let key = (mailbox.tenant, mailbox.user);
        let Some(entries) = self.people.get_mut(&key) else { return };
        let mut gone: Vec<Entry> = entries.extract_if(.., |entry| Arc::ptr_eq(&entry.mailbox, mailbox)).collect();
        if gone.is_empty() {
            return;
        }
        if entries.is_empty() {
            self.people.remove(&key);
            self.tell_presence(key.0, key.1, false);
        }
        for conversation in gone.drain(..).flat_map(|entry| entry.conversations) {
            self.unfollow(key.0, conversation, |follower| std::ptr::eq(follower, &raw const **mailbox));
        }
        if let Some(of_session) = self.sessions.get_mut(&mailbox.session_id()) {
            of_session.retain(|other| !Arc::ptr_eq(other, mailbox));
            if of_session.is_empty() {
                self.sessions.remove(&mailbox.session_id());
            }
        }
    }

    fn end(&mut self, session: SessionId, reason: EndReason) {
        // Nothing more is put into its mailboxes; they unregister as their connections close.
        for mailbox in self.sessions.get(&session).into_iter().flatten() {
            mailbox.end(reason);
        }
    }

    fn signal(&mut self, tenant: TenantId, signal: Signal, inbox: &Inbox) {
        match &signal {
            Signal::Typing { conversation, user } => {
                let (conversation, user) = (*conversation, *user);
                let delivery = Delivery::new(Live::Signal(signal));
                self.tell_followers(tenant, conversation, &delivery, |mailbox| mailbox.user != user);
            }
            Signal::Read { conversation, .. } => {
                let conversation = *conversation;
                let delivery = Delivery::new(Live::Signal(signal));
                self.tell_followers(tenant, conversation, &delivery, |_| true);
            }
            Signal::Presence { user, online } => self.on_presence(tenant, *user, *online, signal.clone(), inbox),
            Signal::Ended { session, reason } => self.end(*session, EndReason::from_word(reason)),
            Signal::Membership { user, .. } | Signal::Decided { sender: user, .. } => {
                let user = *user;
                self.tell_person(tenant, user, signal);
            }
            Signal::Reply { conversation, message, withdrawn, .. } => {
                if self.replies.is_news(*message, withdrawn.is_some()) {
                    let conversation = *conversation;
                    let delivery = Delivery::new(Live::Signal(signal));
                    self.tell_followers(tenant, conversation, &delivery, |_| true);
                }
            }
            Signal::Support { conversation, .. } => {
                let conversation = *conversation;
                let delivery = Delivery::new(Live::Signal(signal));
                self.tell_followers(tenant, conversation, &delivery, |_| true);
            }
            Signal::Alert { .. } => self.tell_staff(tenant, signal),
        }
    }

    fn tell_followers(
        &mut self,
        tenant: TenantId,
        conversation: ConversationId,
        delivery: &Arc<Delivery>,
        which: impl Fn(&Mailbox) -> bool,
    ) {
        for mailbox in self.followers.get(&(tenant, conversation)).into_iter().flatten() {
            if which(mailbox) && mailbox.put(delivery) {
                self.filled.push(Arc::clone(mailbox));
            }
        }
    }

    fn tell_person(&mut self, tenant: TenantId, user: UserId, signal: Signal) {
        let Some(entries) = self.people.get(&(tenant, user)) else { return };
        let delivery = Delivery::new(Live::Signal(signal));
        for entry in entries {
            if entry.mailbox.put(&delivery) {
                self.filled.push(Arc::clone(&entry.mailbox));
            }
        }
    }

    /// To the tenant's people who run it or review messages. Alerts are rare, so that everyone who is
    /// connected is looked at.
    fn tell_staff(&mut self, tenant: TenantId, signal: Signal) {
        let delivery = Delivery::new(Live::Signal(signal));
        let entries = self.people.iter().filter(|((of, _), _)| *of == tenant).flat_map(|(_, entries)| entries);
        for entry in entries {
            let role = entry.mailbox.role();
            if (role.may(Right::Review) || role.may(Right::ManagePlugins)) && entry.mailbox.put(&delivery) {
                self.filled.push(Arc::clone(&entry.mailbox));
            }
        }
    }

    fn on_presence(&self, tenant: TenantId, user: UserId, online: bool, signal: Signal, inbox: &Inbox) {
        if !online && self.people.contains_key(&(tenant, user)) {
            // Gone from another node, but still here.
            self.tell_presence(tenant, user, true);
            return;
        }
        inbox.online.set(tenant, user, online);
        // Without its end the service is closing.
        let _ = self.presence.send(Presence::Spread { tenant, user, signal });
    }

    fn tell_presence(&self, tenant: TenantId, user: UserId, online: bool) {
        let _ = self.presence.send(Presence::Publish { tenant, user, online });
    }

    fn fan(&mut self, tenant: TenantId, conversations: &[ConversationId], delivery: &Arc<Delivery>) {
        self.fans += 1;
        for conversation in conversations {
            for mailbox in self.followers.get(&(tenant, *conversation)).into_iter().flatten() {
                let is_new = mailbox.reached.swap(self.fans, Ordering::Relaxed) != self.fans;
                if is_new && mailbox.put(delivery) {
                    self.filled.push(Arc::clone(mailbox));
                }
            }
        }
    }
}

impl Drop for Dispatcher {
    /// Without it nothing comes any more: every connection is told, however the dispatcher came to its end.
    fn drop(&mut self) {
        self.people.values().flatten().for_each(|entry| entry.mailbox.close());
    }
}
