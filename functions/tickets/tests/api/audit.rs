//! Every change of a ticket type leaves a trace.

use super::*;

/// Checks a ticket and leaves it as it is; makes an offer or ends it, which its own row tells.
const NOT_AUDITED: &[&str] = &[
    "verify_ticket",
    "create_ticket_transfer",
    "decline_ticket_transfer",
    "withdraw_ticket_transfer",
];

#[tokio::test]
async fn every_change_leaves_one_row() {
    let t = setup().await;
    let another = Rows(&t.db)
        .ticket_type(t.organizer_id, t.event, t.category, 50_000, 10)
        .await;
    testkit::every_change_is_audited(&t.db, tickets::ROUTES, NOT_AUDITED, async |route| {
        let one = format!("{TICKETS}/{}", t.ticket);
        let (path, body) = match route.id {
            "create_ticket" => (TICKETS.to_owned(), Some(t.body())),
            "update_ticket" => (one, Some(json!({"price": 175_000}))),
            "set_waiting_list" => (format!("{one}/waiting-list"), Some(json!({"mode": "in_order"}))),
            "delete_ticket" => (one, None),
            "rename_ticket" => {
                let (_, codes) = Rows(&t.db).bought(t.organizer_id, another, 1).await;
                let path = format!("{TICKETS}/mine/{}/name", codes[0]);
                (path, Some(json!({"name": "Another"})))
            }
            "accept_ticket_transfer" => {
                let (_, codes) = Rows(&t.db).bought(t.buyer_id, another, 1).await;
                let path = format!("{TICKETS}/mine/{}/transfers", codes[0]);
                let body = json!({"email": "organizer@example.test"});
                let made = t.api.post(&path, Some(&t.buyer), body).await.data(201);
                let path = format!("{TICKETS}/transfers/{}/accept", made["id"]);
                (path, Some(json!({})))
            }
            other => panic!("{other} is new: say here how it is called"),
        };
        t.api.call(route.method, &path, Some(&t.organizer), body).await
    })
    .await;
    let told =
        "select string_agg(concat_ws(' ', subject_kind, event_id, changes), '; ' order by id) from audit_log";
    assert_eq!(
        t.db.text(told).await,
        format!(
            "ticket_type {0} {{\"name\": {{\"to\": \"VIP\"}}, \"price\": {{\"to\": 500000}}, \"capacity\": {{\"to\": 10}}}}; \
             ticket_type {0} {{\"price\": {{\"to\": 175000, \"from\": 150000}}}}; \
             ticket_type {0} {{\"waitingList\": {{\"to\": \"in_order\", \"from\": \"off\"}}}}; \
             ticket_type {0} {{\"name\": {{\"from\": \"Festival\"}}}}; \
             event {0} {{\"ticket\": {{\"to\": 1}}}}; \
             event {0} {{\"holder\": {{\"to\": {1}, \"from\": {2}}}, \"ticket\": {{\"to\": 2}}}}",
            t.event, t.organizer_id, t.buyer_id
        )
    );
}

#[tokio::test]
async fn what_changes_nothing_is_not_written_down() {
    let t = setup().await;
    t.patch(&t.organizer, json!({"name": "Festival"})).await.data(200);
    t.patch(&t.organizer, json!({"quantity": 40})).await.data(200);
    t.patch(&t.organizer, json!({"minPerOrder": 50})).await.error(400);
    t.patch(&t.other, json!({"price": 1})).await.error(404);
    t.delete(&t.other).await.error(404);
    assert_eq!(t.db.count("select count(*) from audit_log").await, 0);
}

#[tokio::test]
async fn a_new_price_is_for_later_orders() {
    let t = setup().await;
    let (order, _) = Rows(&t.db).bought(t.buyer_id, t.ticket, 2).await;
    t.patch(&t.organizer, json!({"price": 999_000})).await.data(200);
    let paid = format!(
        "select i.unit_price from order_items i join orders o on o.id = i.order_id where o.code = '{order}'"
    );
    assert_eq!(t.db.count(&paid).await, 50_000);
    assert_eq!(t.delete(&t.organizer).await.error(409), "in_use");
}
