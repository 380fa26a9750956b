//! Pages for rules: texts made of what caches answer, and what is asked and written for them.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use larder_core::deps::Dependencies;
use larder_core::{
    Aggregate, Cache, Change, Filter, KeyCache, Keyed, Policy, PutOptions, Result, RowChange,
};
use parking_lot::Mutex;

use super::source::{Card, CardPatch, Source, at, card};
use crate::conformance::Harness;

/// The card of an id in a team.
pub(crate) fn of_team(id: u64, team: u32) -> Card {
    Card {
        team: Some(team),
        ..card(id)
    }
}

/// Pages of one name, and what was read for the last one made.
#[derive(Clone)]
pub(crate) struct Pages {
    pub(crate) cache: Cache<Keyed<String, String>>,
    keyed: KeyCache<String>,
    made: Arc<AtomicUsize>,
    read: Arc<Mutex<Dependencies>>,
}

impl Pages {
    pub(crate) async fn of(harness: &Harness) -> Self {
        Self::named(harness, "pages").await
    }

    pub(crate) async fn named(harness: &Harness, name: &str) -> Self {
        let builder = Cache::builder(Arc::clone(harness.store())).name(name);
        // Where another program makes a page this one looks again after a while, by real time.
        let cache = builder.build().await.unwrap();
        Self {
            keyed: cache.clone().into(),
            cache,
            made: Arc::default(),
            read: Arc::default(),
        }
    }

    /// The page under a key: as it is cached, or made by `work`.
    pub(crate) async fn show<F>(
        &self,
        key: &str,
        work: impl FnOnce() -> F + Send + 'static,
    ) -> String
    where
        F: Future<Output = String> + Send + 'static,
    {
        let pages = self.clone();
        let load = move |_: String, fill: larder_core::FillContext<Keyed<String, String>>| async move {
            pages.made.fetch_add(1, Ordering::SeqCst);
            let (text, read) = fill.tracked(&pages.cache, work()).await;
            *pages.read.lock() = read;
            Ok::<_, io::Error>(Some(text))
        };
        let page = self.keyed.get_or_load(key, &Policy::default(), load).await;
        page.unwrap().unwrap().to_string()
    }

    /// The page of what is asked.
    pub(crate) async fn ask(&self, key: &str, rows: &Cache<Card>, ask: &Ask) -> String {
        let (rows, ask) = (rows.clone(), ask.clone());
        self.show(key, move || async move { ask.of(&rows).await })
            .await
    }

    pub(crate) async fn is_there(&self, key: &str) -> bool {
        self.keyed.contains(key).await.unwrap()
    }

    pub(crate) async fn cached(&self, key: &str) -> Option<String> {
        let page = self.keyed.get(key).await.unwrap();
        page.map(|page| page.to_string())
    }

    /// How many were made.
    pub(crate) fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    /// What was read for the last one that was made.
    pub(crate) fn read(&self) -> Dependencies {
        self.read.lock().clone()
    }
}

/// What a page asks of its rows.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Get(u64),
    Many(Vec<u64>),
    Contains(u64),
    /// Loaded where it is not there.
    Load(u64, Source),
    /// Those of a team.
    Team(u32),
    Page(u32),
    Ids(u32),
    Count(u32),
    Exists(u32),
    Sum(u32),
    Facets,
    Stream(u32),
    All,
    /// Loaded where it is not known.
    Whole(u32, Source),
}

impl Ask {
    /// Every way to ask for a list that brings no load, where there are aggregates or not.
    pub(crate) fn lists(harness: &Harness) -> Vec<Self> {
        let mut all = vec![
            Self::Team(1),
            Self::Page(1),
            Self::Ids(1),
            Self::Count(1),
            Self::Exists(1),
            Self::Stream(1),
            Self::All,
        ];
        if harness.expected().aggregate {
            all.extend([Self::Sum(1), Self::Facets]);
        }
        all
    }

    /// The answer, as a text.
    pub(crate) async fn of(&self, rows: &Cache<Card>) -> String {
        let text = match self {
            Self::Get(id) => format!("{:?}", rows.get(id).await.unwrap()),
            Self::Many(ids) => format!("{:?}", rows.get_many(ids).await.unwrap()),
            Self::Contains(id) => format!("{:?}", rows.contains(id).await.unwrap()),
            Self::Load(id, source) => {
                let loaded = rows.get_or_load(id, source.one()).await;
                format!("{:?}", loaded.unwrap())
            }
            Self::Team(team) => {
                let found = rows.find(|c| c.team.eq(*team)).fetch().await;
                format!("{:?}", found.unwrap().items)
            }
            Self::Page(team) => {
                let find = rows.find(|c| c.team.eq(*team)).sort(|c| c.name.desc());
                let page = find.limit(1).with_total().fetch().await.unwrap();
                format!("{:?} of {:?}", page.items, page.total)
            }
            Self::Ids(team) => {
                let found = rows.find(|c| c.team.eq(*team)).ids().await;
                format!("{:?}", found.unwrap().items)
            }
            Self::Count(team) => {
                let count = rows.find(|c| c.team.eq(*team)).count().await;
                count.unwrap().to_string()
            }
            Self::Exists(team) => {
                let exists = rows.find(|c| c.team.eq(*team)).exists().await;
                exists.unwrap().to_string()
            }
            Self::Sum(team) => {
                let find = rows.find(|c| c.team.eq(*team));
                let sum = find.aggregate(|c| Aggregate::new().sum(c.version)).await;
                format!("{:?}", sum.unwrap().groups)
            }
            Self::Facets => {
                let facets = rows.find(|_| Filter::all()).facets(|c| c.team, 10).await;
                format!("{facets:?}")
            }
            Self::Stream(team) => {
                let mut stream = rows.find(|c| c.team.eq(*team)).stream().unwrap();
                let mut all = Vec::new();
                while let Some(card) = poll_fn(|context| {
                    futures_core::Stream::poll_next(Pin::new(&mut stream), context)
                })
                .await
                {
                    all.push(card.unwrap());
                }
                format!("{all:?}")
            }
            Self::All => format!("{:?}", rows.all().await.unwrap()),
            Self::Whole(team, source) => {
                let wanted = *team;
                let load = source.all(move |card| card.team == Some(wanted));
                let found = rows.find(|c| c.team.eq(wanted)).or_load(load).await;
                format!("{:?}", found.unwrap().items)
            }
        };
        format!("{self:?}: {text}")
    }
}

