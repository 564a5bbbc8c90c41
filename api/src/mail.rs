//! Mail over SMTP. Whoever sends a message sees a [`Mailer`] and whether a failure may pass.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Attachment as Part, Mailbox, MultiPart, SinglePart, header::ContentType},
    transport::smtp,
};
use secrecy::ExposeSecret;

use crate::config::Config;

/// One command of the conversation may take this long.
const COMMAND: Duration = Duration::from_secs(15);
/// A whole mail: less than a runner has a job for itself, so that no other one begins with it.
const WHOLE_MAIL: Duration = Duration::from_secs(45);
/// What a server answers that wants another login, or any: no fault of the mail.
const LOGIN_REFUSED: [u16; 4] = [530, 534, 535, 538];

/// Something that sends mail.
pub trait Mailer: Send + Sync {
    /// Returns when the server has taken the mail. It may be asked for the same mail again after a crash.
    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<(), MailError>>;

    /// What stands behind the `@` of the sender: Message-IDs end with it.
    fn domain(&self) -> &str;

    /// Asks the server whether it would take mail.
    fn probe(&self) -> BoxFuture<'_, Result<(), MailError>>;
}

/// A mail to one recipient.
#[derive(Debug, Clone)]
pub struct Mail {
    /// With its angle brackets.
    pub message_id: String,
    pub from_name: String,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: Option<String>,
    pub attachments: Vec<Attachment>,
}

#[derive(Debug, Clone)]
pub struct Attachment {
    pub name: &'static str,
    pub media_type: &'static str,
    pub bytes: Vec<u8>,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum MailError {
    /// It may be taken later.
    #[error("{0}")]
    Later(String),
    /// It will never be taken.
    #[error("{0}")]
    Never(String),
}

struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
}

/// The mailer of the configuration, `None` when there is none, or what is wrong with it. Connects to nothing.
pub fn mailer(config: &Config) -> Result<Option<Arc<dyn Mailer>>, String> {
    let (url, from) = match (&config.smtp_url, &config.mail_from) {
        (None, None) => return Ok(None),
        (Some(url), Some(from)) => (url, from),
        (Some(_), None) => {
            return Err(
                "EVENTFLOW_SMTP_URL needs EVENTFLOW_MAIL_FROM, the address that mail comes from".into()
            );
        }
        (None, Some(_)) => {
            return Err("EVENTFLOW_MAIL_FROM needs EVENTFLOW_SMTP_URL, the server that takes mail".into());
        }
    };
    let from = from.parse().map_err(|_| {
        format!("EVENTFLOW_MAIL_FROM is `{from}`; expected an address, as `tickets@example.org`")
    })?;
    // The error of the library could repeat the password.
    let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret()).map_err(|_| {
        "EVENTFLOW_SMTP_URL cannot be read; expected `smtps://user:password@mail.example.org` or \
         `smtp://user:password@mail.example.org:587?tls=required`"
    })?;
    Ok(Some(Arc::new(Smtp { transport: transport.timeout(Some(COMMAND)).build(), from })))
}

impl Mailer for Smtp {
    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<(), MailError>> {
        Box::pin(async move {
            let message = message(&self.from, mail)?;
            match tokio::time::timeout(WHOLE_MAIL, self.transport.send(message)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(judge(&error)),
                Err(_) => Err(MailError::Later("The mail server did not answer in time.".into())),
            }
        })
    }

    fn domain(&self) -> &str {
        self.from.domain()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), MailError>> {
        Box::pin(async move {
            match self.transport.test_connection().await {
                Ok(true) => Ok(()),
                Ok(false) => Err(MailError::Later("The mail server takes no mail at the moment.".into())),
                Err(error) => Err(judge(&error)),
            }
        })
    }
}

