//! G9: reads by id on Redis against the bare client and the bare codec.

use std::hint::black_box;

use larder::codec::{self, Bincode};
use larder_benches::data::{self, User};
use larder_benches::timing::{in_turns, time};
use redis::cmd;

use crate::args::Scale;
use crate::redis::{Bench, decode};
use crate::report::{Goal, Row};
use crate::{Failure, Rows};

/// `Cache::get` against redis-rs on a connection of the same kind, which has its keys beforehand,
/// and bincode. `HGET` asks for the object alone; `HMGET` is what the store asks, so that it knows
/// version and expiry of what it reads.
pub(crate) fn measure(scale: &Scale) -> Rows {
    let bench = Bench::start(scale.objects)?;
    let ids = data::ids(12, scale.objects as u64, scale.trips);
    let asked = bench.asked("HMGET", async {
        for id in &ids {
            bench.cache.get(id).await?.ok_or("an object is not there")?;
        }
        Ok(())
    })?;
    let keys: Vec<&[u8]> = asked.iter().map(|command| &*command[1]).collect();
    if keys.len() != ids.len() {
        return Err(format!("{} gets sent {} HMGET", ids.len(), keys.len()).into());
    }
    bench.block_on(async {
        for (id, key) in ids.iter().zip(&keys) {
            let ours = bench.cache.get(id).await?;
            if ours.as_deref() != Some(&object(&bench, key).await?) {
                return Err(Failure::from("the sides read different objects"));
            }
        }
        Ok(())
    })?;

    let get = || {
        bench.time(async {
            for id in &ids {
                black_box(bench.cache.get(id).await?);
            }
            Ok(())
        })
    };
    let hget = || {
        bench.time(async {
            for key in &keys {
                black_box(object(&bench, key).await?);
            }
            Ok(())
        })
    };
    let hmget = || {
        bench.time(async {
            let mut raw = bench.raw.clone();
            for key in &keys {
                let mut command = cmd("HMGET");
                command.arg(key).arg("_h").arg("_b");
                let (header, body): (Vec<u8>, Vec<u8>) = command.query_async(&mut raw).await?;
                black_box((header, decode(&body)?));
            }
            Ok(())
        })
    };
    let row = |what: &str, goal, theirs: &dyn Fn() -> _| {
        let ratio = in_turns(scale.rounds, ids.len(), |_| get(), |_| theirs());
        Row::ratio(
            format!("get / {what} and decode"),
            ratio.ratio,
            goal,
            (ratio.first, ratio.second),
        )
    };
    let any = row("HGET", Goal::None, &hget).with_note("on any core");
    let core = bench.on_one_core();
    let body = bench.block_on(body(&bench, keys[0]))?;
    Ok(vec![
        row("HGET", Goal::AtMost(1.1), &hget).with_note(core.note()),
        row("HMGET of header too", Goal::None, &hmget).with_note(core.note()),
        any,
        decodes(scale, &body)?,
    ])
}

/// What of it is the decoding, which goes through a trait for any codec and any type.
fn decodes(scale: &Scale, body: &[u8]) -> Result<Row, Failure> {
    if codec::decode::<User>(&Bincode, body)? != decode(body)? {
        return Err("the sides read different objects".into());
    }
    let ratio = in_turns(
        scale.rounds,
        scale.trips,
        |_| {
            time(|| {
                for _ in 0..scale.trips {
                    drop(black_box(codec::decode::<User>(&Bincode, black_box(body))));
                }
            })
        },
        |_| {
            time(|| {
                for _ in 0..scale.trips {
                    drop(black_box(decode(black_box(body))));
                }
            })
        },
    );
    Ok(Row::ratio(
        "decode by the codec / by bincode alone",
        ratio.ratio,
        Goal::None,
        (ratio.first, ratio.second),
    ))
}

async fn object(bench: &Bench, key: &[u8]) -> Result<User, Failure> {
    decode(&body(bench, key).await?)
}

async fn body(bench: &Bench, key: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut raw = bench.raw.clone();
    Ok(cmd("HGET").arg(key).arg("_b").query_async(&mut raw).await?)
}
