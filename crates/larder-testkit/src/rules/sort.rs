//! Orders: by up to three keys, missing last, then by id.

use larder_core::{Cache, Filter, Find};
use larder_derive::{CacheModel, CacheValue};
use serde::{Deserialize, Serialize};

use super::asking::nonsense;
use crate::conformance::Harness;

#[derive(Clone, Copy, Debug, Serialize, Deserialize, CacheValue)]
#[serde(rename_all = "lowercase")]
enum Size {
    Small,
    Large,
    Medium,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, CacheModel)]
#[cache(name = "row")]
struct Row {
    #[cache(id)]
    id: i32,
    #[cache(index, sort)]
    group: Option<u8>,
    #[cache(sort)]
    name: Option<String>,
    #[cache(sort, ignore_case)]
    folded: Option<String>,
    #[cache(sort)]
    rank: Option<i64>,
    #[cache(sort)]
    ratio: Option<f64>,
    #[cache(sort)]
    flag: Option<bool>,
    #[cache(sort)]
    letter: Option<char>,
    #[cache(sort)]
    size: Option<Size>,
    #[cache(index)]
    unsorted: u8,
    #[cache(index)]
    list: Vec<u8>,
    #[cache(text)]
    text: String,
}

fn row(id: i32) -> Row {
    Row {
        id,
        text: "word".to_owned(),
        ..Row::default()
    }
}

async fn rows(harness: &Harness, rows: impl IntoIterator<Item = Row>) -> Cache<Row> {
    let cache: Cache<Row> = harness.cache().await;
    cache.put_many(rows).await.unwrap();
    cache
}

/// Checks the order, and that asking for ids, for objects or page by page changes nothing.
async fn comes<'c>(
    cache: &'c Cache<Row>,
    sort: impl Fn(Find<'c, Row>) -> Find<'c, Row>,
    expected: &[i32],
) {
    let find = || sort(cache.find(|_| Filter::all()));
    assert_eq!(find().ids().await.unwrap().items, expected);
    let objects = find().fetch().await.unwrap().items;
    let ids: Vec<i32> = objects.iter().map(|row| row.id).collect();
    assert_eq!(ids, expected);
    for (position, id) in expected.iter().enumerate() {
        let page = find().offset(position).limit(1).ids().await.unwrap();
        assert_eq!(page.items, [*id], "at {position}");
    }
    let first = find().first().await.unwrap().map(|row| row.id);
    assert_eq!(first, expected.first().copied());
}

/// Without a sort objects come by id, as numbers, negative ones first.
pub async fn without_a_sort_objects_come_by_id(harness: Harness) {
    let ids = [3, -1, 100, 20, -20, 0, i32::MIN, i32::MAX];
    let cache = rows(&harness, ids.map(row)).await;
    comes(
        &cache,
        |find| find,
        &[i32::MIN, -20, -1, 0, 3, 20, 100, i32::MAX],
    )
    .await;
}

/// Strings sort by their bytes: capitals first, then small letters, then all other scripts.
pub async fn strings_sort_by_their_bytes(harness: Harness) {
    let names = [
        "", "\0", " ", "A", "Z", "a", "a\0", "ab", "b", "z", "~", "é", "ß漢", "漢", "\u{e000}",
        "🙂",
    ];
    let mut sorted = names;
    sorted.sort_unstable();
    let named = (0..).zip(sorted).map(|(id, name)| Row {
        name: Some(name.to_owned()),
        ..row(-id)
    });
    let cache = rows(&harness, named).await;
    let count = names.len() as i32;
    let ascending: Vec<i32> = (0..count).map(|id| -id).collect();
    comes(&cache, |find| find.sort(|r| r.name.asc()), &ascending).await;
    let descending: Vec<i32> = ascending.into_iter().rev().collect();
    comes(&cache, |find| find.sort(|r| r.name.desc()), &descending).await;
}

