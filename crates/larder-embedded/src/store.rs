//! The store: objects by id in moka, by what they hold in each model's overlay and segments.

mod leave;

use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_lite::future::yield_now;
use larder_core::aggregate::{AggregateQuery, Aggregated};
use larder_core::expr::Expr;
use larder_core::query::{Answer, Query};
use larder_core::store::{
    BoxFuture, CacheStore, Capability, Condition, Content, Fate, Found, Leases, Lifetime, Mark,
    Model, Probe, Put, PutOutcome, Removal, Selection, StoreStats, Tags, Want,
};
use larder_core::{Error, ErrorKind, IdKey, Result, Schema, Timestamp};
use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use parking_lot::{Mutex, RwLock};

use crate::config::EmbeddedBuilder;
use crate::error::{STORE, closed};
use crate::hidden::Tombstones;
use crate::model::{Hasher, Limits, ModelState, State};
use crate::rows::{Plain, Row, Slot, SlotMark, Terms};
use crate::search::Snapshot;
use crate::segment::Live;
use crate::watch::Watch;

const CAPABILITY: Capability = Capability::complete(STORE);

/// What a row costs besides its object and its index entries: maps, counters, allocations.
const ROW_OVERHEAD: usize = 480;

/// How many expired rows a write drops at the most, so that no write pays for all.
const EXPIRED_PER_WRITE: usize = 16;

/// How many rows are let go of under one hold of a model's lock.
const BATCH: usize = 256;

/// What is estimated to take longer runs on a thread of its own. A hand-off costs 50 us.
const INLINE_NANOS: u64 = 1_000_000;

/// How many bytes of dead rows are left in memory at the least and at the most; between, an
/// eighth of `max_bytes`.
const DEAD_BYTES: Range<u64> = (1 << 20)..(64 << 20);

/// A write waits for a flush where so many times `flush_at` writes are pending.
const BACKLOG: usize = 8;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    model: u32,
    id: IdKey,
}

/// A store in this process: objects by id and by what they hold, without a server.
///
/// Cheap to clone; clones are the same store. When the last clone is dropped, so is everything
/// in it; work in the background that is under way ends by itself.
#[derive(Clone)]
pub struct EmbeddedStore {
    shared: Arc<Shared>,
}

struct Shared {
    config: EmbeddedBuilder,
    idle: Option<i64>,
    objects: moka::sync::Cache<Key, Slot, Hasher>,
    /// Rows that moka let go of and that the models have yet to let go of.
    evicted: Arc<Evicted>,
    models: RwLock<Vec<Arc<ModelState>>>,
    closed: AtomicBool,
    /// Held while the store shuts down: whoever closes it too waits for that.
    closing: Mutex<()>,
    /// How many `clear`s have killed rows that moka may still hold.
    clearing: AtomicUsize,
}

#[derive(Default)]
struct Evicted {
    rows: Mutex<Vec<(Arc<Key>, SlotMark)>>,
    any: AtomicBool,
    /// Held while models let go of rows, so that nobody reads on before they have.
    settling: Mutex<()>,
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}

impl From<EmbeddedStore> for Arc<dyn CacheStore> {
    fn from(store: EmbeddedStore) -> Self {
        Arc::new(store)
    }
}

impl EmbeddedStore {
    /// Begins to put a store together.
    pub fn builder() -> EmbeddedBuilder {
        EmbeddedBuilder::default()
    }

    pub(crate) fn new(config: EmbeddedBuilder) -> Self {
        let evicted = Arc::new(Evicted::default());
        let listener = Arc::clone(&evicted);
        // The newest object is the last to go, so that what was just written is there to be read.
        let mut objects = moka::sync::Cache::builder()
            .eviction_policy(EvictionPolicy::lru())
            .eviction_listener(move |key, slot: Slot, cause| {
                if cause == RemovalCause::Size {
                    listener.rows.lock().push((key, slot.mark()));
                    listener.any.store(true, Ordering::Release);
                }
            });
        if let Some(capacity) = config.max_objects.or(config.max_bytes) {
            objects = objects.max_capacity(capacity);
        }
        if config.max_bytes.is_some() {
            objects = objects.weigher(|_, slot: &Slot| slot.weight());
        }
        Self {
            shared: Arc::new(Shared {
                idle: config
                    .time_to_idle
                    .map(|idle| i64::try_from(idle.as_millis()).unwrap_or(i64::MAX)),
                objects: objects.build_with_hasher(Hasher::default()),
                evicted,
                models: RwLock::default(),
                closed: AtomicBool::new(false),
                closing: Mutex::default(),
                clearing: AtomicUsize::new(0),
                config,
            }),
        }
    }

