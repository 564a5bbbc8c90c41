//! Members: people who work for a tenant, each with a role. `custom` carries permissions of its own.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use eventflow_core::{
    ErrorCode, Id, Refusal,
    access::{Permission, Role},
    id,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit_log,
    db::{Tx, new_uuid},
    error::{Error, OnConstraint, OrNotFound, Result},
    grants,
    schema::{members, users},
    tenants,
};

/// Members of a tenant; a bound against runaway automation.
pub const MEMBERS_MAX: i64 = 1_000;

#[derive(Debug, Clone)]
pub struct Member {
    pub id: Uuid,
    pub user_id: Uuid,
    pub email: String,
    pub name: String,
    pub role: Role,
    /// Those of the role, or with `custom` the member's own.
    pub permissions: Vec<Permission>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug)]
pub struct NewMember {
    pub email: String,
    pub name: String,
    pub role: Role,
    /// With [`Role::Custom`] at least one, with every other role none.
    pub permissions: Vec<Permission>,
}

/// The fields to change; `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct MemberChange {
    pub email: Option<String>,
    pub name: Option<String>,
    pub role: Option<Role>,
    pub permissions: Option<Vec<Permission>>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = members)]
struct MemberRow {
    id: Uuid,
    user_id: Uuid,
    role: String,
    permissions: Vec<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
struct UserRow {
    email: String,
    name: String,
}

/// The address of the tenant's first owner: where messages to the organizer go.
pub async fn owner_email(tx: &mut Tx) -> Result<Option<String>> {
    let email = members::table
        .inner_join(
            users::table.on(users::tenant_id.eq(members::tenant_id).and(users::id.eq(members::user_id))),
        )
        .filter(members::tenant_id.eq(tx.tenant()).and(members::role.eq(Role::Owner.as_str())))
        .order(members::id)
        .select(users::email)
        .first(&mut **tx)
        .await
        .optional()?;
    Ok(email)
}

/// Adds a member by an actor who holds `held`.
pub async fn create(tx: &mut Tx, new: NewMember, held: &[Permission]) -> Result<Member> {
    let own = own_permissions(new.role, Some(new.permissions), Vec::new())?;
    grants::check(&effective(new.role, &own), held)?;
    tenants::lock(tx).await?;
    let count: i64 =
        members::table.filter(members::tenant_id.eq(tx.tenant())).count().get_result(&mut **tx).await?;
    if count >= MEMBERS_MAX {
        let detail = format!(
            "A tenant has at most {MEMBERS_MAX} members; remove one who does not work here any more."
        );
        return Err(Error::refused(ErrorCode::LimitReached, detail));
    }
    let (id, user_id) = (new_uuid(), new_uuid());
    diesel::insert_into(users::table)
        .values((
            users::tenant_id.eq(tx.tenant()),
            users::id.eq(user_id),
            users::email.eq(new.email),
            users::name.eq(new.name),
        ))
        .execute(&mut **tx)
        .await
        .on_constraint("users_tenant_id_email_key", email_taken)?;
    diesel::insert_into(members::table)
        .values((
            members::tenant_id.eq(tx.tenant()),
            members::id.eq(id),
            members::user_id.eq(user_id),
            members::role.eq(new.role.as_str()),
            members::permissions.eq(texts(&own)),
        ))
        .execute(&mut **tx)
        .await?;
    let detail = json!({ "role": new.role.as_str(), "permissions": texts(&own) });
    audit_log::record(tx, "members.create", Id::<id::Member>::from(id), detail).await?;
    get(tx, id.into()).await
}

pub async fn get(tx: &mut Tx, id: Id<id::Member>) -> Result<Member> {
    let row = members::table
        .inner_join(
            users::table.on(users::tenant_id.eq(members::tenant_id).and(users::id.eq(members::user_id))),
        )
        .filter(members::tenant_id.eq(tx.tenant()).and(members::id.eq(id.uuid())))
        .select((MemberRow::as_select(), UserRow::as_select()))
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("member")?;
    read(row)
}

pub async fn list(tx: &mut Tx, limit: i64, after: Option<Uuid>) -> Result<Vec<Member>> {
    let mut query = members::table
        .inner_join(
            users::table.on(users::tenant_id.eq(members::tenant_id).and(users::id.eq(members::user_id))),
        )
        .filter(members::tenant_id.eq(tx.tenant()))
        .order(members::id)
        .limit(limit)
        .select((MemberRow::as_select(), UserRow::as_select()))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(members::id.gt(after));
    }
    query.load(&mut **tx).await?.into_iter().map(read).collect()
}

