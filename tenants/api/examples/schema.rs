//! SUMMARY    Prints the schema: `cargo run -p api --example schema > tenants/api/schema.graphql`.

fn main() {
    print!("{}", api::sdl());
}
