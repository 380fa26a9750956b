//! How rules ask a store itself, below the cache: for what only loads and hooks say to it.

use std::sync::Arc;
use std::time::Duration;

use larder_core::expr::Expr;
use larder_core::store::{
    Content, Fate, Found, Lifetime, Mark, Model, Probe, Put, PutOutcome, Removal, Selection,
    StoreStats, Stored, Tombstone, Want,
};
use larder_core::{
    Cache, CacheModel as _, Clock as _, Document, Filter, Id as _, IdKey, Store, Tags, Timestamp,
};
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

use crate::clock::ManualClock;
use crate::conformance::Harness;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "note")]
pub(crate) struct Note {
    #[cache(id)]
    pub(crate) id: u64,
    #[cache(index)]
    pub(crate) topic: String,
    #[cache(sort)]
    pub(crate) size: u64,
}

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn note(id: u64, topic: &str) -> Note {
    Note {
        id,
        topic: topic.to_owned(),
        size: id.wrapping_mul(10),
    }
}

/// A plain put of a note without end, fallback or tags.
pub(crate) fn put(id: u64, topic: &str) -> Put {
    let note = note(id, topic);
    let schema = Note::schema(Note::NAME).unwrap();
    let document = Document::of(&schema, &note).unwrap();
    let mut put = Put::new(id.to_key(), Content::Object(Arc::new(note), document));
    put.lifetime = Lifetime::Forever;
    put
}

/// A put that says that there is no such note, for good.
pub(crate) fn absent(id: u64) -> Put {
    let mut put = Put::new(id.to_key(), Content::Absent);
    put.lifetime = Lifetime::Forever;
    put
}

/// Shorter words for what is added to a put.
pub(crate) trait PutExt {
    /// Fresh for so many milliseconds, and kept for so many more.
    fn lives(self, fresh: u64, stale: u64) -> Self;
    /// Without end, and kept for so many milliseconds once it is made to expire.
    fn falls_back(self, stale: u64) -> Self;
    fn tagged(self, tags: &[&str]) -> Self;
}

impl PutExt for Put {
    fn lives(mut self, fresh: u64, stale: u64) -> Self {
        self.lifetime = Lifetime::For(ms(fresh));
        self.falls_back(stale)
    }

    fn falls_back(mut self, stale: u64) -> Self {
        self.stale_for = Some(ms(stale));
        self
    }

    fn tagged(mut self, tags: &[&str]) -> Self {
        self.tags = Some(Tags::new(tags.iter().copied()));
        self
    }
}

/// A removal by a hook that knows the revision.
pub(crate) fn deleted(id: u64, revision: u64, lifetime: u64) -> Removal {
    let mut removal = Removal::new(id.to_key());
    removal.tombstone = Some(Tombstone {
        revision,
        lifetime: ms(lifetime),
    });
    removal
}

/// One model of a store, asked by id alone.
#[derive(Clone)]
pub(crate) struct Raw {
    pub(crate) store: Store,
    pub(crate) model: Model,
    pub(crate) cache: Cache<Note>,
    pub(crate) clock: ManualClock,
    /// Whether marks end only where something of theirs left. Where other programs write too,
    /// more may end them.
    pub(crate) is_exact: bool,
    authoritative: bool,
}

