//! Conditions on words: what a word is, what makes two of them one, and what fits them.

use larder_core::{Cache, CacheModel as _, Filter};
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

use super::asking::{means, nonsense};
use crate::conformance::Harness;

#[derive(Clone, Debug, Serialize, Deserialize, CacheModel)]
#[cache(name = "note")]
struct Note {
    #[cache(id)]
    id: u64,
    #[cache(text, index, sort)]
    plain: String,
    #[cache(text(fold))]
    folded: String,
    #[cache(text(stem = "english"))]
    stemmed: String,
    #[cache(text(fold, stem = "english", stop_words("the", "of", "Été")))]
    rich: String,
    #[cache(text(bigrams))]
    pairs: String,
    #[cache(text)]
    list: Vec<String>,
    #[cache(text)]
    optional: Option<String>,
}

/// Each text in every field; the list has its lines.
async fn notes(harness: &Harness, texts: &[&str]) -> Cache<Note> {
    let cache: Cache<Note> = harness.cache().await;
    let notes = (0..).zip(texts).map(|(id, text)| Note {
        id,
        plain: (*text).to_owned(),
        folded: (*text).to_owned(),
        stemmed: (*text).to_owned(),
        rich: (*text).to_owned(),
        pairs: (*text).to_owned(),
        list: text.lines().map(str::to_owned).collect(),
        optional: (!text.is_empty()).then(|| (*text).to_owned()),
    });
    cache.put_many(notes).await.unwrap();
    cache
}

const F: NoteFields<Note> = Note::FIELDS;

/// `matches` wants every word, in any order, with anything between; `any` wants one.
pub async fn matches_wants_all_words_and_any_wants_one(harness: Harness) {
    let texts = [
        "the quick brown fox",
        "quick, quick!",
        "a brown dog",
        "Fox and dog",
        "",
    ];
    let cache = notes(&harness, &texts).await;
    means(&cache, |n| n.plain.matches("quick"), &[0, 1]).await;
    means(&cache, |n| n.plain.matches("fox quick"), &[0]).await;
    means(&cache, |n| n.plain.matches("dog, brown"), &[2]).await;
    means(&cache, |n| n.plain.matches("quick quick"), &[0, 1]).await;
    means(&cache, |n| n.plain.matches("quick dog"), &[]).await;
    means(&cache, |n| n.plain.matches("qui"), &[]).await;
    means(&cache, |n| n.plain.any("fox dog"), &[0, 2, 3]).await;
    means(&cache, |n| n.plain.any("fox fox nothing"), &[0, 3]).await;
    means(&cache, |n| n.plain.any("nothing"), &[]).await;
    means(&cache, |n| n.optional.matches("dog"), &[2, 3]).await;
    means(&cache, |n| n.plain.matches_if(Some("dog")), &[2, 3]).await;
    means(&cache, |n| n.plain.any_if(Some("dog fox")), &[0, 2, 3]).await;
}

/// Upper and lower case are one, in every script, on either side.
pub async fn words_ignore_case(harness: Harness) {
    let texts = ["ÄRGER", "ärger", "ΟΔΥΣΣΕΥΣ", "ЁЛКА", "İstanbul", "STRASSE"];
    let cache = notes(&harness, &texts).await;
    means(&cache, |n| n.plain.matches("Ärger"), &[0, 1]).await;
    means(&cache, |n| n.plain.prefix("ÄR"), &[0, 1]).await;
    means(&cache, |n| n.plain.matches("οδυσσευσ"), &[2]).await;
    means(&cache, |n| n.plain.matches("ёлка"), &[3]).await;
    means(&cache, |n| n.plain.matches("İSTANBUL"), &[4]).await;
    means(&cache, |n| n.plain.matches("strasse"), &[5]).await;
    means(&cache, |n| n.plain.matches("straße"), &[]).await;
}

