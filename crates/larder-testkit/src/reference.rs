//! The reference store: a locked map and the evaluator. Slow, and right by definition.

use std::collections::BTreeMap;
use std::sync::Arc;

use larder_core::aggregate::{AggregateQuery, Aggregated, Aggregator};
use larder_core::expr::Expr;
use larder_core::query::{Answer, Order, Place, Projection, Query, Row};
use larder_core::ranking::{Corpus, relevance};
use larder_core::store::{
    BoxFuture, CacheStore, Capability, Condition, Found, Lifetime, Model, Probe, Put, PutOutcome,
    Removal, StoreStats, Stored,
};
use larder_core::{
    Clock, Document, Error, ErrorKind, Extent, IdKey, Result, Schema, Timestamp, Total, Truncation,
};
use parking_lot::Mutex;

const CAPABILITY: Capability = Capability::complete("reference");

/// A store that is nothing but its definition.
#[derive(Debug)]
pub struct ReferenceStore {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    version: u64,
    models: Vec<(Arc<Schema>, Entries)>,
}

type Entries = BTreeMap<IdKey, Entry>;

#[derive(Debug)]
struct Entry {
    found: Found,
    document: Document,
}

impl ReferenceStore {
    /// An empty store that takes the time from `clock`.
    pub fn new(clock: impl Clock) -> Self {
        Self {
            clock: Arc::new(clock),
            state: Mutex::default(),
        }
    }

