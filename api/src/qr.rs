//! QR codes of tickets: version 6, level M, four modules of quiet zone around them, as SVG and PNG.

use qrcode::{Color, EcLevel, QrCode, Version, bits::Bits, render::svg};

/// 154 characters of the alphanumeric mode fill this version at level M to the last one.
const VERSION: Version = Version::Normal(6);
/// Modules around the code that stay light, as ISO/IEC 18004 wants.
const QUIET_ZONE: usize = 4;
/// Pixels of the SVG's own size; it scales without loss.
const SVG_SIZE: u32 = 392;
/// Pixels of a module in a PNG.
pub const SCALE_MAX: u32 = 20;
pub const SCALE_DEFAULT: u32 = 8;

/// One alphanumeric segment: the text fills the code to the last bit, and a switch to numeric mode for a run of digits
/// would cost more than there is.
fn code(text: &str) -> QrCode {
    let fits = "the text of a ticket fits into version 6";
    let mut bits = Bits::new(VERSION);
    bits.push_alphanumeric_data(text.as_bytes()).expect(fits);
    bits.push_terminator(EcLevel::M).expect(fits);
    QrCode::with_bits(bits, EcLevel::M).expect(fits)
}

pub fn svg(text: &str) -> String {
    code(text).render::<svg::Color>().quiet_zone(true).min_dimensions(SVG_SIZE, SVG_SIZE).build()
}

/// One bit a pixel; `scale` pixels a module.
pub fn png(text: &str, scale: u32) -> Vec<u8> {
    let code = code(text);
    let scale = usize::try_from(scale.clamp(1, SCALE_MAX)).expect("at most 20");
    let modules = code.width() + 2 * QUIET_ZONE;
    let pixels = modules * scale;
    let row_bytes = pixels.div_ceil(8);
    let mut image = Vec::with_capacity(row_bytes * pixels);
    for y in 0..modules {
        let mut row = vec![0xff_u8; row_bytes];
        for x in (0..modules).filter(|&x| is_dark(&code, x, y)) {
            for pixel in x * scale..(x + 1) * scale {
                row[pixel / 8] &= !(0x80 >> (pixel % 8));
            }
        }
        for _ in 0..scale {
            image.extend_from_slice(&row);
        }
    }
    encode(u32::try_from(pixels).expect("at most 49 modules of 20 pixels"), &image)
}

fn is_dark(code: &QrCode, x: usize, y: usize) -> bool {
    let inside = QUIET_ZONE..QUIET_ZONE + code.width();
    inside.contains(&x) && inside.contains(&y) && code[(x - QUIET_ZONE, y - QUIET_ZONE)] == Color::Dark
}

fn encode(pixels: u32, image: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixels, pixels);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().expect("a square of at most 980 pixels, in memory");
    writer.write_image_data(image).expect("the rows are as long as the header says");
    writer.finish().expect("nothing fails in memory");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> String {
        format!("EF1:{}", "A".repeat(150))
    }

    #[test]
    fn a_ticket_fills_version_6_and_has_a_quiet_zone() {
        let code = code(&text());
        assert_eq!(code.width(), 41);
        assert!(QrCode::with_version(format!("{}A", text()), VERSION, EcLevel::M).is_err(), "not one more");
        let svg = svg(&text());
        assert!(svg.contains(r#"viewBox="0 0 392 392""#), "49 modules of 8: {}", &svg[..200]);
        assert!(svg.contains("M32 32"), "the finder begins after four modules");
    }

    #[test]
    fn runs_of_digits_do_not_make_the_code_larger() {
        // Real tokens mix letters and digits: an encoder that changes modes between them would need version 7.
        for pattern in ["A1234567", "12345678901234567890B", "$%*+-./: 0123456789", "7"] {
            let text: String = "EF1:".chars().chain(pattern.chars().cycle()).take(154).collect();
            assert_eq!(code(&text).width(), 41, "{pattern}");
        }
    }

    #[test]
    fn the_pixels_of_a_png_are_the_modules() {
        let code = code(&text());
        for scale in [1, 3, 20] {
            let bytes = png(&text(), scale);
            let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
            let mut image = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut image).unwrap();
            let scale = scale as usize;
            assert_eq!((info.width as usize, info.bit_depth), (49 * scale, png::BitDepth::One));
            for (x, y) in [(0, 0), (3, 3), (4, 4), (10, 10), (24, 17), (44, 4), (48, 48)] {
                let pixel = x * scale + scale / 2;
                let byte = image[(y * scale + scale - 1) * info.line_size + pixel / 8];
                let dark = byte & (0x80 >> (pixel % 8)) == 0;
                assert_eq!(dark, is_dark(&code, x, y), "{x} {y}");
            }
        }
    }
}
