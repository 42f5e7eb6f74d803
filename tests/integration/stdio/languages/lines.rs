// lines: Rust's standard streams.
fn main() {
    println!("println {}", 1);
    eprintln!("eprintln");
    print!("{}\n", "x".repeat(20000));
    std::process::exit(9);
}
