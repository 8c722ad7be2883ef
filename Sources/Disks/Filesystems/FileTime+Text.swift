extension FileTime {
  /// `2026-11-22T15:04:05.123456789Z`; nanoseconds are left out where there are none.
  package var text: String {
    let fraction = nanoseconds == 0 ? "" : ".\(Self.digits(Int64(nanoseconds), 9))"
    return "\(date)T\(clock)\(fraction)Z"
  }

  /// As `ls --full-time` has it: `2026-11-22 15:04:05.123456789 +0000`.
  package var listingText: String {
    "\(date) \(clock).\(Self.digits(Int64(nanoseconds), 9)) +0000"
  }

  private var days: Int64 { secondsSince1970.floorDivided(by: 86_400) }

  /// A count of days as a date of the Gregorian calendar, for any count there is.
  private var date: String {
    // Days since 1 March of year 0, in cycles of 400 years.
    let shifted = days + 719_468
    let cycle = shifted.floorDivided(by: 146_097)
    let day = shifted - cycle * 146_097
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365
    let dayOfYear = day - (365 * year + year / 4 - year / 100)
    let month = (5 * dayOfYear + 2) / 153
    let dayOfMonth = dayOfYear - (153 * month + 2) / 5 + 1
    let isNextYear = month >= 10
    let number = year + cycle * 400 + (isNextYear ? 1 : 0)
    return "\(Self.digits(number, 4))-\(Self.digits(month + (isNextYear ? -9 : 3), 2))-"
      + Self.digits(dayOfMonth, 2)
  }

  private var clock: String {
    let seconds = secondsSince1970 - days * 86_400
    return [seconds / 3600, seconds / 60 % 60, seconds % 60].map { Self.digits($0, 2) }
      .joined(separator: ":")
  }

  private static func digits(_ value: Int64, _ count: Int) -> String {
    let digits = String(value.magnitude)
    let zeros = String(repeating: "0", count: max(0, count - digits.utf8.count))
    return (value < 0 ? "-" : "") + zeros + digits
  }
}

extension Int64 {
  fileprivate func floorDivided(by divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }
}