/// Accents count unless the field folds them; then composed, decomposed and bare are one.
pub async fn accents_are_folded_where_asked(harness: Harness) {
    let cache = notes(&harness, &["café", "cafe\u{301}", "cafe", "ﬁn", "fin", "Å"]).await;
    means(&cache, |n| n.plain.matches("café"), &[0]).await;
    means(&cache, |n| n.plain.matches("cafe"), &[2]).await;
    means(&cache, |n| n.folded.matches("café"), &[0, 1, 2]).await;
    means(&cache, |n| n.folded.matches("CAFE"), &[0, 1, 2]).await;
    means(&cache, |n| n.folded.prefix("CAFÉ"), &[0, 1, 2]).await;
    means(&cache, |n| n.folded.suffix("é"), &[0, 1, 2]).await;
    means(&cache, |n| n.folded.matches("fin"), &[3, 4]).await;
    means(&cache, |n| n.folded.matches("a"), &[5]).await;
    means(&cache, |n| n.folded.fuzzy("càfee", 1), &[0, 1, 2]).await;
}

/// Words of one stem are one where the field stems, in objects and in what is asked.
pub async fn stems_are_one_where_asked(harness: Harness) {
    let texts = [
        "running runs",
        "run",
        "runner",
        "Connections",
        "connected",
        "flies",
    ];
    let cache = notes(&harness, &texts).await;
    means(&cache, |n| n.stemmed.matches("runs"), &[0, 1]).await;
    means(&cache, |n| n.stemmed.matches("RUNNING"), &[0, 1]).await;
    means(&cache, |n| n.stemmed.matches("connect"), &[3, 4]).await;
    means(&cache, |n| n.stemmed.phrase("run running"), &[0]).await;
    means(&cache, |n| n.plain.matches("runs"), &[0]).await;
    // What fits parts of words looks at stems and is not stemmed itself.
    means(&cache, |n| n.stemmed.prefix("runn"), &[2]).await;
    means(&cache, |n| n.stemmed.prefix("connecti"), &[]).await;
    means(&cache, |n| n.stemmed.prefix("conn"), &[3, 4]).await;
}

/// Stop words are neither kept nor asked for, but keep their place.
pub async fn stop_words_leave_a_gap(harness: Harness) {
    let texts = [
        "lord of the rings",
        "lord rings",
        "lord in my rings",
        "the été of",
        "Lord OF Ring",
    ];
    let cache = notes(&harness, &texts).await;
    means(&cache, |n| n.rich.matches("the lord"), &[0, 1, 2, 4]).await;
    means(&cache, |n| n.rich.phrase("lord of the rings"), &[0, 2]).await;
    means(&cache, |n| n.rich.phrase("lord rings"), &[1]).await;
    means(&cache, |n| n.rich.phrase("lord of ring"), &[4]).await;
    means(&cache, |n| n.rich.any("the rings"), &[0, 1, 2, 4]).await;
    nonsense(
        cache
            .find(|n| n.rich.matches("the of été THE"))
            .count()
            .await,
        "`rich`",
    );
    means(&cache, |n| n.plain.matches("the"), &[0, 3]).await;
}

/// A phrase wants its words one after the other, repeated ones as often as they stand.
pub async fn phrases_want_their_words_in_a_row(harness: Harness) {
    let texts = [
        "new york city",
        "york new city",
        "new, york",
        "new new york",
        "bye bye bye",
        "bye bye love",
        "a b a b c",
        "a b c",
    ];
    let cache = notes(&harness, &texts).await;
    means(&cache, |n| n.plain.phrase("new york"), &[0, 2, 3]).await;
    means(&cache, |n| n.plain.phrase("New York City"), &[0]).await;
    means(&cache, |n| n.plain.phrase("york new"), &[1]).await;
    means(&cache, |n| n.plain.phrase("new city"), &[1]).await;
    means(&cache, |n| n.plain.phrase("new new"), &[3]).await;
    means(&cache, |n| n.plain.phrase("bye bye"), &[4, 5]).await;
    means(&cache, |n| n.plain.phrase("bye bye bye"), &[4]).await;
    means(&cache, |n| n.plain.phrase("bye bye bye bye"), &[]).await;
    means(&cache, |n| n.plain.phrase("a b c"), &[6, 7]).await;
    means(&cache, |n| n.plain.phrase("a b a"), &[6]).await;
    means(&cache, |n| n.plain.phrase("york"), &[0, 1, 2, 3]).await;
    means(&cache, |n| n.plain.phrase_if(Some("york new")), &[1]).await;
    means(
        &cache,
        |n| n.plain.phrase("new york") & !n.plain.phrase("new new"),
        &[0, 2],
    )
    .await;
}

