//! Dependencies: what is made of what caches answered ends once any of that is written.

use std::future::Future;
use std::io;
use std::sync::Arc;

use larder_core::deps::{self, Dependency, MAX_DEPENDENCIES, Scope};
use larder_core::{Cache, Condition, PutOptions};
use tokio::sync::oneshot;

use super::pages::{Ask, Pages, Write, of_team};
use super::raw::ms;
use super::source::{Card, Source, at, card, cards};
use crate::conformance::Harness;
use crate::generate::Dice;

async fn rows(harness: &Harness) -> (Cache<Card>, Pages) {
    (cards(harness).await, Pages::of(harness).await)
}

/// Whether a page ends only with what it read.
fn is_exact(harness: &Harness) -> bool {
    !harness.expected().leases
}

/// The key of the page of what is asked.
fn key(ask: &Ask) -> String {
    format!("{ask:?}")
}

/// The page of what is asked: as it is now, and stored.
async fn shown(pages: &Pages, rows: &Cache<Card>, ask: &Ask) {
    let page = pages.ask(&key(ask), rows, ask).await;
    assert_eq!(page, ask.of(rows).await, "as it is now");
    assert!(pages.is_there(&key(ask)).await, "{ask:?} is not stored");
}

/// After a write the page is gone, and is made as it is now.
async fn ends(pages: &Pages, rows: &Cache<Card>, ask: &Ask, write: &Write) {
    shown(pages, rows, ask).await;
    write.to(rows).await;
    assert!(!pages.is_there(&key(ask)).await, "{ask:?} after {write:?}");
}

/// After a write the page is there.
async fn stays(pages: &Pages, rows: &Cache<Card>, ask: &Ask, write: &Write) {
    shown(pages, rows, ask).await;
    write.to(rows).await;
    assert!(pages.is_there(&key(ask)).await, "{ask:?} after {write:?}");
    shown(pages, rows, ask).await;
}

/// After a write the page is there, or on a store that programs share may have ended with others
/// of its model.
async fn stays_where_exact(
    harness: &Harness,
    pages: &Pages,
    rows: &Cache<Card>,
    ask: &Ask,
    write: &Write,
) {
    if is_exact(harness) {
        stays(pages, rows, ask, write).await;
    } else {
        ends(pages, rows, ask, write).await;
    }
}

/// A page is made once, and then answered as it was.
pub async fn a_page_is_made_once(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    rows.put(card(1)).await.unwrap();
    for _ in 0..3 {
        shown(&pages, &rows, &Ask::Many(vec![1, 2])).await;
    }
    assert_eq!(pages.made(), 1);
    assert_eq!(pages.read().read.len(), 2);
    assert!(!pages.read().overtaken);
}

/// A page ends with any write to an entry that it read by id, whether that was there or not.
pub async fn a_page_ends_with_a_write_to_an_entry_it_read(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    for ask in [Ask::Get(1), Ask::Many(vec![5, 1]), Ask::Contains(1)] {
        for write in Write::plain(1) {
            ends(&pages, &rows, &ask, &write).await;
        }
    }
}

/// Writes on condition are writes.
pub async fn a_page_ends_with_a_write_on_condition(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    for ask in [Ask::Get(1), Ask::Many(vec![5, 1]), Ask::Contains(1)] {
        rows.clear().await.unwrap();
        for write in Write::conditional(1) {
            ends(&pages, &rows, &ask, &write).await;
        }
    }
}

/// A put that is refused for what is there leaves the page. One that is refused for its version does
/// not: its source has changed all the same, and a load may have brought that before.
pub async fn a_page_stays_with_a_put_that_is_refused(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    rows.put_if_newer(card(1), 10).await.unwrap();
    let ask = Ask::Many(vec![1, 2]);
    shown(&pages, &rows, &ask).await;
    let absent = PutOptions::default().with_condition(Condition::IfAbsent);
    let refused = rows.put_with(at(1, 9), absent).await.unwrap();
    assert!(!refused.is_stored());
    assert!(pages.is_there(&key(&ask)).await);
    ends(&pages, &rows, &ask, &Write::PutIfNewer(at(1, 9), 9)).await;
}

/// A page stays with writes to entries that it did not read.
pub async fn a_page_stays_with_a_write_to_another_entry(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    for ask in [Ask::Get(1), Ask::Many(vec![1, 5]), Ask::Contains(1)] {
        for write in Write::plain(2) {
            stays(&pages, &rows, &ask, &write).await;
        }
    }
}

