//! The Lambda function `reviews`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_http::Error> {
    web::run(async |env| {
        reviews::App::from_env(&env).map(|app| reviews::router(app, web::Site::from_env(&env)))
    })
    .await
}
