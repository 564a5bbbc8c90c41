//! Ed25519 keys of the platform: they sign tokens of buyers. Private keys are sealed.

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use ed25519_dalek::SigningKey;
use uuid::Uuid;

use crate::{
    db::{Db, new_uuid},
    error::{Error, Result},
    schema::platform_keys,
    seal::Sealer,
};

pub struct PlatformKey {
    pub id: Uuid,
    pub public_key: [u8; 32],
    pub private_key: [u8; 32],
}

/// The keys in use, newest first; makes one when there is none. Servers that start at once agree on it.
pub async fn load_or_create(db: &Db, sealer: &Sealer) -> Result<Vec<PlatformKey>> {
    let mut connection = db.system().await?;
    let rows = connection
        .transaction::<_, Error, _>(async |connection| {
            connection
                .batch_execute("SELECT pg_advisory_xact_lock(hashtext('eventflow platform key'))")
                .await?;
            let rows = load(connection).await?;
            if !rows.is_empty() {
                return Ok(rows);
            }
            let (id, signing) = (new_uuid(), SigningKey::from_bytes(&rand::random()));
            let sealed = sealer.seal(signing.as_bytes(), id.as_bytes())?;
            diesel::insert_into(platform_keys::table)
                .values((
                    platform_keys::id.eq(id),
                    platform_keys::public_key.eq(signing.verifying_key().as_bytes().as_slice()),
                    platform_keys::sealed_private_key.eq(sealed),
                ))
                .execute(connection)
                .await?;
            load(connection).await
        })
        .await?;
    rows.into_iter().map(|(id, public, sealed)| open(sealer, id, &public, &sealed)).collect()
}

type Row = (Uuid, Vec<u8>, Vec<u8>);

async fn load(connection: &mut diesel_async::AsyncPgConnection) -> Result<Vec<Row>> {
    let rows = platform_keys::table
        .filter(platform_keys::retired_at.is_null())
        .order(platform_keys::id.desc())
        .select((platform_keys::id, platform_keys::public_key, platform_keys::sealed_private_key))
        .load(connection)
        .await?;
    Ok(rows)
}

fn open(sealer: &Sealer, id: Uuid, public: &[u8], sealed: &[u8]) -> Result<PlatformKey> {
    let wrong_length = |_| Error::Corrupt("a platform key has the wrong length".into());
    let private = sealer.open(sealed, id.as_bytes())?;
    Ok(PlatformKey {
        id,
        public_key: public.try_into().map_err(wrong_length)?,
        private_key: private.as_slice().try_into().map_err(wrong_length)?,
    })
}