/// Ids of any bytes are told apart.
pub async fn pages_of_ids_of_any_kind_end(harness: Harness) {
    let texts = Pages::named(&harness, "texts").await;
    let pages = Pages::of(&harness).await;
    let ids = ["", "a", "a:b", "%", "%41", "ä\0,\n", "{a} *", "-", "!"];
    for written in ids {
        for id in ids {
            let inner = texts.clone();
            let read = move || async move { format!("{:?}", inner.cached(id).await) };
            pages.show(id, read).await;
        }
        texts
            .show(written, move || async move { written.to_owned() })
            .await;
        // What was loaded was nowhere written; a removal is.
        texts.cache.remove(written).await.unwrap();
        for id in ids {
            assert_eq!(
                pages.is_there(id).await,
                id != written,
                "{id:?} {written:?}"
            );
        }
    }
}

/// A page with a loaded entry ends with a write to it, and not by its own load.
pub async fn a_page_of_what_it_loaded_ends_with_it(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    let source = Source::of([1]);
    for id in [1, 2] {
        let ask = Ask::Load(id, source.clone());
        for write in [Write::Remove(id), Write::Deleted(id), Write::Put(at(id, 9))] {
            ends(&pages, &rows, &ask, &write).await;
            rows.remove(&id).await.unwrap();
        }
        stays(&pages, &rows, &ask, &Write::Remove(id + 5)).await;
    }
}

/// A page with a list ends with a write to a row that its filter matches, before or after.
pub async fn a_page_with_a_list_ends_with_a_row_that_matches(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    for ask in Ask::lists(&harness) {
        rows.clear().await.unwrap();
        for write in [
            Write::Put(of_team(1, 1)),
            Write::Put(of_team(2, 1)),
            Write::Put(of_team(1, 2)),
            Write::Put(of_team(1, 1)),
            Write::Remove(1),
            Write::Expire(2),
            Write::PutMany(vec![of_team(3, 1), of_team(4, 2)]),
            Write::FindUpdate(1, 2),
            Write::Update(3, 1),
            Write::Changed(3),
            Write::Put(of_team(5, 1)),
            Write::PutTagged(of_team(5, 2), "a"),
        ] {
            ends(&pages, &rows, &ask, &write).await;
        }
    }
}

/// Where one program writes, a page with a list stays with a row that matches neither before nor
/// after; elsewhere it may end with any.
pub async fn a_page_with_a_list_stays_with_a_row_that_does_not_match(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    rows.put_many([of_team(1, 1), of_team(2, 2)]).await.unwrap();
    for ask in [Ask::Team(1), Ask::Page(1), Ask::Count(1), Ask::Exists(1)] {
        for write in [
            Write::Put(of_team(2, 3)),
            Write::Put(of_team(3, 2)),
            Write::Remove(3),
            Write::Update(2, 2),
            Write::Expire(9),
        ] {
            stays_where_exact(&harness, &pages, &rows, &ask, &write).await;
        }
    }
}

/// Removal of many, by whatever they have in common, ends all pages of the model.
pub async fn removal_of_many_ends_all_pages_of_the_model(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    let mut asks = vec![Ask::Get(1), Ask::Contains(2)];
    let mut writes = vec![
        Write::RemoveTagged("a"),
        Write::ExpireTagged("b"),
        Write::ExpireAll,
        Write::Clear,
    ];
    if harness.expected().query {
        asks.push(Ask::Team(1));
        writes.extend([
            Write::Invalidate(1),
            Write::FindRemove(9),
            Write::FindExpire(1),
        ]);
    }
    for ask in &asks {
        for write in &writes {
            let all = [
                Write::PutTagged(of_team(1, 1), "a"),
                Write::PutTagged(of_team(3, 1), "b"),
            ];
            for put in all {
                put.to(&rows).await;
            }
            ends(&pages, &rows, ask, write).await;
        }
    }
}

/// A page of a list that is loaded ends as others do, and not by its own load.
pub async fn a_page_of_a_loaded_list_ends_with_a_row_that_matches(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    let source = Source::of(1..10);
    let ask = Ask::Whole(1, source);
    for write in [
        Write::Put(of_team(20, 1)),
        Write::Put(of_team(20, 2)),
        Write::Remove(20),
        Write::Changed(1),
        Write::Deleted(4),
        Write::Inserted(of_team(30, 1)),
        Write::Saved(of_team(1, 1)),
    ] {
        pages.ask(&key(&ask), &rows, &ask).await;
        if is_exact(&harness) {
            assert!(pages.is_there(&key(&ask)).await, "stored at once");
        }
        ends(&pages, &rows, &ask, &write).await;
    }
}

