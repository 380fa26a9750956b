//! What a program sees when Redis fails it: each fault on a server of its own, with the kind of
//! error that the contract has for it, no wrong answer, and a store that works again by itself.
//!
//! `cargo test -p larder-tests --test faults -- --nocapture` prints the table. `LARDER_FAULT`
//! runs those faults alone whose name has this in it.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::print_stdout, reason = "the run reports what it saw")]

#[path = "faults/limits.rs"]
mod limits;
#[path = "faults/network.rs"]
mod network;
#[path = "faults/proxy.rs"]
mod proxy;
#[path = "faults/servers.rs"]
mod servers;

use std::collections::VecDeque;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use comfy_table::Table;
use larder::redis::RedisBuilder;
use larder::{Cache, CacheModel, Error, ErrorKind, RedisStore, Result};
use larder_testkit::Watchdog;
use larder_testkit::server::offline;
use serde::{Deserialize, Serialize};

/// How many faults are tried at once: a machine of two cores has to keep its deadlines.
const AT_ONCE: usize = 4;
/// After this a future has hung. Nothing is measured by it.
const HUNG: Duration = Duration::from_secs(120);
/// How long to wait before the next look at whether the store works again.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "item")]
struct Item {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    name: String,
    #[cache(index, sort)]
    number: u64,
    #[cache(text)]
    words: String,
    payload: String,
}

/// The one right item of an id: what else is found under it is a wrong answer.
fn item(id: u64) -> Item {
    Item {
        id,
        name: format!("n{}", id % 10),
        number: id,
        words: format!("word{} all", id % 7),
        payload: format!("payload of {id}"),
    }
}

/// What a program did during a fault, and what it saw.
struct Seen {
    operation: &'static str,
    saw: String,
}

/// A fault on its way: what was seen, in order.
#[derive(Default)]
struct Report(Vec<Seen>);

impl Report {
    fn new() -> Self {
        Self::default()
    }

    /// Notes an error, which has to be of one of these kinds.
    fn fails<T: Debug>(&mut self, operation: &'static str, answer: Result<T>, kinds: &[ErrorKind]) {
        let error = answer.expect_err(operation);
        assert!(kinds.contains(&error.kind()), "{operation}: {error}");
        self.saw(operation, format!("{}: {}", kind(&error), error.message()));
    }

    /// Notes an answer that is not an error.
    fn saw(&mut self, operation: &'static str, saw: impl Into<String>) {
        let mut saw = saw.into();
        if saw.chars().count() > 90 {
            saw = saw.chars().take(89).chain(['…']).collect();
        }
        self.0.push(Seen { operation, saw });
    }
}

fn kind(error: &Error) -> String {
    format!("{:?}", error.kind())
}

type Running = Pin<Box<dyn Future<Output = Report> + Send>>;

/// A fault and the test of it. Its test ends by showing that the store works again.
struct Fault {
    name: &'static str,
    run: fn() -> Running,
}

macro_rules! faults {
    ($($name:literal => $run:path),+ $(,)?) => {
        &[$(Fault { name: $name, run: || Box::pin($run()) }),+]
    };
}

/// The longest first.
const FAULTS: &[Fault] = faults![
    "hostile patterns with many `*`" => limits::hostile_patterns,
    "memory full, keys evicted" => limits::evicting,
    "SIGSTOP for 5 s" => servers::stopped,
    "kill -9 and restart" => servers::killed,
    "memory full, nothing evicted" => limits::full,
    "expansions that stay at 200" => limits::few_expansions,
    "user without FT.*" => limits::user_without_search,
    "CLIENT KILL of all" => servers::clients_killed,
    "FLUSHALL" => servers::flushed,
    "index dropped behind our back" => servers::index_dropped,
    "SCRIPT FLUSH" => servers::scripts_flushed,
    "read-only replica" => servers::replica,
    "wrong password" => network::wrong_password,
    "password changed, CLIENT KILL" => network::password_changed,
    "not a Redis on that port" => network::no_redis,
    "accepts and never answers" => network::silent,
    "half-open connection" => network::half_open,
    "cut in the middle of an answer" => network::cut,
    "port refused, server comes later" => network::refused,
    "dead server, reads fail open" => network::fail_open,
];

