//! People who do not exist: the same ones every time.

use chrono::{Days, NaiveDate};
use sea_orm::ActiveValue::Set;

use super::{ActiveModel, CITIES, TEAMS};

/// How many there are.
const SAMPLE: usize = 320;

const FIRST: [&str; 40] = [
    "Ada", "Adèle", "Aiko", "Amara", "Andrea", "Anna", "Anton", "Bea", "Björn", "Carlos", "Chidi",
    "Clara", "Dana", "Dario", "Elif", "Emeka", "Farah", "Finn", "Grace", "Hana", "Hugo", "Ines",
    "Ivo", "Jonas", "José", "Kaya", "Leila", "Lucía", "Marek", "Mina", "Noor", "Olga", "Priya",
    "Rafael", "Sanna", "Tariq", "Uma", "Viktor", "Yuki", "Zoë",
];

const LAST: [&str; 37] = [
    "Abara",
    "Almeida",
    "Andersson",
    "Baker",
    "Bianchi",
    "Castillo",
    "Chen",
    "Dahl",
    "Dubois",
    "Eriksen",
    "Ferreira",
    "Fischer",
    "García",
    "Haddad",
    "Hansen",
    "Ito",
    "Jansen",
    "Kamau",
    "Kowalska",
    "Larsen",
    "Lindqvist",
    "Mbeki",
    "Moreau",
    "Nakamura",
    "Novák",
    "O’Neill",
    "Okafor",
    "Petrov",
    "Quist",
    "Rossi",
    "Sato",
    "Silva",
    "Tanaka",
    "Urban",
    "Vega",
    "Weber",
    "Yılmaz",
];

/// By team, in the order of [`TEAMS`].
const TITLES: [[&str; 4]; 8] = [
    [
        "Product designer",
        "Illustrator",
        "Design lead",
        "Type designer",
    ],
    [
        "Software engineer",
        "Site reliability engineer",
        "Engineering lead",
        "Test engineer",
    ],
    [
        "Accountant",
        "Controller",
        "Payroll specialist",
        "Finance lead",
    ],
    [
        "Copywriter",
        "Campaign manager",
        "Market analyst",
        "Marketing lead",
    ],
    [
        "Office manager",
        "Buyer",
        "Logistics planner",
        "Operations lead",
    ],
    ["Recruiter", "Coach", "People partner", "People lead"],
    [
        "Researcher",
        "Data scientist",
        "Field researcher",
        "Research lead",
    ],
    [
        "Support agent",
        "Technical writer",
        "Community manager",
        "Support lead",
    ],
];

const LIKES: [&str; 11] = [
    "bakes sourdough at the weekend",
    "keeps three hives of bees",
    "sings in a choir",
    "repairs old radios",
    "runs before sunrise",
    "collects maps of places that were never built",
    "plays the accordion, quietly",
    "grows tomatoes on a balcony",
    "has read every book about trains",
    "teaches children to climb",
    "swims in cold water, even in March",
];

const ASKS: [&str; 7] = [
    "Ask about budgets and how to keep them.",
    "Ask about anything that has to be written down.",
    "Ask about caches, and when not to have one.",
    "Ask about how things were done before.",
    "Ask about the good coffee.",
    "Ask about interviews, or about quiet rooms.",
    "Ask about the next release.",
];

/// One of `values`, whatever the number.
fn pick<'v>(values: &[&'v str], number: usize) -> &'v str {
    values[number % values.len()]
}

/// They all.
pub fn sample() -> Vec<ActiveModel> {
    (0..SAMPLE).map(person).collect()
}

fn person(number: usize) -> ActiveModel {
    // There are 40 and 37 names, which share no divisor: no two people have the same two.
    let (first, last) = (pick(&FIRST, number), pick(&LAST, number));
    let team = (number * 5 + number / 8) % TEAMS.len();
    let city = pick(&CITIES, number * 7 + number / 9);
    let since = NaiveDate::default() + Days::new(15_340 + (number as u64 * 1_237) % 5_200);
    let title = pick(&TITLES[team], number / 8);
    let bio = format!(
        "{title} in {city}. {first} {}. {}",
        pick(&LIKES, number * 3 + number / 11),
        pick(&ASKS, number * 2 + number / 7),
    );
    ActiveModel {
        name: Set(format!("{first} {last}")),
        title: Set(title.to_owned()),
        team: Set(TEAMS[team].to_owned()),
        city: Set(city.to_owned()),
        email: Set(format!("{}.{}@example.org", plain(first), plain(last))),
        bio: Set(bio),
        joined: Set(since),
        version: Set(1),
        ..Default::default()
    }
}

/// A name as addresses have it.
fn plain(name: &str) -> String {
    let letter = |c: char| match c {
        'à'..='å' => Some('a'),
        'è'..='ë' => Some('e'),
        'ì'..='ï' | 'ı' => Some('i'),
        'ò'..='ö' => Some('o'),
        '’' => None,
        other => Some(other),
    };
    name.to_lowercase().chars().filter_map(letter).collect()
}
