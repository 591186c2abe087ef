//! Deletions beside everything else that may happen to the account at the same moment.

use crate::support::{at, delete, pending_order, put_into_cart, setup};
use db::settlement::{self, Report};
use domain::event::{EventName, EventStatus, Location};
use domain::payment::TransactionStatus;
use domain::price::{ServiceFee, TaxRate};
use domain::time::ZoneName;
use domain::user::Role;
use futures_util::future::{join, join_all};
use testkit::start;

const ROUNDS: usize = 30;

#[tokio::test]
async fn of_deletions_at_once_one_wins() {
    let t = setup().await;
    let ticket = t.rows().on_sale(50_000, 100).await;
    let apis: Vec<_> = (0..4).map(|_| t.another_api()).collect();
    for round in 0..ROUNDS {
        let id = t.rows().buyer(&format!("buyer{round}@example.test")).await;
        assert!(put_into_cart(&t.db.db(), id, ticket, 3).await);
        let replies = join_all(apis.iter().map(|api| delete(api, id, &t.admin))).await;
        let mut statuses: Vec<_> = replies.iter().map(|reply| reply.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 404, 404, 404]);
        assert_eq!(t.db.count("select sum(held) from ticket_stock").await, 0);
    }
}

#[tokio::test]
async fn two_admins_who_delete_each_other_leave_one() {
    let t = setup().await;
    let other_api = t.another_api();
    let (mut left, mut token) = (t.admin_id, t.admin.clone());
    for round in 0..ROUNDS {
        let other = t
            .rows()
            .user(&format!("admin{round}@example.test"), Role::Admin)
            .await;
        let other_token = t.token(other, Role::Admin);
        let (one, two) = join(
            delete(&t.api, other, &token),
            delete(&other_api, left, &other_token),
        )
        .await;
        match (one.status.as_u16(), two.status.as_u16()) {
            (200, 403) => {}
            (403, 200) => (left, token) = (other, other_token),
            statuses => panic!("{statuses:?}"),
        }
        let admins = "select count(*) from users where role = 'admin' and deleted_at is null";
        assert_eq!(t.db.count(admins).await, 1);
    }
}

#[tokio::test]
async fn whatever_goes_into_the_cart_meanwhile_goes_back_on_sale() {
    let t = setup().await;
    let ticket = t.rows().on_sale(50_000, 100).await;
    let db = t.db.db();
    for round in 0..ROUNDS {
        let id = t.rows().buyer(&format!("buyer{round}@example.test")).await;
        let (deleted, _) = join(delete(&t.api, id, &t.admin), put_into_cart(&db, id, ticket, 2)).await;
        deleted.data(200);
        assert_eq!(t.db.count("select count(*) from cart_items").await, 0);
        assert_eq!(t.db.count("select sum(held) from ticket_stock").await, 0);
    }
}

/// Settles an order as `payment-worker` does when the gateway says that it is paid.
async fn settle(db: &db::Db, order: domain::OrderId) {
    let report = Report {
        transaction_id: "a0".to_owned(),
        status: TransactionStatus::Paid,
        gross_amount: "100000.00".to_owned(),
        currency: Some("IDR".to_owned()),
        payment_type: Some("gopay".to_owned()),
        refunds: Vec::new(),
    };
    let mut conn = db.conn().await.unwrap();
    let tx = conn.begin().await.unwrap();
    let applied = settlement::apply(&tx, order, &report, "test", &runtime::random::hex::<16>, start())
        .await
        .unwrap();
    assert!(applied.is_some());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn tickets_issued_meanwhile_carry_no_name_either() {
    let t = setup().await;
    let ticket = t.rows().on_sale(50_000, 200).await;
    let db = t.db.db();
    for round in 0..ROUNDS {
        let id = t.rows().buyer(&format!("buyer{round}@example.test")).await;
        let (order, _) = pending_order(&db, id, ticket, 2).await;
        assert!(put_into_cart(&db, id, ticket, 1).await);
        let (deleted, ()) = join(delete(&t.api, id, &t.admin), settle(&db, order)).await;
        deleted.data(200);
    }
    let names = "select string_agg(distinct holder_name, '|') from issued_tickets";
    assert_eq!(t.db.text(names).await, "Deleted user");
    let issued = "select count(*) from issued_tickets where status = 'valid'";
    assert_eq!(t.db.count(issued).await, 2 * i64::try_from(ROUNDS).unwrap());
    assert_eq!(t.db.count("select sum(held) from ticket_stock").await, 0);
    let paid = "select count(*) from payments where status = 'success'";
    assert_eq!(t.db.count(paid).await, i64::try_from(ROUNDS).unwrap());
}

#[tokio::test]
async fn no_event_is_published_by_a_deleted_organizer() {
    let t = setup().await;
    let db = t.db.db();
    let event = |status| db::events::NewEvent {
        name: EventName::parse("Java Jazz").unwrap(),
        description: None,
        date: at(86_400),
        ends_at: None,
        time_zone: ZoneName::jakarta(),
        location: Location::parse("Jakarta").unwrap(),
        city: None,
        service_fee: ServiceFee::default(),
        tax_rate: TaxRate::default(),
        status,
    };
    for round in 0..2 * ROUNDS {
        let email = format!("organizer{round}@example.test");
        let id = t.rows().user(&email, Role::Organizer).await;
        let publish = async {
            let mut conn = db.conn().await.unwrap();
            if round % 2 == 0 {
                let event = event(EventStatus::Published);
                db::events::insert(&conn, id, &event, start()).await.unwrap();
                return;
            }
            let draft = db::events::insert(&conn, id, &event(EventStatus::Draft), start()).await;
            let Some(draft) = draft.unwrap() else { return };
            let tx = conn.begin().await.unwrap();
            let locked = db::events::lock_own(&tx, draft.id, id, false).await.unwrap();
            if locked.is_some() {
                let patch = db::events::EventPatch {
                    status: Some(EventStatus::Published),
                    ..Default::default()
                };
                db::events::update(&tx, draft.id, &patch, start()).await.unwrap();
            }
            tx.commit().await.unwrap();
        };
        let (reply, ()) = join(delete(&t.api, id, &t.admin), publish).await;
        if reply.status.as_u16() != 200 {
            assert_eq!(reply.error(409), "has_events");
        }
        let orphans = "select count(*) from events e join users u on u.id = e.organizer_id
                       where u.deleted_at is not null and e.status = 'published'";
        assert_eq!(t.db.count(orphans).await, 0, "round {round}");
    }
}
