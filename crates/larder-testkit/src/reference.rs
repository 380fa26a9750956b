//! The reference store: a locked map and the evaluator. Slow, and right by definition.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use larder_core::aggregate::{AggregateQuery, Aggregated, Aggregator};
use larder_core::expr::Expr;
use larder_core::query::{Answer, Order, Place, Projection, Query, Row, SortKey};
use larder_core::ranking::{Corpus, relevance};
use larder_core::store::{
    Begin, BoxFuture, CacheStore, Capability, Condition, Content, Fate, Found, Guard, LeaseRequest,
    Leases, Lifetime, Mark, Model, Probe, Put, PutOutcome, Removal, Selection, StoreStats, Stored,
    Token, Tombstone, Want,
};
use larder_core::text::TokenList;
use larder_core::{
    Clock, Document, Error, ErrorKind, Extent, IdKey, Result, Schema, Tags, Timestamp, Total,
    Truncation, deps,
};
use parking_lot::Mutex;

/// A store that is nothing but its definition.
#[derive(Debug)]
pub struct ReferenceStore {
    capability: Capability,
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
    /// What this handle gave out.
    models: Mutex<Vec<Model>>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    models: Vec<(Arc<Schema>, Entries)>,
}

/// One model's entries, and what is remembered beside them.
#[derive(Debug, Default)]
struct Entries {
    /// Of the last write.
    version: u64,
    entries: BTreeMap<IdKey, Entry>,
    tombstones: BTreeMap<IdKey, (u64, Timestamp)>,
    leases: BTreeMap<IdKey, Lease>,
    fences: BTreeMap<IdKey, BTreeMap<u128, Timestamp>>,
    /// When each id was last written or removed; under `None`, when all were.
    touched: BTreeMap<Option<IdKey>, u64>,
    watches: Vec<Weak<Watch>>,
    /// Whether other programs see this.
    shared: bool,
    /// What was removed by tag, and when.
    removed: Vec<(u64, Selection)>,
    /// Until when entries of which models are made from these.
    pages: BTreeMap<u32, Timestamp>,
    /// What was done that such entries may end of.
    done: Vec<Done>,
}

/// What was done to a model, as far as entries made from it are concerned.
#[derive(Debug)]
enum Done {
    Written(IdKey),
    Loaded(IdKey),
    Removed,
}

impl Done {
    /// The tags that end with it.
    fn tags(self, model: &str) -> Vec<String> {
        match self {
            Self::Written(id) => vec![
                deps::id_tag(model, &id),
                deps::list_tag(model),
                deps::found_tag(model),
                deps::whole_tag(model),
            ],
            Self::Loaded(id) => vec![deps::found_tag(model), deps::miss_tag(model, &id)],
            Self::Removed => vec![deps::model_tag(model)],
        }
    }
}

#[derive(Debug)]
struct Lease {
    token: Token,
    until: Timestamp,
    since: u64,
}

type Rows<'a> = Vec<(&'a IdKey, &'a Document, &'a Found)>;

#[derive(Debug)]
struct Entry {
    found: Found,
    /// Of an object; of its absence there is none.
    document: Option<Document>,
    /// Whether its lifetime has ended and the watches know.
    left: bool,
}

/// Whether an object left that `expr` matches.
#[derive(Debug)]
struct Watch {
    since: u64,
    expr: Expr,
    over: AtomicBool,
}

impl Entry {
    /// What a filter sees of it at `now`.
    fn row(&self, now: Timestamp) -> Option<&Document> {
        let document = self.document.as_ref();
        document.filter(|_| !self.found.is_stale(now))
    }

    fn is_kept(&self, now: Timestamp) -> bool {
        let end = |at: Timestamp| at.saturating_add(self.found.stale_for) > now;
        self.found.expires_at.is_none_or(end)
    }
}

impl Entries {
    fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    fn touch(&mut self, id: Option<IdKey>) {
        let version = self.next_version();
        self.touched.insert(id, version);
    }

