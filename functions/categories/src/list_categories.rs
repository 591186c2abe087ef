use crate::App;
use axum::extract::State;
use domain::page::Page;
use domain::text::SearchText;
use std::sync::Arc;
use views::CategoryOut;
use web::input::{Fields, Input, PageParameters, page};
use web::{Access, Answer, Meta, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/categories",
    Access::Public,
    "list_categories",
    "List categories, newest first",
)
.query::<ListQuery>()
.data::<CategoryList>();

/// Which categories.
#[derive(Debug, schemars::JsonSchema)]
pub(crate) struct ListQuery {
    /// In the name.
    search: Option<SearchText>,
    #[schemars(with = "PageParameters", flatten)]
    page: Page,
}

impl Input for ListQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (search, page) = (fields.take("search"), page(fields));
        Some(Self {
            search: search?,
            page: page?,
        })
    }
}

web::list! {
    /// A page of categories.
    CategoryList { categories: CategoryOut }
}

pub(crate) async fn list_categories(
    State(app): State<Arc<App>>,
    Query(query): Query<ListQuery>,
) -> web::Result<Answer<CategoryList>> {
    let conn = app.db.conn().await?;
    let (rows, total) =
        db::categories::list(&conn, query.search.as_ref().map(SearchText::as_str), query.page).await?;
    let categories = rows.into_iter().map(CategoryOut::from).collect();
    Ok(Answer::ok(CategoryList {
        categories,
        meta: Meta::of(query.page, total),
    })
    .cached(30))
}
