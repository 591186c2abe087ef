use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, header};

/// The page that asks before promotional mails end. Its form goes to the address of the page.
pub(crate) fn ask_to_unsubscribe() -> Response {
    page(
        "Stop these mails?",
        "<p>You will get no more mails about what might interest you. Mails about your tickets and your account still come.</p>\
         <form method=\"post\"><input type=\"hidden\" name=\"List-Unsubscribe\" value=\"One-Click\">\
         <button type=\"submit\">Unsubscribe</button></form>",
    )
}

/// The page that says that promotional mails have ended.
pub(crate) fn unsubscribed() -> Response {
    page(
        "You are unsubscribed",
        "<p>No more mails about what might interest you. You can change this in your preferences at any time.</p>",
    )
}

fn page(title: &str, content: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"robots\" content=\"noindex\">\
         <title>GiggleFest</title>\
         <style>body{{font:16px/1.5 system-ui,sans-serif;color:#1f2430;background:#f5f3ff;display:grid;place-items:center;\
         min-height:100vh;margin:0}}main{{background:#fff;border-radius:16px;padding:40px;max-width:420px;text-align:center;\
         box-shadow:0 8px 30px #5b21b61f}}button{{font:inherit;margin-top:16px;padding:12px 24px;border:0;border-radius:10px;\
         background:#6d28d9;color:#fff;cursor:pointer}}</style></head>\
         <body><main><h1>{title}</h1>{content}</main></body></html>"
    );
    let policy = HeaderValue::from_static(
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response()
}
