//! One connection: opened to a node, used by many at once, given up when an answer stays away.

use std::fmt;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder_core::{Error, ErrorKind, Result};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::socket2::{SockRef, TcpKeepalive};
use redis::{
    AsyncConnectionConfig, Cmd, Pipeline, ProtocolVersion, PushInfo, PushKind, RedisConnectionInfo,
    RedisError, Value,
};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::task::AbortHandle;
use tokio::time;
use tokio_rustls::TlsConnector;

use crate::config::{Credentials, Node};
use crate::error;

/// How many commands wait for the connection's task before their senders do.
const QUEUE: usize = 512;
/// How long a silent peer is believed in, and how often it is then asked.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(5));

/// A connection that speaks RESP3. Cheap to clone; closed with its last clone.
#[derive(Clone)]
pub(crate) struct Connection {
    inner: MultiplexedConnection,
    driver: Arc<Driver>,
    broken: Arc<AtomicBool>,
    peer: Arc<str>,
}

/// The task that reads and writes. Without this, an answer that never comes would keep it alive.
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Held by the task: marks the connection when the task ends, however it does.
struct Alive(Arc<AtomicBool>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

trait Stream: AsyncRead + AsyncWrite + Send {}
impl<S: AsyncRead + AsyncWrite + Send> Stream for S {}
type BoxedStream = Pin<Box<dyn Stream>>;

impl Connection {
    /// Connects by TCP, encrypted if there is a configuration for it.
    pub(super) async fn to_node(
        node: &Node,
        tls: Option<&Arc<ClientConfig>>,
        credentials: &Credentials,
        limit: Duration,
    ) -> Result<Self> {
        let peer = node.to_string();
        within(limit, &peer, async {
            let stream = tcp(node, limit)
                .await
                .map_err(|cause| lost(&peer, &cause))?;
            let stream: BoxedStream = match tls {
                Some(config) => Box::pin(encrypted(node, config, stream).await?),
                None => Box::pin(stream),
            };
            Self::greet(stream, &peer, credentials).await
        })
        .await
    }

    /// Connects by a socket of this machine.
    pub(super) async fn to_socket(
        path: &Path,
        credentials: &Credentials,
        limit: Duration,
    ) -> Result<Self> {
        let peer = path.display().to_string();
        within(limit, &peer, async {
            let stream = UnixStream::connect(path)
                .await
                .map_err(|cause| lost(&peer, &cause))?;
            Self::greet(Box::pin(stream), &peer, credentials).await
        })
        .await
    }

    /// Says hello: RESP3, user and password.
    async fn greet(stream: BoxedStream, peer: &str, credentials: &Credentials) -> Result<Self> {
        let mut info = RedisConnectionInfo::default()
            .set_protocol(ProtocolVersion::RESP3)
            .set_lib_name("larder", env!("CARGO_PKG_VERSION"));
        if let Some(username) = &credentials.username {
            info = info.set_username(username);
        }
        if let Some(password) = &credentials.password {
            info = info.set_password(password);
        }
        let broken = Arc::new(AtomicBool::new(false));
        let alive = Alive(broken.clone());
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUEUE)
            .set_push_sender(move |push: PushInfo| {
                if push.kind == PushKind::Disconnection {
                    alive.0.store(true, Ordering::Release);
                }
                Ok::<(), ()>(())
            });
        let (inner, driver) = MultiplexedConnection::new_with_config(&info, stream, config)
            .await
            .map_err(|cause| refused(peer, cause))?;
        let driver = tokio::spawn(driver).abort_handle();
        Ok(Self {
            inner,
            driver: Arc::new(Driver(driver)),
            broken,
            peer: peer.into(),
        })
    }

    /// The node at the other end, for messages.
    pub(crate) fn peer(&self) -> &str {
        &self.peer
    }

    /// Whether it has ended or was given up. What is already under way on it may still end well.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// Has the next operation connect anew.
    pub(crate) fn give_up(&self) {
        self.broken.store(true, Ordering::Release);
    }

    /// Sends commands at once and answers one value for each; a command that the server refused
    /// is a `Value::ServerError`. Of a transaction these are the answers of its commands.
    ///
    /// # Errors
    /// `Timeout` and `Unavailable`, which give the connection up, and, of a transaction that was
    /// not executed, the reason.
    pub(crate) async fn many(
        &self,
        deadline: Duration,
        pipeline: &Pipeline,
    ) -> Result<Vec<Value>, Failure> {
        if pipeline.is_empty() {
            return Ok(Vec::new());
        }
        let mut commands = pipeline.cmd_iter();
        if let (Some(command), None, false) =
            (commands.next(), commands.next(), pipeline.is_transaction())
        {
            // Cheaper by the list of answers that the library keeps for a pipeline.
            let mut connection = self.inner.clone();
            let answer = connection.send_packed_command(command);
            return Ok(vec![self.in_time(deadline, answer).await?]);
        }
        // The library's own way to read a transaction panics if the server refuses MULTI; so all
        // answers are read, and looked at here.
        let extra = if pipeline.is_transaction() { 2 } else { 0 };
        let mut connection = self.inner.clone();
        let answers = connection.send_packed_commands(pipeline, 0, pipeline.len() + extra);
        let mut answers = self.in_time(deadline, answers).await?;
        if extra == 0 {
            return Ok(answers);
        }
        let executed = answers.pop();
        for answer in answers {
            if let Value::ServerError(error) = answer {
                return Err(Failure::Refused(error));
            }
        }
        match executed {
            Some(Value::Array(answers)) => Ok(answers),
            Some(Value::ServerError(error)) => Err(Failure::Refused(error)),
            _ => Err(Failure::Lost(error::new(
                ErrorKind::Internal,
                "the server answered a transaction with neither results nor an error",
            ))),
        }
    }

    /// Sends one command.
    ///
    /// # Errors
    /// As `many`, and what the server refused.
    pub(crate) async fn one(&self, deadline: Duration, command: &Cmd) -> Result<Value, Failure> {
        let mut connection = self.inner.clone();
        let answer = connection.send_packed_command(command);
        match self.in_time(deadline, answer).await? {
            Value::ServerError(error) => Err(Failure::Refused(error)),
            answer => Ok(answer),
        }
    }

    async fn in_time<T>(
        &self,
        deadline: Duration,
        answer: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, Failure> {
        // Until the answer is there, the task must not be stopped.
        let _driver = self.driver.clone();
        let Ok(answer) = time::timeout(deadline, answer).await else {
            self.give_up();
            return Err(Failure::Lost(error::new(
                ErrorKind::Timeout,
                format!(
                    "{} gave no answer within {}",
                    self.peer,
                    humantime::format_duration(deadline)
                ),
            )));
        };
        answer.map_err(|cause| {
            self.give_up();
            Failure::Lost(match cause.kind() {
                // It has spoken the protocol: what is no answer now was cut short.
                redis::ErrorKind::Io | redis::ErrorKind::Parse => error::new(
                    ErrorKind::Unavailable,
                    format!("the connection to {} was lost: {cause}", self.peer),
                ),
                _ => error::of_redis(cause),
            })
        })
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer)
            .field("broken", &self.is_broken())
            .finish()
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server refused, and did nothing.
    Refused(redis::ServerError),
    /// The connection gave no answer; what became of the commands is not known.
    Lost(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => error::of_server(&error),
            Failure::Lost(error) => error,
        }
    }
}