    fn left(&mut self, document: &Document) {
        self.watches.retain(|watch| {
            watch.upgrade().is_some_and(|watch| {
                if watch.expr.matches(document) {
                    watch.over.store(true, Ordering::Relaxed);
                }
                true
            })
        });
    }

    /// Forgets what has come to its end by `now`.
    fn settle(&mut self, now: Timestamp) {
        let mut expired = Vec::new();
        self.entries.retain(|_, entry| {
            if entry.found.is_stale(now) && !std::mem::replace(&mut entry.left, true) {
                expired.extend(entry.document.clone());
            }
            entry.is_kept(now)
        });
        for document in expired {
            self.left(&document);
        }
        self.tombstones.retain(|_, (_, until)| *until > now);
        self.leases.retain(|_, lease| lease.until > now);
        let oldest = self.leases.values().map(|lease| lease.since).min();
        self.removed
            .retain(|(at, _)| oldest.is_some_and(|oldest| *at > oldest));
        self.fences.retain(|_, fences| {
            fences.retain(|_, until| *until > now);
            !fences.is_empty()
        });
    }

    /// The object at `id` that is neither stale nor known to be absent.
    fn fresh(&self, id: &IdKey, now: Timestamp) -> Option<&Found> {
        let entry = self.entries.get(id)?;
        entry.row(now).map(|_| &entry.found)
    }

