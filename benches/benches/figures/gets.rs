//! G1 and G2: reads by id.

use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::Arc;

use hitbox::{
    BoxContext, CacheContext, CacheKey, CachePolicy, CacheValue, CacheableResponse,
    EntityPolicyConfig, KeyPart, Predicate, ResponseCachePolicy,
};
use hitbox_backend::CacheBackend;
use hitbox_backend::format::BincodeFormat;
use hitbox_moka::MokaBackend;
use larder::{Cache, EmbeddedStore};
use larder_benches::data::{self, User, Users};
use larder_benches::poll::{block_on, ready};
use larder_benches::timing::{Ratio, in_turns, time};

use crate::Rows;
use crate::args::Scale;
use crate::report::{Goal, Row};

const HOT: usize = 1_000;

/// The ids that a round asks for, and what that is called.
fn workloads(scale: &Scale) -> [(&'static str, Vec<u64>); 2] {
    [
        ("hot 1k", data::ids(11, HOT as u64, scale.gets)),
        ("random", data::ids(12, scale.objects as u64, scale.gets)),
    ]
}

/// `Cache::get` and `peek` against a bare moka cache with the same ids and the same objects.
pub(crate) fn against_moka(scale: &Scale) -> Rows {
    let store = EmbeddedStore::builder().build()?;
    let cache = data::load(&store, 1, scale.objects)?;
    let bare = moka::sync::Cache::new(u64::MAX);
    let quick =
        moka::sync::Cache::builder().build_with_hasher(foldhash::quality::RandomState::default());
    fill(&bare, scale);
    fill(&quick, scale);
    let mut rows = Vec::new();
    for (name, ids) in workloads(scale) {
        for id in &ids {
            assert_eq!(ready(cache.get(id))?.as_deref(), bare.get(id).as_deref());
        }
        let get = compare(
            scale,
            &ids,
            |id| drop(black_box(ready(cache.get(id)))),
            &bare,
        );
        let peek = compare(scale, &ids, |id| drop(black_box(cache.peek(id))), &bare);
        let hasher = compare(
            scale,
            &ids,
            |id| drop(black_box(ready(cache.get(id)))),
            &quick,
        );
        let goal = Goal::AtMost(1.25);
        rows.push(row(format!("get / moka, {name}"), goal, get));
        rows.push(row(format!("peek / moka, {name}"), goal, peek));
        rows.push(row(
            format!("get / moka with our hasher, {name}"),
            Goal::None,
            hasher,
        ));
    }
    Ok(rows)
}

fn row(what: String, goal: Goal, ratio: Ratio) -> Row {
    Row::ratio(what, ratio.ratio, goal, (ratio.first, ratio.second))
}

fn fill<S: BuildHasher + Clone + Send + Sync + 'static>(
    bare: &moka::sync::Cache<u64, Arc<User>, S>,
    scale: &Scale,
) {
    for user in Users::new(1).take(scale.objects) {
        bare.insert(user.id, Arc::new(user));
    }
    bare.run_pending_tasks();
}

fn compare<S: BuildHasher + Clone + Send + Sync + 'static>(
    scale: &Scale,
    ids: &[u64],
    get: impl Fn(&u64),
    bare: &moka::sync::Cache<u64, Arc<User>, S>,
) -> Ratio {
    in_turns(
        scale.rounds,
        ids.len(),
        |_| time(|| ids.iter().for_each(&get)),
        |_| time(|| ids.iter().for_each(|id| drop(black_box(bare.get(id))))),
    )
}

/// `Cache::get` against hitbox's moka backend, asked directly: without its policies, its
/// middleware or the making of a key, which its users pay besides.
pub(crate) fn against_hitbox(scale: &Scale) -> Rows {
    let store = EmbeddedStore::builder().build()?;
    let cache = data::load(&store, 1, scale.objects)?;
    let capacity = 2 * scale.objects as u64;
    let bincode = MokaBackend::builder()
        .max_entries(capacity)
        .value_format(BincodeFormat)
        .build();
    let default = MokaBackend::builder().max_entries(capacity).build();
    let keys: Vec<CacheKey> = (0..scale.objects)
        .map(|id| CacheKey::new("user", 0, vec![KeyPart::new("id", Some(id.to_string()))]))
        .collect();
    for (user, key) in Users::new(1).zip(&keys) {
        let value = CacheValue::new(user, None, None);
        block_on(bincode.set::<Reply>(key, &value, &mut context()))?;
        block_on(default.set::<Reply>(key, &value, &mut context()))?;
    }
    let mut rows = Vec::new();
    for (name, ids) in workloads(scale) {
        let asked = Asked {
            cache: &cache,
            keys: &keys,
            ids: &ids,
        };
        let against = asked.against(scale, &bincode)?;
        rows.push(times_faster(
            format!("hitbox-moka bincode / get, {name}"),
            4.0,
            against,
        ));
        let against = asked.against(scale, &default)?;
        rows.push(times_faster(
            format!("hitbox-moka default / get, {name}"),
            12.0,
            against,
        ));
    }
    Ok(rows)
}

fn times_faster(what: String, goal: f64, ratio: Ratio) -> Row {
    Row::ratio(
        what,
        ratio.ratio,
        Goal::AtLeast(goal),
        (ratio.second, ratio.first),
    )
}

fn context() -> BoxContext {
    CacheContext::default().boxed()
}

struct Asked<'a> {
    cache: &'a Cache<User>,
    keys: &'a [CacheKey],
    ids: &'a [u64],
}

impl Asked<'_> {
    /// The other side's time over ours.
    fn against(&self, scale: &Scale, backend: &impl CacheBackend) -> Result<Ratio, crate::Failure> {
        let theirs = |id: &u64| {
            let key = &self.keys[*id as usize];
            block_on(backend.get::<Reply>(key, &mut context()))
        };
        for id in self.ids.iter().take(HOT) {
            let theirs = theirs(id)?.map(CacheValue::into_inner);
            assert_eq!(ready(self.cache.get(id))?.as_deref(), theirs.as_ref());
        }
        Ok(in_turns(
            scale.rounds.div_ceil(2),
            self.ids.len(),
            |_| time(|| self.ids.iter().for_each(|id| drop(black_box(theirs(id))))),
            |_| {
                time(|| {
                    for id in self.ids {
                        drop(black_box(ready(self.cache.get(id))));
                    }
                })
            },
        ))
    }
}

/// What hitbox wants to know of a type that it caches.
struct Reply;

impl CacheableResponse for Reply {
    type Cached = User;
    type Subject = Self;
    type IntoCachedFuture = std::future::Ready<CachePolicy<User, Self>>;
    type FromCachedFuture = std::future::Ready<Self>;

    async fn cache_policy<P>(self, _: P, _: &EntityPolicyConfig) -> ResponseCachePolicy<Self>
    where
        P: Predicate<Subject = Self> + Send + Sync,
    {
        CachePolicy::NonCacheable(self)
    }

    fn into_cached(self) -> Self::IntoCachedFuture {
        std::future::ready(CachePolicy::NonCacheable(self))
    }

    fn from_cached(_: User) -> Self::FromCachedFuture {
        std::future::ready(Self)
    }
}
