//! What a list is asked for: read from a URL, turned into a filter, and back into a URL.

use larder::{Filter, Find};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Select};
use serde::Deserialize;
use unicode_segmentation::UnicodeSegmentation;

use crate::people::{CITIES, Column, Entity, Fields, PersonCard, TEAMS};

/// The longest text that is searched for, in characters.
pub(crate) const MAX_QUERY: usize = 80;

/// How many people are on a page.
pub(crate) const PAGE_SIZE: usize = 24;

/// The last page that can be asked for.
const MAX_PAGE: usize = 400;

/// The parameters that a list knows. Others are no part of its page's key.
pub(crate) const PARAMETERS: [&str; 6] = ["q", "in", "team", "city", "sort", "page"];

/// A list's parameters as they are sent.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Parameters {
    q: Option<String>,
    r#in: Option<String>,
    team: Option<String>,
    city: Option<String>,
    sort: Option<String>,
    page: Option<String>,
}

/// Where words are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Within {
    #[default]
    Names,
    Bios,
}

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    #[default]
    Name,
    NameBackwards,
    Newest,
    Oldest,
}

impl Order {
    pub(crate) const ALL: [Self; 4] = [Self::Name, Self::NameBackwards, Self::Newest, Self::Oldest];

    /// As URLs have it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::NameBackwards => "-name",
            Self::Newest => "-joined",
            Self::Oldest => "joined",
        }
    }
}

/// What a list is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Search {
    pub(crate) text: String,
    pub(crate) within: Within,
    pub(crate) team: Option<&'static str>,
    pub(crate) city: Option<&'static str>,
    pub(crate) order: Order,
    /// The first is 1.
    pub(crate) page: usize,
}

impl Search {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with which parameter, for people to read.
    pub(crate) fn read(given: Parameters) -> Result<Self, String> {
        let text = given.q.unwrap_or_default();
        if text.chars().count() > MAX_QUERY {
            return Err(format!("“q” has at most {MAX_QUERY} characters."));
        }
        let within = match given.r#in.as_deref() {
            None | Some("" | "names") => Within::Names,
            Some("bios") => Within::Bios,
            Some(_) => return Err("“in” is “names” or “bios”.".to_owned()),
        };
        let order = match given.sort.as_deref() {
            None | Some("") => Order::default(),
            Some(sort) => Order::ALL
                .into_iter()
                .find(|order| order.as_str() == sort)
                .ok_or("“sort” is “name”, “-name”, “joined” or “-joined”.")?,
        };
        let page = match given.page.as_deref() {
            None | Some("") => 1,
            Some(page) => page
                .parse()
                .ok()
                .filter(|page| (1..=MAX_PAGE).contains(page))
                .ok_or_else(|| format!("“page” is a number from 1 to {MAX_PAGE}."))?,
        };
        Ok(Self {
            text,
            within,
            team: one_of("team", &TEAMS, given.team)?,
            city: one_of("city", &CITIES, given.city)?,
            order,
            page,
        })
    }

    /// Whom the cache is asked for. The last word may be the beginning of one; those before it
    /// are whole.
    pub(crate) fn filter(&self, person: Fields) -> Filter<PersonCard> {
        let words: Vec<&str> = self.text.unicode_words().collect();
        let spelt_out = self.text.ends_with(char::is_whitespace);
        let last = words.len().saturating_sub(1);
        let word = |(place, word): (usize, &&str)| {
            let is_whole = place < last || spelt_out;
            let name = match is_whole {
                true => person.name.matches(word),
                false => person.name.prefix(word),
            };
            match (self.within, is_whole) {
                (Within::Names, _) => name,
                (Within::Bios, true) => name | person.bio.matches(word),
                (Within::Bios, false) => name | person.bio.prefix(word),
            }
        };
        let text = match (words.is_empty(), self.text.trim().is_empty()) {
            (false, _) => Filter::all_of(words.iter().enumerate().map(word)),
            (true, true) => Filter::skipped(),
            // Signs alone are nobody's name.
            (true, false) => Filter::none(),
        };
        (text & person.team.eq_if(self.team) & person.city.eq_if(self.city)).or_all()
    }

    /// Whom the database is asked for where the cache does not know: all of the team and the city.
    /// What the words mean, the cache decides; of the rows too that it is brought.
    pub(crate) fn rows(&self) -> Select<Entity> {
        let mut rows = Entity::find();
        if let Some(team) = self.team {
            rows = rows.filter(Column::Team.eq(team));
        }
        if let Some(city) = self.city {
            rows = rows.filter(Column::City.eq(city));
        }
        rows
    }

    /// In which order, and which page.
    pub(crate) fn arrange<'c>(&self, found: Find<'c, PersonCard>) -> Find<'c, PersonCard> {
        let ordered = match self.order {
            Order::Name => found.sort(|person| person.name.asc()),
            Order::NameBackwards => found.sort(|person| person.name.desc()),
            Order::Newest => found.sort(|person| person.joined.desc()),
            Order::Oldest => found.sort(|person| person.joined.asc()),
        };
        ordered.page(self.page, PAGE_SIZE).with_total()
    }

    /// Whether it is less than everybody.
    pub(crate) fn is_narrowed(&self) -> bool {
        !self.text.trim().is_empty() || self.team.is_some() || self.city.is_some()
    }

    /// The same in this order, from its first page on.
    pub(crate) fn ordered(&self, order: Order) -> Self {
        Self {
            order,
            page: 1,
            ..self.clone()
        }
    }

    /// Another page of the same.
    pub(crate) fn at(&self, page: usize) -> Self {
        Self {
            page,
            ..self.clone()
        }
    }

    /// The URL of the list, without what goes without saying.
    pub(crate) fn url(&self) -> String {
        let is_bios = self.within == Within::Bios;
        let order = (self.order != Order::default()).then(|| self.order.as_str());
        let page = (self.page > 1).then(|| self.page.to_string());
        let given = [
            (
                "q",
                Some(self.text.as_str()).filter(|text| !text.is_empty()),
            ),
            ("in", is_bios.then_some("bios")),
            ("team", self.team),
            ("city", self.city),
            ("sort", order),
            ("page", page.as_deref()),
        ];
        let given = given
            .iter()
            .filter_map(|(name, value)| Some((name, (*value)?)));
        let query: Vec<String> = given
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        match query.is_empty() {
            true => "/".to_owned(),
            false => format!("/?{}", query.join("&")),
        }
    }
}

/// The value itself, if it is one of those that there are; none if nothing is said.
fn one_of(
    parameter: &str,
    known: &[&'static str],
    given: Option<String>,
) -> Result<Option<&'static str>, String> {
    match given.as_deref() {
        None | Some("") => Ok(None),
        Some(given) => match known.iter().find(|known| **known == given) {
            Some(known) => Ok(Some(known)),
            None => Err(format!("There is no such {parameter}.")),
        },
    }
}

/// A value as a query of a URL has it.
fn encoded(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    value
        .bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}
