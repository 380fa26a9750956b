//! Lists: a filter answered from the cache where that is known to hold all of it, and loaded
//! where it is not.

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::sync::Arc;

use crate::cache::{Cache, ends_at_once, typed};
use crate::counters::Rejection;
use crate::deps;
use crate::document::Document;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::Expr;
use crate::fact::Fact;
use crate::find::{Find, fetch_quietly, is_page, next};
use crate::flight::{Follow, Joined, Lead, Overtaken};
use crate::id::IdKey;
use crate::load::{
    Alarm, Bring, FillContext, JOINED_ROUNDS, LoadError, Loaded, came_to_nothing, many, searched,
};
use crate::model::{CacheModel, Object};
use crate::policy::Policy;
use crate::query::{Answer, Extent, Order, Page, Place, Projection, Query, Row, Total, Truncation};
use crate::runtime::Runtime;
use crate::store::{CacheStore, Guard, PutOutcome, Want};

/// What the load of a list brings.
pub(crate) type ListLanding = Result<List>;

#[derive(Clone)]
pub(crate) struct List {
    rows: Arc<[Arc<dyn Object>]>,
    /// That the cache holds them all, if it does.
    fact: Option<Arc<Fact>>,
    /// Whether the loader said that more match than it brought.
    truncated: bool,
}

impl<M: CacheModel> Find<'_, M> {
    /// The page: from the cache if that is known to hold every object which the filter means, or
    /// else from `load`, which has to bring all of them, whatever the page. They are stored, and
    /// from then on the cache knows.
    ///
    /// It knows by this very filter; by a wider one that was loaded so: the whole model
    /// ([`warm`](Self::warm) of all), a condition that this filter adds others to, or a range
    /// that its own lies in. It knows no longer once one of them has expired or been evicted, and
    /// once anything of the model has been removed or invalidated: what its source holds then,
    /// nobody knows. Writes end nothing.
    ///
    /// What the cache does not know it answers from what was loaded; an order by relevance is by id
    /// then.
    ///
    /// The answer is never a part that looks like the whole: what `load` left out by its own
    /// account ([`FillContext::truncated`]) is `Extent::Truncated`.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch) and [`Cache::get_or_load`]; `Unsupported` where the store has
    /// no queries.
    ///
    /// # Cancel safety
    /// As [`Cache::get_or_load`].
    pub async fn or_load<L, Fut, R, T, E>(self, load: L) -> Result<Page<Arc<M>>>
    where
        L: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: IntoIterator<Item = T>,
        T: Loaded<M>,
        E: LoadError,
    {
        let policy = self.cache().policy().clone();
        self.or_load_with(&policy, move |_| load()).await
    }

    /// As [`or_load`](Self::or_load), by a policy of its own: of it, what is said of lifetimes,
    /// deadlines and timeouts. Lists are never served stale.
    ///
    /// # Errors
    /// As [`or_load`](Self::or_load).
    pub async fn or_load_with<L, Fut, R, T, E>(
        self,
        policy: &Policy,
        load: L,
    ) -> Result<Page<Arc<M>>>
    where
        L: FnOnce(FillContext<M>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: IntoIterator<Item = T>,
        T: Loaded<M>,
        E: LoadError,
    {
        let (cache, query) = self.query()?;
        let bring = many(move |_, fill| load(fill));
        let Some(scope) = deps::current() else {
            return cache.list(&query, policy, bring).await;
        };
        scope.reads_filter(cache, &query.expr, true).await;
        let page = cache.list(&query, policy, bring).await?;
        if !page.covered {
            if cache.store().leases().is_some() {
                // A fence may stand, whose writer nobody hears of any more.
                scope.doom();
            }
            let ends = |ttl| cache.store().now().saturating_add(ttl);
            scope.ends(cache.lifetime_under(policy).map(ends));
        }
        Ok(page)
    }

    /// Loads all that the filter means, and has the cache know that it holds all of it; says how
    /// many objects that are. What the cache knows already is not loaded again.
    ///
    /// # Errors
    /// As [`or_load`](Self::or_load); `Incomplete` if the loader left something out, or something
    /// was removed, evicted or invalidated meanwhile.
    pub async fn warm<L, Fut, R, T, E>(self, load: L) -> Result<u64>
    where
        L: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: IntoIterator<Item = T>,
        T: Loaded<M>,
        E: LoadError,
    {
        let cache = self.cache().clone();
        let page = self.limit(0).with_total().or_load(load).await?;
        match page.total {
            Some(Total::Exact(count)) if is_page(page.extent) && page.covered => Ok(count),
            _ => Err(Error::new(
                ErrorKind::Incomplete,
                "not all that the filter means is in the cache now: something was left out, removed or evicted while it was loaded",
            )
            .with_model(cache.schema().name())),
        }
    }
}

