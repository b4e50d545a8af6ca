//! Members: who may do what to whose account.

#![allow(clippy::unwrap_used, clippy::panic)]

use warbler_domain::{Role, UserId};
use zeroize::Zeroizing;

use crate::world::{World, code, new_member, nobody};
use crate::{NewMember, ProfileChange, ServiceError};

#[tokio::test]
async fn admins_make_members_but_only_owners_make_admins() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (admin, ada) = (office.person("admin", Role::Admin).await, office.person("ada", Role::Member).await);
    let members = world.service.members();
    members.add(&admin, new_member("ben", Role::Moderator)).await.unwrap();
    let codes = [
        code(members.add(&admin, new_member("eve", Role::Admin)).await),
        code(members.add(&admin, new_member("eve", Role::Owner)).await),
        code(members.add(&ada, new_member("eve", Role::Guest)).await),
        code(members.set_role(&admin, ada.user(), Role::Admin).await),
        code(members.set_role(&admin, office.owner.user(), Role::Member).await),
        code(members.set_disabled(&admin, office.owner.user(), true).await),
        code(members.reset_password(&admin, office.owner.user(), Zeroizing::new("long enough".into())).await),
        code(members.set_role(&ada, ada.user(), Role::Owner).await),
    ];
    assert_eq!(codes, ["forbidden"; 8]);
    members.set_role(&office.owner, ada.user(), Role::Admin).await.unwrap();
}

#[tokio::test]
async fn a_changed_role_holds_at_once_for_sessions_that_run() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let ada = office.person("ada", Role::Member).await;
    assert_eq!(code(world.service.review().list(&ada, None, 1).await), "forbidden");
    world.service.members().set_role(&office.owner, ada.user(), Role::Moderator).await.unwrap();
    assert_eq!(code(world.service.review().list(&ada, None, 1).await), "ok");
    world.service.members().set_role(&office.owner, ada.user(), Role::Guest).await.unwrap();
    assert_eq!(code(world.service.review().list(&ada, None, 1).await), "forbidden");
}

#[tokio::test]
async fn a_changed_role_reaches_the_other_node() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let other = world.other_node().await;
    world.service.members().add(&office.owner, new_member("ada", Role::Member)).await.unwrap();
    let signed_in = world.sign_in("acme", "ada", crate::world::PASSWORD).await.unwrap();
    let there = other.authentication().authenticate(signed_in.token.reveal()).await.unwrap();
    world.service.members().set_role(&office.owner, there.user(), Role::Moderator).await.unwrap();
    // The notice of the change is on its way; nothing else is waited for.
    while there.role() == Role::Member {
        tokio::task::yield_now().await;
    }
    assert_eq!(there.role(), Role::Moderator);
}

#[tokio::test]
async fn a_tenant_keeps_an_owner() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let members = world.service.members();
    let owner = office.owner.user();
    assert_eq!(code(members.set_role(&office.owner, owner, Role::Member).await), "conflict");
    let second = office.person("second", Role::Owner).await;
    assert_eq!(code(members.set_disabled(&second, second.user(), true).await), "conflict");
    members.set_disabled(&second, owner, true).await.unwrap();
    assert_eq!(code(members.set_role(&second, second.user(), Role::Member).await), "conflict");
    members.set_disabled(&second, owner, false).await.unwrap();
    members.set_role(&second, second.user(), Role::Member).await.unwrap();
}

#[tokio::test]
async fn two_owners_who_leave_at_once_do_not_both_get_away() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let second = office.person("second", Role::Owner).await;
    let members = world.service.members();
    let (one, other) = tokio::join!(
        members.set_role(&office.owner, office.owner.user(), Role::Member),
        members.set_role(&second, second.user(), Role::Member),
    );
    let codes = [code(one), code(other)];
    assert!(codes == ["ok", "conflict"] || codes == ["conflict", "ok"], "{codes:?}");
}

