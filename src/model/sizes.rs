//! Sizes of files and disks, as people read them.

/// The size of a file as people read it: `1.4 MiB`.
pub fn spelled_size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let (mut size, mut unit) = (bytes as f64, 0);
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        (size, unit) = (size / 1024.0, unit + 1);
    }
    let decimals = usize::from(unit > 0 && size < 10.0);
    format!("{size:.decimals$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_the_unit_in_which_it_is_short() {
        for (bytes, spelled) in [
            (0, "0 bytes"),
            (1_023, "1023 bytes"),
            (1_500, "1.5 KiB"),
            (64 << 20, "64 MiB"),
            (3 << 40, "3.0 TiB"),
            (5_000 << 40, "5000 TiB"),
        ] {
            assert_eq!(spelled_size(bytes), spelled);
        }
    }
}
