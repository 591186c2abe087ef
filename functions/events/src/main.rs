//! The Lambda function `events`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_http::Error> {
    web::run(async |env| {
        events::App::from_env(&env).map(|app| events::router(app, web::Site::from_env(&env)))
    })
    .await
}
