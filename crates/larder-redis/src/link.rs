//! The connection to the server: made when first needed, shared by all, made anew when it broke.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use larder_core::{Error, ErrorKind, Result};
use parking_lot::Mutex;
use redis::{Cmd, Pipeline, ServerErrorKind, Value};
use rustls::ClientConfig;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time;

use crate::config::{Address, RedisBuilder};
use crate::error;
use crate::server::{Facts, Tested};

use self::connection::{Connection, Failure};

pub(crate) mod connection;
mod resolve;
mod tls;

pub(crate) use self::tls::check as check_certificates;

/// The pauses between attempts to connect: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// The way to the server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Link(Arc<Inner>);

struct Inner {
    config: Arc<RedisBuilder>,
    /// What all keys of the namespace begin with: a hash tag.
    tag: String,
    tls: Mutex<Option<Arc<ClientConfig>>>,
    tested: Tested,
    state: Mutex<State>,
}

struct State {
    closed: bool,
    /// Attempts that failed since the last that did not.
    failures: u32,
    phase: Phase,
}

enum Phase {
    /// Never connected, or the connection was given up.
    Idle,
    /// A task of its own is connecting, so that a caller who is dropped holds nobody up.
    Connecting(Attempt),
    Connected(Arc<Live>),
    /// Connecting failed; nobody tries before `until`.
    Pausing {
        until: Instant,
        cause: Error,
    },
}

/// What an attempt came to, when it has.
type Attempt = watch::Receiver<Option<Result<Arc<Live>>>>;

struct Live {
    connection: Connection,
    facts: Facts,
    since: Instant,
}

impl Link {
    /// A link that connects when it is first needed. `tag` is what all keys begin with.
    ///
    /// # Errors
    /// `InvalidConfig` as `RedisBuilder::check`.
    pub(crate) fn new(config: Arc<RedisBuilder>, tag: String) -> Result<Self> {
        config.check()?;
        Ok(Self(Arc::new(Inner {
            config,
            tag,
            tls: Mutex::new(None),
            tested: Tested::default(),
            state: Mutex::new(State {
                closed: false,
                failures: 0,
                phase: Phase::Idle,
            }),
        })))
    }

    /// The live connection; connects if there is none. Of all who wait for a connection one
    /// attempt is made.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout` or `InvalidConfig` if there is none to be had; at once, with the
    /// cause, while the last attempt is too short a while ago. `Closed` after `close`.
    pub(crate) async fn session(&self) -> Result<Session> {
        // An attempt ends without an outcome if the runtime that made it ends; then this one
        // makes another.
        for _ in 0..2 {
            let mut attempt = match self.look()? {
                Looked::Session(session) => return Ok(session),
                Looked::Attempt(attempt) => attempt,
            };
            let limit = self.0.config.connect_timeout;
            let waited = time::timeout(limit, attempt.wait_for(Option::is_some))
                .await
                .map(|outcome| outcome.ok().and_then(|outcome| outcome.clone()));
            match waited {
                Ok(Some(outcome)) => return outcome.map(|live| self.session_on(live)),
                Ok(None) => self.0.forget(&attempt),
                Err(_) => {
                    return Err(error::new(
                        ErrorKind::Timeout,
                        format!(
                            "there was no connection to {} within {}",
                            self.0.config,
                            humantime::format_duration(limit)
                        ),
                    ));
                }
            }
        }
        Err(error::new(
            ErrorKind::Unavailable,
            "the task that connects was stopped; try again",
        ))
    }

    /// Lets the connection go. What is under way on it ends; nothing new begins.
    pub(crate) fn close(&self) {
        let phase = {
            let mut state = self.0.state.lock();
            state.closed = true;
            std::mem::replace(&mut state.phase, Phase::Idle)
        };
        drop(phase);
    }

    /// What there is now, having begun an attempt if there is nothing.
    fn look(&self) -> Result<Looked> {
        let mut state = self.0.state.lock();
        if state.closed {
            return Err(error::new(ErrorKind::Closed, "the store was closed"));
        }
        match &state.phase {
            Phase::Connected(live) if !live.connection.is_broken() => {
                return Ok(Looked::Session(self.session_on(live.clone())));
            }
            Phase::Connecting(attempt) => return Ok(Looked::Attempt(attempt.clone())),
            Phase::Pausing { until, cause } if Instant::now() < *until => return Err(again(cause)),
            Phase::Idle | Phase::Connected(_) | Phase::Pausing { .. } => {}
        }
        let runtime = Handle::try_current().map_err(|_| {
            error::new(
                ErrorKind::InvalidConfig,
                "a Redis store is used within a Tokio runtime; there is none here",
            )
        })?;
        let (outcome, attempt) = watch::channel(None);
        let before = std::mem::replace(&mut state.phase, Phase::Connecting(attempt.clone()));
        drop(state);
        // Closes the old connection, which takes no lock of ours but may take others.
        drop(before);
        let inner = self.0.clone();
        runtime.spawn(async move {
            let made = inner.connect().await;
            outcome.send_replace(Some(inner.settle(made)));
        });
        Ok(Looked::Attempt(attempt))
    }

