//! The functions with their routers, called in the process of a test.

use testkit::Api;
use web::Site;

/// The router of a function, made as on Lambda, on this database.
pub async fn api(function: &str, database: &str) -> Api {
    let (env, site) = (testkit::env(database), Site::default());
    Api::new(match function {
        "auth" => auth::router(auth::App::from_env(&env).await.unwrap(), site),
        "cart" => cart::router(cart::App::from_env(&env).await.unwrap(), site),
        "categories" => categories::router(categories::App::from_env(&env).unwrap(), site),
        "check-ins" => check_ins::router(check_ins::App::from_env(&env).unwrap(), site),
        "docs" => docs::router(docs::App::from_env(&env), site),
        "events" => events::router(events::App::from_env(&env).unwrap(), site),
        "images" => images::router(images::App::from_env(&env).unwrap(), site),
        "midtrans-webhook" => {
            midtrans_webhook::router(midtrans_webhook::App::from_env(&env).await.unwrap(), site)
        }
        "promos" => promos::router(promos::App::from_env(&env).await.unwrap(), site),
        "notifications" => notifications::router(notifications::App::from_env(&env).await.unwrap(), site),
        "payments" => payments::router(payments::App::from_env(&env).await.unwrap(), site),
        "reviews" => reviews::router(reviews::App::from_env(&env).unwrap(), site),
        "status" => status::router(status::App::from_env(&env).await.unwrap(), site),
        "tickets" => tickets::router(tickets::App::from_env(&env).unwrap(), site),
        "reports" => reports::router(reports::App::from_env(&env).unwrap(), site),
        "webhooks" => webhooks::router(webhooks::App::from_env(&env).unwrap(), site),
        "users" => users::router(users::App::from_env(&env).unwrap(), site),
        other => panic!("{other} is new: say here how its router is made"),
    })
}
