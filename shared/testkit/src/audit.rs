use crate::{Reply, TestDb};
use web::Route;

/// Calls every route that changes something, but for those that are `exempt`: each must write one row into the audit log,
/// under its own name and with the account, the place and the request that it came from. `call` makes a request that
/// succeeds, and panics for a route that it does not know.
pub async fn every_change_is_audited(
    db: &TestDb,
    routes: &[Route],
    exempt: &[&str],
    call: impl AsyncFn(&Route) -> Reply,
) {
    for id in exempt {
        assert!(
            routes.iter().any(|route| route.id == *id),
            "{id} is exempt, but no route"
        );
    }
    for route in routes {
        if route.method == "GET" || exempt.contains(&route.id) {
            continue;
        }
        db.run("create table seen as select coalesce(max(id), 0) as last from audit_log")
            .await;
        let reply = call(route).await;
        let body = String::from_utf8_lossy(&reply.bytes);
        assert!(reply.status.is_success(), "{}: {body}", route.id);
        let written = "select coalesce(string_agg(action, ', ' order by id), 'nothing') from audit_log, seen where id > last";
        assert_eq!(
            db.text(written).await,
            route.id,
            "{}: what the audit log got",
            route.id
        );
        let request = reply.headers["x-request-id"].to_str().expect("an id");
        let complete = format!(
            "select count(*) from audit_log, seen where id > last and request_id = '{request}' and client_ip <> ''
             and user_agent <> '' and actor_id > 0"
        );
        assert_eq!(
            db.count(&complete).await,
            1,
            "{}: who, from where, and the request",
            route.id
        );
        db.run("drop table seen").await;
    }
}