#[tokio::test]
async fn login_names_are_given_once_whatever_their_case() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let members = world.service.members();
    members.add(&office.owner, new_member("Ada", Role::Member)).await.unwrap();
    assert_eq!(code(members.add(&office.owner, new_member("ＡＤＡ", Role::Member)).await), "conflict");
    let (one, other) = tokio::join!(
        members.add(&office.owner, new_member("ben", Role::Member)),
        members.add(&office.owner, new_member("Ben", Role::Member)),
    );
    let codes = [code(one), code(other)];
    assert!(codes == ["ok", "conflict"] || codes == ["conflict", "ok"], "{codes:?}");
}

#[tokio::test]
async fn what_an_account_cannot_have_is_named() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let members = world.service.members();
    let new = || new_member("ada", Role::Member);
    let cases = [
        ("login", NewMember { login: " ".into(), ..new() }),
        ("login", NewMember { login: "l".repeat(65), ..new() }),
        ("name", NewMember { name: String::new(), ..new() }),
        ("name", NewMember { name: "a\nb".into(), ..new() }),
        ("name", NewMember { name: "n".repeat(201), ..new() }),
        ("locale", NewMember { locale: Some("en_US".into()), ..new() }),
        ("password", NewMember { password: Zeroizing::new("1234567".into()), ..new() }),
        ("password", NewMember { password: Zeroizing::new("p".repeat(513)), ..new() }),
    ];
    for (name, case) in cases {
        let Err(ServiceError::Invalid { field, .. }) = members.add(&office.owner, case).await else {
            panic!("{name} was taken");
        };
        assert_eq!(field, name);
    }
    let change = ProfileChange { name: Some(String::new()), locale: None };
    assert_eq!(code(members.update_me(&office.owner, change).await), "invalid");
    assert_eq!(code(members.set_role(&office.owner, nobody(), Role::Member).await), "not-found");
}

#[tokio::test]
async fn guests_and_agents_see_only_themselves_and_pages_follow_each_other() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let (guest, ada) = (office.person("guest", Role::Guest).await, office.person("ada", Role::Member).await);
    let members = world.service.members();
    assert_eq!(code(members.list(&guest, None, 10).await), "forbidden");
    assert_eq!(code(members.get(&guest, ada.user()).await), "forbidden");
    assert_eq!(members.get(&guest, guest.user()).await.unwrap().login, "guest");
    let (mut seen, mut after) = (Vec::new(), None::<UserId>);
    loop {
        let page = members.list(&ada, after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen.extend(page.into_iter().map(|profile| profile.login));
    }
    assert_eq!(seen, ["owner", "guest", "ada"]);
}

#[tokio::test]
async fn people_change_their_own_name_and_language() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let ada = office.person("ada", Role::Guest).await;
    let members = world.service.members();
    let change = ProfileChange { name: Some("Ada L.".into()), locale: Some(Some("zh-Hans".into())) };
    members.update_me(&ada, change).await.unwrap();
    let change = ProfileChange { name: None, locale: Some(None) };
    let profile = members.update_me(&ada, change).await.unwrap();
    assert_eq!((profile.name.as_str(), profile.locale), ("Ada L.", None));
    assert_eq!(members.me(&ada).unwrap().name, "Ada L.");
}

#[tokio::test]
async fn changes_of_accounts_are_in_the_audit_log_without_names() {
    let world = World::new().await;
    let office = world.tenant("acme").await;
    let ada = office.person("secret-login", Role::Member).await;
    world.service.members().set_role(&office.owner, ada.user(), Role::Auditor).await.unwrap();
    world.service.members().set_disabled(&office.owner, ada.user(), true).await.unwrap();
    let actions = office.actions().await;
    for action in ["member.add", "session.begin", "member.role", "member.disable"] {
        assert!(actions.contains(&action.to_owned()), "{action} is not in {actions:?}");
    }
    let query = crate::AuditQuery { after: Some(0), limit: 200, ..crate::AuditQuery::default() };
    let page = world.service.audit().list(office.owner.scope(), &query).await.unwrap();
    assert!(page.entries.iter().all(|entry| !format!("{entry:?}").contains("secret-login")));
}
