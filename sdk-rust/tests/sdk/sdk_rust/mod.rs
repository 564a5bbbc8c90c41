mod examples;
mod faults;
mod readme;
mod sale;
mod scenarios;
mod stream;
mod support;