/// Changes a member by an actor who holds `held`: everything that the member may do before and after. Otherwise
/// somebody could take a stronger member's place by giving it another address.
pub async fn update(
    tx: &mut Tx,
    id: Id<id::Member>,
    change: MemberChange,
    held: &[Permission],
) -> Result<Member> {
    tenants::lock(tx).await?;
    let before = get(tx, id).await?;
    let role = change.role.unwrap_or(before.role);
    let kept = if before.role == Role::Custom { before.permissions.clone() } else { Vec::new() };
    let own = own_permissions(role, change.permissions, kept)?;
    grants::check(&before.permissions, held)?;
    grants::check(&effective(role, &own), held)?;
    if before.role == Role::Owner && role != Role::Owner {
        require_other_owner(tx, id).await?;
    }
    diesel::update(users::table.find((tx.tenant(), before.user_id)))
        .set((
            users::email.eq(change.email.unwrap_or(before.email)),
            users::name.eq(change.name.unwrap_or(before.name)),
        ))
        .execute(&mut **tx)
        .await
        .on_constraint("users_tenant_id_email_key", email_taken)?;
    diesel::update(members::table.find((tx.tenant(), id.uuid())))
        .set((
            members::role.eq(role.as_str()),
            members::permissions.eq(texts(&own)),
            members::updated_at.eq(diesel::dsl::now),
        ))
        .execute(&mut **tx)
        .await?;
    let detail = json!({ "role": role.as_str(), "permissions": texts(&own) });
    audit_log::record(tx, "members.update", id, detail).await?;
    get(tx, id).await
}

/// Removes a member, by an actor who holds all that the member may do, and what is known of the person.
pub async fn delete(tx: &mut Tx, id: Id<id::Member>, held: &[Permission]) -> Result<()> {
    tenants::lock(tx).await?;
    let member = get(tx, id).await?;
    grants::check(&member.permissions, held)?;
    if member.role == Role::Owner {
        require_other_owner(tx, id).await?;
    }
    diesel::delete(members::table.find((tx.tenant(), id.uuid()))).execute(&mut **tx).await?;
    diesel::delete(users::table.find((tx.tenant(), member.user_id))).execute(&mut **tx).await?;
    audit_log::record(tx, "members.delete", id, json!({ "role": member.role.as_str() })).await
}

/// A tenant without an owner could not be governed any more.
async fn require_other_owner(tx: &mut Tx, id: Id<id::Member>) -> Result<()> {
    let others: i64 = members::table
        .filter(members::tenant_id.eq(tx.tenant()).and(members::id.ne(id.uuid())))
        .filter(members::role.eq(Role::Owner.as_str()))
        .count()
        .get_result(&mut **tx)
        .await?;
    if others > 0 {
        return Ok(());
    }
    Err(Error::refused(ErrorCode::Conflict, "This is the last owner. Make another member an owner first."))
}

/// The permissions to store with a role: those `given`, else those `kept`; only `custom` has any.
fn own_permissions(
    role: Role,
    given: Option<Vec<Permission>>,
    kept: Vec<Permission>,
) -> Result<Vec<Permission>, Refusal> {
    if role != Role::Custom {
        return match given {
            Some(given) if !given.is_empty() => Err(Refusal::invalid(
                "permissions",
                format!(
                    "The role `{}` has fixed permissions; leave them out, or use the role `custom`.",
                    role.as_str()
                ),
            )),
            _ => Ok(Vec::new()),
        };
    }
    let own = given.unwrap_or(kept);
    if own.is_empty() {
        return Err(Refusal::invalid("permissions", "The role `custom` needs at least one permission."));
    }
    Ok(own)
}

fn effective(role: Role, own: &[Permission]) -> Vec<Permission> {
    if role == Role::Custom { own.to_vec() } else { role.permissions() }
}

fn read((member, user): (MemberRow, UserRow)) -> Result<Member> {
    let role: Role = member.role.parse().map_err(|_| Error::Corrupt(format!("role `{}`", member.role)))?;
    // A permission that this version does not know any more permits nothing.
    let own: Vec<Permission> = member.permissions.iter().filter_map(|text| text.parse().ok()).collect();
    Ok(Member {
        id: member.id,
        user_id: member.user_id,
        email: user.email,
        name: user.name,
        role,
        permissions: effective(role, &own),
        created_at: member.created_at,
        updated_at: member.updated_at,
    })
}

fn texts(permissions: &[Permission]) -> Vec<&'static str> {
    permissions.iter().map(|permission| permission.as_str()).collect()
}

fn email_taken() -> Refusal {
    Refusal::new(ErrorCode::AlreadyExists, "Another member has this address already.").param("email")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_custom_role_has_permissions_of_its_own() {
        let some = vec![Permission::EventsRead];
        assert_eq!(own_permissions(Role::Custom, Some(some.clone()), Vec::new()), Ok(some.clone()));
        assert_eq!(own_permissions(Role::Custom, None, some.clone()), Ok(some.clone()));
        assert_eq!(own_permissions(Role::Staff, None, some.clone()), Ok(Vec::new()));
        for (role, given) in
            [(Role::Staff, Some(some)), (Role::Custom, None), (Role::Custom, Some(Vec::new()))]
        {
            let refusal = own_permissions(role, given, Vec::new()).unwrap_err();
            assert_eq!(refusal.param.as_deref(), Some("permissions"), "{role:?}");
        }
    }
}