#[test]
fn every_fault_has_the_error_of_the_contract_and_the_store_works_again() {
    if offline("faults of a Redis server") {
        return;
    }
    let wanted = std::env::var("LARDER_FAULT").unwrap_or_default();
    let faults = FAULTS.iter().filter(|fault| fault.name.contains(&wanted));
    let left: Mutex<VecDeque<&'static Fault>> = Mutex::new(faults.collect());
    let reports = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(fault) = left.lock().unwrap().pop_front() else {
                        return;
                    };
                    let ran = thread::spawn(|| run(fault)).join();
                    reports.lock().unwrap().push((fault.name, ran.ok()));
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap();
    reports.sort_by_key(|(name, _)| FAULTS.iter().position(|fault| fault.name == *name));
    assert!(!reports.is_empty(), "no fault has {wanted:?} in its name");
    let mut table = Table::new();
    table.set_header(["fault", "operation", "the program saw", "works again"]);
    for (name, report) in &reports {
        match report {
            Some(report) => {
                let operations = report.0.iter().map(|seen| seen.operation);
                let saw = report.0.iter().map(|seen| seen.saw.as_str());
                table.add_row([
                    name,
                    operations.collect::<Vec<_>>().join("\n").as_str(),
                    saw.collect::<Vec<_>>().join("\n").as_str(),
                    "yes",
                ]);
            }
            None => {
                table.add_row([name, "", "FAILED, see above", "no"]);
            }
        }
    }
    println!("{table}");
    let failed: Vec<_> = reports
        .iter()
        .filter(|(_, report)| report.is_none())
        .collect();
    assert!(failed.is_empty(), "{} faults failed", failed.len());
}

/// Runs the test of one fault on a runtime of its own, which its blocking calls do not hold up.
fn run(fault: &'static Fault) -> Report {
    let _hung = Watchdog::new(2 * HUNG, || {
        println!("{} hangs", fault.name);
        std::process::abort();
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on((fault.run)())
}

/// Ends the test if a future does not end: that each ends is the one thing told of time here.
async fn ends<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HUNG, future)
        .await
        .expect("the operation ends")
}

/// Options with deadlines that a busy machine keeps.
fn builder(url: &str) -> RedisBuilder {
    RedisBuilder::from_url(url)
        .unwrap()
        .namespace("faults")
        .timeout(Duration::from_secs(20))
        .query_timeout(Duration::from_secs(30))
        .connect_timeout(Duration::from_secs(20))
}

/// The same, but giving up soon.
fn impatient(url: &str) -> RedisBuilder {
    builder(url)
        .timeout(Duration::from_secs(1))
        .query_timeout(Duration::from_secs(1))
        .connect_timeout(Duration::from_secs(2))
}

/// A cache on a server that is well; the machine may be too busy for the impatient, at first.
async fn items(builder: RedisBuilder) -> Cache<Item> {
    let store: RedisStore = heals(|| builder.clone().connect(), LOST).await;
    heals(|| Cache::builder(store.clone()).build(), LOST).await
}

/// Puts the items of these ids.
async fn fill(cache: &Cache<Item>, ids: std::ops::Range<u64>) {
    for id in ids.clone().step_by(500) {
        let ids = id..ids.end.min(id + 500);
        ends(cache.put_many(ids.map(item))).await.unwrap();
    }
}

/// Checks rows: each is the right one of its id, none comes twice.
fn check(rows: &[std::sync::Arc<Item>]) {
    let mut ids: Vec<u64> = rows.iter().map(|row| row.id).collect();
    for row in rows {
        assert_eq!(**row, item(row.id), "a wrong row");
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rows.len(), "a row came twice");
}

/// Checks that these items and no others are found, each way.
async fn holds(cache: &Cache<Item>, ids: std::ops::Range<u64>) {
    let wanted = ids.end - ids.start;
    let rows = ends(cache.all()).await.unwrap();
    check(&rows);
    assert_eq!(rows.len() as u64, wanted);
    assert!(rows.iter().all(|row| ids.contains(&row.id)));
    assert_eq!(ends(cache.count()).await.unwrap(), wanted);
    let named = ends(
        cache
            .find(|i| i.name.eq("n3") & i.words.matches("all"))
            .count(),
    );
    let expected = ids.clone().filter(|id| id % 10 == 3).count();
    assert_eq!(named.await.unwrap(), expected as u64);
    let page = cache
        .find(|i| !i.number.lt(ids.start))
        .sort(|i| i.number.desc());
    let page = ends(page.limit(5).with_total().fetch()).await.unwrap();
    let numbers: Vec<u64> = page.items.iter().map(|row| row.number).collect();
    let last: Vec<u64> = ids.clone().rev().take(5).collect();
    assert_eq!(numbers, last);
    assert_eq!(page.total.map(larder::Total::count), Some(wanted));
    let id = ids.start;
    assert_eq!(
        ends(cache.get(&id)).await.unwrap().as_deref(),
        Some(&item(id))
    );
}

