use crate::TestTokens;
use runtime::Env;

/// Everything that the functions read at boot, with this database. Nothing listens at the other addresses.
pub fn env(database: &str) -> Env {
    Env::of([
        ("DATABASE_URL", database),
        ("JWT_SECRET", TestTokens::SECRET),
        ("BASE_URL", "https://api.example"),
        ("FRONTEND_URL", "https://shop.example"),
        ("STATE_TABLE", "state"),
        ("QUEUE_MAIL_URL", "http://127.0.0.1:9/mail"),
        (
            "QUEUE_PAYMENT_NOTIFICATIONS_URL",
            "http://127.0.0.1:9/payment-notifications",
        ),
        ("MEDIA_BUCKET", "media"),
        ("AWS_REGION", "ap-southeast-3"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("IMAGEKIT_PRIVATE_KEY", "private_TESTKEY"),
        ("IMAGEKIT_URL_ENDPOINT", "http://127.0.0.1:9/gigglefest"),
        ("MIDTRANS_SERVER_KEY", "SB-Mid-server-TESTKEY"),
        ("MIDTRANS_SNAP_URL", "http://127.0.0.1:9"),
        ("MIDTRANS_CORE_URL", "http://127.0.0.1:9"),
        (
            "TICKET_SIGNING_KEYS",
            "test:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        ),
        (
            "APPLE_PASS_CERTIFICATES",
            include_str!("../../ticketing/tests/wallet/certificates.pem"),
        ),
        (
            "APPLE_PASS_KEY",
            include_str!("../../ticketing/tests/wallet/key.pem"),
        ),
        ("GOOGLE_WALLET_ISSUER", "3388000000022222222"),
        (
            "GOOGLE_WALLET_ACCOUNT",
            include_str!("../../ticketing/tests/wallet/account.json"),
        ),
    ])
}
