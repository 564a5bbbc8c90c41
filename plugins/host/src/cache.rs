//! Compiled plugins on disk. A file is named after the upload's hash and the engine's fingerprint, so that another
//! version of the platform or another processor compiles again.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use sha2::{Digest, Sha256};

use crate::{compile::Compiled, engine::Engine, limits};

pub struct Cache {
    directory: PathBuf,
    fingerprint: u64,
}

impl Cache {
    /// Opens or makes the directory. Whoever can write there can run code in this process: on Unix nobody else can.
    pub fn open(directory: &Path, engine: &Engine) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory)?;
        Ok(Self { directory: directory.to_owned(), fingerprint: engine.fingerprint() })
    }

    /// What was stored for this upload; nothing if it is not there, not whole, or not what was written.
    pub fn load(&self, wasm_hash: &[u8; 32]) -> Option<Compiled> {
        let path = self.path(wasm_hash);
        let size = fs::metadata(&path).ok()?.len();
        if size > u64::try_from(limits::COMPILED_BYTES_MAX + CHECKSUM_LEN).unwrap_or(u64::MAX) {
            return None;
        }
        let mut bytes = fs::read(path).ok()?;
        if bytes.len() < CHECKSUM_LEN {
            return None;
        }
        let cwasm = bytes.split_off(CHECKSUM_LEN);
        (bytes == self.checksum(wasm_hash, &cwasm)).then(|| Compiled::from_cache(cwasm))
    }

    /// Stores under a name of its own first: a reader finds all of it or nothing.
    pub fn store(&self, wasm_hash: &[u8; 32], compiled: &Compiled) -> io::Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let temporary = self.directory.join(format!(".{}-{number}", std::process::id()));
        let write = || {
            let mut file = File::create_new(&temporary)?;
            file.write_all(&self.checksum(wasm_hash, compiled.bytes()))?;
            file.write_all(compiled.bytes())?;
            file.sync_data()?;
            fs::rename(&temporary, self.path(wasm_hash))
        };
        write().inspect_err(|_| drop(fs::remove_file(&temporary)))?;
        self.make_room()
    }

    /// Removes the oldest files beyond the room that the cache has; what is needed again is compiled again.
    fn make_room(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let facts = entry.metadata()?;
            files.push((facts.modified()?, facts.len(), entry.path()));
        }
        files.sort_unstable_by(|one, other| other.cmp(one));
        let mut room = limits::CACHE_BYTES_MAX;
        for (_, size, path) in files {
            match room.checked_sub(size) {
                Some(left) => room = left,
                None => fs::remove_file(path)?,
            }
        }
        Ok(())
    }

    fn path(&self, wasm_hash: &[u8; 32]) -> PathBuf {
        self.directory.join(format!("{}-{:016x}.cwasm", hex::encode(wasm_hash), self.fingerprint))
    }

    /// Of the code and of what it was made from: a file under another's name is not believed.
    fn checksum(&self, wasm_hash: &[u8; 32], cwasm: &[u8]) -> Vec<u8> {
        let mut hasher = Sha256::new();
        hasher.update(wasm_hash);
        hasher.update(self.fingerprint.to_be_bytes());
        hasher.update(cwasm);
        hasher.finalize().to_vec()
    }
}

const CHECKSUM_LEN: usize = 32;
