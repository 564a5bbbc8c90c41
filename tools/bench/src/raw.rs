//! What the databases can do by themselves: a hold in Redis, the settlement in Postgres.

use std::{fmt::Write as _, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result, bail};
use eventflow_core::{Id, id};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::UnixStream, process::Command};
use uuid::Uuid;

use crate::{
    api::text,
    hall::{Hall, Map},
    load::exchange,
    process::Sockets,
    wire,
};

/// The least that a hold of four seats is: look at the four, and write them with an expiry.
pub const MINIMAL_HOLD: &str = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000) \
    local v = redis.call('HMGET', KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]) \
    for i = 1, 4 do if v[i] and tonumber(string.match(v[i], '^%d+')) > now then return 0 end end \
    local w = string.format('%.0f', now + 1) .. ':' .. ARGV[1] \
    redis.call('HSET', KEYS[1], ARGV[2], w, ARGV[3], w, ARGV[4], w, ARGV[5], w) return 1";
/// The server's own script.
pub const PLACE: &str = concat!(
    include_str!("../../../store/src/holds/common.lua"),
    include_str!("../../../store/src/holds/place.lua")
);
const SETTLE: &str = include_str!("../../../store/src/orders/settle.sql");
/// Clients of pgbench: about what the server's pool has.
const CLIENTS: u64 = 16;

/// One connection to Redis.
pub struct Redis(UnixStream);

impl Redis {
    pub async fn connect(socket: &Path) -> Result<Self> {
        Ok(Self(UnixStream::connect(socket).await.context("cannot connect to Redis")?))
    }

    pub async fn run(&mut self, parts: &[&str]) -> Result<String> {
        let (mut out, mut buffer) = (Vec::new(), Vec::new());
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        wire::command(&mut out, &parts);
        // A bulk string comes as a line with its length and a line with its text, in one piece.
        exchange(&mut self.0, &out, &mut buffer, wire::redis_answer).await?;
        let text = String::from_utf8_lossy(&buffer).into_owned();
        if text.starts_with('-') {
            bail!("Redis: {}", text.trim());
        }
        Ok(text.trim().lines().last().unwrap_or_default().to_owned())
    }

    /// Loads a script; its hash.
    pub async fn load(&mut self, script: &str) -> Result<String> {
        self.run(&["SCRIPT", "LOAD", script]).await
    }
}

/// `psql` and `pgbench` on the private Postgres.
pub struct Postgres<'a> {
    pub sockets: &'a Sockets,
}

