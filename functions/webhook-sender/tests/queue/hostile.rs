//! Addresses that would make this program call its own network: nobody hears anything of them.

use crate::{Setup, make_endpoint};
use domain::destination::Reach;
use outbound::Names;
use std::net::IpAddr;
use webhook_sender::App;

/// A worker that may call the port of the receiver, so that nothing but the judgement of the host keeps it from that, and that
/// knows names which lead to bad places.
fn worker(setup: &Setup, reach: Reach) -> App {
    let ports: &'static [u16] = Box::leak(Box::new([setup.receiver.port]));
    let number = |text: &str| text.parse::<IpAddr>().unwrap();
    let known = [
        ("loopback.example.com", vec!["127.0.0.1"]),
        ("six.example.com", vec!["::1"]),
        ("mapped.example.com", vec!["::ffff:127.0.0.1"]),
        ("compatible.example.com", vec!["::127.0.0.1"]),
        ("nat64.example.com", vec!["64:ff9b::7f00:1"]),
        ("six-to-four.example.com", vec!["2002:7f00:1::"]),
        ("any.example.com", vec!["0.0.0.0"]),
        ("any-six.example.com", vec!["::"]),
        ("private.example.com", vec!["10.20.0.2"]),
        ("cgnat.example.com", vec!["100.64.0.1"]),
        ("metadata.example.com", vec!["169.254.169.254"]),
        ("metadata-six.example.com", vec!["fd00:ec2::254"]),
        ("link-local.example.com", vec!["fe80::1"]),
        ("multicast.example.com", vec!["224.0.0.1"]),
        ("broadcast.example.com", vec!["255.255.255.255"]),
        ("rebinding.example.com", vec!["93.184.216.34", "127.0.0.1"]),
        ("rebinding-back.example.com", vec!["127.0.0.1", "93.184.216.34"]),
        ("nobody.example.com", vec![]),
    ];
    let table = known.map(|(name, numbers)| (name.to_owned(), numbers.into_iter().map(number).collect()));
    App {
        names: Names::Table(table.into()),
        reach: Reach { ports, ..reach },
        ..setup.worker()
    }
}

/// Hosts and the like before the port of the receiver.
const HOSTILE: [&str; 50] = [
    "https://loopback.example.com",
    "https://six.example.com",
    "https://mapped.example.com",
    "https://compatible.example.com",
    "https://nat64.example.com",
    "https://six-to-four.example.com",
    "https://any.example.com",
    "https://any-six.example.com",
    "https://private.example.com",
    "https://cgnat.example.com",
    "https://metadata.example.com",
    "https://metadata-six.example.com",
    "https://link-local.example.com",
    "https://multicast.example.com",
    "https://broadcast.example.com",
    "https://rebinding.example.com",
    "https://rebinding-back.example.com",
    "https://nobody.example.com",
    "https://unknown.example.com",
    "http://loopback.example.com",
    "http://127.0.0.1",
    "http://localhost",
    "https://127.0.0.1",
    "https://localhost",
    "https://localhost.",
    "https://LOCALHOST",
    "https://loopback.example.com.",
    "https://127.1",
    "https://127.0.1",
    "https://2130706433",
    "https://017700000001",
    "https://0177.0.0.1",
    "https://0x7f.0.0.1",
    "https://0x7f000001",
    "https://127.0.0.1.",
    "https://127.000.000.001",
    "https://0",
    "https://0.0.0.0",
    "https://[::1]",
    "https://[::]",
    "https://[::ffff:127.0.0.1]",
    "https://[::ffff:7f00:1]",
    "https://[::127.0.0.1]",
    "https://[64:ff9b::127.0.0.1]",
    "https://[2002:7f00:1::]",
    "https://[::1%25lo]",
    "https://user@127.0.0.1",
    "https://93.184.216.34@127.0.0.1",
    "https://loopback.example.com@127.0.0.1",
    "https://api.localhost",
];

#[tokio::test]
async fn fifty_hostile_addresses_cause_no_connection() {
    let setup = Setup::new().await;
    let worker = worker(&setup, Reach::PUBLIC);
    for host in HOSTILE {
        let url = format!("{host}:{}/hostile", setup.receiver.port);
        let endpoint = make_endpoint(&setup.db, setup.owner, &url).await;
        let delivery = setup.message_to(endpoint).await;
        crate::deliver(&worker, delivery).await;
        assert_eq!(setup.stands(delivery).await, "pending 1 1 -", "{url}");
        let error = format!("select last_error from webhook_deliveries where id = {delivery}");
        let error = setup.db.text(&error).await;
        assert!(
            error.starts_with("the ") && !error.contains("certificate"),
            "{url}: {error}"
        );
        assert_eq!(setup.receiver.connections(), 0, "{url}");
    }
}

#[tokio::test]
async fn without_the_judgement_of_numbers_the_same_names_would_have_been_called() {
    let setup = Setup::new().await;
    let url = format!("http://localhost:{}/hook", setup.receiver.port);
    let endpoint = make_endpoint(&setup.db, setup.owner, &url).await;
    let delivery = setup.message_to(endpoint).await;
    let here = "127.0.0.1".parse().unwrap();
    let worker = App {
        names: Names::Table(vec![("localhost".to_owned(), vec![here])]),
        ..setup.worker()
    };
    crate::deliver(&worker, delivery).await;
    assert_eq!(
        setup.receiver.heard().len(),
        1,
        "the receiver hears whoever gets through"
    );
}
