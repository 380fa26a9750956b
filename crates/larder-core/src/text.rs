//! Text analysis: from text to tokens, once, for every store.
//!
//! Unicode word segmentation (UAX 29), lower-casing, then what the field asks for: accent
//! folding, Snowball stemming, stop words, bigrams for scripts without spaces. Engines below get
//! finished tokens in a safe alphabet ([`encode`]) and never analyse again: that is what makes
//! them agree.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use crate::error::{Error, Result};

/// The most units of a word that count; what stands behind them is cut off.
pub const MAX_TOKEN_UNITS: usize = 40;

/// How a field's text becomes tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Analyzer {
    fold_accents: bool,
    stem: Option<String>,
    stop_words: Vec<String>,
    bigrams: bool,
}

impl Analyzer {
    /// Words, lower-cased, nothing else done to them.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes `é`, `e` and `E` one: compatibility decomposition (NFKD), marks dropped.
    #[must_use]
    pub fn with_accent_folding(mut self) -> Self {
        self.fold_accents = true;
        self
    }

    /// Reduces words to their stems by the Snowball algorithm of `language` (`"english"`).
    /// Prefixes and other patterns are not stemmed.
    #[must_use]
    pub fn with_stemming(mut self, language: impl Into<String>) -> Self {
        self.stem = Some(language.into());
        self
    }

    /// Leaves these words out, in objects and in queries. They keep their place, so a phrase
    /// does not close the gap.
    #[must_use]
    pub fn with_stop_words<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.stop_words = words.into_iter().map(Into::into).collect();
        self.stop_words.sort();
        self.stop_words.dedup();
        self
    }

    /// Makes overlapping pairs of neighbouring ideographs, kana and the like: what
    /// scripts without spaces need for words of two characters and more.
    #[must_use]
    pub fn with_bigrams(mut self) -> Self {
        self.bigrams = true;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        if let Some(language) = &self.stem
            && frostem::Algorithm::from_name(language).is_err()
        {
            let known: Vec<_> = frostem::Algorithm::all()
                .iter()
                .map(|algorithm| algorithm.name())
                .collect();
            return Err(Error::invalid_model(format!(
                "`{language}` is no language that can be stemmed; there are: {}",
                known.join(", ")
            )));
        }
        Ok(())
    }

    /// Everything that changes which tokens come out, as text for the schema's fingerprint.
    pub(crate) fn signature(&self) -> String {
        format!("1 {self:?}")
    }

    /// The tokens of one text.
    pub fn analyze(&self, text: &str) -> TokenList {
        let mut tokens = TokenList::default();
        self.analyze_into(text, &mut tokens);
        tokens
    }

    /// Appends the tokens of `text`. A gap in positions keeps phrases from running over from
    /// what is there already.
    pub(crate) fn analyze_into(&self, text: &str, out: &mut TokenList) {
        let stemmer = self
            .stem
            .as_deref()
            .and_then(|language| frostem::Algorithm::from_name(language).ok())
            .map(frostem::Stemmer::new);
        out.letters.reserve(text.len());
        out.spans.reserve(text.len() / 6);
        let stop_words: Vec<String> = self.stop_words.iter().map(|word| self.fold(word)).collect();
        let mut position = out.spans.last().map_or(0, |last| last.position + 2);
        let mut run: Vec<&str> = Vec::new();
        let mut run_end = 0;
        let mut word = String::new();
        // Of ASCII alone the segments are found by a shorter way, and are words by the same rule.
        let (ascii, unicode) = if text.is_ascii() {
            (Some(text.unicode_word_indices()), None)
        } else {
            (None, Some(text.split_word_bound_indices()))
        };
        let unicode = unicode.into_iter().flatten();
        let segments = ascii
            .into_iter()
            .flatten()
            .chain(unicode.filter(|(_, segment)| is_word(segment)));
        for (start, segment) in segments {
            if self.bigrams {
                let single = is_unspaced(segment);
                let goes_on = single && start == run_end;
                if !run.is_empty() && !goes_on {
                    position = self.push_bigrams(&run, position, out);
                    run.clear();
                }
                if single {
                    run.push(segment);
                    run_end = start + segment.len();
                    continue;
                }
            }
            word.clear();
            self.fold_into(segment, &mut word);
            if !word.is_empty() && !stop_words.contains(&word) {
                match &stemmer {
                    Some(stemmer) => out.push(&stemmer.stem(&word), position),
                    None => out.push(&word, position),
                }
            }
            position += 1;
        }
        if !run.is_empty() {
            self.push_bigrams(&run, position, out);
        }
    }

    fn push_bigrams(&self, run: &[&str], position: u32, out: &mut TokenList) -> u32 {
        if let [single] = run {
            out.push(&self.fold(single), position);
            return position + 1;
        }
        let mut position = position;
        for pair in run.windows(2) {
            out.push(&self.fold(&pair.concat()), position);
            position += 1;
        }
        position
    }

    /// Whether one character alone stands for a word here but never for a token: then a query
    /// for it has to look inside tokens.
    pub(crate) fn is_part_of_bigram(&self, text: &str) -> bool {
        self.bigrams && text.unicode_words().count() == 1 && text.unicode_words().all(is_unspaced)
    }

    /// Folds a word or a part of one: lower case, and accents if the field says so. Works
    /// character by character, so the fold of a part is a part of the fold.
    pub fn fold(&self, text: &str) -> String {
        let mut folded = String::with_capacity(text.len());
        self.fold_into(text, &mut folded);
        folded
    }

    fn fold_into(&self, text: &str, out: &mut String) {
        if text.is_ascii() {
            let start = out.len();
            out.push_str(text);
            out[start..].make_ascii_lowercase();
        } else if self.fold_accents {
            out.extend(
                text.chars()
                    .flat_map(char::to_lowercase)
                    .nfkd()
                    .filter(|&c| !is_combining_mark(c))
                    .flat_map(char::to_lowercase)
                    .nfkd()
                    .filter(|&c| !is_combining_mark(c)),
            );
        } else {
            out.extend(text.chars().flat_map(char::to_lowercase));
        }
    }
}

