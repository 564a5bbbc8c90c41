//! The partner's site of the demo (`examples/partner-site`): plain files on an origin of their own, with the
//! Content-Security-Policy that a strict partner would send. It only listens on 127.0.0.1.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{packages, process, repository};

const FOLDER: &str = "examples/partner-site";
/// Requests come from browsers on this machine.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_BYTES_MAX: u64 = 16 * 1024;

/// What the pages are filled with.
#[derive(Clone, Debug)]
pub struct Shop {
    /// The origin of the platform.
    pub platform: String,
    pub publishable_key: String,
    /// The event of the plain pages.
    pub event_id: String,
    /// The one that the React page can change to.
    pub other_event_id: String,
}

/// A site before it knows what it sells. Its origin is needed for the key that it sells with.
pub struct Site {
    listener: TcpListener,
    origin: String,
}

impl Site {
    /// Takes the port; nothing is answered yet.
    pub fn bind(port: u16) -> Result<Site> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let origin = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
        Ok(Site { listener, origin })
    }

    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Answers until the program ends.
    pub fn open(self, shop: Shop) -> Result<()> {
        let pages = Arc::new(Pages { react: bundle_react()?, shop });
        thread::spawn(move || {
            for stream in self.listener.incoming().flatten() {
                let pages = Arc::clone(&pages);
                // A browser that has gone away is no failure of the site.
                thread::spawn(move || answer(&pages, &stream).ok());
            }
        });
        Ok(())
    }
}

/// `react.tsx` as a script; remade when the demo starts.
fn bundle_react() -> Result<PathBuf> {
    let folder = repository::root().join(FOLDER);
    let modules = packages::npm_install_beside("partner site", &folder)?;
    let script = repository::target().join("xtask/partner-site/react.js");
    let mut command = Command::new(modules.join(".bin/esbuild"));
    command.args(["react.tsx", "--bundle", "--minify", "--format=esm", "--target=es2022", "--jsx=automatic"]);
    command.arg(format!("--outfile={}", script.display())).current_dir(folder);
    process::run("bundle the partner's React page", command)?;
    Ok(script)
}

struct Pages {
    shop: Shop,
    react: PathBuf,
}

struct File {
    contents: Vec<u8>,
    kind: &'static str,
    policy: String,
}

impl Pages {
    /// The file of a request's target; `None` when there is none. `?event=…` sells another event.
    fn find(&self, target: &str) -> Option<File> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let name = path.strip_prefix('/')?;
        let name = if name.is_empty() { "index.html" } else { name };
        let kind = match name.rsplit_once('.')?.1 {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css",
            "js" => "text/javascript",
            "svg" => "image/svg+xml",
            _ => return None,
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.starts_with('.') || !name.chars().all(plain) {
            return None;
        }
        let path = match name {
            "react.js" => self.react.clone(),
            _ => repository::root().join(FOLDER).join(name),
        };
        let mut contents = fs::read(path).ok()?;
        if kind.starts_with("text/html") {
            contents = self.fill(&String::from_utf8(contents).ok()?, query).into_bytes();
        }
        Some(File { contents, kind, policy: policy(name, &self.shop.platform) })
    }

    fn fill(&self, html: &str, query: &str) -> String {
        let asked = query.split('&').find_map(|pair| pair.strip_prefix("event="));
        let is_id = |id: &&str| id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        html.replace("%EVENTFLOW%", &self.shop.platform)
            .replace("%KEY%", &self.shop.publishable_key)
            .replace("%OTHER_EVENT%", &self.shop.other_event_id)
            .replace("%EVENT%", asked.filter(is_id).unwrap_or(&self.shop.event_id))
    }
}

/// What the pages may load: nothing of their own but styles and images, and of the platform only what the picker needs.
fn policy(name: &str, platform: &str) -> String {
    let scripts = match name {
        "frame.html" => format!("script-src {platform}; frame-src {platform}"),
        "react.html" => format!("script-src 'self' {platform} 'wasm-unsafe-eval'"),
        _ => format!("script-src {platform} 'wasm-unsafe-eval'"),
    };
    format!(
        "default-src 'none'; {scripts}; connect-src {platform}; img-src 'self' {platform}; style-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

fn answer(pages: &Pages, mut stream: &TcpStream) -> Result<()> {
    stream.set_read_timeout(Some(REQUEST_TIMEOUT))?;
    let mut lines = BufReader::new(stream.take(REQUEST_BYTES_MAX)).lines();
    let request = lines.next().context("an empty request")??;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let mut words = request.split(' ');
    let found = match (words.next(), words.next()) {
        (Some("GET"), Some(target)) => pages.find(target),
        _ => None,
    };
    let (status, file) = match found {
        Some(file) => ("200 OK", file),
        None => {
            let policy = "default-src 'none'".to_owned();
            ("404 Not Found", File { contents: b"Not found\n".to_vec(), kind: "text/plain", policy })
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {}\r\ncontent-length: {}\r\ncontent-security-policy: {}\r\n\
         cache-control: no-cache\r\nx-content-type-options: nosniff\r\nreferrer-policy: strict-origin\r\n\
         connection: close\r\n\r\n",
        file.kind,
        file.contents.len(),
        file.policy
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&file.contents)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages() -> Pages {
        let shop = Shop {
            platform: "http://127.0.0.1:1".to_owned(),
            publishable_key: "ef_pk_test_1".to_owned(),
            event_id: "evt_1".to_owned(),
            other_event_id: "evt_2".to_owned(),
        };
        Pages { shop, react: PathBuf::from("/nowhere") }
    }

    #[test]
    fn pages_are_filled_and_only_files_of_the_folder_are_served() {
        let page = String::from_utf8(pages().find("/").unwrap().contents).unwrap();
        assert!(page.contains("event=\"evt_1\" key=\"ef_pk_test_1\"") && !page.contains('%'), "{page}");
        let other = String::from_utf8(pages().find("/en.html?event=evt_9").unwrap().contents).unwrap();
        assert!(other.contains("event=\"evt_9\""));
        let hostile = String::from_utf8(pages().find("/?event=%22><script>").unwrap().contents).unwrap();
        assert!(hostile.contains("event=\"evt_1\""));
        for target in
            ["/../demo-venue/venue.json", "/..%2f", "/.hidden.html", "/README.md", "/missing.css", "x"]
        {
            assert!(pages().find(target).is_none(), "{target}");
        }
    }

    #[test]
    fn plain_pages_allow_no_script_of_their_own() {
        for name in ["index.html", "en.html", "frame.html"] {
            let policy = policy(name, "https://tickets.example");
            assert!(!policy.contains("unsafe-inline") && !policy.contains("script-src 'self'"), "{policy}");
        }
        assert!(!policy("frame.html", "https://tickets.example").contains("wasm"));
    }
}
