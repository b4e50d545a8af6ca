//! Tenants: what the operator does, and that nothing crosses from one to another.

#![allow(clippy::unwrap_used, clippy::panic)]

use uuid::Uuid;
use warbler_domain::{ConversationKind, Role, Sequence, TenantId};
use zeroize::Zeroizing;

use crate::world::{PASSWORD, World, code, committed, new_member, posted, send};
use crate::{Edit, HistoryQuery, NewConversation, NewTenant, ServiceError, TenantPolicy};

fn new(slug: &str) -> NewTenant {
    let owner = new_member("owner", Role::Guest);
    NewTenant { slug: slug.into(), name: "A name".into(), policy: TenantPolicy::default(), owner }
}

#[tokio::test]
async fn the_first_account_is_an_owner_whatever_was_asked_for() {
    let world = World::new().await;
    let (tenant, owner) = world.service.tenants().add(&world.operator, new("acme")).await.unwrap();
    assert_eq!(owner.role, Role::Owner);
    assert_eq!(world.sign_in("acme", "owner", PASSWORD).await.unwrap().tenant, tenant.id);
}

#[tokio::test]
async fn a_slug_is_given_once_and_free_again_after_removal() {
    let world = World::new().await;
    let tenants = world.service.tenants();
    let (tenant, _) = tenants.add(&world.operator, new("acme")).await.unwrap();
    assert_eq!(code(tenants.add(&world.operator, new("acme")).await), "conflict");
    tenants.remove(&world.operator, tenant.id).await.unwrap();
    let (again, _) = tenants.add(&world.operator, new("acme")).await.unwrap();
    assert_ne!(tenant.id, again.id);
    assert_eq!(tenants.list(&world.operator).iter().map(|tenant| tenant.id).collect::<Vec<_>>(), [again.id]);
}

#[tokio::test]
async fn what_a_tenant_cannot_have_is_named_and_leaves_nothing_behind() {
    let world = World::new().await;
    let tenants = world.service.tenants();
    let short = || Zeroizing::new("1234567".to_owned());
    let policy = |policy: TenantPolicy| NewTenant { policy, ..new("acme") };
    let cases = [
        ("slug", NewTenant { slug: "A!".into(), ..new("acme") }),
        ("name", NewTenant { name: " ".into(), ..new("acme") }),
        ("name", NewTenant { name: "n".repeat(201), ..new("acme") }),
        ("policy.idle_exit_seconds", policy(TenantPolicy { idle_exit_seconds: 5, ..TenantPolicy::default() })),
        ("policy.session_seconds", policy(TenantPolicy { session_seconds: 1, ..TenantPolicy::default() })),
        ("policy.password_length", policy(TenantPolicy { password_length: 2, ..TenantPolicy::default() })),
        ("password", NewTenant { owner: crate::NewMember { password: short(), ..new("acme").owner }, ..new("acme") }),
        ("login", NewTenant { owner: crate::NewMember { login: "a b".into(), ..new("acme").owner }, ..new("acme") }),
    ];
    for (name, case) in cases {
        let Err(ServiceError::Invalid { field, .. }) = tenants.add(&world.operator, case).await else {
            panic!("{name} was taken");
        };
        assert_eq!(field, name);
    }
    assert!(tenants.list(&world.operator).is_empty());
}

#[tokio::test]
async fn removing_a_tenant_ends_its_sessions_and_destroys_what_it_had() {
    let mut world = World::new().await;
    let tenant = {
        let office = world.tenant("acme").await;
        let mut ear = office.connect(&office.owner, &[]).await;
        world.service.tenants().remove(&world.operator, office.tenant.id).await.unwrap();
        assert_eq!(code(office.owner.live()), "session-ended");
        assert_eq!(ear.end().await.code(), "session-ended");
        office.tenant
    };
    assert!(!world.store.has_tenant(tenant.id));
    for _ in 0..2 {
        assert_eq!(code(world.sign_in("acme", "owner", PASSWORD).await), "unauthenticated");
        assert_eq!(code(world.service.tenants().remove(&world.operator, tenant.id).await), "not-found");
        world.restart().await;
    }
}

#[tokio::test]
async fn the_operator_adds_accounts_and_resets_passwords() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let tenants = world.service.tenants();
    let ada = new_member("ada", Role::Admin);
    tenants.add_member(&world.operator, office.tenant.id, ada.clone()).await.unwrap();
    assert_eq!(code(tenants.add_member(&world.operator, office.tenant.id, ada.clone()).await), "conflict");
    let stranger = TenantId::from_uuid(Uuid::now_v7());
    assert_eq!(code(tenants.add_member(&world.operator, stranger, ada).await), "not-found");
    let session = office.again("ada").await;
    let new = Zeroizing::new("another password".to_owned());
    tenants.reset_password(&world.operator, office.tenant.id, "Ada", new.clone()).await.unwrap();
    assert_eq!(code(session.live()), "session-ended");
    world.sign_in("acme", "ada", "another password").await.unwrap();
    let nobody = tenants.reset_password(&world.operator, office.tenant.id, "nobody", new).await;
    assert_eq!(code(nobody), "not-found");
}

