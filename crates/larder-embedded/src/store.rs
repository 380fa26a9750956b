//! The store: writes go to moka and the overlay, a background thread takes the overlay into the
//! index, and a query asks both.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use larder_core::aggregate::{AggregateQuery, Aggregated, Aggregator};
use larder_core::expr::Expr;
use larder_core::query::{Answer, Order, Place, Projection, Query, Row as AnswerRow};
use larder_core::ranking::relevance;
use larder_core::store::{
    BoxFuture, CacheStore, Capability, Condition, Found, Lifetime, Model, Probe, Put, PutOutcome,
    Removal, StoreStats,
};
use larder_core::{
    Clock, Error, ErrorKind, Extent, IdKey, Result, Schema, Timestamp, Total, Truncation,
};
use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use parking_lot::{Mutex, RwLock};

use crate::config::EmbeddedBuilder;
use crate::error::{STORE, closed};
use crate::index::{ModelIndex, Segments};
use crate::query::{IndexCorpus, matching};
use crate::rows::Row;

const CAPABILITY: Capability = Capability::complete(STORE);

/// What a row costs besides its object and its index entries: maps, counters, allocations.
const ROW_OVERHEAD: usize = 400;

/// How many expired rows a write drops at the most, so that no write pays for all.
const EXPIRED_PER_WRITE: usize = 16;

/// After how many writes of a model rows that nobody reads any more are looked for.
const IDLE_SWEEP_EVERY: u64 = 1_024;

type Hasher = foldhash::quality::RandomState;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    model: u32,
    id: IdKey,
}

/// A store in this process: objects by id and by what they hold, without a server.
///
/// Cheap to clone; clones are the same store. When the last clone is dropped, so is everything
/// in it; a flush under way ends by itself.
#[derive(Clone)]
pub struct EmbeddedStore {
    shared: Arc<Shared>,
}

struct Shared {
    config: EmbeddedBuilder,
    idle: Option<i64>,
    objects: moka::sync::Cache<Key, Arc<Row>, Hasher>,
    /// Rows that moka let go and that the models have yet to let go of.
    evicted: Arc<Evicted>,
    models: RwLock<Vec<Arc<ModelState>>>,
    closed: AtomicBool,
}

#[derive(Default)]
struct Evicted {
    rows: Mutex<Vec<Arc<Row>>>,
    any: AtomicBool,
}

/// All that the store keeps of one model.
struct ModelState {
    schema: Arc<Schema>,
    state: RwLock<State>,
    index: Mutex<Option<ModelIndex>>,
    flushing: AtomicBool,
    flusher: Mutex<Option<JoinHandle<()>>>,
    evictions: AtomicU64,
    expirations: AtomicU64,
    flushes: AtomicU64,
    errors: AtomicU64,
}

#[derive(Default)]
struct State {
    seq: u64,
    live: HashMap<IdKey, Arc<Row>, Hasher>,
    /// Rows that the index does not hold yet, by their number.
    overlay: BTreeMap<u64, Arc<Row>>,
    /// Rows that the index holds and that died since.
    dead: Vec<Arc<Row>>,
    expiries: BTreeMap<(i64, u64), IdKey>,
    segments: Option<Arc<Segments>>,
    bytes: u64,
    /// For each field the tokens of all live objects, and how many objects have any.
    lengths: Vec<(u64, u64)>,
}

impl State {
    /// Counts the tokens of a row that comes or goes.
    fn measure(&mut self, row: &Row, comes: bool) {
        self.lengths.resize(row.document.fields().len(), (0, 0));
        for (length, field) in self.lengths.iter_mut().zip(row.document.fields()) {
            let Some(tokens) = &field.tokens else {
                continue;
            };
            let tokens = tokens.len() as u64;
            *length = if comes {
                (length.0 + tokens, length.1 + 1)
            } else {
                (length.0 - tokens, length.1 - 1)
            };
        }
    }

