//! Logs say what happened, and nothing that opens a door or names a person: every key, token, secret, code and address that a
//! run has used is looked for, and whatever else has their form.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::Found;

/// Beside the invariants of the sale.
pub const RULE: (&str, &str) = ("L1", "logs tell no secret and name no person");
/// Shorter texts stand in logs by chance.
const SECRET_MIN: usize = 8;
/// Violations that are told of each kind in each log.
const TOLD_MAX: u32 = 3;
/// What begins like this goes on with a secret: keys of every kind, scanners' tokens, secrets of webhooks, codes of tickets, JWTs.
const PREFIXES: [(&str, &str); 8] = [
    ("ef_sk_", "a secret key"),
    ("ef_pk_", "a publishable key"),
    ("ef_dev_", "the token of a scanner"),
    ("sk_test_", "the key of the payment provider"),
    ("whsec_", "the secret of a webhook"),
    ("EF1:", "the code of a ticket"),
    ("eyJ0eXAiOi", "a token of a buyer"),
    ("eyJhbGciOi", "a token of a buyer"),
];
/// Characters of a secret behind its prefix, at least: documentation may name the prefix.
const TAIL_MIN: usize = 6;

/// Holds the logs of servers against what must not stand in them: texts, each with what it is.
///
/// # Errors
/// When a log cannot be read.
pub fn check(found: &mut Found, logs: &[PathBuf], secrets: &BTreeMap<String, &'static str>) -> Result<()> {
    let mut lines = 0;
    for log in logs {
        lines += read(found, log, secrets).with_context(|| format!("cannot read {}", log.display()))?;
    }
    if lines == 0 {
        found.wrong(RULE.0, "the servers have logged nothing: nothing was checked");
    }
    found.looked_at(RULE.0, "lines of logs", lines);
    let known = u64::try_from(secrets.len()).unwrap_or(u64::MAX);
    found.looked_at(RULE.0, "secrets and addresses", known);
    Ok(())
}

/// How many lines there are.
fn read(found: &mut Found, log: &Path, secrets: &BTreeMap<String, &'static str>) -> Result<u64> {
    let mut told: BTreeMap<&str, u32> = BTreeMap::new();
    let mut reader = BufReader::new(File::open(log)?);
    let (mut line, mut count) = (Vec::new(), 0);
    while reader.read_until(b'\n', &mut line)? > 0 {
        count += 1;
        let text = String::from_utf8_lossy(&line);
        if text.contains("panicked at") {
            let name = log.file_name().unwrap_or_default().display();
            found.wrong("I15", format!("a task died in {name}, line {count}: {}", text.trim_end()));
        }
        let kinds = [found_in(&text, secrets), found_in(&spelled_out(&text), secrets)].concat();
        for kind in kinds {
            let times = told.entry(kind).or_default();
            *times += 1;
            if *times <= TOLD_MAX {
                let name = log.file_name().unwrap_or_default().display();
                found.wrong(RULE.0, format!("{kind} stands in {name}, line {count}: {}", text.trim_end()));
            }
        }
        line.clear();
    }
    Ok(count)
}

