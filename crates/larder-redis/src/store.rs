//! The store: entries by key, and queries by the index beside them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use larder_core::aggregate::{AggregateQuery, Aggregated};
use larder_core::expr::Expr;
use larder_core::query::{Answer, Projection, Query, Row};
use larder_core::store::{
    Begin, BoxFuture, CacheStore, Capability, Fate, Found, LeaseRequest, Leases, Lifetime, Mark,
    Model, Probe, Put, PutOutcome, Removal, Selection, StoreStats, Stored, Token, Want,
};
use larder_core::{
    Clock, Error, ErrorKind, Extent, IdKey, Result, Schema, SystemClock, Timestamp, Total,
    Truncation,
};
use parking_lot::{Mutex, RwLock};
use redis::{Cmd, Value, cmd};

use crate::config::RedisBuilder;
use crate::depend::Followed;
use crate::error;
use crate::index::{self, Progress};
use crate::layout::{self, Layout};
use crate::link::{Link, Session};
use crate::reply::{self, unexpected};
use crate::script::{Script, Scripts};
use crate::search::{Failure, Fetch, Hit, Hits, Search, Sought};

/// How many commands go out at once.
pub(crate) const BATCH: usize = 512;
/// How long the server keeps an entry behind its expiry where the clock is not the server's.
const FOREIGN_CLOCK_GRACE: Duration = Duration::from_secs(3_600);
/// How many entries are measured to tell the size of all.
const MEASURED: usize = 20;

/// A store on a Redis or Valkey server, shared by all programs that use its namespace.
///
/// Cheap to clone; clones are the same store and share one connection. Objects by id work on any
/// server; queries need RediSearch. Nothing here blocks a thread; every operation has a deadline.
///
/// # Concurrency
/// Each write is one script on the server: entries are never half written, and a write is seen
/// by every read that begins after it returned, in every program.
///
/// # Cancel safety
/// A dropped operation was sent or was not; each entry that it names was written entirely or not
/// at all.
#[derive(Clone)]
pub struct RedisStore {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) config: Arc<RedisBuilder>,
    link: Link,
    tag: String,
    pub(crate) scripts: Scripts,
    pub(crate) capability: Capability,
    slots: RwLock<Vec<Arc<Slot>>>,
    closed: AtomicBool,
    pub(crate) failed_reads: AtomicU64,
}

/// What the store knows of one model.
pub(crate) struct Slot {
    pub(crate) schema: Arc<Schema>,
    /// What callers know the model by: one for the life of the store.
    model: Model,
    pub(crate) layout: Layout,
    /// Held while the index is made or waited for.
    building: tokio::sync::Mutex<()>,
    /// The index, once it is known to hold every entry.
    complete: Mutex<Option<Complete>>,
    /// When the use of the index was last written down.
    registered: Mutex<Option<Instant>>,
    /// The models that entries of this one are made from, as far as this program knows.
    pub(crate) followed: Mutex<Vec<Followed>>,
    pub(crate) foreign: AtomicU64,
}

/// Where the keys of the namespace are.
pub(crate) enum Home {
    /// On the node of this connection, all of them.
    Here,
    /// On another node.
    Elsewhere,
    /// On their way from this node to another.
    Between,
}

/// An index that holds every entry.
struct Complete {
    /// The run of the server that it is on.
    run: String,
    /// The name to ask it by.
    index: Arc<str>,
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}

impl From<RedisStore> for Arc<dyn CacheStore> {
    fn from(store: RedisStore) -> Self {
        Arc::new(store)
    }
}

impl RedisStore {
    /// Begins to put a store together, on the server at `redis://127.0.0.1:6379`.
    pub fn builder() -> RedisBuilder {
        RedisBuilder::default()
    }

    /// Connects to the server that a URL names; see [`RedisBuilder::from_url`].
    ///
    /// # Errors
    /// `InvalidConfig` for a URL or a password that is wrong, `Unavailable` and `Timeout` if the
    /// server cannot be reached.
    pub async fn connect(url: &str) -> Result<Self> {
        RedisBuilder::from_url(url)?.connect().await
    }
}

