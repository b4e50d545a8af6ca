//! Accounts as they are kept, and changes of them. Who may make which is decided above.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use warbler_domain::{Expect, Role, StateWrite, StoreError, TenantScope, UserId};
use zeroize::Zeroizing;

use super::{ABSENT, NewMember, Profile};
use crate::audit::{Actor, NewEntry};
use crate::authentication::{StoredPassword, check_new};
use crate::core::Core;
use crate::{ServiceError, authentication, records};

/// Longest login name, in characters after normalisation, and longest display name, in bytes.
const LOGIN: usize = 64;
const NAME: usize = 200;

/// Longest language tag; RFC 5646 asks applications to take at least 35 characters.
const LOCALE: usize = 35;

/// How often another change may be faster before the caller is told.
const ATTEMPTS: usize = 8;

/// An account as it is kept.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Account {
    /// Counts changes.
    pub(crate) revision: u64,
    pub(crate) profile: Profile,
    pub(crate) password: StoredPassword,
}

/// What a blinded login name leads to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LoginRecord {
    pub(crate) user: UserId,
}

/// A login name as it is looked up: NFKC, lower case, without spaces or control characters.
pub(crate) fn normalise_login(login: &str) -> Result<String, ServiceError> {
    let limit = u64::try_from(LOGIN).unwrap_or(u64::MAX);
    let invalid = |problem: &str, limit| ServiceError::Invalid { field: "login", problem: problem.to_owned(), limit };
    // Lower case may undo the normal form, so that it is made again.
    let folded: String = login.trim().nfkc().collect::<String>().to_lowercase().nfkc().take(LOGIN + 1).collect();
    if folded.is_empty() || folded.chars().count() > LOGIN {
        return Err(invalid("must have 1 to 64 characters", Some(limit)));
    }
    if folded.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(invalid("must not have spaces or control characters", None));
    }
    Ok(folded)
}

/// Refuses what a new account cannot have. The password's length is the policy's affair.
pub(crate) fn check(new: &NewMember) -> Result<(), ServiceError> {
    normalise_login(&new.login)?;
    check_name(&new.name)?;
    new.locale.as_deref().map_or(Ok(()), check_locale)
}

pub(super) fn check_name(name: &str) -> Result<(), ServiceError> {
    if name.trim().is_empty() || name.len() > NAME {
        return Err(ServiceError::length("name", NAME));
    }
    if name.chars().any(char::is_control) {
        return Err(ServiceError::invalid("name", "must not have control characters"));
    }
    Ok(())
}

pub(super) fn check_locale(locale: &str) -> Result<(), ServiceError> {
    let is_tag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if locale.len() <= LOCALE && locale.split('-').all(is_tag) {
        return Ok(());
    }
    Err(ServiceError::invalid("locale", "must be a language tag such as en or zh-Hans"))
}