/// Whether a segment between two word boundaries is a word: it holds a letter or digit, or it
/// is a pictograph, which people do search for.
fn is_word(segment: &str) -> bool {
    segment.chars().any(|c| {
        c.is_alphanumeric() || matches!(c, '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}')
    })
}

/// Whether a segment is one character of a script written without spaces.
fn is_unspaced(segment: &str) -> bool {
    let mut chars = segment.chars();
    let unspaced = |c: char| {
        matches!(c,
            '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}' | '\u{ac00}'..='\u{d7af}' | '\u{0e00}'..='\u{0eff}'
            | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{20000}'..='\u{3ffff}')
    };
    chars.next().is_some_and(unspaced) && chars.all(|c| unspaced(c) || is_combining_mark(c))
}

/// Appends `word` in the alphabet that every engine leaves alone.
///
/// Digits and small ASCII letters stand for themselves, and so do those other letters of the
/// basic plane that no engine's case folding touches: one unit each. Everything else becomes
/// two private-use units, high part and low part from disjoint ranges, so that a match can never
/// begin or end inside a character. The set was found by differential runs against RediSearch
/// 2.10.5, which folds ASCII in its index but all of Unicode in its patterns, and keeps 16 bits
/// of a character.
pub fn encode(word: &str, out: &mut String) {
    for c in word.chars() {
        encode_char(c, out);
    }
}

/// Appends one character encoded; says how many units it took.
pub(crate) fn encode_char(c: char, out: &mut String) -> usize {
    if stands_for_itself(c) {
        out.push(c);
        return 1;
    }
    let code = u32::from(c);
    let units = [0xe000 + (code >> 10), 0xe440 + (code & 0x3ff)];
    // Both ranges lie in U+E000..E83F, below the end of the private-use area.
    out.extend(units.into_iter().filter_map(char::from_u32));
    2
}

/// Whether all of it stands for itself, and each byte is a unit: most words of most texts.
fn is_plain(word: &str) -> bool {
    word.bytes()
        .all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
}

fn stands_for_itself(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_digit() || c.is_ascii_lowercase();
    }
    let is_one =
        |mut mapped: std::char::ToLowercase| mapped.next() == Some(c) && mapped.next().is_none();
    let upper_comes_back = || {
        let mut back = c.to_uppercase().flat_map(char::to_lowercase);
        back.next() == Some(c) && back.next().is_none()
    };
    matches!(c, '\u{a0}'..='\u{ffff}')
        && !matches!(c, '\u{e000}'..='\u{e83f}' | '\u{13a0}'..='\u{13fd}' | '\u{ab70}'..='\u{abbf}')
        && is_one(c.to_lowercase())
        && upper_comes_back()
}

