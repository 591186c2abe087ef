use axum::body::Body;
use http::Request;

/// What separates the parts of a form.
const BOUNDARY: &str = "------------------------gigglefest";

/// A form as clients send it (`multipart/form-data`).
#[derive(Debug, Default)]
pub struct Form {
    body: Vec<u8>,
}

impl Form {
    /// A form without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field.
    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Self {
        self.part(&format!("name=\"{name}\""), value.as_bytes())
    }

    /// Adds a file.
    #[must_use]
    pub fn file(self, name: &str, media_type: &str, bytes: &[u8]) -> Self {
        let head = format!("name=\"{name}\"; filename=\"../a b.png\"\r\ncontent-type: {media_type}");
        self.part(&head, bytes)
    }

    fn part(mut self, head: &str, content: &[u8]) -> Self {
        let start = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; {head}\r\n\r\n");
        self.body.extend(start.as_bytes());
        self.body.extend(content);
        self.body.extend(b"\r\n");
        self
    }

    /// The request that sends it.
    pub fn request(mut self, method: &str, path: &str, token: &str) -> Request<Body> {
        self.body.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
        Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header(
                "content-type",
                format!("multipart/form-data; boundary={BOUNDARY}"),
            )
            .body(Body::from(self.body))
            .expect("a valid request")
    }
}

/// The beginning of a PNG of this size: enough for whoever looks at headers only.
pub fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}