/// Does something until it succeeds: a connection takes its time to heal, and until then there
/// may be errors, of these kinds and no others.
async fn heals<T, F: Future<Output = Result<T>>>(
    mut operation: impl FnMut() -> F,
    kinds: &[ErrorKind],
) -> T {
    ends(async {
        loop {
            match operation().await {
                Ok(answer) => return answer,
                Err(error) => assert!(kinds.contains(&error.kind()), "while healing: {error}"),
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    })
    .await
}

/// What a connection that was lost leads to: the operation that finds it so may be told just that,
/// and the next ones meet what is there now.
async fn meets<T, F: Future<Output = Result<T>>>(mut operation: impl FnMut() -> F) -> Result<T> {
    ends(async {
        loop {
            match operation().await {
                Err(error) if error.kind() == ErrorKind::Unavailable => {}
                answer => return answer,
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    })
    .await
}

/// What a connection that is not there is.
const LOST: &[ErrorKind] = &[ErrorKind::Unavailable, ErrorKind::Timeout];

/// Checks that the store writes, reads and finds again, without being made anew.
async fn works_again(cache: &Cache<Item>) {
    const ID: u64 = 1_000_000_003;
    heals(|| cache.put(item(ID)), LOST).await;
    let got = heals(|| cache.get(&ID), LOST).await;
    assert_eq!(got.as_deref(), Some(&item(ID)));
    let find = || cache.find(|i| i.name.eq("n3") & i.number.eq(ID)).fetch();
    let found = heals(find, LOST).await;
    assert!(found.extent.is_exhausted());
    check(&found.items);
    assert_eq!(found.items.len(), 1);
    assert!(ends(cache.remove(&ID)).await.unwrap());
    assert_eq!(ends(cache.get(&ID)).await.unwrap(), None);
    let found = ends(cache.find(|i| i.number.eq(ID)).count()).await;
    assert_eq!(found.unwrap(), 0);
}

/// Tasks that write and ask without end while something is done to the server.
struct Load {
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<Vec<Error>>>,
    /// The highest id of each writer that was acknowledged.
    stored: std::sync::Arc<Mutex<Vec<u64>>>,
}

impl Load {
    /// Two writers of new ids from `from` on, and two that ask and check every row.
    fn begin(cache: &Cache<Item>, from: u64) -> Self {
        use std::sync::atomic::Ordering::Relaxed;
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stored = std::sync::Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for writer in 0..2 {
            let (cache, stop, stored) = (cache.clone(), stop.clone(), stored.clone());
            tasks.push(tokio::spawn(async move {
                let mut errors = Vec::new();
                let mut id = from + writer * 100_000;
                while !stop.load(Relaxed) {
                    match ends(cache.put(item(id))).await {
                        Ok(()) => stored.lock().unwrap().push(id),
                        Err(error) => {
                            errors.push(error);
                            tokio::time::sleep(BETWEEN_LOOKS).await;
                        }
                    }
                    id += 1;
                }
                errors
            }));
        }
        for asker in 0..2 {
            let (cache, stop) = (cache.clone(), stop.clone());
            tasks.push(tokio::spawn(async move {
                let mut errors = Vec::new();
                while !stop.load(Relaxed) {
                    let find = cache.find(|i| i.words.matches("all") & i.name.eq("n3"));
                    let find = if asker == 0 {
                        find.sort(|i| i.number.desc()).limit(50)
                    } else {
                        find.sort(|i| i.number.asc()).with_total()
                    };
                    match ends(find.fetch()).await {
                        Ok(page) => check(&page.items),
                        Err(error) => {
                            errors.push(error);
                            tokio::time::sleep(BETWEEN_LOOKS).await;
                        }
                    }
                }
                errors
            }));
        }
        Self {
            stop,
            tasks,
            stored,
        }
    }

    /// Waits until so many more writes were acknowledged.
    async fn progress(&self, writes: usize) {
        let before = self.stored.lock().unwrap().len();
        ends(async {
            while self.stored.lock().unwrap().len() < before + writes {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
        })
        .await;
    }

    /// Ends it; answers what was stored, and the errors, which have to be of these kinds.
    async fn end(self, kinds: &[ErrorKind]) -> (Vec<u64>, Vec<Error>) {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let mut errors = Vec::new();
        for task in self.tasks {
            errors.extend(task.await.unwrap());
        }
        for error in &errors {
            assert!(kinds.contains(&error.kind()), "under load: {error}");
        }
        (self.stored.lock().unwrap().clone(), errors)
    }
}

/// Errors by kind and number.
fn summary(errors: &[Error]) -> String {
    let mut kinds: Vec<(String, usize)> = Vec::new();
    for error in errors {
        let kind = kind(error);
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    if kinds.is_empty() {
        return "no error".to_owned();
    }
    let kinds: Vec<_> = kinds
        .iter()
        .map(|(kind, count)| format!("{kind} x{count}"))
        .collect();
    kinds.join(", ")
}