    /// What filters, counts and plain reads see at `now`.
    fn rows(&self, now: Timestamp) -> Rows<'_> {
        let rows = self.entries.iter().filter_map(|(id, entry)| {
            let row = entry.row(now);
            row.map(|document| (id, document, &entry.found))
        });
        rows.collect()
    }

    fn get(&self, id: &IdKey, want: Want, now: Timestamp) -> Option<Found> {
        match want {
            Want::Object | Want::Times | Want::Fresh => self.fresh(id, now).cloned(),
            Want::Kept => self.entries.get(id).map(|entry| entry.found.clone()),
        }
    }

    fn revision(&self, id: &IdKey) -> Option<u64> {
        let here = self.entries.get(id).and_then(|entry| entry.found.revision);
        let buried = self.tombstones.get(id).map(|(revision, _)| *revision);
        here.max(buried)
    }

    /// Whether the guard of a put still holds.
    fn allows(&self, put: &Put, guard: &Guard) -> Result<bool> {
        let id = &put.id;
        Ok(match guard {
            Guard::Lease(token) => {
                let lease = self.leases.get(id).filter(|lease| lease.token == *token);
                let document = match &put.content {
                    Content::Object(_, document) => Some(document),
                    Content::Absent => None,
                };
                let tags = put.tags.clone().unwrap_or_default();
                let removed = |since| {
                    let later = self.removed.iter().filter(move |(at, _)| *at > since);
                    later.map(|(_, selection)| selection)
                };
                let hit = |since| removed(since).any(|what| is_meant(what, document, &tags));
                lease.is_some_and(|lease| !hit(lease.since)) && !self.fences.contains_key(id)
            }
            Guard::Since(mark) => {
                let since = watch(mark)?.since;
                let touched =
                    |id: Option<IdKey>| self.touched.get(&id).is_some_and(|at| *at > since);
                !touched(None) && !touched(Some(id.clone())) && !self.fences.contains_key(id)
            }
        })
    }

    fn put(&mut self, now: Timestamp, put: Put) -> Result<PutOutcome> {
        self.settle(now);
        let there = self.fresh(&put.id, now).map(|found| found.version);
        let revision = self.revision(&put.id);
        let holds = match put.condition {
            Condition::Always => true,
            Condition::IfAbsent => there.is_none(),
            Condition::IfPresent => there.is_some(),
            Condition::IfVersion(wanted) => there == Some(wanted),
            Condition::IfNewer => revision.is_none() || put.revision > revision,
            Condition::IfNotOlder => {
                let here = self
                    .entries
                    .get(&put.id)
                    .and_then(|entry| entry.found.revision);
                let buried = self.tombstones.get(&put.id).map(|(revision, _)| *revision);
                (here.is_none() || put.revision >= here)
                    && (buried.is_none() || put.revision > buried)
            }
        };
        let allowed = match &put.guard {
            Some(guard) => self.allows(&put, guard)?,
            None => true,
        };
        if let Some(Guard::Lease(token)) = put.guard {
            self.release(&put.id, token);
        }
        if !allowed {
            return Ok(PutOutcome::Outrun);
        }
        if !holds {
            if put.condition == Condition::IfNewer && put.guard.is_none() {
                self.done.push(Done::Written(put.id));
            }
            return Ok(PutOutcome::Refused(there));
        }
        self.touch(Some(put.id.clone()));
        self.done.push(match put.guard {
            None => Done::Written(put.id.clone()),
            Some(_) => Done::Loaded(put.id.clone()),
        });
        if let Some(displaced) = &put.displaced {
            displaced.tell(self.fresh(&put.id, now).cloned());
        }
        self.leases.remove(&put.id);
        let outlived = |(buried, _): &(u64, Timestamp)| put.revision > Some(*buried);
        if self.tombstones.get(&put.id).is_some_and(outlived) {
            self.tombstones.remove(&put.id);
        }
        let before = self.entries.remove(&put.id);
        let before = before.filter(|entry| entry.row(now).is_some());
        let kept = before.as_ref().map(|entry| &entry.found);
        let (object, document) = match put.content {
            Content::Object(object, document) => (Stored::Live(object), Some(document)),
            Content::Absent => (Stored::Absent, None),
        };
        let found = Found {
            object,
            version: self.version,
            expires_at: expiry(put.lifetime, kept, now),
            tags: put
                .tags
                .or_else(|| kept.map(|found| found.tags.clone()))
                .unwrap_or_default(),
            created_at: now,
            stale_for: put
                .stale_for
                .or_else(|| kept.map(|found| found.stale_for))
                .unwrap_or_default(),
            cost: put.cost,
            revision: put.revision.or(revision),
            seen_at: None,
        };
        let version = found.version;
        let entry = Entry {
            left: false,
            found,
            document,
        };
        if entry.row(now).is_none()
            && let Some(document) = before.and_then(|entry| entry.document)
        {
            self.left(&document);
        }
        self.entries.insert(put.id, entry);
        Ok(PutOutcome::Stored(version))
    }

    /// Ends a lease, if it is still that one.
    fn release(&mut self, id: &IdKey, token: Token) {
        if self
            .leases
            .get(id)
            .is_some_and(|lease| lease.token == token)
        {
            self.leases.remove(id);
        }
    }

    /// Where others have watches of what is removed here, ends them: nobody knows what the source
    /// of that holds now.
    fn removed(&mut self) {
        if !self.shared {
            return;
        }
        for watch in self.watches.drain(..).filter_map(|watch| watch.upgrade()) {
            watch.over.store(true, Ordering::Relaxed);
        }
    }

    /// Takes one entry away; says whether it was a fresh object.
    fn depart(&mut self, id: &IdKey, fate: Fate, now: Timestamp) -> bool {
        let Some(mut entry) = self.entries.remove(id) else {
            return false;
        };
        let fresh = entry.row(now).is_some();
        if let Some(document) = entry.document.as_ref().filter(|_| fresh) {
            self.left(document);
        }
        if fate == Fate::Expire && entry.document.is_some() {
            entry.left = true;
            if fresh {
                entry.found.expires_at = Some(now);
            }
            if entry.is_kept(now) {
                self.entries.insert(id.clone(), entry);
            }
        }
        fresh
    }

    fn remove(&mut self, now: Timestamp, removal: &Removal) -> bool {
        if let (Some(fences), Some(fence)) = (self.fences.get_mut(&removal.id), removal.fence) {
            fences.remove(&fence.get());
        }
        let there = self.fresh(&removal.id, now).map(|found| found.version);
        if removal
            .if_version
            .is_some_and(|wanted| there != Some(wanted))
        {
            return false;
        }
        let later = |tombstone: Tombstone| {
            let known = self.revision(&removal.id);
            known.is_some_and(|known| known > tombstone.revision)
        };
        if removal.tombstone.is_some_and(later) {
            self.done.push(Done::Written(removal.id.clone()));
            return false;
        }
        self.removed();
        self.touch(Some(removal.id.clone()));
        self.done.push(Done::Written(removal.id.clone()));
        if let Some(displaced) = &removal.displaced {
            displaced.tell(self.fresh(&removal.id, now).cloned());
        }
        self.leases.remove(&removal.id);
        let fresh = self.depart(&removal.id, removal.fate, now);
        if let Some(Tombstone { revision, lifetime }) = removal.tombstone {
            let buried = (revision, now.saturating_add(lifetime));
            self.tombstones.insert(removal.id.clone(), buried);
        }
        fresh
    }

    fn remove_where(&mut self, now: Timestamp, selection: &Selection, fate: Fate) -> u64 {
        self.removed();
        self.touch(None);
        self.done.push(Done::Removed);
        match selection {
            Selection::Tagged(_) => self.removed.push((self.version, selection.clone())),
            // No server can tell what a filter means.
            Selection::Where(_) | Selection::All => self.leases.clear(),
        }
        if matches!(selection, Selection::All) {
            self.tombstones.clear();
        }
        let meant = self
            .entries
            .iter()
            .filter(|(_, entry)| is_meant(selection, entry.document.as_ref(), &entry.found.tags));
        let meant: Vec<IdKey> = meant.map(|(id, _)| id.clone()).collect();
        let gone = meant.iter().filter(|id| self.depart(id, fate, now));
        gone.count() as u64
    }
}

