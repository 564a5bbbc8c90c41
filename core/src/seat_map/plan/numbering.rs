//! The numbers of one row: rules where they follow one.

use super::{PlanError, unzigzag, zigzag};
use crate::seat_map::{
    LABEL_CHARS_MAX,
    bytes::{Reader, put},
    layout::{dense, wide},
};

/// A prefix, the first number, the step; then what is different.
const PROGRESSION: u8 = 0;
/// A prefix, the first number, the difference of each further one; then what is different.
const DIFFERENCES: u8 = 1;
/// The text of each seat.
const TEXTS: u8 = 2;

/// The shortest of the three forms. Nothing for a row without seats.
pub(super) fn write(texts: &[&str]) -> Vec<u8> {
    if texts.is_empty() {
        return Vec::new();
    }
    let parsed: Vec<_> = texts.iter().map(|text| parse(text)).collect();
    let step = common_step(&parsed);
    let is_anchor = |at: usize| {
        let value = parsed[at]?;
        let next = parsed.get(at + 1).copied().flatten();
        let follows = next.is_none_or(|next| next.0 == value.0 && next.1.wrapping_sub(value.1) == step);
        follows.then_some((value.0, value.1.wrapping_sub(step.wrapping_mul(dense(at)))))
    };
    let rules = (0..texts.len()).find_map(is_anchor).map(|(prefix, first)| {
        [progression(texts, prefix, first, step), differences(texts, &parsed, prefix, first, step)]
    });
    let forms = rules.into_iter().flatten().chain([listed(texts)]);
    forms.min_by_key(Vec::len).unwrap_or_default()
}

/// Calls back with each number of a row of `count` seats, in order: a text, and the number after it.
pub(super) fn read(
    reader: &mut Reader<'_>,
    count: u32,
    mut seat: impl FnMut(&str, Option<u32>),
) -> Result<(), PlanError> {
    if count == 0 {
        return Ok(());
    }
    let form = reader.byte()?;
    if form == TEXTS {
        for _ in 0..count {
            seat(text(reader)?, None);
        }
        return Ok(());
    }
    if form > TEXTS {
        return Err(PlanError::Kind);
    }
    let prefix = text(reader)?;
    if prefix.chars().count() > LABEL_CHARS_MAX {
        return Err(PlanError::TooMany);
    }
    let (mut value, mut step) = (reader.number()?, unzigzag(reader.number()?).cast_unsigned());
    let mut exceptions = Vec::new();
    let mut next = 0_u32;
    for _ in 0..reader.number()? {
        let at = next.checked_add(reader.number()?).filter(|&at| at < count).ok_or(PlanError::Reference)?;
        exceptions.push((at, text(reader)?));
        next = at + 1;
    }
    let mut exceptions = exceptions.into_iter().peekable();
    for at in 0..count {
        if at > 0 {
            if form == DIFFERENCES {
                step = unzigzag(reader.number()?).cast_unsigned();
            }
            value = value.wrapping_add(step);
        }
        match exceptions.next_if(|exception| exception.0 == at) {
            Some((_, text)) => seat(text, None),
            None => seat(prefix, Some(value)),
        }
    }
    Ok(())
}

/// A text with its length before it.
pub(super) fn text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, PlanError> {
    let len = wide(reader.number()?);
    str::from_utf8(reader.take(len)?).map_err(|_| PlanError::Text)
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, dense(text.len()));
    out.extend_from_slice(text.as_bytes());
}

/// What a number consists of: a text, and the digits at its end.
type Parsed<'a> = Option<(&'a str, u32)>;

/// `None` without digits at the end, and where the same text would not come of them again.
fn parse(text: &str) -> Parsed<'_> {
    let prefix = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &text[prefix.len()..];
    let again = digits == "0" || !digits.starts_with('0');
    digits
        .parse()
        .ok()
        .filter(|_| again && prefix.chars().count() <= LABEL_CHARS_MAX)
        .map(|value| (prefix, value))
}

/// The difference that most neighbours have.
fn common_step(parsed: &[Parsed<'_>]) -> u32 {
    let step = |pair: &[Parsed<'_>]| {
        let (a, b) = (pair[0]?, pair[1]?);
        (a.0 == b.0).then(|| b.1.wrapping_sub(a.1))
    };
    let mut steps: Vec<u32> = parsed.windows(2).filter_map(step).collect();
    steps.sort_unstable();
    steps.chunk_by(|a, b| a == b).max_by_key(|same| same.len()).map_or(0, |same| same[0])
}

fn progression(texts: &[&str], prefix: &str, first: u32, step: u32) -> Vec<u8> {
    let values = (0..dense(texts.len())).map(|at| first.wrapping_add(step.wrapping_mul(at)));
    let values: Vec<u32> = values.collect();
    ruled(PROGRESSION, texts, prefix, &values, step)
}

/// Where a text has no number, the values go on by the step.
fn differences(texts: &[&str], parsed: &[Parsed<'_>], prefix: &str, first: u32, step: u32) -> Vec<u8> {
    let mut next = first;
    let own = |parsed: &Parsed<'_>| {
        let value = parsed.filter(|parsed| parsed.0 == prefix).map_or(next, |parsed| parsed.1);
        next = value.wrapping_add(step);
        value
    };
    let values: Vec<u32> = parsed.iter().map(own).collect();
    let mut out = ruled(DIFFERENCES, texts, prefix, &values, step);
    for pair in values.windows(2) {
        put(&mut out, zigzag(pair[1].wrapping_sub(pair[0]).cast_signed()));
    }
    out
}

fn ruled(form: u8, texts: &[&str], prefix: &str, values: &[u32], step: u32) -> Vec<u8> {
    let mut out = vec![form];
    put_text(&mut out, prefix);
    put(&mut out, values[0]);
    put(&mut out, zigzag(step.cast_signed()));
    let follows = |text: &str, value: u32| {
        text.strip_prefix(prefix).is_some_and(|digits| parse(digits) == Some(("", value)))
    };
    let exceptions: Vec<usize> = (0..texts.len()).filter(|&at| !follows(texts[at], values[at])).collect();
    put(&mut out, dense(exceptions.len()));
    let mut next = 0;
    for at in exceptions {
        put(&mut out, dense(at - next));
        put_text(&mut out, texts[at]);
        next = at + 1;
    }
    out
}

fn listed(texts: &[&str]) -> Vec<u8> {
    let mut out = vec![TEXTS];
    texts.iter().for_each(|text| put_text(&mut out, text));
    out
}
