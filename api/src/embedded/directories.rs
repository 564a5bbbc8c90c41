//! Where the children live and as whom they run. Databases refuse to run as root and should: when this process is
//! root, each child gets an unprivileged account, and its directories belong to that account.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::process;

/// A socket address holds 107 bytes on Linux and 103 on macOS; this leaves room for a lock file's suffix.
const SOCKET_PATH_LIMIT: usize = 97;
/// The longest socket name below the socket directory.
const LONGEST_SOCKET: &str = "postgres/.s.PGSQL.5432";

/// A system account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) name: String,
}

#[derive(Debug)]
pub(super) struct Directories {
    /// Absolute and free of symbolic links, so that it can be compared with what the kernel says of a process.
    pub(super) root: PathBuf,
    sockets: PathBuf,
    /// The account of this process.
    pub(super) server: Account,
}

impl Directories {
    pub(super) fn prepare(data_dir: &Path) -> Result<Directories> {
        let server = Account::of_this_process()?;
        // Children of root must be able to pass through; what is secret in there is 0600 or 0700 itself.
        let mode = if server.uid == 0 { 0o711 } else { 0o700 };
        if !data_dir.exists() {
            DirBuilder::new()
                .recursive(true)
                .mode(mode)
                .create(data_dir)
                .with_context(|| format!("cannot make the data directory {}", data_dir.display()))?;
        }
        let root = data_dir
            .canonicalize()
            .with_context(|| format!("cannot open the data directory {}", data_dir.display()))?;
        let metadata = fs::metadata(&root)?;
        if !metadata.is_dir() {
            bail!("{} is not a directory", root.display());
        }
        if metadata.uid() == server.uid && metadata.mode() & mode != mode {
            fs::set_permissions(&root, Permissions::from_mode((metadata.mode() | mode) & 0o7777))?;
        }
        let sockets = socket_directory(&root, &server)?;
        make_own_directory(&root.join("log"), 0o700, &server)?;
        Ok(Directories { root, sockets, server })
    }

    /// The account for a child, when this process must not run it as itself. Data of an earlier run keeps its owner.
    pub(super) fn account_for_child(&self, preferred: &str, home: &Path) -> Result<Option<Account>> {
        let owner = fs::metadata(home).map(|metadata| metadata.uid()).ok();
        if self.server.uid != 0 {
            return match owner {
                Some(uid) if uid != self.server.uid => bail!(
                    "{} belongs to user {uid}, this process runs as {} ({}): start it as that user, or choose another data directory",
                    home.display(),
                    self.server.name,
                    self.server.uid
                ),
                _ => Ok(None),
            };
        }
        let account = match owner {
            Some(uid) if uid != 0 => Account::lookup(&uid.to_string())?,
            _ => Account::lookup(preferred).or_else(|_| Account::lookup("nobody")).with_context(|| {
                format!("root does not run databases, and there is no account {preferred} or nobody")
            })?,
        };
        if let Some(closed) = account.first_closed(&self.root)? {
            bail!(
                "{} is closed to the account {}, which runs the databases because this process is root: \
                 choose a data directory elsewhere (for example below /var/lib), or `chmod o+x {}`",
                closed.display(),
                account.name,
                closed.display()
            );
        }
        Ok(Some(account))
    }

    /// Makes (or checks) a private directory of a child, below the data directory.
    pub(super) fn home(&self, name: &str, account: Option<&Account>) -> Result<PathBuf> {
        let path = self.root.join(name);
        make_own_directory(&path, 0o700, account.unwrap_or(&self.server))?;
        Ok(path)
    }

    pub(super) fn socket_home(&self, name: &str, account: Option<&Account>) -> Result<PathBuf> {
        let path = self.sockets.join(name);
        make_own_directory(&path, 0o700, account.unwrap_or(&self.server))?;
        Ok(path)
    }

    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.root.join("log").join(format!("{name}.log"))
    }

    /// Leaves nothing behind outside the data directory. Directories that are not empty stay.
    pub(super) fn remove_sockets(&self) {
        if self.sockets.starts_with(&self.root) {
            return;
        }
        for name in ["postgres", "redis", ""] {
            fs::remove_dir(self.sockets.join(name)).ok();
        }
    }
}

impl Account {
    fn of_this_process() -> Result<Account> {
        Account::lookup(&process::effective_uid().to_string())
    }

