//! Reads bytes as a script. Every byte string is a valid script, and the end reads as zeros, so that the fuzzer
//! may cut, copy and change scripts freely.

/// The unread rest of a script.
pub(crate) struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `count` bytes, or fewer at the end.
    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let taken = self.take(N);
        let mut array = [0; N];
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub(crate) fn word(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.byte()) % from.len()]
    }

    /// A length: any up to 199 bytes, and some up to nearly `DATAGRAM_BYTES_MAX`.
    pub(crate) fn length(&mut self) -> usize {
        match usize::from(self.byte()) {
            short @ 0..200 => short,
            long => (long - 199) * 161,
        }
    }
}