    /// Takes all pending writes of all models into their indexes now, merges what is worth it,
    /// and drops what nobody has read for too long. On the caller's thread: in an async program, call it where blocking is allowed.
    ///
    /// # Errors
    /// `Internal` if the engine fails; the writes stay pending and are found all the same.
    pub fn flush(&self) -> Result<()> {
        let models: Vec<_> = self.shared.models.read().clone();
        for model in models {
            model.settle()?;
            self.shared.sweep_idle(&model);
        }
        Ok(())
    }
}

impl Shared {
    fn now(&self) -> Timestamp {
        self.config.clock.now()
    }

    fn open(&self, model: &Model) -> Result<Arc<ModelState>> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        self.models
            .read()
            .get(model.number() as usize)
            .cloned()
            .ok_or_else(|| Error::internal("the model is of another store").with_store(STORE))
    }

    /// Whether the row is there for everybody to read.
    fn is_fresh(&self, row: &Row, now: Timestamp) -> bool {
        !row.is_dead() && row.is_fresh(now, self.idle)
    }

    /// A replaced row dies only once moka holds the one that replaces it. So a dead row that is
    /// still moka's was removed, and any other dead row calls for another look.
    fn look<T>(
        &self,
        model: &Model,
        id: &IdKey,
        want: Want,
        plain: impl FnOnce(Plain, Option<Timestamp>) -> T,
        full: impl FnOnce(&Row, Timestamp) -> T,
    ) -> Option<T> {
        let key = Key {
            model: model.number(),
            id: id.clone(),
        };
        let mut seen: Option<Arc<Row>> = None;
        loop {
            let row = match self.objects.get(&key)? {
                Slot::Plain(slot) => {
                    if self.clearing.load(Ordering::Acquire) > 0
                        && !self.open(model).ok()?.state.lock().holds(id, slot.seq)
                    {
                        return None;
                    }
                    let now = slot.is_timed().then(|| self.now());
                    if now.is_some_and(|now| slot.has_expired(now)) {
                        break;
                    }
                    return Some(plain(slot, now));
                }
                Slot::Full(row) => row,
                Slot::Hidden { .. } => break,
            };
            let now = self.now();
            if self.is_fresh(&row, now) {
                row.access(now);
                return Some(full(&row, now));
            }
            let again = seen.is_some_and(|seen| Arc::ptr_eq(&seen, &row));
            if again || !row.is_dead() {
                break;
            }
            seen = Some(row);
        }
        match want {
            Want::Object | Want::Times | Want::Fresh => None,
            Want::Kept => self.look_behind(model, id, full),
        }
    }

    /// What is kept for loads of what is not fresh.
    fn look_behind<T>(
        &self,
        model: &Model,
        id: &IdKey,
        full: impl FnOnce(&Row, Timestamp) -> T,
    ) -> Option<T> {
        self.settle();
        let model = self.open(model).ok()?;
        let now = self.now();
        let state = model.state.lock();
        state.known(id, now, self.idle).map(|row| full(row, now))
    }

    /// Lets the models go of what moka let go of.
    fn settle(&self) {
        if !self.evicted.any.load(Ordering::Acquire) && !self.evicted.settling.is_locked() {
            return;
        }
        let _one = self.evicted.settling.lock();
        self.evicted.any.store(false, Ordering::Release);
        let rows = std::mem::take(&mut *self.evicted.rows.lock());
        let now = self.now();
        let models = self.models.read();
        for (key, slot) in rows {
            let Some(model) = models.get(key.model as usize) else {
                continue;
            };
            let mut state = model.state.lock();
            // Unless moka has been given another slot of the row since.
            let is_its = |row: &Arc<Row>| row.slot_mark() == slot;
            if state.live.get(&key.id).is_some_and(is_its) {
                let by = state.next_seq();
                if let Some(row) = state.kill(&key.id, by) {
                    state.watches.left(model.schema(), &row);
                    state.remember(&row, by, now);
                }
                model.counters.evictions.fetch_add(1, Ordering::Relaxed);
            } else if state.hidden.get(&key.id).is_some_and(is_its) {
                let by = state.next_seq();
                if let Some(row) = state.unhide(&key.id) {
                    state.remember(&row, by, now);
                }
            }
            let due = model.is_due(&state, self.limits());
            drop(state);
            if due {
                model.call(self.limits());
            }
        }
    }

    /// The model as it is now, without what has expired or was evicted; `None` if more than a
    /// batch has expired since somebody looked.
    fn try_snapshot(&self, model: &Arc<ModelState>) -> Option<Snapshot> {
        self.settle();
        let now = self.now();
        let mut state = model.state.lock();
        self.expire(model, &mut state, now, BATCH);
        if model.is_due(&state, self.limits()) {
            model.call(self.limits());
        }
        (!state.has_expired(now)).then(|| model.snapshot(&state, now, self.idle))
    }

    /// When there is enough to do in the background.
    fn limits(&self) -> Limits {
        let share = self.config.max_bytes.map_or(DEAD_BYTES.end, |max| max / 8);
        Limits {
            rows: self.config.flush_at,
            dead_bytes: share.clamp(DEAD_BYTES.start, DEAD_BYTES.end),
        }
    }

    fn expiry(
        &self,
        lifetime: Lifetime,
        before: Option<&Arc<Row>>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        match (lifetime, before) {
            (Lifetime::Forever, _) => None,
            (Lifetime::For(ttl), _) => Some(now.saturating_add(ttl)),
            (Lifetime::Keep, Some(row)) => row.expires_at(),
            (Lifetime::Default | Lifetime::Keep, _) => {
                self.config.ttl.map(|ttl| now.saturating_add(ttl))
            }
        }
    }

    /// What each object takes, checked against the store's size.
    fn weights(&self, model: &Model, puts: &[Put]) -> Result<Vec<u32>> {
        let weight = |put: &Put| {
            let content = match &put.content {
                Content::Object(object, document) => object.weight()? + document.weight(),
                Content::Absent => 0,
            };
            let weight = content + put.id.heap_size() + ROW_OVERHEAD;
            match self.config.max_bytes {
                Some(max) if weight as u64 > max => Err(Error::new(
                    ErrorKind::Overloaded,
                    format!("an object takes about {weight} bytes with its index, more than the store's max_bytes of {max}; raise max_bytes"),
                )
                .with_store(STORE)
                .with_model(model.schema().name())),
                _ => Ok(u32::try_from(weight).unwrap_or(u32::MAX)),
            }
        };
        puts.iter().map(weight).collect()
    }

    fn put_batch(
        &self,
        model: &ModelState,
        puts: impl Iterator<Item = (Put, u32)>,
        outcomes: &mut Vec<PutOutcome>,
    ) -> Result<()> {
        self.settle();
        let now = self.now();
        for (put, weight) in puts {
            let mut state = model.state.lock();
            if state.closed {
                return Err(closed());
            }
            self.expire(model, &mut state, now, EXPIRED_PER_WRITE);
            outcomes.push(self.put(model, &mut state, put, weight, now));
        }
        self.settle();
        Ok(())
    }

    fn put(
        &self,
        model: &ModelState,
        state: &mut State,
        put: Put,
        weight: u32,
        now: Timestamp,
    ) -> PutOutcome {
        let there = state.known(&put.id, now, self.idle);
        let revision = there.and_then(|row| row.revision);
        let revision = revision.max(state.tombstones.revision(&put.id, now));
        let before = there.filter(|row| row.is_fresh(now, self.idle)).cloned();
        let version = before.as_ref().map(|row| row.seq);
        let holds = match put.condition {
            Condition::Always => true,
            Condition::IfAbsent => version.is_none(),
            Condition::IfPresent => version.is_some(),
            Condition::IfVersion(wanted) => version == Some(wanted),
            Condition::IfNewer => revision.is_none() || put.revision > revision,
            Condition::IfNotOlder => {
                let here = there.and_then(|row| row.revision);
                let buried = state.tombstones.revision(&put.id, now);
                (here.is_none() || put.revision >= here)
                    && (buried.is_none() || put.revision > buried)
            }
        };
        if !holds {
            return PutOutcome::Refused(version);
        }
        let (object, document) = match put.content {
            Content::Object(object, document) => (Some(object), Some(document)),
            Content::Absent => (None, None),
        };
        let kept = before.as_ref();
        let terms = Terms {
            tags: put
                .tags
                .or_else(|| kept.map(|row| row.tags.clone()))
                .unwrap_or_default(),
            weight,
            revision: put.revision.or(revision),
            now,
            expires_at: self.expiry(put.lifetime, kept, now),
            stale_for: put
                .stale_for
                .or_else(|| kept.map(|row| row.stale_for()))
                .unwrap_or_default(),
            cost: put.cost,
        };
        if let Some(displaced) = &put.displaced {
            displaced.tell(
                before
                    .as_ref()
                    .filter(|row| row.object.is_some())
                    .map(|row| row.found()),
            );
        }
        let seq = state.next_seq();
        let number = model.model.number();
        let row = Arc::new(Row::new(number, put.id.clone(), seq, object, terms));
        let document = document.filter(|_| !row.has_expired(now));
        if put.revision > state.tombstones.revision(&put.id, now) {
            state.tombstones.remove(&put.id);
        }
        // Under the lock, so that moka's order of two writes of one id is this order; and
        // before the old row dies, so that a read by id always finds one of the two.
        if document.is_some() {
            self.objects.insert(key_of(&row), Slot::of(&row, self.idle));
        } else if row.is_kept(now, self.idle) {
            self.objects.insert(key_of(&row), Slot::hidden(&row));
        } else {
            self.drop_from_moka(&row);
        }
        state.unhide(&put.id);
        let killed = state.kill(&put.id, seq);
        match document {
            Some(document) => state.add(put.id, row, document),
            None => {
                if let Some(before) = killed {
                    state.watches.left(model.schema(), &before);
                }
                // An object that has expired at once is in its source all the same.
                state.watches.left(model.schema(), &row);
                if row.is_kept(now, self.idle) {
                    state.hide(row);
                }
            }
        }
        PutOutcome::Stored(seq)
    }

    fn remove_batch(&self, model: &ModelState, removals: &[Removal]) -> Vec<bool> {
        self.settle();
        let now = self.now();
        let mut state = model.state.lock();
        let remove = |removal| self.remove(model, &mut state, removal, now);
        removals.iter().map(remove).collect()
    }

    fn remove(
        &self,
        model: &ModelState,
        state: &mut State,
        removal: &Removal,
        now: Timestamp,
    ) -> bool {
        let there = state.known(&removal.id, now, self.idle);
        if let Some(wanted) = removal.if_version
            && !there.is_some_and(|row| row.seq == wanted && row.is_fresh(now, self.idle))
        {
            return false;
        }
        if let Some(displaced) = &removal.displaced {
            let fresh = there.filter(|row| row.is_fresh(now, self.idle) && row.object.is_some());
            displaced.tell(fresh.map(|row| row.found()));
        }
        if let Some(tombstone) = removal.tombstone {
            let known = there.and_then(|row| row.revision);
            let known = known.max(state.tombstones.revision(&removal.id, now));
            if known.is_some_and(|known| known > tombstone.revision) {
                return false;
            }
            let seq = state.next_seq();
            state.tombstones.bury(&removal.id, seq, tombstone, now);
        }
        self.depart(model, state, &removal.id, removal.fate, now)
    }

    fn touch_batch(&self, model: &ModelState, ids: &[IdKey], lifetime: Lifetime) -> Vec<bool> {
        self.settle();
        let now = self.now();
        let mut state = model.state.lock();
        let touch = |id| {
            let row = state.live.get(id);
            let Some(row) = row.filter(|row| row.is_fresh(now, self.idle)).cloned() else {
                return false;
            };
            row.access(now);
            state.set_expiry(&row, self.expiry(lifetime, Some(&row), now));
            // A full slot sees the new lifetime in the row.
            if row.is_plain(self.idle) {
                row.renew_slot();
                self.objects.insert(key_of(&row), Slot::of(&row, self.idle));
            }
            true
        };
        ids.iter().map(touch).collect()
    }

    fn stats(&self, model: &ModelState, now: Timestamp) -> StoreStats {
        let state = model.state.lock();
        let mut stats = StoreStats::default();
        stats.objects = match self.idle {
            None => state.live.len() as u64,
            Some(_) => {
                let rows = state.live.values();
                rows.filter(|row| self.is_fresh(row, now)).count() as u64
            }
        };
        stats.absent = state.hidden.absent() as u64;
        stats.stale = state.hidden.len() as u64 - stats.absent;
        stats.bytes = state.bytes;
        stats.index_bytes = state.segments().iter().map(Live::bytes).sum();
        stats.segments = state.segments().len() as u64;
        stats.pending = state.pending() as u64;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        stats.evictions = count(&model.counters.evictions);
        stats.expirations = count(&model.counters.expirations);
        stats.flushes = count(&model.counters.flushes);
        stats.background_errors = count(&model.counters.errors);
        stats
    }

    fn ensure_model(&self, schema: &Arc<Schema>) -> Result<Model> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        let mut models = self.models.write();
        if let Some(number) = models
            .iter()
            .position(|known| known.schema().name() == schema.name())
        {
            let known = models[number].schema();
            if known.type_id() != schema.type_id() || known.fingerprint() != schema.fingerprint() {
                return Err(Error::invalid_model(format!(
                    "the name is taken by `{}` in this store, and `{}` is another type; give one of them another name",
                    known.type_name(),
                    schema.type_name()
                ))
                .with_store(STORE)
                .with_model(schema.name()));
            }
            return Ok(models[number].model.clone());
        }
        let model = Model::new(Arc::clone(schema), models.len() as u32);
        models.push(Arc::new(ModelState::new(model.clone())));
        Ok(model)
    }

    fn shut_down(&self) {
        let _one = self.closing.lock();
        let models = std::mem::take(&mut *self.models.write());
        for model in models {
            model.shut_down();
        }
        self.objects.invalidate_all();
        self.objects.run_pending_tasks();
    }
}

