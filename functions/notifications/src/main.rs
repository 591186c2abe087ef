//! The Lambda function `notifications`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::run(async |env| {
        notifications::App::from_env(&env).map(|app| notifications::router(app, web::Site::from_env(&env)))
    })
    .await
}
