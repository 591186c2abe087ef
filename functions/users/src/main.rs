//! The Lambda function `users`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_http::Error> {
    web::run(async |env| users::App::from_env(&env).map(|app| users::router(app, web::Site::from_env(&env))))
        .await
}
