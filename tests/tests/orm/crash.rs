//! A program that is killed between its commit and the removal, on Redis.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use larder::sea_orm::CachedDb;
use larder::{Cache, RedisStore, SourcedCache};
use larder_testkit::server::{Kind, Server, offline};
use sea_orm::{ConnectionTrait, EntityTrait, TransactionTrait};

use crate::entities::{Person, person};
use crate::world::{connect, file, populate, renamed};

/// Where the program that is to be killed is told what to do.
const ORDER: &str = "LARDER_TEST_CRASH";

/// What it says when all but the commit is done.
const READY: &str = "ready to commit";

/// Longer than the commit is held up here.
const FENCE: Duration = Duration::from_secs(15);

/// How long is waited for what has to come about. It comes far sooner, or never.
const LOOKS: u32 = 6_000;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

async fn cache(redis: &str) -> Cache<Person> {
    let store: RedisStore = larder::redis::RedisBuilder::from_url(redis)
        .unwrap()
        .namespace("crash")
        .connect()
        .await
        .unwrap();
    Cache::builder(store).build().await.unwrap()
}

/// What the killed program does: renames joan, and commits.
async fn commit(order: &str) {
    let words: Vec<&str> = order.split(' ').collect();
    let &[redis, sqlite, fenced] = words.as_slice() else {
        panic!("no order: {order}");
    };
    let cache = cache(redis).await;
    let builder = CachedDb::builder(connect(sqlite.to_owned()).await);
    let mut builder = builder.cache(person::Entity, &cache);
    if fenced == "fenced" {
        builder = builder.fenced(FENCE);
    }
    let db = builder.build().unwrap();
    let transaction = db.begin().await.unwrap();
    transaction.update(renamed(1, "jo", 2)).await.unwrap();
    println!("{READY}");
    let committed = transaction.commit().await;
    panic!("it should have been killed by now: {committed:?}");
}

/// Kills a program right behind its commit; answers what another then has in its cache.
async fn crash(test: &str, fenced: &str) -> Option<(Server, SourcedCache<Person>)> {
    if let Ok(order) = std::env::var(ORDER) {
        commit(&order).await;
        return None;
    }
    if offline(test) {
        return None;
    }
    let redis = Server::start(Kind::RedisSearch);
    let sqlite = format!("sqlite://{}?mode=rwc", file(fenced).display());
    let connection = connect(sqlite.clone()).await;
    populate(&connection).await;
    let cache = cache(&redis.url()).await;
    let db = CachedDb::builder(connection.clone()).cache(person::Entity, &cache);
    let people: SourcedCache<Person> = db.build().unwrap().cached(person::Entity).unwrap();
    let joan = people.get_or_load(&1).await.unwrap().unwrap();
    assert_eq!(joan.name, "joan");

    // Who reads keeps a writer of SQLite from ending its commit.
    let reader = connection.begin().await.unwrap();
    reader
        .execute_unprepared("SELECT 1 FROM person")
        .await
        .unwrap();
    person::Entity::find().all(&reader).await.unwrap();
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(ORDER, format!("{} {sqlite} {fenced}", redis.url()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(other.stdout.take().unwrap());
    let told = tokio::task::spawn_blocking(move || {
        let mut lines = said.lines().map_while(Result::ok);
        lines.any(|line| line.contains(READY)).then_some(lines)
    });
    // Kept, so that the other is not ended by a pipe that nobody reads.
    let _said = told.await.unwrap().expect("it gets ready");
    if fenced == "fenced" {
        // The fence has gone up when what was cached behind it is gone.
        let mut looks = 0;
        while people.contains(&1).await.unwrap() {
            looks += 1;
            assert!(looks < LOOKS, "the fence never went up");
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }
    // From here on it can commit, and tell no cache of it.
    redis.pause();
    reader.rollback().await.unwrap();
    let mut looks = 0;
    loop {
        let row = person::Entity::find_by_id(1)
            .one(&connection)
            .await
            .unwrap();
        if row.unwrap().name == "jo" {
            break;
        }
        looks += 1;
        assert!(looks < LOOKS, "it never committed");
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    other.kill().unwrap();
    other.wait().unwrap();
    redis.resume();
    Some((redis, people))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_between_commit_and_removal_leaves_nothing_stale_behind_a_fence() {
    let test = "crash::a_kill_between_commit_and_removal_leaves_nothing_stale_behind_a_fence";
    let Some((_redis, people)) = crash(test, "fenced").await else {
        return;
    };
    // Behind the fence nothing is stored, so that every answer is the database's. That the fence
    // is over, the store tells by storing again: it ends by the server's own clock.
    let mut looks = 0;
    let mut stored = false;
    while !stored {
        let joan = people.get_or_load(&1).await.unwrap().unwrap();
        assert_eq!(joan.name, "jo");
        stored = people.contains(&1).await.unwrap();
        looks += 1;
        assert!(looks < LOOKS, "the fence is never over");
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    assert!(
        looks > 1,
        "there was no fence any more when it was looked for"
    );
    let joan = people.get(&1).await.unwrap().unwrap();
    assert_eq!(joan.name, "jo");
}

/// So that the test above is known to bite.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_between_commit_and_removal_leaves_something_stale_without_a_fence() {
    let test = "crash::a_kill_between_commit_and_removal_leaves_something_stale_without_a_fence";
    let Some((_redis, people)) = crash(test, "unfenced").await else {
        return;
    };
    let joan = people.get_or_load(&1).await.unwrap().unwrap();
    assert_eq!(joan.name, "joan");
}
