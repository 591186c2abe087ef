use crate::App;
use axum::extract::State;
use db::users::ListedUser;
use domain::Timestamp;
use domain::page::Page;
use domain::text::SearchText;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use views::UserOut;
use web::input::{Fields, Input, PageParameters, page};
use web::{Access, Admin, Answer, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/users",
    Access::Admin,
    "list_users",
    "List accounts, newest first",
)
.query::<ListQuery>()
.data::<UserList>();

/// Which accounts.
#[derive(Debug, JsonSchema)]
pub(crate) struct ListQuery {
    /// In the mail address.
    search: Option<SearchText>,
    /// `true` shows deleted accounts among the others.
    #[schemars(with = "Option<bool>")]
    deleted: Option<YesNo>,
    #[schemars(with = "PageParameters", flatten)]
    page: Page,
}

/// A yes or no as a query writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum YesNo {
    True,
    False,
}

impl Input for ListQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (search, deleted, page) = (fields.take("search"), fields.take("deleted"), page(fields));
        Some(Self {
            search: search?,
            deleted: deleted?,
            page: page?,
        })
    }
}

/// A page of accounts.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UserList {
    /// The rows of this page.
    users: Vec<ListedUserOut>,
    /// Totals, under the names that this list alone gives them.
    metadata: UserListMetadata,
}

/// An account as admins see it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedUserOut {
    /// The account.
    #[serde(flatten)]
    user: UserOut,
    /// When it was deleted; null if it was not.
    deleted_at: Option<Timestamp>,
}

/// Totals of the list of accounts.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserListMetadata {
    /// Rows in all.
    total: i64,
    /// Pages in all.
    total_pages: i64,
    /// This page, from 1.
    current_page: u32,
    /// Rows on a page.
    limit: u32,
}

impl From<ListedUser> for ListedUserOut {
    fn from(listed: ListedUser) -> Self {
        Self {
            user: listed.user.into(),
            deleted_at: listed.deleted_at,
        }
    }
}

pub(crate) async fn list_users(
    State(app): State<Arc<App>>,
    _: Admin,
    Query(query): Query<ListQuery>,
) -> web::Result<Answer<UserList>> {
    let conn = app.db.conn().await?;
    let search = query.search.as_ref().map(SearchText::as_str);
    let with_deleted = query.deleted == Some(YesNo::True);
    let (rows, total) = db::users::list(&conn, search, with_deleted, query.page).await?;
    Ok(Answer::ok(UserList {
        users: rows.into_iter().map(ListedUserOut::from).collect(),
        metadata: UserListMetadata {
            total,
            total_pages: query.page.pages_of(total),
            current_page: query.page.number,
            limit: query.page.limit,
        },
    })
    .message("Users retrieved successfully"))
}