/// Whether a selection means an entry: of an absence, nobody knows that a filter does not.
fn is_meant(selection: &Selection, document: Option<&Document>, tags: &Tags) -> bool {
    match selection {
        Selection::Where(expr) => document.is_none_or(|document| expr.matches(document)),
        Selection::Tagged(meant) => {
            let meant = meant.as_slice();
            meant.iter().any(|tag| tags.as_slice().contains(tag))
        }
        Selection::All => true,
    }
}

fn watch(mark: &Mark) -> Result<&Arc<Watch>> {
    mark.get()
        .ok_or_else(|| Error::internal("the mark is of another store"))
}

impl ReferenceStore {
    /// An empty store that takes the time from `clock`.
    pub fn new(clock: impl Clock) -> Self {
        Self {
            capability: Capability::complete("reference"),
            clock: Arc::new(clock),
            state: Arc::default(),
            models: Mutex::default(),
        }
    }

    /// The same, with leases: as several programs share one store.
    pub fn shared(clock: impl Clock) -> Self {
        let mut store = Self::new(clock);
        store.capability.leases = true;
        store
    }

    /// What another program sees that has opened the same store.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            capability: self.capability.clone(),
            clock: Arc::clone(&self.clock),
            state: Arc::clone(&self.state),
            models: Mutex::default(),
        }
    }

    /// Does `work` on the entries of one model that have not come to their end.
    fn with<T>(
        &self,
        model: &Model,
        work: impl FnOnce(&mut Entries, Timestamp) -> Result<T>,
    ) -> Result<T> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let State { closed, models } = &mut *state;
        if *closed {
            return Err(Error::new(ErrorKind::Closed, "the store was closed"));
        }
        let Some((_, entries)) = models.get_mut(model.number() as usize) else {
            return Err(Error::internal("the model is of another store"));
        };
        entries.settle(now);
        let worked = work(entries, now);
        entries.pages.retain(|_, until| *until > now);
        let (done, pages) = (std::mem::take(&mut entries.done), entries.pages.clone());
        let name = model.schema().name();
        let tags = done.into_iter().flat_map(|done| done.tags(name));
        let tags = Tags::new(tags);
        if tags.as_slice().is_empty() {
            return worked;
        }
        let ended = Selection::Tagged(tags);
        for number in pages.into_keys() {
            if let Some((_, entries)) = models.get_mut(number as usize) {
                entries.remove_where(now, &ended, Fate::Remove);
                entries.done.clear();
            }
        }
        worked
    }

    fn answer(entries: &Rows<'_>, query: &Query) -> Answer {
        let keys = query.keys();
        let mut rows: Vec<(f32, Row)> = entries
            .iter()
            .filter(|(_, document, _)| query.expr.matches(document))
            .map(|(id, document, found)| {
                let score = if query.order == Order::Relevance {
                    relevance(&query.expr, document, &Everything(entries))
                } else {
                    0.0
                };
                let value = |key: &SortKey| document.field(key.field).values.one().cloned();
                let place = Place {
                    keys: keys.iter().map(value).collect(),
                    id: (*id).clone(),
                };
                let found = (query.projection == Projection::Objects).then(|| (*found).clone());
                (score, Row { place, found })
            })
            .collect();
        let total = query.total.then_some(Total::Exact(rows.len() as u64));
        rows.sort_by(|(score, row), (other_score, other)| {
            other_score
                .total_cmp(score)
                .then_with(|| row.place.cmp_by(&other.place, keys))
        });
        if let Some(after) = &query.after {
            rows.retain(|(_, row)| row.place.cmp_by(after, keys).is_gt());
        }
        let end = query
            .limit
            .map_or(usize::MAX, |limit| query.offset.saturating_add(limit));
        let extent = if rows.len() > end {
            Extent::Truncated(Truncation::Limit)
        } else {
            Extent::Exhausted
        };
        let rows = rows.into_iter().map(|(_, row)| row);
        Answer {
            rows: rows.take(end).skip(query.offset).collect(),
            total,
            extent,
        }
    }
}