impl RedisBuilder {
    /// Connects, and checks what the server can do.
    ///
    /// # Errors
    /// `InvalidConfig` for options that contradict each other, a password that is wrong, or a
    /// server that does not speak the protocol; `Unavailable` and `Timeout` if it cannot be
    /// reached.
    pub async fn connect(self) -> Result<RedisStore> {
        self.check()?;
        let config = Arc::new(self);
        let tag = layout::tag(&config.namespace);
        let link = Link::new(Arc::clone(&config), tag.clone())?;
        let session = link.session().await?;
        // What is refused for the moment only, by a server that is full say, is not denied.
        let refused = session.facts().query_refused.as_ref();
        let query = refused.is_none_or(|error| error.kind() != ErrorKind::Unsupported);
        let mut capability = Capability::objects_only(error::STORE);
        capability.query = query;
        capability.text = query;
        capability.geo = query;
        capability.geo_anywhere = query;
        capability.aggregate = query;
        capability.conditional_put = true;
        capability.shared = true;
        capability.leases = true;
        Ok(RedisStore {
            shared: Arc::new(Shared {
                config,
                link,
                tag,
                scripts: Scripts::new(),
                capability,
                slots: RwLock::default(),
                closed: AtomicBool::new(false),
                failed_reads: AtomicU64::new(0),
            }),
        })
    }
}

impl Shared {
    pub(crate) fn now(&self) -> Timestamp {
        self.config.clock.now()
    }