/// The tokens of one field of one object: encoded, in order, each with its position.
///
/// One allocation for the letters and one for the spans, however many tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenList {
    letters: String,
    spans: Vec<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
    position: u32,
}

impl TokenList {
    /// The list of tokens that are encoded already, as [`iter`](Self::iter) gave them: for a store
    /// that keeps tokens outside this process. Nothing is folded, cut or checked.
    ///
    /// Positions have to ascend, as phrases are looked for in that order. An empty token is left
    /// out.
    ///
    /// ```
    /// use larder_core::text::{Analyzer, TokenList};
    ///
    /// let tokens = Analyzer::new().analyze("Hello, World!");
    /// assert_eq!(TokenList::from_encoded(tokens.iter()), tokens);
    /// ```
    pub fn from_encoded<'t>(tokens: impl IntoIterator<Item = (&'t str, u32)>) -> Self {
        let tokens = tokens.into_iter();
        let mut list = Self::default();
        list.spans.reserve(tokens.size_hint().0);
        for (token, position) in tokens {
            let start = list.letters.len() as u32;
            list.letters.push_str(token);
            list.end_token(start, position);
        }
        list
    }

    fn push(&mut self, word: &str, position: u32) {
        let start = self.letters.len() as u32;
        if is_plain(word) {
            let units = word.len().min(MAX_TOKEN_UNITS);
            self.letters.push_str(&word[..units]);
        } else {
            let mut units = 0;
            for c in word.chars() {
                let before = self.letters.len();
                units += encode_char(c, &mut self.letters);
                if units > MAX_TOKEN_UNITS {
                    self.letters.truncate(before);
                    break;
                }
            }
        }
        self.end_token(start, position);
    }

    /// Makes a token of the letters from `start` on, if there are any.
    fn end_token(&mut self, start: u32, position: u32) {
        let end = self.letters.len() as u32;
        if end > start {
            self.spans.push(Span {
                start,
                end,
                position,
            });
        }
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The encoded tokens with their positions, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u32)> {
        let token = |span: &Span| (self.token(*span), span.position);
        self.spans.iter().map(token)
    }

    /// The encoded token at `index` of the order.
    pub fn get(&self, index: usize) -> Option<&str> {
        self.spans.get(index).map(|span| self.token(*span))
    }

    fn token(&self, span: Span) -> &str {
        &self.letters[span.start as usize..span.end as usize]
    }

    /// Bytes on the heap.
    pub fn heap_size(&self) -> usize {
        self.letters.len() + self.spans.len() * size_of::<Span>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(analyzer: &Analyzer, text: &str) -> Vec<(String, u32)> {
        analyzer
            .analyze(text)
            .iter()
            .map(|(token, position)| (token.to_owned(), position))
            .collect()
    }

    fn plain(tokens: &[(&str, u32)]) -> Vec<(String, u32)> {
        tokens.iter().map(|(t, p)| ((*t).to_owned(), *p)).collect()
    }

    #[test]
    fn punctuation_and_spaces_are_no_tokens() {
        let analyzer = Analyzer::new();
        assert_eq!(words(&analyzer, " -- !? \n"), vec![]);
        assert_eq!(
            words(&analyzer, "Hello, World!"),
            plain(&[("hello", 0), ("world", 1)])
        );
    }

    #[test]
    fn stop_words_leave_a_gap() {
        let analyzer = Analyzer::new().with_stop_words(["the"]);
        assert_eq!(
            words(&analyzer, "on The road"),
            plain(&[("on", 0), ("road", 2)])
        );
    }

    #[test]
    fn stemming_and_folding_work_together() {
        let analyzer = Analyzer::new()
            .with_accent_folding()
            .with_stemming("english");
        assert_eq!(
            words(&analyzer, "Running cafés"),
            plain(&[("run", 0), ("cafe", 1)])
        );
    }

    #[test]
    fn ideographs_become_overlapping_pairs_only_on_request() {
        assert_eq!(words(&Analyzer::new(), "東京都").len(), 3);
        assert_eq!(
            words(&Analyzer::new().with_bigrams(), "東京都 x"),
            plain(&[("東京", 0), ("京都", 1), ("x", 2)])
        );
    }

    #[test]
    fn an_empty_encoded_token_is_left_out() {
        let tokens = TokenList::from_encoded([("a", 0), ("", 1), ("b", 2)]);
        assert_eq!(tokens.iter().collect::<Vec<_>>(), [("a", 0), ("b", 2)]);
    }

    #[test]
    fn words_are_cut_at_forty_units_and_never_inside_a_character() {
        let tokens = Analyzer::new().analyze(&format!("{}ß", "a".repeat(39)));
        let (token, _) = tokens.iter().next().expect("one token");
        assert!(token.chars().count() <= MAX_TOKEN_UNITS);
        assert_eq!(token, "a".repeat(39));
    }

    /// Every character there is, against the rule as the design notes state it.
    #[test]
    fn characters_take_the_units_of_the_safe_alphabet() {
        let mut seen = std::collections::HashSet::new();
        for c in '\0'..=char::MAX {
            let code = u32::from(c);
            let lower = |c: char| c.to_lowercase().collect::<String>();
            let upper_lower: String = c.to_uppercase().flat_map(char::to_lowercase).collect();
            let safe = c.is_ascii_digit()
                || c.is_ascii_lowercase()
                || ((0xa0..=0xffff).contains(&code)
                    && !(0xe000..=0xe83f).contains(&code)
                    && lower(c) == c.to_string()
                    && upper_lower == c.to_string()
                    && !(0x13a0..=0x13fd).contains(&code)
                    && !(0xab70..=0xabbf).contains(&code));
            let wanted: String = if safe {
                c.to_string()
            } else {
                [0xe000 + (code >> 10), 0xe440 + (code & 0x3ff)]
                    .into_iter()
                    .filter_map(char::from_u32)
                    .collect()
            };
            let mut out = String::new();
            let units = encode_char(c, &mut out);
            assert_eq!((&out, units), (&wanted, out.chars().count()), "{c:?}");
            assert!(seen.insert(out), "{c:?} is written like another");
        }
    }

    proptest! {
        #[test]
        fn ascii_is_cut_into_the_same_words_by_both_ways(
            text in "[ -~]{0,20}", dense in "[a1_.,:;'\" -]{0,12}",
        ) {
            for text in [text, dense] {
                let long = text.split_word_bound_indices().filter(|(_, word)| is_word(word));
                prop_assert!(long.eq(text.unicode_word_indices()), "{text:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn encoding_is_injective_and_splits_nowhere_else(a in "\\PC{0,12}", b in "\\PC{0,12}") {
            let encoded = |text: &str| { let mut out = String::new(); encode(text, &mut out); out };
            prop_assert_eq!(a == b, encoded(&a) == encoded(&b));
            prop_assert_eq!(a.contains(&b), encoded(&a).contains(&encoded(&b)));
            prop_assert_eq!(a.starts_with(&b), encoded(&a).starts_with(&encoded(&b)));
        }

        #[test]
        fn encoding_tells_any_two_strings_apart(
            a in proptest::collection::vec(any::<char>(), 0..6),
            b in proptest::collection::vec(any::<char>(), 0..6),
            c in proptest::collection::vec(any::<char>(), 0..6),
        ) {
            let text = |chars: &[char]| chars.iter().collect::<String>();
            let encoded = |text: &str| { let mut out = String::new(); encode(text, &mut out); out };
            let whole = text(&[&a[..], &b, &c].concat());
            let part = text(&b);
            prop_assert!(encoded(&whole).contains(&encoded(&part)));
            for (x, y) in [(&a, &b), (&b, &c), (&a, &c)] {
                let (x, y) = (text(x), text(y));
                prop_assert_eq!(x == y, encoded(&x) == encoded(&y));
                prop_assert_eq!(x.contains(&y), encoded(&x).contains(&encoded(&y)));
                prop_assert_eq!(x.ends_with(&y), encoded(&x).ends_with(&encoded(&y)));
            }
            // Nothing matches from the middle of one character to that of another.
            let units = encoded(&whole);
            let starts: Vec<usize> = whole
                .char_indices()
                .map(|(at, _)| encoded(&whole[..at]).len())
                .collect();
            for (at, _) in units.match_indices(&encoded(&part)).filter(|_| !part.is_empty()) {
                prop_assert!(starts.contains(&at));
            }
        }

        #[test]
        fn tokens_are_whole_words_of_at_most_forty_units_in_order(
            text in "([a-cßÉ漢🙂\u{301}\u{0} ,.-]|\\PC){0,120}", fold: bool, stem: bool, bigrams: bool,
        ) {
            let mut analyzer = Analyzer::new().with_stop_words(["a", "b"]);
            if fold { analyzer = analyzer.with_accent_folding(); }
            if stem { analyzer = analyzer.with_stemming("english"); }
            if bigrams { analyzer = analyzer.with_bigrams(); }
            let tokens = analyzer.analyze(&text);
            let mut last = None;
            for (token, position) in tokens.iter() {
                prop_assert!((1..=MAX_TOKEN_UNITS).contains(&token.chars().count()));
                prop_assert!(last < Some(position));
                last = Some(position);
                // A high unit is followed by a low one, and a low one stands behind a high one.
                let mut high = false;
                for unit in token.chars() {
                    prop_assert_eq!(high, matches!(unit, '\u{e440}'..='\u{e83f}'));
                    high = matches!(unit, '\u{e000}'..='\u{e43f}');
                }
                prop_assert!(!high);
            }
        }

        #[test]
        fn a_list_made_of_its_encoded_tokens_is_the_same(
            texts in proptest::collection::vec("([a-cßÉ漢🙂\u{301}\u{0} ,.-]|\\PC|[a-z]{38,44}){0,60}", 0..4),
            stem: bool, bigrams: bool,
        ) {
            let mut analyzer = Analyzer::new().with_stop_words(["a", "b"]);
            if stem { analyzer = analyzer.with_stemming("english"); }
            if bigrams { analyzer = analyzer.with_bigrams(); }
            let mut tokens = TokenList::default();
            for text in &texts {
                analyzer.analyze_into(text, &mut tokens);
            }
            let stored: Vec<(String, u32)> =
                tokens.iter().map(|(token, position)| (token.to_owned(), position)).collect();
            let again = TokenList::from_encoded(
                stored.iter().map(|(token, position)| (token.as_str(), *position)),
            );
            prop_assert_eq!(again, tokens);
        }

        #[test]
        fn folding_twice_changes_nothing(text in "\\PC{0,20}") {
            for analyzer in [Analyzer::new(), Analyzer::new().with_accent_folding()] {
                let once = analyzer.fold(&text);
                prop_assert_eq!(analyzer.fold(&once), once);
            }
        }
    }
}