/// In a list of texts a word may stand in any, a phrase within one.
pub async fn phrases_do_not_run_over_from_text_to_text(harness: Harness) {
    let cache = notes(&harness, &["new\nyork", "new york\ncity", "york\nnew york"]).await;
    means(&cache, |n| n.list.matches("york new"), &[0, 1, 2]).await;
    means(&cache, |n| n.list.phrase("new york"), &[1, 2]).await;
    means(&cache, |n| n.list.phrase("york city"), &[]).await;
    means(&cache, |n| n.list.prefix("cit"), &[1]).await;
}

/// `prefix`, `suffix` and `infix` look at each word alone; one character is enough.
pub async fn parts_of_words_are_found_in_each_word(harness: Harness) {
    let cache = notes(
        &harness,
        &["John Doe", "joan", "Bo Johnson", "hello world", "x1 y2"],
    )
    .await;
    means(&cache, |n| n.plain.prefix("j"), &[0, 1, 2]).await;
    means(&cache, |n| n.plain.prefix("JO"), &[0, 1, 2]).await;
    means(&cache, |n| n.plain.prefix("john"), &[0, 2]).await;
    means(&cache, |n| n.plain.prefix("johnsons"), &[]).await;
    means(&cache, |n| n.plain.prefix("1"), &[]).await;
    means(&cache, |n| n.plain.suffix("n"), &[0, 1, 2]).await;
    means(&cache, |n| n.plain.suffix("son"), &[2]).await;
    means(&cache, |n| n.plain.suffix("2"), &[4]).await;
    means(&cache, |n| n.plain.infix("o"), &[0, 1, 2, 3]).await;
    means(&cache, |n| n.plain.infix("ohn"), &[0, 2]).await;
    means(&cache, |n| n.plain.infix("ow"), &[]).await;
    means(&cache, |n| n.plain.prefix_if(Some("jo")), &[0, 1, 2]).await;
    means(&cache, |n| n.plain.suffix_if(Some("oe")), &[0]).await;
    means(&cache, |n| n.plain.infix_if(Some("orl")), &[3]).await;
    means(&cache, |n| !n.plain.prefix("j"), &[3, 4]).await;
}

/// In `wildcard` a star is anything or nothing, a question mark one letter, over one word.
pub async fn wildcards_fit_one_word_as_a_whole(harness: Harness) {
    let cache = notes(
        &harness,
        &["cat", "cart", "coat", "at the cot", "concat", "ct"],
    )
    .await;
    means(&cache, |n| n.plain.wildcard("c?t"), &[0, 3]).await;
    means(&cache, |n| n.plain.wildcard("c??t"), &[1, 2]).await;
    means(&cache, |n| n.plain.wildcard("c*t"), &[0, 1, 2, 3, 4, 5]).await;
    means(&cache, |n| n.plain.wildcard("C*AT"), &[0, 2, 4]).await;
    means(&cache, |n| n.plain.wildcard("*cat"), &[0, 4]).await;
    means(&cache, |n| n.plain.wildcard("?at"), &[0]).await;
    means(&cache, |n| n.plain.wildcard("*a?"), &[0, 2, 3, 4]).await;
    means(&cache, |n| n.plain.wildcard("*o*a*"), &[2, 4]).await;
    means(&cache, |n| n.plain.wildcard("cat"), &[0]).await;
    means(&cache, |n| n.plain.wildcard_if(Some("cat*")), &[0]).await;
    nonsense(
        cache.find(|n| n.plain.wildcard("*")).count().await,
        "`plain`",
    );
    nonsense(
        cache.find(|n| n.plain.wildcard("??")).count().await,
        "`plain`",
    );
}

