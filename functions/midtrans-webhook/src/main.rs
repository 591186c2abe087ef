//! The Lambda function `midtrans-webhook`.

#[tokio::main(flavor = "local")]
async fn main() -> Result<(), lambda_http::Error> {
    web::run(async |env| {
        let app = midtrans_webhook::App::from_env(&env).await?;
        Ok(midtrans_webhook::router(app, web::Site::from_env(&env)))
    })
    .await
}
