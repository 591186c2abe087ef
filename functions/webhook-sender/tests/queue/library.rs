//! The official library of Standard Webhooks takes what is sent, and refuses what was changed on the way.

use crate::{NEXT_SECRET, SECRET, Setup};
use runtime::Clock;
use runtime::webhook::secret_text;
use serde_json::json;
use simulator::OfficialClient;
use std::path::Path;

#[tokio::test]
async fn the_official_library_verifies_what_is_sent() {
    // The library compares the time of a message with that of the machine.
    let setup = Setup::at(Clock::system()).await;
    let before = setup.message().await;
    setup.deliver(before).await;
    {
        let db = setup.db.db();
        let mut conn = db.conn().await.unwrap();
        let tx = conn.begin().await.unwrap();
        let now = setup.clock.now();
        db::webhooks::rotate(&tx, setup.endpoint, setup.owner, &NEXT_SECRET, now)
            .await
            .unwrap()
            .unwrap();
        tx.commit().await.unwrap();
    }
    let after = setup.message().await;
    setup.deliver(after).await;
    let (old, new) = (secret_text(&SECRET), secret_text(&NEXT_SECRET));
    let secrets = [json!([old]), json!([new, old])];
    let heard = setup.receiver.heard();
    let messages: Vec<_> = heard
        .iter()
        .zip(secrets)
        .map(|(call, secrets)| json!({"secrets": secrets, "headers": call.headers, "body": call.body}))
        .collect();
    assert_eq!(messages.len(), 2);
    let library = OfficialClient {
        script: &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node/verify.mjs"),
        modules: "GIGGLEFEST_NODE_MODULES_WEBHOOKS",
        settings: &[("WEBHOOK_MESSAGES", &json!(messages).to_string())],
    };
    if let Err(problem) = library.run().await {
        panic!("{problem}");
    }
}
