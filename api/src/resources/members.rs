//! Members of the tenant and the roles that they can have.

use chrono::{DateTime, Utc};
use eventflow_core::{
    access::{Permission, Role},
    id,
};
use eventflow_store::members;
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{
    Tag,
    grants::{self, PermissionName},
};
use crate::{
    auth::Call,
    problem::Failure,
    wire::{Created, Cursor, NoContent, Page, Ref, Text, Window},
};

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum RoleName {
    Owner,
    Admin,
    Staff,
    Custom,
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Owner => Self::Owner,
            Role::Admin => Self::Admin,
            Role::Staff => Self::Staff,
            Role::Custom => Self::Custom,
        }
    }
}

impl From<RoleName> for Role {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::Owner => Self::Owner,
            RoleName::Admin => Self::Admin,
            RoleName::Staff => Self::Staff,
            RoleName::Custom => Self::Custom,
        }
    }
}

/// A role and what it may do.
#[derive(Debug, Object)]
struct RoleInfo {
    role: RoleName,
    description: String,
    /// Empty for `custom`, whose members carry their own.
    permissions: Vec<PermissionInfo>,
}

/// A permission in words.
#[derive(Debug, Object)]
struct PermissionInfo {
    permission: PermissionName,
    description: String,
}

/// Somebody who works for the tenant.
#[derive(Debug, Object)]
struct Member {
    id: Ref<id::Member>,
    user_id: Ref<id::User>,
    email: String,
    name: String,
    role: RoleName,
    /// What the member may do: by the role, or with `custom` by its own list.
    permissions: Vec<PermissionName>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A new member.
#[derive(Debug, Object)]
#[oai(example)]
struct NewMember {
    email: Text<3, 254>,
    name: Text<1, 200>,
    role: RoleName,
    /// Only with the role `custom`, and then at least one.
    #[oai(default, validator(max_items = 100))]
    permissions: Vec<PermissionName>,
}

impl poem_openapi::types::Example for NewMember {
    fn example() -> Self {
        Self {
            email: Text("grace@example.org".into()),
            name: Text("Grace Hopper".into()),
            role: RoleName::Custom,
            permissions: vec![Permission::EventsRead.into(), Permission::OrdersRead.into()],
        }
    }
}

/// The fields to change; absent ones stay as they are.
#[derive(Debug, Object)]
#[oai(example)]
struct MemberPatch {
    email: Option<Text<3, 254>>,
    name: Option<Text<1, 200>>,
    role: Option<RoleName>,
    /// Only with the role `custom`, and then at least one.
    #[oai(validator(max_items = 100))]
    permissions: Option<Vec<PermissionName>>,
}

impl poem_openapi::types::Example for MemberPatch {
    fn example() -> Self {
        Self { email: None, name: None, role: Some(RoleName::Admin), permissions: None }
    }
}

fn shape(member: members::Member) -> Member {
    Member {
        id: member.id.into(),
        user_id: member.user_id.into(),
        email: member.email,
        name: member.name,
        role: member.role.into(),
        permissions: member.permissions.into_iter().map(Into::into).collect(),
        created_at: member.created_at,
        updated_at: member.updated_at,
    }
}

fn shape_role(role: Role) -> RoleInfo {
    let description = match role {
        Role::Owner => "Everything. A tenant always has an owner.",
        Role::Admin => "Everything but the tenant's settings and its members.",
        Role::Staff => "The box office and the doors: sell, look up, check in.",
        Role::Custom => "The permissions that are given to the member.",
    };
    let permissions = role.permissions().into_iter().map(|permission| PermissionInfo {
        permission: permission.into(),
        description: permission.description().to_owned(),
    });
    RoleInfo { role: role.into(), description: description.to_owned(), permissions: permissions.collect() }
}

pub struct Members;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Tenants")]
impl Members {
    /// List roles and what they may do, all on one page.
    #[oai(path = "/roles", method = "get", operation_id = "roles.list")]
    async fn list_roles(&self, _call: Call) -> Result<Json<Page<RoleInfo>>, Failure> {
        Ok(Json(Page { data: Role::ALL.iter().copied().map(shape_role).collect(), next_cursor: None }))
    }

    /// List members.
    #[oai(path = "/members", method = "get", operation_id = "members.list")]
    async fn list(
        &self,
        call: Call,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
        cursor: Query<Option<Cursor>>,
    ) -> Result<Json<Page<Member>>, Failure> {
        let window = Window::new(limit.0, cursor.0)?;
        let rows = call.read(async |tx| members::list(tx, window.fetch(), window.after).await).await?;
        Ok(Json(window.page(rows, |member| member.id, shape)))
    }

    /// Add a member.
    #[oai(path = "/members", method = "post", operation_id = "members.create")]
    async fn create(&self, call: Call, body: Json<NewMember>) -> Result<Created<Member>, Failure> {
        let new = body.0;
        super::check_email("email", Some(&new.email))?;
        let new = members::NewMember {
            email: new.email.0,
            name: new.name.0,
            role: new.role.into(),
            permissions: grants::parse("permissions", &new.permissions)?,
        };
        let held = grants::held(&call);
        let member = call.write(async |tx| members::create(tx, new, &held).await.map(shape)).await?;
        Ok(Created::Created(Json(member)))
    }

    /// Get a member.
    #[oai(path = "/members/:member_id", method = "get", operation_id = "members.get")]
    async fn get(&self, call: Call, member_id: Path<Ref<id::Member>>) -> Result<Json<Member>, Failure> {
        let member = call.read(async |tx| members::get(tx, member_id.0.0).await).await?;
        Ok(Json(shape(member)))
    }

    /// Change a member.
    #[oai(path = "/members/:member_id", method = "patch", operation_id = "members.update")]
    async fn update(
        &self,
        call: Call,
        member_id: Path<Ref<id::Member>>,
        body: Json<MemberPatch>,
    ) -> Result<Json<Member>, Failure> {
        let patch = body.0;
        super::check_email("email", patch.email.as_deref())?;
        let change = members::MemberChange {
            email: patch.email.map(|text| text.0),
            name: patch.name.map(|text| text.0),
            role: patch.role.map(Into::into),
            permissions: patch.permissions.map(|names| grants::parse("permissions", &names)).transpose()?,
        };
        let held = grants::held(&call);
        let member =
            call.write(async |tx| members::update(tx, member_id.0.0, change, &held).await.map(shape)).await?;
        Ok(Json(member))
    }

    /// Remove a member.
    #[oai(path = "/members/:member_id", method = "delete", operation_id = "members.delete")]
    async fn delete(&self, call: Call, member_id: Path<Ref<id::Member>>) -> Result<NoContent, Failure> {
        let held = grants::held(&call);
        call.write_silently(async |tx| members::delete(tx, member_id.0.0, &held).await).await?;
        Ok(NoContent::Done)
    }
}
