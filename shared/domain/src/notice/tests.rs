use super::*;

fn rupiah(amount: i64) -> Rupiah {
    Rupiah::new(amount).unwrap()
}

/// One of each kind.
fn all() -> Vec<Notice> {
    let (order, ticket, event) = ("ORDER-1".to_owned(), "Festival".to_owned(), "Jazz".to_owned());
    let (order, ticket, event) = (|| order.clone(), || ticket.clone(), || event.clone());
    let at = Timestamp::parse("2030-01-05T12:30:00Z").unwrap();
    let amount = rupiah(150_000);
    let schedule = || Schedule {
        event: event(),
        date: at,
        zone: "Asia/Makassar".to_owned(),
        location: "Karebosi".to_owned(),
    };
    let code = PromoCode::parse("jazz10").unwrap();
    let terms = Terms {
        off: Off::Percent(Percent::new(1_000).unwrap()),
        valid_to: Timestamp::parse("2035-01-01").unwrap(),
        ..Terms::default()
    };
    vec![
        Notice::OrderPlaced {
            order: order(),
            pay_until: at,
        },
        Notice::OrderPaid {
            order: order(),
            tickets: 2,
        },
        Notice::OrderExpired { order: order() },
        Notice::OrderCalledOff { order: order() },
        Notice::PaidTooLate {
            order: order(),
            amount,
        },
        Notice::RefundStarted {
            order: order(),
            amount,
        },
        Notice::RefundManual {
            order: order(),
            amount,
        },
        Notice::RefundDone {
            order: order(),
            amount,
        },
        Notice::RefundFailed {
            order: order(),
            amount,
        },
        Notice::EventChanged(schedule()),
        Notice::EventCancelled { event: event() },
        Notice::EventReminder(schedule()),
        Notice::TicketPassedOn {
            ticket: ticket(),
            event: event(),
        },
        Notice::TicketDeclined {
            ticket: ticket(),
            event: event(),
        },
        Notice::TicketReceived {
            ticket: ticket(),
            event: event(),
        },
        Notice::TicketVoid {
            ticket: ticket(),
            event: event(),
        },
        Notice::ReviewHeld {
            ticket: ticket(),
            hold: Hold::Link,
        },
        Notice::ReviewShown { ticket: ticket() },
        Notice::ReviewHidden {
            ticket: ticket(),
            reason: "off topic".to_owned(),
        },
        Notice::review_received("Festival", "Jazz", Rating::new(4).unwrap()),
        Notice::WebhookDisabled {
            host: "hooks.example.com".to_owned(),
        },
        Notice::SoldOut {
            ticket: ticket(),
            event: event(),
        },
        Notice::TicketsOffered(Turned {
            ticket: ticket(),
            event: event(),
            quantity: 2,
            until: at,
            zone: "Asia/Makassar".to_owned(),
        }),
        Notice::OfferLapsed {
            ticket: ticket(),
            event: event(),
        },
        Notice::PromoOffered(Offer::new(&code, &terms)),
        Notice::PromoChanged(Offer::new(&code, &terms)),
        Notice::PromoEnded {
            code: code.as_str().to_owned(),
        },
        Notice::SystemAlert {
            turn: Turn::Lasts,
            condition: Condition::PaymentsConflicted { count: 3 },
            more: 2,
        },
    ]
}

#[test]
fn a_notice_survives_the_database_under_the_word_of_its_kind() {
    for notice in all() {
        let json = serde_json::to_value(&notice).unwrap();
        assert_eq!(json["kind"], notice.kind());
        assert_eq!(serde_json::from_value::<Notice>(json).unwrap(), notice);
    }
}

#[test]
fn every_notice_says_its_facts_in_both_languages_and_fits_a_line() {
    for notice in all() {
        let (id, en) = (notice.text(Language::Id), notice.text(Language::En));
        assert_ne!(id, en);
        let json = serde_json::to_value(&notice).unwrap();
        for fact in ["order", "ticket", "event", "code", "location", "reason", "host"] {
            let Some(fact) = json.get(fact).and_then(|fact| fact.as_str()) else {
                continue;
            };
            assert!(id.contains(fact) && en.contains(fact), "{fact}: {id} / {en}");
        }
        assert!(
            id.chars().count() <= 300 && en.chars().count() <= 300,
            "{id} / {en}"
        );
    }
}

#[test]
fn times_are_those_of_the_place_and_amounts_in_rupiah() {
    let text = |kind: &str, language| {
        let found = all().into_iter().find(|notice| notice.kind() == kind);
        found.unwrap().text(language)
    };
    assert_eq!(
        text("event_changed", Language::En),
        "Time or place of Jazz changed: Saturday, 5 January 2030 at 20:30 WITA, Karebosi."
    );
    assert_eq!(
        text("order_placed", Language::Id),
        "Pesanan ORDER-1 menunggu pembayaran. Bayar sebelum Sabtu, 5 Januari 2030 pukul 19.30 WIB."
    );
    assert_eq!(
        text("refund_done", Language::En),
        "Rp 150.000 for order ORDER-1 went back to you."
    );
}

#[test]
fn promo_codes_are_announced_as_existing_clients_know_it() {
    let texts: Vec<String> = all().iter().map(|notice| notice.text(Language::En)).collect();
    for known in [
        "New promo code JAZZ10 is available! Get 10% discount. Valid until 1/1/2035",
        "Promo code JAZZ10 has been updated! Now offering 10% discount. Valid until 1/1/2035",
        "Promo code JAZZ10 is no longer available",
    ] {
        assert!(texts.iter().any(|text| text == known), "{known}");
    }
    let amount = Terms {
        off: Off::Amount(rupiah(50_000)),
        ..Terms::default()
    };
    let code = PromoCode::parse("HEMAT").unwrap();
    assert_eq!(Offer::new(&code, &amount).off, "Rp 50.000");
}
