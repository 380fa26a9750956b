//! Who depends on a model: the caches whose entries were made from it, and from what of it.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::{id_tag, model_tag, whole_tag};
use crate::cache::Cache;
use crate::clock::Timestamp;
use crate::document::Document;
use crate::error::Result;
use crate::expr::Expr;
use crate::id::IdKey;
use crate::load::{Loads, Threat};
use crate::model::CacheModel;
use crate::schema::Schema;
use crate::store::{CacheStore, Fate, Model, Selection, Store, Tags};

/// How many ids and filters of a model are remembered; then the pages of the older half end.
const MAX_IDS: usize = 65_536;
const MAX_FILTERS: usize = 1_024;
/// For how long a shared store is told at a time that pages depend on a model.
const HORIZON: Duration = Duration::from_hours(24);

/// Who depends on one model, in this process.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    /// Whether there is anybody: what a write looks at.
    any: AtomicBool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    pages: Vec<Pages>,
    /// Until when a shared store has been told of pages, by their model.
    announced: HashMap<usize, Timestamp>,
    /// What was read, and when last, as a number that grows; and whether by somebody who loads
    /// nothing, and sees what others load.
    ids: HashMap<IdKey, (u64, bool)>,
    filters: HashMap<String, Filter>,
    whole: Option<u64>,
    last: u64,
}

#[derive(Debug)]
struct Filter {
    /// More than one if their numbers are the same.
    exprs: Vec<Expr>,
    whole: bool,
    last: u64,
}

/// A row on one side of a write.
#[derive(Debug)]
pub(crate) enum Side {
    /// It may have been anything.
    Unknown,
    /// The cache had none; what its source had is not known.
    Uncached,
    /// There was none.
    Absent,
    /// This.
    Is(Document),
}

impl Side {
    /// Whether a list that was whole may have held it, or been about to.
    fn concerns_source(&self, expr: &Expr) -> bool {
        match self {
            Self::Unknown | Self::Uncached => true,
            Self::Absent => false,
            Self::Is(document) => expr.matches(document),
        }
    }

    /// Whether the cache showed it to a filter.
    fn concerns_cache(&self, expr: &Expr) -> bool {
        match self {
            Self::Unknown => true,
            Self::Uncached | Self::Absent => false,
            Self::Is(document) => expr.matches(document),
        }
    }
}

/// What a write did to one row: in the cache, and as far as that is known in its source.
#[derive(Debug)]
pub(crate) struct Effect {
    pub(crate) id: IdKey,
    pub(crate) was: Side,
    pub(crate) is: Side,
    /// Of the source, where more is known of that than the cache shows.
    pub(crate) source_was: Option<Side>,
    pub(crate) source_is: Option<Side>,
}

impl Effect {
    fn hits(&self, filter: &Filter, load: bool) -> bool {
        let mut exprs = filter.exprs.iter();
        if !filter.whole {
            return exprs.any(|expr| self.was.concerns_cache(expr) || self.is.concerns_cache(expr));
        }
        let was = self.source_was.as_ref().unwrap_or(&self.was);
        let is = self.source_is.as_ref().unwrap_or(&self.is);
        // Of a row that is in the cache already as it is written a load was faster: what it was
        // before, nobody knows.
        let brought = match (was, is) {
            (Side::Is(was), Side::Is(is)) => self.source_was.is_none() && was == is,
            _ => false,
        };
        // A load changes nothing in the source.
        !load
            && (brought || exprs.any(|expr| was.concerns_source(expr) || is.concerns_source(expr)))
    }
}

/// What is to end, and what of the known is settled then.
#[derive(Debug, Default)]
struct Ending {
    tags: Vec<String>,
    ids: Vec<(IdKey, u64)>,
    filters: Vec<(String, u64)>,
    whole: Option<u64>,
}

