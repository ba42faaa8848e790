//! Which backups are kept: the newest of each of the last days, weeks and months that have one.
//!
//! Pure, apart from the names of files that it reads and gives.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::fmt;

const BEGIN: &str = "snug-";
const END: &str = ".backup";

/// How many days, weeks and months: `7d4w6m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    pub days: usize,
    pub weeks: usize,
    pub months: usize,
}

impl Keep {
    /// Reads what `Display` writes, in any order; what is left out is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut keep = Self { days: 0, weeks: 0, months: 0 };
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let (number, unit) = rest.split_at(digits);
            let count = match unit.as_bytes().first()? {
                b'd' => &mut keep.days,
                b'w' => &mut keep.weeks,
                b'm' => &mut keep.months,
                _ => return None,
            };
            let number = number.parse().ok().filter(|number| *number < 10_000)?;
            if std::mem::replace(count, number) != 0 {
                return None;
            }
            rest = &unit[1..];
        }
        (keep.days + keep.weeks + keep.months > 0).then_some(keep)
    }

    /// Those of these backups that are not kept. The newest always is.
    pub fn surplus(self, made: &[Timestamp], zone: &TimeZone) -> Vec<Timestamp> {
        let mut made = made.to_vec();
        made.sort_unstable_by(|one, two| two.cmp(one));
        let mut kept: BTreeSet<Timestamp> = made.iter().copied().take(1).collect();
        let week = |day: Date| day.iso_week_date();
        let newest = |count, is_same: &dyn Fn(Date, Date) -> bool| {
            let (mut found, mut last) = (Vec::new(), None);
            for at in &made {
                let day = at.to_zoned_datetime(zone.clone()).date();
                if found.len() < count && !last.is_some_and(|last| is_same(last, day)) {
                    found.push(*at);
                    last = Some(day);
                }
            }
            found
        };
        kept.extend(newest(self.days, &|one, two| one == two));
        kept.extend(newest(self.weeks, &|one, two| {
            (week(one).year(), week(one).week()) == (week(two).year(), week(two).week())
        }));
        kept.extend(newest(self.months, &|one, two| {
            (one.year(), one.month()) == (two.year(), two.month())
        }));
        made.into_iter().filter(|at| !kept.contains(at)).collect()
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, unit) in [(self.days, 'd'), (self.weeks, 'w'), (self.months, 'm')] {
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

/// The name of a backup that is made now, to the second.
pub fn name_at(at: Timestamp) -> String {
    format!("{BEGIN}{}{END}", at.strftime("%Y%m%dT%H%M%SZ"))
}

/// When a file was made that has such a name.
pub fn made_at(name: &str) -> Option<Timestamp> {
    let stamp = name.strip_prefix(BEGIN)?.strip_suffix(END)?;
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", stamp).ok()?;
    TimeZone::UTC.to_timestamp(time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_as_they_are_shown() {
        let keep = Keep { days: 7, weeks: 4, months: 6 };
        assert_eq!(Keep::parse("7d4w6m"), Some(keep));
        assert_eq!(Keep::parse("6m7d4w"), Some(keep));
        assert_eq!(keep.to_string(), "7d4w6m");
        assert_eq!(Keep::parse("3d").unwrap().to_string(), "3d");
        for bad in ["", "0d", "d", "7", "7x", "7d7d", "-1d", "7d 4w", "99999d"] {
            assert_eq!(Keep::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_tell_when_a_backup_was_made() {
        let at: Timestamp = "2026-11-27T03:30:00Z".parse().unwrap();
        assert_eq!(name_at(at), "snug-20261127T033000Z.backup");
        assert_eq!(made_at(&name_at(at)), Some(at));
        for other in ["snug-20261127T033000Z.backup.part", "state.json", "snug-.backup", "a.backup"]
        {
            assert_eq!(made_at(other), None, "{other}");
        }
    }

    #[test]
    fn the_newest_of_each_day_week_and_month_is_kept() {
        let day = |n: i64| Timestamp::from_second(1_700_000_000 + n * 86_400).unwrap();
        // Two a day for a year.
        let made: Vec<Timestamp> = (0..365)
            .flat_map(|n| [day(n), Timestamp::from_second(day(n).as_second() + 60).unwrap()])
            .collect();
        let keep = Keep { days: 7, weeks: 4, months: 6 };
        let gone: BTreeSet<_> = keep.surplus(&made, &TimeZone::UTC).into_iter().collect();
        let kept: Vec<_> = made.iter().filter(|at| !gone.contains(at)).collect();
        // A week ends within the seven days, and so does, or not, a month.
        assert!((7 + 3 + 4..=7 + 4 + 6).contains(&kept.len()), "{}", kept.len());
        assert_eq!(kept.last(), Some(&made.last().unwrap()));
        let last_week = kept.iter().filter(|at| ***at >= day(358)).count();
        assert_eq!(last_week, 7, "one a day, the later one");
        // Day by day, as it is done: nothing is lost that would be kept.
        let mut here: Vec<Timestamp> = Vec::new();
        for at in &made {
            here.push(*at);
            let gone = keep.surplus(&here, &TimeZone::UTC);
            here.retain(|at| !gone.contains(at));
        }
        assert_eq!(here.iter().collect::<Vec<_>>(), kept);
        assert!(keep.surplus(&[day(1)], &TimeZone::UTC).is_empty());
    }
}