    /// Does `work` on the entries of one model that have not expired.
    fn with<T>(
        &self,
        model: &Model,
        work: impl FnOnce(&mut Entries, &mut u64, Timestamp) -> Result<T>,
    ) -> Result<T> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let State {
            closed,
            version,
            models,
        } = &mut *state;
        if *closed {
            return Err(Error::new(ErrorKind::Closed, "the store was closed"));
        }
        let Some((_, entries)) = models.get_mut(model.number() as usize) else {
            return Err(Error::internal("the model is of another store"));
        };
        entries.retain(|_, entry| entry.found.expires_at.is_none_or(|at| at > now));
        work(entries, version, now)
    }

    fn put(entries: &mut Entries, version: &mut u64, now: Timestamp, put: Put) -> PutOutcome {
        let before = entries.get(&put.id).map(|entry| &entry.found);
        let there = before.map(|found| found.version);
        let holds = match put.condition {
            Condition::Always => true,
            Condition::IfAbsent => there.is_none(),
            Condition::IfPresent => there.is_some(),
            Condition::IfVersion(wanted) => there == Some(wanted),
        };
        if !holds {
            return PutOutcome::Refused(there);
        }
        *version += 1;
        let found = Found {
            object: Stored::Live(put.object),
            version: *version,
            expires_at: expiry(put.lifetime, before, now),
            tags: put
                .tags
                .or_else(|| before.map(|found| found.tags.clone()))
                .unwrap_or_default(),
        };
        let document = put.document;
        entries.insert(put.id, Entry { found, document });
        PutOutcome::Stored(*version)
    }

    fn answer(entries: &Entries, query: &Query) -> Answer {
        let keys = query.keys();
        let mut rows: Vec<(f32, Row)> = entries
            .iter()
            .filter(|(_, entry)| query.expr.matches(&entry.document))
            .map(|(id, entry)| {
                let score = if query.order == Order::Relevance {
                    relevance(&query.expr, &entry.document, &Everything(entries))
                } else {
                    0.0
                };
                let place = Place {
                    keys: keys
                        .iter()
                        .map(|key| entry.document.field(key.field).values.one().cloned())
                        .collect(),
                    id: id.clone(),
                };
                let found = (query.projection == Projection::Objects).then(|| entry.found.clone());
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

struct Everything<'a>(&'a Entries);

impl Everything<'_> {
    fn lengths(&self, field: u16) -> impl Iterator<Item = usize> {
        self.0
            .values()
            .filter_map(move |entry| entry.document.field(field).tokens.as_ref())
            .map(|tokens| tokens.len())
    }
}

impl Corpus for Everything<'_> {
    fn objects(&self) -> f32 {
        self.0.len() as f32
    }
    fn average_length(&self, field: u16) -> f32 {
        self.lengths(field).sum::<usize>() as f32 / self.lengths(field).count().max(1) as f32
    }
    fn document_frequency(&self, field: u16, token: &str) -> f32 {
        self.0
            .values()
            .filter_map(|entry| entry.document.field(field).tokens.as_ref())
            .filter(|tokens| tokens.iter().any(|(found, _)| found == token))
            .count() as f32
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
        &CAPABILITY
    }

    fn ensure_model<'a>(&'a self, schema: &'a Arc<Schema>) -> BoxFuture<'a, Result<Model>> {
        ready!({
            let State { closed, models, .. } = &mut *self.state.lock();
            if *closed {
                return Err(Error::new(ErrorKind::Closed, "the store was closed"));
            }
            let number = models
                .iter()
                .position(|(known, _)| known.name() == schema.name());
            let Some(number) = number else {
                models.push((Arc::clone(schema), Entries::new()));
                return Ok(Model::new(Arc::clone(schema), models.len() as u32 - 1));
            };
            let known = &models[number].0;
            if known.type_id() != schema.type_id() || known.fingerprint() != schema.fingerprint() {
                return Err(Error::invalid_model("the name is taken by another type")
                    .with_model(schema.name()));
            }
            Ok(Model::new(Arc::clone(known), number as u32))
        })
    }

    fn probe(&self, model: &Model, id: &IdKey) -> Probe {
        match self.with(model, |entries, _, _| {
            Ok(entries.get(id).map(|entry| entry.found.clone()))
        }) {
            Ok(Some(found)) => Probe::Hit(found),
            Ok(None) => Probe::Miss,
            Err(_) => Probe::Unknown,
        }
    }

    fn get_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Found>>>> {
        ready!(self.with(model, |entries, _, _| {
            let get = |id| entries.get(id).map(|entry| entry.found.clone());
            Ok(ids.iter().map(get).collect())
        }))
    }

    fn put_many<'a>(
        &'a self,
        model: &'a Model,
        puts: Vec<Put>,
    ) -> BoxFuture<'a, Result<Vec<PutOutcome>>> {
        ready!({
            for put in &puts {
                put.object.weight()?;
            }
            self.with(model, |entries, version, now| {
                Ok(puts
                    .into_iter()
                    .map(|put| {
                        // One that has expired by then is not there for the next of this batch.
                        entries.retain(|_, entry| entry.found.expires_at.is_none_or(|at| at > now));
                        Self::put(entries, version, now, put)
                    })
                    .collect())
            })
        })
    }

    fn remove_many<'a>(
        &'a self,
        model: &'a Model,
        removals: &'a [Removal],
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        ready!(self.with(model, |entries, _, _| {
            let remove = |removal: &Removal| {
                let there = entries.get(&removal.id).is_some_and(|entry| {
                    removal
                        .if_version
                        .is_none_or(|version| version == entry.found.version)
                });
                there && entries.remove(&removal.id).is_some()
            };
            Ok(removals.iter().map(remove).collect())
        }))
    }

    fn touch_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
        lifetime: Lifetime,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        ready!(self.with(model, |entries, _, now| {
            let touch = |id| {
                // One that a touch of this batch let expire is not there for the next.
                let entry: Option<&mut Entry> = entries.get_mut(id);
                let there = |entry: &&mut Entry| entry.found.expires_at.is_none_or(|at| at > now);
                entry.filter(there).is_some_and(|entry| {
                    entry.found.expires_at = expiry(lifetime, Some(&entry.found), now);
                    true
                })
            };
            Ok(ids.iter().map(touch).collect())
        }))
    }

    fn query<'a>(&'a self, model: &'a Model, query: &'a Query) -> BoxFuture<'a, Result<Answer>> {
        ready!(self.with(model, |entries, _, _| Ok(Self::answer(entries, query))))
    }

    fn aggregate<'a>(
        &'a self,
        model: &'a Model,
        query: &'a AggregateQuery,
    ) -> BoxFuture<'a, Result<Aggregated>> {
        ready!(self.with(model, |entries, _, _| {
            let mut aggregator = Aggregator::new(query, model.schema());
            for entry in entries
                .values()
                .filter(|entry| query.expr.matches(&entry.document))
            {
                if let Stored::Live(object) = &entry.found.object {
                    aggregator.add(&**object)?;
                }
            }
            Ok(aggregator.finish())
        }))
    }

    fn remove_where<'a>(&'a self, model: &'a Model, expr: &'a Expr) -> BoxFuture<'a, Result<u64>> {
        ready!(self.with(model, |entries, _, _| {
            let before = entries.len();
            entries.retain(|_, entry| !expr.matches(&entry.document));
            Ok((before - entries.len()) as u64)
        }))
    }

    fn clear<'a>(&'a self, model: &'a Model) -> BoxFuture<'a, Result<()>> {
        ready!(self.with(model, |entries, _, _| {
            entries.clear();
            Ok(())
        }))
    }

    fn stats<'a>(&'a self, model: &'a Model) -> BoxFuture<'a, Result<StoreStats>> {
        ready!(self.with(model, |entries, _, _| {
            let mut stats = StoreStats::default();
            stats.objects = entries.len() as u64;
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
