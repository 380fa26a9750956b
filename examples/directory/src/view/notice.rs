//! Pages that say that there is nothing to show, and why.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::html;

use super::layout::{self, Place};

/// Such a page.
#[derive(Debug)]
pub(crate) struct Notice {
    status: StatusCode,
    title: &'static str,
    text: String,
}

impl Notice {
    fn new(status: StatusCode, title: &'static str, text: impl Into<String>) -> Self {
        Self {
            status,
            title,
            text: text.into(),
        }
    }

    /// There is no such page.
    pub(crate) fn missing() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "There is no such page",
            "The address is misspelt, or was never one.",
        )
    }

    /// There is no such person.
    pub(crate) fn nobody() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "There is no such person",
            "Perhaps they were deleted.",
        )
    }

    /// The address asks for something that makes no sense.
    pub(crate) fn wrong(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "That cannot be shown", text)
    }

    /// A form that could not be read.
    pub(crate) fn unread(status: StatusCode) -> Self {
        let text = match status {
            StatusCode::PAYLOAD_TOO_LARGE => "It is longer than any form here.",
            _ => "It is not what a form of this site sends.",
        };
        Self::new(status, "The form cannot be read", text)
    }

    /// A form that another site sent.
    pub(crate) fn foreign() -> Self {
        let text = "It was sent from another site. Nothing was changed.";
        Self::new(StatusCode::FORBIDDEN, "The form was refused", text)
    }

    /// Something failed.
    pub(crate) fn failed() -> Self {
        let text =
            "The people cannot be reached. What was typed is not saved; going back brings it back.";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "This does not work right now",
            text,
        )
    }
}

impl IntoResponse for Notice {
    fn into_response(self) -> Response {
        let content = html! {
            div .empty {
                h1 { (self.title) }
                p { (self.text) }
                p { a .button href="/" { "To all people" } }
            }
        };
        let page = layout::page(self.title, Place::Elsewhere, &content);
        (self.status, page).into_response()
    }
}
