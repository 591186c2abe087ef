//! Of what happens to a ticket at the same moment one thing comes first, and the others see it.

use crate::support::{Dice, at, buyers, connections, race, sqlstate};
use db::check_ins::{self, Scanner};
use db::invariants::{self, Rule, Slice};
use db::personal_data::{self, Erased};
use db::{DbError, handovers, issued};
use domain::check_in::{DeviceName, Refusal, ScanId, TicketState};
use domain::handover::{HandoverStatus, end};
use domain::user::{Email, PersonName};
use domain::{EventId, HandoverId, OrderId, UserId};
use testkit::{Rows, TestDb};
use tokio_postgres::Client;

const CODE: &str = "11111111111111111111111111111111";

/// A ticket of a buyer that is offered to a friend.
struct Offered {
    db: TestDb,
    buyer: UserId,
    friend: UserId,
    offer: HandoverId,
}

async fn offered() -> Offered {
    let db = TestDb::new().await;
    let kind = Rows(&db).on_sale(50_000, 20).await;
    let buyer = Rows(&db).buyer("holder@example.test").await;
    let friend = Rows(&db).buyer("friend@example.test").await;
    Rows(&db).bought(buyer, kind, 1).await;
    db.run(&format!(
        "update issued_tickets set code = '{CODE}';
         insert into payments (order_id, user_id, amount, original_amount, status, payment_date, created_at, updated_at)
         select id, user_id, total, total, 'success', now(), now(), now() from orders"
    ))
    .await;
    let mut client = db.client().await;
    let offer = offer(&mut client, CODE, buyer, "Friend@example.test", 0).await;
    Offered {
        db,
        buyer,
        friend,
        offer: offer.unwrap(),
    }
}

/// Offers a ticket as the function does. `None` if its holder may not.
async fn offer(client: &mut Client, code: &str, holder: UserId, to: &str, number: u8) -> Option<HandoverId> {
    let tx = client.transaction().await.unwrap();
    let ticket = handovers::lock_own(&tx, code, holder).await.unwrap()?;
    let offered = handovers::is_offered(&tx, ticket.id, at(0)).await.unwrap();
    let expires = ticket.rules.offer(ticket.state, offered, at(0)).ok()?;
    let to = Email::parse(to).unwrap();
    let made = handovers::insert(&tx, &ticket, &to, &[number; 32], expires, at(0)).await;
    tx.commit().await.unwrap();
    Some(made.unwrap())
}

/// Accepts an offer as the function does. `false` if it cannot be accepted.
async fn accept(client: &mut Client, offer: HandoverId, to: UserId, code: &str) -> Result<bool, DbError> {
    let tx = client.transaction().await?;
    let Some(found) = handovers::received(tx.client(), offer, to).await? else {
        return Ok(false);
    };
    let accounts = handovers::lock_accounts(&tx, &[to, found.from]).await?;
    if !accounts.contains(&to) {
        return Ok(false);
    }
    let ticket = handovers::lock_ticket(&tx, found.ticket).await?;
    let (status, expires) = handovers::lock(&tx, offer).await?;
    if ticket
        .rules
        .accept(ticket.state, status, expires, at(60))
        .is_err()
    {
        return Ok(false);
    }
    let name = PersonName::parse("Friend").unwrap();
    handovers::accept(&tx, &ticket, offer, to, &name, code, at(60)).await?;
    tx.commit().await?;
    Ok(true)
}

async fn withdraw(client: &mut Client, offer: HandoverId, from: UserId) -> Result<bool, DbError> {
    let tx = client.transaction().await?;
    let Some(found) = handovers::sent(tx.client(), offer, from).await? else {
        return Ok(false);
    };
    handovers::lock_ticket(&tx, found.ticket).await?;
    let (status, expires) = handovers::lock(&tx, offer).await?;
    if end(status, expires, at(60)).is_err() {
        return Ok(false);
    }
    handovers::end(&tx, offer, HandoverStatus::Withdrawn, None, at(60)).await?;
    tx.commit().await?;
    Ok(true)
}

/// Scans a code at a gate. What was decided.
async fn scan(client: &mut Client, code: &str, device: &str) -> Result<(), Refusal> {
    let device = DeviceName::parse(device).unwrap();
    let scanner = Scanner {
        event: EventId::new(1),
        gate: None,
        device: &device,
        by: UserId::new(1),
    };
    let id: ScanId = serde_json::from_value("scan-0001".into()).unwrap();
    let tx = client.transaction().await.unwrap();
    let ticket = check_ins::lock(&tx, &[code.to_owned()]).await.unwrap().pop();
    let ticket = ticket.ok_or(Refusal::Unknown)?;
    let decided = match ticket.shown().state {
        TicketState::Valid => Ok(()),
        TicketState::Used => Err(Refusal::AlreadyUsed),
        TicketState::Transferred => Err(Refusal::Transferred),
        TicketState::Renamed => Err(Refusal::Renamed),
        TicketState::Refunded | TicketState::Void => Err(Refusal::Void),
    };
    check_ins::insert(&tx, scanner, &ticket, &id, decided, at(60))
        .await
        .unwrap();
    if decided.is_ok() {
        check_ins::settle(&tx, &[ticket.id]).await.unwrap();
    }
    tx.commit().await.unwrap();
    decided
}

