//! Variable-length integers, for lists of serial numbers in a column.
//!
//! LEB128 (seven bits per byte, least significant first, the high bit marks continuation) with zigzag for the sign.

/// Appends one integer.
pub fn write(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push((rest & 0x7F) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Takes one integer from the front; `None` when the bytes end too early or encode more than 64 bits.
pub fn read(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7F).checked_shl(shift)?;
        if first & 0x80 == 0 {
            return Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()));
        }
    }
    None
}

/// Writes a whole list.
pub fn write_list(values: impl Iterator<Item = i64>) -> Vec<u8> {
    let mut out = Vec::new();
    values.for_each(|value| write(&mut out, value));
    out
}

/// Reads a whole list; `None` when the bytes are damaged.
#[must_use]
pub fn read_list(mut bytes: &[u8]) -> Option<Vec<i64>> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        values.push(read(&mut bytes)?);
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let values = [0, 1, -1, 63, 64, -64, 300, i64::MAX, i64::MIN];
        assert_eq!(read_list(&write_list(values.into_iter())), Some(values.to_vec()));
    }

    #[test]
    fn damaged_bytes_are_noticed() {
        assert_eq!(read_list(&[0x80]), None);
        assert_eq!(read_list(&[0xFF; 11]), None);
    }
}
