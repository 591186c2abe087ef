//! The Lambda function `check-ins`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_http::Error> {
    web::run(async |env| {
        check_ins::App::from_env(&env).map(|app| check_ins::router(app, web::Site::from_env(&env)))
    })
    .await
}
