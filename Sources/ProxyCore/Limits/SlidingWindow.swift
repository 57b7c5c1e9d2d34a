internal import Time

/// At most the count within any period: a log of the requests in which neighbours share an entry, and an
/// entry stays until its youngest request has left the window.
///
/// What it errs in, it errs in one direction: a request is counted up to two ticks (4 millionths of the period)
/// and the spread of its entry too long. Below 200 there is one request in an entry, and the log is exact but
/// for the ticks; above, an entry takes a hundredth of the count: evenly coming requests are counted up to
/// 1 % longer, bursts are not.
///
/// Words: two for the tick it was brought up to, the sum, head and length of the ring, then the ring: entries of
/// 20 bits of time, modulo, and 12 bits of count.
extension RateMeter {
    static let slidingHeadWords = 4
    /// Ticks of a period at most: twice as many and a few must be below 2^20.
    static let ticksMax: UInt64 = 500_000
    static let entryCountMax: UInt32 = 4095
    private static let timeMask: UInt32 = 0xf_ffff

    func checkSliding(
        _ words: inout [UInt32], _ base: Int, _ cost: UInt32, _ now: Instant
    ) -> Quota {
        bringUp(&words, base, now)
        let total = words[base + 2]
        let left = rate.count - min(total, rate.count)
        let isAllowed = left >= cost && hasRoom(&words, base, cost)
        let reset = total == 0 ? rate.periodNanoseconds : wait(words, base, for: 1, now)
        return Quota(
            isAllowed: isAllowed, remaining: left, resetNanoseconds: reset,
            retryNanoseconds: isAllowed
                ? 0 : wait(words, base, for: max(1, cost - min(cost, left)), now))
    }

    func spendSliding(_ words: inout [UInt32], _ base: Int, _ cost: UInt32, _ now: Instant) {
        let time = UInt32(truncatingIfNeeded: Self.wide(words, base)) & Self.timeMask
        let (head, length) = ring(words, base)
        words[base + 2] &+= cost
        if length > 0 {
            let place = slot(base, head + length - 1)
            let count = words[place] >> 20
            if count + cost <= groupMax {
                words[place] = (count + cost) << 20 | time
                return
            }
        }
        guard length < capacity else { return }
        words[slot(base, head + length)] = cost << 20 | time
        setRing(&words, base, head, length + 1)
    }

    func refundSliding(
        _ words: inout [UInt32], _ base: Int, _ cost: UInt32, _ chargedAt: Instant
    ) {
        let last = Self.wide(words, base)
        let age = last - min(last, chargedAt.nanoseconds / tick)
        guard age <= ticks else { return }
        let (head, length) = ring(words, base)
        // The entry that the charge went into is the oldest that is not older than it.
        for index in 0..<length {
            let place = slot(base, head + index)
            guard self.age(words[place], last) <= age else { continue }
            let returned = min(words[place] >> 20, cost)
            words[place] -= returned << 20
            words[base + 2] -= min(words[base + 2], returned)
            return
        }
    }

    func isFreshSliding(_ words: [UInt32], _ base: Int, _ now: Instant) -> Bool {
        if words[base + 2] == 0 { return true }
        let last = Self.wide(words, base)
        return now.nanoseconds / tick > last + ticks
    }

    // MARK: The ring

    /// Lets go of what has left the window by `now`.
    private func bringUp(_ words: inout [UInt32], _ base: Int, _ now: Instant) {
        let last = Self.wide(words, base)
        let time = max(now.nanoseconds / tick, last)
        if time == last { return }
        Self.setWide(&words, base, time)
        guard time - last <= ticks else {
            words[base + 2] = 0
            setRing(&words, base, 0, 0)
            return
        }
        var (head, length) = ring(words, base)
        while length > 0 {
            let entry = words[slot(base, head)]
            guard age(entry, time) > ticks else { break }
            words[base + 2] -= min(words[base + 2], entry >> 20)
            head = head + 1 == capacity ? 0 : head + 1
            length -= 1
        }
        setRing(&words, base, head, length)
    }

    /// Whether an entry can take `cost`. Charges that were returned leave holes, and large ones leave gaps: when
    /// the ring is full, neighbours are put together, under the time of the younger.
    private func hasRoom(_ words: inout [UInt32], _ base: Int, _ cost: UInt32) -> Bool {
        guard cost <= Self.entryCountMax else { return false }
        var (head, length) = ring(words, base)
        if length < capacity { return true }
        if words[slot(base, head + length - 1)] >> 20 + cost <= groupMax { return true }
        var most = groupMax
        while length == capacity, most <= Self.entryCountMax {
            compact(&words, base, most)
            (head, length) = ring(words, base)
            most *= 2
        }
        return length < capacity
    }

    /// Puts neighbours together that are no more than `most` in sum.
    private func compact(_ words: inout [UInt32], _ base: Int, _ most: UInt32) {
        let (head, length) = ring(words, base)
        var kept = 0
        for index in 0..<length {
            let entry = words[slot(base, head + index)]
            let before = kept > 0 ? words[slot(base, head + kept - 1)] >> 20 : most
            if kept > 0, before + entry >> 20 <= most {
                words[slot(base, head + kept - 1)] =
                    (before + entry >> 20) << 20 | entry & Self.timeMask
            } else {
                words[slot(base, head + kept)] = entry
                kept += 1
            }
        }
        setRing(&words, base, head, kept)
    }

    /// Nanoseconds until entries with `wanted` in sum have left.
    private func wait(
        _ words: [UInt32], _ base: Int, for wanted: UInt32, _ now: Instant
    ) -> UInt64 {
        let last = Self.wide(words, base)
        let (head, length) = ring(words, base)
        var freed: UInt32 = 0
        for index in 0..<length {
            let entry = words[slot(base, head + index)]
            freed += entry >> 20
            guard freed >= wanted else { continue }
            let end = (last - age(entry, last) + ticks + 1) * tick
            return end - min(now.nanoseconds, end)
        }
        return rate.periodNanoseconds
    }

    @inline(__always)
    private func age(_ entry: UInt32, _ time: UInt64) -> UInt64 {
        UInt64((UInt32(truncatingIfNeeded: time) &- entry) & Self.timeMask)
    }

    @inline(__always)
    private func ring(_ words: [UInt32], _ base: Int) -> (head: Int, length: Int) {
        (Int(words[base + 3] >> 16), Int(words[base + 3] & 0xffff))
    }

    @inline(__always)
    private func setRing(_ words: inout [UInt32], _ base: Int, _ head: Int, _ length: Int) {
        words[base + 3] = UInt32(head) << 16 | UInt32(length)
    }

    @inline(__always)
    private func slot(_ base: Int, _ index: Int) -> Int {
        base + Self.slidingHeadWords + (index >= capacity ? index - capacity : index)
    }
}