/// Makes an account.
pub(crate) async fn create(
    core: &Core,
    scope: &TenantScope,
    actor: &Actor,
    new: NewMember,
    least: usize,
) -> Result<Profile, ServiceError> {
    check(&new)?;
    check_new(&new.password, least)?;
    let login = normalise_login(&new.login)?;
    let key = records::login(&core.ports.state.blind(scope, "login", login.as_bytes())?);
    if core.ports.state.get(scope, &key).await?.is_some() {
        return Err(TAKEN);
    }
    let password = core.passwords.hash(&new.password).await?;
    let profile = Profile {
        id: UserId::from_uuid(core.ports.ids.next()),
        login,
        name: new.name,
        role: new.role,
        locale: new.locale,
        disabled: false,
        created_at: core.now(),
    };
    let (user, role) = (profile.id, profile.role);
    let account = Account { revision: 1, profile, password };
    for _ in 0..ATTEMPTS {
        let mut writes = vec![
            records::put(key.clone(), &LoginRecord { user }, Expect::Absent)?,
            records::put(records::account(user), &account, Expect::Absent)?,
        ];
        writes.extend(owners_write(core, scope, user, role == Role::Owner).await?);
        let entry = NewEntry::new(actor.clone(), "member.add").subject("user", &user);
        match core.audit.commit(scope, writes, entry).await {
            Ok(_) => return Ok(account.profile),
            Err(StoreError::Conflict { key: lost }) if lost == key => return Err(TAKEN),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(BUSY)
}

/// An agent's account, to which nobody can sign in, and the writes that make it.
pub(crate) fn agent(
    core: &Core,
    scope: &TenantScope,
    name: &str,
    locale: Option<String>,
) -> Result<(Profile, Vec<StateWrite>), ServiceError> {
    check_name(name)?;
    locale.as_deref().map_or(Ok(()), check_locale)?;
    let id = core.ports.ids.next();
    let profile = Profile {
        id: UserId::from_uuid(id),
        login: format!("agent-{}", id.simple()),
        name: name.to_owned(),
        role: Role::Agent,
        locale,
        disabled: false,
        created_at: core.now(),
    };
    let key = records::login(&core.ports.state.blind(scope, "login", profile.login.as_bytes())?);
    let account = Account { revision: 1, profile: profile.clone(), password: StoredPassword::nobody() };
    let writes = vec![
        records::put(key, &LoginRecord { user: profile.id }, Expect::Absent)?,
        records::put(records::account(profile.id), &account, Expect::Absent)?,
    ];
    Ok((profile, writes))
}

/// Changes an agent's name, or shuts it.
pub(crate) async fn change_agent(
    core: &Core,
    scope: &TenantScope,
    user: UserId,
    entry: NewEntry,
    name: Option<&str>,
    disabled: Option<bool>,
) -> Result<Profile, ServiceError> {
    name.map_or(Ok(()), check_name)?;
    change(core, scope, user, entry, |account| {
        if let Some(name) = name {
            name.clone_into(&mut account.profile.name);
        }
        account.profile.disabled = disabled.unwrap_or(account.profile.disabled);
        Ok(())
    })
    .await
}

/// The account with this login name.
pub(crate) async fn find(core: &Core, scope: &TenantScope, login: &str) -> Result<UserId, ServiceError> {
    let login = normalise_login(login)?;
    let key = records::login(&core.ports.state.blind(scope, "login", login.as_bytes())?);
    let found = records::get::<LoginRecord>(&*core.ports.state, scope, &key, "login").await?;
    found.map(|(record, _)| record.user).ok_or(ABSENT)
}

/// Gives an account another password, and ends its sessions.
pub(crate) async fn set_password(
    core: &Core,
    scope: &TenantScope,
    actor: &Actor,
    user: UserId,
    password: Zeroizing<String>,
) -> Result<Profile, ServiceError> {
    check_new(&password, core.tenants.policy(scope.tenant()).password_length)?;
    let hash = core.passwords.hash(&password).await?;
    let entry = NewEntry::new(actor.clone(), "member.password").subject("user", &user);
    let profile = change(core, scope, user, entry, |account| {
        if account.password.is_nobody() {
            return Err(ServiceError::invalid("password", "is not for agents: nobody signs in to them"));
        }
        account.password = hash.clone();
        Ok(())
    })
    .await?;
    authentication::end_all(core, scope, user, None).await?;
    Ok(profile)
}

/// Changes an account, together with the audit entry that tells of it.
pub(super) async fn change(
    core: &Core,
    scope: &TenantScope,
    user: UserId,
    entry: NewEntry,
    apply: impl Fn(&mut Account) -> Result<(), ServiceError>,
) -> Result<Profile, ServiceError> {
    let key = records::account(user);
    for _ in 0..ATTEMPTS {
        let found = records::get::<Account>(&*core.ports.state, scope, &key, "account").await?;
        let (mut account, expect) = found.ok_or(ABSENT)?;
        let was_owner = is_open_owner(&account.profile);
        apply(&mut account)?;
        account.revision += 1;
        let mut writes = vec![records::put(key.clone(), &account, expect)?];
        let is_owner = is_open_owner(&account.profile);
        if was_owner != is_owner {
            writes.extend(owners_write(core, scope, user, is_owner).await?);
        }
        match core.audit.commit(scope, writes, entry.clone()).await {
            Ok(_) => {
                core.account_changed(scope.tenant(), &account);
                return Ok(account.profile);
            }
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(BUSY)
}

fn is_open_owner(profile: &Profile) -> bool {
    profile.role == Role::Owner && !profile.disabled
}

/// The write that keeps the list of owners, whose versions keep two of them from leaving at once.
async fn owners_write(
    core: &Core,
    scope: &TenantScope,
    user: UserId,
    is_owner: bool,
) -> Result<Option<StateWrite>, ServiceError> {
    let (mut owners, expect): (Vec<UserId>, _) =
        records::get_or_new(&*core.ports.state, scope, &records::owners(), "owners").await?;
    if owners.contains(&user) == is_owner {
        return Ok(None);
    }
    if is_owner {
        owners.push(user);
    } else {
        owners.retain(|owner| *owner != user);
    }
    if owners.is_empty() {
        return Err(ServiceError::Conflict { what: "a tenant must keep an owner" });
    }
    Ok(Some(records::put(records::owners(), &owners, expect)?))
}

const TAKEN: ServiceError = ServiceError::Conflict { what: "the login name is taken" };
const BUSY: ServiceError = ServiceError::Conflict { what: "the account is being changed by others" };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_names_are_the_same_whatever_their_case_and_width() {
        for login in ["Ada", " ada ", "ＡＤＡ", "ada"] {
            assert_eq!(normalise_login(login).unwrap(), "ada");
        }
        assert_eq!(normalise_login("王小明").unwrap(), "王小明");
    }

    #[test]
    fn login_names_without_characters_or_with_spaces_or_too_many_are_refused() {
        for login in ["", "  ", "a b", "a\u{0}b", "a\u{a0}b", &"a".repeat(65)] {
            let Err(ServiceError::Invalid { field: "login", .. }) = normalise_login(login) else {
                panic!("{login:?} was taken");
            };
        }
        assert!(normalise_login(&"a".repeat(64)).is_ok());
    }

    #[test]
    fn language_tags_look_like_language_tags() {
        for good in ["en", "zh-Hans", "de-CH-1996"] {
            check_locale(good).unwrap();
        }
        for bad in ["", "-", "en_US", "en-", "toolongsubtag", "e n"] {
            assert!(check_locale(bad).is_err(), "{bad:?}");
        }
    }
}
