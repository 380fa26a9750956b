//! G10: finds on Redis against the very same commands, sent by the bare client.

use std::hint::black_box;

use larder::{Cache, Find};
use larder_benches::data::User;
use larder_benches::shape::Shape;
use larder_benches::timing::in_turns;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Value};

use crate::args::Scale;
use crate::redis::{Bench, decode};
use crate::report::{Goal, Row};
use crate::{Failure, Rows};

/// How many variants of a shape take turns.
const VARIANTS: usize = 20;
/// Finds in a round.
const FINDS: usize = 5;

type Order = for<'a> fn(Shape, &'a Cache<User>, usize) -> Find<'a, User>;

const ORDERS: [(&str, Order); 2] = [("sorted", Shape::newest), ("not sorted", Shape::first)];

/// Each shape, sorted by a key, and in the order of a find without a sort: by relevance for words
/// and by id else. Both sides decode all objects of the page.
pub(crate) fn measure(scale: &Scale) -> Rows {
    let bench = Bench::start(scale.objects)?;
    let core = bench.on_one_core();
    let mut rows = Vec::new();
    for shape in Shape::ON_REDIS {
        for (order, find) in ORDERS {
            rows.push(compare(scale, &bench, shape, order, find)?.with_note(core.note()));
        }
    }
    Ok(rows)
}

fn compare(
    scale: &Scale,
    bench: &Bench,
    shape: Shape,
    order: &str,
    find: Order,
) -> Result<Row, Failure> {
    let what = format!("find / FT.SEARCH, {}, {order}", shape.name());
    let mut pages = Vec::new();
    let asked = bench.asked("FT.SEARCH", async {
        for variant in 0..VARIANTS {
            let page = find(shape, &bench.cache, variant).fetch().await?;
            pages.push(page.items);
        }
        Ok(())
    })?;
    if asked.len() != VARIANTS {
        return Err(format!("{what}: {VARIANTS} finds sent {} FT.SEARCH", asked.len()).into());
    }
    let commands: Vec<Cmd> = asked.iter().map(|asked| command(asked)).collect();
    bench.block_on(async {
        for (variant, (command, page)) in commands.iter().zip(&pages).enumerate() {
            let theirs = users(&bench.raw, command).await?;
            if !page.iter().map(|user| &**user).eq(&theirs) {
                return Err(Failure::from(format!("{what}: different pages")));
            }
            if page.is_empty() || !page.iter().all(|user| shape.matches(user, variant)) {
                return Err(format!("{what}: not a page of what was asked for").into());
            }
        }
        Ok(())
    })?;
    let variant = |round: usize, call: usize| (round * FINDS + call) % VARIANTS;
    let ratio = in_turns(
        scale.find_rounds,
        FINDS,
        |round| {
            bench.time(async {
                for call in 0..FINDS {
                    let find = find(shape, &bench.cache, variant(round, call));
                    black_box(find.fetch().await?);
                }
                Ok(())
            })
        },
        |round| {
            bench.time(async {
                for call in 0..FINDS {
                    black_box(users(&bench.raw, &commands[variant(round, call)]).await?);
                }
                Ok(())
            })
        },
    );
    Ok(Row::ratio(
        what,
        ratio.ratio,
        Goal::AtMost(1.1),
        (ratio.first, ratio.second),
    ))
}

fn command(asked: &[Vec<u8>]) -> Cmd {
    let mut command = Cmd::new();
    for argument in asked {
        command.arg(argument);
    }
    command
}

/// The users that a search brings.
async fn users(raw: &MultiplexedConnection, command: &Cmd) -> Result<Vec<User>, Failure> {
    let mut answer = raw.clone().send_packed_command(command).await?;
    let Some(Value::Array(rows)) = take(&mut answer, "results") else {
        return Err(format!("not the answer of a search: {answer:?}").into());
    };
    let mut users = Vec::with_capacity(rows.len());
    for mut row in rows {
        let body = take(&mut row, "extra_attributes").and_then(|mut all| take(&mut all, "_b"));
        let Some(Value::BulkString(body)) = body else {
            return Err("a row without an object".into());
        };
        users.push(decode(&body)?);
    }
    Ok(users)
}

fn take(value: &mut Value, name: &str) -> Option<Value> {
    let Value::Map(pairs) = value else {
        return None;
    };
    pairs
        .iter_mut()
        .find(|(key, _)| match key {
            Value::BulkString(key) => key == name.as_bytes(),
            Value::SimpleString(key) => key == name,
            _ => false,
        })
        .map(|(_, value)| std::mem::take(value))
}
