use crate::{PREFERENCES, Setup, api, setup};
use serde_json::{Value, json};
use testkit::{Reply, Rows};

impl Setup {
    async fn wish(&self, body: Value) -> Reply {
        self.api
            .call("PATCH", PREFERENCES, Some(&self.token), Some(body))
            .await
    }
}

#[tokio::test]
async fn who_never_said_anything_gets_what_helps_and_no_promotion() {
    let t = setup().await;
    let wishes = t
        .api
        .event("http/users/get_preferences.json", Some(&t.token))
        .await
        .data(200);
    let url = wishes["unsubscribeUrl"].as_str().unwrap();
    assert!(
        url.starts_with("https://api.example/api/v1/users/unsubscribe?token=1."),
        "{url}"
    );
    assert_eq!(
        wishes,
        json!({
            "language": null, "mailTransactional": true, "mailPromotions": false, "mailReminders": true,
            "pushPromotions": false, "pushReminders": true, "pushOrders": true, "followedCategories": [],
            "unsubscribeUrl": url,
        })
    );
    assert_eq!(t.db.count("select count(*) from preferences").await, 0);
}

#[tokio::test]
async fn wishes_are_kept_and_what_is_not_named_stays() {
    let t = setup().await;
    let concert = Rows(&t.db).category("Concert").await;
    let theatre = Rows(&t.db).category("Theatre").await;
    let wished = t
        .api
        .event("http/users/change_preferences.json", Some(&t.token))
        .await
        .data(200);
    assert_eq!(
        (
            &wished["language"],
            &wished["mailPromotions"],
            &wished["followedCategories"]
        ),
        (&json!("en"), &json!(true), &json!([concert]))
    );
    assert_eq!(t.api.get(PREFERENCES, Some(&t.token)).await.data(200), wished);
    let more = t
        .wish(json!({"pushOrders": false, "followedCategories": [theatre, concert, theatre]}))
        .await
        .data(200);
    assert_eq!(more["language"], "en");
    assert_eq!(more["followedCategories"], json!([concert, theatre]));
    assert_eq!(
        (&more["pushOrders"], &more["mailPromotions"]),
        (&json!(false), &json!(true))
    );
    let fewer = t.wish(json!({"followedCategories": [theatre]})).await.data(200);
    assert_eq!(fewer["followedCategories"], json!([theatre]));
    assert_eq!(t.wish(json!({})).await.data(200), fewer);
    // The wishes of others are theirs.
    let others = t.api.get(PREFERENCES, Some(&t.admin)).await.data(200);
    assert_eq!(others["followedCategories"], json!([]));
    // A category that goes takes its followers with it.
    t.db.run(&format!("delete from categories where id = {theatre}"))
        .await;
    let left = t.api.get(PREFERENCES, Some(&t.token)).await.data(200);
    assert_eq!(left["followedCategories"], json!([]));
}

#[tokio::test]
async fn transactional_mails_cannot_be_switched_off() {
    let t = setup().await;
    let refused = t
        .wish(json!({"mailTransactional": false, "mailReminders": false}))
        .await;
    assert_eq!(refused.error(400), "invalid_input");
    assert_eq!(
        refused.message(),
        "Mails about what was bought and about the account cannot be switched off"
    );
    let wishes = t.wish(json!({"mailTransactional": true})).await.data(200);
    assert_eq!(
        (&wishes["mailTransactional"], &wishes["mailReminders"]),
        (&json!(true), &json!(true))
    );
}

#[tokio::test]
async fn bad_wishes_are_told_by_field_and_change_nothing() {
    let t = setup().await;
    let many: Vec<i64> = (1..=51).collect();
    for (body, field) in [
        (json!({"language": "fr"}), "language"),
        (json!({"mailPromotions": "yes"}), "mailPromotions"),
        (json!({"pushOrders": 1}), "pushOrders"),
        (json!({"followedCategories": 1}), "followedCategories"),
        (json!({"followedCategories": [0]}), "followedCategories"),
        (json!({"followedCategories": many}), "followedCategories"),
        (
            json!({"followedCategories": [999_999], "language": "en"}),
            "followedCategories",
        ),
        (json!({"role": "admin"}), "role"),
        (json!({"userId": 2}), "userId"),
    ] {
        let refused = t.wish(body.clone()).await;
        assert_eq!(refused.error(400), "invalid_input", "{body}");
        assert_eq!(refused.json()["details"][0]["field"], field, "{body}");
    }
    assert_eq!(t.db.count("select count(*) from preferences").await, 0);
    for (method, token, body) in [("GET", None, None), ("PATCH", Some("forged"), Some(json!({})))] {
        let refused = t.api.call(method, PREFERENCES, token, body).await;
        assert_eq!(refused.error(401), "unauthenticated");
    }
}

#[tokio::test]
async fn wishes_that_are_made_at_once_all_count() {
    let t = setup().await;
    let apis: Vec<_> = (0..5).map(|_| api(&t.db, &t.clock)).collect();
    let wishes = [
        json!({"language": "en"}),
        json!({"mailPromotions": true}),
        json!({"mailReminders": false}),
        json!({"pushPromotions": true}),
        json!({"pushOrders": false}),
    ];
    let calls = apis
        .iter()
        .zip(wishes)
        .map(|(api, wish)| api.call("PATCH", PREFERENCES, Some(&t.token), Some(wish)));
    for reply in futures_util::future::join_all(calls).await {
        reply.data(200);
    }
    let wishes = t.api.get(PREFERENCES, Some(&t.token)).await.data(200);
    assert_eq!(
        [
            "language",
            "mailPromotions",
            "mailReminders",
            "pushPromotions",
            "pushOrders"
        ]
        .map(|wish| wishes[wish].clone()),
        [json!("en"), json!(true), json!(false), json!(true), json!(false)]
    );
}