impl<M: CacheModel> Cache<M> {
    /// Loads the whole model, so that every list of it is answered from the cache; says how many
    /// objects that are.
    ///
    /// # Errors
    /// As [`Find::warm`].
    pub async fn warm_all<L, Fut, R, T, E>(&self, load: L) -> Result<u64>
    where
        L: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: IntoIterator<Item = T>,
        T: Loaded<M>,
        E: LoadError,
    {
        self.find(|_| crate::filter::Filter::all()).warm(load).await
    }

    async fn list(&self, query: &Query, policy: &Policy, bring: Bring<M>) -> Result<Page<Arc<M>>> {
        let mut bring = Some(bring);
        let mut rounds = 0;
        loop {
            let fact = self.loads().facts.covers(&query.expr, self.store().now());
            if let Some(fact) = fact {
                if let Some(page) = self.covered(query, &fact).await? {
                    self.counters().lists_covered.add(1);
                    return Ok(page);
                }
                self.loads().facts.end(&fact);
            }
            let runtime = self.runtime()?;
            let mut has_joined = false;
            let follow = match self.join_list(&query.expr)? {
                Ok(lead) => {
                    let follow = lead.follow();
                    // Between the look and the flight another may have landed.
                    let fact = self.loads().facts.covers(&query.expr, self.store().now());
                    match (fact, bring.take()) {
                        (None, Some(bring)) => {
                            let (cache, expr) = (self.clone(), query.expr.clone());
                            let (policy, sleeper) = (policy.clone(), Arc::clone(&runtime));
                            runtime.spawn(deps::carried(async move {
                                cache.fly_list(lead, expr, &policy, bring, &*sleeper).await;
                            }));
                        }
                        (_, unused) => {
                            bring = unused;
                            continue;
                        }
                    }
                    follow
                }
                Err(follow) => {
                    has_joined = true;
                    follow
                }
            };
            let mut alarm = policy
                .hard_timeout
                .map(|after| Alarm::new(after, &*runtime));
            let list = self.patient(follow, alarm.as_mut());
            let Some(list) = list.await? else {
                // Who led saw that there was nothing to load, and let go.
                if bring.is_some() {
                    continue;
                }
                return Err(came_to_nothing().with_model(self.schema().name()));
            };
            if let Some(fact) = &list.fact
                && let Some(page) = self.covered(query, fact).await?
            {
                return Ok(page);
            }
            // On a store that others share, one of them may have written since that load began,
            // before it was joined.
            rounds += 1;
            let shared = self.store().leases().is_some();
            if has_joined && shared && bring.is_some() && rounds <= JOINED_ROUNDS {
                continue;
            }
            return self.answered(query, &list);
        }
    }