/// Of a change it can be said what the row was and is: where one program writes, pages with a list
/// stay that neither concerns.
pub async fn a_page_stays_with_a_change_that_is_known_not_to_match(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    let ask = Ask::Whole(1, Source::of(1..10));
    pages.ask(&key(&ask), &rows, &ask).await;
    let change = Write::Inserted(of_team(20, 2));
    if is_exact(&harness) {
        shown(&pages, &rows, &ask).await;
        change.to(&rows).await;
        assert!(pages.is_there(&key(&ask)).await);
        let change = larder_core::RowChange::saved(of_team(20, 3)).from_row(of_team(20, 2));
        rows.changed([change]).await.unwrap();
        assert!(pages.is_there(&key(&ask)).await);
        let change = larder_core::RowChange::saved(of_team(20, 3)).from_row(of_team(20, 1));
        rows.changed([change]).await.unwrap();
        assert!(!pages.is_there(&key(&ask)).await);
    } else {
        ends(&pages, &rows, &ask, &change).await;
    }
}

/// What a load brings changes what is found in the cache, and nothing in the source: it ends pages
/// of what was found, and none of lists that were whole, nor of entries.
pub async fn a_load_ends_pages_of_what_is_found(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    let source = Source::of(1..20);
    let asks = [Ask::Team(1), Ask::Whole(1, source.clone()), Ask::Get(1)];
    for (key, ask) in ["found", "whole", "entry"].into_iter().zip(&asks) {
        // The second time the list is whole.
        for _ in 0..2 {
            pages.ask(key, &rows, ask).await;
        }
    }
    let ask = &asks[0];
    pages.ask("found", &rows, ask).await;
    for key in ["found", "whole", "entry"] {
        assert!(pages.is_there(key).await, "{key}");
    }
    source.set(of_team(50, 1));
    assert!(rows.get_or_load(&50, source.one()).await.unwrap().is_some());
    assert!(!pages.is_there("found").await);
    assert!(pages.is_there("whole").await);
    assert!(pages.is_there("entry").await);
    let found = pages.ask("found", &rows, ask).await;
    assert_eq!(found, ask.of(&rows).await);
}

/// Makes a page in a task, which reads and then waits to be let go.
async fn begin(
    pages: &Pages,
    rows: &Cache<Card>,
    ask: &Ask,
) -> (tokio::task::JoinHandle<String>, oneshot::Sender<()>) {
    let (read, has_read) = oneshot::channel();
    let (go, gate) = oneshot::channel();
    let (pages, rows, ask) = (pages.clone(), rows.clone(), ask.clone());
    let place = key(&ask);
    let task = tokio::spawn(async move {
        let work = move || async move {
            let text = ask.of(&rows).await;
            read.send(()).unwrap();
            gate.await.unwrap();
            text
        };
        pages.show(&place, work).await
    });
    has_read.await.unwrap();
    (task, go)
}

/// A page whose rows are written while it is made is answered and not stored.
async fn overtaken(pages: &Pages, rows: &Cache<Card>, writer: &Cache<Card>, ask: &Ask, of: &Write) {
    let before = ask.of(rows).await;
    let (task, go) = begin(pages, rows, ask).await;
    of.to(writer).await;
    go.send(()).unwrap();
    assert_eq!(
        task.await.unwrap(),
        before,
        "its caller has it all the same"
    );
    assert!(!pages.is_there(&key(ask)).await, "{ask:?} after {of:?}");
    shown(pages, rows, ask).await;
    pages.cache.clear().await.unwrap();
}

/// A write that concerned a page keeps it from being stored, also if the page went on to read so
/// much that its reads are no longer told apart.
pub async fn a_write_before_a_page_read_very_much_keeps_it_from_being_stored(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    let inner = rows.clone();
    let read = move || async move {
        let before = inner.get(&1).await.unwrap();
        inner.put(of_team(1, 9)).await.unwrap();
        for id in 100..500 {
            inner.get(&id).await.unwrap();
        }
        format!("{before:?}")
    };
    pages.show("much", read).await;
    assert!(!pages.is_there("much").await);
}