impl EmbeddedStore {
    /// What follows each write of a model: work in the background is called for if there is
    /// enough of it, and waited for if there is far too much.
    async fn after_write(&self, model: &Arc<ModelState>) {
        let limits = self.shared.limits();
        let (pending, due) = {
            let state = model.state.lock();
            (state.pending(), model.is_due(&state, limits))
        };
        if due && model.call(limits) && self.shared.idle.is_some() {
            let (shared, model) = (Arc::clone(&self.shared), Arc::clone(model));
            blocking::unblock(move || shared.sweep_idle(&model)).detach();
        }
        let most = limits.rows.saturating_mul(BACKLOG);
        if pending > most {
            let model = Arc::clone(model);
            blocking::unblock(move || model.relieve(most)).await;
        }
    }

    async fn put_many(&self, model: &Model, puts: Vec<Put>) -> Result<Vec<PutOutcome>> {
        let state = self.shared.open(model)?;
        if puts.iter().any(|put| put.guard.is_some()) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "a guard needs leases, which a store of this program alone has none of",
            )
            .with_store(STORE));
        }
        let weights = self.shared.weights(model, &puts)?;
        let mut puts = puts.into_iter().zip(weights);
        let mut outcomes = Vec::with_capacity(puts.len());
        loop {
            self.shared
                .put_batch(&state, puts.by_ref().take(BATCH), &mut outcomes)?;
            self.after_write(&state).await;
            if puts.len() == 0 {
                return Ok(outcomes);
            }
            yield_now().await;
        }
    }

    async fn remove_many(&self, model: &Model, removals: &[Removal]) -> Result<Vec<bool>> {
        let state = self.shared.open(model)?;
        let mut removed = Vec::with_capacity(removals.len());
        for batch in removals.chunks(BATCH) {
            if !removed.is_empty() {
                yield_now().await;
            }
            removed.extend(self.shared.remove_batch(&state, batch));
            self.after_write(&state).await;
        }
        Ok(removed)
    }

    async fn snapshot(&self, model: &Arc<ModelState>) -> Snapshot {
        if let Some(snapshot) = self.shared.try_snapshot(model) {
            return snapshot;
        }
        let (shared, model) = (Arc::clone(&self.shared), Arc::clone(model));
        let until_done = move || {
            loop {
                if let Some(snapshot) = shared.try_snapshot(&model) {
                    return snapshot;
                }
            }
        };
        blocking::unblock(until_done).await
    }

    async fn query(&self, model: &Model, query: &Query) -> Result<Answer> {
        let snapshot = self.snapshot(&self.shared.open(model)?).await;
        let rows = query.limit.map(|limit| limit.saturating_add(query.offset));
        if snapshot.cost(&query.expr, rows) <= INLINE_NANOS {
            return snapshot.answer(query);
        }
        let query = query.clone();
        blocking::unblock(move || snapshot.answer(&query)).await
    }

    async fn aggregate(&self, model: &Model, query: &AggregateQuery) -> Result<Aggregated> {
        let snapshot = self.snapshot(&self.shared.open(model)?).await;
        if snapshot.cost(&query.expr, None) <= INLINE_NANOS {
            return snapshot.aggregate(query);
        }
        let query = query.clone();
        blocking::unblock(move || snapshot.aggregate(&query)).await
    }

    async fn remove_where(&self, model: &Model, selection: &Selection, fate: Fate) -> Result<u64> {
        let state = self.shared.open(model)?;
        let gone = match (selection, fate) {
            (Selection::Where(expr), _) => self.remove_matching(&state, expr, fate).await,
            (Selection::Tagged(tags), _) => Ok(self.remove_tagged(&state, tags, fate).await),
            (Selection::All, Fate::Remove) => return Ok(self.clear(state).await),
            (Selection::All, Fate::Expire) => {
                state.state.lock().tombstones = Tombstones::default();
                self.remove_matching(&state, &Expr::All, fate).await
            }
        };
        self.after_write(&state).await;
        gone
    }

    async fn remove_matching(
        &self,
        model: &Arc<ModelState>,
        expr: &Expr,
        fate: Fate,
    ) -> Result<u64> {
        let snapshot = self.snapshot(model).await;
        // To let go of a row costs more than to find it, and what is hidden has no index.
        let dear =
            snapshot.cost(expr, None) > INLINE_NANOS / 4 || model.state.lock().hidden.len() > BATCH;
        let (shared, of, expr) = (Arc::clone(&self.shared), Arc::clone(model), expr.clone());
        let remove = move || shared.depart_matching(&of, &snapshot, &expr, fate);
        if dear {
            blocking::unblock(remove).await
        } else {
            remove()
        }
    }

    async fn remove_tagged(&self, model: &Arc<ModelState>, tags: &Tags, fate: Fate) -> u64 {
        self.shared.settle();
        let rows = {
            let state = model.state.lock();
            let tags = tags.as_slice().iter();
            tags.map(|tag| state.tags.len(tag)).sum::<usize>()
        };
        let (shared, of, tags) = (Arc::clone(&self.shared), Arc::clone(model), tags.clone());
        let remove = move || shared.depart_tagged(&of, &tags, fate);
        if rows > BATCH {
            blocking::unblock(remove).await
        } else {
            remove()
        }
    }

    async fn clear(&self, model: Arc<ModelState>) -> u64 {
        let few = {
            let state = model.state.lock();
            state.live.len() + state.hidden.len() <= BATCH
        };
        let shared = Arc::clone(&self.shared);
        let clear = move || shared.clear(&model);
        if few {
            clear()
        } else {
            Uncut(Some(blocking::unblock(clear))).await
        }
    }

    async fn close(&self) -> Result<()> {
        self.shared.closed.store(true, Ordering::Release);
        let shared = Arc::clone(&self.shared);
        Uncut(Some(blocking::unblock(move || shared.shut_down()))).await;
        Ok(())
    }
}

