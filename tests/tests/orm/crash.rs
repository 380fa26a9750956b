//! A program that is killed between its commit and the removal, on Redis.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use larder::sea_orm::CachedDb;
use larder::{Cache, RedisStore, SourcedCache};
use larder_testkit::server::{Kind, offline, shared};
use sea_orm::{ConnectOptions, ConnectionTrait, EntityTrait, TransactionTrait};

use crate::entities::{Person, person};
use crate::proxy::{Mode, Proxy};
use crate::world::{connect, file, populate, renamed};

/// Where the program that is to be killed is told what to do.
const ORDER: &str = "LARDER_TEST_CRASH";

/// What a program says that reads.
const READING: &str = "it reads";

/// Longer than the commit is held up here.
const FENCE: Duration = Duration::from_secs(15);

/// How long is waited for what has to come about. It comes far sooner, or never.
const LOOKS: u32 = 6_000;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

async fn cache(redis: &str, namespace: &str) -> Cache<Person> {
    let store: RedisStore = larder::redis::RedisBuilder::from_url(redis)
        .unwrap()
        .namespace(namespace)
        .connect()
        .await
        .unwrap();
    Cache::builder(store).build().await.unwrap()
}

/// What another program does: reads, or renames joan and commits.
async fn obey(order: &str) {
    match order.strip_prefix("read ") {
        Some(sqlite) => read(sqlite).await,
        None => commit(order).await,
    }
}

/// Reads, and goes on reading until it is killed.
#[expect(clippy::print_stdout, reason = "it is how a program tells another")]
async fn read(sqlite: &str) {
    let reader = connect(sqlite.to_owned()).await.begin().await.unwrap();
    person::Entity::find().all(&reader).await.unwrap();
    println!("{READING}");
    std::future::pending().await
}

async fn commit(order: &str) {
    let words: Vec<&str> = order.split(' ').collect();
    let &[redis, namespace, sqlite, fenced] = words.as_slice() else {
        panic!("no order: {order}");
    };
    let cache = cache(redis, namespace).await;
    let builder = CachedDb::builder(connect(sqlite.to_owned()).await);
    let mut builder = builder.cache(person::Entity, &cache);
    if fenced == "fenced" {
        builder = builder.fenced(FENCE);
    }
    let db = builder.build().unwrap();
    let transaction = db.begin().await.unwrap();
    transaction.update(renamed(1, "jo", 2)).await.unwrap();
    // It is held up until it is seen to commit.
    let patient = "PRAGMA busy_timeout = 60000";
    let plain = transaction.connection();
    plain.execute_unprepared(patient).await.unwrap();
    let committed = transaction.commit().await;
    panic!("it should have been killed by now: {committed:?}");
}

/// A program that is killed, by SIGKILL, when this is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Kills a program right behind its commit; answers what another then has in its cache.
async fn crash(test: &str, fenced: &str) -> Option<SourcedCache<Person>> {
    if let Ok(order) = std::env::var(ORDER) {
        obey(&order).await;
        return None;
    }
    if offline(test) {
        return None;
    }
    let redis = shared(Kind::RedisSearch);
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    let namespace = format!("{fenced}-{}-{}", std::process::id(), since.as_nanos());
    let sqlite = format!("sqlite://{}?mode=rwc", file(fenced).display());
    let connection = connect(sqlite.clone()).await;
    populate(&connection).await;
    let cache = cache(&redis.url(), &namespace).await;
    let db = CachedDb::builder(connection.clone()).cache(person::Entity, &cache);
    let people: SourcedCache<Person> = db.build().unwrap().cached(person::Entity).unwrap();
    let joan = people.get_or_load(&1).await.unwrap().unwrap();
    assert_eq!(joan.name, "joan");

    let start = |order: String| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]);
        command.env(ORDER, order).stdout(Stdio::piped());
        Killed(command.spawn().unwrap())
    };
    // Who reads keeps a writer of SQLite from ending its commit.
    let mut reader = start(format!("read {sqlite}"));
    let said = BufReader::new(reader.0.stdout.take().unwrap());
    let mut lines = said.lines().map_while(Result::ok);
    let told = move || lines.any(|line| line.contains(READING));
    let told = tokio::task::spawn_blocking(told).await;
    assert!(told.unwrap(), "nobody reads");
    let proxy = Proxy::before(redis.port());
    let other = start(format!("{} {namespace} {sqlite} {fenced}", proxy.url()));
    // And a writer that waits so keeps out whoever begins to read: it has begun to commit.
    let mut impatient = ConnectOptions::new(sqlite);
    impatient.max_connections(1).sqlx_logging(false);
    let impatient = sea_orm::Database::connect(impatient).await.unwrap();
    let never = "PRAGMA busy_timeout = 0";
    impatient.execute_unprepared(never).await.unwrap();
    let mut looks = 0;
    while person::Entity::find().all(&impatient).await.is_ok() {
        looks += 1;
        assert!(looks < LOOKS, "it never began to commit");
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    if fenced == "fenced" {
        // The fence took with it what was cached behind it.
        assert!(!people.contains(&1).await.unwrap());
    }
    // From here on it can commit, and tell no cache of it.
    proxy.set(Mode::Silent);
    drop(reader);
    let mut looks = 0;
    loop {
        let row = person::Entity::find_by_id(1).one(&connection).await;
        // A reader may find the writer at work.
        if row.is_ok_and(|row| row.is_some_and(|row| row.name == "jo")) {
            break;
        }
        looks += 1;
        assert!(looks < LOOKS, "it never committed");
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    drop(other);
    Some(people)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_between_commit_and_removal_leaves_nothing_stale_behind_a_fence() {
    let test = "crash::a_kill_between_commit_and_removal_leaves_nothing_stale_behind_a_fence";
    let Some(people) = crash(test, "fenced").await else {
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
    let Some(people) = crash(test, "unfenced").await else {
        return;
    };
    let joan = people.get_or_load(&1).await.unwrap().unwrap();
    assert_eq!(joan.name, "joan");
}