/// A write ends what was made before it also where a load has brought what it writes before, so
/// that it is refused, or changes nothing.
pub async fn a_write_that_a_load_was_faster_than_ends_pages(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    for (write, key) in (0..3).zip(["put", "newer", "removed"]) {
        rows.clear().await.unwrap();
        let before = PutOptions::default().with_version(1);
        rows.put_with(of_team(1, 1), before).await.unwrap();
        // The second time nothing is loaded, and the page is stored on any store.
        for _ in 0..2 {
            let inner = rows.clone();
            let read = move || async move {
                let none = |_| async { Ok::<_, io::Error>(None::<Card>) };
                let row = inner.get_or_load(&1, none).await.unwrap();
                let list = inner.find(|card| card.team.eq(1));
                let list = list.or_load(|| async { Ok::<_, io::Error>([of_team(1, 1)]) });
                format!("{row:?} {:?}", list.await.unwrap().items)
            };
            pages.show(key, read).await;
        }
        assert!(pages.is_there(key).await);
        let faster = |id, fill: larder_core::FillContext<Card>| async move {
            fill.set_version(2);
            Ok::<_, io::Error>(Some(of_team(id, 2)))
        };
        rows.reload(&1, faster).await.unwrap();
        match write {
            0 => rows.put(of_team(1, 2)).await.unwrap(),
            1 => drop(rows.put_if_newer(of_team(1, 2), 2).await.unwrap()),
            _ => drop(rows.remove_if_newer(&1, 1).await.unwrap()),
        }
        assert!(!pages.is_there(key).await, "{key}");
    }
}

/// A page of what was not there ends with a load that brings it, and with no load of another.
pub async fn a_page_of_a_miss_ends_with_the_load_of_it(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    for (loaded, ended) in [(98, false), (99, true)] {
        rows.remove(&loaded).await.unwrap();
        shown(&pages, &rows, &Ask::Get(99)).await;
        let load = |id| async move { Ok::<_, io::Error>(Some(of_team(id, 1))) };
        rows.get_or_load(&loaded, load).await.unwrap();
        assert_eq!(!pages.is_there(&key(&Ask::Get(99))).await, ended);
    }
}

/// A write while a page is made keeps it from being stored; its caller has it all the same.
pub async fn a_write_while_a_page_is_made_keeps_it_from_being_stored(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    for write in [Write::Put(at(1, 2)), Write::Remove(1), Write::Clear] {
        overtaken(&pages, &rows, &rows, &Ask::Get(1), &write).await;
    }
}

/// So does one to a row of a list.
pub async fn a_write_while_a_list_is_read_keeps_its_page_from_being_stored(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    for ask in [Ask::Team(1), Ask::Count(1)] {
        for write in [
            Write::Put(of_team(1, 1)),
            Write::Put(of_team(2, 1)),
            Write::FindUpdate(1, 2),
            Write::Invalidate(1),
        ] {
            overtaken(&pages, &rows, &rows, &ask, &write).await;
        }
    }
}

/// A write to something else while a page is made does not.
pub async fn a_write_to_something_else_leaves_what_is_being_made(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    rows.put(card(1)).await.unwrap();
    shown(&pages, &rows, &Ask::Get(1)).await;
    rows.put(at(1, 2)).await.unwrap();
    let (task, go) = begin(&pages, &rows, &Ask::Get(1)).await;
    rows.put(card(2)).await.unwrap();
    go.send(()).unwrap();
    task.await.unwrap();
    assert!(pages.is_there(&key(&Ask::Get(1))).await);
}

/// What one program writes ends the pages of another, stored or being made.
pub async fn another_programs_write_ends_pages(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    let (others, their_pages) = self::rows(&harness.another()).await;
    for write in Write::plain(1) {
        shown(&pages, &rows, &Ask::Get(1)).await;
        write.to(&others).await;
        assert!(!pages.is_there(&key(&Ask::Get(1))).await, "{write:?}");
        assert!(!their_pages.is_there(&key(&Ask::Get(1))).await, "{write:?}");
        shown(&their_pages, &others, &Ask::Get(1)).await;
        assert!(pages.is_there(&key(&Ask::Get(1))).await, "it is of both");
        write.to(&others).await;
        assert!(!pages.is_there(&key(&Ask::Get(1))).await, "{write:?}");
    }
    for write in [Write::Put(at(1, 2)), Write::Remove(1), Write::Clear] {
        overtaken(&pages, &rows, &others, &Ask::Get(1), &write).await;
    }
}