    pub(crate) async fn session(&self) -> Result<Session> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        self.link.session().await
    }

    fn slot(&self, model: &Model) -> Result<Arc<Slot>> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        self.slots
            .read()
            .get(model.number() as usize)
            .filter(|slot| Arc::ptr_eq(&slot.schema, model.schema()))
            .cloned()
            .ok_or_else(|| {
                Error::internal("the model is of another store").with_store(error::STORE)
            })
    }

    /// A call of a script on keys of a model, with the arguments that every script begins with.
    pub(crate) fn call(
        &self,
        session: &Session,
        script: &Script,
        slot: &Slot,
        keys: &[String],
        now: Timestamp,
    ) -> Cmd {
        let ahead = if self.config.injected_clock {
            let real = SystemClock.now().as_millis();
            real - now.as_millis() + FOREIGN_CLOCK_GRACE.as_millis() as i64
        } else {
            0
        };
        let mut call = script.call(&slot.layout, keys);
        call.arg(now.as_millis())
            .arg(&slot.layout.fingerprint)
            .arg(ahead)
            .arg(run_of(session));
        call
    }

    /// A call of a script on one entry, and on what stands beside it.
    pub(crate) fn entry_call(
        &self,
        session: &Session,
        script: &Script,
        slot: &Slot,
        id: &IdKey,
        now: Timestamp,
    ) -> Cmd {
        let keys = [slot.layout.key(id), slot.layout.beside(id)];
        self.call(session, script, slot, &keys, now)
    }

    /// Runs one call of a script.
    pub(crate) async fn script(
        &self,
        session: &Session,
        script: &Script,
        call: Cmd,
    ) -> Result<Value> {
        let answer = self.scripts(session, script, vec![call]).await?.pop();
        answer.ok_or_else(|| unexpected("a script"))
    }

    /// Runs calls of one script; one answer each.
    pub(crate) async fn scripts(
        &self,
        session: &Session,
        script: &Script,
        calls: Vec<Cmd>,
    ) -> Result<Vec<Value>> {
        let mut answers = Vec::with_capacity(calls.len());
        let mut calls = calls.into_iter().peekable();
        while calls.peek().is_some() {
            let batch: Vec<Cmd> = calls.by_ref().take(BATCH).collect();
            let missing = |answer: &Value| matches!(answer, Value::ServerError(cause) if error::is_no_script(cause));
            // A batch brings the script along: of its calls none may run before an earlier one.
            let mut found = if batch.len() > 1 {
                self.loaded(session, script, &batch).await?
            } else {
                let found = self.piped(session, &batch).await?;
                if found.iter().any(missing) {
                    self.loaded(session, script, &batch).await?
                } else {
                    found
                }
            };
            for answer in found.drain(..) {
                match answer {
                    Value::ServerError(cause) => return Err(error::of_server(&cause)),
                    answer => answers.push(answer),
                }
            }
        }
        Ok(answers)
    }

    async fn piped(&self, session: &Session, commands: &[Cmd]) -> Result<Vec<Value>> {
        let mut pipe = redis::pipe();
        for command in commands {
            pipe.add_command(command.clone());
        }
        session.run(self.config.timeout, &pipe).await
    }

    async fn loaded(
        &self,
        session: &Session,
        script: &Script,
        commands: &[Cmd],
    ) -> Result<Vec<Value>> {
        let mut pipe = redis::pipe();
        pipe.add_command(script.load());
        for command in commands {
            pipe.add_command(command.clone());
        }
        let mut answers = session.run(self.config.timeout, &pipe).await?;
        if !answers.is_empty() {
            answers.remove(0);
        }
        Ok(answers)
    }

    async fn ensure_model(&self, schema: &Arc<Schema>) -> Result<Model> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        index::check(schema)?;
        let slot = {
            let mut slots = self.slots.write();
            let known = slots
                .iter()
                .position(|slot| slot.schema.name() == schema.name());
            let number = match known {
                Some(number) => {
                    let known = &slots[number].schema;
                    if known.type_id() != schema.type_id()
                        || known.fingerprint() != schema.fingerprint()
                    {
                        return Err(Error::invalid_model(format!(
                            "the name is taken by the type {}; give one of the caches another name",
                            known.type_name()
                        ))
                        .with_model(schema.name())
                        .with_store(error::STORE));
                    }
                    number
                }
                None => {
                    let number = slots.len();
                    slots.push(Arc::new(Slot::new(&self.tag, schema, number as u32)));
                    number
                }
            };
            Arc::clone(&slots[number])
        };
        if self.capability.query {
            let session = self.session().await?;
            self.ready(&session, &slot).await?;
            slot.register(self, &session).await?;
            let unused = self.config.drop_unused_after;
            index::drop_unused(&session, self.config.timeout, &slot.layout, unused).await?;
        }
        Ok(slot.model.clone())
    }

    /// Makes sure that the model's index is there. Answers whether it holds every entry, and the
    /// name to ask it by.
    async fn ready(&self, session: &Session, slot: &Slot) -> Result<(Progress, Arc<str>)> {
        let run = &session.facts().id;
        if let Some(index) = slot.complete_on(run) {
            return Ok((Progress::Complete, index));
        }
        // Behind others that wait for the same index nobody waits any longer than they do.
        let building = tokio::time::timeout(self.config.query_timeout, slot.building.lock());
        let Ok(_building) = building.await else {
            return Ok((Progress::Scanning, slot.layout.index.as_str().into()));
        };
        if let Some(index) = slot.complete_on(run) {
            return Ok((Progress::Complete, index));
        }
        let (deadline, patience) = (self.config.timeout, self.config.query_timeout);
        let (progress, index) =
            index::ensure(session, deadline, &slot.layout, &slot.schema, patience).await?;
        let index: Arc<str> = index.into();
        if progress == Progress::Complete {
            *slot.complete.lock() = Some(Complete {
                run: run.clone(),
                index: Arc::clone(&index),
            });
        }
        Ok((progress, index))
    }

    /// What every question to the index begins with: the connection, whether the index holds
    /// every entry, and its name.
    pub(crate) async fn begin(
        &self,
        slot: &Slot,
        operation: &str,
    ) -> Result<(Session, Progress, Arc<str>)> {
        let session = self.session().await?;
        if let Some(refused) = &session.facts().query_refused {
            return Err(refused.clone());
        }
        if !self.capability.query {
            // A server with search has come where there was none: what was said stays said.
            return Err(index::unsupported(operation));
        }
        let (progress, index) = self.ready(&session, slot).await?;
        slot.register(self, &session).await?;
        Ok((session, progress, index))
    }

    pub(crate) fn search<'a>(
        &'a self,
        session: &'a Session,
        slot: &'a Slot,
        index: &'a str,
        sought: Sought<'a>,
    ) -> Search<'a> {
        Search {
            shared: self,
            session,
            slot,
            index,
            now: self.now(),
            sought,
        }
    }

    /// The rows of a query, of those that are sought.
    pub(crate) async fn hits(
        &self,
        slot: &Slot,
        operation: &str,
        query: &Query,
        sought: Sought<'_>,
        fetch: Fetch,
    ) -> Result<(Hits, Progress)> {
        let (mut made_anew, mut moved) = (false, false);
        loop {
            let (session, progress, index) = self.begin(slot, operation).await?;
            let search = self.search(&session, slot, &index, sought);
            match search.hits(query, fetch).await {
                Ok(hits) => match self.home(&session).await? {
                    Home::Here => return Ok((hits, progress)),
                    Home::Elsewhere if !moved => moved = true,
                    Home::Elsewhere | Home::Between => return Ok((hits, Progress::Scanning)),
                },
                Err(failure) => slot.again(failure, &mut made_anew)?,
            }
        }
    }

    /// Where the namespace's keys are, asked after the index: a node of a cluster that is not, or
    /// not any more, their home has a part of them or none, and its index says nothing of that.
    pub(crate) async fn home(&self, session: &Session) -> Result<Home> {
        if !session.facts().cluster {
            return Ok(Home::Here);
        }
        let mut pipe = redis::pipe();
        // Of a key that is not there the node says where else it might be.
        pipe.cmd("EXISTS").arg(format!("{}:!moving", self.tag));
        // Answered by every node, so that the question is not put to the new home instead.
        pipe.cmd("PING");
        let answers = session.run(self.config.timeout, &pipe).await?;
        match answers.first() {
            Some(Value::ServerError(cause)) if error::is_moved(cause) => Ok(Home::Elsewhere),
            Some(Value::ServerError(cause)) if cause.code() == "ASK" => Ok(Home::Between),
            Some(Value::ServerError(cause)) => Err(error::of_server(cause)),
            _ => Ok(Home::Here),
        }
    }

    async fn query(&self, slot: &Slot, query: &Query) -> Result<Answer> {
        let fetch = match query.projection {
            Projection::Ids => Fetch::Ids,
            _ => Fetch::Objects,
        };
        let (hits, progress) = self
            .hits(slot, "query", query, Sought::Fresh, fetch)
            .await?;
        let row = |hit: Hit| Row {
            place: hit.place,
            found: hit.found,
        };
        Ok(Answer {
            rows: hits.rows.into_iter().map(row).collect(),
            total: hits
                .total
                .filter(|_| query.total)
                .map(|total| match progress {
                    Progress::Complete => Total::Exact(total),
                    Progress::Scanning => Total::AtLeast(total),
                }),
            extent: match progress {
                Progress::Complete => hits.extent,
                Progress::Scanning => Extent::Truncated(Truncation::Indexing),
            },
        })
    }

    async fn aggregate(&self, slot: &Slot, query: &AggregateQuery) -> Result<Aggregated> {
        let (mut made_anew, mut moved) = (false, false);
        loop {
            let (session, progress, index) = self.begin(slot, "aggregate").await?;
            complete(progress)?;
            let search = self.search(&session, slot, &index, Sought::Fresh);
            match search.aggregate(query).await {
                Ok(aggregated) => match self.home(&session).await? {
                    Home::Here => return Ok(aggregated),
                    Home::Elsewhere if !moved => moved = true,
                    Home::Elsewhere | Home::Between => complete(Progress::Scanning)?,
                },
                Err(failure) => slot.again(failure, &mut made_anew)?,
            }
        }
    }

    /// The next keys of a model; `None` behind the last. Keys that come or go meanwhile may be
    /// seen or not; all others are seen.
    pub(crate) async fn keys(
        &self,
        session: &Session,
        slot: &Slot,
        cursor: &mut Option<Vec<u8>>,
    ) -> Result<Option<Vec<Vec<u8>>>> {
        let begin = cursor.is_none();
        let from = cursor.take().unwrap_or_else(|| b"0".to_vec());
        if from == b"0" && !begin {
            return Ok(None);
        }
        let mut scan = cmd("SCAN");
        // Escaped names hold no sign of a pattern.
        scan.arg(from)
            .arg("MATCH")
            .arg(format!("{}*", slot.layout.prefix))
            .arg("COUNT")
            .arg(1_000);
        let answer = session.one(self.config.timeout, &scan).await?;
        let Value::Array(mut parts) = answer else {
            return Err(unexpected("SCAN"));
        };
        let (Some(Value::Array(keys)), Some(next)) = (parts.pop(), parts.pop()) else {
            return Err(unexpected("SCAN"));
        };
        *cursor = Some(reply::into_bytes(next).ok_or_else(|| unexpected("SCAN"))?);
        Ok(Some(
            keys.into_iter().filter_map(reply::into_bytes).collect(),
        ))
    }

    async fn stats(&self, slot: &Slot) -> Result<StoreStats> {
        let mut stats = StoreStats::default();
        stats.foreign = slot.foreign.load(Ordering::Relaxed);
        stats.failed_reads = self.failed_reads.load(Ordering::Relaxed);
        let session = self.session().await?;
        if !self.capability.query {
            let now = self.now();
            let mut cursor = None;
            while let Some(keys) = self.keys(&session, slot, &mut cursor).await? {
                let ids: Vec<IdKey> = keys.iter().filter_map(|key| slot.layout.id(key)).collect();
                let found = slot
                    .get(self, &session, &ids, Want::Kept, now, self.config.timeout)
                    .await?;
                for found in found.iter().flatten() {
                    let count = match &found.object {
                        Stored::Absent => &mut stats.absent,
                        _ if found.is_stale(now) => &mut stats.stale,
                        _ => &mut stats.objects,
                    };
                    *count += 1;
                }
            }
            return Ok(stats);
        }
        let mut query = Query::new(Expr::All);
        query.limit = Some(MEASURED);
        query.total = true;
        let (hits, _) = self
            .hits(slot, "stats", &query, Sought::Fresh, Fetch::Ids)
            .await?;
        stats.objects = hits.total.unwrap_or(hits.rows.len() as u64);
        query.limit = Some(0);
        let (stale, _) = self
            .hits(slot, "stats", &query, Sought::Stale, Fetch::Ids)
            .await?;
        stats.stale = stale.total.unwrap_or_default();
        let epoch = cmd("HGET").arg(&slot.layout.state).arg("epoch").clone();
        let epoch = session.one(self.config.timeout, &epoch).await?;
        if let Some(epoch) = reply::whole(&epoch) {
            let (absent, _) = self
                .hits(slot, "stats", &query, Sought::Absent(epoch), Fetch::Ids)
                .await?;
            stats.absent = absent.total.unwrap_or_default();
        }
        if let Some(info) = index::info(&session, self.config.timeout, &slot.layout.index).await? {
            let number = |name| reply::get(&info, name).and_then(reply::float);
            let megabytes = number("total_index_memory_sz_mb").unwrap_or(0.0);
            stats.index_bytes = (megabytes * 1_048_576.0) as u64;
            stats.indexing_failures = number("hash_indexing_failures").unwrap_or(0.0) as u64;
        }
        let mut pipe = redis::pipe();
        for hit in &hits.rows {
            let key = slot.layout.key(&hit.place.id);
            pipe.cmd("MEMORY").arg("USAGE").arg(key);
        }
        if !pipe.is_empty() {
            let sizes = session.run(self.config.timeout, &pipe).await?;
            let sizes: Vec<u64> = sizes.iter().filter_map(reply::whole).collect();
            let sum: u64 = sizes.iter().sum();
            stats.bytes = sum * stats.objects / (sizes.len() as u64).max(1);
        }
        stats.bytes += stats.index_bytes;
        Ok(stats)
    }
}

