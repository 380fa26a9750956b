//! Options of the Redis store.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use larder_core::codec::{self, Codec};
use larder_core::{Clock, ErrorKind, Result, SystemClock};

use crate::error;
use crate::link;

mod url;

/// How long a server may work on a query: the bounds of what is sent with each.
const SERVER_TIME: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(30));

/// What a read by id answers while the server cannot be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadPolicy {
    /// The error: `Unavailable` or `Timeout`.
    #[default]
    FailClosed,
    /// A miss, which is counted: a dead server makes reads slow, not wrong. Writes and queries
    /// still report the error.
    FailOpen,
}

/// Puts a Redis store together.
///
/// ```
/// use std::time::Duration;
/// use larder_redis::RedisBuilder;
///
/// let builder = RedisBuilder::from_url("redis://127.0.0.1:6379")?
///     .namespace("shop")
///     .ttl(Duration::from_secs(600));
/// # let _ = builder;
/// # Ok::<(), larder_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisBuilder {
    pub(crate) address: Address,
    pub(crate) tls: Option<Certificates>,
    /// Certificates given for a connection that is not encrypted: an error of `check`.
    pub(crate) unused: bool,
    pub(crate) credentials: Credentials,
    pub(crate) database: u32,
    pub(crate) namespace: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) injected_clock: bool,
    pub(crate) ttl: Option<Duration>,
    pub(crate) codec: Option<Arc<dyn Codec>>,
    pub(crate) timeout: Duration,
    pub(crate) query_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) reads: ReadPolicy,
    pub(crate) drop_unused_after: Duration,
}

impl Default for RedisBuilder {
    /// A server on this machine at the usual port.
    fn default() -> Self {
        Self::at(Address::Tcp(Node::new("127.0.0.1", 6379)))
    }
}

impl RedisBuilder {
    fn at(address: Address) -> Self {
        Self {
            address,
            tls: None,
            unused: false,
            credentials: Credentials::default(),
            database: 0,
            namespace: "larder".to_owned(),
            clock: Arc::new(SystemClock),
            injected_clock: false,
            ttl: None,
            codec: None,
            timeout: Duration::from_secs(2),
            query_timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(2),
            reads: ReadPolicy::FailClosed,
            drop_unused_after: Duration::from_secs(3_600),
        }
    }

    /// Reads address and options from a URL:
    ///
    /// | URL | connects to |
    /// |---|---|
    /// | `redis://[user:password@]host[:port]` | one server |
    /// | `rediss://..` | the same, encrypted (TLS) |
    /// | `redis+unix://[user:password@]/path/to/socket` | one server on this machine |
    /// | `redis+sentinel://[user:password@]host[:port],host[:port]/service` | the primary that these sentinels name |
    /// | `redis+cluster://[user:password@]host[:port],host[:port]` | the node of the cluster that holds the namespace |
    ///
    /// `valkey` stands for `redis` anywhere, and `rediss+sentinel` and `rediss+cluster` are
    /// encrypted. Behind a `?` stand any of these, each once and parted by `&`:
    ///
    /// | option | value | as |
    /// |---|---|---|
    /// | `namespace` | any text | `shop` |
    /// | `ttl` | a duration, its units as `humantime` reads them | `1h`, `1h30m` |
    /// | `codec` | `bincode`, `postcard`, `json` or `messagepack` | `json` |
    /// | `timeout`, `query_timeout`, `connect_timeout` | a duration | `500ms` |
    /// | `reads` | `open` or `closed`, see [`ReadPolicy`] | `open` |
    /// | `db` | the number of the database, also written as the path: only `0` has queries | `0` |
    /// | `ca`, `cert`, `key` | paths of PEM files: the authority that signed the server's certificate; a certificate and its key for this client | `/etc/redis/ca.pem` |
    /// | `sentinel_user`, `sentinel_password` | what the sentinels ask for | |
    ///
    /// More can be set on the builder afterwards. User, password, service, path and option
    /// values are percent-decoded: write `@` as `%40`, `/` as `%2F`, `?` as `%3F`, `#` as `%23`
    /// and `%` as `%25` in them.
    ///
    /// # Errors
    /// `InvalidConfig` for any other URL, naming what is wrong and what is allowed. It repeats
    /// the name or the value of an option at most, and only where it looks like one: a password
    /// in the wrong place does not end up in a log.
    ///
    /// ```
    /// use larder_redis::RedisBuilder;
    ///
    /// let error = RedisBuilder::from_url("redis://localhost?tll=1h").unwrap_err();
    /// assert!(error.to_string().contains("no option `tll`"));
    /// ```
    pub fn from_url(url: &str) -> Result<Self> {
        url::read(url).map_err(|error| error.with_store("redis"))
    }