impl Postgres<'_> {
    /// Runs statements as the superuser; the last value.
    pub async fn run(&self, sql: &str) -> Result<String> {
        let mut child = self
            .program("psql", "postgres")
            .args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "eventflow"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start psql")?;
        let mut input = child.stdin.take().context("no input")?;
        input.write_all(sql.as_bytes()).await?;
        drop(input);
        let output = child.wait_with_output().await?;
        if !output.status.success() {
            bail!("psql: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().lines().last().unwrap_or_default().to_owned())
    }

    pub async fn number(&self, sql: &str) -> Result<u64> {
        self.run(sql).await?.parse().with_context(|| format!("no number from {sql}"))
    }

    fn program(&self, name: &str, role: &str) -> Command {
        let mut command = Command::new(self.sockets.programs.join(name));
        command
            .args(["-h", &self.sockets.postgres.display().to_string(), "-p", "5432", "-U", role])
            .kill_on_drop(true);
        command
    }
}

/// Pending orders of two seats, paid by invoice: one made through the API, the others copies of it.
pub struct Pending {
    pub count: u64,
    base: u64,
    tenant: Uuid,
    event: Uuid,
}

impl Pending {
    /// `phase` keeps the numbers of several calls apart.
    pub async fn prepare(
        hall: &mut Hall,
        postgres: &Postgres<'_>,
        map: &Map,
        phase: u64,
        wanted: u64,
    ) -> Result<Self> {
        let event = hall.event(map).await?;
        let mut client = hall.client().await?;
        let body = json!({
            "event_id": event, "provider": "manual", "manual_method": "invoice",
            "items": [{ "seat": 0 }, { "seat": 1 }], "buyer": { "email": "buyer@bench.example", "name": "B" },
        });
        let template: Id<id::Order> = text(&client.post("/v1/orders", &body).await?, "/id")?.parse()?;
        let tenant: Id<id::Tenant> = hall.tenant.parse()?;
        let event: Id<id::Event> = event.parse()?;
        let count = wanted.min(u64::from(map.seats) / 2 - 1);
        let base = phase << 24;
        let seats = "CASE t.seat_index WHEN 0 THEN 2 * n.n ELSE 2 * n.n + 1 END";
        let sql = format!(
            "SET session_replication_role = replica;
             CREATE FUNCTION pg_temp.made(k bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
               $$ SELECT ('01890a5d-ac96-7000-8000-' || lpad(to_hex(k), 12, '0'))::uuid $$;
             CREATE TEMP TABLE n AS SELECT n FROM generate_series(1, {count}) n;
             INSERT INTO orders (tenant_id, id, event_id, hold_id, state, buyer_email, buyer_name, currency,
               subtotal_minor, fee_minor, tax_minor, total_minor, provider, claim_expires_at)
             SELECT t.tenant_id, pg_temp.made({base} + n.n), t.event_id, pg_temp.made({base} + n.n), t.state,
               t.buyer_email, t.buyer_name, t.currency, t.subtotal_minor, t.fee_minor, t.tax_minor, t.total_minor,
               t.provider, t.claim_expires_at
             FROM n, orders t WHERE t.id = '{id}';
             INSERT INTO order_items SELECT r.* FROM n, order_items t, LATERAL jsonb_populate_record(t,
               jsonb_build_object('id', pg_temp.made(({base} + n.n) * 2 + t.position), 'order_id',
               pg_temp.made({base} + n.n), 'seat_index', {seats})) r WHERE t.order_id = '{id}';
             INSERT INTO seat_claims SELECT r.* FROM n, seat_claims t, LATERAL jsonb_populate_record(t,
               jsonb_build_object('order_id', pg_temp.made({base} + n.n), 'seat_index', {seats})) r
               WHERE t.order_id = '{id}';
             INSERT INTO payments SELECT r.* FROM n, payments t, LATERAL jsonb_populate_record(t, jsonb_build_object(
               'id', pg_temp.made({base} + n.n), 'order_id', pg_temp.made({base} + n.n), 'idempotency_key',
               'bench:' || ({base} + n.n))) r WHERE t.order_id = '{id}';
             INSERT INTO jobs (tenant_id, kind, subject_id, run_at) SELECT t.tenant_id, t.kind, pg_temp.made({base} + n.n),
               t.run_at FROM n, jobs t WHERE t.subject_id = '{id}';",
            id = template.uuid(),
        );
        postgres.run(&sql).await.context("orders cannot be copied")?;
        Ok(Self { count, base, tenant: tenant.uuid(), event: event.uuid() })
    }

    /// Their ids on the wire.
    pub fn ids(&self) -> Vec<String> {
        (1..=self.count)
            .map(|n| Uuid::from_u128((0x0189_0a5d_ac96_7000_8000 << 48) | u128::from(self.base + n)))
            .map(|uuid| Id::<id::Order>::from(uuid).to_string())
            .collect()
    }

    /// Settles them with pgbench. `served`: the statements that the server sends one by one, else the settlement alone.
    /// Answers transactions in a second.
    pub async fn settle(
        &self,
        postgres: &Postgres<'_>,
        served: bool,
        run: Duration,
        script: &Path,
    ) -> Result<f64> {
        tokio::fs::write(script, self.script(served)?).await?;
        let output = postgres
            .program("pgbench", "ef_login")
            .args(["-n", "-M", "prepared", "-j", "1", "-c", &CLIENTS.to_string()])
            .args(["-T", &run.as_secs().max(1).to_string()])
            .args(["-D", "i=0", "-D", &format!("each={}", self.count / CLIENTS)])
            .arg("-f")
            .arg(script)
            .arg("eventflow")
            .env("PGOPTIONS", format!("-c role=ef_app -c app.tenant={}", self.tenant))
            .stdin(Stdio::null())
            .output()
            .await
            .context("cannot start pgbench")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("pgbench: {text}\n{}", String::from_utf8_lossy(&output.stderr));
        }
        let find = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let tps: f64 = find("tps = ")
            .and_then(|rest| rest.split(' ').next()?.parse().ok())
            .with_context(|| format!("no rate from pgbench: {text}"))?;
        let done: u64 = find("number of transactions actually processed:")
            .and_then(|rest| rest.split('/').next()?.trim().parse().ok())
            .with_context(|| format!("no number of transactions from pgbench: {text}"))?;
        let paid = postgres
            .number(&format!(
                "SELECT count(*) FROM orders WHERE event_id = '{}' AND state = 'paid'",
                self.event
            ))
            .await?;
        // A transaction that found no order is no settlement.
        Ok(tps * paid as f64 / done.max(1) as f64)
    }

    /// What they left for the mirror is not repeated in Redis.
    pub async fn forget(&self, postgres: &Postgres<'_>) -> Result<()> {
        postgres.run(&format!("DELETE FROM outbox WHERE event_id = '{}'", self.event)).await.map(drop)
    }

    fn script(&self, served: bool) -> Result<String> {
        let made = |expression: &str| {
            format!("('01890a5d-ac96-7000-8000-' || lpad(to_hex({expression}), 12, '0'))::uuid")
        };
        let order = made(":n::bigint");
        let tenant = format!("'{}'::uuid", self.tenant);
        let entries: Vec<String> = (0..4).map(|k| made(&format!(":n::bigint * 8 + {k}"))).collect();
        let values = [
            tenant.clone(),
            order.clone(),
            "'{pending,processing,expired,needs_review}'::text[]".into(),
            "NULL::text".into(),
            order.clone(),
            format!("ARRAY[{}]", entries.join(",")),
            "'{manual_clearing,ticket_revenue,fee_revenue,tax_payable}'::text[]".into(),
            "'{8700,-7850,-281,-569}'::bigint[]".into(),
            made(":n::bigint * 8 + 5"),
            "'key_bench'".into(),
            "'ord_bench'".into(),
            "'req_bench'".into(),
        ];
        let mut settle = String::new();
        let mut pieces = SETTLE.split('?');
        settle.push_str(pieces.next().unwrap_or_default());
        let rest: Vec<_> = pieces.collect();
        if rest.len() != values.len() {
            bail!("settle.sql takes {} values now; adapt the benchmark", rest.len());
        }
        for (value, piece) in values.iter().zip(rest) {
            let _ = write!(settle, "{value}{piece}");
        }
        let settle = settle.trim().trim_end_matches(';');
        let mut script = String::from("\\set i :i + 1\n\\set n ");
        let _ = writeln!(script, "{} + :client_id * :each + least(:i, :each)", self.base);
        if !served {
            let _ = writeln!(script, "{settle};");
            return Ok(script);
        }
        let items = format!(
            "SELECT * FROM order_items WHERE tenant_id = {tenant} AND order_id = {order} ORDER BY position"
        );
        let row = format!("SELECT * FROM orders WHERE tenant_id = {tenant} AND id = {order}");
        let payment = format!(
            "SELECT * FROM payments WHERE tenant_id = {tenant} AND order_id = {order} ORDER BY attempt DESC LIMIT 1"
        );
        let tickets = format!(
            "SELECT t.*, e.event_no FROM tickets t JOIN events e ON e.tenant_id = t.tenant_id AND e.id = t.event_id \
             WHERE t.tenant_id = {tenant} AND t.order_id = {order} ORDER BY t.id"
        );
        let _ = writeln!(
            script,
            "BEGIN;\n{row} FOR UPDATE;\n{payment};\n{settle};\n{row};\n{items};\n{payment};\n{tickets};\nCOMMIT;"
        );
        Ok(script)
    }
}
