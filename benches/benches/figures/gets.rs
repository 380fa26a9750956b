//! G1: reads by id against a bare moka cache.

use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use larder::{EmbeddedStore, Policy};
use larder_benches::data::{self, User, Users};
use larder_benches::poll::ready;
use larder_benches::timing::{Ratio, in_turns, time};

use crate::Rows;
use crate::args::Scale;
use crate::report::{Goal, Row};

pub(crate) const HOT: usize = 1_000;

/// The ids that a round asks for, and what that is called.
pub(crate) fn workloads(scale: &Scale) -> [(&'static str, Vec<u64>); 2] {
    [
        ("hot 1k", data::ids(11, HOT as u64, scale.gets)),
        ("random", data::ids(12, scale.objects as u64, scale.gets)),
    ]
}

/// `Cache::get`, of objects with a lifetime too, and `peek` against a bare moka cache with the same ids and the same objects.
pub(crate) fn measure(scale: &Scale) -> Rows {
    let store = EmbeddedStore::builder().build()?;
    let cache = data::load(&store, 1, scale.objects)?;
    let timed = data::load_timed(scale.objects)?;
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let policy = Policy::builder()
        .ttl(minutes(60))
        .stale_while_revalidate(minutes(10))
        .stale_if_error(minutes(60))
        .refresh_at(0.8)
        .refresh_by_chance(1.0)
        .soft_timeout(minutes(1))
        .hard_timeout(minutes(2))
        .load_deadline(minutes(3))
        .time_to_idle(minutes(50))
        .build()?;
    let bare = moka::sync::Cache::new(u64::MAX);
    let quick =
        moka::sync::Cache::builder().build_with_hasher(foldhash::quality::RandomState::default());
    let mortal = moka::sync::Cache::builder()
        .time_to_live(minutes(60))
        .build();
    fill(&bare, scale);
    fill(&quick, scale);
    fill(&mortal, scale);
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
        let lived = compare(
            scale,
            &ids,
            |id| drop(black_box(ready(timed.get(id)))),
            &bare,
        );
        let load = |_: u64| std::future::ready(Ok::<_, std::io::Error>(None::<User>));
        let with_policies = |id: &u64| {
            let loaded = timed.get_or_load_with(id, &policy, move |id, _| load(id));
            drop(black_box(ready(loaded)));
        };
        let loaded = compare(scale, &ids, with_policies, &bare);
        let alike = compare(scale, &ids, with_policies, &mortal);
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
            format!("get with a ttl / moka, {name}"),
            Goal::None,
            lived,
        ));
        rows.push(row(
            format!("get_or_load, all policies on / moka, {name}"),
            goal,
            loaded,
        ));
        rows.push(row(
            format!("get_or_load, all policies on / moka with a ttl, {name}"),
            Goal::None,
            alike,
        ));
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
