//! The form of a person, and what is wrong with it.

use maud::{Markup, html};

use super::layout::{self, Place};
use crate::form::{FIELDS, Form, MAX_BIO, MAX_EMAIL, MAX_NAME, MAX_TITLE, Wrong};
use crate::people::{CITIES, PersonCard, TEAMS};

/// The page on which somebody is added.
pub(crate) fn blank(form: &Form, wrong: &Wrong) -> Markup {
    let content = html! {
        p .back { a href="/" { "All people" } }
        h1 { "Add a person" }
        (fields("/people", "/", form, wrong, None))
    };
    layout::page(&titled("Add a person", wrong), Place::Add, &content)
}

/// The page on which somebody is changed; `now` is who they are by now, if somebody else changed
/// them meanwhile.
pub(crate) fn edit(id: i64, form: &Form, wrong: &Wrong, now: Option<&PersonCard>) -> Markup {
    let home = format!("/people/{id}");
    let content = html! {
        p .back { a href=(home) { "The profile" } }
        h1 { "Edit a person" }
        (fields(&home, &home, form, wrong, now))
    };
    layout::page(&titled("Edit a person", wrong), Place::Elsewhere, &content)
}

fn titled(title: &str, wrong: &Wrong) -> String {
    match wrong.is_empty() {
        true => title.to_owned(),
        false => format!("Error: {title}"),
    }
}

/// One field of it, apart from its input.
struct Field<'f> {
    name: &'static str,
    label: &'static str,
    hint: Option<&'static str>,
    value: &'f str,
    wrong: Option<&'f String>,
}

impl Field<'_> {
    /// What describes it: its hint, and what is wrong.
    fn described_by(&self) -> Option<String> {
        let hint = self.hint.map(|_| format!("{}-hint", self.name));
        let wrong = self.wrong.map(|_| format!("{}-wrong", self.name));
        let both: Vec<String> = hint.into_iter().chain(wrong).collect();
        (!both.is_empty()).then(|| both.join(" "))
    }

    fn is_wrong(&self) -> Option<&'static str> {
        self.wrong.map(|_| "true")
    }

    fn around(&self, input: &Markup) -> Markup {
        html! {
            div .field.wrong[self.wrong.is_some()] {
                label for=(self.name) { (self.label) }
                @if let Some(hint) = self.hint { p .hint id=(format!("{}-hint", self.name)) { (hint) } }
                (input)
                @if let Some(wrong) = self.wrong {
                    p .error id=(format!("{}-wrong", self.name)) { (wrong) }
                }
            }
        }
    }

    fn input(&self, kind: &str, most: Option<usize>, autocomplete: &str) -> Markup {
        self.around(&html! {
            input type=(kind) id=(self.name) name=(self.name) value=(self.value) required
                maxlength=[most] autocomplete=(autocomplete)
                aria-describedby=[self.described_by()] aria-invalid=[self.is_wrong()];
        })
    }

    fn select(&self, of: &[&str]) -> Markup {
        self.around(&html! {
            select id=(self.name) name=(self.name) required
                aria-describedby=[self.described_by()] aria-invalid=[self.is_wrong()] {
                @if !of.contains(&self.value) { option value="" { "Choose one" } }
                @for value in of {
                    option value=(value) selected[*value == self.value] { (value) }
                }
            }
        })
    }

    fn area(&self, most: usize) -> Markup {
        // A browser drops the first line's end of what stands in an area.
        self.around(&html! {
            textarea id=(self.name) name=(self.name) rows="5" maxlength=(most)
                aria-describedby=[self.described_by()] aria-invalid=[self.is_wrong()] { "\n" (self.value) }
        })
    }
}

fn fields(
    action: &str,
    back: &str,
    form: &Form,
    wrong: &Wrong,
    now: Option<&PersonCard>,
) -> Markup {
    let field = |name, label, value, hint| Field {
        name,
        label,
        hint,
        value,
        wrong: wrong.get(name),
    };
    html! {
        @if let Some(now) = now { (overtaken(form, now)) }
        @if !wrong.is_empty() {
            div .notice.bad role="alert" {
                p { strong { "Nothing was saved yet." } " There is something to mend:" }
                ul {
                    @for name in FIELDS {
                        @if let Some(what) = wrong.get(name) { li { a href=(format!("#{name}")) { (what) } } }
                    }
                }
            }
        }
        form .person action=(action) method="post" {
            input type="hidden" name="version" value=(form.version);
            (field("name", "Name", &form.name, None).input("text", Some(MAX_NAME), "off"))
            (field("title", "Title", &form.title, None).input("text", Some(MAX_TITLE), "off"))
            (field("team", "Team", &form.team, None).select(&TEAMS))
            (field("city", "City", &form.city, None).select(&CITIES))
            (field("email", "Email", &form.email, None).input("email", Some(MAX_EMAIL), "off"))
            (field("joined", "Joined", &form.joined, None).input("date", None, "off"))
            (field("bio", "Bio", &form.bio, Some("A few sentences, or none.")).area(MAX_BIO))
            div .actions {
                button .primary type="submit" { "Save" }
                a .button href=(back) { "Cancel" }
            }
        }
    }
}

/// Says that somebody was faster, and what is different.
fn overtaken(form: &Form, now: &PersonCard) -> Markup {
    let their = Form::of(now);
    let all = [
        ("Name", &their.name, &form.name),
        ("Title", &their.title, &form.title),
        ("Team", &their.team, &form.team),
        ("City", &their.city, &form.city),
        ("Email", &their.email, &form.email),
        ("Joined", &their.joined, &form.joined),
        ("Bio", &their.bio, &form.bio),
    ];
    let other = all
        .iter()
        .filter(|(_, theirs, yours)| theirs.trim() != yours.trim());
    html! {
        div .notice.bad role="alert" {
            p {
                strong { "Nothing was saved yet." }
                " Somebody changed this person while you did. Below is what you typed; save again to have it so."
            }
            ul {
                @for (label, theirs, _) in other { li { (label) " is now: " (theirs) } }
            }
        }
    }
}
