//! What a tenant has beside people, conversations and lists, brought back into a host that has nothing of it: policies,
//! agents and what they work with, documents, settings of notifications, and what plugins have stored.

use warbler_domain::{
    Chunk, ConversationKind, Expect, Found, IndexedDocument, Knowledge, KnowledgeError, KnowledgeQuery, StateKey,
    ToolTransport,
};

use super::whole::{passphrase, whole};
use super::*;
use crate::agents::world::{Scripted, agent, open};
use crate::installation::KeptValue;
use crate::{
    AgentPorts, AgentSettings, Habits, HabitsChange, Level, NewDocument, NewToolServer, PushPolicy, QuietHours,
    Schedule, SupportState, TenantPolicy, ToolGrant, records,
};

/// Keeps documents in memory. Each line of one is a piece, and found by any word of it.
#[derive(Default)]
struct Pages(Mutex<BTreeMap<(TenantId, String), IndexedDocument>>);

#[async_trait]
impl Knowledge for Pages {
    async fn read(&self, _media_type: &str, bytes: Bytes) -> Result<Vec<Chunk>, KnowledgeError> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Ok(text.lines().map(|line| Chunk { place: String::new(), text: line.to_owned(), vector: None }).collect())
    }

    async fn put(&self, scope: &TenantScope, document: IndexedDocument) -> Result<(), KnowledgeError> {
        self.0.lock().insert((scope.tenant(), document.id.clone()), document);
        Ok(())
    }

    async fn remove(&self, scope: &TenantScope, document: &str) -> Result<(), KnowledgeError> {
        self.0.lock().remove(&(scope.tenant(), document.to_owned()));
        Ok(())
    }

    fn forget(&self, _scope: &TenantScope) {}

    async fn search(&self, scope: &TenantScope, query: KnowledgeQuery) -> Result<Vec<Found>, KnowledgeError> {
        let documents = self.0.lock();
        let own = documents.iter().filter(|((tenant, _), _)| *tenant == scope.tenant()).map(|(_, document)| document);
        let visible = own.filter(|found| found.conversation.is_none() || found.conversation == query.conversation);
        let pieces = visible.flat_map(|document| document.chunks.iter().map(move |chunk| (document, chunk)));
        let hits = pieces.filter(|(_, chunk)| query.text.split(' ').any(|word| chunk.text.contains(word)));
        let found = |(document, chunk): (&IndexedDocument, &Chunk)| Found {
            document: document.id.clone(),
            title: document.title.clone(),
            place: String::new(),
            text: chunk.text.clone(),
            score: 1.0,
        };
        Ok(hits.map(found).collect())
    }
}

fn ports() -> AgentPorts {
    AgentPorts { knowledge: Arc::<Pages>::default(), ..AgentPorts::default() }
}

async fn world() -> World {
    World::with_agents(|options| options.agents.tool_programs.push("/usr/bin/tool".into()), ports()).await
}

/// The record of an installation of a plugin, as a real one is kept.
async fn plugin_record() -> serde_json::Value {
    let world = crate::plugin_world::World::new().await;
    world.install("words", serde_json::json!({"do": "flag"})).await;
    let kept = world.store.state().scan(&world.scope(), &records::under("plugin", &[]), None, 9).await.unwrap();
    serde_json::from_slice(&kept[0].1.value).unwrap()
}

async fn put(world: &World, scope: &TenantScope, key: StateKey, value: &impl serde::Serialize) {
    let write = records::put(key, value, Expect::Any).unwrap();
    world.store.state().commit(scope, vec![write]).await.unwrap();
}

fn stored(key: &str, value: serde_json::Value) -> KeptValue {
    let mut whole = value;
    whole["key"] = key.into();
    serde_json::from_value(whole).unwrap()
}

async fn upload(office: &Office<'_>, title: &str, text: &'static str, of: Option<ConversationId>) -> uuid::Uuid {
    let bytes = futures::stream::iter([Ok(Bytes::from_static(text.as_bytes()))]).boxed();
    let new = NewDocument { title: title.into(), media_type: "text/plain".into(), conversation: of };
    office.service().knowledge().add(&office.owner, new, bytes).await.unwrap().id
}

fn server(transport: ToolTransport, token: Option<&str>) -> NewToolServer {
    NewToolServer { transport, token: token.map(|token| Zeroizing::new(token.to_owned())), timeout_ms: 1_000 }
}

