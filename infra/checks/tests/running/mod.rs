//! The functions with their routers, called in the process of a test.

use runtime::Env;
use testkit::{Api, TestTokens};
use web::Site;

/// Everything that the functions read at boot. But for the database, nothing listens at these addresses.
fn env(database: &str) -> Env {
    Env::of([
        ("DATABASE_URL", database),
        ("JWT_SECRET", TestTokens::SECRET),
        ("BASE_URL", "http://localhost"),
        ("FRONTEND_URL", "http://localhost"),
        ("STATE_TABLE", "state"),
        ("QUEUE_MAIL_URL", "http://127.0.0.1:9/mail"),
        (
            "QUEUE_PAYMENT_NOTIFICATIONS_URL",
            "http://127.0.0.1:9/payment-notifications",
        ),
        ("MEDIA_BUCKET", "media"),
        ("AWS_REGION", "ap-southeast-3"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("IMAGEKIT_PRIVATE_KEY", "private_TESTKEY"),
        ("IMAGEKIT_URL_ENDPOINT", "http://127.0.0.1:9/gigglefest"),
        ("MIDTRANS_SERVER_KEY", "SB-Mid-server-TESTKEY"),
        ("MIDTRANS_SNAP_URL", "http://127.0.0.1:9"),
        ("MIDTRANS_CORE_URL", "http://127.0.0.1:9"),
        (
            "TICKET_SIGNING_KEYS",
            "test:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        ),
    ])
}

/// The router of a function, made as on Lambda, on this database.
pub async fn api(function: &str, database: &str) -> Api {
    let (env, site) = (env(database), Site::default());
    Api::new(match function {
        "auth" => auth::router(auth::App::from_env(&env).await.unwrap(), site),
        "cart" => cart::router(cart::App::from_env(&env).await.unwrap(), site),
        "categories" => categories::router(categories::App::from_env(&env).unwrap(), site),
        "docs" => docs::router(docs::App::from_env(&env), site),
        "events" => events::router(events::App::from_env(&env).unwrap(), site),
        "images" => images::router(images::App::from_env(&env).unwrap(), site),
        "midtrans-webhook" => {
            midtrans_webhook::router(midtrans_webhook::App::from_env(&env).await.unwrap(), site)
        }
        "payments" => payments::router(payments::App::from_env(&env).await.unwrap(), site),
        "tickets" => tickets::router(tickets::App::from_env(&env).unwrap(), site),
        "users" => users::router(users::App::from_env(&env).unwrap(), site),
        other => panic!("{other} is new: say here how its router is made"),
    })
}
