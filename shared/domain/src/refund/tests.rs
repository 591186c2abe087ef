use super::*;
use proptest::prelude::*;

fn rupiah(amount: i64) -> Rupiah {
    Rupiah::new(amount).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn ticket(id: i64, event: i64, worth: i64) -> Held {
    Held {
        id: IssuedTicketId::new(id),
        event: EventId::new(event),
        worth: rupiah(worth),
        used: false,
    }
}

fn takings(event: i64, left: i64) -> Takings {
    Takings {
        event: EventId::new(event),
        own: true,
        left: rupiah(left),
        buyers_until: None,
    }
}

fn these(ids: &[i64]) -> Wish {
    Wish {
        tickets: Some(ids.iter().map(|id| IssuedTicketId::new(*id)).collect()),
        amount: None,
    }
}

fn now() -> Timestamp {
    at("2030-01-01T12:00:00Z")
}

fn decide(by: By, wish: &Wish, held: &[Held], takings: &[Takings]) -> Result<Plan, RefundError> {
    let sale = Sale {
        held,
        void: &[IssuedTicketId::new(9)],
        takings,
        left: Rupiah::MAX,
    };
    plan(by, wish, sale, now())
}

#[test]
fn money_in_a_wrong_amount_is_given_back_by_those_who_run_the_platform() {
    let give = |by, wish: &Wish, left| plan_of_conflict(by, wish, rupiah(left));
    let gesture = |amount| Wish {
        tickets: None,
        amount: Some(rupiah(amount)),
    };
    let all = give(By::Admin, &Wish::default(), 90).unwrap();
    assert_eq!((all.amount, all.parts.len()), (rupiah(90), 0), "nobody earned it");
    assert_eq!(give(By::Admin, &gesture(40), 90).unwrap().amount, rupiah(40));
    for (by, wish, left, expected) in [
        (By::Organizer, Wish::default(), 90, RefundError::NotPaid),
        (By::Buyer, Wish::default(), 90, RefundError::NotPaid),
        (By::Admin, these(&[1]), 90, RefundError::UnknownTicket),
        (By::Admin, gesture(91), 90, RefundError::TooMuch(rupiah(90))),
        (By::Admin, Wish::default(), 0, RefundError::NothingLeft),
    ] {
        assert_eq!(give(by, &wish, left), Err(expected));
    }
}

#[test]
fn named_tickets_give_back_what_they_are_worth() {
    let held = [ticket(1, 1, 100), ticket(2, 1, 100), ticket(3, 2, 70)];
    let both = [takings(1, 200), takings(2, 70)];
    let plan = decide(By::Admin, &these(&[1, 3, 1]), &held, &both).unwrap();
    assert_eq!(plan.amount, rupiah(170));
    assert_eq!(plan.tickets, [IssuedTicketId::new(1), IssuedTicketId::new(3)]);
    assert_eq!(
        plan.parts,
        [(EventId::new(1), rupiah(100)), (EventId::new(2), rupiah(70))]
    );
    let cut = Wish {
        amount: Some(rupiah(90)),
        ..these(&[1])
    };
    assert_eq!(decide(By::Admin, &cut, &held, &both).unwrap().amount, rupiah(90));
    let more = Wish {
        amount: Some(rupiah(101)),
        ..these(&[1])
    };
    assert_eq!(
        decide(By::Admin, &more, &held, &both),
        Err(RefundError::TooMuch(rupiah(100)))
    );
}

#[test]
fn tickets_that_are_void_unknown_or_others_are_refused() {
    let held = [ticket(1, 1, 100), ticket(2, 2, 100)];
    let mut both = [takings(1, 100), takings(2, 100)];
    both[1].own = false;
    assert_eq!(
        decide(By::Organizer, &these(&[9]), &held, &both),
        Err(RefundError::TicketVoid)
    );
    for id in [2, 77] {
        assert_eq!(
            decide(By::Organizer, &these(&[id]), &held, &both),
            Err(RefundError::UnknownTicket),
            "{id}"
        );
    }
    let all = decide(By::Organizer, &Wish::default(), &held, &both).unwrap();
    assert_eq!(
        (all.amount, all.tickets),
        (rupiah(100), vec![IssuedTicketId::new(1)])
    );
    let gesture = Wish {
        amount: Some(rupiah(10)),
        tickets: None,
    };
    assert_eq!(
        decide(By::Organizer, &gesture, &held, &both),
        Err(RefundError::NameTickets)
    );
}

#[test]
fn a_gesture_takes_no_ticket_and_everything_takes_all_that_is_left() {
    let held = [ticket(1, 1, 100)];
    let gesture = Wish {
        amount: Some(rupiah(30)),
        tickets: None,
    };
    let given = decide(By::Admin, &gesture, &held, &[takings(1, 100)]).unwrap();
    assert!(given.tickets.is_empty());
    let rest = decide(By::Admin, &Wish::default(), &held, &[takings(1, 70)]).unwrap();
    assert_eq!((rest.amount, rest.tickets.len()), (rupiah(70), 1));
    let rest = decide(By::Admin, &Wish::default(), &[], &[takings(1, 5)]).unwrap();
    assert_eq!((rest.amount, rest.tickets.len()), (rupiah(5), 0));
    assert_eq!(
        decide(By::Admin, &Wish::default(), &held, &[takings(1, 0)]),
        Err(RefundError::NothingLeft)
    );
    assert_eq!(
        decide(By::Admin, &gesture, &held, &[takings(1, 0)]),
        Err(RefundError::NothingLeft)
    );
}

#[test]
fn no_more_goes_back_than_is_left_of_the_payment() {
    let (held, takings) = (
        [ticket(1, 1, 60), ticket(2, 2, 40)],
        [takings(1, 60), takings(2, 40)],
    );
    let sale = Sale {
        held: &held,
        void: &[],
        takings: &takings,
        left: rupiah(50),
    };
    let plan = plan(By::Admin, &Wish::default(), sale, now()).unwrap();
    assert_eq!(plan.amount, rupiah(50));
    assert_eq!(
        plan.parts,
        [(EventId::new(1), rupiah(30)), (EventId::new(2), rupiah(20))]
    );
}

#[test]
fn tickets_that_cost_nothing_are_taken_back_for_nothing() {
    let plan = decide(By::Admin, &Wish::default(), &[ticket(1, 1, 0)], &[takings(1, 0)]).unwrap();
    assert_eq!((plan.amount, plan.tickets.len()), (Rupiah::ZERO, 1));
    assert!(plan.parts.is_empty());
}

#[test]
fn buyers_give_back_whole_unused_tickets_while_the_organizer_lets_them() {
    let mut held = [ticket(1, 1, 100)];
    let mut takings = [takings(1, 100)];
    assert_eq!(
        decide(By::Buyer, &these(&[1]), &held, &takings),
        Err(RefundError::Policy)
    );
    takings[0].buyers_until = Some(now());
    assert!(decide(By::Buyer, &these(&[1]), &held, &takings).is_ok());
    takings[0].buyers_until = Some(now().plus_seconds(-1));
    assert_eq!(
        decide(By::Buyer, &these(&[1]), &held, &takings),
        Err(RefundError::Policy)
    );
    takings[0].buyers_until = Some(now());
    held[0].used = true;
    assert_eq!(
        decide(By::Buyer, &these(&[1]), &held, &takings),
        Err(RefundError::TicketUsed)
    );
    let gesture = Wish {
        amount: Some(rupiah(1)),
        tickets: None,
    };
    assert_eq!(
        decide(By::Buyer, &gesture, &held, &takings),
        Err(RefundError::NotForBuyers)
    );
}

#[test]
fn a_cancelled_event_takes_back_all_its_tickets_and_no_more_than_is_left() {
    let held = [ticket(1, 1, 100), ticket(2, 1, 100), ticket(3, 2, 70)];
    let plan = plan_of_cancelled(EventId::new(1), &held, rupiah(150));
    assert_eq!((plan.amount, plan.tickets.len()), (rupiah(150), 2));
    let void = plan_of_cancelled(EventId::new(1), &held, Rupiah::ZERO);
    assert_eq!(
        (void.amount, void.tickets.len(), void.parts.len()),
        (Rupiah::ZERO, 2, 0)
    );
}

#[test]
fn what_nothing_is_left_for_is_given_up_newest_first() {
    let known = |id, amount, status| Known {
        id: RefundId::new(id),
        amount: rupiah(amount),
        status,
    };
    let all = [
        known(1, 40, RefundStatus::Requested),
        known(2, 30, RefundStatus::Manual),
        known(3, 60, RefundStatus::Succeeded),
        known(4, 99, RefundStatus::Failed),
    ];
    assert_eq!(overtaken(&all, rupiah(130)), []);
    assert_eq!(overtaken(&all, rupiah(100)), [RefundId::new(2)]);
    assert_eq!(overtaken(&all, rupiah(99)), [RefundId::new(2), RefundId::new(1)]);
    assert_eq!((returned(&all), promised(&all)), (rupiah(60), rupiah(130)));
}

#[test]
fn methods_give_back_what_the_table_says() {
    let (all, part) = (rupiah(100), rupiah(40));
    for (method, whole, parts) in [
        ("bank_transfer", false, false),
        ("echannel", false, false),
        ("cstore", false, false),
        ("shopeepay", true, false),
        ("ovo", true, false),
        ("credit_card", true, true),
        ("gopay", true, true),
        ("qris", true, true),
        ("something new", true, true),
    ] {
        assert_eq!(Way::of(method).gives(all, all), whole, "{method}");
        assert_eq!(Way::of(method).gives(part, all), parts, "{method}");
    }
}

#[test]
fn the_next_step_follows_the_state_at_the_gateway() {
    let step = |said, method, amount, gone| {
        next_step(said, method, rupiah(amount), rupiah(100), rupiah(gone), now())
    };
    assert_eq!(step("settlement", "gopay", 40, 0), Step::Refund);
    assert_eq!(step("PARTIAL_REFUND", "gopay", 40, 60), Step::Refund);
    assert!(matches!(step("partial_refund", "gopay", 41, 60), Step::Manual(_)));
    assert!(matches!(
        step("settlement", "bank_transfer", 100, 0),
        Step::Manual(_)
    ));
    assert!(matches!(step("settlement", "ovo", 40, 0), Step::Manual(_)));
    assert_eq!(step("capture", "credit_card", 100, 0), Step::Cancel);
    assert!(matches!(step("capture", "credit_card", 40, 0), Step::Wait(..)));
    for gone in ["expire", "deny", "chargeback", "refund", "pending", ""] {
        assert!(matches!(step(gone, "gopay", 40, 0), Step::Manual(_)), "{gone}");
    }
}

#[test]
fn shopeepay_rests_at_night() {
    let step = |time| {
        next_step(
            "settlement",
            "shopeepay",
            rupiah(1),
            rupiah(1),
            Rupiah::ZERO,
            at(time),
        )
    };
    assert_eq!(step("2030-01-01T16:54:59Z"), Step::Refund);
    assert_eq!(step("2029-12-31T23:00:00Z"), Step::Refund);
    for time in [
        "2030-01-01T16:55:00Z",
        "2030-01-01T17:00:00Z",
        "2030-01-01T22:59:59Z",
    ] {
        assert_eq!(
            step(time),
            Step::Wait(
                at("2030-01-01T23:00:00Z"),
                "ShopeePay gives nothing back at night"
            ),
            "{time}"
        );
    }
}

#[test]
fn pauses_grow_and_end_within_the_life_of_a_key() {
    assert_eq!([pause(1), pause(2), pause(3)], [30, 60, 120]);
    assert_eq!(pause(40), 6 * 3_600);
    let first = now();
    assert!(may_try_on(first, first.plus_seconds(KEY_SECONDS - 1)));
    assert!(!may_try_on(first, first.plus_seconds(KEY_SECONDS)));
}

#[test]
fn hours_are_whole_and_within_a_year() {
    for (text, hours) in [("0", 0), ("48", 48), ("\"48\"", 48), ("8760", 8_760)] {
        assert_eq!(serde_json::from_str::<RefundHours>(text).unwrap().get(), hours);
    }
    for bad in ["-1", "8761", "1.5", "\"a\"", "9999999999999", "null", "true"] {
        assert!(serde_json::from_str::<RefundHours>(bad).is_err(), "{bad}");
    }
}

#[test]
fn names_are_read_back() {
    for status in RefundStatus::ALL {
        assert_eq!(RefundStatus::parse(status.as_str()), Some(status));
    }
    for cause in Cause::ALL {
        assert_eq!(Cause::parse(cause.as_str()), Some(cause));
    }
}

proptest! {
    #[test]
    fn parts_add_up_and_no_event_pays_more_than_it_took(
        worths in proptest::collection::vec((1i64..4, 0i64..1_000_000), 1..8),
        cut in 0i64..=100,
        asked in proptest::option::of(0i64..3_000_000),
        named: bool,
    ) {
        let held: Vec<Held> = worths.iter().zip(1..).map(|((event, worth), id)| ticket(id, *event, *worth)).collect();
        let all: Vec<Takings> = (1..4).map(|event| {
            let sum: i64 = worths.iter().filter(|(of, _)| *of == event).map(|(_, worth)| worth).sum();
            takings(event, sum * cut / 100)
        }).collect();
        let wish = Wish {
            tickets: named.then(|| held.iter().step_by(2).map(|ticket| ticket.id).collect()),
            amount: asked.map(rupiah),
        };
        if let Ok(plan) = decide(By::Admin, &wish, &held, &all) {
            prop_assert_eq!(plan.parts.iter().map(|(_, part)| part.get()).sum::<i64>(), plan.amount.get());
            for (event, part) in &plan.parts {
                prop_assert!(all.iter().any(|takings| takings.event == *event && *part <= takings.left));
            }
            prop_assert!(asked.is_none_or(|asked| plan.amount.get() == asked));
        }
    }
}