/// All files of a version, below a folder, as one text.
async fn all_text(backups: &Backups, scope: &TenantScope, version: &str) -> String {
    let repository = backups.inner.open(scope).await.unwrap();
    let (mut folders, mut text) = (vec![String::new()], String::new());
    while let Some(folder) = folders.pop() {
        for entry in repository.list(version, &folder).await.unwrap().unwrap() {
            let path = if folder.is_empty() { entry.name } else { format!("{folder}/{}", entry.name) };
            if entry.is_folder {
                folders.push(path);
                continue;
            }
            let bytes = repository.read(version, &path).await.unwrap().unwrap();
            let bytes = bytes.try_collect::<Vec<_>>().await.unwrap().concat();
            text.extend([&path, "\n", &String::from_utf8_lossy(&bytes), "\n"]);
        }
    }
    text
}

/// What the tenant of these tests has.
struct Furnished {
    robin: warbler_domain::UserId,
    case: ConversationId,
    group: ConversationId,
    plugin: InstallationId,
    version: String,
}

const POLICY: TenantPolicy =
    TenantPolicy { idle_exit_seconds: 600, session_seconds: 86_400, password_length: 10, retention_days: 0 };

async fn furnish(world: &World, office: &Office<'_>, backups: &Backups, record: &serde_json::Value) -> Furnished {
    let (service, owner) = (&world.service, &office.owner);
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let group = chat(office, &ada, &ben).await;
    service.tenants().set_policy(owner, POLICY).await.unwrap();
    let policy = PushPolicy { contents: false, groups: Level::Mentions, ..PushPolicy::default() };
    service.push().set_policy(owner, policy).await.unwrap();
    let hours = QuietHours { from: 60, to: 120, days: Vec::new() };
    let change = HabitsChange { time_zone: Some(Some("Asia/Tokyo".into())), do_not_disturb: Some(Some(hours)) };
    service.push().set_habits(&ada, change).await.unwrap();
    service.push().set_mute(&ada, group, Level::None, None).await.unwrap();
    // A device's address is none of a backup.
    let device = serde_json::json!({"address": "hush-device"});
    let scope = owner.scope();
    put(world, scope, StateKey::new("push-user", &[&ada.user(), &"endpoint", &group]), &device).await;

    let environment = BTreeMap::from([("KEY".to_owned(), "hush-environment".to_owned())]);
    let program = ToolTransport::Stdio { command: "/usr/bin/tool".into(), arguments: Vec::new(), environment };
    let open_place = ToolTransport::Http { url: "https://tools.example.com/mcp".into() };
    let tools = service.tools();
    tools.set(owner, "program", server(program, None)).await.unwrap();
    tools.set(owner, "open", server(open_place.clone(), None)).await.unwrap();
    tools.set(owner, "closed", server(open_place, Some("hush-token"))).await.unwrap();
    let grant = ToolGrant { server: "open".into(), tool: None, ask: true };
    let settings =
        AgentSettings { tools: vec![grant], model: Some("house".into()), most_hops: 7, ..AgentSettings::default() };
    let scripted = Scripted::new();
    let robin = agent(office, &scripted, settings).await.profile.id;
    let case = open(office, &ada, ConversationKind::Support, &[robin]).await.id;
    let mut ear = office.connect(&ada, &[]).await;
    office.post(&ada, case, "person please").await;
    let state = |live: &crate::Live| match live {
        crate::Live::Signal(Signal::Support { state, .. }) if state == "waiting" => Some(()),
        _ => None,
    };
    ear.next(state).await;
    upload(office, "Handbook", "the shop opens at nine\n", None).await;
    upload(office, "Same bytes", "the shop opens at nine\n", None).await;
    let secret = upload(office, "Group", "the combination is 4711\n", Some(group)).await;
    // One from before its digest was noted.
    let key = StateKey::new("document", &[&secret]);
    let kept = world.store.state().get(scope, &key).await.unwrap().unwrap();
    let mut old: serde_json::Value = serde_json::from_slice(&kept.value).unwrap();
    old.as_object_mut().unwrap().remove("content").unwrap();
    put(world, scope, key, &old).await;

    let plugin: InstallationId = serde_json::from_value(record["id"].clone()).unwrap();
    put(world, scope, StateKey::new("plugin", &[&plugin]), record).await;
    let state = world.store.state();
    stored("words/名", serde_json::json!({"text": "heard"})).put(&state, scope, plugin).await.unwrap();
    stored("bytes", serde_json::json!({"base64": "/w=="})).put(&state, scope, plugin).await.unwrap();
    let secret = serde_json::json!({"name": "hush-secret"});
    put(world, scope, StateKey::new("plugin-secret", &[&plugin, &"x"]), &secret).await;
    let policy = BackupPolicy { schedule: Schedule::Never, drill_days: 3, ..BackupPolicy::default() };
    backups.set_policy(owner, policy).await.unwrap();
    let version = backups.run(owner).await.unwrap().id;
    Furnished { robin, case, group, plugin, version }
}