    /// By name or number, through `id`, which asks every source of accounts the machine is configured for.
    fn lookup(name: &str) -> Result<Account> {
        let ask = |option: &str| -> Result<String> {
            let output = Command::new("id").args([option, "--", name]).output().context("cannot run `id`")?;
            if !output.status.success() {
                bail!("no account {name}: {}", String::from_utf8_lossy(&output.stderr).trim());
            }
            Ok(String::from_utf8(output.stdout)?.trim().to_owned())
        };
        Ok(Account { uid: ask("-u")?.parse()?, gid: ask("-g")?.parse()?, name: ask("-un")? })
    }

    /// The first directory on the way to `path`, `path` included, that this account cannot pass through.
    pub(super) fn first_closed(&self, path: &Path) -> Result<Option<PathBuf>> {
        let mut ancestors: Vec<&Path> = path.ancestors().collect();
        ancestors.reverse();
        for directory in ancestors {
            if !self.may_pass(&fs::metadata(directory)?) {
                return Ok(Some(directory.to_owned()));
            }
        }
        Ok(None)
    }

    fn may_pass(&self, directory: &Metadata) -> bool {
        let bit = match directory {
            directory if directory.uid() == self.uid => 0o100,
            directory if directory.gid() == self.gid => 0o010,
            _ => 0o001,
        };
        directory.mode() & bit != 0
    }
}

/// Below the data directory when the socket's address allows it, else a directory named after it in a short place.
fn socket_directory(root: &Path, server: &Account) -> Result<PathBuf> {
    let mode = if server.uid == 0 { 0o711 } else { 0o700 };
    let fits = |directory: &Path| directory.join(LONGEST_SOCKET).as_os_str().len() <= SOCKET_PATH_LIMIT;
    let near = root.join("run");
    if fits(&near) {
        make_own_directory(&near, mode, server)?;
        return Ok(near);
    }
    let digest = Sha256::digest(root.as_os_str().as_bytes());
    let name = format!("eventflow-{}", hex::encode(&digest[..8]));
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|_| server.uid != 0).map(PathBuf::from);
    let system = (server.uid == 0).then(|| PathBuf::from("/run"));
    let mut last = None;
    for parent in runtime.into_iter().chain(system).chain([PathBuf::from("/tmp")]) {
        let directory = parent.join(&name);
        if parent.is_dir() && fits(&directory) {
            match make_own_directory(&directory, mode, server) {
                Ok(()) => return Ok(directory),
                Err(error) => last = Some(error),
            }
        }
    }
    Err(last.unwrap_or_else(|| anyhow::anyhow!("no place for sockets in /tmp")))
        .with_context(|| format!("{} is too long for a socket's address", root.display()))
}

/// Makes the directory, or accepts one that is there, is no symbolic link and belongs to `owner` (or to this process,
/// which then hands it over). Somebody else's directory with our name is refused.
fn make_own_directory(path: &Path, mode: u32, owner: &Account) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).with_context(|| format!("cannot make {}", path.display())),
    }
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        bail!("{} is not a directory", path.display());
    }
    if metadata.uid() != owner.uid {
        if metadata.uid() != process::effective_uid() {
            bail!("{} belongs to user {}, not to {}", path.display(), metadata.uid(), owner.name);
        }
        chown(path, Some(owner.uid), Some(owner.gid))
            .with_context(|| format!("cannot give {} to {}", path.display(), owner.name))?;
    }
    fs::set_permissions(path, Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the mode of {}", path.display()))
}

/// A file system path inside a URL: everything but letters, digits and `/-_.` is percent-encoded.
pub(super) fn encode_path(path: &Path) -> String {
    let mut encoded = String::new();
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded_for_urls() {
        assert_eq!(encode_path(Path::new("/var/lib/my data/ü?&")), "/var/lib/my%20data/%C3%BC%3F%26");
    }

    #[test]
    fn a_closed_ancestor_is_named() {
        let closed = std::env::temp_dir().join(format!("eventflow-closed-{}", std::process::id()));
        fs::create_dir_all(closed.join("inner")).unwrap();
        fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
        let stranger = Account { uid: 4_000_000, gid: 4_000_000, name: "stranger".to_owned() };
        let found = stranger.first_closed(&closed.join("inner")).unwrap();
        fs::remove_dir_all(&closed).unwrap();
        assert_eq!(found, Some(closed));
    }
}
