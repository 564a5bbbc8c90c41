//! A client: where the platform is, and with which credential.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;

use crate::Error;

/// Longer than any answer but an import takes.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Repetitions after the first attempt: about three seconds of pauses in all.
const RETRIES: u32 = 3;

type OnRetry = Box<dyn Fn(&Error, Duration) + Send + Sync>;

/// The API with one credential. Each noun of the contract is a method: `client.holds().create(…)`. Clones share their
/// connections.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) base_url: String,
    pub(crate) key: String,
    pub(crate) http: reqwest::Client,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) on_retry: Option<OnRetry>,
}

/// What a [`Client`] is made of.
pub struct Builder {
    base_url: String,
    key: String,
    http: reqwest::ClientBuilder,
    app_info: Option<String>,
    timeout: Duration,
    retries: u32,
    on_retry: Option<OnRetry>,
}

impl Client {
    /// `base_url` is where the platform is, as `https://tickets.example`; `key` the credential of every call that
    /// brings none of its own: a secret key (`ef_sk_…`), the token of a scanner (`ef_dev_…`), or the bootstrap token.
    pub fn new(base_url: &str, key: &str) -> Result<Self, Error> {
        Self::builder(base_url, key).build()
    }

    /// As [`Client::new`], with more to say.
    pub fn builder(base_url: &str, key: &str) -> Builder {
        Builder {
            // Paths begin with the version.
            base_url: base_url.trim_end_matches('/').trim_end_matches("/v1").to_owned(),
            key: key.to_owned(),
            http: reqwest::Client::builder(),
            app_info: None,
            timeout: TIMEOUT,
            retries: RETRIES,
            on_retry: None,
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl Builder {
    /// For one attempt, with its answer. 30 seconds unless given.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Repetitions of a call that found nobody, was told to wait, or met a fault of the server. 3 unless given.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Names your program in the `User-Agent`, as `box-office/2.1`.
    pub fn app_info(mut self, app_info: &str) -> Self {
        self.app_info = Some(app_info.to_owned());
        self
    }

    /// Connections of your own making: through a proxy, or with a certificate authority of your own. Redirects are
    /// never followed.
    pub fn http(mut self, http: reqwest::ClientBuilder) -> Self {
        self.http = http;
        self
    }

    /// Told before every repetition: what failed, and how long the pause is.
    pub fn on_retry(mut self, on_retry: impl Fn(&Error, Duration) + Send + Sync + 'static) -> Self {
        self.on_retry = Some(Box::new(on_retry));
        self
    }

    /// Sends nothing yet.
    pub fn build(self) -> Result<Client, Error> {
        let usage = |text: &str| Err(Error::Usage(text.to_owned()));
        if !self.base_url.starts_with("http://") && !self.base_url.starts_with("https://") {
            return usage("the base URL is the address of the platform, as `https://tickets.example`");
        }
        if self.key.is_empty() {
            return usage("the key is missing: a key or token of the platform");
        }
        let mut agent = format!("eventflow-sdk-rust/{}", env!("CARGO_PKG_VERSION"));
        if let Some(info) = &self.app_info {
            agent = format!("{agent} {info}");
        }
        // A redirect would turn a POST into a GET, or carry the credential elsewhere.
        let http = self.http.user_agent(agent).redirect(Policy::none()).build();
        let http = http.map_err(|error| Error::Usage(format!("no client can be made of this: {error}")))?;
        let Self { base_url, key, timeout, retries, on_retry, .. } = self;
        Ok(Client { shared: Arc::new(Shared { base_url, key, http, timeout, retries, on_retry }) })
    }
}

/// Without the key: what is printed ends up in logs.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base_url", &self.shared.base_url).finish_non_exhaustive()
    }
}
