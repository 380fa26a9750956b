//! G2: reads by id against hitbox's moka backend.

use std::hint::black_box;

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

use crate::args::Scale;
use crate::gets::{HOT, workloads};
use crate::report::{Goal, Row};
use crate::{Failure, Rows};

/// `Cache::get` against hitbox's moka backend, asked directly: without its policies, its
/// middleware or the making of a key, which its users pay besides.
pub(crate) fn measure(scale: &Scale) -> Rows {
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
    fn against(&self, scale: &Scale, backend: &impl CacheBackend) -> Result<Ratio, Failure> {
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