/// Holds that what was decided about the tenant and its notifications is so again.
async fn decided(again: &Office<'_>, had: &Furnished) {
    let (service, owner) = (again.service(), &again.owner);
    let tenant = service.tenants().own(owner).unwrap();
    assert_eq!((tenant.name.as_str(), tenant.slug.as_str(), &tenant.policy), ("acme", "acme-again", &POLICY));
    let policy = service.push().policy(owner).await.unwrap();
    assert_eq!((policy.contents, policy.groups), (false, Level::Mentions));
    let ada = again.again("ada").await;
    let habits: Habits = service.push().habits(&ada).await.unwrap();
    assert_eq!((habits.time_zone.as_deref(), habits.do_not_disturb.unwrap().from), (Some("Asia/Tokyo"), 60));
    assert_eq!(service.push().mute(&ada, had.group).await.unwrap().level, Level::None);
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_agents_documents_settings_and_what_plugins_stored_come_back_into_an_empty_host() {
    let (world, shelf, record) = (world().await, Arc::default(), plugin_record().await);
    let office = world.tenant("acme").await;
    let old = backups(&world, &shelf);
    let had = furnish(&world, &office, &old, &record).await;
    old.add_escrow(&office.owner, &password(), passphrase(), true).await.unwrap();
    let text = all_text(&old, office.owner.scope(), &had.version).await;
    assert!(text.contains("heard") && text.contains("the combination is 4711") && !text.contains("hush"), "{text}");
    let sources = text.lines().filter(|line| line.starts_with("sources/")).count();
    assert_eq!(sources, 2, "equal bytes are one file");
    let report = old.drill(&office.owner).await.unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!((report.agents, report.tool_servers, report.documents, report.plugin_values), (1, 3, 3, 2));

    let fresh = self::world().await;
    let again = fresh.tenant("acme-again").await;
    let new = backups(&fresh, &shelf);
    new.adopt(&again.owner, &password(), passphrase()).await.unwrap();
    let before = fresh.service.knowledge().search(&again.owner, "opens", None, 9).await.unwrap();
    assert!(before.is_empty());
    fresh.service.push().policy(&again.owner).await.unwrap();
    let job = whole(&new, &again.owner, &had.version).await;
    assert_eq!((job.agents, job.tool_servers, job.documents), (1, 3, 3));
    assert_eq!((job.plugin_values, job.support_cases, job.push_settings), (2, 1, 2));
    // The name, and the policies of the tenant, of backups and of notifications.
    assert_eq!(job.decisions, 4);
    for left in ["package of words", "tool server program", "tool server closed", "uses the model house"] {
        assert!(job.to_do.iter().any(|sentence| sentence.contains(left)), "{left}: {:?}", job.to_do);
    }
    assert_eq!(job.to_do.len(), 4, "{:?}", job.to_do);

    let (service, owner) = (&fresh.service, &again.owner);
    let policy = new.policy(owner).await.unwrap();
    assert_eq!((policy.schedule, policy.drill_days, policy.sinks.len()), (Schedule::Never, 3, 0));
    decided(&again, &had).await;

    let robin = service.agents().get(owner, had.robin).await.unwrap();
    assert_eq!((robin.settings.most_hops, robin.settings.tools.len(), robin.profile.role), (7, 1, Role::Agent));
    let waiting = service.support().list(owner, Some(SupportState::Waiting)).await.unwrap();
    assert_eq!(waiting.iter().map(|case| case.conversation).collect::<Vec<_>>(), [had.case]);
    let servers = service.tools().list(owner).await.unwrap();
    let lacking = servers.iter().filter(|server| server.lacks_secret).map(|server| server.name.as_str());
    assert_eq!(lacking.collect::<Vec<_>>(), ["closed", "program"]);
    assert_eq!(code(service.tools().offered(owner, "closed").await), "unavailable");

    // Documents are read by themselves, and found only by whom they are for.
    while service.knowledge().list(owner).await.unwrap().iter().any(|document| document.chunks == 0) {
        tokio::task::yield_now().await;
    }
    let find = async |text, of| service.knowledge().search(owner, text, of, 9).await.unwrap().len();
    assert_eq!((find("opens", None).await, find("combination", None).await), (2, 0));
    assert_eq!(find("combination", Some(had.group)).await, 1);

    let state = fresh.store.state();
    for (key, value) in
        [("words/名", serde_json::json!({"text": "heard"})), ("bytes", serde_json::json!({"base64": "/w=="}))]
    {
        assert!(stored(key, value).stands(&state, owner.scope(), had.plugin).await.unwrap(), "{key}");
    }

    // Doing it again changes nothing, and what was decided since stands.
    let since = PushPolicy { contents: true, ..service.push().policy(owner).await.unwrap() };
    service.push().set_policy(owner, since.clone()).await.unwrap();
    let second = whole(&new, owner, &had.version).await;
    let counts = second.counts().into_iter().filter(|(name, count)| *name != "conversations" && *count > 0);
    assert_eq!(counts.collect::<Vec<_>>(), []);
    assert_eq!(service.push().policy(owner).await.unwrap(), since);
    // What came back is in the next version, and a trial of that finds it whole.
    new.run(owner).await.unwrap();
    let report = new.drill(owner).await.unwrap();
    assert_eq!((report.problems, report.documents, report.plugin_values), (Vec::new(), 3, 2));
    let actions = again.actions().await;
    for told in ["tenant.restore", "agent.restore", "tool-server.restore", "document.restore", "push.policy.restore"] {
        assert!(actions.contains(&told.to_owned()), "{told}: {actions:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_decided_in_the_new_host_stands_and_its_plugin_keeps_what_it_has_stored() {
    let (world, shelf, record) = (world().await, Arc::default(), plugin_record().await);
    let office = world.tenant("acme").await;
    let old = backups(&world, &shelf);
    let had = furnish(&world, &office, &old, &record).await;
    old.add_escrow(&office.owner, &password(), passphrase(), true).await.unwrap();

    let fresh = self::world().await;
    let own = TenantPolicy { password_length: 12, ..TenantPolicy::default() };
    let again = fresh.tenant_with("acme-again", own.clone()).await;
    let (owner, scope, state) = (&again.owner, again.owner.scope(), fresh.store.state());
    let group = again.group(owner, &[]).await;
    let new = backups(&fresh, &shelf);
    new.adopt(owner, &password(), passphrase()).await.unwrap();
    let kept = BackupPolicy { drill_days: 1, ..BackupPolicy::default() };
    new.set_policy(owner, kept.clone()).await.unwrap();
    // The same plugin is installed under another identifier, and has stored something.
    let other = InstallationId::from_uuid(uuid::Uuid::now_v7());
    let mut installed = record.clone();
    installed["id"] = serde_json::to_value(other).unwrap();
    put(&fresh, scope, StateKey::new("plugin", &[&other]), &installed).await;
    stored("bytes", serde_json::json!({"text": "newer"})).put(&state, scope, other).await.unwrap();
    let job = whole(&new, owner, &had.version).await;
    let tenant = fresh.service.tenants().own(owner).unwrap();
    assert_eq!((tenant.name.as_str(), tenant.policy), ("acme-again", own), "it has conversations of its own");
    assert_eq!(new.policy(owner).await.unwrap(), kept);
    assert_eq!((job.installations, job.plugin_values, job.decisions), (0, 0, 1));
    assert!(stored("bytes", serde_json::json!({"text": "newer"})).stands(&state, scope, other).await.unwrap());
    assert!(again.history(owner, group.id).await.len() <= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_policy_names_only_sinks_that_are_in_use() {
    let (world, one, two) = (World::new().await, Arc::<Shelf>::default(), Arc::<Shelf>::default());
    let office = world.tenant("acme").await;
    let shelves = Shelves::default();
    let sinks = vec![shelves.add(&one), shelves.add(&two)];
    let old = over(&world, &shelves);
    let policy = BackupPolicy { sinks: sinks.clone(), require: 2, drill_days: 9, ..BackupPolicy::default() };
    old.run(&office.owner).await.unwrap();
    old.set_policy(&office.owner, policy).await.unwrap();
    let version = old.run(&office.owner).await.unwrap().id;
    old.add_escrow(&office.owner, &password(), passphrase(), true).await.unwrap();

    let fresh = World::new().await;
    let again = fresh.tenant("acme-again").await;
    let new = backups(&fresh, &one);
    new.adopt(&again.owner, &password(), passphrase()).await.unwrap();
    let job = whole(&new, &again.owner, &version).await;
    let policy = new.policy(&again.owner).await.unwrap();
    assert_eq!((policy.sinks, policy.require, policy.drill_days), (sinks[..1].to_vec(), 1, 9));
    assert!(job.to_do.iter().any(|sentence| sentence.contains("name the backup sinks again")), "{:?}", job.to_do);
    // The one that it came from goes on being used.
    new.run(&again.owner).await.unwrap();
}

/// Sinks that run, and which installations were taken up.
#[derive(Default)]
struct Watched {
    shelves: Shelves,
    taken: Mutex<Vec<(InstallationId, bool)>>,
}

#[async_trait]
impl TenantPlugins for Watched {
    fn running_sinks(&self, tenant: TenantId) -> Vec<RunningSink> {
        self.shelves.running_sinks(tenant)
    }

    async fn take_up(&self, _scope: &TenantScope, installation: InstallationId, active: bool) -> Option<String> {
        self.taken.lock().push((installation, active));
        None
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_cut_short_goes_on_with_the_plugins_that_it_had_put_and_no_other_sink_takes_over() {
    let (world, shelf, mut record) = (World::new().await, Arc::default(), plugin_record().await);
    record["current"]["manifest"]["hooks"] = serde_json::json!(["backup-sink"]);
    let office = world.tenant("acme").await;
    let (scope, state) = (office.owner.scope(), world.store.state());
    let plugin: InstallationId = serde_json::from_value(record["id"].clone()).unwrap();
    put(&world, scope, StateKey::new("plugin", &[&plugin]), &record).await;
    stored("mark", serde_json::json!({"text": "kept"})).put(&state, scope, plugin).await.unwrap();
    let old = backups(&world, &shelf);
    let version = old.run(&office.owner).await.unwrap().id;
    old.add_escrow(&office.owner, &password(), passphrase(), true).await.unwrap();

    let fresh = World::new().await;
    let again = fresh.tenant("acme-again").await;
    let (scope, state, watched) = (again.owner.scope(), fresh.store.state(), Arc::<Watched>::default());
    let in_use = watched.shelves.add(&shelf);
    let (core, lists) = (Arc::clone(fresh.service.core()), fresh.service.word_lists().clone());
    let new = Backups::new(core, lists, Arc::clone(&watched) as _);
    new.adopt(&again.owner, &password(), passphrase()).await.unwrap();
    let job = whole(&new, &again.owner, &version).await;
    assert_eq!(*watched.taken.lock(), [(plugin, false)]);
    assert_eq!(new.policy(&again.owner).await.unwrap().sinks, [in_use], "a sink that comes back takes nobody's place");

    // As it stands when the host is killed before the value and the plugin are seen to.
    let mut begun = serde_json::to_value(&job).unwrap();
    (begun["state"], begun["plugins"][0]["is_done"]) = ("running".into(), false.into());
    for (key, _) in state.scan(scope, &records::under("plugin-store", &[]), None, 9).await.unwrap() {
        state.commit(scope, vec![records::delete(key, Expect::Any)]).await.unwrap();
    }
    put(&fresh, scope, StateKey::new("backup-restore", &[&job.id]), &begun).await;
    new.inner.resume_restores(scope).await.unwrap();
    while new.restore_job(&again.owner, job.id).await.unwrap().state == RestoreState::Running {
        tokio::task::yield_now().await;
    }
    assert_eq!(*watched.taken.lock(), [(plugin, false), (plugin, false)]);
    assert!(stored("mark", serde_json::json!({"text": "kept"})).stands(&state, scope, plugin).await.unwrap());
    assert_eq!(new.restore_job(&again.owner, job.id).await.unwrap().installations, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_host_remembers_what_was_erased_after_the_version_that_it_came_from() {
    let (world, shelf) = (World::new().await, Arc::default());
    let office = world.tenant("acme").await;
    let (ada, ben) = (office.person("ada", Role::Member).await, office.person("ben", Role::Member).await);
    let old = backups(&world, &shelf);
    let group = chat(&office, &ada, &ben).await;
    let secret = office.post_id(&ada, group, "to be taken back").await;
    let version = old.run(&office.owner).await.unwrap().id;
    world.service.messages().recall(&ada, group, secret).await.unwrap();
    world.clock.advance(Duration::from_secs(1));
    old.run(&office.owner).await.unwrap();
    old.add_escrow(&office.owner, &password(), passphrase(), true).await.unwrap();

    let fresh = World::new().await;
    let again = fresh.tenant("acme-again").await;
    let new = backups(&fresh, &shelf);
    new.adopt(&again.owner, &password(), passphrase()).await.unwrap();
    whole(&new, &again.owner, &version).await;
    let found = fresh.store.state().get(again.owner.scope(), &records::erased(secret)).await.unwrap();
    assert!(found.is_some(), "the versions of the new host would not say that it was erased");
}