impl Slot {
    fn new(tag: &str, schema: &Arc<Schema>, number: u32) -> Self {
        Self {
            layout: Layout::new(tag, schema),
            schema: Arc::clone(schema),
            model: Model::new(Arc::clone(schema), number),
            building: tokio::sync::Mutex::default(),
            complete: Mutex::default(),
            registered: Mutex::default(),
            followed: Mutex::default(),
            foreign: AtomicU64::new(0),
        }
    }

    /// The name of the index, if it is known to hold every entry on this run of the server.
    fn complete_on(&self, run: &str) -> Option<Arc<str>> {
        let complete = self.complete.lock();
        let complete = complete.as_ref().filter(|complete| complete.run == run)?;
        Some(Arc::clone(&complete.index))
    }

    /// Whether to ask once more: if the index was gone, and that for the first time.
    pub(crate) fn again(&self, failure: Failure, made_anew: &mut bool) -> Result<()> {
        match failure {
            Failure::NoIndex(_) if !*made_anew => {
                *made_anew = true;
                *self.complete.lock() = None;
                *self.registered.lock() = None;
                Ok(())
            }
            Failure::NoIndex(error) | Failure::Other(error) => Err(error),
        }
    }

    /// Writes down that the index is in use, now and then.
    pub(crate) async fn register(&self, shared: &Shared, session: &Session) -> Result<()> {
        if !shared.capability.query {
            return Ok(());
        }
        let every = index::REGISTER_EVERY.min(shared.config.drop_unused_after / 4);
        let due = self
            .registered
            .lock()
            .is_none_or(|last| last.elapsed() >= every);
        if due {
            *self.registered.lock() = Some(Instant::now());
            let mut pipe = redis::pipe();
            pipe.add_command(index::register(&self.layout));
            // Refused by a replica, or by a server that is full: then the index may be dropped
            // by another program, and is made anew. No reason not to ask it now.
            session.run(shared.config.timeout, &pipe).await?;
        }
        Ok(())
    }
}