/// `fuzzy` counts insertions, deletions and replacements, up to the distance and no further.
pub async fn fuzzy_counts_edits_up_to_the_distance(harness: Harness) {
    let texts = [
        "kitten", "sitten", "sittin", "sitting", "kit", "mittens", "kitchen",
    ];
    let cache = notes(&harness, &texts).await;
    means(&cache, |n| n.plain.fuzzy("kitten", 1), &[0, 1]).await;
    means(&cache, |n| n.plain.fuzzy("kitten", 2), &[0, 1, 2, 5, 6]).await;
    means(
        &cache,
        |n| n.plain.fuzzy("kitten", 3),
        &[0, 1, 2, 3, 4, 5, 6],
    )
    .await;
    means(&cache, |n| n.plain.fuzzy("KITTEN", 1), &[0, 1]).await;
    means(&cache, |n| n.plain.fuzzy("kitte", 1), &[0]).await;
    means(&cache, |n| n.plain.fuzzy("kiten", 1), &[0]).await;
    means(&cache, |n| n.plain.fuzzy("xyz", 1), &[]).await;
    means(&cache, |n| n.plain.fuzzy("ki", 1), &[4]).await;
    means(&cache, |n| n.plain.fuzzy_if(Some("kitten"), 1), &[0, 1]).await;
    let none: Option<&str> = None;
    means(
        &cache,
        |n| n.plain.fuzzy_if(none, 1) & n.plain.matches("kit"),
        &[4],
    )
    .await;
    means(&cache, |n| !n.plain.fuzzy("kitten", 2), &[3, 4]).await;
}

/// Two letters that change places are two edits, not one.
pub async fn fuzzy_knows_no_transpositions(harness: Harness) {
    let cache = notes(&harness, &["ab", "ba", "acb", "abcd", "abdc"]).await;
    means(&cache, |n| n.plain.fuzzy("ab", 1), &[0, 2]).await;
    means(&cache, |n| n.plain.fuzzy("ab", 2), &[0, 1, 2, 3, 4]).await;
    means(&cache, |n| n.plain.fuzzy("abcd", 1), &[3]).await;
    means(&cache, |n| n.plain.fuzzy("abcd", 2), &[0, 2, 3, 4]).await;
}

/// The start of a word is no nearer than its end, and a short word is within reach of any.
pub async fn fuzzy_treats_every_place_of_a_word_alike(harness: Harness) {
    let cache = notes(&harness, &["xbcd", "abcx", "abxd", "b", "abcd"]).await;
    means(&cache, |n| n.plain.fuzzy("abcd", 1), &[0, 1, 2, 4]).await;
    means(&cache, |n| n.plain.fuzzy("a", 1), &[3]).await;
    means(&cache, |n| n.plain.fuzzy("abcd", 3), &[0, 1, 2, 3, 4]).await;
    means(&cache, |n| n.plain.fuzzy("q", 3), &[3]).await;
}

/// `fuzzy` takes one word and a distance of 1, 2 or 3.
pub async fn fuzzy_refuses_other_distances_and_several_words(harness: Harness) {
    let cache = notes(&harness, &["word"]).await;
    for distance in [0, 4, u8::MAX] {
        nonsense(
            cache
                .find(|n| n.plain.fuzzy("word", distance))
                .count()
                .await,
            "`plain`",
        );
    }
    nonsense(
        cache.find(|n| n.plain.fuzzy("two words", 1)).count().await,
        "one word",
    );
    nonsense(
        cache.find(|n| n.plain.fuzzy("", 1)).count().await,
        "`plain`",
    );
}

/// Ideographs are words of one character each, found alone, in a row and by part.
pub async fn ideographs_are_words_of_one_character(harness: Harness) {
    let cache = notes(&harness, &["東京都に住む", "京都", "東の京", "大阪"]).await;
    means(&cache, |n| n.plain.matches("京"), &[0, 1, 2]).await;
    means(&cache, |n| n.plain.matches("京都"), &[0, 1]).await;
    means(&cache, |n| n.plain.phrase("東京"), &[0]).await;
    means(&cache, |n| n.plain.matches("東京"), &[0, 2]).await;
    means(&cache, |n| n.plain.prefix("東"), &[0, 2]).await;
    means(&cache, |n| n.plain.any("阪東"), &[0, 2, 3]).await;
}

/// Where the field makes pairs of ideographs, a pair is found as a pair and one in any.
pub async fn ideographs_are_found_in_pairs_where_asked(harness: Harness) {
    let cache = notes(
        &harness,
        &["東京都に住む", "京都", "東の京", "大阪 abc", "阪"],
    )
    .await;
    means(&cache, |n| n.pairs.matches("東京"), &[0]).await;
    means(&cache, |n| n.pairs.matches("京都"), &[0, 1]).await;
    means(&cache, |n| n.pairs.matches("東京都"), &[0]).await;
    means(&cache, |n| n.pairs.phrase("東京都"), &[0]).await;
    means(&cache, |n| n.pairs.matches("京"), &[0, 1, 2]).await;
    means(&cache, |n| n.pairs.matches("阪"), &[3, 4]).await;
    means(&cache, |n| n.pairs.matches("大阪 abc"), &[3]).await;
    means(&cache, |n| n.pairs.matches("abc"), &[3]).await;
    means(&cache, |n| n.pairs.any("大阪 京都"), &[0, 1, 3]).await;
}

