//! Seat maps: one draft document that can change, and published versions that never do.
//!
//! Documents are stored in the canonical form of the core. Publishing writes the document and, for reports and joins,
//! its sections, rows and seats under their dense indexes.

mod drafts;

use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, Integer, Jsonb, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use eventflow_core::{
    ErrorCode, Id, Refusal, id,
    seat_map::{Category, Finding, GaArea, Layout, SeatMap as Document},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    audit_log,
    db::{Tx, new_uuid},
    error::{Error, OnConstraint, OrNotFound, Result},
    schema::{seat_map_versions, seat_maps},
};

pub use drafts::Draft;

/// The version that stands for the draft.
pub const DRAFT: i32 = 0;
/// Seat maps of one venue: one for each arrangement of the hall, with room for experiments.
const MAPS_PER_VENUE_MAX: i64 = 500;
/// Seats in one INSERT: a statement stays far below the statement timeout.
const SEATS_PER_INSERT: usize = 10_000;
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = seat_maps)]
pub struct SeatMap {
    pub id: Uuid,
    pub venue_id: Uuid,
    pub name: String,
    pub draft_revision: i32,
    /// 0: never published.
    pub published_version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// How many places there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = seat_map_versions)]
pub struct Size {
    pub seat_count: i32,
    pub ga_capacity: i32,
}

/// A seat map with one of its documents.
#[derive(Debug)]
pub struct Shown {
    pub map: SeatMap,
    /// [`DRAFT`] or a published version.
    pub version: i32,
    pub document: Value,
    pub size: Size,
    /// Of drafts; a published version has no errors.
    pub findings: Option<Vec<Finding>>,
}

/// The fields to change; `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct SeatMapChange {
    pub name: Option<String>,
    pub document: Option<Draft>,
    /// The revision that the change was made on; another one in the database is a conflict.
    pub draft_revision: Option<i32>,
}

/// What price tiers refer to.
#[derive(Debug, Default)]
pub struct Outline {
    pub categories: Vec<Category>,
    pub ga_areas: Vec<GaArea>,
}

pub async fn create(tx: &mut Tx, venue: Id<id::Venue>, name: String, draft: Draft) -> Result<Shown> {
    let count: i64 = seat_maps::table
        .filter(seat_maps::tenant_id.eq(tx.tenant()).and(seat_maps::venue_id.eq(venue.uuid())))
        .count()
        .get_result(&mut **tx)
        .await?;
    if count >= MAPS_PER_VENUE_MAX {
        return Err(Error::refused(
            ErrorCode::LimitReached,
            format!("A venue has at most {MAPS_PER_VENUE_MAX} seat maps."),
        ));
    }
    let map = diesel::insert_into(seat_maps::table)
        .values((
            seat_maps::tenant_id.eq(tx.tenant()),
            seat_maps::id.eq(new_uuid()),
            seat_maps::venue_id.eq(venue.uuid()),
            seat_maps::name.eq(name),
            seat_maps::draft.eq(&draft.json),
        ))
        .returning(SeatMap::as_returning())
        .get_result(&mut **tx)
        .await
        .on_constraint("seat_maps_venue_id_fkey", || Refusal::not_found("venue"))?;
    let detail = json!({ "name": map.name });
    audit_log::record(tx, "seat_maps.create", Id::<id::SeatMap>::from(map.id), detail).await?;
    Ok(shown(map, draft))
}