/// What of all this stands in a line.
fn found_in(line: &str, secrets: &BTreeMap<String, &'static str>) -> Vec<&'static str> {
    let mut kinds: Vec<_> = secrets
        .iter()
        .filter(|(text, _)| text.len() >= SECRET_MIN && line.contains(text.as_str()))
        .map(|(_, kind)| *kind)
        .collect();
    kinds.extend(PREFIXES.iter().filter(|(prefix, _)| goes_on(line, prefix)).map(|(_, kind)| *kind));
    if names_a_person(line) {
        kinds.push("an e-mail address");
    }
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// What a line writes as lists of the numbers of its bytes, as programs do that do not know that it is text.
fn spelled_out(line: &str) -> String {
    let lists = line.split('[').filter_map(|rest| Some(rest.split_once(']')?.0));
    let bytes =
        |list: &str| list.split(", ").map(|number| number.parse::<u8>().ok()).collect::<Option<Vec<u8>>>();
    let texts = lists.filter_map(bytes).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    texts.collect::<Vec<_>>().join("\n")
}

fn goes_on(line: &str, prefix: &str) -> bool {
    let is_secret = |c: &char| c.is_ascii_alphanumeric() || "_-+/$%*.:".contains(*c);
    // `ef_sk_test_` is a key of ours, not `sk_test_`.
    let begins = |at: usize| !line[..at].ends_with('_');
    line.match_indices(prefix).any(|(at, _)| {
        begins(at) && line[at + prefix.len()..].chars().take_while(is_secret).count() >= TAIL_MIN
    })
}

/// `somebody@host.name`: the last label of a host is letters, unlike that of an address of a database.
fn names_a_person(line: &str) -> bool {
    line.match_indices('@').any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(char::is_alphanumeric);
        let host: String =
            line[at + 1..].chars().take_while(|c| c.is_ascii_alphanumeric() || "-.".contains(*c)).collect();
        let last = host.trim_end_matches('.').rsplit_once('.').map(|(_, last)| last);
        before && last.is_some_and(|last| last.len() >= 2 && last.chars().all(|c| c.is_ascii_alphabetic()))
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn secrets() -> BTreeMap<String, &'static str> {
        [("correct-horse-battery".to_owned(), "the password of the database"), ("a".to_owned(), "too short")]
            .into()
    }

    #[test]
    fn each_kind_of_secret_is_found() {
        for (line, kind) in [
            (
                "connect postgres://ef_login:correct-horse-battery@127.0.0.1:5432/eventflow",
                "the password of the database",
            ),
            ("authorization: Bearer ef_sk_test_0123456789abcdef0123456789abcdef", "a secret key"),
            ("GET /e/evt_1?key=ef_pk_live_0123456789abcdef", "a publishable key"),
            ("{\"token\":\"ef_dev_0123456789abcdef\"}", "the token of a scanner"),
            ("STRIPE_SECRET_KEY=sk_test_torture", "the key of the payment provider"),
            ("secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "the secret of a webhook"),
            ("scan EF1:6BFOXN*TS0BI$ZD", "the code of a ticket"),
            ("#token=eyJhbGciOiJFZERTQSJ9.e30.c2ln", "a token of a buyer"),
            ("#token=eyJ0eXAiOiJidXllcitqd3QifQ.e30.c2ln", "a token of a buyer"),
            ("to=grace@example.org", "an e-mail address"),
            ("Failing row contains (Grace <grace.hopper@mail.example.org.>)", "an e-mail address"),
        ] {
            assert_eq!(found_in(line, &secrets()), [kind], "{line}");
        }
    }

    #[test]
    fn what_is_written_as_numbers_is_read_too() {
        let numbers = |text: &str| format!("DEBUG params: [Some({:?}), None, Some([1])]", text.as_bytes());
        let line = numbers("{\"email\": \"grace@example.org\"}");
        assert_eq!(found_in(&spelled_out(&line), &secrets()), ["an e-mail address"], "{line}");
        assert_eq!(spelled_out("[2m2026[0m [10, 300] [] [a, b] row[3"), "");
    }

    #[test]
    fn what_tells_nothing_is_not_found() {
        for line in [
            "INFO eventflow: ready address=http://127.0.0.1:8080 elapsed_ms=230",
            "connect postgres://ef_login@127.0.0.1:5432/eventflow",
            "key key_01h455vb4pex5vsknk084sn02q, order ord_01h455vb4pex5vsknk084sn02q",
            "GET /checkout/sessions/cs_test_MveyJU7ua6opVbX7YevQdJnmw7c8Jto2Ly62pmt6EZWS",
            "Keys begin with `ef_sk_`.",
            "at @ 12:00, mail@host",
        ] {
            assert_eq!(found_in(line, &secrets()), [""; 0], "{line}");
        }
    }

    #[test]
    fn logs_are_read_to_their_end_and_an_empty_one_proves_nothing() {
        let path = std::env::temp_dir().join(format!("eventflow-logs-{}.log", std::process::id()));
        let mut log = File::create(&path).unwrap();
        log.write_all(b"started\n\xff\xfe\nlast grace@example.org\nthread 'main' panicked at x.rs:1")
            .unwrap();
        let logs = std::slice::from_ref(&path);
        let mut found = Found::default();
        check(&mut found, logs, &secrets()).unwrap();
        assert_eq!(found.violations.len(), 2, "{found:?}");
        assert!(found.violations[0].what.contains("line 3"), "{found:?}");
        assert!(found.violations[1].what.contains("a task died"), "{found:?}");
        File::create(&path).unwrap();
        let mut found = Found::default();
        check(&mut found, logs, &secrets()).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(found.violations.len(), 1, "{found:?}");
    }
}