/// So it is with lists.
pub async fn another_programs_write_ends_pages_with_lists(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    let (others, _) = self::rows(&harness.another()).await;
    for ask in Ask::lists(&harness) {
        for write in [
            Write::Put(of_team(1, 1)),
            Write::Put(of_team(1, 2)),
            Write::FindUpdate(2, 1),
            Write::Remove(1),
            Write::RemoveTagged("a"),
            Write::FindRemove(1),
        ] {
            shown(&pages, &rows, &ask).await;
            write.to(&others).await;
            assert!(!pages.is_there(&key(&ask)).await, "{ask:?} after {write:?}");
        }
    }
    overtaken(
        &pages,
        &rows,
        &others,
        &Ask::Team(1),
        &Write::Put(of_team(1, 1)),
    )
    .await;
    let ask = Ask::Whole(1, Source::of(1..10));
    for write in [Write::Changed(1), Write::Put(of_team(30, 1))] {
        pages.ask(&key(&ask), &rows, &ask).await;
        shown(&pages, &rows, &ask).await;
        write.to(&others).await;
        assert!(!pages.is_there(&key(&ask)).await, "{write:?}");
    }
}

/// A page that shows another one ends with whatever that one read, whether it was there or made
/// meanwhile; of the same cache or another.
pub async fn a_page_within_a_page_ends_both(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    let parts = Pages::named(&harness, "parts").await;
    rows.put(card(1)).await.unwrap();
    for inner in [&pages, &parts] {
        for there_already in [false, true] {
            let ask = Ask::Get(1);
            if there_already {
                inner.ask("inner", &rows, &ask).await;
            }
            let (nested, rows_of) = (inner.clone(), rows.clone());
            pages
                .show("outer", || async move {
                    format!("[{}]", nested.ask("inner", &rows_of, &Ask::Get(1)).await)
                })
                .await;
            let made = pages.made();
            assert!(pages.is_there("outer").await && inner.is_there("inner").await);
            rows.put(card(2)).await.unwrap();
            assert!(pages.is_there("outer").await && inner.is_there("inner").await);
            rows.put(at(1, 2)).await.unwrap();
            assert!(!inner.is_there("inner").await);
            assert!(!pages.is_there("outer").await, "{there_already}");
            assert_eq!(pages.made(), made);
            inner.ask("inner", &rows, &ask).await;
            let (nested, rows_of) = (inner.clone(), rows.clone());
            pages
                .show("outer", || async move {
                    nested.ask("inner", &rows_of, &Ask::Get(1)).await
                })
                .await;
            inner.cache.remove("inner").await.unwrap();
            assert!(!pages.is_there("outer").await, "the part was removed");
        }
    }
}

/// What `deps::spawn` runs is followed. What other tasks do is not: nobody knows for whom.
pub async fn work_in_tasks_is_followed_where_it_says_so(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    rows.put_many([card(1), card(2)]).await.unwrap();
    let reader = rows.clone();
    pages
        .show("page", || async move {
            let (one, other) = (reader.clone(), reader);
            let followed = deps::spawn(async move { Ask::Get(1).of(&one).await });
            let left_out = tokio::spawn(async move { Ask::Get(2).of(&other).await });
            format!("{} {}", followed.await.unwrap(), left_out.await.unwrap())
        })
        .await;
    assert_eq!(pages.read().read.len(), 1);
    rows.put(at(2, 2)).await.unwrap();
    assert!(pages.is_there("page").await);
    rows.put(at(1, 2)).await.unwrap();
    assert!(!pages.is_there("page").await);
}

/// A page may be given tags of its own, by which it is removed.
pub async fn a_page_ends_by_a_tag_of_its_own(harness: Harness) {
    let (_, pages) = rows(&harness).await;
    for tag in ["news", "other"] {
        let work = || async {
            deps::tag("news");
            "page".to_owned()
        };
        pages.show("page", work).await;
        pages.cache.remove_tagged([tag]).await.unwrap();
        assert_eq!(pages.is_there("page").await, tag == "other", "{tag}");
    }
}