    /// Keeps these objects apart from those of other namespaces on the same server (`larder`
    /// unless set). Any text but the empty one.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Takes the time from `clock`. The server, which has a clock of its own, then frees an
    /// expired object an hour late, so that it does not take what is alive by `clock`.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self.injected_clock = true;
        self
    }

    /// How long an object lives unless its model, cache or write says otherwise.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Writes objects by `codec` (bincode unless set). Those written by another are still read.
    pub fn codec(mut self, codec: impl Codec) -> Self {
        self.codec = Some(Arc::new(codec));
        self
    }

    /// How long an operation by id may take (2 s unless set); then it fails with `Timeout`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a query may take (15 s unless set); then it fails with `Timeout`.
    ///
    /// The server is told to stop a little earlier, though never before 10 s nor after 30 s.
    pub fn query_timeout(mut self, timeout: Duration) -> Self {
        self.query_timeout = timeout;
        self
    }

    /// How long an operation waits for a connection that is being made (2 s unless set).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// What a read by id answers while the server cannot be reached: its error, unless set.
    pub fn reads(mut self, policy: ReadPolicy) -> Self {
        self.reads = policy;
        self
    }

    /// After how long an index of another version of a model is dropped that no program has
    /// used (an hour unless set): while programs of two versions run side by side, each has its
    /// own. A program that comes back later makes it anew.
    pub fn drop_unused_after(mut self, unused: Duration) -> Self {
        self.drop_unused_after = unused;
        self
    }

    /// Authenticates as this user of the server's ACL; a password belongs to it.
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.credentials.username = Some(username.into());
        self
    }

    /// Authenticates by this password, as the `default` user unless another is set.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.credentials.password = Some(password.into());
        self
    }

    /// Chooses a database of the server. Only 0, the default, has queries; another is refused.
    pub fn database(mut self, database: u32) -> Self {
        self.database = database;
        self
    }

    /// Trusts servers whose certificate one of these authorities signed, and no others; the
    /// system's authorities unless set. PEM, of a connection that is encrypted.
    pub fn ca_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        match &mut self.tls {
            Some(certificates) => certificates.authorities = Some(pem.into()),
            None => self.unused = true,
        }
        self
    }

    /// Shows the server this certificate, with its key. PEM, of a connection that is encrypted.
    pub fn client_certificate(
        mut self,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        match &mut self.tls {
            Some(certificates) => certificates.client = Some((certificate.into(), key.into())),
            None => self.unused = true,
        }
        self
    }

    /// Whether the options can be had together.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |message: &str| Err(error::new(ErrorKind::InvalidConfig, message));
        if self.namespace.is_empty() {
            return refuse("the namespace is empty; give it a name, or leave it out for `larder`");
        }
        if self.ttl == Some(Duration::ZERO) {
            return refuse("a lifetime of zero would store nothing; leave it out for no expiry");
        }
        if self.ttl.is_some_and(|ttl| ttl.as_millis() == 0) {
            return refuse(
                "a lifetime of less than a millisecond is none; time is counted in those",
            );
        }
        let timeouts = [self.timeout, self.query_timeout, self.connect_timeout];
        if timeouts.iter().any(|time| time.as_millis() == 0) {
            return refuse(
                "`timeout`, `query_timeout` or `connect_timeout` is zero, in which nothing can be done; leave it out for the default",
            );
        }
        if self.database != 0 {
            return refuse(
                "only database 0 has an index, and writes to others would be found there; leave the database out, and keep applications apart by `namespace`",
            );
        }
        if self.credentials.username.is_some() && self.credentials.password.is_none() {
            return refuse(
                "a user is given without a password; give both (any password, if the user has none)",
            );
        }
        if let Address::Sentinel { credentials, .. } = &self.address
            && credentials.username.is_some()
            && credentials.password.is_none()
        {
            return refuse("`sentinel_user` is given without `sentinel_password`; give both");
        }
        if self.unused {
            return refuse(
                "certificates are given for a connection that is not encrypted; write `rediss://`",
            );
        }
        if let Some(certificates) = &self.tls {
            link::check_certificates(certificates)?;
        }
        self.codec_or_default().map(|_| ())
    }

    /// The codec that objects are written by.
    ///
    /// # Errors
    /// `InvalidConfig` if none is set and the default is not compiled in.
    pub(crate) fn codec_or_default(&self) -> Result<Arc<dyn Codec>> {
        match &self.codec {
            Some(codec) => Ok(codec.clone()),
            None => codec::named("bincode").map_err(|_| {
                error::new(
                    ErrorKind::InvalidConfig,
                    "no codec is set, and the default is not compiled in; set one, or turn on the feature `bincode`",
                )
            }),
        }
    }

    /// How long the server is told to work on a query: less than we wait, so that it can say
    /// itself that it was not done, and never without bound.
    pub(crate) fn server_timeout(&self) -> Duration {
        let (least, most) = SERVER_TIME;
        (self.query_timeout / 10 * 9).clamp(least, most)
    }
}