/// The run of the server as scripts know it: enough of it to tell runs apart.
pub(crate) fn run_of(session: &Session) -> &str {
    let run = session.facts().id.as_str();
    run.get(..16).unwrap_or(run)
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the store was closed; open a new one").with_store(error::STORE)
}

pub(crate) fn complete(progress: Progress) -> Result<()> {
    match progress {
        Progress::Complete => Ok(()),
        Progress::Scanning => Err(Error::new(
            ErrorKind::Incomplete,
            "the server is still building the index; ask again later",
        )
        .with_store(error::STORE)),
    }
}

macro_rules! operation {
    ($self:ident, $model:ident, $name:literal, |$slot:ident| $work:expr) => {
        Box::pin(async move {
            let $slot = $self.shared.slot($model)?;
            let $slot = &*$slot;
            let answer: Result<_> = $work.await;
            answer.map_err(|error| {
                error
                    .with_operation($name)
                    .with_store(error::STORE)
                    .with_model($slot.schema.name())
            })
        })
    };
}

#[deny(clippy::missing_trait_methods)]
impl CacheStore for RedisStore {
    fn capability(&self) -> &Capability {
        &self.shared.capability
    }

    fn ensure_model<'a>(&'a self, schema: &'a Arc<Schema>) -> BoxFuture<'a, Result<Model>> {
        Box::pin(async move {
            self.shared.ensure_model(schema).await.map_err(|error| {
                error
                    .with_operation("ensure_model")
                    .with_store(error::STORE)
                    .with_model(schema.name())
            })
        })
    }