/// Strings that share a long beginning sort by what comes after it.
pub async fn strings_sort_beyond_a_long_beginning(harness: Harness) {
    let start = "x".repeat(300);
    let named = ["c", "", "b", "a"]
        .into_iter()
        .zip(0..)
        .map(|(end, id)| Row {
            name: Some(format!("{start}{end}")),
            ..row(id)
        });
    let cache = rows(&harness, named).await;
    comes(&cache, |find| find.sort(|r| r.name.asc()), &[1, 3, 2, 0]).await;
}

/// A field that ignores case sorts by its folded values; equal ones by id.
pub async fn folded_strings_sort_as_one_case(harness: Harness) {
    let named = ["b", "A", "a", "B", "É", "é"]
        .into_iter()
        .zip(0..)
        .map(|(name, id)| Row {
            folded: Some(name.to_owned()),
            name: Some(name.to_owned()),
            ..row(id)
        });
    let cache = rows(&harness, named).await;
    comes(
        &cache,
        |find| find.sort(|r| r.folded.asc()),
        &[1, 2, 0, 3, 4, 5],
    )
    .await;
    comes(
        &cache,
        |find| find.sort(|r| r.folded.desc()),
        &[4, 5, 0, 3, 1, 2],
    )
    .await;
    comes(
        &cache,
        |find| find.sort(|r| r.name.asc()),
        &[1, 3, 2, 0, 4, 5],
    )
    .await;
}

/// Integers sort as numbers, to both ends, neighbours beyond 2^53 included.
pub async fn integers_sort_as_numbers(harness: Harness) {
    let ranks = [
        1 << 53,
        i64::MIN,
        -1,
        i64::MAX,
        (1 << 53) + 1,
        0,
        10,
        9,
        i64::MAX - 1,
        i64::MIN + 1,
    ];
    let ranked = ranks.into_iter().zip(0..).map(|(rank, id)| Row {
        rank: Some(rank),
        ..row(id)
    });
    let cache = rows(&harness, ranked).await;
    comes(
        &cache,
        |find| find.sort(|r| r.rank.asc()),
        &[1, 9, 2, 5, 7, 6, 0, 4, 8, 3],
    )
    .await;
    comes(
        &cache,
        |find| find.sort(|r| r.rank.desc()),
        &[3, 8, 4, 0, 6, 7, 5, 2, 9, 1],
    )
    .await;
}

/// Floats sort from one infinity to the other; both zeros are one and go by id.
pub async fn floats_sort_from_infinity_to_infinity(harness: Harness) {
    let ratios = [
        0.0,
        f64::INFINITY,
        -0.0,
        f64::NEG_INFINITY,
        1e-300,
        -1e-300,
        0.1,
        f64::MAX,
    ];
    let rated = ratios.into_iter().zip(0..).map(|(ratio, id)| Row {
        ratio: Some(ratio),
        ..row(id)
    });
    let cache = rows(&harness, rated).await;
    comes(
        &cache,
        |find| find.sort(|r| r.ratio.asc()),
        &[3, 5, 0, 2, 4, 6, 7, 1],
    )
    .await;
    comes(
        &cache,
        |find| find.sort(|r| r.ratio.desc()),
        &[1, 7, 6, 4, 0, 2, 5, 3],
    )
    .await;
}

/// Truth values, characters and enums sort: false first, by code point, by serde name.
pub async fn small_kinds_sort_too(harness: Harness) {
    let small = |id, flag, letter, size| Row {
        flag: Some(flag),
        letter: Some(letter),
        size: Some(size),
        ..row(id)
    };
    let small = [
        small(0, true, 'b', Size::Small),
        small(1, false, 'é', Size::Large),
        small(2, true, 'B', Size::Medium),
    ];
    let cache = rows(&harness, small).await;
    comes(&cache, |find| find.sort(|r| r.flag.asc()), &[1, 0, 2]).await;
    comes(&cache, |find| find.sort(|r| r.flag.desc()), &[0, 2, 1]).await;
    comes(&cache, |find| find.sort(|r| r.letter.asc()), &[2, 0, 1]).await;
    comes(&cache, |find| find.sort(|r| r.size.asc()), &[1, 2, 0]).await;
    comes(&cache, |find| find.sort(|r| r.size.desc()), &[0, 2, 1]).await;
}