#[tokio::test]
async fn the_policy_is_changed_by_admins_and_holds_for_sessions_that_run() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let ada = office.person("ada", Role::Moderator).await;
    let tenants = world.service.tenants();
    let policy = TenantPolicy { idle_exit_seconds: 60, password_length: 20, ..TenantPolicy::default() };
    assert_eq!(code(tenants.set_policy(&ada, policy.clone()).await), "forbidden");
    let bad = TenantPolicy { password_length: 1, ..policy.clone() };
    assert_eq!(code(tenants.set_policy(&office.owner, bad).await), "invalid");
    tenants.set_policy(&office.owner, policy.clone()).await.unwrap();
    assert_eq!(tenants.own(&ada).unwrap().policy, policy);
    let short = world.service.members().add(&office.owner, new_member("ben", Role::Member)).await;
    assert_eq!(code(short), "invalid");
    world.clock.advance(std::time::Duration::from_secs(61));
    world.service.authentication().sweep().await;
    assert_eq!(code(ada.live()), "session-ended");
}

#[tokio::test]
async fn tenants_are_there_after_a_restart() {
    let mut world = World::new().await;
    let id = world.tenant("acme").await.tenant.id;
    world.restart().await;
    assert_eq!(world.service.tenants().find(&world.operator, "acme").unwrap().id, id);
    world.sign_in("acme", "owner", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn identifiers_of_another_tenant_are_identifiers_of_nothing() {
    let world = World::new().await;
    let (acme, other) = (world.tenant("acme").await, world.tenant("other").await);
    let (ada, ben) = (acme.person("ada", Role::Member).await, acme.person("ben", Role::Member).await);
    let (group, spy) = (acme.group(&ada, &[&ben]).await, &other.owner);
    let message = posted(&*acme.post(&ada, group.id, "ours").await).id;
    let held = match acme.say(&ada, group.id, "hold this").await.unwrap() {
        crate::Sent::Held { id, .. } => id,
        crate::Sent::Committed(_) => panic!("it was not held"),
    };
    let service = &world.service;
    let edit = Edit { conversation: group.id, message, key: None, body: crate::world::text("theirs") };
    let start = NewConversation { kind: ConversationKind::Direct, title: String::new(), members: vec![ada.user()] };
    let codes = [
        code(service.members().get(spy, ada.user()).await),
        code(service.members().set_role(spy, ada.user(), Role::Admin).await),
        code(service.members().set_disabled(spy, ada.user(), true).await),
        code(service.members().reset_password(spy, ada.user(), Zeroizing::new("long enough".into())).await),
        code(service.authentication().end_of(spy, ada.user()).await),
        code(service.authentication().end(spy, ada.session()).await),
        code(service.conversations().get(spy, group.id).await),
        code(service.conversations().people(spy, group.id).await),
        code(service.conversations().add_members(spy, group.id, &[spy.user()]).await),
        code(service.conversations().remove_member(spy, group.id, ada.user()).await),
        code(service.conversations().rename(spy, group.id, "Theirs").await),
        code(service.conversations().start(spy, start).await),
        code(service.messages().send(spy, send(group.id, "k", "hello")).await),
        code(service.messages().edit(spy, edit).await),
        code(service.messages().recall(spy, group.id, message).await),
        code(service.messages().history(spy, group.id, HistoryQuery::default()).await),
        code(service.messages().read(spy, group.id, Sequence(1)).await),
        code(service.messages().reads(spy, group.id).await),
        code(service.messages().typing(spy, group.id).await),
        code(service.review().get(spy, held).await),
        code(service.review().approve(spy, held).await),
        code(service.review().reject(spy, held, "").await),
        code(service.live().online(spy, group.id).await),
    ];
    assert_eq!(codes, ["not-found"; 23]);
    assert!(service.review().list(spy, None, 10).await.unwrap().is_empty());
    // A connection that asks for it gets nothing of it.
    let mut ear = other.connect(spy, &[(group.id, 0)]).await;
    acme.post(&ada, group.id, "still ours").await;
    let own = other.group(spy, &[&other.person("eve", Role::Member).await]).await;
    let first = ear.next(|live| match live {
        crate::Live::Event(event) => Some(event.conversation),
        crate::Live::Taken { conversation, .. } => Some(*conversation),
        crate::Live::Signal(_) => None,
    });
    assert_eq!(first.await, own.id);
    // Nothing was changed by all this.
    assert_eq!(acme.texts(&ben, group.id).await, ["ours", "still ours"]);
    committed(service.messages().send(&ada, send(group.id, "k", "hello")).await.unwrap());
}

#[tokio::test]
async fn of_two_who_want_the_same_slug_at_once_one_gets_it_and_the_other_leaves_nothing() {
    let world = World::new().await;
    let tenants = world.service.tenants();
    let (one, other) =
        tokio::join!(tenants.add(&world.operator, new("acme")), tenants.add(&world.operator, new("acme")));
    let codes = [code(one), code(other)];
    assert!(codes == ["ok", "conflict"] || codes == ["conflict", "ok"], "{codes:?}");
    assert_eq!(tenants.list(&world.operator).len(), 1);
    world.sign_in("acme", "owner", PASSWORD).await.unwrap();
}
