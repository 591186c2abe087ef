use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, header};

/// The page that a proved address leads to.
pub(crate) fn verified(frontend_url: &str) -> Response {
    let link = escape(&format!("{frontend_url}/login"));
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>GiggleFest</title>\
         <style>body{{font:16px/1.5 system-ui,sans-serif;color:#1f2430;background:#f5f3ff;display:grid;place-items:center;\
         min-height:100vh;margin:0}}main{{background:#fff;border-radius:16px;padding:40px;max-width:420px;text-align:center;\
         box-shadow:0 8px 30px #5b21b61f}}a{{display:inline-block;margin-top:16px;padding:12px 24px;border-radius:10px;\
         background:#6d28d9;color:#fff;text-decoration:none}}</style></head>\
         <body><main><h1>Email Verified Successfully!</h1>\
         <p>Your address is confirmed. You can log in now.</p><a href=\"{link}\">Log in</a></main></body></html>"
    );
    let policy =
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