/// Takes back what is left of the order, as a refund does: the order comes before its tickets.
async fn take_back(client: &mut Client) -> bool {
    let tx = client.transaction().await.unwrap();
    db::orders::lock(&tx, OrderId::new(1)).await.unwrap().unwrap();
    let live = issued::lock_live(&tx, OrderId::new(1)).await.unwrap();
    let ids: Vec<_> = live.iter().map(|ticket| ticket.id).collect();
    issued::void(&tx, &ids, at(60)).await.unwrap();
    db::stock::unsell(&tx, &ids).await.unwrap();
    tx.commit().await.unwrap();
    !live.is_empty()
}

async fn assert_in_order(client: &Client) {
    for rule in [
        Rule::TicketsBelongToTheirLine,
        Rule::CodesOpenOneTicket,
        Rule::OffersAreOfGoodTickets,
        Rule::UsedTicketsWereLetIn,
        Rule::SoldIsInTickets,
    ] {
        let breach = invariants::breach(client, rule, Slice::ALL).await.unwrap();
        assert_eq!(breach, None);
    }
}

fn code(number: usize) -> String {
    format!("{number:032x}")
}

#[tokio::test]
async fn of_many_who_offer_a_ticket_at_once_one_does() {
    let o = offered().await;
    o.db.run("delete from handovers").await;
    let mut clients = connections(&o.db, 12).await;
    let made = race(&mut clients, async |number, client| {
        let to = format!("friend-{number}@example.test");
        let mark = u8::try_from(number + 1).unwrap();
        offer(client, CODE, o.buyer, &to, mark).await
    })
    .await;
    assert_eq!(made.iter().flatten().count(), 1);
    // The schema stands behind it.
    let twice = o.db.client().await;
    let sql = "insert into handovers (ticket_id, from_id, to_email, token_hash, created_at, expires_at)
               select ticket_id, from_id, 'x@example.test', '\\xff', now(), now() from handovers";
    let refused = twice.batch_execute(sql).await.unwrap_err();
    let constraint = refused.as_db_error().unwrap().constraint();
    assert_eq!(constraint, Some("handovers_open_key"));
}

#[tokio::test]
async fn of_acceptance_withdrawal_scan_and_refund_at_once_each_sees_what_came_before() {
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..24 {
        let o = offered().await;
        let mut clients = connections(&o.db, 8).await;
        let results = race(&mut clients, async |number, client| {
            // Who comes first is different each time: an acceptance has the longest way to the ticket.
            let turn = match (round, number) {
                // So that both are certain to be seen, acceptances have one round to themselves and scans another.
                (0, _) => 0,
                (1, _) => 4,
                _ => (number + round) % 8,
            };
            let wait = Dice::new(8 * round + number).below(12);
            if turn > 2 {
                tokio::time::sleep(std::time::Duration::from_millis(wait.into())).await;
            }
            match turn {
                0..=2 => {
                    let accepted = accept(client, o.offer, o.friend, &code(number + 1)).await;
                    ("accepted", accepted.unwrap())
                }
                3 => ("withdrawn", withdraw(client, o.offer, o.buyer).await.unwrap()),
                4 | 5 => {
                    let decided = scan(client, CODE, &format!("phone-{number}")).await;
                    assert_ne!(decided, Err(Refusal::Unknown), "a code is never unknown");
                    ("admitted", decided.is_ok())
                }
                6 if round % 2 == 0 => ("taken back", take_back(client).await),
                6 => ("withdrawn", withdraw(client, o.offer, o.buyer).await.unwrap()),
                _ => ("nothing", false),
            }
        })
        .await;
        let done: Vec<&str> = results
            .iter()
            .filter(|(_, done)| *done)
            .map(|(what, _)| *what)
            .collect();
        let count = |wanted: &str| done.iter().filter(|what| **what == wanted).count();
        assert!(count("accepted") <= 1, "{done:?}");
        assert!(count("admitted") <= 1, "{done:?}");
        // An offer ends once: by an answer, or because the ticket was used or taken back.
        assert!(count("accepted") + count("withdrawn") <= 1, "{done:?}");
        // Nobody is let in by the old code of a ticket that was passed on.
        assert!(
            count("accepted") == 0 || count("admitted") == 0,
            "{done:?}: two hold the ticket"
        );
        let client = o.db.client().await;
        assert_in_order(&client).await;
        let holder = UserId::new(o.db.count("select holder_id from issued_tickets").await);
        let expected = if count("accepted") == 1 { o.friend } else { o.buyer };
        assert_eq!(holder, expected, "{done:?}");
        assert_eq!(
            o.db.count("select count(*) from handovers where status = 'open'")
                .await,
            0
        );
        seen.extend(done);
    }
    assert!(
        seen.contains("accepted") && seen.contains("admitted"),
        "{seen:?}: nothing was seen"
    );
}

