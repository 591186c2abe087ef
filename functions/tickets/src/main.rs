//! The Lambda function `tickets`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_http::Error> {
    web::run(async |env| {
        tickets::App::from_env(&env).map(|app| tickets::router(app, web::Site::from_env(&env)))
    })
    .await
}
