//! Fuzz target for streams. See `hearth_turn::fuzzing::stream`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    hearth_turn::fuzzing::stream::stream(bytes);
});