/// Objects without a value come last, whichever way the others go, in the order of their ids.
pub async fn missing_values_come_last_both_ways(harness: Harness) {
    let ranked = [None, Some(2), None, Some(1), Some(i64::MAX), Some(i64::MIN)];
    let ranked = ranked.into_iter().zip(0..).map(|(rank, id)| Row {
        rank,
        name: rank.map(|rank| {
            if rank == 2 {
                String::new()
            } else {
                rank.to_string()
            }
        }),
        ratio: rank.map(|rank| {
            if rank == 2 {
                f64::INFINITY
            } else {
                f64::NEG_INFINITY
            }
        }),
        flag: rank.map(|rank| rank > 1),
        ..row(id)
    });
    let cache = rows(&harness, ranked).await;
    comes(
        &cache,
        |find| find.sort(|r| r.rank.asc()),
        &[5, 3, 1, 4, 0, 2],
    )
    .await;
    comes(
        &cache,
        |find| find.sort(|r| r.rank.desc()),
        &[4, 1, 3, 5, 0, 2],
    )
    .await;
    comes(
        &cache,
        |find| find.sort(|r| r.name.asc()),
        &[1, 5, 3, 4, 0, 2],
    )
    .await;
    comes(
        &cache,
        |find| find.sort(|r| r.name.desc()),
        &[4, 3, 5, 1, 0, 2],
    )
    .await;
    comes(
        &cache,
        |find| find.sort(|r| r.ratio.asc()),
        &[3, 4, 5, 1, 0, 2],
    )
    .await;
    comes(
        &cache,
        |find| find.sort(|r| r.ratio.desc()),
        &[1, 3, 4, 5, 0, 2],
    )
    .await;
    comes(
        &cache,
        |find| find.sort(|r| r.flag.asc()),
        &[3, 5, 1, 4, 0, 2],
    )
    .await;
    comes(
        &cache,
        |find| find.sort(|r| r.flag.desc()),
        &[1, 4, 3, 5, 0, 2],
    )
    .await;
}

/// Where the keys are equal, or all missing, the id decides, ascending, as a number.
pub async fn equal_keys_go_by_id(harness: Harness) {
    let ids = [100, -5, 20, 3, -40];
    let equal = ids.map(|id| Row {
        rank: Some(1),
        ..row(id)
    });
    let cache = rows(&harness, equal).await;
    let by_id = [-40, -5, 3, 20, 100];
    comes(&cache, |find| find.sort(|r| r.rank.asc()), &by_id).await;
    comes(&cache, |find| find.sort(|r| r.rank.desc()), &by_id).await;
    comes(&cache, |find| find.sort(|r| r.name.desc()), &by_id).await;
}