impl fmt::Display for RedisBuilder {
    /// Where the store is, as a URL without the user, the password and the options.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() {
            "rediss"
        } else {
            "redis"
        };
        match &self.address {
            Address::Tcp(node) => write!(f, "{scheme}://{node}"),
            Address::Unix(path) => write!(f, "{scheme}+unix://{}", path.display()),
            Address::Sentinel {
                sentinels, service, ..
            } => write!(
                f,
                "{scheme}+sentinel://{}/{}",
                listed(sentinels),
                percent_encoding::utf8_percent_encode(service, percent_encoding::NON_ALPHANUMERIC)
            ),
            Address::Cluster(seeds) => write!(f, "{scheme}+cluster://{}", listed(seeds)),
        }
    }
}

fn listed(nodes: &[Node]) -> String {
    let nodes: Vec<_> = nodes.iter().map(Node::to_string).collect();
    nodes.join(",")
}

/// Where the server is, or where to ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Tcp(Node),
    Unix(PathBuf),
    Sentinel {
        sentinels: Vec<Node>,
        service: String,
        credentials: Credentials,
    },
    Cluster(Vec<Node>),
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Node {
    pub(crate) fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A user and a password; never printed, since either may stand in the other's place.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (&self.username, &self.password) {
            (None, None) => "none",
            (Some(_), None) => "a user",
            (None, Some(_)) => "a password",
            (Some(_), Some(_)) => "a user and a password",
        })
    }
}

/// The PEM texts of an encrypted connection.
#[derive(Clone, Default)]
pub(crate) struct Certificates {
    /// Who is trusted; those whom the system trusts, if none.
    pub(crate) authorities: Option<Vec<u8>>,
    /// A certificate and its key.
    pub(crate) client: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates")
            .field("authorities", &self.authorities.is_some())
            .field("client", &self.client.is_some())
            .finish()
    }
}

#[cfg(test)]
pub(crate) mod tests;