/// Pictographs are words, each its own, composed ones included.
pub async fn emoji_are_words(harness: Harness) {
    let cache = notes(
        &harness,
        &["good 🙂", "bad 🙁 day", "🙂🙁", "👩‍🚀 landed", "👩"],
    )
    .await;
    means(&cache, |n| n.plain.matches("🙂"), &[0, 2]).await;
    means(&cache, |n| n.plain.matches("🙁 🙂"), &[2]).await;
    means(&cache, |n| n.plain.phrase("🙂🙁"), &[2]).await;
    means(&cache, |n| n.plain.phrase("🙁🙂"), &[]).await;
    means(&cache, |n| n.plain.matches("👩‍🚀"), &[3]).await;
    means(&cache, |n| n.plain.matches("👩"), &[4]).await;
    means(&cache, |n| n.plain.prefix("👩"), &[3, 4]).await;
    // To `fuzzy` a pictograph is two units.
    means(&cache, |n| n.plain.fuzzy("🙂", 2), &[0, 1, 2, 4]).await;
}

/// What is between words is no word: text of nothing else is refused in a query and matches
/// nothing in an object.
pub async fn text_without_words_is_refused_and_matches_nothing(harness: Harness) {
    let cache = notes(&harness, &["", " -- !? ", "...", "a", "\0\u{1}\n"]).await;
    for text in ["", " ", "-- !?", "*", "\0", "\u{200b}", "'\"'", "。"] {
        let ask = |filter: Filter<Note>| cache.find(|_| filter).fetch();
        nonsense(ask(F.plain.matches(text)).await, "`plain`");
        nonsense(ask(F.plain.any(text)).await, "`plain`");
        nonsense(ask(F.plain.phrase(text)).await, "`plain`");
        nonsense(ask(F.plain.prefix(text)).await, "`plain`");
        nonsense(ask(F.plain.suffix(text)).await, "`plain`");
        nonsense(ask(F.plain.infix(text)).await, "`plain`");
        nonsense(ask(F.plain.wildcard(text)).await, "`plain`");
        nonsense(ask(F.plain.fuzzy(text, 1)).await, "`plain`");
        nonsense(ask(!F.plain.matches(text)).await, "`plain`");
        nonsense(
            ask(F.plain.matches(text) | F.plain.eq("a")).await,
            "`plain`",
        );
    }
    means(&cache, |n| n.plain.matches("a"), &[3]).await;
    means(&cache, |n| !n.plain.wildcard("*a*"), &[0, 1, 2, 4]).await;
    means(&cache, |n| n.plain.eq(""), &[0]).await;
}

/// Letters, digits and what joins them: words as Unicode has them.
pub async fn words_are_what_unicode_says(harness: Harness) {
    let texts = [
        "don't stop",
        "3.14 is pi",
        "snake_case_name",
        "e-mail me@host.org",
        "O'Neill",
        "C++ or C#",
    ];
    let cache = notes(&harness, &texts).await;
    means(&cache, |n| n.plain.matches("don't"), &[0]).await;
    means(&cache, |n| n.plain.matches("don"), &[]).await;
    means(&cache, |n| n.plain.matches("3.14"), &[1]).await;
    means(&cache, |n| n.plain.matches("snake_case_name"), &[2]).await;
    means(&cache, |n| n.plain.matches("snake"), &[]).await;
    means(&cache, |n| n.plain.prefix("snake"), &[2]).await;
    means(&cache, |n| n.plain.matches("mail"), &[3]).await;
    means(&cache, |n| n.plain.matches("host.org"), &[3]).await;
    means(&cache, |n| n.plain.matches("o'neill"), &[4]).await;
    means(&cache, |n| n.plain.matches("c"), &[5]).await;
}