/// What depends on something that no cache knows says so, and ends by its time.
pub async fn what_is_opaque_says_so(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    rows.put_with(card(1), PutOptions::default().with_ttl(ms(50)))
        .await
        .unwrap();
    let reader = rows.clone();
    let work = || async move {
        deps::opaque("the weather");
        deps::opaque("the stars");
        Ask::Get(1).of(&reader).await
    };
    pages.show("page", work).await;
    assert_eq!(pages.read().opaque.as_deref(), Some("the weather"));
    harness.clock().advance(ms(49));
    assert!(pages.is_there("page").await);
    harness.clock().advance(ms(1));
    assert!(!pages.is_there("page").await);
}

/// A page lives no longer than the entries that it shows.
pub async fn a_page_lives_no_longer_than_what_it_read(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    for (id, ttl) in [(1, 50), (2, 30), (3, 90)] {
        let options = PutOptions::default().with_ttl(ms(ttl));
        rows.put_with(of_team(id, 1), options).await.unwrap();
    }
    let mut asks = vec![("many", Ask::Many(vec![1, 2])), ("one", Ask::Get(1))];
    if harness.expected().query {
        asks.push(("team", Ask::Team(1)));
    }
    for (key, ask) in &asks {
        pages.ask(key, &rows, ask).await;
    }
    harness.clock().advance(ms(29));
    for (key, _) in &asks {
        assert!(pages.is_there(key).await, "{key}");
    }
    harness.clock().advance(ms(1));
    for (key, ask) in &asks {
        assert_eq!(pages.is_there(key).await, *key == "one", "{key}");
        let page = pages.ask(key, &rows, ask).await;
        assert_eq!(page, ask.of(&rows).await);
    }
    harness.clock().advance(ms(20));
    for (key, _) in &asks {
        assert!(!pages.is_there(key).await, "{key}");
    }
}

/// Of a page that read very much, it is the model that is taken down: it ends with any write to
/// it, and with each of those that it read.
pub async fn a_page_that_read_very_much_ends_with_any_write(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    let most = MAX_DEPENDENCIES as u64;
    let within = Ask::Many((0..most).collect());
    stays(&pages, &rows, &within, &Write::Put(card(most + 9))).await;
    ends(&pages, &rows, &within, &Write::Put(card(most - 1))).await;
    let beyond = Ask::Many((0..most + 5).collect());
    for id in [0, 7, most - 1, most + 4, most + 9] {
        ends(&pages, &rows, &beyond, &Write::Put(at(id, 2))).await;
        ends(&pages, &rows, &beyond, &Write::Remove(id)).await;
    }
    shown(&pages, &rows, &beyond).await;
    let read = pages.read().read;
    assert!(
        matches!(&read[..], [Dependency::Model { model }] if &**model == "loaded"),
        "{read:?}"
    );
}

/// Of a model with pages of very many filters all end that have to.
pub async fn pages_of_very_many_filters_end(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    // More than a program remembers; a store that others write to remembers none.
    let many = if is_exact(&harness) { 1_100 } else { 20 };
    for team in 0..many {
        shown(&pages, &rows, &Ask::Team(team)).await;
    }
    let mut stayed = 0;
    for team in (0..many).step_by(7) {
        stayed += usize::from(pages.is_there(&key(&Ask::Team(team))).await);
        rows.put(of_team(u64::from(team), team)).await.unwrap();
        assert!(!pages.is_there(&key(&Ask::Team(team))).await, "{team}");
    }
    assert!(stayed > 50 || !is_exact(&harness), "{stayed}");
}

/// A fence ends pages as a removal does; what is made of loads behind it is not stored.
pub async fn a_fence_ends_pages_and_keeps_others_from_being_stored(harness: Harness) {
    let (rows, pages) = rows(&harness).await;
    let (others, _) = self::rows(&harness.another()).await;
    let ask = Ask::Load(1, Source::of([1]));
    shown(&pages, &rows, &ask).await;
    let fence = others.fence([&1_u64], ms(10_000)).await.unwrap();
    assert!(!pages.is_there(&key(&ask)).await);
    for _ in 0..2 {
        pages.ask(&key(&ask), &rows, &ask).await;
        assert!(!pages.is_there(&key(&ask)).await, "made behind a fence");
    }
    fence.lift().await.unwrap();
    shown(&pages, &rows, &ask).await;
}

