//! Patterns with `*` and `?`, matched without backtracking over more than one `*`.

/// A pattern over a whole string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    parts: Vec<GlobPart>,
}

/// One part of a [`Glob`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GlobPart {
    /// This text.
    Text(String),
    /// Any one unit (a `char` of the encoded token).
    One,
    /// Anything or nothing.
    Many,
}

impl Glob {
    /// The pattern made of `parts`; neighbours that say the same are joined.
    pub fn new(parts: impl IntoIterator<Item = GlobPart>) -> Self {
        let mut joined: Vec<GlobPart> = Vec::new();
        for part in parts {
            match (joined.last_mut(), part) {
                (_, GlobPart::Text(text)) if text.is_empty() => {}
                (Some(GlobPart::Text(before)), GlobPart::Text(text)) => before.push_str(&text),
                (Some(GlobPart::Many), GlobPart::Many) => {}
                // `*?` and `?*` mean the same; one order makes equal patterns equal.
                (Some(last @ GlobPart::Many), GlobPart::One) => {
                    *last = GlobPart::One;
                    joined.push(GlobPart::Many);
                }
                (_, part) => joined.push(part),
            }
        }
        Self { parts: joined }
    }

    /// The parts, joined.
    pub fn parts(&self) -> &[GlobPart] {
        &self.parts
    }

    /// The one text that fits, if there is just one.
    pub fn as_text(&self) -> Option<&str> {
        match &*self.parts {
            [] => Some(""),
            [GlobPart::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// What everything that fits starts with, if the pattern is that and nothing more.
    pub fn as_prefix(&self) -> Option<&str> {
        match &*self.parts {
            [GlobPart::Many] => Some(""),
            [GlobPart::Text(text), GlobPart::Many] => Some(text),
            _ => None,
        }
    }

    /// Whether everything fits.
    pub fn is_anything(&self) -> bool {
        matches!(&*self.parts, [GlobPart::Many])
    }

    /// Whether `text` as a whole fits.
    ///
    /// Greedy with one point of return, the last `*` seen: linear in practice, never worse than
    /// the product of the two lengths.
    pub fn matches(&self, text: &str) -> bool {
        let (mut part, mut rest) = (0, text);
        let mut retry: Option<(usize, &str)> = None;
        loop {
            let stepped = match self.parts.get(part) {
                Some(GlobPart::Many) => {
                    part += 1;
                    if part == self.parts.len() {
                        return true;
                    }
                    retry = Some((part, rest));
                    continue;
                }
                Some(GlobPart::Text(wanted)) => rest.strip_prefix(wanted.as_str()),
                Some(GlobPart::One) => after_first(rest),
                None if rest.is_empty() => return true,
                None => None,
            };
            match (stepped, retry) {
                (Some(after), _) => {
                    part += 1;
                    rest = after;
                }
                (None, Some((from, at))) => {
                    let Some(after) = after_first(at) else {
                        return false;
                    };
                    retry = Some((from, after));
                    part = from;
                    rest = after;
                }
                (None, None) => return false,
            }
        }
    }

    pub(crate) fn write_canonical(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.parts.len() as u64).to_be_bytes());
        for part in &self.parts {
            match part {
                GlobPart::Text(text) => {
                    out.push(0);
                    crate::value::write_bytes(text.as_bytes(), out);
                }
                GlobPart::One => out.push(1),
                GlobPart::Many => out.push(2),
            }
        }
    }
}

fn after_first(text: &str) -> Option<&str> {
    let mut chars = text.chars();
    chars.next().map(|_| chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn glob(pattern: &str) -> Glob {
        Glob::new(pattern.chars().map(|c| match c {
            '*' => GlobPart::Many,
            '?' => GlobPart::One,
            c => GlobPart::Text(c.to_string()),
        }))
    }

    /// The definition, by recursion.
    fn fits(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((&'*', rest)), _) => {
                fits(rest, text) || text.split_first().is_some_and(|(_, t)| fits(pattern, t))
            }
            (Some((&p, rest)), Some((&t, text))) => (p == '?' || p == t) && fits(rest, text),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn a_glob_fits_what_its_definition_says(pattern in "[aß*?]{0,8}", text in "[aß]{0,8}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(glob(&pattern).matches(&text), fits(&p, &t));
        }
    }

    #[test]
    fn many_stars_end_in_bounded_time() {
        let pattern = glob(&"a*".repeat(2_000));
        assert!(!pattern.matches(&format!("{}b", "a".repeat(1_000))));
    }
}
