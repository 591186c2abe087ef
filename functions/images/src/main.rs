//! The Lambda function `images`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_http::Error> {
    web::run(async |env| {
        images::App::from_env(&env).map(|app| images::router(app, web::Site::from_env(&env)))
    })
    .await
}
