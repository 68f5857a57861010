#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| candle_geometric_fuzz::run("text_json", input));
