//! G11: Redis through Larder against Redis through redis-om-python, on one server.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use larder::Find;
use larder_benches::data::{self, User, Users};
use larder_benches::shape::{PAGE, Shape};
use larder_benches::timing::in_turns;
use larder_testkit::server::python_venv;
use serde_json::{Value, json};

use crate::args::Scale;
use crate::redis::Bench;
use crate::report::{Goal, Row};
use crate::{Failure, Rows};

/// With the parser in C, which redis-om does without unless told: that favours it.
const PACKAGES: [&str; 3] = ["redis-om==1.2.0", "redis==8.1.0", "hiredis==3.5.0"];
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peer/timings.py");
/// Objects that go to the other side at once.
const PORTION: usize = 1_000;
/// Finds in a round.
const FINDS: usize = 5;
/// How many times fewer puts than gets are in a round.
const GETS_A_PUT: usize = 5;

/// The same model with the same objects on both sides, in turns; the other side times itself.
pub(crate) fn measure(scale: &Scale) -> Rows {
    let python = python_venv("redis-om", &PACKAGES);
    let bench = Bench::start(scale.objects)?;
    let core = bench.on_one_core();
    let mut peer = Peer::start(&python, &bench.server.url())?;
    let mut users = Users::new(1).take(scale.objects);
    loop {
        let portion: Vec<Value> = users.by_ref().take(PORTION).map(as_theirs).collect();
        if portion.is_empty() {
            break;
        }
        peer.ask(&json!({"do": "load", "users": portion}))?;
    }
    let mut rows = vec![gets(scale, &bench, &mut peer)?];
    for shape in [Shape::Tag, Shape::CityAndAge] {
        for sorted in [false, true] {
            rows.push(finds(scale, &bench, &mut peer, shape, sorted)?);
        }
    }
    rows.push(saves(scale, &bench, &mut peer));
    let rows = rows.into_iter();
    Ok(rows.map(|row| row.with_note(core.note())).collect())
}

fn gets(scale: &Scale, bench: &Bench, peer: &mut Peer) -> Result<Row, Failure> {
    let ids = data::ids(13, scale.objects as u64, scale.trips);
    let theirs = json!({"do": "get", "ids": ids.iter().map(u64::to_string).collect::<Vec<_>>()});
    let last = ids.last().ok_or("no ids")?;
    let ours = bench.block_on(bench.cache.get(last))?.ok_or("no object")?;
    if peer.ask(&theirs)?["last"] != as_theirs((*ours).clone()) {
        return Err("the sides read different objects".into());
    }
    let ratio = in_turns(
        scale.find_rounds,
        ids.len(),
        |_| peer.time(&theirs),
        |_| {
            bench.time(async {
                for id in &ids {
                    black_box(bench.cache.get(id).await?);
                }
                Ok(())
            })
        },
    );
    Ok(Row::ratio(
        "redis-om / larder, get",
        ratio.ratio,
        Goal::AtLeast(5.0),
        (ratio.first, ratio.second),
    ))
}

fn finds(
    scale: &Scale,
    bench: &Bench,
    peer: &mut Peer,
    shape: Shape,
    sorted: bool,
) -> Result<Row, Failure> {
    let asked = |variant: usize| {
        let age = 20 + variant % 40;
        match shape {
            Shape::Tag => json!({"tag": data::tag(variant)}),
            _ => json!({"city": data::city(variant), "from": age, "to": age + 25}),
        }
    };
    let theirs = |from: usize, count: usize| {
        let finds: Vec<Value> = (from..from + count).map(asked).collect();
        json!({"do": "find", "sorted": sorted, "finds": finds})
    };
    let ours = |variant: usize| -> Find<'_, User> {
        if sorted {
            shape.newest(&bench.cache, variant)
        } else {
            shape.first(&bench.cache, variant)
        }
    };
    let what = format!(
        "redis-om / larder, find {PAGE}, {}{}",
        shape.name(),
        if sorted { ", sorted" } else { "" }
    );
    for variant in 0..FINDS {
        let page = bench.block_on(ours(variant).ids())?.items;
        let last = peer.ask(&theirs(variant, 1))?["last"].take();
        let found: Vec<u64> = serde_json::from_value(last)?;
        // Without a sort each side has an order of its own.
        if found.len() != page.len() || sorted && found != page {
            return Err(format!("{what}: {found:?} and {page:?}").into());
        }
    }
    let ratio = in_turns(
        scale.find_rounds,
        FINDS,
        |round| peer.time(&theirs(round * FINDS, FINDS)),
        |round| {
            bench.time(async {
                for call in 0..FINDS {
                    black_box(ours(round * FINDS + call).fetch().await?);
                }
                Ok(())
            })
        },
    );
    let goal = Goal::AtLeast(if sorted { 2.5 } else { 3.5 });
    Ok(Row::ratio(
        what,
        ratio.ratio,
        goal,
        (ratio.first, ratio.second),
    ))
}

fn saves(scale: &Scale, bench: &Bench, peer: &mut Peer) -> Row {
    let puts = scale.trips / GETS_A_PUT;
    let users = |round: usize| -> Vec<User> {
        let mut users = Users::new(100 + round as u64);
        let ids = data::ids(round as u64, scale.objects as u64, puts);
        ids.into_iter().map(|id| users.with_id(id)).collect()
    };
    let ratio = in_turns(
        scale.find_rounds,
        puts,
        |round| {
            let users: Vec<Value> = users(round).into_iter().map(as_theirs).collect();
            peer.time(&json!({"do": "save", "users": users}))
        },
        |round| {
            let users: Vec<Arc<User>> = users(round).into_iter().map(Arc::new).collect();
            bench.time(async {
                for user in users {
                    bench.cache.put(user).await?;
                }
                Ok(())
            })
        },
    );
    Row::ratio(
        "redis-om / larder, save",
        ratio.ratio,
        Goal::AtLeast(2.5),
        (ratio.first, ratio.second),
    )
}

/// A user as the other side has it, whose primary keys are strings.
fn as_theirs(user: User) -> Value {
    json!({
        "id": user.id.to_string(),
        "bio": user.bio,
        "tags": user.tags,
        "city": user.city,
        "age": user.age,
        "joined": user.joined,
    })
}

/// The other side: a Python program that answers each line by one.
struct Peer {
    program: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Peer {
    fn start(python: &std::path::Path, url: &str) -> Result<Self, Failure> {
        let mut program = Command::new(python)
            .args([SCRIPT, url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let to = program.stdin.take().ok_or("no way to the other side")?;
        let from = program.stdout.take().ok_or("no way from the other side")?;
        Ok(Self {
            program,
            to,
            from: BufReader::new(from),
        })
    }

    fn ask(&mut self, request: &Value) -> Result<Value, Failure> {
        writeln!(self.to, "{request}")?;
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        if line.is_empty() {
            return Err("the other side ended, see above".into());
        }
        Ok(serde_json::from_str(&line)?)
    }

    /// How long the other side says that it took.
    fn time(&mut self, request: &Value) -> Duration {
        match self.ask(request).map(|answer| answer["nanos"].as_u64()) {
            Ok(Some(nanos)) => Duration::from_nanos(nanos),
            Ok(None) => panic!("the other side told no time"),
            Err(failure) => panic!("{failure}"),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
