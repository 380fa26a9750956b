//! Strings that trip engines up.

use super::Dice;

/// Characters that have tripped up some engine, and neighbours of theirs.
const HOSTILE: &[&str] = &[
    "é",
    "e\u{301}",
    "ß",
    "ẞ",
    "Σ",
    "σ",
    "ς",
    "İ",
    "ı",
    "ǅ",
    "µ",
    "Ꭰ",
    "ꭰ",
    "𐐀",
    "𐐨",
    "👩\u{200d}👩\u{200d}👧",
    "🙂",
    "🇩🇪",
    "漢",
    "字",
    "東京",
    "か",
    "が",
    "ｶ",
    "한",
    "ไทย",
    "\u{200d}",
    "\u{200f}",
    "אב",
    "مر",
    "\u{202e}",
    "\u{feff}",
    "\u{fffd}",
    "\u{ffff}",
    "\u{10ffff}",
    "ﬁ",
    "½",
    "\u{a0}",
    "\u{3000}",
    "。",
    "\u{301}",
];

/// Words of texts: some that stem, fold, stop or overlap.
const WORDS: &[&str] = &[
    "run",
    "running",
    "runs",
    "ab",
    "ba",
    "abab",
    "the",
    "The",
    "a",
    "b",
    "x",
    "Straße",
    "ÉCOLE",
    "école",
    "漢",
    "字",
    "東京都",
    "ΣΊΣ",
    "can't",
    "🙂",
    "3.14",
    "a_b",
    "ﬁne",
    "한국어",
    "ไทย",
    "שלום",
    "𐐀𐐨",
];

/// What stands between words.
const GAPS: &[&str] = &[
    " ", " ", " ", ", ", " - ", "\n", "\u{3000}", "!? ", "/", "\u{0}", "\u{1f}", "。",
];

/// Appends a short piece of a string.
fn atom(dice: &mut Dice, out: &mut String) {
    match dice.below(10) {
        0..=4 => out.push(dice.pick(&['a', 'b', 'A', 'B'])),
        5 => out.extend(any_char(dice, 0, 0x7f)),
        6 => out.extend(any_char(dice, 0x80, 0x9f)),
        7 => out.extend(any_char(dice, 0xe000, 0xf8ff)),
        8 => out.push_str(dice.pick(HOSTILE)),
        _ => out.extend(any_char(dice, 0, 0x0010_ffff)),
    }
}

fn any_char(dice: &mut Dice, low: i64, high: i64) -> Option<char> {
    char::from_u32(dice.between(low, high) as u32)
}

/// A keyword: mostly short and odd, often one of 1,500 terms with a common start, now and then
/// as long as the longest a store takes, or a little longer.
pub fn keyword(dice: &mut Dice) -> String {
    match dice.below(100) {
        0..20 => format!("term{}", dice.below(1_500)),
        20..35 => dice
            .pick(&["", "a", "b", "ab", "ba", "aab", "A*b", "a?b", "\\"])
            .to_string(),
        35 if dice.chance(30) => {
            let mut unit = String::new();
            while unit.is_empty() {
                atom(dice, &mut unit);
            }
            let length = dice.between(3_960, 4_010) as usize;
            let mut long = unit.repeat(length / unit.len());
            long.push_str(dice.pick(&["", "a", "b"]));
            long
        }
        _ => {
            let mut out = String::new();
            for _ in 0..dice.below(5) {
                atom(dice, &mut out);
            }
            out
        }
    }
}

/// A word of a text.
pub fn word(dice: &mut Dice) -> String {
    match dice.below(20) {
        0..4 => format!("w{}", dice.below(1_200)),
        4 => {
            let mut out = String::new();
            for _ in 0..=dice.below(3) {
                atom(dice, &mut out);
            }
            out
        }
        // About where words are cut.
        5 if dice.chance(20) => dice
            .pick(&["a", "ß", "é", "𐐨"])
            .repeat(dice.between(19, 42) as usize),
        6 => format!(
            "{}{}",
            dice.pick(WORDS),
            dice.pick(&["a", "b", "é", "s", "ing", "\u{301}"])
        ),
        _ => dice.pick(WORDS).to_string(),
    }
}

/// A text: mostly a few words, at times none, now and then 64 KiB.
pub fn text(dice: &mut Dice) -> String {
    let words = match dice.below(1_000) {
        0 => {
            let mut long = String::new();
            while long.len() < 65_536 {
                long.push_str(&word(dice));
                long.push_str(dice.pick(GAPS));
            }
            return long;
        }
        1..40 => {
            return dice
                .pick(&["", " ", "-- !?", "\u{0}", "…", "\u{301}"])
                .to_string();
        }
        40..100 => dice.below(40),
        _ => dice.below(7),
    };
    let mut out = String::new();
    for number in 0..words {
        if number > 0 {
            out.push_str(dice.pick(GAPS));
        }
        out.push_str(&word(dice));
    }
    out
}