async fn within<T>(
    limit: Duration,
    peer: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    time::timeout(limit, work).await.unwrap_or_else(|_| {
        Err(error::new(
            ErrorKind::Timeout,
            format!(
                "{peer} did not answer the connection within {}",
                humantime::format_duration(limit)
            ),
        ))
    })
}

/// Connects to the first address of the node that answers; each has its share of the time.
async fn tcp(node: &Node, limit: Duration) -> io::Result<TcpStream> {
    let addresses: Vec<_> = lookup_host((node.host.as_str(), node.port))
        .await?
        .collect();
    let share = limit / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let mut failed = io::Error::other("its name has no address");
    for address in addresses {
        match time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                let (silence, interval) = KEEPALIVE;
                let keepalive = TcpKeepalive::new()
                    .with_time(silence)
                    .with_interval(interval);
                SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
                return Ok(stream);
            }
            Ok(Err(cause)) => failed = cause,
            Err(_) => failed = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failed)
}

async fn encrypted(
    node: &Node,
    config: &Arc<ClientConfig>,
    stream: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let name = ServerName::try_from(node.host.clone()).map_err(|_| {
        error::new(
            ErrorKind::InvalidConfig,
            format!("{node} has no name that a certificate could have"),
        )
    })?;
    TlsConnector::from(config.clone())
        .connect(name, stream)
        .await
        .map_err(|cause| untrusted(&node.to_string(), &cause))
}

/// The error of a connection that does not come about or ends while it is made.
fn lost(peer: &str, cause: &io::Error) -> Error {
    match cause.kind() {
        io::ErrorKind::TimedOut => error::new(
            ErrorKind::Timeout,
            format!("{peer} does not answer the connection"),
        ),
        io::ErrorKind::PermissionDenied => error::new(
            ErrorKind::InvalidConfig,
            format!("{peer} may not be connected to: {cause}"),
        ),
        _ => error::new(
            ErrorKind::Unavailable,
            format!("{peer} cannot be connected to: {cause}"),
        ),
    }
}

/// The error of a handshake: TLS's own, unless the connection ended.
fn untrusted(peer: &str, cause: &io::Error) -> Error {
    match cause
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<rustls::Error>())
    {
        Some(rustls::Error::InvalidMessage(_)) => error::new(
            ErrorKind::InvalidConfig,
            format!("{peer} does not speak TLS; write `redis://` if it is not encrypted"),
        ),
        Some(cause) => error::new(
            ErrorKind::InvalidConfig,
            format!("no encrypted connection to {peer}: {cause}"),
        ),
        None => lost(peer, cause),
    }
}

/// The error of a server that does not answer the first hello as it should.
fn refused(peer: &str, cause: RedisError) -> Error {
    match cause.kind() {
        redis::ErrorKind::Parse => error::new(
            ErrorKind::InvalidConfig,
            format!("{peer} does not speak the Redis protocol"),
        ),
        // A certificate that the server refuses is told of after the handshake.
        redis::ErrorKind::Io if cause.to_string().contains("received fatal alert") => error::new(
            ErrorKind::InvalidConfig,
            format!("no encrypted connection to {peer}: {cause}"),
        ),
        redis::ErrorKind::Io => error::new(
            ErrorKind::Unavailable,
            format!(
                "{peer} closed the connection instead of answering ({cause}); is it encrypted, or does it ask for a client's certificate?"
            ),
        ),
        _ => error::of_redis(cause),
    }
}
