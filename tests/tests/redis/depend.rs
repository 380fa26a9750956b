//! Pages on a server that forgets what they were made from: they end, and new ones are kept.

use std::convert::Infallible;
use std::sync::Arc;

use larder::{Cache, KeyCache, Keyed, Policy};
use larder_testkit::server::offline;
use tokio::sync::oneshot;

use crate::{Item, cache, ends, item, namespace, on_shared, server};

/// A program with rows, and pages made of them.
#[derive(Clone)]
struct Program {
    rows: Cache<Item>,
    pages: Cache<Keyed<String, String>>,
}

impl Program {
    async fn start(namespace: &str) -> Self {
        let rows = cache::<Item>(on_shared(namespace)).await;
        let pages = Cache::builder(Arc::clone(rows.store())).name("pages");
        let pages = ends(pages.build()).await.unwrap();
        Self { rows, pages }
    }

    async fn row(&self, id: u64) -> String {
        format!("{:?}", ends(self.rows.get(&id)).await.unwrap())
    }

    /// The page of a row, which once made waits until it is let go.
    async fn show_behind(&self, id: u64, read: oneshot::Sender<()>, gate: oneshot::Receiver<()>) {
        let program = self.clone();
        let load = async move |_: String, fill: larder::FillContext<Keyed<String, String>>| {
            let work = async {
                let row = program.row(id).await;
                let _nobody_waits = read.send(());
                drop(gate.await);
                row
            };
            Ok::<_, Infallible>(Some(fill.tracked(&program.pages, work).await.0))
        };
        let pages = KeyCache::from(self.pages.clone());
        let load = move |key, fill| Box::pin(load(key, fill));
        let (key, policy) = (id.to_string(), Policy::default());
        let page = pages.get_or_load(&key, &policy, load);
        ends(page).await.unwrap();
    }

    async fn show(&self, id: u64) {
        let (read, _) = oneshot::channel();
        let (go, gate) = oneshot::channel();
        drop(go);
        self.show_behind(id, read, gate).await;
    }

    async fn is_there(&self, id: u64) -> bool {
        ends(self.pages.contains(&*id.to_string())).await.unwrap()
    }

    async fn write(&self, id: u64) {
        ends(self.rows.put(item(id))).await.unwrap();
    }
}

fn lose(namespace: &str, what: &str) {
    let key = format!("{{{namespace}}}:{what}");
    let lost = server().command(&["DEL", &key]);
    assert_eq!(lost.number(), Some(1), "{key}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_end_where_the_server_forgot_what_they_were_made_from() {
    if offline("pages and a server that forgets") {
        return;
    }
    for what in ["item!state", "pages!tags", "pages!state"] {
        let name = namespace("forgotten-pages");
        let (one, other) = (Program::start(&name).await, Program::start(&name).await);
        one.show(1).await;
        one.show(2).await;
        assert!(one.is_there(1).await && one.is_there(2).await, "{what}");
        lose(&name, what);
        other.write(1).await;
        assert!(!one.is_there(1).await, "{what}");
        assert_eq!(one.is_there(2).await, what == "pages!state", "{what}");
        // And is told of them again by whoever makes the next one.
        for program in [&one, &other, &one] {
            program.show(1).await;
            program.show(2).await;
            assert!(one.is_there(1).await && one.is_there(2).await, "{what}");
            other.write(1).await;
            assert!(!one.is_there(1).await && one.is_there(2).await, "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_not_stored_where_the_server_forgot_while_it_was_made() {
    if offline("a server that forgets while a page is made") {
        return;
    }
    for (first, told_again) in [(true, true), (true, false), (false, true), (false, false)] {
        let name = namespace("forgotten-meanwhile");
        let (one, other) = (Program::start(&name).await, Program::start(&name).await);
        if !first {
            one.show(5).await;
            other.show(6).await;
        }
        let (read, has_read) = oneshot::channel();
        let (go, gate) = oneshot::channel();
        let making = one.clone();
        let task = tokio::spawn(async move { making.show_behind(1, read, gate).await });
        has_read.await.unwrap();
        lose(&name, "item!state");
        other.write(1).await;
        if told_again {
            other.show(7).await;
            one.show(8).await;
        }
        go.send(()).unwrap();
        task.await.unwrap();
        assert!(!one.is_there(1).await, "{first} {told_again}");
        one.show(1).await;
        assert!(one.is_there(1).await, "{first} {told_again}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_pages_writes_leave_no_trace_of_them() {
    if offline("writes without pages") {
        return;
    }
    let name = namespace("no-pages");
    let program = Program::start(&name).await;
    program.write(1).await;
    ends(program.rows.remove(&1)).await.unwrap();
    let keys = server().command(&["KEYS", &format!("{{{name}}}:*!tags")]);
    assert!(keys.elements().is_empty());
}