/// Without pages a scope takes down what is read, and nothing ends of it.
pub async fn a_scope_takes_down_what_is_read(harness: Harness) {
    let rows = cards(&harness).await;
    rows.put(card(1)).await.unwrap();
    let (outer, inner) = (Scope::new(), Scope::new());
    assert!(deps::current().is_none());
    outer
        .run(async {
            rows.get(&1).await.unwrap();
            rows.get(&1).await.unwrap();
            assert!(rows.peek(&1).is_none());
            let within = Scope::new();
            within.run(async { rows.get(&2).await.unwrap() }).await;
            assert_eq!(within.dependencies().read.len(), 1);
        })
        .await;
    let read = outer.dependencies().read;
    let read: Vec<String> = read.iter().map(ToString::to_string).collect();
    assert_eq!(read, ["loaded 1", "loaded 2"]);
    assert_eq!(inner.dependencies().read.len(), 0);
    assert!(outer.dependencies().opaque.is_none());
    assert_eq!(outer.dependencies().until, None);
}

const IDS: usize = 6;
const TEAMS: usize = 3;
const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// One program of the random run.
struct Program {
    rows: Cache<Card>,
    pages: Pages,
}

/// What pages show, by their keys: answers, and pages of lesser keys.
type Plans = Vec<(Vec<Ask>, Vec<usize>)>;

/// A page as it is made.
fn page(
    plans: Arc<Plans>,
    place: usize,
    rows: Cache<Card>,
    pages: Option<Pages>,
) -> std::pin::Pin<Box<dyn Future<Output = String> + Send>> {
    Box::pin(async move {
        let mut text = String::new();
        let (asks, parts) = &plans[place];
        for ask in asks {
            // Something may come between.
            tokio::task::yield_now().await;
            text += &ask.of(&rows).await;
            text += "; ";
        }
        for part in parts.clone() {
            let made = page(Arc::clone(&plans), part, rows.clone(), pages.clone());
            text += &match &pages {
                Some(pages) => pages.show(KEYS[part], || made).await,
                None => made.await,
            };
        }
        text
    })
}

/// Whatever is written and shown in whatever order: a page that is cached is what would be made
/// of its rows now.
pub async fn pages_are_what_would_be_made_now(harness: Harness) {
    let expected = harness.expected();
    let steps = if expected.shared { 150 } else { 2_500 };
    let mut programs = vec![Program {
        rows: cards(&harness).await,
        pages: Pages::of(&harness).await,
    }];
    if expected.leases {
        let another = harness.another();
        programs.push(Program {
            rows: cards(&another).await,
            pages: Pages::of(&another).await,
        });
    }
    let mut dice = Dice::new(5);
    let mut plans = Arc::new(plans(&mut dice, &harness));
    let (mut hits, mut ended) = (0, 0);
    for step in 0..steps {
        if dice.chance(3) {
            programs[0].pages.cache.clear().await.unwrap();
            plans = Arc::new(self::plans(&mut dice, &harness));
        }
        let place = dice.below(programs.len());
        for _ in 0..2 {
            let Program { rows, pages } = &programs[place];
            let at = dice.below(KEYS.len());
            let work = page(Arc::clone(&plans), at, rows.clone(), Some(pages.clone()));
            pages.show(KEYS[at], || work).await;
        }
        let there = there(&programs[0].pages).await;
        let write = write(&mut dice, &harness);
        let writer = &programs[dice.below(programs.len())].rows;
        write.to(writer).await;
        let Program { rows, pages } = &programs[place];
        for (at, key) in KEYS.into_iter().enumerate() {
            if let Some(cached) = pages.cached(key).await {
                hits += 1;
                let now = page(Arc::clone(&plans), at, rows.clone(), None).await;
                assert_eq!(cached, now, "step {step}: page {key} after {write:?}");
            } else if there.contains(&key) {
                ended += 1;
            }
        }
    }
    // Where any write to a model ends its lists, fewer are found.
    assert!(hits > steps / 6 && ended > steps / 4, "{hits} {ended}");
}

