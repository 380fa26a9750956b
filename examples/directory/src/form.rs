//! The form of a person: what was typed, what is wrong with it, and the row it makes.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use sea_orm::ActiveValue::{NotSet, Set};
use serde::Deserialize;

use crate::people::{ActiveModel, CITIES, PersonCard, TEAMS};

/// The longest form that is read, in bytes.
pub(crate) const MAX_FORM: usize = 16 * 1_024;

pub(crate) const MAX_NAME: usize = 80;
pub(crate) const MAX_TITLE: usize = 80;
pub(crate) const MAX_EMAIL: usize = 120;
pub(crate) const MAX_BIO: usize = 600;

/// A person as they were typed in.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Form {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) team: String,
    pub(crate) city: String,
    pub(crate) email: String,
    pub(crate) joined: String,
    pub(crate) bio: String,
    /// The version that was changed; nothing for somebody new.
    pub(crate) version: String,
}

/// The fields, in the order in which they are shown.
pub(crate) const FIELDS: [&str; 7] = ["name", "title", "team", "city", "email", "joined", "bio"];

/// What is wrong with a form, by field.
pub(crate) type Wrong = BTreeMap<&'static str, String>;

impl Form {
    /// A person as they are.
    pub(crate) fn of(person: &PersonCard) -> Self {
        Self {
            name: person.name.clone(),
            title: person.title.clone(),
            team: person.team.clone(),
            city: person.city.clone(),
            email: person.email.clone(),
            joined: person.joined.to_string(),
            bio: person.bio.clone(),
            version: person.version.to_string(),
        }
    }

    /// The row, without id and version.
    ///
    /// # Errors
    /// What is wrong, all of it at once.
    pub(crate) fn check(&self) -> Result<ActiveModel, Wrong> {
        let mut wrong = Wrong::new();
        let mut text = |field, label: &str, typed: &str, most: usize| {
            let typed = typed.trim();
            if typed.is_empty() {
                wrong.insert(field, format!("{label} is missing."));
            } else if typed.chars().count() > most {
                wrong.insert(field, format!("{label} has at most {most} characters."));
            } else if typed
                .chars()
                .any(|c| c.is_control() && c != '\n' && c != '\r')
            {
                wrong.insert(field, format!("{label} has a character that is none."));
            }
            typed.to_owned()
        };
        let name = text("name", "The name", &self.name, MAX_NAME);
        let title = text("title", "The title", &self.title, MAX_TITLE);
        let email = text("email", "The address", &self.email, MAX_EMAIL);
        let bio = self.bio.trim().replace("\r\n", "\n");
        let bio = match bio.is_empty() {
            true => bio,
            false => text("bio", "The text", &bio, MAX_BIO),
        };
        if !wrong.contains_key("email") && !is_address(&email) {
            let what = "This is no address; one is like name@example.org.";
            wrong.insert("email", what.to_owned());
        }
        if !TEAMS.contains(&self.team.as_str()) {
            wrong.insert("team", "Choose a team.".to_owned());
        }
        if !CITIES.contains(&self.city.as_str()) {
            wrong.insert("city", "Choose a city.".to_owned());
        }
        let joined = self.joined.trim().parse().ok();
        let joined = joined.filter(|joined: &NaiveDate| (1950..=2100).contains(&joined.year()));
        match joined {
            Some(joined) if wrong.is_empty() => Ok(ActiveModel {
                id: NotSet,
                name: Set(name),
                title: Set(title),
                team: Set(self.team.clone()),
                city: Set(self.city.clone()),
                email: Set(email),
                bio: Set(bio),
                joined: Set(joined),
                version: NotSet,
            }),
            Some(_) => Err(wrong),
            None => {
                let what = "This is no day; one is like 2024-05-31, from 1950 to 2100.";
                wrong.insert("joined", what.to_owned());
                Err(wrong)
            }
        }
    }
}

/// Whether this looks like an address. Whether mail arrives there, only mail can tell.
fn is_address(text: &str) -> bool {
    let Some((name, host)) = text.split_once('@') else {
        return false;
    };
    let is_plain = |part: &str| {
        !part.is_empty() && !part.contains(['@', '<', '>', '"', ',', ';']) && !part.contains(' ')
    };
    let labels = || host.split('.');
    is_plain(name)
        && is_plain(host)
        && labels().count() > 1
        && labels().all(|label| !label.is_empty())
}