#[tokio::test]
async fn a_scan_that_waits_for_an_acceptance_finds_that_the_code_is_dead() {
    let o = offered().await;
    let mut clients = connections(&o.db, 2).await;
    let [first, second] = clients.as_mut_slice() else {
        panic!("two connections");
    };
    let tx = first.transaction().await.unwrap();
    let found = handovers::received(tx.client(), o.offer, o.friend)
        .await
        .unwrap()
        .unwrap();
    let ticket = handovers::lock_ticket(&tx, found.ticket).await.unwrap();
    let name = PersonName::parse("Friend").unwrap();
    handovers::accept(&tx, &ticket, o.offer, o.friend, &name, &code(7), at(60))
        .await
        .unwrap();
    let commit = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        tx.commit().await.unwrap();
    };
    let (scanned, ()) = tokio::join!(scan(second, CODE, "phone"), commit);
    assert_eq!(scanned, Err(Refusal::Transferred));
    assert_eq!(scan(second, &code(7), "phone-2").await, Ok(()));
    assert_in_order(second).await;
}

#[tokio::test]
async fn a_ticket_is_passed_on_and_back_and_each_code_opens_for_its_holder_alone() {
    let o = offered().await;
    let mut client = o.db.client().await;
    assert!(accept(&mut client, o.offer, o.friend, &code(1)).await.unwrap());
    // The buyer has it no more, and the friend may pass it on.
    assert!(
        offer(&mut client, &code(1), o.buyer, "x@example.test", 1)
            .await
            .is_none()
    );
    let back = offer(&mut client, &code(1), o.friend, "holder@example.test", 2).await;
    assert!(
        accept(&mut client, back.unwrap(), o.buyer, &code(2))
            .await
            .unwrap()
    );
    assert_in_order(&client).await;
    for (number, old) in [CODE.to_owned(), code(1)].iter().enumerate() {
        let scanned = scan(&mut client, old, &format!("phone-{number}")).await;
        assert_eq!(scanned, Err(Refusal::Transferred));
    }
    assert_eq!(scan(&mut client, &code(2), "door").await, Ok(()));
    // No ticket gets a code that one had.
    let tx = client.transaction().await.unwrap();
    let reuse = tx
        .batch_execute(&format!("update issued_tickets set code = '{CODE}'"))
        .await;
    assert!(reuse.is_err());
}

