//! Row-level security, proven from the role of the application, and the rules of the schema.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use eventflow_store::{Db, Error, Scope, Tx};
use serde_json::Value;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::support::{Everything, Platform, platform::rows, text, uuid_of};

/// Tables that belong to the platform, not to a tenant.
const PLATFORM_TABLES: [&str; 3] = ["embed_files", "platform_keys", "__diesel_schema_migrations"];
/// What the role that looks up tenants may do with whole tables; what it may read of others are columns.
const SYSTEM_TABLES: [(&str, &str); 12] = [
    ("api_keys", "SELECT"),
    ("devices", "SELECT"),
    ("embed_files", "INSERT SELECT"),
    ("idempotency_keys", "DELETE"),
    ("jobs", "DELETE INSERT SELECT UPDATE"),
    ("outbox", "DELETE SELECT"),
    ("plugin_receipts", "DELETE"),
    ("plugin_statistics", "DELETE"),
    ("platform_keys", "INSERT SELECT"),
    ("provider_events", "INSERT SELECT UPDATE"),
    ("tenants", ""),
    ("webhook_deliveries", "DELETE"),
];
/// Columns that it may read where it may not read the table.
const SYSTEM_COLUMNS: [(&str, &str); 11] = [
    ("audit_log", "tenant_id xact_id"),
    ("events", "id starts_at state tenant_id"),
    ("idempotency_keys", "created_at"),
    ("orders", "event_id id tenant_id"),
    ("plugin_receipts", "at"),
    ("plugin_statistics", "hour"),
    ("payments", "account id livemode order_id payment_intent session_id state tenant_id"),
    ("scans", "tenant_id xact_id"),
    ("tenants", "id livemode"),
    ("webhook_deliveries", "created_at state"),
    ("webhook_endpoints", "blocked_until due_at id position slow_until state tenant_id"),
];
/// History: the application adds to it and never changes it.
const HISTORY: [&str; 8] = [
    "audit_log",
    "ledger_entries",
    "order_adjustments",
    "rows",
    "scans",
    "seat_map_versions",
    "seats",
    "sections",
];

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(diesel::QueryableByName)]
struct Word {
    #[diesel(sql_type = Text)]
    word: String,
}

async fn count(connection: &mut AsyncPgConnection, of: &str) -> Result<i64, String> {
    let query = diesel::sql_query(format!("SELECT count(*) AS n FROM {of}"));
    query.get_result::<Count>(connection).await.map(|count| count.n).map_err(|error| error.to_string())
}

/// Runs one statement in a transaction of its own: how many rows it touched, or what Postgres says.
async fn as_tenant(db: &Db, tenant: Uuid, sql: &str) -> Result<usize, String> {
    let scope = Scope::system(tenant.into_id(), "test");
    let run = async |tx: &mut Tx| Ok(diesel::sql_query(sql).execute(&mut **tx).await?);
    db.run(&scope, run).await.map_err(|error| error.to_string())
}

async fn count_as(db: &Db, tenant: Uuid, of: &str) -> i64 {
    let scope = Scope::system(tenant.into_id(), "test");
    db.run(&scope, async |tx| count(tx, of).await.map_err(Error::Corrupt)).await.unwrap()
}

trait IntoId {
    fn into_id(self) -> eventflow_core::Id<eventflow_core::id::Tenant>;
}

impl IntoId for Uuid {
    fn into_id(self) -> eventflow_core::Id<eventflow_core::id::Tenant> {
        eventflow_core::Id::from_uuid(self)
    }
}

/// Every table that holds rows of tenants, and the column that says of which.
async fn tenant_tables(platform: &Platform) -> Vec<(String, &'static str)> {
    let tables = platform
        .rows("SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1")
        .await;
    let names = tables.iter().map(|row| text(row, "name")).filter(|name| !PLATFORM_TABLES.contains(name));
    names.map(|name| (name.to_owned(), if name == "tenants" { "id" } else { "tenant_id" })).collect()
}

/// Columns that Postgres works out itself.
const GENERATED: [&str; 1] = ["buyer_key"];

/// `INSERT` of the row of another tenant, as it stands.
fn insert(table: &str, row: &Value) -> String {
    let columns = row.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let columns = columns.filter(|name| !GENERATED.contains(name)).collect::<Vec<_>>().join(", ");
    let row = row.to_string().replace('\'', "''");
    format!(
        "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE \
         SELECT {columns} FROM jsonb_populate_record(NULL::{table}, '{row}')"
    )
}

