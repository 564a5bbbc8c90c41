//! `plugin push` against a small server of the test: what it sends, and what it says about each answer.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::PathBuf,
    sync::mpsc,
    thread,
};

use eventflow_plugin_host::author::{self, Server};

use crate::support::{directory, example};

const KEY: &str = "ef_sk_test_0123456789";

/// A request as it came.
struct Received {
    first_line: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

/// Answers one request, and hands it to the test.
fn answering(status: &str, headers: &str, body: &str) -> (String, mpsc::Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let answer = format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let mut reader = BufReader::new(&stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let length = lines.iter().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.and_then(|length| length.parse().ok()).expect("a length")];
        reader.read_exact(&mut body).expect("a body");
        (&stream).write_all(answer.as_bytes()).expect("it is read");
        let first_line = lines.remove(0);
        let _test_ended = sender.send(Received { first_line, headers: lines, body });
    });
    (url, receiver)
}

/// A built plugin and a file with this key.
fn files(name: &str, key: &str) -> (PathBuf, PathBuf) {
    let directory = directory(name);
    fs::create_dir_all(&directory).expect("a directory");
    let (component, key_file) = (directory.join("hello.wasm"), directory.join("key"));
    fs::write(&component, example("hello")).expect("a file");
    fs::write(&key_file, key).expect("a file");
    (component, key_file)
}

fn push(name: &str, url: &str, no_publish: bool) -> Result<String, String> {
    let (component, key_file) = files(name, &format!("{KEY}\n"));
    let server = Server { url: url.to_owned(), key_file: Some(key_file), no_publish };
    author::push(&component, &server).map_err(|error| error.to_string())
}

fn version(is_published: bool) -> String {
    format!(
        r#"{{"id":"plv_1","plugin_id":"plg_1","name":"hello","version":"1.0.0","hooks":["pricing","notification"],
            "created_at":"2026-11-26T01:00:00Z","is_published":{is_published}}}"#
    )
}

#[test]
fn a_component_goes_up_and_the_next_step_is_shown() {
    let (url, received) = answering("201 Created", "content-type: application/json\r\n", &version(true));
    let text = push("push", &format!("{url}/"), false).unwrap();
    let request = received.recv().unwrap();
    assert_eq!(request.first_line, "POST /v1/plugins?publish=true HTTP/1.1");
    assert_eq!(request.body, example("hello"));
    for header in ["content-type: application/wasm", &format!("authorization: Bearer {KEY}")] {
        assert!(request.headers.iter().any(|line| line == header), "{header}: {:?}", request.headers);
    }
    assert!(text.starts_with("hello 1.0.0 is live (plg_1, hooks: pricing, notification)\n"), "{text}");
    assert!(text.contains(&format!("curl -X PUT {url}/v1/plugins/plg_1/installation ")), "{text}");
    assert!(text.ends_with(r#"-d '{"config": {}}'"#) && !text.contains(KEY), "{text}");
}

#[test]
fn a_version_that_is_only_kept() {
    let (url, received) = answering("201 Created", "", &version(false));
    let text = push("push-kept", &url, true).unwrap();
    assert_eq!(received.recv().unwrap().first_line, "POST /v1/plugins HTTP/1.1");
    assert!(text.starts_with("hello 1.0.0 is kept as plv_1 and not live"), "{text}");
}

#[test]
fn what_the_server_refuses_is_said_in_its_words() {
    let problem = r#"{"title":"Plugin invalid","status":422,"detail":"a fixture fails: four: expected []","code":"plugin_invalid"}"#;
    let (url, _received) =
        answering("422 Unprocessable Content", "content-type: application/problem+json\r\n", problem);
    let error = push("push-refused", &url, false).unwrap_err();
    assert_eq!(error, "the server refuses it: a fixture fails: four: expected [] (plugin_invalid)");
    let problem = r#"{"title":"Unauthenticated","status":401,"detail":"The key is not known.","code":"unauthenticated"}"#;
    let (url, _received) = answering("401 Unauthorized", "", problem);
    let error = push("push-unknown", &url, false).unwrap_err();
    assert!(error.contains("is not one of this server"), "{error}");
}

#[test]
fn what_is_no_server_of_ours() {
    let (url, _received) = answering("404 Not Found", "", "<html>");
    let error = push("push-strange", &url, false).unwrap_err();
    assert!(error.contains("404 Not Found, but not as EventFlow does"), "{error}");
    // The key does not follow to another address.
    let (elsewhere, received) = answering("201 Created", "", &version(true));
    let location = format!("location: {elsewhere}/v1/plugins\r\n");
    let (url, _received) = answering("307 Temporary Redirect", &location, "");
    let error = push("push-redirect", &url, false).unwrap_err();
    assert!(error.contains("307") && received.try_recv().is_err(), "{error}");
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = push("push-nobody", &format!("http://{free}"), false).unwrap_err();
    assert!(error.contains("does not answer") && error.contains("--server"), "{error}");
}

#[test]
fn a_key_is_not_given_away() {
    let error = push("push-clear", "http://tickets.example", false).unwrap_err();
    assert!(error.contains("use https"), "{error}");
    for address in ["tickets.example", "ftp://tickets.example"] {
        let error = push("push-address", address, false).unwrap_err();
        assert!(error.contains("is no address"), "{error}");
    }
    for (key, words) in [("ef_pk_test_1", "begins with ef_sk_"), ("\n", "there is no secret key")] {
        let (component, key_file) = files("push-key", key);
        let server =
            Server { url: "http://127.0.0.1:1".to_owned(), key_file: Some(key_file), no_publish: false };
        let error = author::push(&component, &server).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