/// However shows and writes come between each other, in one program or two: once all is over, a page
/// that is cached is what would be made of its rows.
pub async fn pages_are_right_whatever_comes_between(harness: Harness) {
    let expected = harness.expected();
    let rounds = if expected.shared { 15 } else { 150 };
    let mut programs = vec![rows(&harness).await];
    if expected.leases {
        programs.push(rows(&harness.another()).await);
    }
    let mut dice = Dice::new(6);
    let mut there = 0;
    for round in 0..rounds {
        let plans = Arc::new(plans(&mut dice, &harness));
        let mut tasks = Vec::new();
        let mut writes = Vec::new();
        for _ in 0..4 {
            let (rows, pages) = programs[dice.below(programs.len())].clone();
            let shows: Vec<usize> = (0..6).map(|_| dice.below(KEYS.len())).collect();
            let plans = Arc::clone(&plans);
            tasks.push(tokio::spawn(async move {
                for at in shows {
                    let work = page(Arc::clone(&plans), at, rows.clone(), Some(pages.clone()));
                    pages.show(KEYS[at], || work).await;
                }
            }));
            let (rows, _) = programs[dice.below(programs.len())].clone();
            let own: Vec<Write> = (0..3).map(|_| write(&mut dice, &harness)).collect();
            writes.push(own.clone());
            tasks.push(tokio::spawn(async move {
                for write in own {
                    write.to(&rows).await;
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        let (rows, pages) = &programs[0];
        for (at, key) in KEYS.into_iter().enumerate() {
            if let Some(cached) = pages.cached(key).await {
                there += 1;
                let now = page(Arc::clone(&plans), at, rows.clone(), None).await;
                assert_eq!(cached, now, "round {round}: page {key}, {writes:?}");
            }
        }
        pages.cache.clear().await.unwrap();
    }
    assert!(there > rounds / 2, "{there}");
}

async fn there(pages: &Pages) -> Vec<&'static str> {
    let mut there = Vec::new();
    for key in KEYS {
        if pages.is_there(key).await {
            there.push(key);
        }
    }
    there
}

fn plans(dice: &mut Dice, harness: &Harness) -> Plans {
    let plan = |place: usize| {
        let asks = (0..=dice.below(3)).map(|_| ask(dice, harness)).collect();
        let parts = (0..place).filter(|_| dice.chance(25)).collect();
        (asks, parts)
    };
    (0..KEYS.len()).map(plan).collect()
}

fn id(dice: &mut Dice) -> u64 {
    dice.below(IDS) as u64
}

fn team(dice: &mut Dice) -> u32 {
    dice.below(TEAMS) as u32
}

fn ask(dice: &mut Dice, harness: &Harness) -> Ask {
    let expected = harness.expected();
    let kinds = match (expected.query, expected.aggregate) {
        (false, _) => 3,
        (true, false) => 10,
        (true, true) => 12,
    };
    let team = team(dice);
    match dice.below(kinds) {
        0 => Ask::Get(id(dice)),
        1 => Ask::Many(vec![id(dice), id(dice)]),
        2 => Ask::Contains(id(dice)),
        3 => Ask::All,
        4 => Ask::Ids(team),
        5 => Ask::Page(team),
        6 => Ask::Count(team),
        7 => Ask::Exists(team),
        8 => Ask::Stream(team),
        10 => Ask::Sum(team),
        11 => Ask::Facets,
        _ => Ask::Team(team),
    }
}

fn write(dice: &mut Dice, harness: &Harness) -> Write {
    let expected = harness.expected();
    let id = id(dice);
    let team = team(dice);
    let version = dice.between(1, 9).cast_unsigned();
    let new = Card {
        version,
        ..of_team(id, team)
    };
    let tag = dice.pick(&["x", "y"]);
    match dice.below(25) {
        0 => Write::Remove(id),
        1 => Write::RemoveMany(vec![id, (id + 1) % IDS as u64]),
        2 => Write::Expire(id),
        3 => Write::ExpireMany(vec![id]),
        4 => Write::PutMany(vec![new, of_team((id + 2) % IDS as u64, team)]),
        5 => Write::PutTagged(new, tag),
        6 => Write::Changed(id),
        7 => Write::Deleted(id),
        8 => Write::Saved(new),
        9 => Write::Inserted(new),
        10 if dice.chance(50) => Write::RemoveTagged(tag),
        11 if dice.chance(50) => Write::ExpireTagged(tag),
        12 if dice.chance(20) => Write::Clear,
        13 if dice.chance(20) => Write::ExpireAll,
        14 if expected.conditional_put => Write::PutIfNewer(new, version),
        15 if expected.conditional_put => Write::RemoveIfNewer(id, version),
        16 | 17 if expected.conditional_put => Write::Update(id, team),
        18 if expected.conditional_put => Write::Patch(id, team),
        19 if expected.query && dice.chance(50) => Write::Invalidate(team),
        20 if expected.query && dice.chance(50) => Write::FindExpire(team),
        21 if expected.query && expected.conditional_put => {
            Write::FindUpdate(team, dice.below(TEAMS) as u32)
        }
        _ => Write::Put(new),
    }
}
