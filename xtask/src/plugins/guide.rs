//! The examples of the author's guide, as plugins: what a page shows builds and passes the fixtures that it shows.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::repository;

/// The pages with an example, one for each hook.
pub const PAGES: [&str; 5] = ["pricing", "validation", "notification", "ticket", "requests"];

/// Puts the example of a page into a project that a template made: its source, its fixtures and, for JavaScript, its
/// world. `language` is that of the page's blocks.
pub fn put(page: &str, language: &str, project: &Path) -> Result<()> {
    let path = repository::root().join(format!("plugins/docs/{page}.md"));
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let source = if language == "rust" { "src/lib.rs" } else { "src/plugin.js" };
    fs::write(project.join(source), only(&text, language, page)?)?;
    if language == "js" {
        fs::write(project.join("wit/world.wit"), only(&text, "wit", page)?)?;
    }
    let fixtures = project.join("fixtures");
    fs::remove_dir_all(&fixtures)?;
    fs::create_dir(&fixtures)?;
    let calls = blocks(&text, "json");
    ensure!(!calls.is_empty(), "plugins/docs/{page}.md has no fixture");
    for (number, call) in calls.iter().enumerate() {
        fs::write(fixtures.join(format!("{page}-{number}.json")), call)?;
    }
    Ok(())
}

fn only(text: &str, language: &str, page: &str) -> Result<String> {
    let mut found = blocks(text, language);
    ensure!(found.len() == 1, "plugins/docs/{page}.md has {} blocks of {language}, not one", found.len());
    Ok(found.remove(0))
}

/// The fenced blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let opening = format!("\n```{language}\n");
    let block = |rest: &str| rest.split_once("\n```").map(|(block, _)| format!("{block}\n"));
    text.split(&opening).skip(1).filter_map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_one_language() {
        let text = "a\n```js\none\n```\nb\n```json\n{}\n```\n```js\ntwo\nlines\n```\n";
        assert_eq!(blocks(text, "js"), ["one\n", "two\nlines\n"]);
        assert_eq!(blocks(text, "json"), ["{}\n"]);
        assert!(only(text, "js", "page").is_err() && only(text, "rust", "page").is_err());
    }
}