fn expiry(lifetime: Lifetime, before: Option<&Found>, now: Timestamp) -> Option<Timestamp> {
    match lifetime {
        Lifetime::For(ttl) => Some(now.saturating_add(ttl)),
        Lifetime::Keep => before.and_then(|found| found.expires_at),
        Lifetime::Default | Lifetime::Forever => None,
    }
}

struct Everything<'a>(&'a Rows<'a>);

impl Everything<'_> {
    fn tokens(&self, field: u16) -> impl Iterator<Item = &Arc<TokenList>> {
        let rows = self.0.iter();
        rows.filter_map(move |(_, document, _)| document.field(field).tokens.as_ref())
    }
}

impl Corpus for Everything<'_> {
    fn objects(&self) -> f32 {
        self.0.len() as f32
    }
    fn average_length(&self, field: u16) -> f32 {
        let lengths = || self.tokens(field).map(|tokens| tokens.len());
        lengths().sum::<usize>() as f32 / lengths().count().max(1) as f32
    }
    fn document_frequency(&self, field: u16, token: &str) -> f32 {
        let has = |tokens: &&Arc<TokenList>| tokens.iter().any(|(found, _)| found == token);
        self.tokens(field).filter(has).count() as f32
    }
}

macro_rules! ready {
    ($work:expr) => {
        Box::pin(async move { $work })
    };
}

#[deny(clippy::missing_trait_methods)]
impl CacheStore for ReferenceStore {
    fn capability(&self) -> &Capability {
        &self.capability
    }

