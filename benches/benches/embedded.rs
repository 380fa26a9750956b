//! The embedded store's operations, each beside its floor: a bare moka cache for reads and
//! writes by id, a look at every object for queries. `cargo bench -p larder-benches --bench
//! embedded [-- FILTER]`.
#![expect(clippy::unwrap_used, reason = "a bench")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use larder::{Cache, EmbeddedStore};
use larder_benches::data::{self, User, Users};
use larder_benches::floor;
use larder_benches::poll::{block_on, ready};
use larder_benches::shape::Shape;

const OBJECTS: usize = 100_000;
const PUT_MANY: usize = 100;

fn loaded() -> Cache<User> {
    let store = EmbeddedStore::builder().build().unwrap();
    data::load(&store, 1, OBJECTS).unwrap()
}

fn bare() -> moka::sync::Cache<u64, Arc<User>> {
    let bare = moka::sync::Cache::new(u64::MAX);
    for user in Users::new(1).take(OBJECTS) {
        bare.insert(user.id, Arc::new(user));
    }
    bare
}

fn reads(c: &mut Criterion) {
    let (cache, bare) = (loaded(), bare());
    for (name, ids) in [
        ("hot", data::ids(11, 1_000, 1 << 14)),
        ("random", data::ids(12, OBJECTS as u64, 1 << 14)),
    ] {
        let mut group = c.benchmark_group(format!("by id, {name}"));
        let mut ids = ids.iter().cycle();
        let mut next = || ids.next().unwrap();
        group.bench_function("moka get", |b| b.iter(|| bare.get(next())));
        group.bench_function("peek", |b| b.iter(|| cache.peek(next())));
        group.bench_function("get", |b| b.iter(|| ready(cache.get(next()))));
        group.finish();
    }
}

fn writes(c: &mut Criterion) {
    let (cache, bare) = (loaded(), bare());
    let mut users = Users::new(2);
    let mut ids = data::ids(13, OBJECTS as u64, 1 << 16).into_iter().cycle();
    let mut user = || Arc::new(users.with_id(ids.next().unwrap()));
    let mut group = c.benchmark_group("replace");
    group.bench_function("moka insert", |b| {
        b.iter_batched(
            &mut user,
            |user| bare.insert(user.id, user),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("put", |b| {
        b.iter_batched(
            &mut user,
            |user| block_on(cache.put(user)).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.throughput(Throughput::Elements(PUT_MANY as u64));
    group.bench_function(BenchmarkId::new("put_many", PUT_MANY), |b| {
        b.iter_batched(
            || -> Vec<_> { (0..PUT_MANY).map(|_| user()).collect() },
            |users| block_on(cache.put_many(users)).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn queries(c: &mut Criterion) {
    let cache = loaded();
    let users: Vec<Arc<User>> = Users::new(1).take(OBJECTS).map(Arc::new).collect();
    for shape in Shape::EACH {
        let newest = block_on(shape.newest(&cache, 0).fetch()).unwrap();
        assert_eq!(newest.items, floor::newest(&users, shape, 0));
        let mut group = c.benchmark_group(format!("query, {}", shape.name()));
        group.sample_size(20);
        let mut variant = 0;
        let mut next = || {
            variant += 1;
            variant
        };
        group.bench_function("a look at every object", |b| {
            b.iter(|| floor::newest(&users, shape, next()));
        });
        group.bench_function("find sorted", |b| {
            b.iter(|| block_on(shape.newest(&cache, next()).fetch()).unwrap());
        });
        group.bench_function("find", |b| {
            b.iter(|| block_on(shape.first(&cache, next()).fetch()).unwrap());
        });
        group.bench_function("count", |b| {
            b.iter(|| block_on(cache.find(|u| shape.filter(u, next())).count()).unwrap());
        });
        group.bench_function("facets of tags", |b| {
            b.iter(|| {
                let find = cache.find(|u| shape.filter(u, next()));
                black_box(block_on(find.facets(|u| u.tags, 10)).unwrap())
            });
        });
        group.finish();
    }
}

criterion_group! {
    name = embedded;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = reads, writes, queries
}
criterion_main!(embedded);
