//! G4: what a write costs, and that it is found at once.

use std::hint::black_box;
use std::sync::Arc;

use larder::{Cache, EmbeddedStore};
use larder_benches::data::{self, JOINED_BEFORE, User, Users};
use larder_benches::poll::block_on;
use larder_benches::shape::Shape;
use larder_benches::timing::{in_turns, median, time};

use crate::args::Scale;
use crate::report::{Goal, Row, Unit, nanos};
use crate::{Failure, Rows};

pub(crate) fn measure(scale: &Scale) -> Rows {
    let store = EmbeddedStore::builder().build()?;
    let cache = data::load(&store, 1, scale.objects)?;
    let bare = moka::sync::Cache::new(u64::MAX);
    for user in Users::new(1).take(scale.objects) {
        bare.insert(user.id, Arc::new(user));
    }
    let mut rows = vec![
        against_moka(
            scale,
            &cache,
            &bare,
            "put / moka insert, existing ids",
            |round| data::ids(round as u64, scale.objects as u64, scale.puts),
        ),
        against_moka(
            scale,
            &cache,
            &bare,
            "put / moka insert, new ids",
            |round| {
                let from = (scale.objects + round * scale.puts) as u64;
                (from..from + scale.puts as u64).collect()
            },
        ),
    ];
    let mut joined = JOINED_BEFORE;
    for (shape, goal) in [
        (Shape::Tag, 150.0),
        (Shape::CityAndAge, 150.0),
        (Shape::OneWord, 150.0),
        (Shape::AgeRange, 330.0),
    ] {
        store.flush()?;
        rows.push(put_and_find(scale, &cache, shape, goal, &mut joined)?);
    }
    Ok(rows)
}

/// The same objects under the same ids, made before the clock runs.
fn against_moka(
    scale: &Scale,
    cache: &Cache<User>,
    bare: &moka::sync::Cache<u64, Arc<User>>,
    what: &str,
    ids: impl Fn(usize) -> Vec<u64>,
) -> Row {
    let users = |round: usize| -> Vec<Arc<User>> {
        let mut users = Users::new(100 + round as u64);
        let ids = ids(round);
        ids.into_iter()
            .map(|id| Arc::new(users.with_id(id)))
            .collect()
    };
    let ratio = in_turns(
        scale.rounds,
        scale.puts,
        |round| {
            let users = users(round);
            let mut failed = 0;
            let time = time(|| {
                for user in users {
                    failed += usize::from(block_on(cache.put(user)).is_err());
                }
            });
            assert_eq!(failed, 0, "puts failed");
            time
        },
        |round| {
            let users = users(round);
            time(|| {
                users
                    .into_iter()
                    .for_each(|user| bare.insert(user.id, user))
            })
        },
    );
    Row::ratio(
        what,
        ratio.ratio,
        Goal::AtMost(4.0),
        (ratio.first, ratio.second),
    )
}

/// Puts a user who comes first in a find, and finds it, at the store's own pace of flushes.
fn put_and_find(
    scale: &Scale,
    cache: &Cache<User>,
    shape: Shape,
    goal: f64,
    joined: &mut u64,
) -> Result<Row, Failure> {
    let mut users = Users::new(7);
    let mut times = (Vec::new(), Vec::new());
    for write in 0..scale.find_rounds * 4 {
        *joined += 1;
        let id = data::ids(*joined, scale.objects as u64, 1)[0];
        let user = newest(users.with_id(id), shape, write, *joined);
        let put = time(|| drop(black_box(block_on(cache.put(Arc::clone(&user))))));
        let mut page = None;
        let find = time(|| page = Some(block_on(shape.newest(cache, write).fetch())));
        let page = page.ok_or("no find")??;
        if !page
            .items
            .first()
            .is_some_and(|first| Arc::ptr_eq(first, &user))
        {
            return Err(format!("a find ({}) did not see the put before it", shape.name()).into());
        }
        times.0.push(put.as_nanos() as f64);
        times.1.push(find.as_nanos() as f64);
    }
    let mut sums: Vec<f64> = times
        .0
        .iter()
        .zip(&times.1)
        .map(|(a, b)| (a + b) / 1e3)
        .collect();
    Ok(Row::new(
        format!("put + find, {}", shape.name()),
        median(&mut sums),
        Unit::Micros,
        Goal::AtMost(goal),
        format!(
            "put {}, find {}",
            nanos(median(&mut times.0)),
            nanos(median(&mut times.1))
        ),
    ))
}

/// The user changed so that a variant of a shape means it and it joined at `joined`.
pub(crate) fn newest(mut user: User, shape: Shape, variant: usize, joined: u64) -> Arc<User> {
    user.joined = joined;
    let age = (20 + variant % 40) as u32;
    match shape {
        Shape::Tag => user.tags = vec![data::tag(variant)],
        Shape::CityAndAge => (user.city, user.age) = (data::city(variant), age),
        Shape::AgeRange => user.age = age,
        Shape::OneWord => user.bio = data::word(40 + variant % 20) + " " + &user.bio,
        Shape::TwoWords => {
            let words = [data::word(10 + variant % 10), data::word(40 + variant % 20)];
            user.bio = words.join(" ") + " " + &user.bio;
        }
        Shape::Prefix => user.bio = data::word(600 + variant % 20) + " " + &user.bio,
        Shape::All => {}
    }
    Arc::new(user)
}