    fn ensure_model<'a>(&'a self, schema: &'a Arc<Schema>) -> BoxFuture<'a, Result<Model>> {
        ready!({
            let State { closed, models } = &mut *self.state.lock();
            if *closed {
                return Err(Error::new(ErrorKind::Closed, "the store was closed"));
            }
            let known = models
                .iter()
                .position(|(known, _)| known.name() == schema.name());
            let number = known.unwrap_or_else(|| {
                let entries = Entries {
                    shared: self.capability.leases,
                    ..Entries::default()
                };
                models.push((Arc::clone(schema), entries));
                models.len() - 1
            });
            let known = &models[number].0;
            if known.type_id() != schema.type_id() || known.fingerprint() != schema.fingerprint() {
                return Err(Error::invalid_model("the name is taken by another type")
                    .with_model(schema.name()));
            }
            let mut given = self.models.lock();
            let made = given.iter().find(|model| model.number() as usize == number);
            Ok(made.cloned().unwrap_or_else(|| {
                let model = Model::new(Arc::clone(known), number as u32);
                given.push(model.clone());
                model
            }))
        })
    }

    fn models(&self) -> Vec<Model> {
        self.models.lock().clone()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn probe(&self, model: &Model, id: &IdKey, want: Want) -> Probe {
        match self.with(model, |entries, now| Ok(entries.get(id, want, now))) {
            Ok(Some(found)) => Probe::Hit(found),
            Ok(None) => Probe::Miss,
            Err(_) => Probe::Unknown,
        }
    }

    fn get_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
        want: Want,
    ) -> BoxFuture<'a, Result<Vec<Option<Found>>>> {
        ready!(self.with(model, |entries, now| {
            Ok(ids.iter().map(|id| entries.get(id, want, now)).collect())
        }))
    }

    fn put_many<'a>(
        &'a self,
        model: &'a Model,
        puts: Vec<Put>,
    ) -> BoxFuture<'a, Result<Vec<PutOutcome>>> {
        ready!({
            for put in &puts {
                if let Content::Object(object, _) = &put.content {
                    object.weight()?;
                }
                if put.guard.is_some() && !self.capability.leases {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        "a guard needs leases, which a store of one program has none of",
                    ));
                }
            }
            self.with(model, |entries, now| {
                puts.into_iter().map(|put| entries.put(now, put)).collect()
            })
        })
    }

    fn remove_many<'a>(
        &'a self,
        model: &'a Model,
        removals: &'a [Removal],
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        ready!(self.with(model, |entries, now| {
            let remove = |removal| entries.remove(now, removal);
            Ok(removals.iter().map(remove).collect())
        }))
    }

    fn touch_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
        lifetime: Lifetime,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        ready!(self.with(model, |entries, now| {
            let mut touch = |id| {
                let entry = entries.entries.get_mut(id);
                let there = entry.filter(|entry| entry.row(now).is_some());
                let there = there.is_some_and(|entry| {
                    entry.found.expires_at = expiry(lifetime, Some(&entry.found), now);
                    true
                });
                entries.settle(now);
                there
            };
            Ok(ids.iter().map(&mut touch).collect())
        }))
    }

    fn query<'a>(&'a self, model: &'a Model, query: &'a Query) -> BoxFuture<'a, Result<Answer>> {
        ready!(self.with(model, |entries, now| {
            Ok(Self::answer(&entries.rows(now), query))
        }))
    }

    fn aggregate<'a>(
        &'a self,
        model: &'a Model,
        query: &'a AggregateQuery,
    ) -> BoxFuture<'a, Result<Aggregated>> {
        ready!(self.with(model, |entries, now| {
            let mut aggregator = Aggregator::new(query, model.schema());
            for (_, document, found) in entries.rows(now) {
                if query.expr.matches(document)
                    && let Stored::Live(object) = &found.object
                {
                    aggregator.add(&**object)?;
                }
            }
            Ok(aggregator.finish())
        }))
    }

    fn remove_where<'a>(
        &'a self,
        model: &'a Model,
        selection: &'a Selection,
        fate: Fate,
    ) -> BoxFuture<'a, Result<u64>> {
        ready!(self.with(model, |entries, now| {
            Ok(entries.remove_where(now, selection, fate))
        }))
    }

    fn mark<'a>(&'a self, model: &'a Model, expr: &'a Expr) -> BoxFuture<'a, Result<Mark>> {
        ready!(self.with(model, |entries, _| {
            let watch = Arc::new(Watch {
                since: entries.version,
                expr: expr.clone(),
                // Behind a fence, whose writer may have died, nothing is known.
                over: AtomicBool::new(!entries.fences.is_empty()),
            });
            entries.watches.push(Arc::downgrade(&watch));
            Ok(Mark::new(watch))
        }))
    }

    fn still<'a>(&'a self, model: &'a Model, mark: &'a Mark) -> BoxFuture<'a, Result<bool>> {
        ready!(self.with(model, |_, _| Ok(!watch(mark)?.over.load(Ordering::Relaxed))))
    }

    fn leases(&self) -> Option<&dyn Leases> {
        self.capability.leases.then_some(self as &dyn Leases)
    }

    fn stats<'a>(&'a self, model: &'a Model) -> BoxFuture<'a, Result<StoreStats>> {
        ready!(self.with(model, |entries, now| {
            let mut stats = StoreStats::default();
            stats.objects = entries.rows(now).len() as u64;
            let found = || entries.entries.values().map(|entry| &entry.found);
            stats.absent = found().filter(|found| found.is_absent()).count() as u64;
            stats.stale = entries.entries.len() as u64 - stats.objects - stats.absent;
            Ok(stats)
        }))
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        ready!({
            self.state.lock().closed = true;
            Ok(())
        })
    }
}