/// Waits for work in the background, which goes on should nobody wait any longer.
struct Uncut<T>(Option<blocking::Task<T>>);

impl<T> Future for Uncut<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match &mut self.0 {
            Some(task) => Pin::new(task).poll(context),
            // Only what is being dropped has none.
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for Uncut<T> {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.detach();
        }
    }
}

fn key_of(row: &Row) -> Key {
    Key {
        model: row.model,
        id: row.id.clone(),
    }
}

/// A boxed future of what is short enough to be written where it is called.
macro_rules! ready {
    ($work:expr) => {
        Box::pin(async move { $work })
    };
}

#[deny(clippy::missing_trait_methods)]
impl CacheStore for EmbeddedStore {
    fn capability(&self) -> &Capability {
        &CAPABILITY
    }

    fn ensure_model<'a>(&'a self, schema: &'a Arc<Schema>) -> BoxFuture<'a, Result<Model>> {
        ready!(self.shared.ensure_model(schema))
    }

    fn models(&self) -> Vec<Model> {
        let models = self.shared.models.read();
        models.iter().map(|model| model.model.clone()).collect()
    }

    fn now(&self) -> Timestamp {
        self.shared.now()
    }

    fn probe(&self, model: &Model, id: &IdKey, want: Want) -> Probe {
        if self.shared.closed.load(Ordering::Acquire) {
            return Probe::Unknown;
        }
        let full = |row: &Row, now| Probe::Hit(row.seen(now));
        let found = match want {
            Want::Object => {
                let live = |plain: Plain, _| Probe::Live(plain.into_object());
                self.shared.look(model, id, want, live, full)
            }
            Want::Times => {
                let timed = |plain: Plain, now| {
                    let times = plain.times(now);
                    Probe::Timed(plain.into_object(), times)
                };
                let full = |row: &Row, now| match &row.object {
                    Some(object) => Probe::Timed(Arc::clone(object), row.times(now)),
                    None => Probe::Hit(row.seen(now)),
                };
                self.shared.look(model, id, want, timed, full)
            }
            Want::Fresh | Want::Kept => {
                let hit = |plain: Plain, now| Probe::Hit(plain.found(now));
                self.shared.look(model, id, want, hit, full)
            }
        };
        found.unwrap_or(Probe::Miss)
    }

