use crate::{ME, PREFERENCES, Setup, setup};
use axum::body::Body;
use serde_json::json;
use testkit::{Reply, TestTokens};

impl Setup {
    /// Path and query of the link that promotional mails to this account carry.
    async fn link(&self) -> String {
        let wishes = self.api.get(PREFERENCES, Some(&self.token)).await.data(200);
        let url = wishes["unsubscribeUrl"].as_str().unwrap();
        url.strip_prefix("https://api.example").unwrap().to_owned()
    }

    /// What a mail service sends when somebody clicks on its own button.
    async fn one_click(&self, link: &str) -> Reply {
        let request = http::Request::post(link).header("content-type", "application/x-www-form-urlencoded");
        let body = Body::from("List-Unsubscribe=One-Click");
        self.api.send(request.body(body).unwrap()).await
    }

    async fn gets_promotions(&self) -> bool {
        let wishes = self.api.get(PREFERENCES, Some(&self.token)).await.data(200);
        wishes["mailPromotions"].as_bool().unwrap()
    }

    async fn wants_promotions(&self) {
        let wish = json!({"mailPromotions": true, "language": "en"});
        self.api
            .call("PATCH", PREFERENCES, Some(&self.token), Some(wish))
            .await
            .data(200);
    }
}

#[tokio::test]
async fn one_click_ends_promotional_mails_and_nothing_else() {
    let t = setup().await;
    t.wants_promotions().await;
    let link = t.link().await;
    for _ in 0..2 {
        let reply = t.one_click(&link).await;
        assert_eq!(reply.status, 200);
        assert!(String::from_utf8_lossy(&reply.bytes).contains("You are unsubscribed"));
        assert!(!t.gets_promotions().await);
    }
    let wishes = t.api.get(PREFERENCES, Some(&t.token)).await.data(200);
    assert_eq!(
        (&wishes["language"], &wishes["mailReminders"]),
        (&json!("en"), &json!(true))
    );
    t.wants_promotions().await;
    assert!(t.gets_promotions().await, "who changes their mind is heard");
}

#[tokio::test]
async fn opening_the_link_only_shows_a_button() {
    let t = setup().await;
    t.wants_promotions().await;
    let link = t.link().await;
    let page = t.api.get(&link, None).await;
    assert_eq!(page.status, 200);
    assert!(
        page.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    let html = String::from_utf8_lossy(&page.bytes).into_owned();
    assert!(
        html.contains("<form method=\"post\">") && html.contains("value=\"One-Click\""),
        "{html}"
    );
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action 'self'"), "{policy}");
    assert!(t.gets_promotions().await, "a look changes nothing");
}

#[tokio::test]
async fn who_never_wished_anything_can_unsubscribe_too() {
    let t = setup().await;
    assert_eq!(t.one_click(&t.link().await).await.status, 200);
    assert!(!t.gets_promotions().await);
    assert_eq!(
        t.db.count("select count(*) from preferences where mail_reminders")
            .await,
        1
    );
}

#[tokio::test]
async fn only_what_was_signed_for_it_unsubscribes() {
    let t = setup().await;
    t.wants_promotions().await;
    let link = t.link().await;
    let (path, token) = link.split_once("?token=").unwrap();
    let other = token.replacen("1.", "2.", 1);
    for bad in [
        "",
        "?token=",
        "?token=1",
        &format!("?token={other}"),
        &format!("?token={}", t.token),
    ] {
        let link = format!("{path}{bad}");
        for reply in [t.api.get(&link, None).await, t.one_click(&link).await] {
            let code = reply.error(400);
            assert!(
                ["invalid_token", "invalid_input"].contains(&code.as_str()),
                "{bad}: {code}"
            );
        }
    }
    assert!(t.gets_promotions().await);
    for event in ["unsubscribe", "show_unsubscribe_page"] {
        let reply = t.api.event(&format!("http/users/{event}.json"), None).await;
        assert_eq!(reply.error(400), "invalid_token");
    }
}

#[tokio::test]
async fn a_link_opens_nothing_else() {
    let t = setup().await;
    let link = t.link().await;
    let (_, token) = link.split_once("?token=").unwrap();
    assert_eq!(t.api.get(ME, Some(token)).await.error(401), "unauthenticated");
    assert!(TestTokens::checker().check(token, testkit::start()).is_none());
}

#[tokio::test]
async fn the_link_of_an_erased_account_changes_nothing_and_says_nothing() {
    let t = setup().await;
    let link = t.link().await;
    t.db.run("update users set deleted_at = now() where id = 1").await;
    assert_eq!(t.one_click(&link).await.status, 200);
    assert_eq!(t.db.count("select count(*) from preferences").await, 0);
}
