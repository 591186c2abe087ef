//! The Lambda function `categories`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_http::Error> {
    web::run(async |env| {
        categories::App::from_env(&env).map(|app| categories::router(app, web::Site::from_env(&env)))
    })
    .await
}