    #[expect(
        clippy::type_complexity,
        reason = "said once, to be taken apart at once"
    )]
    fn join_list(
        &self,
        expr: &Expr,
    ) -> Result<Result<Lead<Vec<u8>, ListLanding, ()>, Follow<ListLanding, ()>>> {
        match self.loads().lists.join(&expr.canonical(), self.max_loads()) {
            Joined::Lead(lead) => Ok(Ok(lead)),
            Joined::Follow(follow) => {
                self.counters().waiters.add(1);
                Ok(Err(follow))
            }
            Joined::Full => Err(self.too_many()),
        }
    }

    /// The page from the cache, if `fact` held all the while.
    async fn covered(&self, query: &Query, fact: &Fact) -> Result<Option<Page<Arc<M>>>> {
        let page = match fetch_quietly(self, query).await {
            Ok(page) => page,
            Err(error) if error.is_outage() => return Ok(None),
            Err(error) => return Err(error),
        };
        // Asked behind the answer: what has not left by now had not left then.
        let still = match self.store().still(self.model(), &fact.mark).await {
            Ok(still) => still && !fact.is_over(self.store().now()),
            Err(_) => false,
        };
        let whole = is_page(page.extent) && !page.dropped;
        Ok((still && whole).then_some(Page {
            covered: true,
            ..page
        }))
    }

    /// The load of a list from its beginning to its end.
    async fn fly_list(
        &self,
        lead: Lead<Vec<u8>, ListLanding, ()>,
        expr: Expr,
        policy: &Policy,
        bring: Bring<M>,
        runtime: &dyn Runtime,
    ) {
        let landing = self.load_list(expr, policy, bring, runtime).await;
        lead.land(landing);
    }

    async fn load_list(
        &self,
        expr: Expr,
        policy: &Policy,
        bring: Bring<M>,
        runtime: &dyn Runtime,
    ) -> Result<List> {
        // All three before the load: what comes between it and any of them is noticed.
        let generation = self.loads().facts.generation();
        let batch = self.loads().entries.batch();
        let mark = match self.store().mark(self.model(), &expr).await {
            Ok(mark) => Some(mark),
            Err(error) if error.is_outage() => None,
            Err(error) => return Err(error),
        };
        let fill = FillContext::new(None);
        let context = fill.clone();
        let (loaded, cost) = self
            .timed(move || bring(Vec::new(), context), policy, runtime)
            .await;
        let mut rows: BTreeMap<IdKey, Arc<M>> = BTreeMap::new();
        for object in loaded? {
            rows.insert(object.id_key(), object);
        }
        let said = fill.said();
        let mut list = List {
            rows: rows.values().map(|row| Arc::clone(row) as _).collect(),
            fact: None,
            truncated: said.truncated,
        };
        let Some(mark) = mark.filter(|_| !said.unstored) else {
            return Ok(list);
        };
        let shared = self.store().leases().is_some();
        let mut puts = Vec::with_capacity(rows.len());
        for (key, row) in rows {
            let mut put = self.filled(&key, Some(row), &said, cost, policy)?;
            put.guard = shared.then(|| Guard::Since(mark.clone()));
            puts.push(put);
        }
        let keys: Vec<IdKey> = puts.iter().map(|put| put.id.clone()).collect();
        let (storing, leave) = batch.commit(&keys, |at, threat| {
            let (document, tags) = searched(&puts[at]);
            threat.hits(document, tags)
        });
        let mut complete = !said.truncated;
        // Rows that this does not store. Whether they are there has to be seen: what overtook them
        // may not have told the store yet, or may have taken nothing away.
        let mut unstored = Vec::new();
        let mut allowed = Vec::with_capacity(puts.len());
        for (put, leave) in puts.into_iter().zip(leave) {
            match leave {
                Ok(()) => allowed.push(put),
                Err(overtaken) => {
                    complete &= overtaken == Overtaken::Written;
                    self.counters().rejected(overtaken.into());
                    unstored.push(put.id);
                }
            }
        }
        let ids: Vec<IdKey> = allowed.iter().map(|put| put.id.clone()).collect();
        let over = allowed.iter().any(ends_at_once);
        let told = self.before_put(&mut allowed);
        let outcomes = self.store_each(allowed).await;
        drop(storing);
        if told.loaded(&outcomes).await.is_err() {
            self.counters().store_failures.add(1);
        }
        for (id, outcome) in ids.into_iter().zip(outcomes) {
            self.counters().rejected(match outcome {
                Some(PutOutcome::Stored(_)) => continue,
                Some(PutOutcome::Outrun) => Rejection::Outrun,
                Some(PutOutcome::Refused(_)) => Rejection::Older,
                None => Rejection::StoreFailed,
            });
            complete &= outcome.is_some();
            unstored.push(id);
        }
        complete &= !over;
        if complete
            && self.are_there(&unstored).await
            && self.holds_no_other(&expr, &keys).await
            && self
                .store()
                .still(self.model(), &mark)
                .await
                .unwrap_or(false)
        {
            let ttl = said.ttl.or(self.lifetime_under(policy));
            // Of no rows none will expire.
            let ttl = match list.rows.is_empty() {
                true => Some(ttl.unwrap_or(policy.absent_ttl).min(policy.absent_ttl)),
                false => ttl,
            };
            let until = ttl.map(|ttl| self.store().now().saturating_add(ttl));
            let facts = &self.loads().facts;
            list.fact = facts.learn(generation, expr, mark, until);
        }
        Ok(list)
    }

    /// Whether the cache has no row that matches and was not loaded: one that was written since, or
    /// that the source has changed and the cache has yet to be told of. With the latter the rows
    /// here would be those of no moment.
    async fn holds_no_other(&self, expr: &Expr, loaded: &[IdKey]) -> bool {
        let mut query = Query::new(expr.clone());
        query.order = Order::Id;
        query.projection = Projection::Ids;
        let Ok(answer) = self.store().query(self.model(), &query).await else {
            return false;
        };
        let loaded: HashSet<&IdKey> = loaded.iter().collect();
        let mut ids = answer.rows.iter().map(|row| &row.place.id);
        answer.extent.is_exhausted() && ids.all(|id| loaded.contains(id))
    }

    async fn are_there(&self, ids: &[IdKey]) -> bool {
        if ids.is_empty() {
            return true;
        }
        let found = self.store().get_many(self.model(), ids, Want::Fresh).await;
        found.is_ok_and(|found| found.iter().all(Option::is_some))
    }

    /// The page out of what was loaded.
    fn answered(&self, query: &Query, list: &List) -> Result<Page<Arc<M>>> {
        let schema = self.schema();
        let keys = query.keys();
        let mut rows: Vec<(Place, Arc<M>)> = Vec::new();
        for object in list.rows.iter() {
            let object: Arc<M> = typed(Arc::clone(object))?;
            let document = Document::of(schema, &*object)?;
            if query.expr.matches(&document) {
                let value = |field| document.field(field).values.one().cloned();
                let place = Place {
                    keys: keys.iter().map(|key| value(key.field)).collect(),
                    id: object.id_key(),
                };
                rows.push((place, object));
            }
        }
        let count = rows.len() as u64;
        let total = query.total.then_some(match list.truncated {
            true => Total::AtLeast(count),
            false => Total::Exact(count),
        });
        rows.sort_by(|(a, _), (b, _)| a.cmp_by(b, keys));
        if let Some(after) = &query.after {
            rows.retain(|(place, _)| place.cmp_by(after, keys).is_gt());
        }
        let limit = query.limit.unwrap_or(usize::MAX);
        let more = rows.len() > limit.saturating_add(query.offset);
        let (places, items) = rows
            .into_iter()
            .skip(query.offset)
            .take(limit)
            .map(|(place, object)| (Row { place, found: None }, object))
            .unzip();
        let answer = Answer {
            rows: places,
            total,
            extent: match (list.truncated, more) {
                (true, _) => Extent::Truncated(Truncation::Source),
                (false, true) => Extent::Truncated(Truncation::Limit),
                (false, false) => Extent::Exhausted,
            },
        };
        let next = next(self, query, &answer);
        Ok(Page::new(items, total, answer.extent, next))
    }
}