impl Raw {
    pub(crate) async fn of(harness: &Harness) -> Self {
        let cache = harness.cache::<Note>().await;
        Self {
            store: Arc::clone(harness.store()),
            model: cache.model().clone(),
            cache,
            clock: harness.clock().clone(),
            is_exact: !harness.expected().leases,
            authoritative: harness.expected().authoritative_probe,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn pass(&self, millis: u64) {
        self.clock.advance(ms(millis));
    }

    pub(crate) async fn put_all(&self, puts: Vec<Put>) -> Vec<PutOutcome> {
        self.store.put_many(&self.model, puts).await.unwrap()
    }

    pub(crate) async fn put(&self, put: Put) -> PutOutcome {
        self.put_all(vec![put]).await.swap_remove(0)
    }

    /// Stores what there is no reason to refuse; its version.
    pub(crate) async fn store(&self, put: Put) -> u64 {
        match self.put(put).await {
            PutOutcome::Stored(version) => version,
            other => panic!("a put without a reason to be refused was {other:?}"),
        }
    }

    async fn get(&self, id: u64, want: Want) -> Option<Found> {
        let keys = [id.to_key()];
        let found = self.store.get_many(&self.model, &keys, want).await;
        let found = found.unwrap().swap_remove(0);
        match self.store.probe(&self.model, &keys[0], want) {
            Probe::Hit(probed) => {
                let there = found.as_ref().map(|found| found.version);
                assert_eq!(Some(probed.version), there, "a probe of {id}, {want:?}");
            }
            Probe::Live(_) | Probe::Timed(..) => panic!("more than the object was wanted"),
            Probe::Miss => assert!(found.is_none(), "a probe misses {id}, {want:?}"),
            Probe::Unknown => assert!(!self.authoritative, "this store has to know"),
        }
        if let Probe::Timed(_, times) = self.store.probe(&self.model, &keys[0], Want::Times)
            && let Some(found) = &found
        {
            let (mut expected, mut times) = (found.times(), times);
            (expected.seen_at, times.seen_at) = (None, None);
            assert_eq!(times, expected, "the times of {id}");
        }
        found
    }

    /// What a caller may be shown.
    pub(crate) async fn fresh(&self, id: u64) -> Option<Found> {
        let found = self.get(id, Want::Fresh).await;
        let read = self.cache.get(&id).await.unwrap();
        assert_eq!(found.is_some(), read.is_some(), "get of {id}");
        assert_eq!(found.is_some(), self.cache.contains(&id).await.unwrap());
        found
    }

    /// What a load may fall back on.
    pub(crate) async fn kept(&self, id: u64) -> Option<Found> {
        self.get(id, Want::Kept).await
    }

    /// Whether a stale object is kept under the id, and no fresh one is there.
    pub(crate) async fn is_stale(&self, id: u64) -> bool {
        let fresh = self.fresh(id).await.is_some();
        let kept = self.kept(id).await;
        let stale = kept.is_some_and(|found| found.is_stale(self.now()) && !found.is_absent());
        assert!(!(fresh && stale), "{id} is both fresh and stale");
        stale
    }

    pub(crate) async fn is_absent(&self, id: u64) -> bool {
        let kept = self.kept(id).await;
        let absent = kept.is_some_and(|found| found.is_absent() && !found.is_stale(self.now()));
        assert!(!absent || self.fresh(id).await.is_none());
        absent
    }

    pub(crate) async fn is_gone(&self, id: u64) -> bool {
        self.fresh(id).await.is_none() && self.kept(id).await.is_none()
    }

    pub(crate) async fn remove_as(&self, removal: Removal) -> bool {
        let removed = self.store.remove_many(&self.model, &[removal]).await;
        removed.unwrap().swap_remove(0)
    }

    pub(crate) async fn remove(&self, id: u64) -> bool {
        self.remove_as(Removal::new(id.to_key())).await
    }

    pub(crate) async fn expire(&self, id: u64) -> bool {
        let mut removal = Removal::new(id.to_key());
        removal.fate = Fate::Expire;
        self.remove_as(removal).await
    }

    pub(crate) async fn touch(&self, id: u64, lifetime: Lifetime) -> bool {
        let ids: [IdKey; 1] = [id.to_key()];
        let touched = self.store.touch_many(&self.model, &ids, lifetime).await;
        touched.unwrap().swap_remove(0)
    }

    pub(crate) async fn remove_where(&self, selection: Selection, fate: Fate) -> u64 {
        let gone = self.store.remove_where(&self.model, &selection, fate).await;
        gone.unwrap()
    }

    pub(crate) async fn remove_tagged(&self, tags: &[&str], fate: Fate) -> u64 {
        let tags = Tags::new(tags.iter().copied());
        self.remove_where(Selection::Tagged(tags), fate).await
    }

    /// Those of a topic.
    pub(crate) fn about(&self, topic: &str) -> Expr {
        let filter: Filter<Note> = Note::FIELDS.topic.eq(topic);
        Expr::bind(filter, self.model.schema()).unwrap()
    }

    pub(crate) async fn mark(&self, expr: &Expr) -> Mark {
        self.store.mark(&self.model, expr).await.unwrap()
    }

    pub(crate) async fn still(&self, mark: &Mark) -> bool {
        self.store.still(&self.model, mark).await.unwrap()
    }

    pub(crate) async fn stats(&self) -> StoreStats {
        self.store.stats(&self.model).await.unwrap()
    }

    /// How many objects there are, how many stale ones, and how many are known to be absent.
    pub(crate) async fn counts(&self) -> [u64; 3] {
        let stats = self.stats().await;
        [stats.objects, stats.stale, stats.absent]
    }

    /// The note in what was found.
    pub(crate) fn read(&self, found: &Found) -> Note {
        let schema = self.model.schema();
        match &found.object {
            Stored::Live(object) => {
                let any: &dyn std::any::Any = &**object;
                any.downcast_ref::<Note>().unwrap().clone()
            }
            Stored::Encoded(bytes, codec) => larder_core::codec::decode(&**codec, bytes).unwrap(),
            Stored::Absent => panic!("there is no object in what `{}` found", schema.name()),
        }
    }
}