    fn session_on(&self, live: Arc<Live>) -> Session {
        Session {
            live,
            link: Arc::downgrade(&self.0),
        }
    }
}

enum Looked {
    Session(Session),
    Attempt(Attempt),
}

impl Inner {
    async fn connect(&self) -> Result<Arc<Live>> {
        let tls = self.tls().await?;
        let connection = resolve::connect(&self.config, tls.as_ref(), &self.tag).await?;
        let facts = Facts::learn(&connection, &self.config, &self.tag, &self.tested).await?;
        if facts.replica && matches!(self.config.address, Address::Sentinel { .. }) {
            return Err(error::new(
                ErrorKind::Unavailable,
                format!(
                    "the sentinels name {} as primary, which is a replica; try again",
                    connection.peer()
                ),
            ));
        }
        if facts.cluster && matches!(self.config.address, Address::Tcp(_)) {
            self.check_owner(&connection).await?;
        }
        Ok(Arc::new(Live {
            connection,
            facts,
            since: Instant::now(),
        }))
    }

    /// Refuses a node of a cluster that is not the one of the namespace: no other is asked for.
    async fn check_owner(&self, connection: &Connection) -> Result<()> {
        let mut command = redis::cmd("EXISTS");
        command.arg(format!("{}:~", self.tag));
        match connection.one(self.config.timeout, &command).await {
            Err(Failure::Refused(refusal)) if error::is_moved(&refusal) => Err(error::new(
                ErrorKind::InvalidConfig,
                format!(
                    "{} is a node of a cluster that holds the namespace elsewhere; write `redis+cluster://`",
                    connection.peer()
                ),
            )),
            Err(Failure::Lost(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// The configuration of encrypted connections, read once and off the caller's thread.
    async fn tls(&self) -> Result<Option<Arc<ClientConfig>>> {
        let Some(certificates) = &self.config.tls else {
            return Ok(None);
        };
        if let Some(config) = &*self.tls.lock() {
            return Ok(Some(config.clone()));
        }
        let certificates = certificates.clone();
        let config = tokio::task::spawn_blocking(move || tls::config(&certificates))
            .await
            .map_err(|_| {
                error::new(
                    ErrorKind::Unavailable,
                    "the runtime ended while certificates were read; try again",
                )
            })??;
        *self.tls.lock() = Some(config.clone());
        Ok(Some(config))
    }

    /// Notes what an attempt came to.
    fn settle(&self, made: Result<Arc<Live>>) -> Result<Arc<Live>> {
        let mut state = self.state.lock();
        if state.closed {
            drop(state);
            drop(made);
            return Err(error::new(ErrorKind::Closed, "the store was closed"));
        }
        match &made {
            Ok(live) => {
                state.failures = 0;
                state.phase = Phase::Connected(live.clone());
            }
            Err(cause) => {
                state.failures = state.failures.saturating_add(1);
                state.phase = Phase::Pausing {
                    until: Instant::now() + pause(state.failures, random()),
                    cause: cause.clone(),
                };
            }
        }
        made
    }

    /// Drops an attempt that will have no outcome.
    fn forget(&self, attempt: &Attempt) {
        let mut state = self.state.lock();
        if matches!(&state.phase, Phase::Connecting(current) if current.same_channel(attempt)) {
            state.phase = Phase::Idle;
        }
    }

    /// Drops a connection that was given up, unless another has taken its place.
    fn release(&self, live: &Arc<Live>) {
        let mut state = self.state.lock();
        if matches!(&state.phase, Phase::Connected(current) if Arc::ptr_eq(current, live)) {
            let before = std::mem::replace(&mut state.phase, Phase::Idle);
            drop(state);
            drop(before);
        }
    }
}

/// The error of an operation that comes while connecting pauses.
fn again(cause: &Error) -> Error {
    match cause.kind() {
        // Trying again will not help, so it is told as it is.
        ErrorKind::InvalidConfig | ErrorKind::Unsupported => cause.clone(),
        _ => error::new(
            ErrorKind::Unavailable,
            format!(
                "not connected, and soon tried again; the last attempt failed: {}",
                cause.message()
            ),
        ),
    }
}

/// How long to pause after so many failed attempts: doubling, and spread over its second half so
/// that processes that lost one server do not come back to it at once.
fn pause(failures: u32, random: u64) -> Duration {
    let (first, longest) = PAUSES;
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let whole = doubled.min(longest);
    let spread = u32::try_from(random % 1_000).unwrap_or(0);
    whole / 2 + whole / 2 * spread / 1_000
}

/// A number that differs from call to call and process to process.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.0.state.lock().phase {
            Phase::Idle => "idle",
            Phase::Connecting(_) => "connecting",
            Phase::Connected(_) => "connected",
            Phase::Pausing { .. } => "pausing",
        };
        f.debug_struct("Link")
            .field("config", &self.0.config)
            .field("state", &state)
            .finish()
    }
}

/// A live connection and what is known of the server at its other end. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Session {
    live: Arc<Live>,
    link: Weak<Inner>,
}

