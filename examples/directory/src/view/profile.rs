//! A person.

use maud::{Markup, html};

use super::avatar;
use super::layout::{self, Place};
use crate::people::PersonCard;
use crate::search::Search;

/// The page.
pub(crate) fn profile(person: &PersonCard) -> Markup {
    let home = format!("/people/{}", person.id);
    let of = |search: Search| search.at(1).url();
    let team = crate::people::TEAMS
        .into_iter()
        .find(|team| *team == person.team);
    let city = crate::people::CITIES
        .into_iter()
        .find(|city| *city == person.city);
    let content = html! {
        p .back { a href="/" { "All people" } }
        article .profile {
            header {
                (avatar(person.id, &person.name))
                div {
                    h1 { (person.name) }
                    p .title { (person.title) }
                }
            }
            @if !person.bio.is_empty() { p .bio { (person.bio) } }
            dl {
                div {
                    dt { "Team" }
                    dd { a href=(of(Search { team, ..Search::default() })) { (person.team) } }
                }
                div {
                    dt { "City" }
                    dd { a href=(of(Search { city, ..Search::default() })) { (person.city) } }
                }
                div {
                    dt { "Email" }
                    dd { a href=(format!("mailto:{}", person.email)) { (person.email) } }
                }
                div {
                    dt { "Joined" }
                    dd { time datetime=(person.joined) { (person.joined.format("%-d %B %Y")) } }
                }
            }
            div .actions {
                a .button.primary href=(format!("{home}/edit")) { "Edit" }
                details .remove {
                    summary .button { "Delete…" }
                    form action=(format!("{home}/delete")) method="post" {
                        p { "Nothing brings a deleted person back." }
                        button .danger type="submit" { "Delete " (person.name) }
                    }
                }
            }
        }
    };
    layout::page(&person.name, Place::Elsewhere, &content)
}
