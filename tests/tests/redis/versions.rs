//! Two versions of one model in two processes, on one namespace.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use larder::{Cache, CacheModel};
use larder_testkit::server::offline;
use serde::{Deserialize, Serialize};

use crate::{cache, ends, namespace, on_shared, server};

/// The model of the old program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "user")]
struct Old {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    name: String,
}

/// The model of the new one: a field came, another is of another type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "user", version = 2)]
struct New {
    #[cache(id)]
    id: u64,
    #[cache(index, sort)]
    age: u32,
    #[cache(index)]
    name: Vec<String>,
}

fn old(id: u64) -> Old {
    Old {
        id,
        name: "same".to_owned(),
    }
}

fn new(id: u64) -> New {
    New {
        id,
        age: id as u32,
        name: vec!["same".to_owned()],
    }
}

/// Where the other process is told what to do.
const URL: &str = "LARDER_TEST_OTHER_URL";
const NAMESPACE: &str = "LARDER_TEST_OTHER_NAMESPACE";
/// What its answers begin with, beside what the harness prints.
const ANSWER: &str = "answer: ";

/// The process of the new program.
struct Other {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Other {
    fn start(test: &str, namespace: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(URL, server().url())
            .env(NAMESPACE, namespace)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            orders: process.stdin.take().unwrap(),
            answers: BufReader::new(process.stdout.take().unwrap()),
            process,
        }
    }

    /// Has it do something, and waits for its answer.
    fn does(&mut self, order: &str) -> String {
        writeln!(self.orders, "{order}").unwrap();
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "it ended");
            // The harness's own line may stand before it.
            if let Some((_, answer)) = line.trim_end().split_once(ANSWER) {
                return answer.to_owned();
            }
        }
    }

    fn end(mut self) {
        drop(self.orders);
        // Else it could not finish what the harness prints.
        std::io::copy(&mut self.answers, &mut std::io::sink()).unwrap();
        assert!(self.process.wait().unwrap().success());
    }
}

/// The new program: does what it is told, line by line.
async fn serve(url: &str, namespace: &str) {
    let cache: Cache<New> = cache(crate::at(url, namespace)).await;
    for order in std::io::stdin().lines() {
        let order = order.unwrap();
        let (verb, id) = order.split_once(' ').unwrap_or((&order, "0"));
        let id: u64 = id.parse().unwrap();
        let answer = match verb {
            "put" => format!("{:?}", ends(cache.put(new(id))).await),
            "remove" => format!("{}", ends(cache.remove(&id)).await.unwrap()),
            "get" => match ends(cache.get(&id)).await.unwrap() {
                Some(found) => format!("{}", *found == new(id)),
                None => "none".to_owned(),
            },
            "find" => {
                let find = cache
                    .find(|n| n.name.contains("same"))
                    .sort(|n| n.age.asc());
                let page = ends(find.fetch()).await.unwrap();
                assert!(page.extent.is_exhausted());
                let right = page.items.iter().all(|found| **found == new(found.id));
                assert!(right, "a wrong row");
                let ids: Vec<_> = page.items.iter().map(|found| found.id).collect();
                format!("{ids:?}")
            }
            "garbage" => garbage(&cache).await,
            other => panic!("what is {other}?"),
        };
        println!("{ANSWER}{answer}");
    }
}

/// What a cache has found that it could not read.
async fn garbage<M: CacheModel>(cache: &Cache<M>) -> String {
    let stats = ends(cache.stats()).await.unwrap();
    format!("{} {}", stats.undecodable, stats.store.foreign)
}

async fn found(cache: &Cache<Old>) -> Vec<u64> {
    let page = ends(cache.find(|o| o.name.eq("same")).fetch())
        .await
        .unwrap();
    assert!(page.extent.is_exhausted());
    for row in &page.items {
        assert_eq!(**row, old(row.id), "a wrong row");
    }
    page.items.iter().map(|row| row.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_of_two_versions_share_a_namespace() {
    if let (Ok(url), Ok(namespace)) = (std::env::var(URL), std::env::var(NAMESPACE)) {
        return serve(&url, &namespace).await;
    }
    if offline("two versions of a model") {
        return;
    }
    let name = namespace("versions");
    let cache: Cache<Old> = cache(on_shared(&name)).await;
    for id in 0..5 {
        ends(cache.put(old(id))).await.unwrap();
    }
    let test = "versions::two_processes_of_two_versions_share_a_namespace";
    let mut other = Other::start(test, &name);
    assert_eq!(other.does("find"), "[]");
    assert_eq!(other.does("get 1"), "none");
    for id in 5..8 {
        assert_eq!(other.does(&format!("put {id}")), "Ok(())");
    }
    assert_eq!(other.does("find"), "[5, 6, 7]");
    assert_eq!(found(&cache).await, [0, 1, 2, 3, 4]);
    assert_eq!(ends(cache.get(&5)).await.unwrap(), None);
    // Whoever writes last has the object; for the other it is a miss.
    assert_eq!(other.does("put 1"), "Ok(())");
    assert_eq!(ends(cache.get(&1)).await.unwrap(), None);
    assert_eq!(found(&cache).await, [0, 2, 3, 4]);
    assert_eq!(other.does("get 1"), "true");
    ends(cache.put(old(5))).await.unwrap();
    assert_eq!(other.does("get 5"), "none");
    assert_eq!(other.does("find"), "[1, 6, 7]");
    assert_eq!(found(&cache).await, [0, 2, 3, 4, 5]);
    // Gone is gone, whoever removes it.
    ends(cache.remove(&6)).await.unwrap();
    assert_eq!(other.does("get 6"), "none");
    other.does("remove 0");
    assert_eq!(ends(cache.get(&0)).await.unwrap(), None);
    // Each goes on while the other writes.
    for id in 100..150 {
        ends(cache.put(old(2 * id))).await.unwrap();
        assert_eq!(other.does(&format!("put {}", 2 * id + 1)), "Ok(())");
    }
    let mine = found(&cache).await;
    assert_eq!(mine.len(), 4 + 50);
    assert!(mine.iter().skip(4).all(|id| id % 2 == 0));
    assert_eq!(other.does("find").matches(',').count() + 1, 2 + 50);
    // What is of the other is not taken for garbage.
    assert_eq!(garbage(&cache).await, "0 0");
    assert_eq!(other.does("garbage"), "0 0");
    assert_eq!(ends(cache.count()).await.unwrap(), 4 + 50);
    other.end();
}
