//! SUMMARY    Prints the schema: `cargo run -p api --example schema > schema.graphql`.

fn main() {
    print!("{}", api::sdl());
}
