//! What people called things in a drawing.

/// Names that drawing programs give by themselves begin with the kind of thing.
const KINDS: [&str; 14] = [
    "circle",
    "ellipse",
    "rect",
    "rectangle",
    "path",
    "g",
    "group",
    "layer",
    "use",
    "svg",
    "seat",
    "polygon",
    "text",
    "shape",
];
/// Words before the label of a row.
const ROW_WORDS: [&str; 3] = ["row", "reihe", "rang"];
/// Words before the label of a section.
const SECTION_WORDS: [&str; 4] = ["section", "block", "sektor", "bereich"];

/// An id that says more than what kind of thing it is and which of them: `path12-3` does not.
pub(super) fn chosen(id: &str) -> Option<&str> {
    let word = id.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '_' | '.'));
    let given = KINDS.contains(&word.to_lowercase().as_str());
    (!given && !id.trim().is_empty()).then(|| id.trim())
}

pub(super) fn row(name: &str) -> &str {
    without_word(name, &ROW_WORDS)
}

pub(super) fn section(name: &str) -> &str {
    without_word(name, &SECTION_WORDS)
}

/// The number in the name of a seat: `Stalls, row 3, seat 12` and `P-3-12` are 12.
pub(super) fn number(name: &str) -> Option<&str> {
    let separators = |c: char| matches!(c, '-' | '_' | '.' | ':' | '/' | ',' | '#') || c.is_whitespace();
    name.rsplit(separators).find(|part| !part.is_empty())
}

fn without_word<'a>(name: &'a str, words: &[&str]) -> &'a str {
    let rest = words.iter().find_map(|word| {
        let start = name.get(..word.len())?;
        let rest = name.get(word.len()..).filter(|_| start.eq_ignore_ascii_case(word))?;
        let label = rest.trim_start_matches(['-', '_', ' ', ':', '.']);
        // `Rowing` is no row.
        (label.len() < rest.len() || rest.starts_with(|c: char| c.is_ascii_digit())).then_some(label)
    });
    rest.filter(|label| !label.is_empty()).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_programs_are_none() {
        assert_eq!(["path12-3", "g7", "Layer_1", "seat-4"].map(chosen), [None; 4]);
        assert_eq!(["Stalls", "P-3-12", "A1"].map(chosen), [Some("Stalls"), Some("P-3-12"), Some("A1")]);
    }

    #[test]
    fn words_before_labels_are_left_out() {
        assert_eq!(
            ["Row 5", "reihe-A", "row7", "Rowing", "Row", "B"].map(row),
            ["5", "A", "7", "Rowing", "Row", "B"]
        );
        assert_eq!(section("Block 101"), "101");
        assert_eq!(
            ["Stalls, row 3, seat 12", "P-3-12", "7", ""].map(number),
            [Some("12"), Some("12"), Some("7"), None]
        );
    }
}