#[tokio::test]
async fn what_was_passed_on_and_is_taken_back_is_told_to_whoever_had_it() {
    let o = offered().await;
    let mut client = o.db.client().await;
    assert!(accept(&mut client, o.offer, o.friend, &code(1)).await.unwrap());
    let tx = client.transaction().await.unwrap();
    let order = db::orders::lock(&tx, OrderId::new(1)).await.unwrap().unwrap();
    let payment = db::payments::lock_of_order(&tx, order.id).await.unwrap().unwrap();
    let live = issued::lock_live(&tx, order.id).await.unwrap();
    assert!(!live[0].with_buyer);
    let asked = db::refunds::Asked {
        cause: domain::refund::Cause::Request,
        by: None,
        event: None,
        reason: "ill",
    };
    let plan = domain::refund::Plan {
        tickets: vec![live[0].id],
        amount: domain::Rupiah::new(50_000).unwrap(),
        parts: vec![(EventId::new(1), domain::Rupiah::new(50_000).unwrap())],
    };
    let random = runtime::random::hex::<16>;
    let (_, messages) = db::refunds::request(&tx, &order, &payment, &asked, &plan, &random, at(90))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let void = format!(r#""kind":"ticket_void","ticket":1,"holder":{}"#, o.friend);
    assert!(messages.iter().any(|message| message.body.contains(&void)));
    let told = format!(
        "select string_agg(notice ->> 'kind', ' ') from notifications where user_id = {}",
        o.friend
    );
    assert_eq!(o.db.text(&told).await, "ticket_void");
    // The money goes to whoever paid.
    let payer = "select p.user_id from refunds r join payments p on p.id = r.payment_id";
    assert_eq!(UserId::new(o.db.count(payer).await), o.buyer);
    assert_in_order(&client).await;
}

async fn erase(client: &mut Client, user: UserId) -> Result<Erased, DbError> {
    let tx = client.transaction().await?;
    let erased = personal_data::erase_own(&tx, user, "not a hash", at(120)).await?;
    tx.commit().await?;
    Ok(erased)
}

#[tokio::test]
async fn offers_end_with_the_account_of_either() {
    for leaves_first in ["sender", "recipient"] {
        let o = offered().await;
        let mut client = o.db.client().await;
        let who = if leaves_first == "sender" {
            o.buyer
        } else {
            o.friend
        };
        assert_eq!(erase(&mut client, who).await.unwrap(), Erased::Done);
        let row =
            "select concat_ws(' ', status, coalesce(to_email, 'nobody'), token_hash is null) from handovers";
        assert_eq!(o.db.text(row).await, "ended nobody t", "{leaves_first}");
        assert!(!accept(&mut client, o.offer, o.friend, &code(1)).await.unwrap());
        assert_in_order(&client).await;
    }
}

#[tokio::test]
async fn an_account_that_leaves_while_it_accepts_either_got_the_ticket_or_did_not() {
    let mut outcomes = std::collections::BTreeSet::new();
    for round in 0..16 {
        let o = offered().await;
        let leaver = if round % 4 < 2 { o.friend } else { o.buyer };
        let mut clients = connections(&o.db, 2).await;
        // Both orders are certain to be seen, one after the other; the rest is left to chance.
        let results = match (round, clients.as_mut_slice()) {
            (0, [first, second]) => {
                let left = erase(first, leaver).await.map(|_| false);
                vec![left, accept(second, o.offer, o.friend, &code(1)).await]
            }
            (1, [first, second]) => {
                let accepted = accept(first, o.offer, o.friend, &code(1)).await;
                vec![accepted, erase(second, leaver).await.map(|_| false)]
            }
            (_, clients) => {
                race(clients, async |number, client| {
                    if (number + round) % 2 == 0 {
                        accept(client, o.offer, o.friend, &code(1)).await
                    } else {
                        erase(client, leaver).await.map(|_| false)
                    }
                })
                .await
            }
        };
        let accepted = results.iter().any(|result| match result {
            Ok(accepted) => *accepted,
            Err(error) => panic!("{}: {error:?}", sqlstate(error)),
        });
        let names = "select count(*) from issued_tickets t join users u on u.id = t.holder_id
                     where u.deleted_at is not null and t.holder_name <> u.name";
        assert_eq!(
            o.db.count(names).await,
            0,
            "no name of somebody who has left stays"
        );
        let addresses = "select count(*) from handovers where to_email is not null or token_hash is not null";
        assert_eq!(o.db.count(addresses).await, 0);
        let client = o.db.client().await;
        assert_in_order(&client).await;
        outcomes.insert(accepted);
    }
    assert_eq!(outcomes.len(), 2, "both were seen: {outcomes:?}");
}

#[tokio::test]
async fn guests_who_are_claimed_give_up_what_they_offered_and_take_no_offers_with_them() {
    let o = offered().await;
    // A guest has the address of the friend, and a ticket that is offered to somebody else.
    let mut client = o.db.client().await;
    let guest = buyers(&client, 1).await[0];
    let kind = domain::TicketTypeId::new(o.db.count("select id from ticket_types").await);
    let (_, codes) = Rows(&o.db).bought(guest, kind, 1).await;
    o.db.run(&format!(
        "update users set email = 'friend@example.test', is_guest = true, is_verified = false where id = {guest};
         insert into payments (order_id, user_id, amount, original_amount, status, payment_date, created_at, updated_at)
         select id, user_id, total, total, 'success', now(), now(), now() from orders where user_id = {guest}"
    ))
    .await;
    let third = offer(&mut client, &codes[0], guest, "third@example.test", 9).await;
    assert!(
        !accept(&mut client, o.offer, guest, &code(5)).await.unwrap(),
        "a guest has not proved the address"
    );
    let tx = client.transaction().await.unwrap();
    let claimed = db::guests::claim(&tx, o.friend, at(90)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claimed.tickets, 1);
    let open = "select string_agg(from_id::text, ' ' order by id) from handovers where status = 'open'";
    assert_eq!(o.db.text(open).await, format!("{} {}", o.buyer, o.friend));
    assert_in_order(&client).await;
    assert!(withdraw(&mut client, third.unwrap(), o.friend).await.unwrap());
    assert!(accept(&mut client, o.offer, o.friend, &code(6)).await.unwrap());
    assert_in_order(&client).await;
}
