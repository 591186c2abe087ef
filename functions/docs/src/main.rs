//! The Lambda function `docs`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_http::Error> {
    web::run(async |env| Ok(docs::router(docs::App::from_env(&env), web::Site::from_env(&env)))).await
}