    /// Lets go of the object under `id`.
    fn kill(&mut self, id: &IdKey) -> Option<Arc<Row>> {
        let row = self.live.remove(id)?;
        row.kill();
        self.measure(&row, false);
        self.bytes -= u64::from(row.weight);
        if let Some(at) = row.expires_at() {
            self.expiries.remove(&(at.as_millis(), row.seq));
        }
        if self.overlay.remove(&row.seq).is_none() {
            self.dead.push(Arc::clone(&row));
        }
        Some(row)
    }
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
            .eviction_listener(move |_, row: Arc<Row>, cause| {
                if cause == RemovalCause::Size {
                    listener.rows.lock().push(row);
                    listener.any.store(true, Ordering::Release);
                }
            });
        if let Some(capacity) = config.max_objects.or(config.max_bytes) {
            objects = objects.max_capacity(capacity);
        }
        if config.max_bytes.is_some() {
            objects = objects.weigher(|_, row: &Arc<Row>| row.weight);
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
                config,
            }),
        }
    }

    /// Takes all pending writes of all models into their indexes now.
    ///
    /// # Errors
    /// `Internal` if the engine fails; the writes stay pending and are found all the same.
    pub fn flush(&self) -> Result<()> {
        let models: Vec<_> = self.shared.models.read().clone();
        models.iter().try_for_each(|state| state.flush())
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

    fn key(&self, model: &Model, id: &IdKey) -> Key {
        Key {
            model: model.number(),
            id: id.clone(),
        }
    }

    /// Lets the models go of what moka let go of.
    fn settle(&self) {
        if !self.evicted.any.swap(false, Ordering::AcqRel) {
            return;
        }
        let rows = std::mem::take(&mut *self.evicted.rows.lock());
        let models = self.models.read();
        for row in rows {
            let Some(model) = models.get(row.model as usize) else {
                continue;
            };
            let mut state = model.state.write();
            if state
                .live
                .get(&row.id)
                .is_some_and(|live| live.seq == row.seq)
            {
                state.kill(&row.id);
                model.evictions.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// A replaced row dies only once moka holds the one that replaces it. So a dead row that is
    /// still moka's was removed, and any other dead row calls for another look.
    fn look(&self, model: &Model, id: &IdKey) -> Option<Arc<Row>> {
        let key = self.key(model, id);
        let now = self.now();
        let mut seen: Option<Arc<Row>> = None;
        loop {
            let row = self.objects.get(&key)?;
            if row.is_live(now, self.idle) {
                if self.idle.is_some() {
                    row.access(now);
                }
                return Some(row);
            }
            let again = seen.is_some_and(|seen| Arc::ptr_eq(&seen, &row));
            if again || !row.is_dead() {
                return None;
            }
            seen = Some(row);
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

    fn put_many(&self, model: &Model, puts: Vec<Put>) -> Result<Vec<PutOutcome>> {
        let states = self.open(model)?;
        let mut weights = Vec::with_capacity(puts.len());
        for put in &puts {
            let weight =
                put.object.weight()? + put.document.weight() + put.id.heap_size() + ROW_OVERHEAD;
            if let Some(max) = self.config.max_bytes
                && weight as u64 > max
            {
                return Err(Error::new(
                    ErrorKind::Overloaded,
                    format!("an object takes about {weight} bytes with its index, more than the store's max_bytes of {max}; raise max_bytes"),
                )
                .with_store(STORE)
                .with_model(model.schema().name()));
            }
            weights.push(u32::try_from(weight).unwrap_or(u32::MAX));
        }
        self.settle();
        let now = self.now();
        let mut outcomes = Vec::with_capacity(puts.len());
        for (put, weight) in puts.into_iter().zip(weights) {
            let mut guard = states.state.write();
            let state = &mut *guard;
            self.drop_expired(&states, state, now);
            let before = state
                .live
                .get(&put.id)
                .filter(|row| row.is_live(now, self.idle))
                .cloned();
            let version = before.as_ref().map(|row| row.seq);
            let holds = match put.condition {
                Condition::Always => true,
                Condition::IfAbsent => version.is_none(),
                Condition::IfPresent => version.is_some(),
                Condition::IfVersion(wanted) => version == Some(wanted),
            };
            if !holds {
                outcomes.push(PutOutcome::Refused(version));
                continue;
            }
            state.seq += 1;
            let tags = put.tags.unwrap_or_else(|| {
                before
                    .as_ref()
                    .map(|row| row.tags.clone())
                    .unwrap_or_default()
            });
            let row = Arc::new(Row::new(
                model.number(),
                put.id.clone(),
                state.seq,
                put.object,
                put.document,
                tags,
                weight,
                self.expiry(put.lifetime, before.as_ref(), now),
                now,
            ));
            // Under the lock, so that moka's order of two writes of one id is this order; and
            // before the old row dies, so that a read by id always finds one of the two.
            self.objects
                .insert(self.key(model, &put.id), Arc::clone(&row));
            state.kill(&put.id);
            if let Some(at) = row.expires_at() {
                state
                    .expiries
                    .insert((at.as_millis(), row.seq), put.id.clone());
            }
            state.measure(&row, true);
            state.bytes += u64::from(weight);
            state.overlay.insert(row.seq, Arc::clone(&row));
            outcomes.push(PutOutcome::Stored(row.seq));
            state.live.insert(put.id, row);
        }
        self.settle();
        self.flush_if_due(&states);
        Ok(outcomes)
    }

    fn drop_expired(&self, model: &ModelState, state: &mut State, now: Timestamp) {
        if self.idle.is_some() && state.seq.is_multiple_of(IDLE_SWEEP_EVERY) {
            let idle: Vec<_> = state
                .live
                .values()
                .filter(|row| !row.is_live(now, self.idle))
                .map(|row| row.id.clone())
                .collect();
            for id in idle {
                self.forget(state, &id);
                model.expirations.fetch_add(1, Ordering::Relaxed);
            }
        }
        for _ in 0..EXPIRED_PER_WRITE {
            match state.expiries.first_key_value() {
                Some((&(at, _), id)) if at <= now.as_millis() => {
                    let id = id.clone();
                    self.forget(state, &id);
                    model.expirations.fetch_add(1, Ordering::Relaxed);
                }
                _ => return,
            }
        }
    }

    fn forget(&self, state: &mut State, id: &IdKey) -> Option<Arc<Row>> {
        let row = state.kill(id)?;
        self.objects.invalidate(&Key {
            model: row.model,
            id: id.clone(),
        });
        Some(row)
    }

    fn flush_if_due(&self, model: &Arc<ModelState>) {
        let due = {
            let state = model.state.read();
            state.overlay.len().max(state.dead.len()) >= self.config.flush_at
        };
        if !due || model.flushing.swap(true, Ordering::AcqRel) {
            return;
        }
        let worker = Arc::clone(model);
        let spawned = std::thread::Builder::new()
            .name("larder-flush".to_owned())
            .spawn(move || {
                if worker.flush().is_err() {
                    worker.errors.fetch_add(1, Ordering::Relaxed);
                }
                worker.flushing.store(false, Ordering::Release);
            });
        match spawned {
            Ok(handle) => *model.flusher.lock() = Some(handle),
            Err(_) => {
                model.errors.fetch_add(1, Ordering::Relaxed);
                model.flushing.store(false, Ordering::Release);
            }
        }
    }

    fn remove_many(&self, model: &Model, removals: &[Removal]) -> Result<Vec<bool>> {
        let states = self.open(model)?;
        self.settle();
        let now = self.now();
        let removed = {
            let mut state = states.state.write();
            removals
                .iter()
                .map(|removal| {
                    let there = state.live.get(&removal.id).is_some_and(|row| {
                        row.is_live(now, self.idle)
                            && removal.if_version.is_none_or(|version| version == row.seq)
                    });
                    there && self.forget(&mut state, &removal.id).is_some()
                })
                .collect()
        };
        self.flush_if_due(&states);
        Ok(removed)
    }

    /// Every live row that `expr` means, each once, from one moment.
    fn rows(&self, state: &State, expr: &Expr, now: Timestamp) -> Result<Vec<Arc<Row>>> {
        let mut rows = Vec::new();
        if let Some(segments) = &state.segments {
            for (number, of_segment) in segments.rows.iter().enumerate() {
                let docs = matching(segments, number, expr)?;
                rows.extend(
                    docs.iter()
                        .filter_map(|doc| of_segment[doc as usize].as_ref())
                        .filter(|row| row.is_live(now, self.idle))
                        .map(Arc::clone),
                );
            }
        }
        rows.extend(
            state
                .overlay
                .values()
                .filter(|row| row.is_live(now, self.idle) && expr.matches(&row.document))
                .map(Arc::clone),
        );
        Ok(rows)
    }

    fn query(&self, model: &Model, query: &Query) -> Result<Answer> {
        let states = self.open(model)?;
        self.settle();
        let now = self.now();
        let keys = query.keys();
        let mut scored: Vec<(f32, Place, Arc<Row>)> = {
            let state = states.state.read();
            let rows = self.rows(&state, &query.expr, now)?;
            if query.limit == Some(0) && query.after.is_none() {
                return Ok(count_only(rows.len(), query));
            }
            let corpus = IndexCorpus {
                segments: state.segments.as_deref(),
                objects: state.live.len(),
                lengths: &state.lengths,
            };
            let ranks = query.order == Order::Relevance;
            rows.into_iter()
                .map(|row| {
                    let score = if ranks {
                        relevance(&query.expr, &row.document, &corpus)
                    } else {
                        0.0
                    };
                    (score, row.place(keys), row)
                })
                .collect()
        };
        let total = query.total.then_some(Total::Exact(scored.len() as u64));
        if let Some(after) = &query.after {
            scored.retain(|(_, place, _)| place.cmp_by(after, keys).is_gt());
        }
        let wanted = query
            .limit
            .map_or(usize::MAX, |limit| query.offset.saturating_add(limit));
        let order = |a: &(f32, Place, Arc<Row>), b: &(f32, Place, Arc<Row>)| {
            b.0.total_cmp(&a.0).then_with(|| a.1.cmp_by(&b.1, keys))
        };
        let extent = if scored.len() > wanted {
            if wanted > 0 {
                scored.select_nth_unstable_by(wanted - 1, order);
            }
            scored.truncate(wanted);
            Extent::Truncated(Truncation::Limit)
        } else {
            Extent::Exhausted
        };
        scored.sort_unstable_by(order);
        let rows = scored
            .into_iter()
            .skip(query.offset)
            .map(|(_, place, row)| AnswerRow {
                place,
                found: (query.projection == Projection::Objects).then(|| row.found()),
            })
            .collect();
        Ok(Answer {
            rows,
            total,
            extent,
        })
    }

    fn aggregate(&self, model: &Model, query: &AggregateQuery) -> Result<Aggregated> {
        let states = self.open(model)?;
        self.settle();
        let rows = self.rows(&states.state.read(), &query.expr, self.now())?;
        let mut aggregator = Aggregator::new(query, model.schema());
        for row in rows {
            aggregator.add(&*row.object)?;
        }
        Ok(aggregator.finish())
    }

    fn remove_where(&self, model: &Model, expr: &Expr) -> Result<u64> {
        let states = self.open(model)?;
        self.settle();
        let removed = {
            let mut state = states.state.write();
            let rows = self.rows(&state, expr, self.now())?;
            for row in &rows {
                self.forget(&mut state, &row.id);
            }
            rows.len() as u64
        };
        self.flush_if_due(&states);
        Ok(removed)
    }

    fn touch_many(&self, model: &Model, ids: &[IdKey], lifetime: Lifetime) -> Result<Vec<bool>> {
        let states = self.open(model)?;
        self.settle();
        let now = self.now();
        let mut guard = states.state.write();
        let state = &mut *guard;
        Ok(ids
            .iter()
            .map(|id| {
                let Some(row) = state.live.get(id).filter(|row| row.is_live(now, self.idle)) else {
                    return false;
                };
                if let Some(at) = row.expires_at() {
                    state.expiries.remove(&(at.as_millis(), row.seq));
                }
                let until = self.expiry(lifetime, Some(row), now);
                row.set_expires_at(until);
                row.access(now);
                if let Some(at) = until {
                    state.expiries.insert((at.as_millis(), row.seq), id.clone());
                }
                true
            })
            .collect())
    }

    fn clear(&self, model: &Model) -> Result<()> {
        let states = self.open(model)?;
        let mut state = states.state.write();
        let ids: Vec<_> = state.live.keys().cloned().collect();
        for id in ids {
            self.forget(&mut state, &id);
        }
        drop(state);
        self.flush_if_due(&states);
        Ok(())
    }

    fn stats(&self, model: &Model) -> Result<StoreStats> {
        let states = self.open(model)?;
        self.objects.run_pending_tasks();
        self.settle();
        let now = self.now();
        let state = states.state.read();
        let mut stats = StoreStats::default();
        stats.objects = state
            .live
            .values()
            .filter(|row| row.is_live(now, self.idle))
            .count() as u64;
        stats.bytes = state.bytes;
        stats.index_bytes = state.segments.as_ref().map_or(0, |segments| segments.bytes);
        stats.segments = state.segments.as_ref().map_or(0, |s| s.rows.len() as u64);
        stats.pending = state.overlay.len() as u64;
        stats.evictions = states.evictions.load(Ordering::Relaxed);
        stats.expirations = states.expirations.load(Ordering::Relaxed);
        stats.flushes = states.flushes.load(Ordering::Relaxed);
        stats.background_errors = states.errors.load(Ordering::Relaxed);
        Ok(stats)
    }

    fn ensure_model(&self, schema: &Arc<Schema>) -> Result<Model> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        let mut models = self.models.write();
        if let Some(number) = models
            .iter()
            .position(|known| known.schema.name() == schema.name())
        {
            let known = &models[number].schema;
            if known.type_id() != schema.type_id() || known.fingerprint() != schema.fingerprint() {
                return Err(Error::invalid_model(format!(
                    "the name is taken by `{}` in this store, and `{}` is another type; give one of them another name",
                    known.type_name(),
                    schema.type_name()
                ))
                .with_store(STORE)
                .with_model(schema.name()));
            }
            return Ok(Model::new(Arc::clone(known), number as u32));
        }
        models.push(Arc::new(ModelState {
            schema: Arc::clone(schema),
            state: RwLock::default(),
            index: Mutex::new(None),
            flushing: AtomicBool::new(false),
            flusher: Mutex::new(None),
            evictions: AtomicU64::new(0),
            expirations: AtomicU64::new(0),
            flushes: AtomicU64::new(0),
            errors: AtomicU64::new(0),
        }));
        Ok(Model::new(Arc::clone(schema), models.len() as u32 - 1))
    }

    fn close(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let models = std::mem::take(&mut *self.models.write());
        for model in models {
            let flusher = model.flusher.lock().take();
            if let Some(flusher) = flusher {
                flusher.join().map_err(|_| {
                    Error::internal("a background thread panicked").with_store(STORE)
                })?;
            }
        }
        self.objects.invalidate_all();
        Ok(())
    }
}

/// The answer of a page without rows, for which nothing has to be put in order.
fn count_only(matching: usize, query: &Query) -> Answer {
    Answer {
        rows: Vec::new(),
        total: query.total.then_some(Total::Exact(matching as u64)),
        extent: if matching > query.offset {
            Extent::Truncated(Truncation::Limit)
        } else {
            Extent::Exhausted
        },
    }
}

impl ModelState {
    /// Takes what is pending into the index. The overlay loses a row only once the published
    /// segments have it.
    fn flush(&self) -> Result<()> {
        let mut index = self.index.lock();
        let (added, removed, before) = {
            let mut state = self.state.write();
            if state.overlay.is_empty() && state.dead.is_empty() {
                return Ok(());
            }
            (
                state.overlay.values().cloned().collect::<Vec<_>>(),
                std::mem::take(&mut state.dead),
                state.segments.clone(),
            )
        };
        let taken = match &mut *index {
            Some(index) => index.take(&added, &removed, before.as_deref()),
            empty => ModelIndex::create(&self.schema).and_then(|created| {
                empty
                    .insert(created)
                    .take(&added, &removed, before.as_deref())
            }),
        };
        let mut state = self.state.write();
        match taken {
            Ok(segments) => {
                for row in &added {
                    // Died while it was taken in: it has to be taken out again.
                    if state.overlay.remove(&row.seq).is_none() {
                        state.dead.push(Arc::clone(row));
                    }
                }
                state.segments = Some(Arc::new(segments));
                self.flushes.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                state.dead.extend(removed);
                Err(error)
            }
        }
    }
}

/// All work is done at the first poll, so a future dropped before it did nothing and one
/// dropped after it did everything.
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

    fn probe(&self, model: &Model, id: &IdKey) -> Probe {
        match self.shared.look(model, id) {
            Some(row) => Probe::Hit(row.found()),
            None if self.shared.closed.load(Ordering::Acquire) => Probe::Unknown,
            None => Probe::Miss,
        }
    }

    fn get_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Found>>>> {
        ready!({
            self.shared.open(model)?;
            Ok(ids
                .iter()
                .map(|id| self.shared.look(model, id).map(|row| row.found()))
                .collect())
        })
    }

    fn put_many<'a>(
        &'a self,
        model: &'a Model,
        puts: Vec<Put>,
    ) -> BoxFuture<'a, Result<Vec<PutOutcome>>> {
        ready!(self.shared.put_many(model, puts))
    }

    fn remove_many<'a>(
        &'a self,
        model: &'a Model,
        removals: &'a [Removal],
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        ready!(self.shared.remove_many(model, removals))
    }

    fn touch_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
        lifetime: Lifetime,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        ready!(self.shared.touch_many(model, ids, lifetime))
    }

    fn query<'a>(&'a self, model: &'a Model, query: &'a Query) -> BoxFuture<'a, Result<Answer>> {
        ready!(self.shared.query(model, query))
    }

    fn aggregate<'a>(
        &'a self,
        model: &'a Model,
        query: &'a AggregateQuery,
    ) -> BoxFuture<'a, Result<Aggregated>> {
        ready!(self.shared.aggregate(model, query))
    }

    fn remove_where<'a>(&'a self, model: &'a Model, expr: &'a Expr) -> BoxFuture<'a, Result<u64>> {
        ready!(self.shared.remove_where(model, expr))
    }

    fn clear<'a>(&'a self, model: &'a Model) -> BoxFuture<'a, Result<()>> {
        ready!(self.shared.clear(model))
    }

    fn stats<'a>(&'a self, model: &'a Model) -> BoxFuture<'a, Result<StoreStats>> {
        ready!(self.shared.stats(model))
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        ready!(self.shared.close())
    }
}
