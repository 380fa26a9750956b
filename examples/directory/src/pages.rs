//! The handlers: what each address answers.

use std::sync::Arc;

use axum::extract::rejection::{FormRejection, PathRejection, QueryRejection};
use axum::extract::{Form as Posted, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Redirect, Response};
use larder::Aftermath;
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{DbErr, SqlErr};

use crate::Failure;
use crate::app::{App, cards};
use crate::database::{row, writing};
use crate::form::{Form, Wrong};
use crate::people::{ActiveModel, Entity, PersonCard, keep_versions};
use crate::search::{Parameters, Search};
use crate::view::{self, Notice};

type Answer = Result<Response, Failure>;
type Id = Result<Path<i64>, PathRejection>;
type Filled = Result<Posted<Form>, FormRejection>;

/// The list.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    query: Result<Query<Parameters>, QueryRejection>,
) -> Answer {
    let search = match query {
        Ok(Query(parameters)) => Search::read(parameters),
        Err(_) => Err("The address cannot be read.".to_owned()),
    };
    let search = match search {
        Ok(search) => search,
        Err(wrong) => return Ok(Notice::wrong(wrong).into_response()),
    };
    let (rows, connection) = (search.rows(), app.db.connection().clone());
    let found = search.arrange(app.people.find(|person| search.filter(person)));
    // From the cache if it knows all of them, as it does while it is kept warm; else loaded. So a
    // list is whole whatever the cache has lost.
    let page = found.or_load_with(&app.policy, move |fill| async move {
        keep_versions(&fill);
        cards(rows.all(&connection).await)
    });
    Ok(view::list(&search, &page.await?).into_response())
}

/// A person.
pub(crate) async fn profile(State(app): State<Arc<App>>, id: Id) -> Answer {
    Ok(match person(&app, id).await? {
        Some(person) => view::profile(&person).into_response(),
        None => Notice::nobody().into_response(),
    })
}

/// The form of a person.
pub(crate) async fn edit(State(app): State<Arc<App>>, id: Id) -> Answer {
    Ok(match person(&app, id).await? {
        Some(person) => {
            let form = Form::of(&person);
            view::edit(person.id, &form, &Wrong::new(), None).into_response()
        }
        None => Notice::nobody().into_response(),
    })
}

async fn person(app: &App, id: Id) -> larder::Result<Option<Arc<PersonCard>>> {
    match id {
        Ok(Path(id)) => app.people.get_or_load(&id).await,
        Err(_) => Ok(None),
    }
}

/// An empty form.
pub(crate) async fn blank() -> Response {
    // It is made from nothing that could change.
    let lasting = [(CACHE_CONTROL, "max-age=3600")];
    (lasting, view::blank(&Form::default(), &Wrong::new())).into_response()
}

/// Somebody new.
pub(crate) async fn create(State(app): State<Arc<App>>, form: Filled) -> Answer {
    let form = match form {
        Ok(Posted(form)) => form,
        Err(rejection) => return Ok(unread(&rejection)),
    };
    let again = |wrong: &Wrong| {
        let page = view::blank(&form, wrong);
        (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
    };
    let person = match form.check() {
        Ok(person) => person,
        Err(wrong) => return Ok(again(&wrong)),
    };
    let person = ActiveModel {
        version: Set(1),
        ..person
    };
    match app.db.insert(person).await {
        Ok(inserted) => {
            tell(&app, &inserted.aftermath);
            Ok(to_profile(inserted.value.id))
        }
        Err(error) => match taken(&error) {
            Some(wrong) => Ok(again(&wrong)),
            None => Err(error.into()),
        },
    }
}

/// A person, changed.
pub(crate) async fn save(State(app): State<Arc<App>>, id: Id, form: Filled) -> Answer {
    let Ok(Path(id)) = id else {
        return Ok(Notice::nobody().into_response());
    };
    let form = match form {
        Ok(Posted(form)) => form,
        Err(rejection) => return Ok(unread(&rejection)),
    };
    let again = |wrong: &Wrong| {
        let page = view::edit(id, &form, wrong, None);
        (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
    };
    let person = match form.check() {
        Ok(person) => person,
        Err(wrong) => return Ok(again(&wrong)),
    };
    let transaction = app.db.begin_with_options(writing()).await?;
    let Some(now) = row(&transaction, id).await? else {
        transaction.rollback().await?;
        return Ok(Notice::nobody().into_response());
    };
    // What was typed was typed over what the form showed. Somebody may have been faster.
    if form.version.parse() != Ok(now.version) {
        transaction.rollback().await?;
        let form = Form {
            version: now.version.to_string(),
            ..form
        };
        let now = PersonCard::from(&now);
        let page = view::edit(id, &form, &Wrong::new(), Some(&now));
        return Ok((StatusCode::CONFLICT, page).into_response());
    }
    let person = ActiveModel {
        id: Unchanged(id),
        version: Set(now.version.saturating_add(1)),
        ..person
    };
    if let Err(error) = transaction.update(person).await {
        transaction.rollback().await?;
        return match taken(&error) {
            Some(wrong) => Ok(again(&wrong)),
            None => Err(error.into()),
        };
    }
    // Here the cache is told; before, nobody saw anything, and after a rollback nobody will.
    let committed = transaction.commit().await?;
    tell(&app, &committed.aftermath);
    Ok(to_profile(id))
}

/// A person, gone.
pub(crate) async fn delete(State(app): State<Arc<App>>, id: Id) -> Answer {
    let Ok(Path(id)) = id else {
        return Ok(Notice::nobody().into_response());
    };
    let deleted = app.db.delete_by_id(Entity, id).await?;
    tell(&app, &deleted.aftermath);
    if deleted.value.rows_affected == 0 {
        return Ok(Notice::nobody().into_response());
    }
    app.has_removed();
    Ok(Redirect::to("/").into_response())
}

/// What the cache did, as a page.
pub(crate) async fn panel(State(app): State<Arc<App>>) -> Response {
    let fresh = [(CACHE_CONTROL, "no-store")];
    (fresh, view::panel_page(&app.shown())).into_response()
}

/// The same, to be put into a page.
pub(crate) async fn panel_fragment(State(app): State<Arc<App>>) -> Response {
    let fresh = [(CACHE_CONTROL, "no-store")];
    (fresh, view::panel(&app.shown())).into_response()
}

/// Nothing.
pub(crate) async fn missing() -> Notice {
    Notice::missing()
}

fn to_profile(id: i64) -> Response {
    Redirect::to(&format!("/people/{id}")).into_response()
}

/// What was committed stays committed. Where the cache could not be told, it is said in the panel.
fn tell(app: &App, aftermath: &Aftermath) {
    for failure in aftermath.failures() {
        app.monitor
            .note(format!("the cache could not be told of a write: {failure}"));
    }
}

/// What is wrong if the address is somebody else's.
fn taken(error: &DbErr) -> Option<Wrong> {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => Some(Wrong::from([(
            "email",
            "Somebody else has this address.".to_owned(),
        )])),
        _ => None,
    }
}

fn unread(rejection: &FormRejection) -> Response {
    Notice::unread(rejection.status()).into_response()
}
