//! Files of the seat picker, of every version that was ever served here: pages pin versions, and servers of two versions
//! run beside each other during an upgrade. What is kept never changes.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{db::Db, error::Result, schema::embed_files};

/// Keeps what is not kept yet: paths with contents.
pub async fn keep(db: &Db, files: &[(String, Vec<u8>)]) -> Result<()> {
    let rows: Vec<_> = files
        .iter()
        .map(|(path, contents)| (embed_files::path.eq(path), embed_files::contents.eq(contents)))
        .collect();
    diesel::insert_into(embed_files::table)
        .values(rows)
        .on_conflict_do_nothing()
        .execute(&mut db.system().await?)
        .await?;
    Ok(())
}

/// The paths of everything that is kept.
pub async fn paths(db: &Db) -> Result<Vec<String>> {
    Ok(embed_files::table.select(embed_files::path).load(&mut db.system().await?).await?)
}

pub async fn contents(db: &Db, path: &str) -> Result<Option<Vec<u8>>> {
    let row = embed_files::table.find(path).select(embed_files::contents);
    Ok(row.first(&mut db.system().await?).await.optional()?)
}
