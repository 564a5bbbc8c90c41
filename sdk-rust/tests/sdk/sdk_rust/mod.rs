mod examples;
mod faults;
#[expect(clippy::print_stdout, reason = "examples of the README print")]
mod readme;
mod sale;
mod scenarios;
mod stream;
mod support;