/// Of a very long word the first forty units count, on both sides alike.
pub async fn very_long_words_count_by_their_beginning(harness: Harness) {
    let (forty, more) = ("x".repeat(40), "x".repeat(50));
    let other = format!("{}y{}", "x".repeat(40), "z".repeat(5));
    let cache = notes(&harness, &[&forty, &more, &other, "x"]).await;
    means(&cache, |n| n.plain.matches(&more), &[0, 1, 2]).await;
    means(&cache, |n| n.plain.matches(&forty), &[0, 1, 2]).await;
    means(&cache, |n| n.plain.prefix(&more), &[0, 1, 2]).await;
    means(&cache, |n| n.plain.fuzzy(&more, 1), &[0, 1, 2]).await;
}

/// A text of tens of thousands of words is found by its first, its last and a phrase.
pub async fn long_texts_are_found_by_every_word(harness: Harness) {
    let cache: Cache<Note> = harness.cache().await;
    let words: Vec<String> = (0..30_000).map(|n| format!("w{n}")).collect();
    let note = Note {
        id: 1,
        plain: String::new(),
        folded: words.join(" "),
        stemmed: String::new(),
        rich: String::new(),
        pairs: String::new(),
        list: vec![],
        optional: None,
    };
    cache.put(note).await.unwrap();
    means(&cache, |n| n.folded.matches("w0 w29999"), &[1]).await;
    means(&cache, |n| n.folded.phrase("w500 w501 w502"), &[1]).await;
    means(&cache, |n| n.folded.phrase("w501 w500"), &[]).await;
    means(&cache, |n| n.folded.matches("w30000"), &[]).await;
    means(&cache, |n| n.folded.prefix("w2999"), &[1]).await;
}

/// A prefix that more than a thousand words begin with finds all of their objects.
pub async fn prefixes_of_thousands_of_words_find_all(harness: Harness) {
    let texts: Vec<String> = (0..1_500).map(|n| format!("term{n}")).collect();
    let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
    let cache = notes(&harness, &texts).await;
    let all: Vec<u64> = (0..1_500).collect();
    means(&cache, |n| n.plain.prefix("t"), &all).await;
    means(
        &cache,
        |n| n.plain.prefix("term") & !n.plain.matches("term7"),
        &{
            let mut others = all.clone();
            others.remove(7);
            others
        },
    )
    .await;
    means(
        &cache,
        |n| n.plain.wildcard("t*9*9") & n.plain.prefix("term9"),
        &{
            let fits =
                |n: &u64| (90..1_000).contains(n) && n.to_string().starts_with('9') && n % 10 == 9;
            all.iter().copied().filter(fits).collect::<Vec<_>>()
        },
    )
    .await;
}

/// Changed texts are found by their new words and no longer by their old ones.
pub async fn a_changed_text_is_found_by_its_new_words(harness: Harness) {
    let cache = notes(&harness, &["old words here", "old others"]).await;
    let note = cache.get(&0).await.unwrap().unwrap();
    let changed = Note {
        plain: "new words".to_owned(),
        ..Note::clone(&note)
    };
    cache.put(changed).await.unwrap();
    means(&cache, |n| n.plain.matches("old"), &[1]).await;
    means(&cache, |n| n.plain.matches("new"), &[0]).await;
    means(&cache, |n| n.plain.matches("words"), &[0]).await;
    means(&cache, |n| n.plain.matches("here"), &[]).await;
    means(&cache, |n| n.folded.matches("here"), &[0]).await;
}

/// Without a sort, an object with more of what was asked comes before one with less.
pub async fn without_a_sort_the_better_text_comes_first(harness: Harness) {
    let filler = "filler ".repeat(30);
    let texts = [
        &format!("rust {filler}"),
        "rust rust rust",
        &filler,
        "other",
    ];
    let cache = notes(&harness, &texts).await;
    let ranked = cache.find(|n| n.plain.matches("rust")).ids().await.unwrap();
    assert_eq!(ranked.items, [1, 0]);
    let sorted = cache
        .find(|n| n.plain.matches("rust"))
        .sort(|n| n.plain.desc());
    assert_eq!(sorted.ids().await.unwrap().items, [1, 0]);
    let sorted = cache
        .find(|n| n.plain.matches("rust"))
        .sort(|n| n.plain.asc());
    assert_eq!(sorted.ids().await.unwrap().items, [0, 1]);
}