    fn get_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
        want: Want,
    ) -> BoxFuture<'a, Result<Vec<Option<Found>>>> {
        ready!({
            self.shared.open(model)?;
            let look = |id| self.shared.look(model, id, want, Plain::found, Row::seen);
            Ok(ids.iter().map(look).collect())
        })
    }

    fn put_many<'a>(
        &'a self,
        model: &'a Model,
        puts: Vec<Put>,
    ) -> BoxFuture<'a, Result<Vec<PutOutcome>>> {
        Box::pin(self.put_many(model, puts))
    }

    fn remove_many<'a>(
        &'a self,
        model: &'a Model,
        removals: &'a [Removal],
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(self.remove_many(model, removals))
    }

    fn touch_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
        lifetime: Lifetime,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        ready!({
            let state = self.shared.open(model)?;
            let mut touched = Vec::with_capacity(ids.len());
            for batch in ids.chunks(BATCH) {
                if !touched.is_empty() {
                    yield_now().await;
                }
                touched.extend(self.shared.touch_batch(&state, batch, lifetime));
            }
            Ok(touched)
        })
    }

    fn query<'a>(&'a self, model: &'a Model, query: &'a Query) -> BoxFuture<'a, Result<Answer>> {
        Box::pin(self.query(model, query))
    }

    fn aggregate<'a>(
        &'a self,
        model: &'a Model,
        query: &'a AggregateQuery,
    ) -> BoxFuture<'a, Result<Aggregated>> {
        Box::pin(self.aggregate(model, query))
    }

    fn remove_where<'a>(
        &'a self,
        model: &'a Model,
        selection: &'a Selection,
        fate: Fate,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.remove_where(model, selection, fate))
    }

    fn mark<'a>(&'a self, model: &'a Model, expr: &'a Expr) -> BoxFuture<'a, Result<Mark>> {
        ready!({
            let state = self.shared.open(model)?;
            // What has left before is noticed first.
            drop(self.snapshot(&state).await);
            Ok(Mark::new(state.state.lock().watches.begin(expr)))
        })
    }

    fn still<'a>(&'a self, model: &'a Model, mark: &'a Mark) -> BoxFuture<'a, Result<bool>> {
        ready!({
            let state = self.shared.open(model)?;
            let watch: &Arc<Watch> = mark
                .get()
                .ok_or_else(|| Error::internal("the mark is of another store").with_store(STORE))?;
            drop(self.snapshot(&state).await);
            // Idle rows are in no answer before they leave.
            Ok(!watch.is_over() && self.shared.idle.is_none())
        })
    }

    fn leases(&self) -> Option<&dyn Leases> {
        None
    }

    fn stats<'a>(&'a self, model: &'a Model) -> BoxFuture<'a, Result<StoreStats>> {
        ready!({
            let state = self.shared.open(model)?;
            self.shared.objects.run_pending_tasks();
            let now = self.snapshot(&state).await.now;
            Ok(self.shared.stats(&state, now))
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.close())
    }
}
