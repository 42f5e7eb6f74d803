//! Rust: its handler tells a stack overflow from other faults and aborts, on an alternate stack of 8 KiB. Built with rustc -g.
//! overflow main|thread|unwind|abort|null|caught|abort_in_thread
use std::{env, mem, panic, process, ptr, thread};

/// As std::hint's, which Rust has since 1.66.
#[inline(never)]
fn black_box<T>(it: T) -> T {
    let same = unsafe { ptr::read_volatile(&it) };
    mem::forget(it);
    same
}

#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let frame = [depth; 64];
    black_box(&frame);
    recurse(depth + 1) + frame[(depth % 64) as usize]
}

#[inline(never)]
fn index_beyond(at: usize) -> u8 {
    black_box(&[1u8, 2, 3])[at]
}

#[inline(never)]
fn write_to_null() {
    unsafe { ptr::write_volatile(black_box(ptr::null_mut::<u32>()), 1) }
}

fn main() {
    let deed = env::args().nth(1).unwrap_or_default();
    println!("begins {deed}");
    match deed.as_str() {
        "main" => println!("{}", recurse(0)),
        "thread" => {
            let made = thread::Builder::new().name("worker".into()).spawn(|| println!("{}", recurse(0)));
            made.unwrap().join().unwrap();
        }
        "unwind" => println!("{}", index_beyond(black_box(7))),
        "caught" => {
            for _ in 0..20 {
                thread::spawn(|| println!("{}", panic::catch_unwind(|| index_beyond(black_box(7))).is_err())).join().unwrap();
            }
        }
        "abort" => process::abort(),
        "abort_in_thread" => thread::spawn(|| process::abort()).join().unwrap(),
        _ => write_to_null(),
    }
    println!("ends");
}
