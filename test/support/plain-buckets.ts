/// <reference lib="esnext.temporal" />

export type Unit = "minute" | "hour" | "day";

/**
 * The beginning of the bucket that contains a moment, found with `Temporal`. The service does not
 * use it, because Node.js 24 has none. It knows only zones whose offset is whole minutes then.
 */
export function bucketStart(zone: string, unit: Unit, moment: string): string {
  const at = Temporal.Instant.from(moment).toZonedDateTimeISO(zone);
  return startOf(at, unit).toString({ timeZoneName: "never", smallestUnit: "second" });
}

function startOf(at: Temporal.ZonedDateTime, unit: Unit): Temporal.ZonedDateTime {
  const { minute, second, millisecond, microsecond, nanosecond } = at;
  const withinMinute = {
    seconds: second,
    milliseconds: millisecond,
    microseconds: microsecond,
    nanoseconds: nanosecond,
  };
  switch (unit) {
    case "minute":
      return at.subtract(withinMinute);
    case "hour": {
      const whole = at.subtract({ minutes: minute, ...withinMinute });
      const change = at.add({ nanoseconds: 1 }).getTimeZoneTransition("previous");
      return change !== null && Temporal.ZonedDateTime.compare(change, whole) > 0 ? change : whole;
    }
    case "day": {
      const today = at.toPlainDate().toZonedDateTime(at.timeZoneId);
      // The clock may have gone back across midnight.
      const tomorrow = at.toPlainDate().add({ days: 1 }).toZonedDateTime(at.timeZoneId);
      return Temporal.ZonedDateTime.compare(tomorrow, at) <= 0 ? tomorrow : today;
    }
  }
}

/** The first change of a zone's clock after a moment, in seconds since 1970; undefined if none. */
export function changeAfter(zone: string, seconds: number): number | undefined {
  const at = Temporal.Instant.fromEpochMilliseconds(seconds * 1_000).toZonedDateTimeISO(zone);
  const change = at.getTimeZoneTransition("next");
  return change === null ? undefined : change.epochMilliseconds / 1_000;
}
