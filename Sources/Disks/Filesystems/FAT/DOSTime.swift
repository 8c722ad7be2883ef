/// A moment as DOS writes it: a date and a time of 16 bits each, without a zone.
///
///     date := day:5 month:4 (year - 1980):7
///     time := (second / 2):5 minute:6 hour:5
struct DOSTime {
  var date: UInt16
  var time: UInt16 = 0
  /// What is over the even second, in hundredths: 0 to 199.
  var hundredths: UInt8 = 0
  /// How far the writer's clock was ahead of UTC, in quarters of an hour.
  var quartersAheadOfUTC = 0

  /// The moment; a clock that is not known to be elsewhere is taken to show UTC.
  ///
  /// What no calendar has, such as day 0, becomes the nearest that it has.
  var moment: FileTime {
    let year = 1980 + Int64(date >> 9)
    let month = min(max(Int64(date >> 5 & 15), 1), 12)
    let day = max(Int64(date & 31), 1)
    let seconds =
      Int64(time >> 11) * 3600 + Int64(time >> 5 & 63) * 60 + Int64(time & 31) * 2
      + Int64(hundredths) / 100 - Int64(quartersAheadOfUTC) * 900
    return FileTime(
      secondsSince1970: daysSince1970(year, month, day) * 86_400 + seconds,
      nanoseconds: UInt32(hundredths) % 100 * 10_000_000)
  }
}

/// Days of the Gregorian calendar; the year is counted from March, so that a leap day is its last.
private func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
  let shifted = month > 2 ? year : year - 1
  let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
  return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
}
