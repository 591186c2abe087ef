//! What organizers change at their gates leaves a trace.

use super::*;

/// Scans have a log of their own.
const LOGGED_ELSEWHERE: &[&str] = &["create_check_in", "upload_check_ins"];

#[tokio::test]
async fn every_change_leaves_one_row() {
    let t = setup().await;
    let (north, south) = (t.gate("North", None).await, t.gate("South", None).await);
    let code = &t.bought(t.festival, 1).await[0];
    let scan = t.scan(code, "phone", "scan-0001").await;
    testkit::every_change_is_audited(&t.db, check_ins::ROUTES, LOGGED_ELSEWHERE, async |route| {
        let event = format!("{CHECK_INS}/event/{}", t.event);
        let (path, body) = match route.id {
            "undo_check_in" => (
                format!("{CHECK_INS}/{}/undo", scan["checkInId"]),
                Some(json!({"reason": "x"})),
            ),
            "set_doors" => (format!("{event}/doors"), Some(json!({"minutesBefore": 60}))),
            "limit_staff" => (
                format!("{event}/staff/{}", t.staff_id),
                Some(json!({"gateId": south})),
            ),
            "create_gate" => (format!("{event}/gates"), Some(json!({"name": "East"}))),
            "update_gate" => (
                format!("{CHECK_INS}/gates/{north}"),
                Some(json!({"ticketIds": [t.vip]})),
            ),
            "delete_gate" => (format!("{CHECK_INS}/gates/{north}"), None),
            other => panic!("{other} is new: say here how it is called"),
        };
        t.api.call(route.method, &path, Some(&t.organizer), body).await
    })
    .await;
    // What changes nothing is not written down.
    let rows = "select count(*) from audit_log";
    let before = t.db.count(rows).await;
    t.send(Some(south)).await.data(200);
    assert_eq!(t.db.count(rows).await, before);
}
