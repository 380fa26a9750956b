//! What a write does to those who depend on its model, from before it until they know.

use std::sync::Arc;

use super::readers::{Effect, Side};
use crate::cache::{Cache, decode};
use crate::document::Document;
use crate::error::Result;
use crate::id::IdKey;
use crate::load::Loads;
use crate::model::CacheModel;
use crate::schema::Schema;
use crate::store::{CacheStore, Condition, Content, Displaced, Put, PutOutcome, Removal};

/// A write under way. Dropped before all are told, it has them told in a task: nobody knows then
/// whether the store was reached.
pub(crate) struct Telling {
    /// None of a store that programs share, which tells by itself.
    loads: Option<Arc<Loads>>,
    schema: Arc<Schema>,
    /// Whether anybody was there before the write.
    asked: bool,
    over: bool,
    rows: Vec<Written>,
}

struct Written {
    effect: Effect,
    /// Whether it says that its source has changed even if it is not stored: a load may have
    /// brought what it brings before it.
    says_so_anyway: bool,
    displaced: Displaced,
    /// The object out of what the store found.
    read: fn(&Displaced, &Schema) -> Side,
}

/// What the store says that a write took the place of.
fn was<M: CacheModel>(displaced: &Displaced, schema: &Schema) -> Side {
    match displaced.get() {
        None => Side::Unknown,
        Some(None) => Side::Uncached,
        Some(Some(found)) => decode::<M>(found)
            .and_then(|object| Document::of(schema, &*object))
            .map_or(Side::Unknown, Side::Is),
    }
}

impl<M: CacheModel> Cache<M> {
    fn telling(&self) -> Telling {
        let alone = self.store().leases().is_none();
        let loads = alone.then(|| Arc::clone(self.loads()));
        Telling {
            asked: loads
                .as_ref()
                .is_some_and(|loads| loads.readers.are_there()),
            loads,
            schema: Arc::clone(self.model().schema()),
            over: false,
            rows: Vec::new(),
        }
    }

    fn written(id: &IdKey, is: Side, source: (Option<Side>, Option<Side>)) -> Written {
        let (source_was, source_is) = source;
        Written {
            effect: Effect {
                id: id.clone(),
                was: Side::Unknown,
                is,
                source_was,
                source_is,
            },
            says_so_anyway: false,
            displaced: Displaced::default(),
            read: was::<M>,
        }
    }

    /// Before these are stored.
    pub(crate) fn before_put(&self, puts: &mut [Put]) -> Telling {
        let mut telling = self.telling();
        if telling.asked {
            for put in puts {
                let is = match &put.content {
                    Content::Object(_, document) => Side::Is(document.clone()),
                    Content::Absent => Side::Uncached,
                };
                let mut written = Self::written(&put.id, is, (None, None));
                written.says_so_anyway = put.guard.is_none() && put.condition == Condition::IfNewer;
                put.displaced = Some(written.displaced.clone());
                telling.rows.push(written);
            }
        }
        telling
    }

    /// Before these are removed; of the first is known or not what it was and is in its source.
    pub(crate) fn before_removal(
        &self,
        removals: &mut [Removal],
        known: Vec<(Option<Side>, Option<Side>)>,
    ) -> Telling {
        let mut telling = self.telling();
        if telling.asked {
            let mut known = known.into_iter();
            for removal in removals {
                let source = known.next().unwrap_or_default();
                let written = Self::written(&removal.id, Side::Uncached, source);
                removal.displaced = Some(written.displaced.clone());
                telling.rows.push(written);
            }
        }
        telling
    }

    /// Before something is done to nobody knows which rows.
    pub(crate) fn before_all(&self) -> Telling {
        self.telling()
    }
}

impl Telling {
    /// What was stored.
    pub(crate) async fn put(self, outcomes: &[PutOutcome]) -> Result<()> {
        let stored = |place: usize| {
            outcomes
                .get(place)
                .is_none_or(|outcome| outcome.is_stored())
        };
        self.tell(stored, false).await
    }

    /// What loads stored.
    pub(crate) async fn loaded(self, outcomes: &[Option<PutOutcome>]) -> Result<()> {
        let stored = |place: usize| {
            let outcome = outcomes.get(place).copied().flatten();
            outcome.is_some_and(PutOutcome::is_stored)
        };
        self.tell(stored, true).await
    }

    /// What was removed, there or not.
    pub(crate) async fn removed(self) -> Result<()> {
        self.tell(|_| true, false).await
    }

    /// What was done to anything.
    pub(crate) async fn all(mut self) -> Result<()> {
        let told = match &self.loads {
            Some(loads) if loads.readers.are_there() => {
                loads.readers.tell_all(self.schema.name()).await
            }
            _ => Ok(()),
        };
        self.over = told.is_ok();
        told
    }

    async fn tell(mut self, stored: impl Fn(usize) -> bool, load: bool) -> Result<()> {
        // Who came after the first look may have read what was there before.
        if !self.asked {
            return self.all().await;
        }
        let rows = std::mem::take(&mut self.rows);
        let told = match &self.loads {
            Some(loads) => {
                let rows = rows.into_iter().enumerate();
                let effects = rows.filter_map(|(place, row)| {
                    let mut effect = row.effect;
                    if stored(place) {
                        effect.was = (row.read)(&row.displaced, &self.schema);
                        return Some(effect);
                    }
                    effect.is = Side::Unknown;
                    (row.says_so_anyway && !load).then_some(effect)
                });
                let effects: Vec<Effect> = effects.collect();
                let readers = &loads.readers;
                readers.tell(self.schema.name(), &effects, load).await
            }
            None => Ok(()),
        };
        self.over = told.is_ok();
        told
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        let Some(loads) = self.loads.take().filter(|_| !self.over) else {
            return;
        };
        if !loads.readers.are_there() {
            return;
        }
        let schema = Arc::clone(&self.schema);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { loads.readers.tell_all(schema.name()).await });
        }
    }
}
