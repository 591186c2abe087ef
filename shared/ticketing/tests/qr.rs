//! The pictures are read back by a decoder that shares no code with what draws them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use domain::{EventId, TicketTypeId, Timestamp};
use ticketing::qr::{self, QrError};
use ticketing::{Claims, SigningKeys, TicketCode};

/// A picture in which `true` is dark.
struct Picture {
    width: usize,
    dark: Vec<bool>,
}

impl Picture {
    fn of_png(file: &[u8]) -> Self {
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let info = reader.info();
        assert_eq!(
            (info.color_type, info.bit_depth),
            (png::ColorType::Grayscale, png::BitDepth::One)
        );
        let (width, height) = (info.width as usize, info.height as usize);
        assert_eq!(width, height);
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut bytes).unwrap();
        let rows = bytes.chunks(width.div_ceil(8));
        let dark = rows
            .flat_map(|row| (0..width).map(|x| row.get(x / 8).unwrap() >> (7 - x % 8) & 1 == 0))
            .collect();
        Self { width, dark }
    }

    /// Draws what the path of dark modules says, `scale` pixels a module.
    fn of_svg(svg: &str, scale: usize) -> Self {
        let attribute = |name: &str| {
            svg.rsplit(&format!("{name}=\""))
                .next()
                .unwrap()
                .split('"')
                .next()
                .unwrap()
        };
        let size: usize = attribute("viewBox").split(' ').nth(2).unwrap().parse().unwrap();
        let width = size * scale;
        let mut dark = vec![false; width * width];
        for run in attribute("d").split('M').skip(1) {
            let (x, rest) = run.split_once(' ').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            let (length, _) = rest.split_once('v').unwrap();
            let [x, y, length] = [x, y, length].map(|n| n.parse::<usize>().unwrap());
            for row in y * scale..(y + 1) * scale {
                let start = row * width + x * scale;
                dark.get_mut(start..start + length * scale).unwrap().fill(true);
            }
        }
        Self { width, dark }
    }

    fn is_dark(&self, x: usize, y: usize) -> bool {
        *self.dark.get(y * self.width + x).unwrap()
    }

    fn decode(&self) -> (rqrr::MetaData, String) {
        let grey = |x, y| if self.is_dark(x, y) { 0 } else { 255 };
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(self.width, self.width, grey);
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        grids.first().unwrap().decode().unwrap()
    }

    /// Light pixels from the left edge to the code, in the first row that has dark ones.
    fn margin(&self) -> (usize, usize) {
        let first = self.dark.iter().position(|dark| *dark).unwrap();
        (first % self.width, first / self.width)
    }
}

fn token(key_id: &str) -> String {
    let keys = format!("{key_id}:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    SigningKeys::parse(&keys).unwrap().sign(&Claims {
        code: TicketCode::parse("00112233445566778899aabbccddeeff").unwrap(),
        event: EventId::new(7),
        ticket_type: TicketTypeId::new(19),
        issued_at: Timestamp::parse("2030-01-05T12:30:00Z").unwrap(),
    })
}

#[test]
fn a_phone_reads_the_token_from_the_png() {
    let token = token("2030a");
    let picture = Picture::of_png(&qr::png(&token).unwrap());
    let (found, text) = picture.decode();
    assert_eq!(text, token);
    // 49 modules, and the two bits that mean error correction M.
    assert_eq!((found.version.to_size(), found.ecc_level), (49, 0));
}

#[test]
fn png_and_svg_show_the_same_code() {
    let token = token("2030a");
    let png = Picture::of_png(&qr::png(&token).unwrap());
    let svg = Picture::of_svg(&qr::svg(&token).unwrap(), png.width / 57);
    assert_eq!(png.width, svg.width);
    assert!(png.dark == svg.dark);
    assert_eq!(svg.decode().1, token);
}

#[test]
fn pictures_of_every_length_are_handy_and_have_their_quiet_zone() {
    for length in [1, 20, 100, 150, 160, 500, 1_000, 2_331] {
        let text = "a".repeat(length);
        let file = qr::png(&text).unwrap();
        let picture = Picture::of_png(&file);
        assert!((400..600).contains(&picture.width), "{length}: {}", picture.width);
        let (found, read) = picture.decode();
        assert_eq!(read, text);
        let scale = picture.width / (found.version.to_size() + 8);
        assert_eq!(picture.margin(), (4 * scale, 4 * scale), "{length}");
    }
}

#[test]
fn a_ticket_costs_a_mail_little() {
    let token = token("2030a");
    assert!(qr::png(&token).unwrap().len() < 2_000);
    assert!(qr::svg(&token).unwrap().len() < 20_000);
}

#[test]
fn what_does_not_fit_is_an_error() {
    let text = "a".repeat(2_332);
    assert!(matches!(qr::png(&text), Err(QrError::TooLong(2_332))));
    assert!(matches!(qr::svg(&text), Err(QrError::TooLong(2_332))));
}

#[test]
fn the_svg_holds_nothing_of_the_text() {
    let svg = qr::svg("<script>alert(1)</script>").unwrap();
    assert!(!svg.contains("script"));
}
