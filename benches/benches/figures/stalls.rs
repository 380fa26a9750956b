//! G8: the longest that a write and the find that sees it ever take, while flushes go on.

use std::hint::black_box;
use std::sync::Arc;

use larder::{Cache, EmbeddedStore};
use larder_benches::data::{self, User, Users};
use larder_benches::poll::block_on;
use larder_benches::shape::Shape;
use larder_benches::timing::{median, time};

use crate::args::Scale;
use crate::puts::newest;
use crate::report::{Goal, Row, Unit, nanos};
use crate::{Failure, Rows};

const WRITES: usize = 600;
/// How many more there may be until a flush has come to its end.
const MOST_WRITES: usize = 20 * WRITES;
const FLUSH_LIMIT_MS: f64 = 30.0;

pub(crate) fn measure(scale: &Scale) -> Rows {
    Ok(vec![
        // A store that comes to a flush in the middle of the writes.
        stall(
            scale,
            "flush at 1000",
            EmbeddedStore::builder().build()?,
            700,
        )?,
        stall(
            scale,
            "flush at 50",
            EmbeddedStore::builder().flush_at(50).build()?,
            0,
        )?,
        quiet(scale)?,
    ])
}

fn stall(scale: &Scale, name: &str, store: EmbeddedStore, waiting: u64) -> Result<Row, Failure> {
    let cache = data::load(&store, 1, scale.objects)?;
    let mut users = Users::new(3);
    for id in 0..waiting {
        block_on(cache.put(Arc::new(users.with_id(id))))?;
    }
    let flushes = || block_on(cache.stats()).map(|stats| stats.store.flushes);
    let before = flushes()?;
    let times = writes(&cache, scale, || Ok(flushes()? > before))?;
    let flushed = flushes()? - before;
    if flushed == 0 {
        return Err(format!("no flush took place with {name}").into());
    }
    Ok(row(
        name,
        times,
        Goal::AtMost(FLUSH_LIMIT_MS),
        &format!("{flushed} flushes"),
    ))
}

/// The same writes with no flush: what this machine's noise does to them.
fn quiet(scale: &Scale) -> Result<Row, Failure> {
    let store = EmbeddedStore::builder().flush_at(usize::MAX).build()?;
    let cache = data::load(&store, 1, scale.objects)?;
    let times = writes(&cache, scale, || Ok(true))?;
    Ok(row("no flushes", times, Goal::None, "for comparison"))
}

fn row(name: &str, mut times: Vec<f64>, goal: Goal, note: &str) -> Row {
    let median = median(&mut times);
    let worst = times.last().copied().unwrap_or_default();
    Row::new(
        format!("worst put -> visible of {}, {name}", times.len()),
        worst / 1e6,
        Unit::Millis,
        goal,
        format!("median {}, {note}", nanos(median)),
    )
}

/// The times of 600 writes, each with the find that sees it, and of as many more as it takes
/// until `done`: a flush in the background may end after them.
fn writes(
    cache: &Cache<User>,
    scale: &Scale,
    done: impl Fn() -> Result<bool, Failure>,
) -> Result<Vec<f64>, Failure> {
    let mut users = Users::new(4);
    let mut times = Vec::with_capacity(MOST_WRITES);
    for write in 0..MOST_WRITES {
        if write >= WRITES && done()? {
            break;
        }
        let id = write as u64 * 31 % scale.objects as u64;
        let joined = data::JOINED_BEFORE + write as u64;
        let user = newest(users.with_id(id), Shape::Tag, write, joined);
        let mut page = None;
        let time = time(|| {
            drop(black_box(block_on(cache.put(Arc::clone(&user)))));
            page = Some(block_on(Shape::Tag.newest(cache, write).fetch()));
        });
        let page = page.ok_or("no find")??;
        if !page
            .items
            .first()
            .is_some_and(|first| Arc::ptr_eq(first, &user))
        {
            return Err("a find did not see the put before it".into());
        }
        times.push(time.as_nanos() as f64);
    }
    Ok(times)
}