    fn models(&self) -> Vec<Model> {
        let slots = self.shared.slots.read();
        slots.iter().map(|slot| slot.model.clone()).collect()
    }

    fn now(&self) -> Timestamp {
        self.shared.now()
    }

    fn probe(&self, _: &Model, _: &IdKey, _: Want) -> Probe {
        Probe::Unknown
    }

    fn get_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
        want: Want,
    ) -> BoxFuture<'a, Result<Vec<Option<Found>>>> {
        operation!(self, model, "get", |slot| self
            .shared
            .get_many(slot, ids, want))
    }

    fn put_many<'a>(
        &'a self,
        model: &'a Model,
        puts: Vec<Put>,
    ) -> BoxFuture<'a, Result<Vec<PutOutcome>>> {
        operation!(self, model, "put", |slot| self.shared.put_many(slot, puts))
    }

    fn remove_many<'a>(
        &'a self,
        model: &'a Model,
        removals: &'a [Removal],
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        operation!(self, model, "remove", |slot| self
            .shared
            .remove_many(slot, removals))
    }

    fn touch_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
        lifetime: Lifetime,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        operation!(self, model, "touch", |slot| self
            .shared
            .touch_many(slot, ids, lifetime))
    }

    fn query<'a>(&'a self, model: &'a Model, query: &'a Query) -> BoxFuture<'a, Result<Answer>> {
        operation!(self, model, "query", |slot| self.shared.query(slot, query))
    }

    fn aggregate<'a>(
        &'a self,
        model: &'a Model,
        query: &'a AggregateQuery,
    ) -> BoxFuture<'a, Result<Aggregated>> {
        operation!(self, model, "aggregate", |slot| self
            .shared
            .aggregate(slot, query))
    }

    fn remove_where<'a>(
        &'a self,
        model: &'a Model,
        selection: &'a Selection,
        fate: Fate,
    ) -> BoxFuture<'a, Result<u64>> {
        operation!(self, model, "remove_where", |slot| self
            .shared
            .remove_where(slot, selection, fate))
    }

    fn mark<'a>(&'a self, model: &'a Model, expr: &'a Expr) -> BoxFuture<'a, Result<Mark>> {
        operation!(self, model, "mark", |slot| self.shared.mark(slot, expr))
    }

    fn still<'a>(&'a self, model: &'a Model, mark: &'a Mark) -> BoxFuture<'a, Result<bool>> {
        operation!(self, model, "still", |slot| self.shared.still(slot, mark))
    }

    fn leases(&self) -> Option<&dyn Leases> {
        Some(self)
    }

    fn stats<'a>(&'a self, model: &'a Model) -> BoxFuture<'a, Result<StoreStats>> {
        operation!(self, model, "stats", |slot| self.shared.stats(slot))
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.shared.closed.store(true, Ordering::Release);
            self.shared.link.close();
            Ok(())
        })
    }
}

impl Leases for RedisStore {
    fn begin_many<'a>(
        &'a self,
        model: &'a Model,
        requests: &'a [LeaseRequest],
        lifetime: Duration,
    ) -> BoxFuture<'a, Result<Vec<Begin>>> {
        operation!(self, model, "begin", |slot| self
            .shared
            .begin_many(slot, requests, lifetime))
    }

    fn release_many<'a>(
        &'a self,
        model: &'a Model,
        leases: &'a [(IdKey, Token)],
    ) -> BoxFuture<'a, Result<()>> {
        operation!(self, model, "release", |slot| self
            .shared
            .release_many(slot, leases))
    }

    fn fence_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
        fence: Token,
        lifetime: Duration,
    ) -> BoxFuture<'a, Result<()>> {
        operation!(self, model, "fence", |slot| self
            .shared
            .fence_many(slot, ids, fence, lifetime))
    }

    fn depend<'a>(
        &'a self,
        model: &'a Model,
        pages: &'a Model,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<()>> {
        operation!(self, model, "depend", |slot| async {
            let pages = self.shared.slot(pages)?;
            self.shared.depend(slot, &pages, until).await
        })
    }
}