impl Session {
    /// What the server is and can do.
    pub(crate) fn facts(&self) -> &Facts {
        &self.live.facts
    }

    /// Sends commands at once and answers one value for each. A command that the server refused
    /// is a `Value::ServerError` among them; see `error::of_server`. An `atomic` pipeline is a
    /// transaction, whose answers are those of its commands.
    ///
    /// # Errors
    /// `Timeout` after `deadline`, which gives the connection up; `Unavailable` if it is lost;
    /// what kept a transaction from being executed.
    pub(crate) async fn run(&self, deadline: Duration, pipeline: &Pipeline) -> Result<Vec<Value>> {
        let begun = Instant::now();
        let answer = self.live.connection.many(deadline, pipeline).await;
        if !self.looked_at_many(&answer) {
            return Ok(answer?);
        }
        // Nothing was executed, since all of it lives elsewhere: once more, there.
        let next = self.next().await?;
        let left = deadline.saturating_sub(begun.elapsed());
        let answer = next.live.connection.many(left, pipeline).await;
        next.looked_at_many(&answer);
        Ok(answer?)
    }

    /// Sends one command.
    ///
    /// # Errors
    /// As `run`, and what the server refused.
    pub(crate) async fn one(&self, deadline: Duration, command: &Cmd) -> Result<Value> {
        let begun = Instant::now();
        let answer = self.live.connection.one(deadline, command).await;
        if !self.looked_at(&answer) {
            return Ok(answer?);
        }
        let next = self.next().await?;
        let left = deadline.saturating_sub(begun.elapsed());
        let answer = next.live.connection.one(left, command).await;
        next.looked_at(&answer);
        Ok(answer?)
    }

    /// The session after this one.
    async fn next(&self) -> Result<Self> {
        match self.link.upgrade() {
            Some(inner) => Link(inner).session().await,
            None => Err(error::new(ErrorKind::Closed, "the store was closed")),
        }
    }

    /// Gives the connection up if the answers say that another is needed, and says whether the
    /// same commands can be sent there since none was executed.
    fn looked_at_many(&self, answer: &Result<Vec<Value>, Failure>) -> bool {
        let mut moved = 0;
        let answers = answer.as_deref().unwrap_or_default();
        for answer in answers {
            if let Value::ServerError(refusal) = answer {
                self.heed(refusal);
                moved += usize::from(error::is_moved(refusal));
            }
        }
        let all_moved = moved > 0 && moved == answers.len();
        self.looked_at(answer) || (all_moved && self.others_know())
    }

    fn looked_at<T>(&self, answer: &Result<T, Failure>) -> bool {
        let mut moved = false;
        if let Err(Failure::Refused(refusal)) = answer {
            self.heed(refusal);
            moved = error::is_moved(refusal);
        }
        if self.live.connection.is_broken()
            && let Some(inner) = self.link.upgrade()
        {
            inner.release(&self.live);
        }
        moved && self.others_know()
    }

    /// Gives the connection up if it leads to a node that no longer is the one, and others can
    /// be asked which is.
    fn heed(&self, refusal: &redis::ServerError) {
        let elsewhere = match refusal.kind() {
            Some(ServerErrorKind::Moved) => true,
            // It may take the others a while to agree; they are not asked at every operation.
            Some(
                ServerErrorKind::ClusterDown
                | ServerErrorKind::ReadOnly
                | ServerErrorKind::MasterDown,
            ) => self.live.since.elapsed() > PAUSES.1,
            _ => false,
        };
        if elsewhere && self.others_know() {
            self.live.connection.give_up();
        }
    }

    /// Whether another attempt may lead to another node.
    fn others_know(&self) -> bool {
        self.link.upgrade().is_some_and(|inner| {
            matches!(
                inner.config.address,
                Address::Sentinel { .. } | Address::Cluster(_)
            )
        })
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("connection", &self.live.connection)
            .field("facts", &self.live.facts)
            .finish()
    }
}

#[cfg(test)]
pub(crate) mod tests;