/// Up to three keys, each its own way; a later one counts where the earlier are equal.
pub async fn three_keys_each_go_their_own_way(harness: Harness) {
    let mut all = Vec::new();
    for (position, id) in (0..36).map(|n| (n, (n * 17) % 36)) {
        let group = [None, Some(1), Some(2)][position as usize % 3];
        let rank = [Some(5), None, Some(-5)][position as usize / 3 % 3];
        let flag = [Some(true), Some(false)][position as usize / 9 % 2];
        all.push(Row {
            group,
            rank,
            flag,
            ..row(id)
        });
    }
    let cache = rows(&harness, all.clone()).await;
    // Missing last in every way: no value is larger than any, both ways.
    let up = |value: Option<i64>| (value.is_none(), value);
    let down = |value: Option<i64>| (value.is_none(), value.map(|value| -value));
    let group = |row: &Row| row.group.map(i64::from);
    let flag = |row: &Row| row.flag.map(i64::from);
    let ids = |rows: &[Row]| rows.iter().map(|row| row.id).collect::<Vec<_>>();
    all.sort_by_key(|row| (up(group(row)), down(row.rank), up(flag(row)), row.id));
    comes(
        &cache,
        |find| {
            find.sort(|r| r.group.asc())
                .sort(|r| r.rank.desc())
                .sort(|r| r.flag.asc())
        },
        &ids(&all),
    )
    .await;
    all.sort_by_key(|row| (down(flag(row)), up(row.rank), down(group(row)), row.id));
    comes(
        &cache,
        |find| {
            find.sort(|r| r.flag.desc())
                .sort(|r| r.rank.asc())
                .sort(|r| r.group.desc())
        },
        &ids(&all),
    )
    .await;
    all.sort_by_key(|row| (down(group(row)), down(flag(row)), row.id));
    comes(
        &cache,
        |find| find.sort(|r| r.group.desc()).sort(|r| r.flag.desc()),
        &ids(&all),
    )
    .await;
}

/// A changed object stands where its new value belongs.
pub async fn a_changed_object_moves_to_its_new_place(harness: Harness) {
    let ranked = (0..5).map(|id| Row {
        rank: Some(i64::from(id) * 10),
        ..row(id)
    });
    let cache = rows(&harness, ranked).await;
    cache
        .put(Row {
            rank: Some(15),
            ..row(4)
        })
        .await
        .unwrap();
    cache
        .put(Row {
            rank: None,
            ..row(0)
        })
        .await
        .unwrap();
    comes(&cache, |find| find.sort(|r| r.rank.asc()), &[1, 4, 2, 3, 0]).await;
    cache.remove(&2).await.unwrap();
    comes(&cache, |find| find.sort(|r| r.rank.desc()), &[3, 4, 1, 0]).await;
}

/// A field named by a string sorts as its handle does, from the front or with a minus.
pub async fn fields_may_be_named_by_strings(harness: Harness) {
    let ranked = [2, 3, 1].into_iter().zip(0..).map(|(rank, id)| Row {
        rank: Some(rank),
        ..row(id)
    });
    let cache = rows(&harness, ranked).await;
    comes(
        &cache,
        |find| find.sort_by_name("rank").unwrap(),
        &[2, 0, 1],
    )
    .await;
    comes(
        &cache,
        |find| find.sort_by_name("-rank").unwrap(),
        &[1, 0, 2],
    )
    .await;
}

/// Orders that make no sense are refused, naming the field and what there is.
pub async fn orders_that_make_no_sense_are_refused(harness: Harness) {
    let cache = rows(&harness, [row(1), row(2)]).await;
    let all = || cache.find(|_| Filter::all());
    nonsense(all().sort_by_name("nosuch"), "`nosuch`");
    nonsense(all().sort_by_name("nosuch"), "rank");
    nonsense(all().sort_by_name(""), "unknown field");
    nonsense(all().sort_by_name("--rank"), "`-rank`");
    nonsense(all().sort_by_name("RANK"), "`RANK`");
    nonsense(all().sort_by_name("unsorted"), "`unsorted`");
    nonsense(all().sort_by_name("unsorted"), "rank");
    nonsense(all().sort_by_name("list"), "`list`");
    nonsense(all().sort_by_name("text"), "`text`");
    nonsense(all().sort_by_name("id"), "`id`");
    let four = all().sort(|r| r.rank.asc()).sort(|r| r.name.asc());
    let four = four.sort(|r| r.ratio.asc()).sort(|r| r.flag.asc());
    nonsense(four.fetch().await, "4 sort keys");
    let twice = || all().sort(|r| r.rank.asc()).sort(|r| r.rank.desc());
    nonsense(twice().fetch().await, "`rank`");
    nonsense(twice().ids().await, "`rank`");
    nonsense(twice().first().await, "`rank`");
    nonsense(twice().stream(), "`rank`");
    assert_eq!(cache.count().await.unwrap(), 2);
}