impl Known {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// What effects end. A load ends only what showed what the cache happened to have.
    fn ending(&self, model: &str, effects: &[Effect], load: bool) -> Ending {
        let mut ending = Ending::default();
        for effect in effects {
            if let Some((last, plainly)) = self.ids.get(&effect.id)
                && (*plainly || !load)
            {
                ending.tags.push(id_tag(model, &effect.id));
                ending.ids.push((effect.id.clone(), *last));
            }
        }
        for (tag, filter) in &self.filters {
            if effects.iter().any(|effect| effect.hits(filter, load)) {
                ending.tags.push(tag.clone());
                ending.filters.push((tag.clone(), filter.last));
            }
        }
        // Whoever gives up taking down things one by one, now or later, may have read one of these
        // before.
        if !ending.tags.is_empty() || (self.whole.is_some() && !effects.is_empty()) {
            ending.tags.push(whole_tag(model));
            ending.whole = self.whole;
        }
        ending
    }

    /// All that is known.
    fn all(&self, model: &str) -> Ending {
        let mut ending = Ending::default();
        if self.ids.is_empty() && self.filters.is_empty() && self.whole.is_none() {
            return ending;
        }
        ending.tags.push(model_tag(model));
        ending.ids = self.ids.iter().map(|(id, at)| (id.clone(), at.0)).collect();
        let filters = self.filters.iter();
        ending.filters = filters.map(|(tag, f)| (tag.clone(), f.last)).collect();
        ending.whole = self.whole;
        ending
    }

    /// What was read longest ago, if there is too much.
    fn oldest(&self, model: &str) -> Ending {
        let mut ending = Ending::default();
        if self.ids.len() > MAX_IDS {
            let mut ids: Vec<_> = self.ids.iter().collect();
            ids.sort_by_key(|(_, (last, _))| *last);
            for (id, (last, _)) in ids.into_iter().take(MAX_IDS / 2) {
                ending.tags.push(id_tag(model, id));
                ending.ids.push((id.clone(), *last));
            }
        }
        if self.filters.len() > MAX_FILTERS {
            let mut filters: Vec<_> = self.filters.iter().collect();
            filters.sort_by_key(|(_, filter)| filter.last);
            for (tag, filter) in filters.into_iter().take(MAX_FILTERS / 2) {
                ending.tags.push(tag.clone());
                ending.filters.push((tag.clone(), filter.last));
            }
        }
        ending
    }

    /// Forgets what has ended, unless somebody has read it since.
    fn settle(&mut self, ending: &Ending) {
        for (id, last) in &ending.ids {
            if self.ids.get(id).is_some_and(|(known, _)| known == last) {
                self.ids.remove(id);
            }
        }
        for (tag, last) in &ending.filters {
            if self.filters.get(tag).map(|filter| filter.last) == Some(*last) {
                self.filters.remove(tag);
            }
        }
        if ending.whole.is_some() && self.whole == ending.whole {
            self.whole = None;
        }
    }
}

impl Readers {
    /// Whether there is anybody whom a write may concern. Whoever comes later reads what was
    /// written.
    pub(crate) fn are_there(&self) -> bool {
        self.any.load(Ordering::SeqCst)
    }

    pub(super) fn note_id(&self, id: &IdKey, plainly: bool) {
        let known = &mut *self.known.lock();
        let now = known.next();
        let (last, known) = known.ids.entry(id.clone()).or_default();
        *last = now;
        *known |= plainly;
    }

    pub(super) fn note_filter(&self, tag: String, expr: &Expr, whole: bool) {
        let known = &mut *self.known.lock();
        let last = known.next();
        let filter = known.filters.entry(tag).or_insert_with(|| Filter {
            exprs: Vec::new(),
            whole,
            last,
        });
        filter.last = last;
        if !filter.exprs.contains(expr) {
            filter.exprs.push(expr.clone());
        }
    }

    pub(super) fn note_whole(&self) {
        let known = &mut *self.known.lock();
        known.whole = Some(known.next());
    }

    fn add(&self, pages: &Pages) {
        let known = &mut *self.known.lock();
        known.pages.retain(|known| known.loads.strong_count() > 0);
        if !known.pages.iter().any(|known| known.is(pages)) {
            known.pages.push(pages.clone());
        }
        self.any.store(true, Ordering::SeqCst);
    }

    /// Ends what effects concern. Returns when nothing of it can be read or stored any more.
    pub(crate) async fn tell(&self, model: &str, effects: &[Effect], load: bool) -> Result<()> {
        let ending = self.known.lock().ending(model, effects, load);
        self.end(ending).await
    }

