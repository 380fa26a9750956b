//! What pages look like. All text is escaped by `maud`.

mod chart;
mod form;
mod layout;
mod list;
mod notice;
mod panel;
mod profile;

pub(crate) use self::form::{blank, edit};
pub(crate) use self::list::list;
pub(crate) use self::notice::Notice;
pub(crate) use self::panel::{panel, panel_page};
pub(crate) use self::profile::profile;

use maud::{Markup, html};

/// A picture of a person: their initials, on a colour of their own.
fn avatar(id: i64, name: &str) -> Markup {
    let words = name.split_whitespace();
    let initials: String = words
        .filter_map(|word| word.chars().next())
        .take(2)
        .collect();
    // The people that come with the example have their first names again after 40.
    let colour = (id + id / 40).rem_euclid(8);
    html! {
        span class=(format!("avatar avatar-{colour}")) aria-hidden="true" { (initials.to_uppercase()) }
    }
}

/// One thing, or several.
fn counted(count: u64, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    }
}