/// What is done to rows.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Put(Card),
    PutMany(Vec<Card>),
    PutIfNewer(Card, u64),
    PutTagged(Card, &'static str),
    Update(u64, u32),
    Patch(u64, u32),
    Remove(u64),
    RemoveMany(Vec<u64>),
    RemoveIfNewer(u64, u64),
    Expire(u64),
    ExpireMany(Vec<u64>),
    Changed(u64),
    Inserted(Card),
    Saved(Card),
    Deleted(u64),
    RemoveTagged(&'static str),
    ExpireTagged(&'static str),
    Invalidate(u32),
    FindRemove(u32),
    FindExpire(u32),
    /// Those of a team into another one.
    FindUpdate(u32, u32),
    ExpireAll,
    Clear,
}

impl Write {
    /// The writes to one id that any store takes.
    pub(crate) fn plain(id: u64) -> Vec<Self> {
        vec![
            Self::Put(at(id, 9)),
            Self::PutMany(vec![at(id, 10), card(id + 100)]),
            Self::Expire(id),
            Self::Put(at(id, 11)),
            Self::Remove(id),
            Self::Put(at(id, 12)),
            Self::RemoveMany(vec![id, id + 100]),
            Self::Put(at(id, 13)),
            Self::ExpireMany(vec![id]),
            Self::Put(at(id, 14)),
            Self::Deleted(id),
            Self::Put(at(id, 15)),
            Self::Saved(at(id, 16)),
            Self::Changed(id),
        ]
    }

    /// The writes to one id that need conditions.
    pub(crate) fn conditional(id: u64) -> Vec<Self> {
        vec![
            Self::PutIfNewer(at(id, 20), 20),
            Self::Update(id, 7),
            Self::Patch(id, 8),
            Self::RemoveIfNewer(id, 21),
            Self::PutIfNewer(at(id, 22), 22),
        ]
    }

    pub(crate) async fn to(&self, rows: &Cache<Card>) {
        self.try_to(rows).await.unwrap();
    }

    async fn try_to(&self, rows: &Cache<Card>) -> Result<()> {
        match self.clone() {
            Self::Put(card) => rows.put(card).await,
            Self::PutMany(cards) => rows.put_many(cards).await,
            Self::PutIfNewer(card, version) => rows.put_if_newer(card, version).await.map(drop),
            Self::PutTagged(card, tag) => {
                let options = PutOptions::default().with_tags([tag]);
                rows.put_with(card, options).await.map(drop)
            }
            Self::Update(id, team) => {
                let changed = rows.update(&id, |card| card.team = Some(team));
                changed.await.map(drop)
            }
            Self::Patch(id, team) => {
                let patch = CardPatch {
                    name: Change::Keep,
                    team: Change::Set(team),
                    version: Change::Keep,
                };
                rows.patch(&id, patch).await.map(drop)
            }
            Self::Remove(id) => rows.remove(&id).await.map(drop),
            Self::RemoveMany(ids) => rows.remove_many(&ids).await.map(drop),
            Self::RemoveIfNewer(id, version) => rows.remove_if_newer(&id, version).await.map(drop),
            Self::Expire(id) => rows.expire(&id).await.map(drop),
            Self::ExpireMany(ids) => rows.expire_many(&ids).await.map(drop),
            Self::Changed(id) => rows.changed([RowChange::of(&id)]).await.map(drop),
            Self::Inserted(card) => rows.changed([RowChange::inserted(card)]).await.map(drop),
            Self::Saved(card) => rows.changed([RowChange::saved(card)]).await.map(drop),
            Self::Deleted(id) => rows.changed([RowChange::deleted(&id)]).await.map(drop),
            Self::RemoveTagged(tag) => rows.remove_tagged([tag]).await.map(drop),
            Self::ExpireTagged(tag) => rows.expire_tagged([tag]).await.map(drop),
            Self::Invalidate(team) => {
                let gone = rows.invalidate_where(|c| c.team.eq(team));
                gone.await.map(drop)
            }
            Self::FindRemove(team) => rows.find(|c| c.team.eq(team)).remove().await.map(drop),
            Self::FindExpire(team) => rows.find(|c| c.team.eq(team)).expire().await.map(drop),
            Self::FindUpdate(team, other) => {
                let find = rows.find(|c| c.team.eq(team));
                let changed = find.update(|card| card.team = Some(other));
                changed.await.map(drop)
            }
            Self::ExpireAll => rows.expire_all().await.map(drop),
            Self::Clear => rows.clear().await,
        }
    }
}