    /// Ends all that was made from anything of the model.
    pub(crate) async fn tell_all(&self, model: &str) -> Result<()> {
        let ending = self.known.lock().all(model);
        self.end(ending).await
    }

    /// Keeps what is known within its bounds.
    pub(super) async fn make_room(&self, model: &str) {
        let ending = {
            let known = self.known.lock();
            if known.ids.len() <= MAX_IDS && known.filters.len() <= MAX_FILTERS {
                return;
            }
            known.oldest(model)
        };
        // What did not end stays known.
        drop(self.end(ending).await);
    }

    async fn end(&self, ending: Ending) -> Result<()> {
        if ending.tags.is_empty() {
            return Ok(());
        }
        let mut told: Vec<Pages> = Vec::new();
        // Until nobody is new: who followed the model before all others were told may have taken
        // over what one of them had.
        loop {
            let next = {
                let mut known = self.known.lock();
                let is_new = |pages: &&Pages| !told.iter().any(|told| told.is(pages));
                let next = known.pages.iter().find(is_new).cloned();
                if next.is_none() {
                    known.settle(&ending);
                }
                next
            };
            let Some(pages) = next else {
                return Ok(());
            };
            pages.end(&ending.tags).await?;
            told.push(pages);
        }
    }
}

/// The entries of a cache that are made from others. It keeps nothing alive.
#[derive(Clone)]
pub(crate) struct Pages {
    store: Weak<dyn CacheStore>,
    schema: Arc<Schema>,
    number: u32,
    loads: Weak<Loads>,
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("model", &self.schema.name())
            .finish_non_exhaustive()
    }
}

impl Pages {
    pub(super) fn of<M: CacheModel>(cache: &Cache<M>) -> Self {
        let model = cache.model();
        Self {
            store: Arc::downgrade(cache.store()),
            schema: Arc::clone(model.schema()),
            number: model.number(),
            loads: Arc::downgrade(model.loads()),
        }
    }

    fn is(&self, other: &Self) -> bool {
        self.loads.ptr_eq(&other.loads)
    }

    /// Has writes to `model` end what is made; says until when, if that has an end, or why not.
    pub(super) async fn follow(
        &self,
        store: &Store,
        model: &Model,
    ) -> Result<Option<Timestamp>, String> {
        let Some(leases) = store.leases() else {
            model.loads().readers.add(self);
            return Ok(None);
        };
        let name = model.schema().name();
        let Some((_, pages)) = self.open().filter(|(own, _)| Arc::ptr_eq(own, store)) else {
            return Err(format!(
                "`{name}` is in a store that other programs write to, and what was made from it is not in that store"
            ));
        };
        let now = store.now();
        let who = self.loads.as_ptr().addr();
        let readers = &model.loads().readers;
        let announced = readers.known.lock().announced.get(&who).copied();
        if let Some(until) = announced.filter(|until| until.saturating_since(now) > HORIZON / 2) {
            return Ok(Some(until));
        }
        let until = now.saturating_add(HORIZON);
        let told = leases.depend(model, &pages, until).await;
        told.map_err(|error| format!("the store could not be told of pages of `{name}`: {error}"))?;
        readers.known.lock().announced.insert(who, until);
        Ok(Some(until))
    }

    fn open(&self) -> Option<(Store, Model)> {
        let (store, loads) = (self.store.upgrade()?, self.loads.upgrade()?);
        let model = Model::with_loads(Arc::clone(&self.schema), self.number, loads);
        Some((store, model))
    }

    /// Ends what has one of the tags, stored or still being made.
    async fn end(&self, tags: &[String]) -> Result<()> {
        let Some((store, model)) = self.open() else {
            return Ok(());
        };
        let tags = Tags::new(tags.iter().cloned());
        let threat = Threat::Tags(tags.clone());
        let _under_way = model.loads().threaten(threat).await;
        let tagged = Selection::Tagged(tags);
        let ended = store.remove_where(&model, &tagged, Fate::Remove).await;
        ended.map(drop)
    }
}