impl Leases for ReferenceStore {
    fn begin_many<'a>(
        &'a self,
        model: &'a Model,
        requests: &'a [LeaseRequest],
        lifetime: Duration,
    ) -> BoxFuture<'a, Result<Vec<Begin>>> {
        ready!(self.with(model, |entries, now| {
            let begin = |request: &LeaseRequest| {
                let id = &request.id;
                let there = entries.get(id, Want::Kept, now);
                let there = there.filter(|found| !found.is_stale(now));
                if let Some(found) = there.filter(|found| request.seen != Some(found.version)) {
                    return Begin::Hit(found);
                }
                if entries.fences.contains_key(id) {
                    return Begin::Fenced;
                }
                if let Some(lease) = entries.leases.get(id) {
                    return Begin::Wait(lease.until.saturating_since(now));
                }
                let lease = Lease {
                    token: request.token,
                    until: now.saturating_add(lifetime),
                    since: entries.version,
                };
                entries.leases.insert(id.clone(), lease);
                Begin::Granted
            };
            Ok(requests.iter().map(begin).collect())
        }))
    }

    fn release_many<'a>(
        &'a self,
        model: &'a Model,
        leases: &'a [(IdKey, Token)],
    ) -> BoxFuture<'a, Result<()>> {
        ready!(self.with(model, |entries, _| {
            for (id, token) in leases {
                entries.release(id, *token);
            }
            Ok(())
        }))
    }

    fn fence_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
        fence: Token,
        lifetime: Duration,
    ) -> BoxFuture<'a, Result<()>> {
        ready!(self.with(model, |entries, now| {
            for id in ids {
                entries.remove(now, &Removal::new(id.clone()));
                let fences = entries.fences.entry(id.clone()).or_default();
                fences.insert(fence.get(), now.saturating_add(lifetime));
            }
            Ok(())
        }))
    }

    fn depend<'a>(
        &'a self,
        model: &'a Model,
        pages: &'a Model,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<()>> {
        ready!(self.with(model, |entries, _| {
            let known = entries.pages.entry(pages.number()).or_insert(until);
            *known = until.max(*known);
            Ok(())
        }))
    }
}