fn message(from: &Address, mail: &Mail) -> Result<Message, MailError> {
    let never = |error: &dyn std::fmt::Display| MailError::Never(format!("{error}"));
    let to = mail.to.parse::<Address>().map_err(|_| {
        MailError::Never("The address is none that mail can be sent to; correct it in the order.".into())
    })?;
    let sender = Mailbox::new(Some(one_line(&mail.from_name)), from.clone());
    let builder = Message::builder()
        .message_id(Some(mail.message_id.clone()))
        .from(sender)
        .to(Mailbox::new(None, to))
        .subject(one_line(&mail.subject));
    let body = match &mail.html {
        Some(html) => MultiPart::alternative_plain_html(mail.text.clone(), html.clone()),
        None => MultiPart::mixed().singlepart(SinglePart::plain(mail.text.clone())),
    };
    let mut whole = if mail.attachments.is_empty() { body } else { MultiPart::mixed().multipart(body) };
    for attachment in &mail.attachments {
        let kind = ContentType::parse(attachment.media_type).map_err(|error| never(&error))?;
        whole = whole.singlepart(Part::new(attachment.name.to_owned()).body(attachment.bytes.clone(), kind));
    }
    builder.multipart(whole).map_err(|error| never(&error))
}

/// What other people wrote, for a header: in one line, whatever they wrote.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// 4xx and broken connections pass. 5xx do not, unless it is the login that was refused.
fn judge(error: &smtp::Error) -> MailError {
    let code = error.status().map(u16::from);
    if error.is_permanent() && !code.is_some_and(|code| LOGIN_REFUSED.contains(&code)) {
        MailError::Never(format!("The mail server refused: {error}"))
    } else {
        MailError::Later(format!("The mail server did not take it: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        config: Config,
    }

    fn of(arguments: &[&str]) -> Result<Option<Arc<dyn Mailer>>, String> {
        mailer(&CommandLine::parse_from([&["eventflow"], arguments].concat()).config)
    }

    #[tokio::test]
    async fn settings_are_complete_or_named() {
        assert!(of(&[]).unwrap().is_none());
        let good = ["--smtp-url", "smtps://u:secret@mail.example.org", "--mail-from", "tickets@example.org"];
        assert_eq!(of(&good).unwrap().unwrap().domain(), "example.org");
        let cases: [(&[&str], &str); 4] = [
            (&good[..2], "EVENTFLOW_MAIL_FROM"),
            (&good[2..], "EVENTFLOW_SMTP_URL"),
            (&["--smtp-url", "http://u:secret@h", "--mail-from", "a@b.example"], "EVENTFLOW_SMTP_URL"),
            (&["--smtp-url", "smtp://h", "--mail-from", "Tickets"], "EVENTFLOW_MAIL_FROM"),
        ];
        for (arguments, name) in cases {
            let fault = of(arguments).err().unwrap_or_else(|| panic!("{arguments:?} is taken"));
            assert!(fault.contains(name) && !fault.contains("secret"), "{fault}");
        }
    }

    #[test]
    fn headers_are_one_line() {
        let from = "tickets@example.org".parse().unwrap();
        let mail = Mail {
            message_id: "<msg_1.0@example.org>".into(),
            from_name: "Hall\r\nBcc: a@evil.example\r\n\r\nHello".into(),
            to: "grace@example.org".into(),
            subject: "Müller\nBcc: b@evil.example".into(),
            text: "Text".into(),
            html: None,
            attachments: vec![],
        };
        let text = String::from_utf8(message(&from, &mail).unwrap().formatted()).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        let names: Vec<&str> = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t'])).collect();
        assert!(names.iter().all(|line| !line.to_lowercase().starts_with("bcc")), "{head}");
        assert!(head.contains("Message-ID: <msg_1.0@example.org>"), "{head}");
        for to in ["a@b.example\r\nBcc: c@evil.example", "a@b.example, c@evil.example", "nobody", ""] {
            let refused = message(&from, &Mail { to: to.into(), ..mail.clone() });
            assert!(matches!(refused, Err(MailError::Never(_))), "{to}");
        }
    }
}