fn is_wall(error: &str) -> bool {
    error.contains("violates row-level security policy")
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_tenant_are_behind_a_wall() {
    let platform = Platform::start().await;
    let ours = Everything::make(&platform).await;
    let foreign = uuid_of(&platform.tenant().await.id);
    let tenant = uuid_of(&ours.tenant.id);
    let db = &platform.app.db;
    // Delivered at once, and so rarely seen.
    platform
        .sql(&format!(
            "INSERT INTO outbox (tenant_id, event_id, kind, payload) VALUES ('{tenant}', gen_random_uuid(), 'event.changed', '{{}}')"
        ))
        .await;

    for (table, column) in tenant_tables(&platform).await {
        let row = platform.rows(&format!("SELECT * FROM {table} WHERE {column} = '{tenant}' LIMIT 1")).await;
        let row = row
            .as_slice()
            .first()
            .unwrap_or_else(|| panic!("`Everything` has no row in {table}: nothing would be proven"));
        let all =
            platform.number(&format!("SELECT count(*) FROM {table} WHERE {column} = '{foreign}'")).await;

        // Nobody's transaction: nothing to see, nothing to add.
        let mut forgotten = db.app_without_tenant().await.unwrap();
        assert_eq!(count(&mut forgotten, &table).await, Ok(0), "{table} without a tenant");
        let added = forgotten.batch_execute(&insert(&table, row)).await;
        assert!(
            added.as_ref().is_err_and(|error| is_wall(&error.to_string())),
            "{table} without a tenant: {added:?}"
        );
        drop(forgotten);

        // Another tenant: its own rows and nothing else.
        assert_eq!(count_as(db, foreign, &table).await, all, "{table} of another tenant");
        assert_eq!(
            count_as(db, foreign, &format!("{table} WHERE {column} = '{tenant}'")).await,
            0,
            "{table}"
        );
        let added = as_tenant(db, foreign, &insert(&table, row)).await;
        assert!(added.as_ref().is_err_and(|error| is_wall(error)), "{table} under another tenant: {added:?}");
        for change in [format!("UPDATE {table} SET {column} = {column}"), format!("DELETE FROM {table}")] {
            let sql = format!("{change} WHERE {column} = '{tenant}'");
            match as_tenant(db, foreign, &sql).await {
                Ok(changed) => assert_eq!(changed, 0, "{sql}"),
                Err(error) => assert!(error.contains("permission denied"), "{sql}: {error}"),
            }
        }
        // Nor can a row be pushed over the wall.
        let sql = format!("UPDATE {table} SET {column} = '{foreign}'");
        let moved = as_tenant(db, tenant, &sql).await;
        let refused = |error: &String| is_wall(error) || error.contains("permission denied");
        assert!(moved.as_ref().is_err_and(refused), "{sql}: {moved:?}");
        let after =
            platform.number(&format!("SELECT count(*) FROM {table} WHERE {column} = '{foreign}'")).await;
        assert_eq!(after, all, "{table}");
        assert!(count_as(db, tenant, &table).await > 0, "{table} of its own tenant");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_view_has_the_wall_of_its_tables() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    tenant.seated_event(4).await.order_manual(&[0]).await.created();
    let foreign = uuid_of(&platform.tenant().await.id);
    let db = &platform.app.db;
    assert_eq!(count_as(db, uuid_of(&tenant.id), "event_sales").await, 1);
    assert_eq!(count_as(db, foreign, "event_sales").await, 0);
    assert_eq!(count(&mut db.app_without_tenant().await.unwrap(), "event_sales").await, Ok(0));
    let views = platform
        .rows(
            "SELECT relname AS name, 'security_invoker=true' = ANY(reloptions) AS bound FROM pg_class
             WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace",
        )
        .await;
    assert!(!views.is_empty() && views.iter().all(|view| view["bound"] == true), "{views:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_used_again_keeps_nothing() {
    let platform = Platform::start().await;
    let (a, b) = (platform.tenant().await, platform.tenant().await);
    let (a, b) = (uuid_of(&a.id), uuid_of(&b.id));
    // One connection: every step below is on it.
    let db = Db::connect(&platform.database.app_url, 1).await.unwrap();
    let mut backends = BTreeSet::new();
    for (tenant, fails) in [(a, false), (b, true), (a, true), (b, false)] {
        let scope = Scope::system(tenant.into_id(), "test");
        let done = db
            .run(&scope, async |tx| {
                let seen =
                    diesel::sql_query("SELECT id::text AS word FROM tenants").load::<Word>(&mut **tx).await?;
                assert_eq!(seen.iter().map(|row| row.word.clone()).collect::<Vec<_>>(), [tenant.to_string()]);
                if fails { Err(Error::Corrupt("as a handler that fails".into())) } else { Ok(()) }
            })
            .await;
        assert_eq!(done.is_err(), fails);
        let mut idle = db.app_without_tenant().await.unwrap();
        assert_eq!(count(&mut idle, "tenants").await, Ok(0));
        let left = diesel::sql_query("SELECT coalesce(current_setting('app.tenant', true), '') AS word");
        assert_eq!(left.get_result::<Word>(&mut *idle).await.unwrap().word, "");
        let backend = diesel::sql_query("SELECT pg_backend_pid()::text AS word");
        backends.insert(backend.get_result::<Word>(&mut *idle).await.unwrap().word);
    }
    assert_eq!(backends.len(), 1, "the steps were on different connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_find_a_connection_however_many_requests_wait() {
    let platform = Platform::start().await;
    let tenant = uuid_of(&platform.tenant().await.id);
    let db = Db::connect(&platform.database.app_url, 2).await.unwrap();
    let request = Scope { actor: "key_test".into(), ..Scope::system(tenant.into_id(), "") };
    let gate = Arc::new(Semaphore::new(0));
    let requests: Vec<_> = (0..20)
        .map(|_| {
            let (db, request, gate) = (db.clone(), request.clone(), gate.clone());
            tokio::spawn(async move {
                let run = db.run(&request, async |_| {
                    gate.acquire().await.unwrap().forget();
                    Ok(())
                });
                run.await
            })
        })
        .collect();
    let worker = Scope::system(tenant.into_id(), "test");
    for _ in 0..3 {
        db.run(&worker, async |tx| Ok(tx.tenant())).await.unwrap();
    }
    assert!(!requests.iter().any(tokio::task::JoinHandle::is_finished), "no request is through yet");
    gate.add_permits(20);
    for request in requests {
        request.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_savepoint_neither_widens_nor_moves_the_wall() {
    let platform = Platform::start().await;
    let (a, b) = (platform.tenant().await, platform.tenant().await);
    let (a, b) = (uuid_of(&a.id), uuid_of(&b.id));
    let db = &platform.app.db;
    let scope = Scope::system(a.into_id(), "test");
    db.run(&scope, async |tx| {
        // A step that fails and is taken back, as after a lost race.
        let failed = tx.transaction(async |tx| {
            diesel::sql_query("INSERT INTO venues SELECT * FROM venues").execute(tx).await?;
            diesel::sql_query(format!("SET LOCAL app.tenant = '{b}'")).execute(tx).await?;
            assert_eq!(count(tx, "tenants").await, Ok(1));
            Err::<(), Error>(Error::Corrupt("taken back".into()))
        });
        assert!(failed.await.is_err());
        let seen = diesel::sql_query("SELECT id::text AS word FROM tenants").load::<Word>(&mut **tx).await?;
        assert_eq!(seen.iter().map(|row| row.word.clone()).collect::<Vec<_>>(), [a.to_string()]);
        // A step that is kept.
        tx.transaction(async |tx| {
            assert_eq!(count(tx, &format!("tenants WHERE id = '{b}'")).await, Ok(0));
            Ok::<_, Error>(())
        })
        .await
    })
    .await
    .unwrap();
    assert_eq!(count(&mut db.app_without_tenant().await.unwrap(), "tenants").await, Ok(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_reaches_what_it_needs_and_no_more() {
    let platform = Platform::start().await;
    let db = &platform.app.db;
    let privileges = |role: &str| {
        format!(
            "SELECT c.relname AS name, coalesce(string_agg(p, ' ' ORDER BY p) FILTER
                 (WHERE has_table_privilege('{role}', c.oid, p)), '') AS may,
               (SELECT coalesce(string_agg(a.attname, ' ' ORDER BY a.attname), '') FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT has_table_privilege('{role}', c.oid, 'SELECT')
                   AND has_column_privilege('{role}', c.oid, a.attnum, 'SELECT')) AS columns
             FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p
             WHERE c.relkind IN ('r', 'v') AND c.relnamespace = 'public'::regnamespace GROUP BY c.oid, c.relname"
        )
    };
    for row in platform.rows(&privileges("ef_system")).await {
        let name = text(&row, "name");
        let may = SYSTEM_TABLES.iter().find(|(table, _)| *table == name).map_or("", |(_, may)| may);
        let columns =
            SYSTEM_COLUMNS.iter().find(|(table, _)| *table == name).map_or("", |(_, columns)| columns);
        assert_eq!((text(&row, "may"), text(&row, "columns")), (may, columns), "ef_system on {name}");
    }
    for row in platform.rows(&privileges("ef_app")).await {
        let name = text(&row, "name");
        let may = match name {
            "event_sales" => "SELECT",
            "tenants" => "INSERT SELECT UPDATE",
            _ if PLATFORM_TABLES.contains(&name) => "",
            _ if HISTORY.contains(&name) => "INSERT SELECT",
            // Versions are forgotten, never changed.
            "plugin_versions" => "DELETE INSERT SELECT",
            _ => "DELETE INSERT SELECT UPDATE",
        };
        assert_eq!(text(&row, "may"), may, "ef_app on {name}");
    }
    // And once with real statements, not with what the catalogue says.
    let mut system = db.system().await.unwrap();
    assert!(count(&mut system, "api_keys").await.is_ok());
    for of in [
        "venues",
        "tickets",
        "(SELECT actor, detail FROM audit_log) q",
        "(SELECT ticket_id FROM scans) q",
        "(SELECT url FROM webhook_endpoints) q",
        "event_sales",
        "(SELECT name FROM tenants) q",
        "(SELECT buyer_email FROM orders) q",
    ] {
        let error = count(&mut system, of).await.unwrap_err();
        assert!(error.contains("permission denied"), "{of}: {error}");
    }
    for sql in [
        "UPDATE orders SET state = 'paid'",
        "UPDATE api_keys SET scopes = '{}'",
        "DELETE FROM tenants",
        "SET ROLE ef_owner",
    ] {
        let error = system.batch_execute(sql).await.unwrap_err().to_string();
        assert!(error.contains("permission denied"), "{sql}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_of_a_tenant_is_walled_and_led_by_the_tenant() {
    let platform = Platform::start().await;
    const POLICY: &str = "(tenant_id = (NULLIF(current_setting('app.tenant'::text, true), ''::text))::uuid)";
    let tables = platform
        .rows(
            "SELECT c.relname AS name, c.relrowsecurity AS on, c.relforcerowsecurity AS forced,
               EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnotnull)
                 AS has_tenant,
               (SELECT jsonb_agg(jsonb_build_array(p.policyname, p.cmd, p.permissive, p.roles, p.qual, p.with_check))
                 FROM pg_policies p WHERE p.tablename = c.relname AND p.schemaname = 'public' AND 'ef_app' = ANY(p.roles))
                 AS policies
             FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace",
        )
        .await;
    for table in tables.iter().filter(|table| !PLATFORM_TABLES.contains(&text(table, "name"))) {
        let name = text(table, "name");
        assert!(table["on"] == true && table["forced"] == true, "{name} has no forced row-level security");
        let policy = if name == "tenants" { POLICY.replace("tenant_id", "id") } else { POLICY.to_owned() };
        let expected =
            serde_json::json!([["tenant_isolation", "ALL", "PERMISSIVE", ["ef_app"], policy, policy]]);
        assert_eq!(table["policies"], expected, "{name}");
        // Of the inbox's messages, some belong to nobody whom we know.
        assert!(
            table["has_tenant"] == true || ["tenants", "provider_events"].contains(&name),
            "{name} has no tenant"
        );
    }

    // Looked up before the tenant is known, or across tenants by a worker.
    let across = [
        "api_keys_hash_key",
        "devices_token_hash_key",
        "events_event_no_key",
        "events_starts_at_idx",
        "idempotency_keys_created_at_idx",
        "jobs_messages_idx",
        "jobs_pkey",
        "jobs_run_at_idx",
        "outbox_pkey",
        "payments_account_payment_intent_idx",
        "payments_account_session_id_key",
        "plugin_receipts_at_idx",
        "provider_events_pkey",
        "provider_events_provider_event_id_key",
        "tenants_pkey",
        "webhook_deliveries_created_at_idx",
    ];
    let indexes = platform
        .rows(
            "SELECT i.relname AS name, t.relname AS of, a.attname AS first FROM pg_index x
             JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
             LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
             WHERE t.relnamespace = 'public'::regnamespace",
        )
        .await;
    for index in indexes.iter().filter(|index| !PLATFORM_TABLES.contains(&text(index, "of"))) {
        let led = index["first"] == "tenant_id";
        assert_ne!(
            led,
            across.contains(&text(index, "name")),
            "{index}: the tenant comes first, unless it is listed here"
        );
    }
    let keys = platform
        .rows(
            "SELECT conname AS name, conrelid::regclass::text AS of,
               (SELECT attname FROM pg_attribute WHERE attrelid = conrelid AND attnum = conkey[1]) AS first
             FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace",
        )
        .await;
    assert!(
        keys.iter().all(|key| key["first"] == "tenant_id"),
        "a foreign key that crosses tenants: {keys:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_index_is_over_an_expression() {
    let platform = Platform::start().await;
    // Below a policy Postgres does not look into it: functions count as such that might leak what they see. A unique one
    // still keeps its rule.
    let found = platform
        .rows(
            "SELECT i.relname AS name FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
             JOIN pg_class t ON t.oid = x.indrelid
             WHERE t.relnamespace = 'public'::regnamespace AND t.relrowsecurity AND x.indexprs IS NOT NULL
               AND NOT x.indisunique",
        )
        .await;
    assert!(found.is_empty(), "these are never used: {found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn constraints_and_indexes_are_named_by_one_rule() {
    let platform = Platform::start().await;
    // `<table>_<columns>_<kind>`; the tenant may be left out of the columns, a word may stand for a rule over several.
    let named = platform
        .rows(
            "SELECT conname AS name, conrelid::regclass::text AS of,
               CASE contype WHEN 'p' THEN 'pkey' WHEN 'u' THEN 'key' WHEN 'f' THEN 'fkey' WHEN 'c' THEN 'check'
                 ELSE contype::text END AS kind,
               (SELECT jsonb_agg(a.attname ORDER BY k.n) FROM unnest(conkey) WITH ORDINALITY k(attnum, n)
                 JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = k.attnum) AS columns
             FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
             UNION ALL
             SELECT i.relname, t.relname, CASE WHEN x.indisunique THEN 'key' ELSE 'idx' END,
               (SELECT jsonb_agg(a.attname ORDER BY k.n) FROM unnest(x.indkey::int2[]) WITH ORDINALITY k(attnum, n)
                 JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum)
             FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
             WHERE t.relnamespace = 'public'::regnamespace
               AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = x.indexrelid AND contype IN ('p', 'u'))",
        )
        .await;
    // A word for the rule instead of columns: partial, over an expression, or over columns that are too many to name.
    let words = [
        "ticket_keys_active_key",
        "events_times_check",
        "events_hold_cap_check",
        "events_per_hold_check",
        "jobs_messages_idx",
        "order_items_place_check",
        "price_tiers_per_hold_check",
        "price_tiers_target_check",
        "orders_buyer_idx",
        "scans_entry_no_key",
        "seats_label_key",
        "users_tenant_id_email_key",
    ];
    let mut wrong = vec![];
    for row in named.iter().filter(|row| !PLATFORM_TABLES.contains(&text(row, "of"))) {
        let (name, table, kind) = (text(row, "name"), text(row, "of").trim_matches('"'), text(row, "kind"));
        let columns: Vec<&str> =
            row["columns"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let without: Vec<&str> = columns.iter().copied().filter(|column| *column != "tenant_id").collect();
        let middle = name
            .strip_prefix(table)
            .and_then(|rest| rest.strip_suffix(kind))
            .map(|rest| rest.trim_matches('_'));
        // Several checks of one column are told apart by numbers.
        let middle = middle.map(|middle| middle.trim_end_matches(|c: char| c.is_ascii_digit()));
        // The leading columns are enough for a name, and so is the last one of a composite key.
        let leading =
            |columns: &[&str], middle: &str| (1..=columns.len()).any(|n| columns[..n].join("_") == middle);
        let fits = match (kind, middle) {
            (_, None) => false,
            ("pkey", Some(middle)) => middle.is_empty(),
            (_, Some(middle)) => {
                leading(&columns, middle) || leading(&without, middle) || without.last() == Some(&middle)
            }
        };
        if !fits && !words.contains(&name) {
            wrong.push(format!("{name} over {columns:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let names: BTreeSet<&str> = named.iter().map(|row| text(row, "name")).collect();
    assert!(words.iter().all(|word| names.contains(word)), "an exception that is not needed any more");
}

/// Tables, their primary keys, and their columns with types.
type Tables = BTreeMap<String, (Vec<String>, Vec<(String, String)>)>;

/// The tables as `store/src/schema.rs` has them.
fn schema_file() -> Tables {
    let file = include_str!("../../../store/src/schema.rs");
    let mut tables = BTreeMap::new();
    for block in file.split("diesel::table! {").skip(1) {
        let block = block.split("\n}").next().unwrap();
        let mut lines =
            block.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("use "));
        let head = lines.find(|line| line.ends_with('{')).unwrap();
        let (name, key) = head.split_once('(').unwrap();
        let key = key.split(')').next().unwrap().split(',').map(|column| column.trim().to_owned()).collect();
        let columns = lines
            .filter_map(|line| line.trim_end_matches(',').split_once(" -> "))
            .map(|(column, kind)| (column.to_owned(), kind.to_owned()))
            .collect();
        tables.insert(name.trim().to_owned(), (key, columns));
    }
    tables
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_file_is_the_catalogue() {
    let platform = Platform::start().await;
    let columns = platform
        .rows(
            "SELECT c.relname AS table_name, a.attname AS name, t.typname AS kind, a.attnotnull AS required,
               (SELECT array_position(x.indkey::int2[], a.attnum) FROM pg_index x
                 WHERE x.indrelid = c.oid AND x.indisprimary) AS key
             FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
             WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
               AND c.relname <> '__diesel_schema_migrations'
             ORDER BY c.relname, a.attnum",
        )
        .await;
    let mut catalogue = Tables::new();
    for column in &columns {
        let kind = match text(column, "kind") {
            "uuid" => "Uuid",
            "text" => "Text",
            "bool" => "Bool",
            "int2" => "Int2",
            "int4" => "Int4",
            "int8" => "Int8",
            "bytea" => "Bytea",
            "jsonb" => "Jsonb",
            "timestamptz" => "Timestamptz",
            "_text" => "Array<Text>",
            "_int4" => "Array<Int4>",
            "_uuid" => "Array<Uuid>",
            "_bytea" => "Array<Bytea>",
            "_timestamptz" => "Array<Timestamptz>",
            other => panic!("the type {other} has no name here: {column}"),
        };
        let kind = if column["required"] == true { kind.to_owned() } else { format!("Nullable<{kind}>") };
        let name = text(column, "name").to_owned();
        let table = catalogue.entry(text(column, "table_name").to_owned()).or_default();
        if column["key"].is_i64() {
            table.0.push(name.clone());
        }
        table.1.push((name, kind));
    }
    let file = schema_file();
    assert_eq!(file.keys().collect::<Vec<_>>(), catalogue.keys().collect::<Vec<_>>());
    for (table, expected) in &catalogue {
        assert_eq!(&file[table], expected, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_database_is_migrated_by_two_servers_at_once() {
    let database = crate::support::engines::engines().bare_database().await;
    let migrate = || {
        let url = database.owner_url.clone();
        tokio::spawn(async move { eventflow_store::migrate(&url).await.unwrap().len() })
    };
    let (first, second) = tokio::join!(migrate(), migrate());
    let applied = first.unwrap() + second.unwrap();
    let recorded = rows(&database.owner_url, "SELECT version FROM __diesel_schema_migrations").await.unwrap();
    assert_eq!((applied, recorded.is_empty()), (recorded.len(), false));
    assert_eq!(eventflow_store::db::pending_migrations(&database.owner_url).await.unwrap(), [""; 0]);
}
