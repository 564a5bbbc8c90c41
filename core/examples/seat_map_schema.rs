//! Prints the JSON Schema of seat maps:
//! `cargo run -p eventflow-core --example seat_map_schema > openapi/seat-map.schema.json`

#![expect(clippy::print_stdout, reason = "a program that prints its result")]

fn main() {
    println!("{:#}", eventflow_core::seat_map::schema());
}