/// The maps of a venue, with the size of the newest published version.
pub async fn list(
    tx: &mut Tx,
    venue: Id<id::Venue>,
    limit: i64,
    after: Option<Uuid>,
) -> Result<Vec<(SeatMap, Option<Size>)>> {
    crate::venues::get(tx, venue).await?;
    let newest = seat_map_versions::tenant_id
        .eq(seat_maps::tenant_id)
        .and(seat_map_versions::seat_map_id.eq(seat_maps::id))
        .and(seat_map_versions::version.eq(seat_maps::published_version));
    let mut query = seat_maps::table
        .left_join(seat_map_versions::table.on(newest))
        .filter(seat_maps::tenant_id.eq(tx.tenant()).and(seat_maps::venue_id.eq(venue.uuid())))
        .order(seat_maps::id)
        .limit(limit)
        .select((SeatMap::as_select(), Option::<Size>::as_select()))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(seat_maps::id.gt(after));
    }
    Ok(query.load(&mut **tx).await?)
}

/// The map with the document of `version`; without one, of the newest published version or, failing that, the draft.
pub async fn get(tx: &mut Tx, id: Id<id::SeatMap>, version: Option<i32>) -> Result<Shown> {
    let map: SeatMap = seat_maps::table
        .find((tx.tenant(), id.uuid()))
        .select(SeatMap::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("seat map")?;
    let version = version.unwrap_or(map.published_version);
    if version == DRAFT {
        let draft = stored_draft(tx, id).await?;
        return Ok(shown(map, Draft::stored(draft).await?));
    }
    let (document, size) = seat_map_versions::table
        .find((tx.tenant(), id.uuid(), version))
        .select((seat_map_versions::document, Size::as_select()))
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("version of this seat map")?;
    Ok(Shown { map, version, document, size, findings: None })
}

/// The version that is meant: the one that is asked for; else the newest published one or, failing that, the draft.
/// Whether there is such a version is not looked at.
pub async fn meant(tx: &mut Tx, id: Id<id::SeatMap>, version: Option<i32>) -> Result<i32> {
    let published: i32 = seat_maps::table
        .find((tx.tenant(), id.uuid()))
        .select(seat_maps::published_version)
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("seat map")?;
    Ok(version.unwrap_or(published))
}

/// The document of the version that is meant, without looking for what is wrong with it.
pub async fn document(tx: &mut Tx, id: Id<id::SeatMap>, version: Option<i32>) -> Result<Document> {
    let version = meant(tx, id, version).await?;
    let stored = if version == DRAFT {
        stored_draft(tx, id).await?
    } else {
        seat_map_versions::table
            .find((tx.tenant(), id.uuid(), version))
            .select(seat_map_versions::document)
            .first(&mut **tx)
            .await
            .optional()
            .or_not_found("version of this seat map")?
    };
    drafts::document(stored).await
}

/// The draft as it stands, with its findings.
pub async fn draft(tx: &mut Tx, id: Id<id::SeatMap>) -> Result<Draft> {
    let document = stored_draft(tx, id).await?;
    Draft::stored(document).await
}

pub async fn update(tx: &mut Tx, id: Id<id::SeatMap>, change: SeatMapChange) -> Result<Shown> {
    let found = lock(tx, id).await?;
    if let Some(expected) = change.draft_revision
        && expected != found.draft_revision
    {
        let detail = format!(
            "The draft is at revision {} by now. Get it, repeat your change on it and send that revision.",
            found.draft_revision
        );
        return Err(Refusal::new(ErrorCode::Conflict, detail).param("draft_revision").into());
    }
    let (new_draft, revision) = match &change.document {
        Some(draft) => (Some(&draft.json), found.draft_revision.saturating_add(1)),
        None => (None, found.draft_revision),
    };
    let map = diesel::update(seat_maps::table.find((tx.tenant(), id.uuid())))
        .set((
            change.name.map(|name| seat_maps::name.eq(name)),
            new_draft.map(|json| seat_maps::draft.eq(json)),
            seat_maps::draft_revision.eq(revision),
            seat_maps::updated_at.eq(diesel::dsl::now),
        ))
        .returning(SeatMap::as_returning())
        .get_result(&mut **tx)
        .await?;
    audit_log::record(tx, "seat_maps.update", id, json!({ "draft_revision": revision })).await?;
    match change.document {
        Some(draft) => Ok(shown(map, draft)),
        None => Ok(shown(map, draft(tx, id).await?)),
    }
}

/// Freezes the draft as a new version. A draft that was not changed since is the version that it was published as.
pub async fn publish(tx: &mut Tx, id: Id<id::SeatMap>) -> Result<(SeatMap, Size)> {
    let map = lock(tx, id).await?;
    if let Some(size) = published_unchanged(tx, &map).await? {
        return Ok((map, size));
    }
    let draft = draft(tx, id).await?;
    if !draft.is_publishable() {
        return Err(Error::Refused(drafts::invalid(&draft.findings)));
    }
    let version = map.published_version.saturating_add(1);
    let size = draft.size();
    insert_version(tx, &map, version, &draft, size).await?;
    let map = diesel::update(seat_maps::table.find((tx.tenant(), id.uuid())))
        .set((seat_maps::published_version.eq(version), seat_maps::updated_at.eq(diesel::dsl::now)))
        .returning(SeatMap::as_returning())
        .get_result(&mut **tx)
        .await?;
    let detail =
        json!({ "version": version, "seat_count": size.seat_count, "ga_capacity": size.ga_capacity });
    audit_log::record(tx, "seat_maps.publish", id, detail).await?;
    Ok((map, size))
}

/// Categories and standing areas of a version, or with [`DRAFT`] of the draft.
pub async fn outline(tx: &mut Tx, id: Uuid, version: i32) -> Result<Outline> {
    #[derive(QueryableByName)]
    struct Parts {
        #[diesel(sql_type = Jsonb)]
        categories: Value,
        #[diesel(sql_type = Jsonb)]
        ga_areas: Value,
    }
    // The parts are cut out in the database: a whole document may have megabytes.
    let query = if version == DRAFT {
        "SELECT draft->'categories' AS categories, coalesce(draft->'ga_areas', '[]') AS ga_areas
         FROM seat_maps WHERE tenant_id = $1 AND id = $2 AND $3 = 0"
    } else {
        "SELECT document->'categories' AS categories, coalesce(document->'ga_areas', '[]') AS ga_areas
         FROM seat_map_versions WHERE tenant_id = $1 AND seat_map_id = $2 AND version = $3"
    };
    let parts: Parts = diesel::sql_query(query)
        .bind::<SqlUuid, _>(tx.tenant())
        .bind::<SqlUuid, _>(id)
        .bind::<Integer, _>(version)
        .get_result(&mut **tx)
        .await
        .optional()
        .or_not_found("seat map")?;
    let corrupt = |error| Error::Corrupt(format!("seat map: {error}"));
    Ok(Outline {
        categories: serde_json::from_value(parts.categories).map_err(corrupt)?,
        ga_areas: serde_json::from_value(parts.ga_areas).map_err(corrupt)?,
    })
}

fn shown(map: SeatMap, draft: Draft) -> Shown {
    let size = draft.size();
    Shown { map, version: DRAFT, document: draft.json, size, findings: Some(draft.findings) }
}

async fn stored_draft(tx: &mut Tx, id: Id<id::SeatMap>) -> Result<Value> {
    seat_maps::table
        .find((tx.tenant(), id.uuid()))
        .select(seat_maps::draft)
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("seat map")
}

async fn lock(tx: &mut Tx, id: Id<id::SeatMap>) -> Result<SeatMap> {
    seat_maps::table
        .find((tx.tenant(), id.uuid()))
        .for_update()
        .select(SeatMap::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("seat map")
}

/// The size of the newest version when the draft is the same document.
async fn published_unchanged(tx: &mut Tx, map: &SeatMap) -> Result<Option<Size>> {
    let same = seat_map_versions::table
        .inner_join(
            seat_maps::table.on(seat_maps::tenant_id
                .eq(seat_map_versions::tenant_id)
                .and(seat_maps::id.eq(seat_map_versions::seat_map_id))
                .and(seat_maps::draft.eq(seat_map_versions::document))),
        )
        .filter(seat_map_versions::tenant_id.eq(tx.tenant()))
        .filter(seat_map_versions::seat_map_id.eq(map.id))
        .filter(seat_map_versions::version.eq(map.published_version))
        .select(Size::as_select())
        .first(&mut **tx)
        .await
        .optional()?;
    Ok(same)
}

async fn insert_version(tx: &mut Tx, map: &SeatMap, version: i32, draft: &Draft, size: Size) -> Result<()> {
    diesel::insert_into(seat_map_versions::table)
        .values((
            seat_map_versions::tenant_id.eq(tx.tenant()),
            seat_map_versions::seat_map_id.eq(map.id),
            seat_map_versions::version.eq(version),
            seat_map_versions::document.eq(&draft.json),
            seat_map_versions::seat_count.eq(size.seat_count),
            seat_map_versions::ga_capacity.eq(size.ga_capacity),
        ))
        .execute(&mut **tx)
        .await?;
    insert_sections_and_rows(tx, map.id, version, &draft.layout).await?;
    for from in (0..draft.layout.seats().len()).step_by(SEATS_PER_INSERT) {
        insert_seats(tx, map.id, version, &draft.layout, from).await?;
    }
    Ok(())
}

async fn insert_sections_and_rows(tx: &mut Tx, map: Uuid, version: i32, layout: &Layout) -> Result<()> {
    let sections = layout.sections();
    diesel::sql_query(
        "INSERT INTO sections (tenant_id, seat_map_id, version, section_index, key, name)
         SELECT $1, $2, $3, * FROM unnest($4::int[], $5::text[], $6::text[])",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(map)
    .bind::<Integer, _>(version)
    .bind::<Array<Integer>, _>((0_i32..).take(sections.len()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(sections.iter().map(|section| section.key.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(sections.iter().map(|section| section.name.as_str()).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    let rows = layout.rows();
    diesel::sql_query(
        "INSERT INTO rows (tenant_id, seat_map_id, version, row_index, section_index, label)
         SELECT $1, $2, $3, * FROM unnest($4::int[], $5::int[], $6::text[])",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(map)
    .bind::<Integer, _>(version)
    .bind::<Array<Integer>, _>((0_i32..).take(rows.len()).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows.iter().map(|row| i32::from(row.section)).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.label.as_str()).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn insert_seats(tx: &mut Tx, map: Uuid, version: i32, layout: &Layout, from: usize) -> Result<()> {
    let seats: Vec<_> = layout.seats().iter().skip(from).take(SEATS_PER_INSERT).collect();
    let category = |index: Option<u16>| {
        index
            .and_then(|index| layout.categories().get(usize::from(index)))
            .map(|category| category.key.as_str())
            .ok_or_else(|| Error::Corrupt("a seat map without errors has a seat without category".into()))
    };
    let categories: Vec<&str> = seats.iter().map(|seat| category(seat.category)).collect::<Result<_>>()?;
    diesel::sql_query(
        "INSERT INTO seats (tenant_id, seat_map_id, version, seat_index, row_index, label, number, category, traits)
         SELECT $1, $2, $3, * FROM unnest($4::int[], $5::int[], $6::text[], $7::text[], $8::text[], $9::int[])",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(map)
    .bind::<Integer, _>(version)
    .bind::<Array<Integer>, _>(seats.iter().map(|seat| int(seat.index.0)).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(seats.iter().map(|seat| int(seat.row)).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(seats.iter().map(|seat| layout.label(seat.index)).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(seats.iter().map(|seat| layout.number(seat.index)).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(categories)
    .bind::<Array<Integer>, _>(seats.iter().map(|seat| i32::from(seat.traits.bits())).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn int(number: u32) -> i32 {
    i32::try_from(number).expect("the limits of a map keep counts and indexes far below 2^31")
}
